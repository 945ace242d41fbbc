//! Metric queries with ministack. Every expected value is computed here from the samples.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::events::{METHODS, Reply, post};
use crate::support::ministack::{HOUR, MINUTE, OWNER, Put, account, app, now, put, yesterday};

/// Several samples a minute in two hours, with a gap from minute 30 to 40. Equal salts give equal
/// samples.
fn samples(salt: u64) -> Vec<Put> {
    let mut state = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 33
    };
    (0..400)
        .map(|_| {
            let second = i64::try_from(random() % 7_200).unwrap();
            (yesterday() + second * 1_000, (random() % 10_000) as f64 / 7.0)
        })
        .filter(|(time, _)| !(30..40).contains(&((time - yesterday()) / MINUTE)))
        .collect()
}

fn conditions(pairs: &[(&str, Value)]) -> Value {
    pairs
        .iter()
        .map(|(key, value)| {
            let kind = if value.is_array() { "InSetValue" } else { "StringValue" };
            json!({"key": key, "value": {"value": value, "_type": kind}, "_type": "EqualityCondition"})
        })
        .collect()
}

async fn ask(details: &Value, query: Value) -> Reply {
    post(&app(&[]), "metric", &json!({"connectionDetails": details, "query": query})).await
}

fn aggregated(conditions: Value, method: &str, bucket: i64, start: i64, end: i64) -> Value {
    json!({
        "conditions": conditions, "metricField": "M", "startTime": start, "endTime": end,
        "aggregation": {"method": method, "bucketSizeMillis": bucket},
    })
}

/// Asserts that an answer is successful and has these points, with values within 1e-9.
fn assert_points(reply: &Reply, expected: &[(f64, i64, i64)], context: &str) {
    assert_eq!(reply.status, 200, "{context}: {}", reply.body);
    let telemetry = &reply.body["telemetry"];
    assert_eq!(telemetry["isPartial"], false, "{context}");
    let points: Vec<(f64, i64, i64)> = telemetry["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| {
            (point[0].as_f64().unwrap(), point[1].as_i64().unwrap(), point[2].as_i64().unwrap())
        })
        .collect();
    let buckets = |points: &[(f64, i64, i64)]| -> Vec<(i64, i64)> {
        points.iter().map(|(_, start, end)| (*start, *end)).collect()
    };
    assert_eq!(buckets(&points), buckets(expected), "{context}");
    for ((value, start, _), (wanted, _, _)) in points.iter().zip(expected) {
        let tolerance = 1e-9 * wanted.abs().max(1.0);
        assert!((value - wanted).abs() <= tolerance, "{context}: {value} at {start}, not {wanted}");
    }
}

/// The value of a bucket by CloudWatch's definitions.
fn statistic(method: &str, values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let sum: f64 = values.iter().sum();
    match method {
        "MEAN" => sum / values.len() as f64,
        "MAX" => *values.last().unwrap(),
        "MIN" => values[0],
        "SUM" | "SUM_NO_ZEROS" => sum,
        "EVENT_COUNT" | "EVENT_COUNT_NO_ZEROS" => values.len() as f64,
        percentile => {
            let percent: f64 = percentile.strip_prefix("PERCENTILE_").unwrap().parse().unwrap();
            let rank = percent / 100.0 * (values.len() - 1) as f64;
            let (low, part) = (rank as usize, rank.fract());
            let high = values[(low + 1).min(values.len() - 1)];
            values[low] + part * (high - values[low])
        }
    }
}

/// The buckets of `period` from `start` to `end`, which are multiples of it.
fn buckets(
    method: &str,
    samples: &[Put],
    period: i64,
    start: i64,
    end: i64,
) -> Vec<(f64, i64, i64)> {
    let mut buckets: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
    if matches!(method, "SUM" | "EVENT_COUNT") {
        buckets
            .extend((start..end).step_by(usize::try_from(period).unwrap()).map(|at| (at, vec![])));
    }
    for (time, value) in samples.iter().filter(|(time, _)| (start..end).contains(time)) {
        buckets.entry(time - time % period).or_default().push(*value);
    }
    buckets
        .into_iter()
        .map(|(at, mut values)| {
            let value = if values.is_empty() { 0.0 } else { statistic(method, &mut values) };
            (value, at, at + period)
        })
        .collect()
}

