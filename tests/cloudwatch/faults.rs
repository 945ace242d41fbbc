//! The fault table: every way in which CloudWatch and STS can fail; for each, the mirror's answer,
//! the number of its calls, and its log line. `cargo test --test cloudwatch faults -- --nocapture`
//! prints the table.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use stackstate_mirror::app::App;

use super::log_capture;
use crate::support::app::{NOW, app_with, now};
use crate::support::events::{Reply, event};
use crate::support::sdk_mock::condition;
use crate::support::wire_fake::{CBOR, Response, WireFake, XML, list, map, number, text, time};

const MINUTE: i64 = 60_000;
const END: i64 = NOW - NOW % MINUTE;

/// All secrets begin with this, and nothing else contains it.
const HUSH: &str = "hush";

/// A mirror whose AWS is at this URL.
pub(crate) fn app_at(url: &str) -> App {
    let variables = [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_REGION", "eu-west-1"),
        ("MIRROR_ACCESS_TOKEN", "hush-token-of-the-mirror"),
    ];
    app_with(&variables, now)
}

/// Connection details full of secrets.
fn details(role: bool) -> Value {
    let mut details = json!({
        "accessToken": "hush-token-of-the-mirror", "region": "eu-west-1",
        "accessKeyId": "hush-key-id", "secretAccessKey": "hush-key", "sessionToken": "hush-session",
    });
    if role {
        details["roleArn"] = json!("arn:aws:iam::123456789012:role/reader");
        details["externalId"] = json!("hush-external-id");
    }
    details
}

/// A request whose first call to AWS is `call`: its path and body.
pub(crate) fn request(call: &str, timeout: Option<u64>) -> (&'static str, Value) {
    let mut details = details(call == "AssumeRole");
    if let Some(timeout) = timeout {
        details["requestTimeout"] = json!(timeout);
    }
    let range = json!({"startTime": END - 60 * MINUTE, "endTime": END});
    let with = |mut query: Value| {
        query.as_object_mut().unwrap().extend(range.as_object().unwrap().clone());
        json!({"connectionDetails": details, "query": query})
    };
    match call {
        "ListMetrics" => (
            "/api/field/value",
            with(json!({"field": {"fieldName": "Namespace", "fieldType": "STRING"}})),
        ),
        _ => (
            "/api/metric",
            with(json!({
                "conditions": [condition("Namespace", json!("N"))], "metricField": "M",
                "aggregation": {"method": "MAX", "bucketSizeMillis": MINUTE},
            })),
        ),
    }
}

/// Sends a request. `id` is its request id in the log.
pub(crate) async fn send(app: &App, id: &str, (path, body): (&str, Value)) -> Reply {
    let payload = serde_json::from_value(event("POST", path, body.to_string())).unwrap();
    let mut context = lambda_http::Context::default();
    id.clone_into(&mut context.request_id);
    let event = lambda_http::LambdaEvent::new(payload, context);
    let answer = stackstate_mirror::event::serve(app, event).await.unwrap();
    Reply::of(&serde_json::to_value(answer).unwrap())
}

/// A page of GetMetricData with one series.
pub(crate) fn page(status: &str, token: Option<&str>, messages: &[(&str, &str)]) -> Response {
    let messages =
        messages.iter().map(|(code, value)| map(&[("Code", text(code)), ("Value", text(value))]));
    let result = map(&[
        ("Id", text("q0")),
        ("StatusCode", text(status)),
        ("Timestamps", list(&[time(END - 2 * MINUTE)])),
        ("Values", list(&[number(1.5)])),
        ("Messages", list(&messages.collect::<Vec<_>>())),
    ]);
    let mut members = vec![("MetricDataResults", list(&[result]))];
    members.extend(token.map(|token| ("NextToken", text(token))));
    Response::ok(&members)
}

/// The mirror's answer to a fault.
enum Outcome {
    /// An error with this `_type`, whose details contain these words.
    Error(&'static str, &'static str),
    /// Points, and whether they are partial.
    Points(bool),
    /// A list, and whether it is partial.
    List(bool),
}

