//! Callers and their permissions.

use std::net::TcpListener;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_cloudwatch::Client;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::{Value, json};
use stackstate_mirror::app::App;
use stackstate_mirror::time::EpochMillis;
use tokio::time::Instant;

use crate::support::app::{NOW, app_with, app_with_client};
use crate::support::events::{Reply, event, post, serve};
use crate::support::ministack::{
    HOUR, MINUTE, NEIGHBOUR, OWNER, REGION, account, app, now, put, yesterday,
};
use crate::support::sdk_mock::{self, body, data, list_page, lists, page};
use crate::support::wire_fake::{Response, WireFake};

const TOKEN: &str = "a-token-of-24-characters";

pub(crate) fn with(mut details: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        details[name] = value.clone();
    }
    details
}

/// The neighbour's keys and the owner's role.
pub(crate) fn reader() -> Value {
    with(
        account(NEIGHBOUR),
        json!({"roleArn": "arn:aws:iam::111111111111:role/reader", "externalId": "the-external-id"}),
    )
}

/// Why the connection test fails; `None` if it passes.
pub(crate) async fn failure(app: &App, details: &Value) -> Option<String> {
    let reply = post(app, "connection", &json!({"connectionDetails": details})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["_type"], "TestConnectionResponse");
    match reply.body["status"].as_str().unwrap() {
        "OK" => None,
        _ => {
            assert_eq!(reply.body["error"]["_type"], "MetricStoreConnectionError");
            Some(reply.body["error"]["details"].as_str().unwrap().to_owned())
        }
    }
}

async fn metric(app: &App, details: &Value, namespace: &str) -> Reply {
    let condition = json!({"key": "Namespace", "value": {"value": namespace}});
    let query = json!({
        "conditions": [condition], "metricField": "M",
        "startTime": yesterday(), "endTime": yesterday() + HOUR,
        "aggregation": {"method": "SUM_NO_ZEROS", "bucketSizeMillis": MINUTE},
    });
    post(app, "metric", &json!({"connectionDetails": details, "query": query})).await
}

#[tokio::test]
async fn good_connections_pass_their_test() {
    let own = app(&[
        ("AWS_ACCESS_KEY_ID", OWNER),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", REGION),
        ("MIRROR_ACCESS_TOKEN", TOKEN),
    ]);
    let trusted = |details: Value| with(details, json!({"accessToken": TOKEN}));
    for details in [
        account(OWNER),
        json!({"aws": {"aws_access_key_id": OWNER, "aws_secret_access_key": "test", "region_name": REGION}}),
        json!({"AccessKeyId": OWNER, "SecretAccessKey": "test", "Region": REGION}),
        reader(),
        json!({"source": "cloudwatch"}),
        json!({"AccessKeyId": "use-role", "SecretAccessKey": "use-role"}),
    ] {
        assert_eq!(failure(&own, &trusted(details.clone())).await, None, "{details}");
    }
}