#[tokio::test]
async fn every_method_is_exact() {
    let samples = samples(1);
    put(OWNER, "Test/Methods", "M", &[("Host", "a")], &samples).await;
    // Other dimensions make another metric.
    put(OWNER, "Test/Methods", "M", &[("Host", "b")], &[(yesterday(), 1e9)]).await;
    let conditions = conditions(&[("Namespace", json!("Test/Methods")), ("Host", json!("a"))]);
    let (start, end) = (yesterday(), yesterday() + 2 * HOUR);
    for method in METHODS {
        for (bucket, period) in [(MINUTE, MINUTE), (5 * MINUTE, 5 * MINUTE), (HOUR, HOUR)] {
            let query = aggregated(conditions.clone(), method, bucket, start, end);
            let expected = buckets(method, &samples, period, start, end);
            assert!(expected.len() > 1);
            assert_points(
                &ask(&account(OWNER), query).await,
                &expected,
                &format!("{method} {bucket}"),
            );
        }
    }
}

#[tokio::test]
async fn buckets_are_those_that_cloudwatch_has() {
    let samples = samples(2);
    put(OWNER, "Test/Buckets", "M", &[], &samples).await;
    let conditions = conditions(&[("Namespace", json!("Test/Buckets"))]);
    let (start, end) = (yesterday(), yesterday() + 2 * HOUR);
    let minute = |count: i64| start + count * MINUTE;
    for (bucket, from, to, period, first, last) in [
        // CloudWatch does not have these sizes, so the next longer one is used.
        (61_000, start, end, 2 * MINUTE, start, end),
        (90_000, start, end, 2 * MINUTE, start, end),
        (100_001, start, end, 2 * MINUTE, start, end),
        (7_000, start, end, MINUTE, start, end),
        // A bucket that contains the start is included. One that contains the end is not.
        (MINUTE, minute(10) + 1, minute(20) - 1, MINUTE, minute(10), minute(19)),
        (MINUTE, minute(10) - 1, minute(20), MINUTE, minute(9), minute(20)),
        (
            7 * MINUTE,
            minute(3),
            minute(60),
            7 * MINUTE,
            minute(3) - minute(3) % (7 * MINUTE),
            minute(60) - minute(60) % (7 * MINUTE),
        ),
        // The end is in the future: only buckets that are over are included.
        (MINUTE, minute(100), now() + HOUR, MINUTE, minute(100), end),
        (30_000, minute(100), now() + HOUR, MINUTE, minute(100), end),
        (MINUTE, now() + HOUR, now() + 2 * HOUR, MINUTE, start, start),
        (MINUTE, minute(10), minute(10), MINUTE, start, start),
    ] {
        for method in ["MEAN", "SUM"] {
            let query = aggregated(conditions.clone(), method, bucket, from, to);
            let expected = buckets(method, &samples, period, first, last);
            let context = format!("{method} of {bucket} from {} to {}", from - start, to - start);
            assert_points(&ask(&account(OWNER), query).await, &expected, &context);
        }
    }
}

#[tokio::test]
async fn late_buckets_are_left_out_on_request() {
    let samples = samples(3);
    put(OWNER, "Test/Settle", "M", &[], &samples).await;
    let conditions = conditions(&[("Namespace", json!("Test/Settle"))]);
    let mut details = account(OWNER);
    details["settleSeconds"] = json!(180);
    let (start, last) = (yesterday() + HOUR, yesterday() + 2 * HOUR - 3 * MINUTE);
    let query = aggregated(conditions, "SUM", MINUTE, start, now());
    let expected = buckets("SUM", &samples, MINUTE, start, last);
    assert_points(&ask(&details, query).await, &expected, "settled for three minutes");
}