use Outcome::{Error, List, Points};

const CONNECTION: &str = "MetricStoreConnectionError";
const REMOTE: &str = "RemoteMirrorError";

const DENIED: &str = "their policy does not allow cloudwatch:GetMetricData";
const UNKNOWN_KEY: &str = "does not know the access key";
const NOT_ACCEPTED: &str = "in eu-west-1 (CloudWatch says: SAID)";
const NOT_ASSUMED: &str = "may not assume the role arn:aws:iam::123456789012:role/reader";
const UNREADABLE: &str = "CloudWatch in eu-west-1 sent a response that cannot be read";

/// A call, the name of the fault, AWS's response to every attempt, the mirror's answer, and the
/// number of attempts.
type Row = (&'static str, &'static str, Response, Outcome, usize);

/// The errors in the API references of GetMetricData, ListMetrics and AssumeRole, their "Common
/// Error Types", those of Signature Version 4, and others that were seen.
fn error_responses() -> Vec<Row> {
    let data = |status, code, outcome, asked| -> Row {
        ("GetMetricData", code, Response::error(status, code, message(code)), outcome, asked)
    };
    let list = |status, code, outcome, asked| -> Row {
        ("ListMetrics", code, Response::error(status, code, message(code)), outcome, asked)
    };
    let sts = |status, code, words, asked| -> Row {
        let answer = Response::sts_error(status, code, message(code));
        ("AssumeRole", code, answer, Error(CONNECTION, words), asked)
    };
    let about = |code: &'static str, said: &str, words| -> Row {
        ("GetMetricData", code, Response::error(403, code, said), Error(CONNECTION, words), 1)
    };
    let sts_about = |code: &'static str, said: &str, words| -> Row {
        ("AssumeRole", code, Response::sts_error(403, code, said), Error(CONNECTION, words), 1)
    };
    let expired = "Signature expired: 20261128T060000Z is now earlier than 20261128T061500Z \
                   (20261128T063000Z - 15 min.)\nhush-quoted";
    let early = "Signature not yet current: 20261128T070000Z is still later than 20261128T063000Z \
                 (20261128T061500Z + 15 min.)";
    let region = "Credential should be scoped to a valid region, not 'hush-eu-west-1'. ";
    let service = "Credential should be scoped to correct service: 'hush'. ";
    let clock = "CloudWatch does not accept this mirror's clock; expected a clock that is at most a few \
                 minutes off (CloudWatch says: Signature";
    let scope = "does not accept a signature for eu-west-1: the configured endpoint belongs to another \
                 region than the query";
    vec![
        about("SignatureDoesNotMatch", expired, clock),
        about("InvalidSignatureException", early, clock),
        about("SignatureDoesNotMatch", region, scope),
        about("InvalidSignatureException", service, scope),
        sts_about("SignatureDoesNotMatch", expired, "STS does not accept this mirror's clock"),
        sts_about("SignatureDoesNotMatch", region, scope),
        data(400, "InvalidNextToken", Error(REMOTE, NOT_ACCEPTED), 1),
        data(403, "AccessDenied", Error(CONNECTION, DENIED), 1),
        data(400, "AccessDeniedException", Error(CONNECTION, DENIED), 1),
        data(401, "NotAuthorized", Error(CONNECTION, DENIED), 1),
        data(403, "ExpiredToken", Error(CONNECTION, "the session has expired"), 1),
        data(403, "ExpiredTokenException", Error(CONNECTION, "the session has expired"), 1),
        data(403, "IncompleteSignature", Error(CONNECTION, UNKNOWN_KEY), 1),
        data(403, "MissingAuthenticationToken", Error(CONNECTION, UNKNOWN_KEY), 1),
        data(400, "IncompleteSignatureException", Error(CONNECTION, UNKNOWN_KEY), 1),
        data(400, "MissingAuthenticationTokenException", Error(CONNECTION, UNKNOWN_KEY), 1),
        data(403, "InvalidClientTokenId", Error(CONNECTION, UNKNOWN_KEY), 1),
        data(403, "UnrecognizedClientException", Error(CONNECTION, UNKNOWN_KEY), 1),
        data(
            403,
            "SignatureDoesNotMatch",
            Error(CONNECTION, "the secretAccessKey does not belong to the accessKeyId"),
            1,
        ),
        data(
            403,
            "InvalidSignatureException",
            Error(CONNECTION, "does not belong to the accessKeyId"),
            1,
        ),
        data(403, "InvalidToken", Error(CONNECTION, "does not know the sessionToken"), 1),
        data(403, "OptInRequired", Error(CONNECTION, "eu-west-1 is not enabled"), 1),
        data(400, "RequestExpired", Error(CONNECTION, "does not accept this mirror's clock"), 1),
        data(
            400,
            "RequestTimeTooSkewed",
            Error(CONNECTION, "does not accept this mirror's clock"),
            1,
        ),
        data(500, "InternalFailure", Error(CONNECTION, "status 500, InternalFailure"), 3),
        data(500, "InternalServiceFault", Error(CONNECTION, "500, InternalServiceFault"), 3),
        data(503, "ServiceUnavailable", Error(CONNECTION, "503, ServiceUnavailable"), 3),
        data(400, "LimitExceeded", Error(CONNECTION, "throttles this account's"), 1),
        data(400, "ValidationError", Error(REMOTE, NOT_ACCEPTED), 1),
        data(400, "ValidationException", Error(REMOTE, NOT_ACCEPTED), 1),
        data(400, "InvalidParameterValue", Error(REMOTE, NOT_ACCEPTED), 1),
        data(400, "InvalidParameterCombination", Error(REMOTE, NOT_ACCEPTED), 1),
        data(400, "MissingParameter", Error(REMOTE, NOT_ACCEPTED), 1),
        data(408, "RequestTimeoutException", Error(CONNECTION, "408, RequestTimeoutException"), 3),
        data(400, "RequestAbortedException", Error(CONNECTION, "RequestAbortedException"), 1),
        data(400, "MalformedHttpRequestException", Error(CONNECTION, "MalformedHttpRequest"), 1),
        data(413, "RequestEntityTooLargeException", Error(CONNECTION, "status 413"), 1),
        data(404, "UnknownOperationException", Error(CONNECTION, "UnknownOperation"), 1),
        data(400, "NeverHeardOf", Error(CONNECTION, "status 400, NeverHeardOf"), 1),
        list(500, "InternalServiceFault", Error(CONNECTION, "failed to answer ListMetrics"), 3),
        list(400, "InvalidParameterValue", Error(REMOTE, NOT_ACCEPTED), 1),
        list(403, "AccessDenied", Error(CONNECTION, "does not allow cloudwatch:ListMetrics"), 1),
        sts(400, "ExpiredTokenException", "the session has expired", 1),
        sts(400, "MalformedPolicyDocument", "status 400, MalformedPolicyDocument", 1),
        sts(400, "PackedPolicyTooLarge", "status 400, PackedPolicyTooLarge", 1),
        sts(
            403,
            "RegionDisabledException",
            "the region eu-west-1, in which this mirror asks STS, is not enabled",
            1,
        ),
        sts(403, "AccessDenied", NOT_ASSUMED, 1),
        sts(403, "ExpiredToken", "the session has expired", 1),
        sts(
            403,
            "SignatureDoesNotMatch",
            "the secretAccessKey does not belong to the accessKeyId",
            1,
        ),
        sts(403, "InvalidClientTokenId", UNKNOWN_KEY, 1),
        sts(400, "ValidationError", "up to the role's maximum session duration", 1),
        sts(400, "IDPCommunicationError", "status 400, IDPCommunicationError", 3),
        sts(500, "InternalFailure", "STS in eu-west-1 failed to answer AssumeRole", 3),
        sts(503, "ServiceUnavailable", "status 503, ServiceUnavailable", 3),
    ]
}

