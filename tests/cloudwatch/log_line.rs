//! The log line of a request to CloudWatch: what it asked, how often, and how long it waited.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::faults::{app_at, page, request, send};
use super::log_capture;
use crate::support::sdk_mock::condition;
use crate::support::wire_fake::{Response, WireFake, list, map, text};

/// The fields that the table below shows, in its order.
const FIELDS: [&str; 12] = [
    "call",
    "region",
    "namespace",
    "metricsAsked",
    "calls",
    "cache",
    "attempts",
    "throttles",
    "points",
    "status",
    "error",
    "coldStart",
];

fn values_of(field: &str, namespace: &str) -> (&'static str, Value) {
    let (path, mut body) = request("ListMetrics", None);
    body["query"]["field"]["fieldName"] = json!(field);
    body["query"]["conditions"] = json!([condition("Namespace", json!(namespace))]);
    (path, body)
}

/// A mean of the metric in two namespaces: two statistics of each.
fn mean() -> (&'static str, Value) {
    let (path, mut body) = request("GetMetricData", None);
    body["query"]["conditions"] = json!([condition("Namespace", json!(["N", "O"]))]);
    body["query"]["aggregation"]["method"] = json!("MEAN");
    (path, body)
}

fn expression() -> (&'static str, Value) {
    let (path, mut body) = request("GetMetricData", None);
    body["query"]["metricField"] = json!(null);
    body["query"]["conditions"] = json!([condition("~", json!("SELECT AVG(x) FROM y"))]);
    (path, body)
}

#[tokio::test]
async fn a_line_tells_what_was_asked() {
    log_capture::start();
    let is_first = AtomicBool::new(true);
    let fake = WireFake::new(move |call| match call.action.as_str() {
        "GetMetricData" if is_first.swap(false, Ordering::SeqCst) => {
            Response::error(400, "Throttling", "Rate exceeded")
        }
        "GetMetricData" => page("Complete", None, &[]),
        "ListMetrics" => {
            let metric = map(&[("Namespace", text("N")), ("MetricName", text("M"))]);
            Response::ok(&[("Metrics", list(&[metric]))])
        }
        _ => Response::error(403, "AccessDenied", "SAID"),
    });
    let app = app_at(&fake.url);
    for request in [
        request("GetMetricData", None),
        request("GetMetricData", None),
        values_of("MetricName", "N"),
        values_of("MetricName", "N"),
        mean(),
        request("AssumeRole", None),
        expression(),
        (
            "/api/connection",
            json!({"connectionDetails": request("ListMetrics", None).1["connectionDetails"]}),
        ),
        ("/wp-login.php", json!({})),
    ] {
        send(&app, "", request).await;
    }
    let lines = log_capture::lines();
    let told: Vec<Value> =
        lines.iter().map(|line| FIELDS.map(|name| line[name].clone()).into()).collect();
    let (region, denied) = ("eu-west-1", "MetricStoreConnectionError");
    assert_eq!(
        told,
        [
            json!(["metric", region, "N", 1, 1, "miss", 2, 1, 1, 200, null, true]),
            json!(["metric", region, "N", 0, 0, "hit", 0, 0, 1, 200, null, false]),
            json!(["field/value", region, "N", 0, 1, "miss", 1, 0, null, 200, null, false]),
            json!(["field/value", region, "N", 0, 0, "hit", 0, 0, null, 200, null, false]),
            // Half a pair is no data, so the lists tell which metrics are meant.
            json!(["metric", region, "several", 4, 2, "miss", 2, 0, 0, 200, null, false]),
            json!(["metric", region, "N", 0, 0, null, 1, 0, null, 500, denied, false]),
            json!(["metric", region, null, 0, 1, "miss", 1, 0, 1, 200, null, false]),
            json!(["connection", region, null, 1, 2, null, 2, 0, null, 200, null, false]),
            json!([null, null, null, null, null, null, null, null, null, 404, null, false]),
        ]
    );
    log_capture::assert_documented(&lines);
    let template = log_capture::file("template.yaml");
    let filtered = template
        .split("$.")
        .skip(1)
        .map(|rest| rest.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap());
    for name in filtered {
        assert!(lines.iter().any(|line| !line[name].is_null()), "a metric filter reads {name}");
    }
    for line in lines.iter().filter(|line| !line["region"].is_null()) {
        let (aws, all) = (line["awsMs"].as_f64().unwrap(), line["durationMs"].as_f64().unwrap());
        assert!((0.0..=all).contains(&aws), "{line}");
        assert_eq!(line["calls"] == 0 && line["attempts"] == 0, aws == 0.0, "{line}");
    }
}