#[tokio::test]
async fn paging_loses_nothing() {
    let samples = samples(4);
    put(OWNER, "Test/Paging", "M", &[], &samples).await;
    let conditions = conditions(&[("Namespace", json!("Test/Paging"))]);
    let (start, end) = (yesterday(), yesterday() + 2 * HOUR);
    for method in ["MEAN", "SUM"] {
        let whole = aggregated(conditions.clone(), method, MINUTE, start, end);
        let whole = ask(&account(OWNER), whole).await.body["telemetry"]["points"].take();
        let mut points: Vec<Value> = Vec::new();
        let mut from = start;
        loop {
            let mut query = aggregated(conditions.clone(), method, MINUTE, from, end);
            query["limit"] = json!(13);
            let page = ask(&account(OWNER), query).await.body["telemetry"].take();
            points.pop();
            points.extend(page["points"].as_array().unwrap().iter().cloned());
            if page["isPartial"] == false {
                break;
            }
            assert_eq!(page["points"].as_array().unwrap().len(), 13, "{method}");
            from = points.last().unwrap()[1].as_i64().unwrap();
        }
        assert_eq!(Value::Array(points), whole, "{method}");
    }
}

#[tokio::test]
async fn several_metrics_fold_exactly() {
    let parts: Vec<Vec<Put>> = (5..8).map(samples).collect();
    for (host, samples) in ["a", "b", "c"].iter().zip(&parts) {
        put(OWNER, "Test/Fold", "M", &[("Host", host), ("Kind", "x")], samples).await;
    }
    let all = parts.concat();
    let hosts = json!(["a", "b", "c", "not-there"]);
    let conditions =
        conditions(&[("Namespace", json!("Test/Fold")), ("Host", hosts), ("Kind", json!("x"))]);
    let (start, end) = (yesterday(), yesterday() + 2 * HOUR);
    for method in
        ["MEAN", "MAX", "MIN", "SUM", "EVENT_COUNT", "SUM_NO_ZEROS", "EVENT_COUNT_NO_ZEROS"]
    {
        let query = aggregated(conditions.clone(), method, 5 * MINUTE, start, end);
        let expected = buckets(method, &all, 5 * MINUTE, start, end);
        assert_points(&ask(&account(OWNER), query).await, &expected, method);
    }
    let query = aggregated(conditions, "PERCENTILE_90", 5 * MINUTE, start, end);
    let reply = ask(&account(OWNER), query).await;
    let details = reply.body["details"].as_str().unwrap();
    assert!(details.contains("p90 of all their samples cannot be computed"), "{details}");
}

#[tokio::test]
async fn raw_points_are_the_finest_that_is_kept() {
    let samples = samples(9);
    put(OWNER, "Test/Raw", "M", &[], &samples).await;
    let (start, end) = (yesterday(), yesterday() + 2 * HOUR);
    for (name, method) in [
        (None, "MEAN"),
        (Some("Average"), "MEAN"),
        (Some("Sum"), "SUM_NO_ZEROS"),
        (Some("p90"), "PERCENTILE_90"),
    ] {
        let mut pairs = vec![("Namespace", json!("Test/Raw")), ("MetricName", json!("M"))];
        pairs.extend(name.map(|name| ("Statistic", json!(name))));
        let query =
            json!({"conditions": conditions(&pairs), "startTime": start + 1, "endTime": end});
        let mut reply = ask(&account(OWNER), query).await;
        assert_eq!(reply.body["telemetry"]["_type"], "RawMetricTelemetry");
        for point in reply.body["telemetry"]["points"].as_array_mut().unwrap() {
            assert_eq!(point.as_array().unwrap().len(), 2);
            let end = point[1].as_i64().unwrap() + MINUTE;
            point.as_array_mut().unwrap().push(json!(end));
        }
        assert_points(&reply, &buckets(method, &samples, MINUTE, start, end), &format!("{name:?}"));
    }
}