/// AWS's message. A message about a signature can quote what was signed.
fn message(code: &str) -> &'static str {
    let about_keys = ["Signature", "Token", "Client"].iter().any(|word| code.contains(word));
    if about_keys && code != "InvalidNextToken" { "hush-quoted" } else { "SAID" }
}

/// Faults other than error responses.
fn other_faults() -> Vec<Row> {
    let data =
        |name, answer, outcome, asked| -> Row { ("GetMetricData", name, answer, outcome, asked) };
    let complete = |messages| page("Complete", None, messages);
    let html =
        |status| Response::Complete(status, "Content-Type: text/html", b"<html>hush".to_vec());
    let cbor = |bytes: &[u8]| Response::Complete(200, CBOR, bytes.to_vec());
    let messages = [("SomeCode", "Some text")];
    let warning = || Error(REMOTE, "SomeCode: Some text");
    vec![
        data("a valid response", complete(&[]), Points(false), 1),
        data(
            "status PartialData without points",
            Response::ok(&[(
                "MetricDataResults",
                list(&[map(&[("Id", text("q0")), ("StatusCode", text("PartialData"))])]),
            )]),
            Error(CONNECTION, "returned only a part of the data of this metric"),
            5,
        ),
        data("status PartialData", page("PartialData", None, &[]), Points(true), 1),
        data(
            "status InternalError",
            page("InternalError", None, &[]),
            Error(
                CONNECTION,
                "CloudWatch failed to compute this metric (status InternalError) in 5 attempts",
            ),
            5,
        ),
        data(
            "status Forbidden",
            page("Forbidden", None, &[]),
            Error(CONNECTION, "status Forbidden"),
            1,
        ),
        data(
            "status Forbidden with a reason",
            page("Forbidden", None, &[("Any", "not allowed")]),
            Error(CONNECTION, "read this metric (status Forbidden: not allowed)"),
            1,
        ),
        data(
            "status InternalError with a reason",
            page("InternalError", None, &[("Any", "Expressions not implemented")]),
            Error(CONNECTION, "(status InternalError: Expressions not implemented) in 5 attempts"),
            5,
        ),
        data(
            "a status of the future",
            page("Odd", None, &[]),
            Error(CONNECTION, "the status Odd"),
            1,
        ),
        data("a warning about a series", complete(&messages), warning(), 1),
        data(
            "a warning about the response",
            Response::ok(&[(
                "Messages",
                list(&[map(&[("Code", text("SomeCode")), ("Value", text("Some text"))])]),
            )]),
            warning(),
            1,
        ),
        data("a page token that repeats", page("Complete", Some("again"), &[]), Points(true), 2),
        data("CBOR that ends early", cbor(&[0xA1, 0x79, 0x00]), Error(CONNECTION, UNREADABLE), 1),
        data("CBOR of another shape", cbor(&[0x83, 1, 2, 3]), Error(CONNECTION, UNREADABLE), 1),
        data("no CBOR", cbor(b"\xFF\xFEhush"), Error(CONNECTION, UNREADABLE), 1),
        data("a web page", html(200), Error(CONNECTION, UNREADABLE), 1),
        data("a web page, 403", html(403), Error(CONNECTION, "status 403"), 1),
        data("a web page, 502", html(502), Error(CONNECTION, "status 502"), 3),
        data(
            "a response cut short",
            Response::Truncated,
            Error(CONNECTION, "response that cannot be read"),
            3,
        ),
        data(
            "a connection that is closed",
            Response::Closed,
            Error(CONNECTION, "did not respond to GetMetricData: connection closed"),
            3,
        ),
        data(
            "no response",
            Response::Never,
            Error(CONNECTION, "no answer within 1800 milliseconds"),
            2,
        ),
        ("ListMetrics", "a valid response", Response::ok(&[]), List(false), 1),
        (
            "ListMetrics",
            "a page token that repeats",
            Response::ok(&[("NextToken", text("again"))]),
            List(true),
            2,
        ),
        ("ListMetrics", "no CBOR", cbor(b"\xFF\xFEhush"), Error(CONNECTION, UNREADABLE), 1),
        ("ListMetrics", "no response", Response::Never, Error(CONNECTION, "no answer within"), 2),
        (
            "AssumeRole",
            "no XML",
            Response::Complete(200, XML, b"hush".to_vec()),
            Error(CONNECTION, "STS in eu-west-1 sent a response that cannot be read"),
            1,
        ),
        (
            "AssumeRole",
            "no credentials",
            Response::Complete(
                200,
                XML,
                b"<AssumeRoleResponse><AssumeRoleResult/></AssumeRoleResponse>".to_vec(),
            ),
            Error(CONNECTION, "STS returned no credentials for the role"),
            1,
        ),
        (
            "AssumeRole",
            "a connection that is closed",
            Response::Closed,
            Error(CONNECTION, "STS in eu-west-1 did not respond to AssumeRole"),
            3,
        ),
        (
            "AssumeRole",
            "no response",
            Response::Never,
            Error(CONNECTION, "STS in eu-west-1 to assume the role"),
            2,
        ),
    ]
}

