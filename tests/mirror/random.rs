//! Random data: the tutorial's, with limits, prefixes and pages.

use serde_json::{Value, json};

use crate::support::app::app;
use crate::support::events::{METHODS, Reply, event, post, serve};

async fn fields(limit: Value) -> Value {
    let query = json!({"startTime": 0, "endTime": 1, "limit": limit});
    let body = json!({"connectionDetails": {}, "query": query});
    post(&app(), "field/name", &body).await.body
}

#[tokio::test]
async fn field_names_are_the_tutorials() {
    let field = |name, kind| json!({"_type": "FieldDescriptor", "classified": false, "fieldName": name, "fieldType": kind});
    let all = [field("field1", "STRING"), field("field2", "BOOLEAN"), field("field3", "NUMBER")];
    for (limit, count, is_partial) in [
        (Value::Null, 3, false),
        (json!(2_147_483_647), 3, false),
        (json!(3), 3, false),
        (json!(2), 2, true),
        (json!(0), 0, true),
    ] {
        let expected =
            json!({"fields": all[..count], "isPartial": is_partial, "_type": "FieldNamesResponse"});
        assert_eq!(fields(limit.clone()).await, expected, "limit {limit}");
    }
}

#[tokio::test]
async fn field_values_refine_by_prefix_and_page() {
    let cpu = ["cpu.idle", "cpu.iowait", "cpu.nice", "cpu.steal", "cpu.system", "cpu.user"];
    for (kind, prefix, offset, limit, values, is_partial) in [
        ("STRING", json!(null), json!(null), json!(null), &["value1", "cpu.*"][..], false),
        ("STRING", json!(""), json!(0), json!(2), &["value1", "cpu.*"], false),
        ("STRING", json!(""), json!(0), json!(1), &["value1"], true),
        ("STRING", json!(""), json!(1), json!(1), &["cpu.*"], false),
        ("STRING", json!(""), json!(2), json!(1), &[], false),
        ("STRING", json!("cpu."), json!(null), json!(null), &cpu, false),
        ("STRING", json!("cpu.*"), json!(null), json!(null), &cpu, false),
        ("STRING", json!("cpu."), json!(2), json!(2), &["cpu.nice", "cpu.steal"], true),
        ("STRING", json!("cpu.s"), json!(null), json!(null), &["cpu.steal", "cpu.system"], false),
        ("STRING", json!("c"), json!(null), json!(null), &["cpu.*"], false),
        ("STRING", json!("val"), json!(null), json!(null), &["value1"], false),
        ("STRING", json!("Val"), json!(null), json!(null), &[], false),
        ("BOOLEAN", json!(null), json!(null), json!(null), &["true", "false"], false),
        ("BOOLEAN", json!("f"), json!(null), json!(null), &["false"], false),
    ] {
        let body = json!({"connectionDetails": {}, "query": {
            "startTime": 0, "endTime": 1, "field": {"fieldName": "f", "fieldType": kind},
            "fieldValuePrefix": prefix, "offset": offset, "limit": limit,
        }});
        let described: Vec<Value> = values
            .iter()
            .map(|value| match value.ends_with('*') {
                true => json!({"value": value, "_type": "FieldValuePattern"}),
                false => json!({"value": value, "_type": "CompleteValue"}),
            })
            .collect();
        let expected =
            json!({"values": described, "isPartial": is_partial, "_type": "FieldValuesResponse"});
        let reply = post(&app(), "field/value", &body).await;
        assert_eq!(reply.body, expected, "{kind} {prefix} {offset} {limit}");
    }
}

#[tokio::test]
async fn a_number_has_no_values() {
    for kind in ["NUMBER", "DOUBLE"] {
        let body = json!({"connectionDetails": {}, "query": {
            "startTime": 0, "endTime": 1, "field": {"fieldName": "field3", "fieldType": kind},
        }});
        let reply = post(&app(), "field/value", &body).await;
        assert_eq!(reply.status, 500);
        assert_eq!(
            reply.body,
            json!({"_type": "UnsupportedFieldTypeError", "mirrorType": "NUMBER"})
        );
    }
}

async fn metrics(query: Value) -> Value {
    let body = json!({"connectionDetails": {"seed": 7}, "query": query});
    post(&app(), "metric", &body).await.body["telemetry"].take()
}

/// The points without their values. Asserts that the values are in [0, 100).
fn times(telemetry: &Value) -> Vec<Vec<i64>> {
    let time = |point: &Value| {
        let value = point[0].as_f64().unwrap();
        assert!((0.0..100.0).contains(&value), "{value}");
        point.as_array().unwrap()[1..].iter().map(|time| time.as_i64().unwrap()).collect()
    };
    telemetry["points"].as_array().unwrap().iter().map(time).collect()
}

