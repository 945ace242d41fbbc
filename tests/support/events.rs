//! Lambda events and the mirror's replies.

use lambda_http::LambdaEvent;
use serde_json::{Value, json};
use stackstate_mirror::app::App;
use stackstate_mirror::event;

use super::openapi;

/// StackState's aggregation methods, from its documentation.
pub(crate) const METHODS: [&str; 14] = [
    "MEAN",
    "PERCENTILE_25",
    "PERCENTILE_50",
    "PERCENTILE_75",
    "PERCENTILE_90",
    "PERCENTILE_95",
    "PERCENTILE_98",
    "PERCENTILE_99",
    "MAX",
    "MIN",
    "SUM",
    "EVENT_COUNT",
    "SUM_NO_ZEROS",
    "EVENT_COUNT_NO_ZEROS",
];

/// The mirror's answer to a Lambda event. Both are JSON. It is as `docs/openapi.yaml` says.
pub(crate) async fn serve(app: &App, event: &Value) -> Value {
    let payload = serde_json::from_value(event.clone()).unwrap();
    let answer = event::serve(app, LambdaEvent::new(payload, Default::default())).await.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    openapi::check(event, &answer);
    answer
}

/// The event of a function URL.
pub(crate) fn event(method: &str, path: &str, body: impl Into<String>) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "accountId": "anonymous", "apiId": "abc", "stage": "$default",
            "domainName": "abc.lambda-url.eu-west-1.on.aws", "domainPrefix": "abc",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1",
                     "sourceIp": "203.0.113.24", "userAgent": "curl"},
            "requestId": "r", "routeKey": "$default", "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_i64
        },
        "body": body.into(), "isBase64Encoded": false
    })
}

/// The parts of an answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u64,
    pub(crate) key: Option<String>,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn of(answer: &Value) -> Self {
        Reply {
            status: answer["statusCode"].as_u64().unwrap(),
            key: answer["headers"]["x-mirror-api-key"].as_str().map(str::to_owned),
            body: serde_json::from_str(answer["body"].as_str().unwrap()).unwrap(),
        }
    }
}

/// Posts `body` to `/api/…`.
pub(crate) async fn post(app: &App, call: &str, body: &Value) -> Reply {
    Reply::of(&serve(app, &event("POST", &format!("/api/{call}"), body.to_string())).await)
}