#[tokio::test]
async fn every_fault_has_its_answer() {
    log_capture::start();
    let rows: Vec<Row> = error_responses().into_iter().chain(other_faults()).collect();
    let replies =
        join_all(rows.iter().enumerate().map(async |(row, (call, fault, answer, _, _))| {
            let answer = answer.clone();
            let fake = WireFake::new(move |_| answer.clone());
            let timeout = (*fault == "no response").then_some(2_000);
            let id = format!("{call}, {fault}, row {row}");
            let reply = send(&app_at(&fake.url), &id, request(call, timeout)).await;
            (id, reply, fake.count(call))
        }));
    let replies = replies.await;
    let lines = log_capture::lines();
    assert_eq!(lines.len(), rows.len(), "a line a request: {}", log_capture::text());
    for ((id, reply, asked), (_, _, _, outcome, expected)) in replies.iter().zip(&rows) {
        let Reply { status, body, .. } = reply;
        assert_eq!(asked, expected, "{id}: {body}");
        let line = lines.iter().find(|line| line["requestId"] == **id).unwrap();
        let logged = ["level", "source", "status", "error", "reason"].map(|name| &line[name]);
        let throttles = usize::from(id.contains("LimitExceeded"));
        assert_eq!(
            (&line["attempts"], &line["throttles"]),
            (&json!(asked), &json!(throttles)),
            "{id}"
        );
        println!("| {id} | {} | {asked} | {} {} |", in_words(body), line["level"], line["reason"]);
        match outcome {
            Error(kind, words) => {
                assert_eq!((*status, body["_type"].as_str()), (500, Some(*kind)), "{id}: {body}");
                let details = body["details"].as_str().unwrap();
                assert!(details.contains(words), "{id}: {details}");
                let reason = match *kind {
                    CONNECTION => "The metric store cannot be used",
                    _ => body["summary"].as_str().unwrap(),
                };
                assert_eq!(json!(logged), json!(["WARN", "cloudwatch", 500, kind, reason]), "{id}");
            }
            Points(is_partial) => {
                assert_eq!(body["telemetry"]["isPartial"], *is_partial, "{id}: {body}");
                assert_eq!(body["telemetry"]["points"][0][0], 1.5, "{id}: {body}");
                assert_eq!(json!(logged), json!(["INFO", "cloudwatch", 200, null, null]), "{id}");
            }
            List(is_partial) => {
                assert_eq!(body["isPartial"], *is_partial, "{id}: {body}");
                assert_eq!(json!(logged), json!(["INFO", "cloudwatch", 200, null, null]), "{id}");
            }
        }
        assert!(!body.to_string().contains(HUSH), "{id}: {body}");
    }
    assert!(!log_capture::text().contains(HUSH), "{}", log_capture::text());
}