#[tokio::test]
async fn points_stand_where_the_tutorial_puts_them() {
    const HOUR: i64 = 3_600_000;
    let start = 1_504_400_400_000_i64;
    for (length, bucket, step, count) in [
        (0, None, 1, 0),
        (1, None, 1_000, 1),
        (49, None, 1_000, 1),
        (50, None, 1, 50),
        (99, None, 1, 99),
        (199, None, 3, 67),
        (HOUR, None, 72_000, 50),
        (0, Some(1_000), 1_000, 0),
        (HOUR, Some(60_000), 60_000, 60),
        (HOUR, Some(61_000), 61_000, 60),
        (HOUR, Some(2 * HOUR), 2 * HOUR, 1),
        (HOUR, Some(0), 72_000, 50),
        (HOUR, Some(-5), 72_000, 50),
    ] {
        let mut query = json!({"startTime": start, "endTime": start + length});
        let raw = metrics(query.clone()).await;
        query["aggregation"] = json!({"method": "MEAN", "bucketSizeMillis": bucket});
        let aggregated = metrics(query).await;
        let starts = || (0..count).map(|index| start + index * step);
        let buckets: Vec<_> = starts().map(|start| vec![start, start + step]).collect();
        assert_eq!(times(&aggregated), buckets, "{length} {bucket:?}");
        assert_eq!(aggregated["isPartial"], false);
        if bucket.is_none() {
            let samples: Vec<_> = starts().map(|start| vec![start]).collect();
            assert_eq!(times(&raw), samples, "{length}");
        }
    }
}

#[tokio::test]
async fn every_method_is_known() {
    for method in METHODS {
        let aggregation = json!({"method": method, "bucketSizeMillis": 250});
        let query = json!({"startTime": 0, "endTime": 1000, "aggregation": aggregation});
        assert_eq!(times(&metrics(query).await).len(), 4, "{method}");
    }
}

#[tokio::test]
async fn asking_again_from_the_last_point_loses_nothing() {
    let query = |start: i64, limit: Value| {
        let aggregation = json!({"method": "MEAN", "bucketSizeMillis": 7});
        json!({"startTime": start, "endTime": 1000, "aggregation": aggregation, "limit": limit})
    };
    let whole = metrics(query(0, Value::Null)).await;
    let mut points = Vec::new();
    let mut start = 0;
    loop {
        let page = metrics(query(start, json!(13))).await;
        points.pop();
        points.extend(page["points"].as_array().unwrap().iter().cloned());
        if page["isPartial"] == false {
            break;
        }
        assert_eq!(page["points"].as_array().unwrap().len(), 13);
        start = points.last().unwrap()[1].as_i64().unwrap();
    }
    assert_eq!(Value::Array(points), whole["points"]);
}

#[tokio::test]
async fn a_seed_makes_answers_equal_and_its_lack_unequal() {
    let ask = async |details: Value| {
        let query = json!({"startTime": 0, "endTime": 100_000});
        post(&app(), "metric", &json!({"connectionDetails": details, "query": query})).await
    };
    assert_eq!(ask(json!({"seed": 1})).await, ask(json!({"seed": 1})).await);
    assert_ne!(ask(json!({"seed": 1})).await, ask(json!({"seed": 2})).await);
    assert_ne!(ask(json!({})).await, ask(json!({})).await);
}

#[tokio::test]
async fn a_thousand_years_of_milliseconds_fit_into_lambdas_answer() {
    const MILLENNIUM: i64 = 31_556_952_000_000;
    const LAMBDAS_LIMIT: usize = 6 * 1024 * 1024;
    let body = |limit| {
        let aggregation = json!({"method": "MEAN", "bucketSizeMillis": 1});
        let end = 253_402_300_799_999_i64;
        json!({"connectionDetails": {}, "query": {
            "startTime": end - MILLENNIUM, "endTime": end, "aggregation": aggregation, "limit": limit,
        }})
    };
    for limit in [Value::Null, json!(2_147_483_647), json!(u64::MAX)] {
        let event = event("POST", "/api/metric", body(limit).to_string());
        let answer = serve(&app(), &event).await;
        let size = answer.to_string().len();
        assert!(size < LAMBDAS_LIMIT, "{size} bytes");
        let telemetry = Reply::of(&answer).body["telemetry"].take();
        assert_eq!(telemetry["points"].as_array().unwrap().len(), 100_000);
        assert_eq!(telemetry["isPartial"], true);
    }
}
