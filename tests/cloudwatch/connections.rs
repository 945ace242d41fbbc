//! Callers and their permissions.

use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};
use stackstate_mirror::app::App;
use stackstate_mirror::time::EpochMillis;

use crate::support::app::app_with;
use crate::support::events::{Reply, event, post, serve};
use crate::support::ministack::{
    HOUR, MINUTE, NEIGHBOUR, OWNER, REGION, account, app, now, put, yesterday,
};
use crate::support::wire_fake::{Response, WireFake, XML};

const TOKEN: &str = "a-token-of-24-characters";

fn with(mut details: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        details[name] = value.clone();
    }
    details
}

/// The neighbour's keys and the owner's role.
fn reader() -> Value {
    with(
        account(NEIGHBOUR),
        json!({"roleArn": "arn:aws:iam::111111111111:role/reader", "externalId": "the-external-id"}),
    )
}

/// Why the connection test fails; `None` if it passes.
async fn failure(app: &App, details: &Value) -> Option<String> {
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
    let app = app(&[]);
    let query = json!({"startTime": 0, "endTime": 1000});
    let reply = post(&app, "metric", &json!({"connectionDetails": {}, "query": query})).await;
    assert_eq!(reply.status, 200);
    assert!(app.cloudwatch().is_unused());
    assert_eq!(failure(&app, &account(OWNER)).await, None);
    assert!(!app.cloudwatch().is_unused());
}

#[tokio::test]
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
    assert!(text.contains("STS in eu-west-1 to assume the role"), "{text}");

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

/// The response of AssumeRole with a session of this length.
fn session(seconds: u64) -> String {
    let until = DateTime::from(SystemTime::now() + Duration::from_secs(seconds));
    format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAX</AccessKeyId>\
         <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
         <Expiration>{}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        until.fmt(Format::DateTime).unwrap()
    )
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

#[tokio::test]
async fn a_roles_session_is_cached_and_renewed_before_it_expires() {
    for (seconds, asked_for) in [(3_600, 1), (200, 9)] {
        let fake = WireFake::new(move |call| match call.action.as_str() {
            "AssumeRole" => Response::Complete(200, XML, session(seconds).into_bytes()),
            _ => Response::ok(&[]),
        });
        let app = app_at(&fake.url);
        let details =
            with(reader(), json!({"roleSessionName": "a-session", "tokenExpirySeconds": 1_200}));
        for _ in 0..3 {
            assert_eq!(failure(&app, &details).await, None);
        }
        // A session that is about to expire is renewed by the mirror and by each of the two calls.
        assert_eq!(fake.count("AssumeRole"), asked_for, "sessions of {seconds} seconds");
        let first = String::from_utf8(fake.calls.lock().unwrap()[0].body.clone()).unwrap();
        for part in [
            "RoleArn=arn%3Aaws%3Aiam%3A%3A111111111111%3Arole%2Freader",
            "ExternalId=the-external-id",
            "RoleSessionName=a-session",
            "DurationSeconds=1200",
        ] {
            assert!(first.contains(part), "{first}");
        }
    }
}

#[tokio::test]
async fn a_session_is_used_until_its_last_minute_while_sts_fails() {
    for (seconds, is_good) in [(200, true), (30, false)] {
        let sessions = std::sync::atomic::AtomicUsize::new(0);
        let fake = WireFake::new(move |call| {
            let first = || sessions.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            match call.action.as_str() {
                "AssumeRole" if first() => {
                    Response::Complete(200, XML, session(seconds).into_bytes())
                }
                "AssumeRole" => Response::sts_error(403, "AccessDenied", "SAID"),
                _ => Response::ok(&[]),
            }
        });
        let text = failure(&app_at(&fake.url), &reader()).await;
        assert_eq!(text.is_none(), is_good, "sessions of {seconds} seconds: {text:?}");
        assert!(fake.count("AssumeRole") > 1, "STS is called again");
    }
}
