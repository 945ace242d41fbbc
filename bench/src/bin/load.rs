//! `make load`: streams that are polled, as StackState polls them, against a CloudWatch with a quota
//! and a delay. Real processes serve them: one request at a time in each, as Lambda starts them, or
//! many at once in one, as on Lambda Managed Instances. It fails if an answer is wrong.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use stackstate_mirror_bench::environment::Environment;
use stackstate_mirror_bench::scripted_cloudwatch::{Script, ScriptedCloudWatch};
use stackstate_mirror_bench::stream::{last_minute, poll, wrong};

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
    kind: Kind,
}

/// What a function does with a poll.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It answers as a mirror does, which can be checked.
    Mirror,
    /// It answers `{}`.
    Empty,
    /// The same, as late as CloudWatch. A process that waits between polls finds its caches cold.
    Waiting,
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
    let mirror = PathBuf::from(std::env::args().nth(1).expect("the path of the mirror's binary"));
    let here = std::env::current_exe().expect("a path");
    let examples = here.with_file_name("examples");
    let (empty, empty_concurrent) = (examples.join("empty"), examples.join("empty_concurrent"));
    println!(
        "| load | run as | calls of GetMetricData | a poll | throttled | errors | refused by Lambda | p50 | p99 | environments | CPU a poll | the empty function's | one that waits too | memory |\n\
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
    let single = Fleet { binary: &mirror, environments: 1, at_once: 1, kind: Kind::Mirror };
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
        (steady(3_000), single),
        (steady(3_000), managed(3)),
    ] {
        let report = run(plan, fleet);
        let beside = if fleet.at_once == 1 { &empty } else { &empty_concurrent };
        let beside = Fleet { binary: beside, kind: Kind::Empty, ..fleet };
        let empty = run(plan, beside).cpu_a_poll();
        let waiting = (fleet.at_once > 1)
            .then(|| run(plan, Fleet { kind: Kind::Waiting, ..beside }).cpu_a_poll());
        is_right &= report.errors.iter().all(|error| !error.starts_with("WRONG"));
        print_row(plan, fleet, &report, empty, waiting);
    }
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_row(
    plan: Plan,
    fleet: Fleet<'_>,
    report: &Report,
    empty: Duration,
    waiting: Option<Duration>,
) {
    let mut times = report.times.clone();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len().saturating_sub(1) * share / 100);
    let at = |share| at(share).copied().unwrap_or_default();
    let cpu = report.cpu_a_poll();
    let beside =
        |other: Duration| format!("{other:.1?} ({:.2})", cpu.as_secs_f64() / other.as_secs_f64());
    let waiting = waiting.map_or_else(|| "-".to_owned(), beside);
    let run_as = match fleet.at_once {
        1 => "one at a time".to_owned(),
        many => format!("{} with {many} at once", fleet.environments),
    };
    println!(
        "| {} streams {} | {run_as} | {} | {:.3} | {} | {} | {} | {:.0?} | {:.0?} | {} | {cpu:.1?} | {} | {waiting} | {} KiB |",
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
        beside(empty),
        report.memory,
    );
    let mut errors = report.errors.clone();
    errors.sort_unstable();
    errors.dedup();
    for error in errors.iter().take(3) {
        println!("    {error:.300}");
    }
}

/// Polls the streams of a plan, and checks every answer.
fn run(plan: Plan, fleet: Fleet<'_>) -> Report {
    let script = Script { delay: DELAY, quota: plan.quota, fault_every: 0 };
    let cloudwatch = ScriptedCloudWatch::new(script);
    let delay = match fleet.kind {
        Kind::Mirror | Kind::Empty => "0".to_owned(),
        Kind::Waiting => DELAY.as_millis().to_string(),
    };
    let variables = [
        ("AWS_ENDPOINT_URL", cloudwatch.url.as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("EMPTY_DELAY_MILLIS", &delay),
    ];
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
                    let error = wrong(answer, &points).filter(|_| fleet.kind == Kind::Mirror);
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
