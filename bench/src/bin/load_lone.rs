//! `make load`, third part: polls one after the other, of a function that serves one request at a time and
//! of one that serves many at once, which must not be slower. A second path names an older binary to
//! compare with.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use stackstate_mirror_bench::environment::Environment;
use stackstate_mirror_bench::scripted_cloudwatch::{Script, ScriptedCloudWatch};
use stackstate_mirror_bench::stream::{last_minute, poll, wrong};

/// The polls of each function.
const POLLS: usize = 1_000;

fn main() {
    let mut paths = std::env::args().skip(1).map(PathBuf::from);
    let mirror = paths.next().expect("the path of the mirror's binary");
    let older = paths.next();
    // More than a request's own time would hide it.
    let script = Script { delay: Duration::from_millis(1), quota: 1e6, fault_every: 0 };
    let cloudwatch = ScriptedCloudWatch::new(script);
    let variables = [("AWS_ENDPOINT_URL", cloudwatch.url.as_str()), ("AWS_REGION", "eu-west-1")];
    let mut functions = vec![("one at a time", &mirror, 1), ("64 at once", &mirror, 64)];
    functions.extend(older.as_ref().map(|older| ("the older binary", older, 1)));
    let environments: Vec<Environment> = functions
        .iter()
        .map(|(_, binary, at_once)| Environment::start(binary, &variables, *at_once))
        .collect();
    let mut times = vec![Vec::with_capacity(POLLS); functions.len()];
    // A rate that the polls do not reach, so that none waits for it.
    let details = json!({"callsPerSecond": 1_000});
    for number in 0..POLLS {
        for (environment, times) in environments.iter().zip(&mut times) {
            let metric = format!("M{number}");
            let (event, points) = poll("AKIALONE", &metric, last_minute(), details.clone());
            let begun = Instant::now();
            let answer = environment.invoke(event);
            times.push(begun.elapsed());
            assert_eq!(wrong(answer, &points), None);
        }
    }
    let mut medians = times.into_iter().map(|mut times| {
        times.sort_unstable();
        times[POLLS / 2]
    });
    let first = medians.next().expect("a function");
    println!("a lone poll, {}: {first:.2?}", functions[0].0);
    for ((name, ..), median) in functions[1..].iter().zip(medians) {
        let ratio = median.as_secs_f64() / first.as_secs_f64();
        println!("a lone poll, {name}: {median:.2?}, {ratio:.3} of that");
    }
}
