//! Deadlines on a busy machine. This test has a file of its own because it uses the whole machine.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

mod support;

use support::app::{app_with, now};
use support::events::post;
use support::wire_fake::{Response, WireFake};

/// The time limit of a request, of which a tenth is for sending the answer.
const ALLOWED: Duration = Duration::from_millis(1_000);

/// Fifty requests at once to a CloudWatch that never responds, with twice as many busy threads as
/// cores. Every request ends by its deadline, or as late as a timer does on this machine.
#[test]
fn deadlines_hold_while_the_machine_is_busy() {
    let fake = WireFake::new(|_| Response::Never);
    let app = app_with(&[("AWS_ENDPOINT_URL", &fake.url)], now);
    let request = |index: usize| {
        let mut details = json!({
            "region": "eu-west-1", "accessKeyId": "a", "secretAccessKey": "b",
            "requestTimeout": u64::try_from(ALLOWED.as_millis()).unwrap(),
        });
        if index.is_multiple_of(3) {
            details["roleArn"] = json!("arn:aws:iam::123456789012:role/reader");
        }
        json!({"connectionDetails": details, "query": Value::Null})
    };
    let over = AtomicBool::new(false);
    let (longest, timer) = std::thread::scope(|scope| {
        for _ in 0..2 * std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let requests = join_all((0..50).map(async |index| {
            let started = Instant::now();
            let reply = post(&app, "connection", &request(index)).await;
            let details = reply.body["error"]["details"].as_str().unwrap();
            assert!(details.starts_with("no answer within 900 milliseconds"), "{details}");
            started.elapsed()
        }));
        let timers = join_all((0..50).map(|_| async {
            let started = Instant::now();
            tokio::time::sleep(ALLOWED).await;
            started.elapsed()
        }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let longest = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let (requests, timers) = runtime.block_on(async { tokio::join!(requests, timers) });
            (requests.into_iter().max().unwrap(), timers.into_iter().max().unwrap())
        }));
        over.store(true, Ordering::Relaxed);
        longest.unwrap()
    });
    assert!(longest < timer + ALLOWED / 4, "{longest:?}, and a timer {timer:?}");
    for call in ["AssumeRole", "GetMetricData", "ListMetrics"] {
        assert!(fake.count(call) > 0, "{call}");
    }
}
