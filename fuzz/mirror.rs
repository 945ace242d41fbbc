//! Sends the mirror any body, any event, and any response of CloudWatch. Nothing panics, every
//! request has an answer that fits Lambda, and every answer with random data keeps the contract.
//!
//! The first letter of an input says what the rest is.

#![no_main]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_credential_types::Credentials;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::timeout::TimeoutConfig;
use aws_sdk_cloudwatch::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use lambda_http::{LambdaEvent, http};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use stackstate_mirror::api::request::{connection_details, parse};
use stackstate_mirror::app::{App, Dependencies, Request};
use stackstate_mirror::cloudwatch::CloudWatch;
use stackstate_mirror::config::Config;
use stackstate_mirror::connection::Connection;
use stackstate_mirror::event::{self, Event};
use stackstate_mirror::time::EpochMillis;

#[path = "../tests/support/invariants.rs"]
mod invariants;

const TOKEN: &str = "a-token-of-24-characters";

/// The mirror's time.
const NOW: i64 = 1_790_000_430_000;

/// A CloudWatch whose next responses have this body.
#[derive(Debug, Clone, Default)]
struct FakeCloudWatch(Arc<Mutex<Vec<u8>>>);

impl HttpConnector for FakeCloudWatch {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let response = http::Response::builder()
            .header("smithy-protocol", "rpc-v2-cbor")
            .header("content-type", "application/cbor")
            .body(SdkBody::from(body));
        HttpConnectorFuture::ready(Ok(HttpResponse::try_from(response.unwrap()).unwrap()))
    }
}

fn fake() -> &'static FakeCloudWatch {
    static FAKE: OnceLock<FakeCloudWatch> = OnceLock::new();
    FAKE.get_or_init(FakeCloudWatch::default)
}

fn config(variables: &[(&str, &str)]) -> Config {
    let value = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    Config::read(|name| value(name).map(Into::into)).unwrap()
}

/// A mirror with random data that admits callers with the token only.
fn restricted_app() -> &'static App {
    static APP: OnceLock<App> = OnceLock::new();
    APP.get_or_init(|| {
        let config = config(&[("MIRROR_ACCESS_TOKEN", TOKEN)]);
        let cloudwatch = CloudWatch::with_clients(Box::new(|_: &_, _: &_| unreachable!()), 1);
        let now = || EpochMillis(NOW);
        App::new(&config, Dependencies { entropy: || 7, now, cloudwatch, commit: None })
    })
}

fn app() -> &'static App {
    static APP: OnceLock<App> = OnceLock::new();
    APP.get_or_init(|| {
        let config = config(&[]);
        let build = |_: &_, _: &_| {
            let connector = SharedHttpConnector::new(fake().clone());
            let config = aws_sdk_cloudwatch::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("eu-west-1"))
                .credentials_provider(Credentials::new("id", "secret", None, None, "fuzz"))
                .retry_config(RetryConfig::disabled())
                .timeout_config(TimeoutConfig::disabled())
                .http_client(http_client_fn(move |_, _| connector.clone()))
                .build();
            Ok(Client::from_conf(config).into())
        };
        let cloudwatch = CloudWatch::with_clients(Box::new(build), 1);
        let now = || EpochMillis(NOW);
        App::new(&config, Dependencies { entropy: || 7, now, cloudwatch, commit: None })
    })
}

/// Runs a request to its end. The clock is paused, so waits take no time.
fn run<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(work)
}

/// The status, the key and the body of the answer to a POST request.
fn post(app: &'static App, path: &str, body: &[u8]) -> (u16, Option<String>, String) {
    let request = Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        base: 0,
        stage: None,
        source_address: None,
        body: Some(body.to_vec()),
        id: String::new(),
        deadline: EpochMillis(0),
    };
    let answer = serde_json::to_value(run(app.handle(request))).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let status = answer["statusCode"].as_u64().and_then(|status| status.try_into().ok());
    let key = text(&answer["headers"]["x-mirror-api-key"]);
    (status.unwrap(), key, text(&answer["body"]).unwrap())
}

fn chooses_cloudwatch(body: &[u8]) -> bool {
    let Ok(document) = parse(body) else { return false };
    let connection =
        connection_details(&document).and_then(|details| Connection::read(&details, true));
    matches!(connection, Ok(Connection::CloudWatch(_)))
}

/// Any body, to each of the four calls.
fn any_body(body: &[u8]) {
    let is_cloudwatch = chooses_cloudwatch(body);
    fake().0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&vec![0xA0]);
    let (status, key, text) = post(restricted_app(), "/api/field/name", body);
    if status == 401 {
        assert_eq!(key, None, "a stranger does not learn the key");
        assert!(text.len() < 1 << 10, "{text}");
    } else {
        let body = String::from_utf8_lossy(body);
        let has_token = body.contains(TOKEN) || body.contains("\\u");
        assert!(has_token, "admitted without a token: {status}: {text}");
    }
    for (path, kind) in invariants::CALLS {
        let (status, key, text) = post(app(), path, body);
        if is_cloudwatch {
            check_any(status, key.as_deref(), &text);
        } else {
            invariants::check(kind, body, status.into(), key.as_deref(), text.as_bytes());
        }
    }
}

/// Any response of CloudWatch, to each of the four calls.
fn any_response(response: &[u8]) {
    fake().0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&response.to_vec());
    let mut digest = DefaultHasher::new();
    response.hash(&mut digest);
    let condition = |key: &str, value: &str| json!({"key": key, "value": {"value": value}});
    for (method, host) in [("SUM", "a"), ("PERCENTILE_90", "a"), ("MAX", "a*"), ("MEAN", "a")] {
        let query = json!({
            "conditions": [condition("Namespace", "AWS/SQS"), condition("Resource", host)],
            "metricField": "M", "startTime": NOW - 3_600_000, "endTime": NOW,
            "aggregation": {"method": method, "bucketSizeMillis": 60_000},
            "field": {"fieldName": "QueueName"},
        });
        // Every input has a caller of its own, whose caches are empty.
        let details = json!({
            "source": "cloudwatch", "region": "eu-west-1", "accessKeyId": "a", "cacheSeconds": 0,
            "secretAccessKey": format!("{:x}", digest.finish()),
        });
        let body = json!({"connectionDetails": details, "query": query}).to_string();
        for (path, _) in invariants::CALLS {
            let (status, key, text) = post(app(), path, body.as_bytes());
            check_any(status, key.as_deref(), &text);
        }
    }
}

/// Any event.
fn any_event(event: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Event>(event) else { return };
    let answer = run(event::serve(app(), LambdaEvent::new(event, Default::default()))).unwrap();
    let answer = serde_json::to_string(&answer).unwrap();
    assert!(answer.len() < 6 << 20, "it fits");
}

/// What holds for every answer.
fn check_any(status: u16, key: Option<&str>, text: &str) {
    assert_eq!(key, Some("api_key"));
    assert!([200, 413, 500].contains(&status), "status {status}: {text}");
    let answer: Value = serde_json::from_str(text).expect("an answer is JSON");
    assert_ne!(answer["summary"], "The mirror failed", "a panic is a mistake");
    let limit = if status == 200 { 6 << 20 } else { 3 << 10 };
    assert!(text.len() < limit, "{} bytes", text.len());
}

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'b', body)) => any_body(body),
        Some((b'e', event)) => any_event(event),
        Some((b'r', response)) => any_response(response),
        _ => {}
    }
});
