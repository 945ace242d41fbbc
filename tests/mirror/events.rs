//! Every event in `events/`, compared with the whole expected answer.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common;

/// The whole answer, as the event's source wants it.
fn envelope(source: &str, body: &str) -> Value {
    let header = |value: &str| if source == "rest-api" { json!([value]) } else { json!(value) };
    let headers = json!({
        "content-type": header("application/json"),
        "x-mirror-api-key": header("api_key"),
    });
    let mut answer = json!({
        "statusCode": 200, "headers": {}, "multiValueHeaders": {}, "body": body,
        "isBase64Encoded": false,
    });
    match source {
        "rest-api" => answer["multiValueHeaders"] = headers,
        _ => {
            answer["headers"] = headers;
            answer["cookies"] = json!([]);
        }
    }
    answer
}

#[tokio::test]
async fn every_event_has_its_whole_answer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let app = common::app();
    let mut served = 0;
    for source in ["function-url", "http-api", "http-api-stage", "rest-api"] {
        for file in fs::read_dir(root.join("events").join(source)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let call = name.trim_end_matches(".json").trim_end_matches(".base64");
            let expected = root.join("tests/answers").join(format!("{call}.json"));
            let expected = fs::read_to_string(&expected).expect("an answer for every event");
            let event: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(
                common::serve(&app, &event).await,
                envelope(source, expected.trim_end()),
                "{source}/{name}"
            );
            served += 1;
        }
    }
    assert_eq!(served, 40, "5 requests, plain and base64, from 4 sources");
}
