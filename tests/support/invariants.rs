//! What holds for every answer with random data. The property tests and the fuzzer check it.

use serde_json::Value;

/// The four calls, and the `_type` of their answers.
pub(crate) const CALLS: [(&str, &str); 4] = [
    ("/api/connection", "TestConnectionResponse"),
    ("/api/field/name", "FieldNamesResponse"),
    ("/api/field/value", "FieldValuesResponse"),
    ("/api/metric", "MetricsResponse"),
];

/// The maximum number of points, so that an answer fits Lambda's 6 MB.
const MOST_POINTS: i64 = 100_000;

/// Panics if the answer to a POST request does not keep the contract.
pub(crate) fn check(kind: &str, request: &[u8], status: u64, key: Option<&str>, answer: &[u8]) {
    assert_eq!(key, Some("api_key"));
    assert!(answer.len() < 6_000_000, "it fits");
    let answer: Value = serde_json::from_slice(answer).expect("an answer is JSON");
    match status {
        200 => good(kind, request, &answer),
        413 => {
            assert!(request.len() > 256 << 10, "{answer}");
            error(&answer);
        }
        500 => error(&answer),
        other => panic!("status {other}: {answer}"),
    }
}

/// An error has exactly the members of its type, and none is empty.
fn error(answer: &Value) {
    let members: &[&str] = match answer["_type"].as_str() {
        Some("RemoteMirrorError") => &["summary", "details"],
        Some("MetricStoreConnectionError") => &["details"],
        Some("UnsupportedFieldTypeError") => &["mirrorType"],
        _ => panic!("not an error of the random source: {answer}"),
    };
    assert_eq!(answer.as_object().unwrap().len(), members.len() + 1, "{answer}");
    assert!(members.iter().all(|name| !answer[name].as_str().unwrap().is_empty()), "{answer}");
    assert_ne!(answer["summary"], "The mirror failed", "a panic is a mistake");
}

fn good(kind: &str, request: &[u8], answer: &Value) {
    assert_eq!(answer["_type"], kind, "{answer}");
    let request: Value = serde_json::from_slice(request).expect("only JSON has a good answer");
    assert!(request["connectionDetails"].is_object(), "{answer}");
    let query = &request["query"];
    let limit = whole(&query["limit"]).unwrap_or(i64::MAX);
    match kind {
        "TestConnectionResponse" => match answer["status"].as_str().unwrap() {
            "OK" => assert!(answer["error"].is_null()),
            "FAILURE" => error(&answer["error"]),
            other => panic!("{other}"),
        },
        "FieldNamesResponse" => list(&answer["fields"], &answer["isPartial"], 3, 0, limit),
        "FieldValuesResponse" => {
            let prefix = query["fieldValuePrefix"].as_str().unwrap_or_default();
            let values = match query["field"]["fieldType"].as_str() {
                Some("BOOLEAN") => vec!["true", "false"],
                _ => vec!["value1", "cpu."],
            };
            let all = values.iter().filter(|value| value.starts_with(prefix)).count();
            let offset = whole(&query["offset"]).unwrap_or(0);
            // The other tests check the values of a pattern.
            if !prefix.contains('*') && !prefix.starts_with("cpu.") {
                list(&answer["values"], &answer["isPartial"], all as i64, offset, limit);
            }
        }
        _ => points(query, limit, &answer["telemetry"]),
    }
}

/// A list has the items after `offset`, up to `limit`.
fn list(items: &Value, is_partial: &Value, all: i64, offset: i64, limit: i64) {
    let left = (all - offset).max(0);
    assert_eq!(items.as_array().unwrap().len() as i64, left.min(limit), "{items}");
    assert_eq!(is_partial, &Value::Bool(left > limit), "{items}");
}

/// Points ascend from the start of the range without gaps, are as many as the step and the limit
/// allow, and `isPartial` says whether there are more.
fn points(query: &Value, limit: i64, telemetry: &Value) {
    let (start, end) = (whole(&query["startTime"]).unwrap(), whole(&query["endTime"]).unwrap());
    let bucket = whole(&query["aggregation"]["bucketSizeMillis"]).filter(|millis| *millis > 0);
    let step = bucket.unwrap_or(((end - start) / 50).max(1));
    let step = if bucket.is_none() && end - start < 50 { 1_000 } else { step };
    let points = telemetry["points"].as_array().unwrap();
    let expected = (end - start + step - 1) / step;
    assert_eq!(points.len() as i64, expected.min(limit).min(MOST_POINTS), "of {expected}");
    assert_eq!(telemetry["isPartial"], points.len() as i64 != expected);
    let is_raw = query["aggregation"].is_null();
    let kind = if is_raw { "RawMetricTelemetry" } else { "AggregatedMetricTelemetry" };
    assert_eq!(telemetry["_type"], kind);
    let mut next = start;
    for point in points {
        let value = point[0].as_f64().unwrap();
        assert!((0.0..100.0).contains(&value), "{point}");
        assert_eq!(point[1], next, "the first begins with the range, each where its step says");
        next += step;
        assert_eq!(point.as_array().unwrap().len(), if is_raw { 2 } else { 3 });
        assert!(is_raw || point[2] == next, "{point}");
    }
    assert!(points.is_empty() || next - step < end, "none begins behind the range");
}

/// A whole number in any spelling. One beyond 64 bits becomes the nearest that fits.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))
}