/// The mirror's answer in a few words, for the table.
fn in_words(body: &Value) -> String {
    match (&body["_type"], &body["details"]) {
        (kind, Value::String(details)) => format!("{}: {details}", kind.as_str().unwrap()),
        (kind, _) => {
            let partial = body["isPartial"].as_bool().or(body["telemetry"]["isPartial"].as_bool());
            format!("{}, isPartial {}", kind.as_str().unwrap(), partial.unwrap())
        }
    }
}

/// A throttled call is tried until the deadline, and the error tells how often.
#[tokio::test]
async fn throttled_calls_are_tried_until_the_deadline() {
    log_capture::start();
    let codes = [
        ("GetMetricData", 400, "Throttling"),
        ("GetMetricData", 400, "ThrottlingException"),
        ("GetMetricData", 400, "RequestLimitExceeded"),
        ("GetMetricData", 429, "TooManyRequestsException"),
        ("ListMetrics", 400, "Throttling"),
        ("AssumeRole", 400, "Throttling"),
    ];
    let asked = join_all(codes.iter().map(async |(call, status, code)| {
        let fault = match *call {
            "AssumeRole" => Response::sts_error(*status, code, "SAID"),
            _ => Response::error(*status, code, "SAID"),
        };
        let fake = WireFake::new(move |_| fault.clone());
        let id = format!("{call}, {code}");
        let reply = send(&app_at(&fake.url), &id, request(call, Some(3_000))).await;
        let asked = fake.count(call);
        // The second attempt comes within a second, the third within two more.
        assert!((2..20).contains(&asked), "{id}: {asked}");
        let details = reply.body["details"].as_str().unwrap();
        let service = if *call == "AssumeRole" { "STS" } else { "CloudWatch" };
        // The last attempt can be under way at the deadline.
        let refused = [asked, asked - 1].into_iter().find(|refused| {
            details.starts_with(&format!(
                "{service} in eu-west-1 throttles this account's {call} calls: it refused {refused} \
                 of {asked} attempts within 2700 milliseconds; use fewer streams"
            ))
        });
        (id, asked, refused.unwrap_or_else(|| panic!("{asked}: {details}")))
    }));
    let asked = asked.await;
    let lines = log_capture::lines();
    for (id, asked, refused) in asked {
        let line = lines.iter().find(|line| line["requestId"] == *id).unwrap();
        let counts = (&line["attempts"], &line["throttles"]);
        assert_eq!(counts, (&json!(asked), &json!(refused)), "{id}");
    }
}

