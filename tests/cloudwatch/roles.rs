//! The sessions of roles: where STS is asked, how often, and how long a session is used.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};
use stackstate_mirror::app::App;

use super::connections::{failure, reader, with};
use crate::support::app::{NOW, app_with, now};
use crate::support::events::post;
use crate::support::sdk_mock::condition;
use crate::support::wire_fake::{Response, WireFake, XML};

fn app_at(url: &str, region: &str) -> App {
    app_with(&[("AWS_ENDPOINT_URL", url), ("AWS_REGION", region)], now)
}

/// An STS that gives sessions of an hour, and a CloudWatch without metrics.
fn aws() -> WireFake {
    WireFake::new(|call| match call.action.as_str() {
        "AssumeRole" => Response::Complete(200, XML, session(3_600).into_bytes()),
        _ => Response::ok(&[]),
    })
}

/// The regions of the calls of an action, in their order.
fn regions(fake: &WireFake, action: &str) -> Vec<String> {
    let calls = fake.calls.lock().unwrap();
    calls.iter().filter(|call| call.action == action).map(|call| call.region.clone()).collect()
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

/// An account may have disabled the region of the query, so STS is asked in a region that it
/// cannot have disabled, or in the function's own. CloudWatch is asked in the query's region.
#[tokio::test]
async fn sts_is_asked_in_a_region_that_is_enabled() {
    for (own, region, sts) in [
        ("eu-west-1", "eu-south-2", "eu-west-1"),
        ("eu-west-1", "eu-west-1", "eu-west-1"),
        ("eu-west-1", "cn-northwest-1", "cn-north-1"),
        ("eu-west-1", "us-gov-east-1", "us-gov-west-1"),
        ("us-gov-east-1", "us-gov-west-1", "us-gov-east-1"),
        ("us-gov-east-1", "me-central-1", "us-east-1"),
        ("cn-northwest-1", "cn-north-1", "cn-northwest-1"),
        // Not in Lambda: the function has no region.
        ("", "eu-south-2", "us-east-1"),
    ] {
        let fake = aws();
        let details = with(reader(), json!({"region": region}));
        assert_eq!(failure(&app_at(&fake.url, own), &details).await, None);
        assert_eq!(regions(&fake, "AssumeRole"), [sts], "{own} {region}");
        assert_eq!(regions(&fake, "ListMetrics"), [region], "{own} {region}");
        assert_eq!(regions(&fake, "GetMetricData"), [region], "{own} {region}");
    }
}

#[tokio::test]
async fn a_dashboard_over_five_regions_assumes_the_role_once() {
    let fake = aws();
    let app = app_at(&fake.url, "eu-west-1");
    let all = ["eu-west-1", "eu-west-2", "eu-south-2", "us-east-1", "ap-east-1"];
    let ask = async |details: Value, region: &str| {
        let query = json!({
            "conditions": [condition("Region", json!(region))],
            "field": {"fieldName": "Namespace"}, "startTime": 0, "endTime": NOW,
        });
        let body = json!({"connectionDetails": details, "query": query});
        let reply = post(&app, "field/value", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    };
    for region in all {
        ask(reader(), region).await;
    }
    assert_eq!(fake.count("AssumeRole"), 1);
    let found: BTreeSet<String> = regions(&fake, "ListMetrics").into_iter().collect();
    assert_eq!(found, all.map(str::to_owned).into());
    // Another caller, and another partition, have a session of their own.
    ask(with(reader(), json!({"externalId": "another"})), "eu-west-1").await;
    assert_eq!(fake.count("AssumeRole"), 2);
    ask(reader(), "us-gov-west-1").await;
    assert_eq!(regions(&fake, "AssumeRole"), ["eu-west-1", "eu-west-1", "us-gov-west-1"]);
}

#[tokio::test]
async fn callers_keep_their_sessions_beside_each_other() {
    let fake = aws();
    let app = app_at(&fake.url, "eu-west-1");
    for caller in ["a-caller", "another", "a-caller", "another"] {
        let details = with(reader(), json!({"externalId": caller}));
        assert_eq!(failure(&app, &details).await, None);
    }
    assert_eq!(fake.count("AssumeRole"), 2);
}

#[tokio::test]
async fn a_roles_session_is_cached_and_renewed_once_a_request() {
    for (seconds, asked_for) in [(3_600, 1), (200, 3)] {
        let fake = WireFake::new(move |call| match call.action.as_str() {
            "AssumeRole" => Response::Complete(200, XML, session(seconds).into_bytes()),
            _ => Response::ok(&[]),
        });
        let app = app_at(&fake.url, "eu-west-1");
        let details =
            with(reader(), json!({"roleSessionName": "a-session", "tokenExpirySeconds": 1_200}));
        for _ in 0..3 {
            assert_eq!(failure(&app, &details).await, None);
        }
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

/// A session of 200 seconds is due for renewal, but good. STS fails in some way: the first request
/// tries a renewal, and no other does for ten seconds.
#[tokio::test]
async fn a_session_is_used_until_its_last_minute_while_sts_fails() {
    for (name, fault) in [
        ("refuses", Response::sts_error(403, "AccessDenied", "SAID")),
        ("throttles", Response::sts_error(400, "Throttling", "SAID")),
        ("is silent", Response::Never),
    ] {
        let sessions = std::sync::atomic::AtomicUsize::new(0);
        let fake = WireFake::new(move |call| {
            let first = || sessions.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
            match call.action.as_str() {
                "AssumeRole" if first() => Response::Complete(200, XML, session(200).into_bytes()),
                "AssumeRole" => fault.clone(),
                _ => Response::ok(&[]),
            }
        });
        let app = app_at(&fake.url, "eu-west-1");
        let details = with(reader(), json!({"requestTimeout": 3_000}));
        let mut asked = Vec::new();
        for _ in 0..4 {
            // Whoever waited for STS until the end would have no time left.
            assert_eq!(failure(&app, &details).await, None, "STS {name}");
            asked.push(fake.count("AssumeRole"));
        }
        assert!(asked[1] > asked[0] && asked[1] == asked[3], "STS {name}: {asked:?}");
    }
}

/// A session that is about to expire is not used.
#[tokio::test]
async fn a_session_in_its_last_minute_is_not_used() {
    let sessions = std::sync::atomic::AtomicUsize::new(0);
    let fake = WireFake::new(move |call| {
        let first = || sessions.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        match call.action.as_str() {
            "AssumeRole" if first() => Response::Complete(200, XML, session(30).into_bytes()),
            "AssumeRole" => Response::sts_error(403, "AccessDenied", "SAID"),
            _ => Response::ok(&[]),
        }
    });
    let app = app_at(&fake.url, "eu-west-1");
    assert_eq!(failure(&app, &reader()).await, None, "it was new");
    let text = failure(&app, &reader()).await.unwrap();
    assert!(text.starts_with("the credentials may not assume the role"), "{text}");
}

/// The region of a query for the global services is that of the connection's partition.
#[tokio::test]
async fn global_services_are_asked_in_the_connections_partition() {
    for (own, region, global, sts) in [
        ("eu-west-1", "eu-west-1", "us-east-1", "eu-west-1"),
        ("us-gov-east-1", "us-gov-east-1", "us-gov-west-1", "us-gov-east-1"),
        ("eu-west-1", "us-gov-east-1", "us-gov-west-1", "us-gov-west-1"),
        ("eusc-de-east-1", "eusc-de-east-1", "eusc-de-east-1", "eusc-de-east-1"),
        ("cn-north-1", "cn-north-1", "cn-northwest-1", "cn-north-1"),
    ] {
        let fake = aws();
        let query = json!({
            "conditions": [condition("Region", json!("global"))],
            "field": {"fieldName": "Namespace"}, "startTime": 0, "endTime": NOW,
        });
        let details = with(reader(), json!({"region": region}));
        let body = json!({"connectionDetails": details, "query": query});
        let reply = post(&app_at(&fake.url, own), "field/value", &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(regions(&fake, "ListMetrics"), [global], "{own} {region}");
        assert_eq!(regions(&fake, "AssumeRole"), [sts], "{own} {region}");
    }
}

/// AWS refuses a session before its time: it was revoked, or the role was deleted and made again. The
/// next request has another one.
#[tokio::test]
async fn a_refused_session_is_given_up() {
    for code in
        ["ExpiredToken", "InvalidClientTokenId", "UnrecognizedClientException", "AccessDenied"]
    {
        let sessions = Arc::new(AtomicUsize::new(0));
        let count = sessions.clone();
        let refused = Arc::new(AtomicUsize::new(0));
        let is_refused = refused.clone();
        let fake = WireFake::new(move |call| match call.action.as_str() {
            "AssumeRole" => {
                count.fetch_add(1, Ordering::SeqCst);
                Response::Complete(200, XML, session(3_600).into_bytes())
            }
            // Sessions up to this number are revoked.
            _ if count.load(Ordering::SeqCst) <= is_refused.load(Ordering::SeqCst) => {
                Response::error(403, code, "SAID")
            }
            _ => Response::ok(&[]),
        });
        let app = app_at(&fake.url, "eu-west-1");
        assert_eq!(failure(&app, &reader()).await, None, "{code}");
        refused.store(1, Ordering::SeqCst);
        let text = failure(&app, &reader()).await.unwrap();
        assert!(text.contains("the role arn:aws:iam::111111111111:role/reader"), "{text}");
        assert!(!text.contains("access key") && text.contains("revoked"), "{text}");
        assert_eq!(failure(&app, &reader()).await, None, "{code}");
        assert_eq!(sessions.load(Ordering::SeqCst), 2, "{code}");
        // A real denial costs no session for each poll.
        refused.store(usize::MAX, Ordering::SeqCst);
        for _ in 0..5 {
            assert!(failure(&app, &reader()).await.is_some(), "{code}");
        }
        assert_eq!(sessions.load(Ordering::SeqCst), 2, "{code}: at most once in ten seconds");
    }
}

/// A role that was deleted has no other session. What STS says is told, and STS is not asked for each poll.
#[tokio::test]
async fn a_role_that_is_gone_is_told() {
    let is_gone = Arc::new(AtomicBool::new(false));
    let gone = is_gone.clone();
    let fake =
        WireFake::new(move |call| match (call.action.as_str(), gone.load(Ordering::SeqCst)) {
            ("AssumeRole", false) => Response::Complete(200, XML, session(3_600).into_bytes()),
            ("AssumeRole", true) => Response::sts_error(403, "AccessDenied", "SAID"),
            (_, true) => Response::error(403, "InvalidClientTokenId", "SAID"),
            (_, false) => Response::ok(&[]),
        });
    let app = app_at(&fake.url, "eu-west-1");
    assert_eq!(failure(&app, &reader()).await, None);
    is_gone.store(true, Ordering::SeqCst);
    let text = failure(&app, &reader()).await.unwrap();
    assert!(text.contains("does not accept the session of the role"), "{text}");
    for _ in 0..3 {
        let text = failure(&app, &reader()).await.unwrap();
        assert!(text.starts_with("the credentials may not assume the role"), "{text}");
        assert_eq!(fake.count("AssumeRole"), 2);
    }
}

/// Strangers of an open mirror bring keys that AWS does not know. They evict no caller that it knows.
#[tokio::test]
async fn made_up_keys_evict_no_session() {
    let fake = WireFake::new(|call| match call.action.as_str() {
        "AssumeRole" => Response::Complete(200, XML, session(3_600).into_bytes()),
        _ if call.access_key == "ASIAX" => Response::ok(&[]),
        _ => Response::error(403, "InvalidClientTokenId", "SAID"),
    });
    let app = app_at(&fake.url, "eu-west-1");
    assert_eq!(failure(&app, &reader()).await, None);
    for stranger in 0..64 {
        let keys = json!({
            "accessKeyId": format!("made-up-{stranger}"), "secretAccessKey": "x", "region": "eu-west-1",
        });
        let text = failure(&app, &keys).await.unwrap();
        assert!(text.contains("does not know the access key"), "{text}");
    }
    assert_eq!(failure(&app, &reader()).await, None);
    assert_eq!(fake.count("AssumeRole"), 1);
}