#[tokio::test]
async fn bad_connections_say_what_is_wrong() {
    let app = app(&[]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (details, words) in [
        (
            with(account(OWNER), json!({"accessKeyId": "AKIAIOSFODNN7EXAMPLE"})),
            vec!["does not know the access key"],
        ),
        (
            with(reader(), json!({"externalId": "another"})),
            vec!["may not assume the role arn:aws:iam::111111111111:role/reader"],
        ),
        (json!({"accessKeyId": OWNER, "secretAccessKey": "test"}), vec!["the query has no region"]),
        (
            json!({"source": "cloudwatch"}),
            vec!["use the function's own role", "MIRROR_ACCESS_TOKEN", "AccessToken"],
        ),
        (
            json!({"roleArn": "arn:aws:iam::111111111111:role/reader"}),
            vec!["use the function's own role"],
        ),
    ] {
        let text = failure(&app, &details).await.unwrap_or_else(|| panic!("{details} is good"));
        for word in words {
            assert!(text.contains(word), "{text}");
        }
        for secret in ["AKIAIOSFODNN7EXAMPLE", "another"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let endpoint = format!("http://{closed}");
    let unreachable = app_at(&endpoint);
    let text = failure(&unreachable, &account(OWNER)).await.expect("nobody listens");
    assert!(
        text.contains("CloudWatch in eu-west-1 cannot be reached: Connection refused"),
        "{text}"
    );
}

fn app_at(endpoint: &str) -> App {
    app_with(&[("AWS_ENDPOINT_URL", endpoint)], || EpochMillis(now()))
}

#[tokio::test]
async fn callers_never_share_a_client() {
    put(OWNER, "Test/Callers", "M", &[], &[(yesterday(), 1.0)]).await;
    put(NEIGHBOUR, "Test/Callers", "M", &[], &[(yesterday(), 2.0)]).await;
    let app = app(&[]);
    let unknown = with(account(OWNER), json!({"accessKeyId": "AKIAIOSFODNN7EXAMPLE"}));
    for (details, value) in [
        (account(OWNER), Some(1.0)),
        (account(NEIGHBOUR), Some(2.0)),
        (reader(), Some(1.0)),
        (account(OWNER), Some(1.0)),
        (unknown, None),
        (with(reader(), json!({"externalId": "another"})), None),
        (reader(), Some(1.0)),
    ] {
        let reply = metric(&app, &details, "Test/Callers").await;
        assert_eq!(reply.body["telemetry"]["points"][0][0].as_f64(), value, "{}", reply.body);
    }
}

#[tokio::test]
async fn a_region_has_its_own_metrics() {
    put(OWNER, "Test/Region", "M", &[], &[(yesterday(), 1.0)]).await;
    let elsewhere = with(account(OWNER), json!({"region": "eu-west-2"}));
    let app = app(&[]);
    assert_eq!(metric(&app, &account(OWNER), "Test/Region").await.status, 200);
    // The query's region takes precedence over that of the connection details.
    let conditions = json!([
        {"key": "Namespace", "value": {"value": "Test/Region"}},
        {"key": "Region", "value": {"value": REGION}},
    ]);
    let query = json!({"conditions": conditions, "metricField": "M",
                       "startTime": yesterday(), "endTime": yesterday() + HOUR});
    let body = json!({"connectionDetails": elsewhere, "query": query});
    assert_eq!(post(&app, "metric", &body).await.status, 200);
    let reply = metric(&app, &elsewhere, "Test/Region").await;
    assert_eq!(reply.body["_type"], "MetricNotFoundError");
    let text = reply.body["details"].as_str().unwrap();
    assert!(text.starts_with("CloudWatch in eu-west-2 lists no such metric"), "{text}");
}

#[tokio::test]
async fn nothing_of_aws_is_built_for_random_data() {
    let gets = data(|_| page(vec![], None)).0;
    let (app, regions) =
        sdk_mock::app_with_regions(&[&gets, &lists(|_| list_page(vec![], None)).0]);
    let query = json!({"startTime": 0, "endTime": 1000});
    let reply = post(&app, "metric", &json!({"connectionDetails": {}, "query": query})).await;
    assert_eq!(reply.status, 200);
    assert!(regions.lock().unwrap().is_empty());
    assert_eq!(failure(&app, &account(OWNER)).await, None);
    assert_eq!(*regions.lock().unwrap(), [REGION]);
}

#[tokio::test(start_paused = true)]
async fn a_cloudwatch_that_never_responds_is_not_waited_for() {
    // The system accepts the connection, but nothing responds.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let app = app_at(&format!("http://{}", silent.local_addr().unwrap()));
    let details = |timeout: Value| with(account(OWNER), json!({"requestTimeout": timeout}));
    let body = |timeout: Value| json!({"connectionDetails": details(timeout)}).to_string();

    let started = Instant::now();
    let text = failure(&app, &details(json!(300))).await.expect("nobody answers");
    assert!(started.elapsed() < Duration::from_millis(300), "{:?}", started.elapsed());
    assert!(text.starts_with("no answer within 270 milliseconds"), "{text}");
    assert!(text.contains("waiting for CloudWatch in eu-west-1 to answer"), "{text}");

    let role = with(reader(), json!({"requestTimeout": 300}));
    let text = failure(&app, &role).await.expect("nobody answers");
    assert!(text.contains("STS in us-east-1 to assume the role"), "{text}");

    // Lambda's deadline is earlier than the connection's time limit.
    let event = event("POST", "/api/connection", body(json!(60_000)));
    let payload = serde_json::from_value(event).unwrap();
    let mut context = lambda_http::Context::default();
    context.deadline = u64::try_from(now() + 300).unwrap();
    let started = Instant::now();
    let event = lambda_http::LambdaEvent::new(payload, context);
    let answer = stackstate_mirror::event::serve(&app, event).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(300), "{:?}", started.elapsed());
    let reply = Reply::of(&serde_json::to_value(answer).unwrap());
    assert_eq!(reply.body["status"], "FAILURE");
}

/// An HTTP client whose server never responds.
#[derive(Debug)]
struct Silent;

impl HttpConnector for Silent {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(std::future::pending())
    }
}

/// StackState's dialog waits for 15 seconds. The clock is paused, so the waits take no time.
#[tokio::test(start_paused = true)]
async fn dialogs_have_their_answer_before_they_give_up() {
    let http = http_client_fn(|_, _| SharedHttpConnector::new(Silent));
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .timeout_config(TimeoutConfig::disabled())
        .http_client(http)
        .build();
    let app = app_with_client(Client::from_conf(config), crate::support::app::now);
    for (call, more, millis) in [
        ("connection", json!({}), 11_500),
        ("field/name", json!({}), 11_500),
        ("field/value", json!({}), 11_500),
        ("metric", json!({}), 24_500),
        ("field/value", json!({"requestTimeout": 20_000}), 19_500),
        ("connection", json!({"requestTimeout": 60_000}), 24_500),
        ("metric", json!({"request_timeout_seconds": 5}), 4_500),
    ] {
        let query = json!({
            "conditions": [{"key": "Namespace", "value": {"value": "N"}}], "metricField": "M",
            "field": {"fieldName": "Host"}, "startTime": 0, "endTime": crate::support::app::NOW,
        });
        let details = with(account(OWNER), more.clone());
        let started = Instant::now();
        let body = json!({"connectionDetails": details, "query": query});
        let reply = post(&app, call, &body).await;
        assert_eq!(started.elapsed().as_millis(), millis, "{call} {more}");
        let text = reply.body.to_string();
        assert!(text.contains(&format!("no answer within {millis} milliseconds")), "{text}");
    }
}

#[tokio::test]
async fn an_unauthorized_caller_learns_nothing() {
    let app = app(&[("MIRROR_ACCESS_TOKEN", TOKEN), ("MIRROR_API_KEY", "the-key")]);
    let details = |token: Value| json!({"connectionDetails": {"accessToken": token}}).to_string();
    for call in ["connection", "field/name", "field/value", "metric"] {
        let mut bodies = Vec::new();
        for body in [
            json!({"connectionDetails": {}}).to_string(),
            details(json!("another-token-of-some-length")),
            details(json!("")),
            details(json!(5)),
            details(json!([TOKEN])),
            json!({"accessToken": TOKEN}).to_string(),
            "no JSON".to_owned(),
            String::new(),
            "x".repeat(2 << 20),
        ] {
            let answer = serve(&app, &event("POST", &format!("/api/{call}"), body)).await;
            assert_eq!(answer["statusCode"], 401, "{answer}");
            assert_eq!(answer["headers"]["x-mirror-api-key"], Value::Null, "{answer}");
            bodies.push(answer["body"].clone());
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "every unauthorized caller gets the same answer");
    }
    for (method, path) in [("GET", "/"), ("POST", "/nothing"), ("GET", "/api/metric")] {
        let answer = serve(&app, &event(method, path, "")).await;
        assert_eq!(answer["headers"]["x-mirror-api-key"], Value::Null, "{method} {path}");
    }
    for spelling in ["accessToken", "access_token", "ACCESS-TOKEN"] {
        let body = json!({"connectionDetails": {spelling: TOKEN}});
        let reply = post(&app, "connection", &body).await;
        assert_eq!((reply.status, reply.key.as_deref()), (200, Some("the-key")), "{spelling}");
    }
    // A caller with the token is told about a mistake in the other details, and is not locked out.
    for mistake in
        [json!({"aws": 5}), json!({"region": "eu-west-1", "aws": {"region": "eu-west-2"}})]
    {
        let body = json!({"connectionDetails": with(mistake, json!({"accessToken": TOKEN}))});
        let reply = post(&app, "metric", &body).await;
        assert_eq!((reply.status, reply.key.as_deref()), (500, Some("the-key")), "{}", reply.body);
    }
    let twice = json!({"accessToken": TOKEN, "access_token": "another-token-of-some-length"});
    let reply = post(&app, "connection", &json!({"connectionDetails": twice})).await;
    assert_eq!((reply.status, reply.key), (401, None));
    let reply = post(&app, "metric", &json!({"connectionDetails": {"accessToken": TOKEN}})).await;
    assert_eq!((reply.status, reply.key.as_deref()), (500, Some("the-key")));
}

#[tokio::test]
async fn a_connection_test_names_each_missing_permission() {
    const CALLS: [&str; 2] = ["ListMetrics", "GetMetricData"];
    for missing in [&CALLS[..0], &CALLS[..1], &CALLS[1..], &CALLS] {
        let fake = WireFake::new(|call| match missing.contains(&call.action.as_str()) {
            true => Response::error(403, "AccessDenied", "User may not"),
            false => Response::ok(&[]),
        });
        let text = failure(&app_at(&fake.url), &account(OWNER)).await.unwrap_or_default();
        for call in CALLS {
            let is_named = text.contains(&format!("cloudwatch:{call}"));
            assert_eq!(is_named, missing.contains(&call), "{text}");
        }
        assert_eq!((fake.count("ListMetrics"), fake.count("GetMetricData")), (1, 1));
    }
    let fake = WireFake::new(|_| Response::error(403, "InvalidClientTokenId", "SAID"));
    let text = failure(&app_at(&fake.url), &account(OWNER)).await.unwrap();
    assert_eq!(text.matches("does not know the access key").count(), 1, "reported once: {text}");
}

/// The minute is over, so CloudWatch answers at once.
#[tokio::test]
async fn a_connection_test_asks_for_the_last_minute() {
    let (data_rule, requests) = data(|_| page(vec![], None));
    let (list_rule, _) = lists(|_| list_page(vec![], None));
    let details = body(json!({}), json!({}));
    let reply = post(&sdk_mock::app(&[&data_rule, &list_rule]), "connection", &details).await;
    assert_eq!(reply.body["status"], "OK");
    let times: Vec<_> = requests
        .lock()
        .unwrap()
        .iter()
        .flat_map(|input| [input.start_time().cloned(), input.end_time().cloned()])
        .map(|time| time.unwrap().to_millis().unwrap())
        .collect();
    assert_eq!(times, [NOW - 60_000, NOW]);
}
