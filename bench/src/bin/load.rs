//! `make load`: streams that are polled, as StackState polls them, against a CloudWatch with a quota
//! and a delay. Real processes serve them: one request at a time in each, as Lambda starts them, or
//! many at once in one, as on Lambda Managed Instances. It fails if an answer is wrong.
//!
//! `load MIRROR [mixed]`: `mixed` sends a hundred thousand requests of 40 callers, with faults.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use stackstate_mirror_bench::environment::Environment;
use stackstate_mirror_bench::request::{event, status_and_body};
use stackstate_mirror_bench::scripted_cloudwatch::{Script, ScriptedCloudWatch, value};

const MINUTE: i64 = 60_000;

/// The length of the range that a stream asks for, in minutes.
const POINTS: i64 = 15;

/// The requests at once of an environment that serves many.
const AT_ONCE: usize = 64;

/// The reserved concurrency of the SAM template: Lambda starts no more environments than this.
const MAX_ENVIRONMENTS: usize = 100;

/// The time until CloudWatch answers.
const DELAY: Duration = Duration::from_millis(80);

/// A function, and how Lambda runs it.
#[derive(Clone, Copy)]
struct Fleet<'a> {
    binary: &'a Path,
    /// The environments that exist from the start.
    environments: usize,
    /// The requests at once in each; with 1, Lambda starts more environments.
    at_once: usize,
    /// Whether the answers are a mirror's, so that they can be checked.
    is_mirror: bool,
}

/// The streams and when they are polled.
#[derive(Clone, Copy)]
struct Plan {
    name: &'static str,
    streams: usize,
    /// The time between two polls of a stream.
    interval: Duration,
    rounds: usize,
    /// The polls of a round are spread over this time.
    jitter: Duration,
    quota: f64,
}

/// What a run had.
struct Report {
    polls: usize,
    calls: u64,
    throttled: u64,
    errors: Vec<String>,
    refused: usize,
    times: Vec<Duration>,
    environments: usize,
    cpu: Duration,
    /// The largest memory of an environment, in KiB.
    memory: u64,
}

