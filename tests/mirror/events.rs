//! Every event in `events/`, plain and in base64, against the whole expected answer.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::app::app;
use crate::support::events::serve;

/// The whole answer, in the form that the event's sender expects.
fn envelope(source: &str, body: &str) -> Value {
    let mut answer = json!({
        "statusCode": 200, "body": body, "isBase64Encoded": false,
        "headers": {"content-type": "application/json", "x-mirror-api-key": "api_key"},
    });
    if source != "rest-api" {
        answer["cookies"] = json!([]);
    }
    answer
}

/// The same event with its body in base64.
fn in_base64(event: &Value) -> Value {
    let mut event = event.clone();
    event["body"] = json!(BASE64_STANDARD.encode(event["body"].as_str().unwrap()));
    event["isBase64Encoded"] = json!(true);
    event
}

#[tokio::test]
async fn every_event_has_its_whole_answer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let app = app();
    let mut served = 0;
    for source in ["function-url", "http-api", "http-api-stage", "rest-api"] {
        for file in fs::read_dir(root.join("events").join(source)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap();
            let golden = fs::read_to_string(root.join("tests/golden").join(name)).unwrap();
            let answer = envelope(source, golden.trim_end());
            let event: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(event["isBase64Encoded"], false, "{path:?}");
            for event in [in_base64(&event), event] {
                assert_eq!(serve(&app, &event).await, answer, "{path:?}");
                served += 1;
            }
        }
    }
    assert_eq!(served, 40, "5 requests from 4 senders, each plain and in base64");
}