/// A throttled call is worth more attempts than another fault, and does not use up those of one.
#[tokio::test]
async fn a_throttle_that_ends_is_waited_for() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let fake =
        WireFake::new(move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 | 1 => Response::error(400, "Throttling", "Rate exceeded"),
            2 => Response::error(503, "ServiceUnavailable", "SAID"),
            _ => page("Complete", None, &[]),
        });
    let reply = send(&app_at(&fake.url), "", request("GetMetricData", None)).await;
    assert_eq!(reply.body["telemetry"]["points"][0][0], 1.5, "{}", reply.body);
    assert_eq!(fake.count("GetMetricData"), 4);
    assert_eq!(*fake.connections.lock().unwrap(), 2, "throttling concerns the account");
}

/// Temporary faults are over at the third attempt. Another server may respond, so each attempt has
/// a new connection.
#[tokio::test]
async fn temporary_faults_are_retried() {
    for fault in [Response::Complete(503, CBOR, vec![]), Response::Truncated, Response::Closed] {
        let left = std::sync::atomic::AtomicUsize::new(2);
        let take = std::sync::atomic::Ordering::SeqCst;
        let fake = WireFake::new(move |_| {
            match left.fetch_update(take, take, |left| left.checked_sub(1)) {
                Ok(_) => fault.clone(),
                Err(_) => page("Complete", None, &[]),
            }
        });
        let reply = send(&app_at(&fake.url), "", request("GetMetricData", None)).await;
        assert_eq!(reply.body["telemetry"]["points"][0][0], 1.5, "{}", reply.body);
        assert_eq!(fake.count("GetMetricData"), 3);
        assert_eq!(*fake.connections.lock().unwrap(), 3);
    }
}

