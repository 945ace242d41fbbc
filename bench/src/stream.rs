//! A stream's polls of a mirror, and the answers that the scripted CloudWatch leads to.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::request::{event, status_and_body};
use crate::scripted_cloudwatch::value;

/// A minute in milliseconds.
pub const MINUTE: i64 = 60_000;

/// The length of the range that a stream asks for, in minutes.
const POINTS: i64 = 15;

/// The last whole minute, in epoch milliseconds.
pub fn last_minute() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    i64::try_from(since.as_millis()).expect("a clock") / MINUTE * MINUTE
}

/// The event of a stream's poll, and the expected points.
pub fn poll(access_key: &str, metric: &str, end: i64, more: Value) -> (String, Value) {
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

/// What is wrong with an answer: an error, or, with `WRONG` before it, other points.
pub fn wrong(answer: Option<Vec<u8>>, points: &Value) -> Option<String> {
    let Some(answer) = answer else { return Some("no answer".to_owned()) };
    let (status, body) = status_and_body(&answer);
    if status != 200 {
        return Some(format!("{status} {}", body["details"].as_str().unwrap_or_default()));
    }
    let found = &body["telemetry"]["points"];
    (found != points).then(|| format!("WRONG {found} instead of {points}"))
}
