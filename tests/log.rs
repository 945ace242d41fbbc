//! The log: one line per request, without anything from the request.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stackstate_mirror::log;
use stackstate_mirror::log::LogConfig;
use tracing::Level;

mod support;

use support::app::app;
use support::events::{event, serve};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The log of these events.
async fn logged(config: LogConfig, events: &[Value]) -> String {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = log::subscriber(config, move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = app();
    for event in events {
        serve(&app, event).await;
    }
    let bytes = buffer.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn secretive() -> [Value; 5] {
    let details = json!({"seed": 1, "hush-name": "hush-value"});
    let wrong = json!({"seed": "hush-seed"});
    let query = json!({"startTime": 0, "endTime": 1000, "metricField": "hush-metric"});
    let bad_query = json!({"startTime": "hush-time", "endTime": 1000});
    let metric = |details: &Value, query: &Value| {
        let body = json!({"connectionDetails": details, "query": query});
        event("POST", "/api/metric", body.to_string())
    };
    let mut with_header = metric(&details, &query);
    with_header["headers"]["authorization"] = json!("hush-header");
    [
        with_header,
        metric(&wrong, &query),
        metric(&details, &bad_query),
        event("POST", "/hush-path", "hush-body"),
        event("POST", "/api/connection", json!({"connectionDetails": wrong}).to_string()),
    ]
}

/// One test, because the subscribers of several threads disturb each other.
#[tokio::test]
async fn a_request_is_one_line_that_tells_nothing_it_brought() {
    for level in [Level::INFO, Level::TRACE] {
        let text = logged(LogConfig { level, json: true }, &secretive()).await;
        assert!(!text.contains("hush"), "{text}");
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told = ["level", "call", "source", "status", "points", "error", "refused", "coldStart"];
        let told: Vec<Value> =
            lines.iter().map(|line| told.map(|name| line[name].clone()).into()).collect();
        let (error, no_path) = ("RemoteMirrorError", "The mirror has no such path");
        assert_eq!(
            told,
            [
                json!(["INFO", "metric", "random", 200, 50, null, null, true]),
                json!(["WARN", "metric", null, 500, null, error, null, false]),
                json!(["WARN", "metric", "random", 500, null, error, null, false]),
                json!(["WARN", null, null, 404, null, null, no_path, false]),
                json!(["WARN", "connection", null, 200, null, error, null, false]),
            ]
        );
        assert!(lines.iter().all(|line| line["durationMs"].is_number()));
        assert!(lines.iter().all(|line| line["requestId"].is_string()));

        let text = logged(LogConfig { level, json: false }, &secretive()).await;
        assert!(!text.contains("hush"), "{text}");
        assert_eq!(text.lines().count(), 5, "{text}");
    }
    // What would control a terminal, or turn text around, is escaped in JSON.
    let namespace = "N\u{9b}\u{202e}\u{7f}ü\u{1f600}";
    let query = json!({
        "conditions": [{"key": "Namespace", "value": {"value": namespace}}],
        "startTime": 0, "endTime": 1000, "metricField": "M",
    });
    let details = json!({"accessKeyId": "a", "secretAccessKey": "b"});
    let body = json!({"connectionDetails": details, "query": query}).to_string();
    let config = LogConfig { level: Level::INFO, json: true };
    let text = logged(config, &[event("POST", "/api/metric", body)]).await;
    assert!(text.chars().all(|one| one == '\n' || one.is_ascii_graphic() || one == ' '), "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["namespace"], namespace);
    let text = logged(LogConfig { level: Level::WARN, json: true }, &secretive()).await;
    assert_eq!(text.lines().count(), 4, "only what failed: {text}");
}