impl Report {
    fn cpu_a_poll(&self) -> Duration {
        self.cpu / u32::try_from(self.polls).unwrap_or(u32::MAX).max(1)
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mirror = PathBuf::from(arguments.next().expect("the path of the mirror's binary"));
    if arguments.next().as_deref() == Some("mixed") {
        return mixed(&mirror);
    }
    let here = std::env::current_exe().expect("a path");
    let empty = here.with_file_name("empty");
    let empty_concurrent = here.with_file_name("empty_concurrent");
    println!(
        "| load | run as | calls of GetMetricData | a poll | throttled | errors | refused by Lambda | p50 | p99 | environments | CPU a poll | the empty function's | ratio | memory |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    );
    let second = Duration::from_secs(1);
    let burst = |name, streams, jitter, quota| Plan {
        name,
        streams,
        interval: second,
        rounds: 1,
        jitter,
        quota,
    };
    let single = Fleet { binary: &mirror, environments: 1, at_once: 1, is_mirror: true };
    let managed = |environments| Fleet { environments, at_once: AT_ONCE, ..single };
    let steady = |streams| Plan {
        name: "polled every 15 s",
        streams,
        interval: 15 * second,
        rounds: 3,
        jitter: 15 * second,
        quota: 50.0,
    };
    let mut is_right = true;
    for (plan, fleet) in [
        (burst("asked at once", 500, Duration::ZERO, 1e6), single),
        (burst("asked at once", 500, Duration::ZERO, 1e6), managed(1)),
        (burst("asked within a second", 500, second, 1e6), managed(1)),
        (burst("asked at once", 1_000, Duration::ZERO, 50.0), single),
        (burst("asked at once", 1_000, Duration::ZERO, 50.0), managed(1)),
        (burst("asked at once", 1_000, Duration::ZERO, 50.0), managed(3)),
        (steady(750), single),
        (steady(750), managed(3)),
        (steady(3_000), managed(3)),
    ] {
        let report = run(plan, fleet);
        let beside = if fleet.at_once == 1 { &empty } else { &empty_concurrent };
        let empty = run(plan, Fleet { binary: beside, is_mirror: false, ..fleet });
        is_right &= report.errors.iter().all(|error| !error.starts_with("WRONG"));
        print_row(plan, fleet, &report, empty.cpu_a_poll());
    }
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_row(plan: Plan, fleet: Fleet<'_>, report: &Report, empty_cpu: Duration) {
    let mut times = report.times.clone();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len().saturating_sub(1) * share / 100);
    let at = |share| at(share).copied().unwrap_or_default();
    let cpu = report.cpu_a_poll();
    let run_as = match fleet.at_once {
        1 => "one at a time".to_owned(),
        many => format!("{} with {many} at once", fleet.environments),
    };
    println!(
        "| {} streams {} | {run_as} | {} | {:.3} | {} | {} | {} | {:.0?} | {:.0?} | {} | {cpu:.1?} | {empty_cpu:.1?} | {:.2} | {} KiB |",
        plan.streams,
        plan.name,
        report.calls,
        report.calls as f64 / report.polls.max(1) as f64,
        report.throttled,
        report.errors.len(),
        report.refused,
        at(50),
        at(99),
        report.environments,
        cpu.as_secs_f64() / empty_cpu.as_secs_f64(),
        report.memory,
    );
    let mut errors = report.errors.clone();
    errors.sort_unstable();
    errors.dedup();
    for error in errors.iter().take(3) {
        println!("    {error:.300}");
    }
}

/// The last whole minute, in epoch milliseconds.
fn last_minute() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    i64::try_from(since.as_millis()).expect("a clock") / MINUTE * MINUTE
}

/// The event of a stream's poll, and the expected points.
fn poll(access_key: &str, metric: &str, end: i64, more: Value) -> (String, Value) {
    let start = end - POINTS * MINUTE;
    let mut query = json!({
        "conditions": [{"key": "Namespace", "value": {"value": "Load", "_type": "StringValue"}},
                       {"key": "Host", "value": {"value": "i-0123456789abcdef0", "_type": "StringValue"}}],
        "metricField": metric, "startTime": start, "endTime": end, "limit": 1_000,
        "aggregation": {"method": "MAX", "bucketSizeMillis": MINUTE},
    });
    let mut details = json!({"accessKeyId": access_key, "secretAccessKey": "secret",
                             "region": "eu-west-1", "cacheSeconds": 0});
    for (name, value) in more.as_object().into_iter().flatten() {
        let object = if name == "callsPerSecond" { &mut details } else { &mut query };
        object[name] = value.clone();
    }
    let points: Vec<Value> = (0..POINTS)
        .map(|index| {
            let time = start + index * MINUTE;
            json!([value(access_key, metric, time), time, time + MINUTE])
        })
        .collect();
    let body = json!({"connectionDetails": details, "query": query});
    (event("/api/metric", &body), Value::Array(points))
}

/// Polls the streams of a plan, and checks every answer.
fn run(plan: Plan, fleet: Fleet<'_>) -> Report {
    let script = Script { delay: DELAY, quota: plan.quota, fault_every: 0 };
    let cloudwatch = ScriptedCloudWatch::new(script);
    let variables = [("AWS_ENDPOINT_URL", cloudwatch.url.as_str()), ("AWS_REGION", "eu-west-1")];
    let start = || Arc::new(Environment::start(fleet.binary, &variables, fleet.at_once));
    let environments: Vec<_> = (0..fleet.environments).map(|_| start()).collect();
    // A stream that is polled every minute meets environments that know its caller.
    for environment in &environments {
        environment.invoke(poll("AKIALOAD", "Warm", last_minute(), json!({})).0);
    }
    cloudwatch.counts();
    let before: Duration = environments.iter().map(|environment| environment.cpu()).sum();
    let idle = Mutex::new(environments.clone());
    let started = Mutex::new(environments);
    let count = AtomicUsize::new(fleet.environments);
    let next = AtomicUsize::new(0);
    let refused = AtomicUsize::new(0);
    let (errors, times) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let begun = Instant::now();
    // When a stream is polled first, as a part of the jitter.
    let offset = |stream: usize| {
        plan.jitter.mul_f64((stream * 7_919 % plan.streams) as f64 / plan.streams as f64)
    };
    let mut polls: Vec<(Duration, usize)> = (0..plan.rounds)
        .flat_map(|round| (0..plan.streams).map(move |stream| (round, stream)))
        .map(|(round, stream)| (plan.interval * round as u32 + offset(stream), stream))
        .collect();
    polls.sort_unstable();
    // As many threads as polls can be under way.
    let threads = match fleet.at_once {
        1 => plan.streams.min(1_000),
        many => fleet.environments * many,
    };
    thread::scope(|scope| {
        for thread in 0..threads {
            let (polls, started, idle, next) = (&polls, &started, &idle, &next);
            let count = &count;
            let (errors, times, refused) = (&errors, &times, &refused);
            let work = move || {
                loop {
                    let Some((at, stream)) = polls.get(next.fetch_add(1, Ordering::SeqCst)) else {
                        return;
                    };
                    thread::sleep((begun + *at).saturating_duration_since(Instant::now()));
                    let environment = match fleet.at_once {
                        1 => {
                            let found = idle.lock().expect("no panic").pop();
                            found.or_else(|| {
                                let is_room =
                                    count.fetch_add(1, Ordering::SeqCst) < MAX_ENVIRONMENTS;
                                is_room.then(|| {
                                    let environment = start();
                                    started.lock().expect("no panic").push(environment.clone());
                                    environment
                                })
                            })
                        }
                        _ => {
                            let started = started.lock().expect("no panic");
                            Some(started[thread % started.len()].clone())
                        }
                    };
                    let Some(environment) = environment else {
                        refused.fetch_add(1, Ordering::SeqCst);
                        continue;
                    };
                    let metric = format!("M{stream}");
                    let (event, points) = poll("AKIALOAD", &metric, last_minute(), json!({}));
                    let asked = Instant::now();
                    let answer = environment.invoke(event);
                    times.lock().expect("no panic").push(asked.elapsed());
                    if fleet.at_once == 1 {
                        idle.lock().expect("no panic").push(environment);
                    }
                    let error = wrong(answer, &points).filter(|_| fleet.is_mirror);
                    if let Some(error) = error {
                        errors.lock().expect("no panic").push(error);
                    }
                }
            };
            thread::Builder::new()
                .stack_size(256 << 10)
                .spawn_scoped(scope, work)
                .expect("a thread");
        }
    });
    let environments = started.into_inner().expect("no panic");
    let counts = cloudwatch.counts();
    let cpu: Duration = environments.iter().map(|environment| environment.cpu()).sum();
    let times = times.into_inner().expect("no panic");
    Report {
        polls: times.len(),
        calls: counts.calls,
        throttled: counts.throttled,
        errors: errors.into_inner().expect("no panic"),
        refused: refused.into_inner(),
        times,
        environments: environments.len(),
        cpu: cpu - before,
        memory: environments.iter().map(|one| one.memory().peak).max().unwrap_or_default(),
    }
}

/// What is wrong with an answer: an error, or, with `WRONG` before it, other points.
fn wrong(answer: Option<Vec<u8>>, points: &Value) -> Option<String> {
    let Some(answer) = answer else { return Some("no answer".to_owned()) };
    let (status, body) = status_and_body(&answer);
    if status != 200 {
        return Some(format!("{status} {}", body["details"].as_str().unwrap_or_default()));
    }
    let found = &body["telemetry"]["points"];
    (found != points).then(|| format!("WRONG {found} instead of {points}"))
}

/// A hundred thousand requests of 40 callers, 64 at once, to a CloudWatch that fails often. Every
/// answer must be its own: the right points, or the error that its request deserves.
fn mixed(mirror: &Path) -> ExitCode {
    const REQUESTS: usize = 100_000;
    const CALLERS: usize = 40;
    let script = Script { delay: Duration::from_millis(10), quota: 1e6, fault_every: 40 };
    let cloudwatch = ScriptedCloudWatch::new(script);
    let variables = [("AWS_ENDPOINT_URL", cloudwatch.url.as_str()), ("AWS_REGION", "eu-west-1")];
    let environment = Environment::start(mirror, &variables, AT_ONCE);
    let (next, tally) = (AtomicUsize::new(0), Mutex::new([0_usize; 4]));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= REQUESTS {
                        return;
                    }
                    let access_key = format!("AKIA{:04}", number % CALLERS);
                    let metric = format!("M{}", number / CALLERS % 100);
                    let is_bad = number % 97 == 0;
                    let mut more = json!({"callsPerSecond": 40});
                    if is_bad {
                        // The scripted CloudWatch does not accept its statistic.
                        more["aggregation"] =
                            json!({"method": "PERCENTILE_25", "bucketSizeMillis": MINUTE});
                    }
                    let (event, points) = poll(&access_key, &metric, last_minute(), more);
                    let answer = environment.invoke(event);
                    let error = wrong(answer, &points);
                    let place = match error.as_deref() {
                        None => 0,
                        Some(error) if error.contains("is not valid") && is_bad => 1,
                        Some(error) if error.starts_with("500 CloudWatch") => 2,
                        Some(error) => {
                            println!("{access_key} {metric}: {error:.600}");
                            3
                        }
                    };
                    tally.lock().expect("no panic")[place] += 1;
                }
            });
        }
    });
    let [right, refused, failed, wrong] = tally.into_inner().expect("no panic");
    let counts = cloudwatch.counts();
    println!(
        "{REQUESTS} requests of {CALLERS} callers, {AT_ONCE} at once, in {:.0?}: {right} with their points, \
         {refused} refused for their own statistic, {failed} failed with CloudWatch, {wrong} WRONG; \
         {} calls, {} throttled; {} KiB",
        begun.elapsed(),
        counts.calls,
        counts.throttled,
        environment.memory().peak,
    );
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
