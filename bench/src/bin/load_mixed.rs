//! `make load`, second part: a hundred thousand requests of many callers to one process, and the memory
//! that the largest requests take at once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use stackstate_mirror_bench::environment::Environment;
use stackstate_mirror_bench::request::event;
use stackstate_mirror_bench::scripted_cloudwatch::{Script, ScriptedCloudWatch};
use stackstate_mirror_bench::stream::{MINUTE, last_minute, poll, wrong};

const REQUESTS: usize = 100_000;
const CALLERS: usize = 40;
const AT_ONCE: usize = 64;

fn main() -> ExitCode {
    let mirror = PathBuf::from(std::env::args().nth(1).expect("the path of the mirror's binary"));
    if is_right(&mirror) & is_small(&mirror) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Sends the largest requests, one and then many at once. Many must not take more memory than as
/// many times one.
fn is_small(mirror: &Path) -> bool {
    let stranger = json!({"connectionDetails": {"a": "x".repeat(4 << 20)}});
    let points = json!({"connectionDetails": {}, "query": {
        "startTime": 0, "endTime": 100_000 * MINUTE, "limit": 2_147_483_647,
        "aggregation": {"method": "MAX", "bucketSizeMillis": MINUTE},
    }});
    let mut is_small = true;
    for (name, body) in [("a body of 4 MiB", stranger), ("100,000 random points", points)] {
        let event = event("/api/metric", &body);
        let (one, many) = (peak(mirror, &event, 1), peak(mirror, &event, AT_ONCE));
        println!("{name}: {one} KiB, {AT_ONCE} at once: {many} KiB");
        is_small &= many <= one * AT_ONCE as u64;
    }
    is_small
}

/// The memory that so many of an event take at once, in KiB.
fn peak(mirror: &Path, event: &str, count: usize) -> u64 {
    let environment = Environment::start(mirror, &[], AT_ONCE);
    let before = environment.memory().peak;
    let answers: Vec<_> = (0..count).map(|_| environment.send(event.to_owned())).collect();
    for answer in answers {
        answer.recv_timeout(Duration::from_secs(60)).expect("an answer");
    }
    environment.memory().peak - before
}

/// Sends a hundred thousand requests of 40 callers, 64 at once, to a CloudWatch that fails often. Every
/// answer must be its own: the right points, or the error that its request deserves.
fn is_right(mirror: &Path) -> bool {
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
    wrong == 0
}
