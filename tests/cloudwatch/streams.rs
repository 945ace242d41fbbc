//! The ready sets of streams in `docs/streams`: what StackState asks for each of them has an answer.

use serde_json::{Value, json};

use crate::support::app::NOW;
use crate::support::events::post;
use crate::support::inventory::{app, metric};
use crate::support::sdk_mock::{body, condition};

const HOUR: i64 = 60 * 60_000;

/// The sets, as the page has them.
fn sets() -> Vec<Value> {
    let file = include_str!("../../src/explore/sets.js");
    let list = file.split("export const SETS = ").nth(1).unwrap();
    let list = list.split(";\n").next().unwrap().replace(",\n]", "\n]");
    serde_json::from_str(&list).unwrap()
}

#[tokio::test]
async fn every_ready_stream_is_answered() {
    let end = NOW - NOW % HOUR - HOUR;
    let mut count = 0;
    for set in sets() {
        let text = |name: &str| set[name].as_str().unwrap();
        let value = "the-resource";
        for stream in set["streams"].as_array().unwrap() {
            let name = stream["metric"].as_str().unwrap();
            let entry = metric(text("namespace"), name, &[(text("dimension"), value)])
                .with(7.0)
                .and("p95", 7.0);
            let (app, requests, _) = app(vec![entry]);
            // What a chart asks for, and what the anomaly detector does.
            for (bucket, range) in [(60_000, HOUR), (300_000, 24 * HOUR)] {
                let query = json!({
                    "conditions": [
                        condition("Namespace", set["namespace"].clone()),
                        condition(text("dimension"), json!(value)),
                    ],
                    "metricField": name, "startTime": end - range, "endTime": end,
                    "aggregation": {"method": stream["aggregation"], "bucketSizeMillis": bucket},
                });
                let reply = post(&app, "metric", &body(query, json!({}))).await;
                assert_eq!(reply.status, 200, "{name}: {}", reply.body);
                let points = reply.body["telemetry"]["points"].as_array().unwrap();
                assert!(points.iter().any(|point| point[0] == 7.0), "{name}: {points:?}");
                count += 1;
            }
            let asked = requests.lock().unwrap();
            let queries = asked.iter().flat_map(|request| request.metric_data_queries());
            let stats = queries.filter_map(|query| query.metric_stat());
            for stat in stats {
                let found = stat.metric().unwrap();
                assert_eq!(found.metric_name(), Some(name));
                assert_eq!(found.dimensions()[0].name(), Some(text("dimension")));
            }
        }
    }
    assert!(count >= 60, "{count}");
}
