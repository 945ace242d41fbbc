//! `docs/openapi.yaml` describes the requests that StackState sends and the examples of its developer
//! guide. That it describes the answers, every other test checks: `support/openapi.rs`.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::openapi::{DOCUMENT, accepts_request, is_a};

const CALLS: [(&str, &str); 5] = [
    ("/api/connection", "connection"),
    ("/api/field/name", "field-name"),
    ("/api/field/value", "field-value"),
    ("/api/metric", "metric-aggregated"),
    ("/api/metric", "metric-raw"),
];

fn read(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn examples(pointer: &str) -> Vec<&'static Value> {
    let examples = DOCUMENT.pointer(pointer).and_then(Value::as_object);
    examples.unwrap_or_else(|| panic!("{pointer}")).values().map(|each| &each["value"]).collect()
}

#[test]
fn the_requests_and_answers_of_the_developer_guide_are_its_examples() {
    for (path, name) in CALLS {
        let operation = format!("/paths/{}/post", path.replace('/', "~1"));
        let json = "content/application~1json/examples";
        for sender in ["function-url", "http-api", "http-api-stage", "rest-api"] {
            let event = read(&format!("events/{sender}/{name}.json"));
            let body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
            let known = examples(&format!("{operation}/requestBody/{json}"));
            assert!(known.contains(&&body), "{name}: {body}");
        }
        let answer = read(&format!("tests/golden/{name}.json"));
        let known = examples(&format!("{operation}/responses/200/{json}"));
        assert!(known.contains(&&answer), "{name}: {answer}");
    }
}

#[test]
fn its_examples_are_what_it_describes() {
    let mut seen = 0;
    for (path, _) in CALLS {
        let operation = format!("/paths/{}/post", path.replace('/', "~1"));
        for body in examples(&format!("{operation}/requestBody/content/application~1json/examples"))
        {
            accepts_request(path, body).unwrap();
            seen += 1;
        }
        let responses = format!("{operation}/responses/200/content/application~1json");
        for answer in examples(&format!("{responses}/examples")) {
            let schema = DOCUMENT.pointer(&format!("{responses}/schema/$ref")).unwrap();
            is_a(schema.as_str().unwrap().rsplit('/').next().unwrap(), answer).unwrap();
            seen += 1;
        }
    }
    for error in examples("/components/responses/Error/content/application~1json/examples") {
        is_a("Error", error).unwrap();
    }
    for details in
        DOCUMENT["components"]["schemas"]["MirrorConnectionDetails"]["examples"].as_array().unwrap()
    {
        is_a("MirrorConnectionDetails", details).unwrap();
    }
    assert!(seen >= 12, "{seen}");
}

/// Every mistake that the mirror explains is one in the description too, unless JSON Schema cannot
/// say it.
#[test]
fn it_refuses_what_the_mirror_refuses() {
    let query = |name: &str, value: Value| {
        let mut query = json!({"startTime": 0, "endTime": 1000, "field": {"fieldName": "f"}});
        query[name] = value;
        json!({"connectionDetails": {}, "query": query})
    };
    let condition = |condition: Value| query("conditions", json!([condition]));
    for (path, body, is_valid) in [
        ("/api/connection", json!({"connectionDetails": {}}), true),
        ("/api/connection", json!({}), false),
        ("/api/connection", json!({"connectionDetails": []}), false),
        ("/api/field/name", json!({"connectionDetails": {}}), false),
        ("/api/field/name", query("x", json!([{"more": null}])), true),
        ("/api/field/name", query("startTime", json!("now")), false),
        ("/api/field/name", query("startTime", json!(0.5)), false),
        ("/api/field/name", query("startTime", json!(-1)), false),
        ("/api/field/name", query("endTime", json!(253_402_300_800_000_i64)), false),
        ("/api/field/name", query("limit", json!(-1)), false),
        ("/api/field/name", query("limit", Value::Null), true),
        ("/api/field/name", condition(json!({"key": "k", "value": {"value": 1}})), true),
        ("/api/field/name", condition(json!({"key": "k", "value": {"value": []}})), false),
        (
            "/api/field/name",
            condition(json!({"key": "k", "value": {"value": 1, "_type": "StringValue"}})),
            false,
        ),
        (
            "/api/field/name",
            condition(json!({"key": "k", "value": {"value": 1, "_type": "RegexValue"}})),
            false,
        ),
        (
            "/api/field/name",
            condition(json!({"key": "k", "value": {"value": ["a", 1], "_type": "InSetValue"}})),
            true,
        ),
        ("/api/field/value", query("field", json!({})), false),
        ("/api/field/value", query("field", json!({"fieldName": "f", "fieldType": "DATE"})), false),
        ("/api/field/value", query("fieldValuePrefix", json!(5)), false),
        ("/api/metric", query("metricField", json!(5)), false),
        ("/api/metric", query("aggregation", json!({"method": "MEDIAN"})), false),
        ("/api/metric", query("aggregation", json!({"method": "MEAN"})), true),
        (
            "/api/metric",
            query("aggregation", json!({"method": "MEAN", "bucketSizeMillis": "1m"})),
            false,
        ),
    ] {
        assert_eq!(accepts_request(path, &body).is_ok(), is_valid, "{path} {body}");
    }
}