#[tokio::test]
async fn an_empty_answer_is_looked_into() {
    let recent = [(yesterday() + MINUTE, 5.0)];
    let old = [(yesterday() - 24 * HOUR, 5.0)];
    put(OWNER, "Test/Empty", "M", &[("Host", "idle")], &old).await;
    put(OWNER, "Test/Empty", "M", &[("Host", "one"), ("Disk", "sda")], &recent).await;
    put(OWNER, "Test/Empty", "M", &[("Host", "two"), ("Disk", "sda"), ("Kind", "x")], &recent)
        .await;
    put(OWNER, "Test/Empty", "M", &[("Host", "two"), ("Disk", "sdb"), ("Kind", "x")], &recent)
        .await;
    let ask_for = async |host: Value, method: &str| {
        let conditions = conditions(&[("Namespace", json!("Test/Empty")), ("Host", host)]);
        let (start, end) = (yesterday(), yesterday() + 3 * MINUTE);
        ask(&account(OWNER), aggregated(conditions, method, MINUTE, start, end)).await
    };
    let at = |minute: i64, value: f64| {
        (value, yesterday() + minute * MINUTE, yesterday() + (minute + 1) * MINUTE)
    };
    assert_points(&ask_for(json!("idle"), "MEAN").await, &[], "idle");
    assert_points(
        &ask_for(json!("idle"), "SUM").await,
        &[at(0, 0.0), at(1, 0.0), at(2, 0.0)],
        "idle sum",
    );
    assert_points(&ask_for(json!(["idle", "other"]), "MEAN").await, &[], "one of two is idle");
    assert_points(&ask_for(json!("one"), "MEAN").await, &[at(1, 5.0)], "the only one");
    assert_points(
        &ask_for(json!("one"), "SUM").await,
        &[at(0, 0.0), at(1, 5.0), at(2, 0.0)],
        "filled",
    );

    let reply = ask_for(json!("two"), "MEAN").await;
    assert_eq!(reply.status, 500);
    assert_eq!(
        reply.body,
        json!({
            "_type": "RemoteMirrorError",
            "summary": "The conditions match several metrics",
            "details": "there is no data for a metric Test/Empty M {Host=two} with exactly these \
                        dimensions, but 2 other metrics match the conditions; add conditions on \
                        Disk (sda, sdb), Kind (x)",
        })
    );
    for host in [json!("none"), json!(["none", "nobody"])] {
        let reply = ask_for(host, "MEAN").await;
        assert_eq!((reply.status, &reply.body["_type"]), (500, &json!("MetricNotFoundError")));
        let metric = reply.body["metric"].as_str().unwrap();
        assert!(metric.contains("Test/Empty M {Host=none}"), "{metric}");
    }
}

/// A port is a number in a script, and a text in CloudWatch.
#[tokio::test]
async fn a_number_or_a_boolean_means_its_shortest_text() {
    let owner = "443443443443";
    let series = [(yesterday(), 7.0)];
    let dimensions = [("Port", "443"), ("Tls", "true")];
    put(owner, "Numbers", "M", &dimensions, &series).await;
    for (port, tls) in [
        (
            json!({"value": 443, "_type": "DoubleValue"}),
            json!({"value": true, "_type": "BooleanValue"}),
        ),
        (json!({"value": 443.0, "_type": "DoubleValue"}), json!({"value": true})),
        (json!({"value": 4.43e2}), json!({"value": "true", "_type": "StringValue"})),
        (
            json!({"value": [443.0], "_type": "InSetValue"}),
            json!({"value": [true], "_type": "InSetValue"}),
        ),
    ] {
        let conditions = json!([
            {"key": "Namespace", "value": {"value": "Numbers", "_type": "StringValue"}},
            {"key": "Port", "value": port}, {"key": "Tls", "value": tls},
        ]);
        let query = aggregated(conditions, "MAX", HOUR, yesterday(), yesterday() + HOUR);
        let reply = ask(&account(owner), query).await;
        assert_points(&reply, &[(7.0, yesterday(), yesterday() + HOUR)], &port.to_string());
    }
}