/// Connections can be dead without knowing it, after the process was frozen. The attempt on one has
/// a time of its own, and the next one has a new connection.
#[tokio::test]
async fn a_dead_connection_is_not_waited_for() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let fake = WireFake::new(move |call| {
        let number = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match (number, call.connection) {
            (..2, _) | (_, 3..) => page("Complete", None, &[]),
            _ => Response::Never,
        }
    });
    let app = app_at(&fake.url);
    let (_, body) = request("GetMetricData", None);
    let tested = json!({"connectionDetails": body["connectionDetails"]});
    assert_eq!(send(&app, "", ("/api/connection", tested)).await.status, 200);
    let (path, body) = request("GetMetricData", Some(2_000));
    let reply = send(&app, "", (path, body)).await;
    assert_eq!(reply.body["telemetry"]["points"][0][0], 1.5, "{}", reply.body);
    let calls = fake.calls.lock().unwrap();
    let connections: BTreeSet<usize> = calls[..2].iter().map(|call| call.connection).collect();
    assert_eq!(connections, [1, 2].into(), "a connection test makes two calls at once");
    assert_eq!(calls[3..].iter().map(|call| call.connection).collect::<Vec<_>>(), [3]);
}

/// An attempt that was given up for the next one does not use up retries, however many wait at once.
#[tokio::test]
async fn an_attempt_with_a_time_of_its_own_is_always_followed_by_another() {
    let fake = WireFake::new(|_| Response::Never);
    let app = app_at(&fake.url);
    join_all((0..60).map(|_| send(&app, "", request("GetMetricData", Some(4_000))))).await;
    assert_eq!(fake.count("GetMetricData"), 120);
}

/// A response that is larger than CloudWatch's are is not read.
#[tokio::test]
async fn a_response_of_any_size_is_not_read() {
    let largest = || {
        // A member that nobody knows.
        let start = [&[0xA1][..], &text("x"), &[0x7A]].concat();
        let length = (24 << 20) - start.len() - 4;
        [start, u32::try_from(length).unwrap().to_be_bytes().to_vec(), vec![b' '; length]].concat()
    };
    let fake = WireFake::new(move |_| Response::Complete(200, CBOR, largest()));
    let reply = send(&app_at(&fake.url), "", request("GetMetricData", None)).await;
    assert_eq!(reply.body["_type"], "MetricNotFoundError", "{}", reply.body);

    let fake = WireFake::new(|_| Response::Complete(200, CBOR, vec![0xA0; 25 << 20]));
    let reply = send(&app_at(&fake.url), "", request("GetMetricData", None)).await;
    let details = reply.body["details"].as_str().unwrap();
    let words = "CloudWatch in eu-west-1 did not respond to GetMetricData: the response has 26214400 \
                 bytes, more than 25165824";
    assert!(details.starts_with(words), "{details}");
    assert_eq!(fake.count("GetMetricData"), 1, "another would be as large");
}

/// One caller's failures do not use up another's retries.
#[tokio::test]
async fn callers_have_a_quota_of_retries_each() {
    let fake = WireFake::new(|_| Response::error(500, "InternalFailure", "SAID"));
    let app = app_at(&fake.url);
    let of = |caller: usize| {
        let (path, mut body) = request("GetMetricData", None);
        body["connectionDetails"]["accessKeyId"] = json!(caller.to_string());
        (path, body)
    };
    join_all((0..60).map(|_| send(&app, "", of(1)))).await;
    assert!(fake.count("GetMetricData") < 180, "it is used up");
    let before = fake.count("GetMetricData");
    send(&app, "", of(2)).await;
    assert_eq!(fake.count("GetMetricData") - before, 3);
}

/// Callers share connections, so many callers need no more of them than one.
#[tokio::test]
async fn callers_share_connections() {
    let fake = WireFake::new(|call| match call.action.as_str() {
        "GetMetricData" => page("Complete", None, &[]),
        _ => Response::ok(&[]),
    });
    let app = app_at(&fake.url);
    for caller in 0..200 {
        let (path, mut body) = request("GetMetricData", None);
        body["connectionDetails"]["accessKeyId"] = json!(caller.to_string());
        assert_eq!(send(&app, "", (path, body)).await.status, 200);
    }
    assert_eq!(fake.count("GetMetricData"), 200);
    assert_eq!(*fake.connections.lock().unwrap(), 1);
}