/// What an expression reads is not known, so it is no metric among those that are asked for.
#[tokio::test]
async fn expressions_are_counted_apart() {
    log_capture::start();
    let fake = WireFake::new(|_| page("Complete", None, &[]));
    assert_eq!(send(&app_at(&fake.url), "", expression()).await.status, 200);
    let lines = log_capture::lines();
    assert_eq!((&lines[0]["metricsAsked"], &lines[0]["expressionsAsked"]), (&json!(0), &json!(1)));
    log_capture::assert_documented(&lines);
}

/// A graph counts what it has, a held value is asked for apart, and the log has no texts of queries.
#[tokio::test]
async fn graphs_tags_and_held_values_are_counted() {
    let graph = r#"{"metrics": [
        ["SAID", "M", {"id": "m1", "visible": false}], ["...", "SAID", "x", {"id": "m2", "visible": false}],
        [{"expression": "m1/m2", "label": "SAID"}]], "title": "SAID"}"#;
    let tags = [
        condition("Namespace", json!("N")),
        condition("Host", json!("SAID")),
        condition("Tag.SAID", json!("SAID")),
    ];
    let held = [condition("Namespace", json!("N")), condition("HoldSeconds", json!(86_400))];
    for (conditions, metric_field, metrics, expressions, calls) in [
        (json!([condition("~", json!(graph))]), json!("value"), 2, json!(1), 1),
        // The hours of two weeks are a second one.
        (json!(tags), json!("M"), 0, json!(2), 2),
        (json!(held), json!("M"), 2, json!(null), 2),
    ] {
        log_capture::start();
        let fake = WireFake::new(|call| match call.action.as_str() {
            "ListMetrics" => {
                let dimension =
                    |value: &str| map(&[("Name", text("Host")), ("Value", text(value))]);
                let metric = |dimensions: &[_]| {
                    map(&[
                        ("Namespace", text("N")),
                        ("MetricName", text("M")),
                        ("Dimensions", list(dimensions)),
                    ])
                };
                Response::ok(&[("Metrics", list(&[metric(&[]), metric(&[dimension("SAID")])]))])
            }
            _ => Response::ok(&[("MetricDataResults", list(&[]))]),
        });
        let (path, mut body) = request("GetMetricData", None);
        body["query"]["conditions"] = conditions;
        body["query"]["metricField"] = metric_field;
        send(&app_at(&fake.url), "", (path, body)).await;
        let lines = log_capture::lines();
        let asked = (&lines[0]["metricsAsked"], &lines[0]["expressionsAsked"]);
        assert_eq!(asked, (&json!(metrics), &expressions), "{}", lines[0]);
        assert_eq!(fake.count("GetMetricData"), calls, "{}", lines[0]);
        assert!(!log_capture::text().contains("SAID"), "{}", log_capture::text());
        log_capture::assert_documented(&lines);
    }
}

/// Nobody who looks for the last hour of a bucket's size finds anything, and nothing else would tell why.
#[tokio::test]
async fn an_empty_answer_of_daily_metrics_has_a_hint() {
    for (namespace, has_hint) in [("AWS/S3", true), ("AWS/Billing", true), ("AWS/EC2", false)] {
        log_capture::start();
        let fake = WireFake::new(move |call| match call.action.as_str() {
            "ListMetrics" => {
                let metric = map(&[("Namespace", text(namespace)), ("MetricName", text("M"))]);
                Response::ok(&[("Metrics", list(&[metric]))])
            }
            _ => Response::ok(&[("MetricDataResults", list(&[]))]),
        });
        let (path, mut body) = request("GetMetricData", None);
        body["query"]["conditions"] = json!([condition("Namespace", json!(namespace))]);
        send(&app_at(&fake.url), "", (path, body)).await;
        let lines = log_capture::lines();
        assert_eq!(lines[0]["hint"].is_string(), has_hint, "{}", lines[0]);
        log_capture::assert_documented(&lines);
    }
}
