//! The cache of points: how many calls it saves, and that no caller gets points that are another's
//! or have expired.

use std::cell::Cell;

use aws_sdk_cloudwatch::types::StatusCode;
use serde_json::{Value, json};
use stackstate_mirror::time::EpochMillis;

use crate::support::app::NOW;
use crate::support::events::post;
use crate::support::sdk_mock::{app_at, body, condition, data, page, result};

const MINUTE: i64 = 60_000;

/// The last whole minute before the mirror's time.
const END: i64 = NOW - NOW % MINUTE;

// The mirror's time, for each thread and so for each test.
thread_local!(static TIME: Cell<i64> = const { Cell::new(NOW) });

fn now() -> EpochMillis {
    EpochMillis(TIME.get())
}

fn query(start: i64, end: i64, more: Value) -> Value {
    let mut query = json!({
        "conditions": [condition("Namespace", json!("N"))], "metricField": "M",
        "startTime": start, "endTime": end,
        "aggregation": {"method": "SUM", "bucketSizeMillis": MINUTE},
    });
    for (name, value) in more.as_object().unwrap() {
        query[name] = value.clone();
    }
    query
}

#[tokio::test]
async fn equal_questions_share_a_call_for_a_while() {
    let (rule, requests) = data(|input| {
        let start = input.start_time().unwrap().to_millis().unwrap();
        let status = match input.metric_data_queries()[0].metric_stat().unwrap().period() {
            Some(300) => StatusCode::PartialData,
            _ => StatusCode::Complete,
        };
        page(vec![result("q0", &[(start, 1.0), (start + 5 * MINUTE, 1.0)], status)], None)
    });
    let app = app_at(&[&rule], now);
    let hour = END - 60 * MINUTE;
    let usual = || query(hour, NOW, json!({}));
    let later = || query(hour, NOW + 60 * MINUTE, json!({}));
    let of = |name: &str, value: Value| query(hour, NOW, json!({name: value}));
    let method =
        |method: &str| of("aggregation", json!({"method": method, "bucketSizeMillis": MINUTE}));
    let five = || of("aggregation", json!({"method": "SUM", "bucketSizeMillis": 5 * MINUTE}));
    let host = of(
        "conditions",
        json!([condition("Namespace", json!("N")), condition("Host", json!("a"))]),
    );
    let keys = |id: &str, secret: &str| json!({"accessKeyId": id, "secretAccessKey": secret});
    let cached = |seconds: i64| json!({"cacheSeconds": seconds});
    for (why, now, query, details, asked) in [
        ("the first", NOW, usual(), json!({}), true),
        ("the same", NOW, usual(), json!({}), false),
        ("the same buckets", NOW + 1, query(hour + 9, NOW - 9, json!({})), json!({}), false),
        ("another start", NOW, query(hour - MINUTE, NOW, json!({})), json!({}), true),
        ("another end", NOW, query(hour, END - MINUTE, json!({})), json!({}), true),
        ("another method", NOW, method("MEAN"), json!({}), true),
        ("the same statistic, other gaps", NOW, method("SUM_NO_ZEROS"), json!({}), true),
        ("no aggregation", NOW, of("aggregation", json!(null)), json!({}), true),
        ("another limit", NOW, of("limit", json!(100)), json!({}), true),
        ("another metric", NOW, of("metricField", json!("O")), json!({}), true),
        ("a dimension", NOW, host, json!({}), true),
        ("another caller", NOW, usual(), keys("id", "another"), true),
        ("one with a longer name", NOW, usual(), keys("ids", "ecret"), true),
        (
            "a caller with a role",
            NOW,
            usual(),
            json!({"roleArn": "arn:aws:iam::111111111111:role/r"}),
            true,
        ),
        ("another region", NOW, usual(), json!({"region": "eu-west-2"}), true),
        (
            "other values that are not numbers",
            NOW,
            usual(),
            json!({"nanInterpretation": "ZERO"}),
            true,
        ),
        ("linked accounts", NOW, usual(), json!({"linkedAccounts": true}), true),
        (
            "another time limit, the same points",
            NOW,
            usual(),
            json!({"requestTimeout": 9_000}),
            false,
        ),
        ("a shorter lifetime", NOW, usual(), cached(10), true),
        ("and the same", NOW, usual(), cached(10), false),
        ("the cache is off", NOW, usual(), cached(0), true),
        ("and the same", NOW, usual(), cached(0), true),
        ("partial", NOW, five(), json!({}), true),
        ("and not cached", NOW, five(), json!({}), true),
        ("just before it expires", NOW + 9_999, usual(), cached(10), false),
        ("it has expired", NOW + 10_000, usual(), cached(10), true),
        ("just before it expires by default", NOW + 29_999, usual(), json!({}), false),
        ("up to now and beyond", NOW, later(), cached(60), true),
        ("the same buckets are over", NOW + 29_999, later(), cached(60), false),
        ("a bucket more is over", NOW + 30_000, later(), cached(60), true),
        ("it has expired by default", NOW + 60_000, query(hour, END, json!({})), json!({}), true),
    ] {
        TIME.set(now);
        let before = requests.lock().unwrap().len();
        let reply = post(&app, "metric", &body(query, details)).await;
        assert_eq!(reply.status, 200, "{why}: {}", reply.body);
        let first = &reply.body["telemetry"]["points"][0];
        assert_eq!(first[0], 1.0, "{why}: {}", reply.body);
        assert_eq!(requests.lock().unwrap().len() - before, usize::from(asked), "{why}");
    }
}

/// A dashboard of ten panels on four metrics, shown for ten minutes and refreshed every fifteen
/// seconds.
#[tokio::test]
async fn a_dashboard_costs_a_fraction() {
    for (seconds, calls) in [(0, 400), (30, 80), (60, 40)] {
        let (rule, requests) = data(|input| {
            let start = input.start_time().unwrap().to_millis().unwrap();
            page(vec![result("q0", &[(start, 1.0)], StatusCode::Complete)], None)
        });
        let app = app_at(&[&rule], now);
        for refresh in 0..40 {
            let now = END + refresh * 15_000;
            TIME.set(now);
            for panel in 0..10 {
                let metric = json!({"metricField": format!("M{}", panel % 4)});
                let query = query(now - 3_600_000, now, metric);
                let reply =
                    post(&app, "metric", &body(query, json!({"cacheSeconds": seconds}))).await;
                assert_eq!(reply.status, 200, "{}", reply.body);
            }
        }
        assert_eq!(requests.lock().unwrap().len(), calls, "{seconds} seconds");
    }
}

/// Two weeks of minutes are 484 kB, and the cache has 4 MiB: room for eight of them.
#[tokio::test]
async fn the_cached_points_are_bounded_in_bytes() {
    TIME.set(NOW);
    let (rule, requests) = data(|input| {
        let start = input.start_time().unwrap().to_millis().unwrap();
        page(vec![result("q0", &[(start, 1.0)], StatusCode::Complete)], None)
    });
    let app = app_at(&[&rule], now);
    let ask = async |metric: usize| {
        let before = requests.lock().unwrap().len();
        let metric = json!({"metricField": format!("M{metric}")});
        let query = query(END - 14 * 1_440 * MINUTE, END, metric);
        assert_eq!(post(&app, "metric", &body(query, json!({}))).await.status, 200);
        requests.lock().unwrap().len() > before
    };
    for metric in 0..9 {
        assert!(ask(metric).await);
    }
    assert!(!ask(1).await, "eight are cached");
    assert!(ask(0).await, "the least recently used one is not");
}
