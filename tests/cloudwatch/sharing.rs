//! Requests that are served at once: which questions share a call, and that each has its own answer.
//! The clock is the test's own: a call takes 80 ms of it.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::ErrorMetadata;
use aws_sdk_cloudwatch::operation::get_metric_data::{
    GetMetricDataError, GetMetricDataInput, GetMetricDataOutput,
};
use aws_sdk_cloudwatch::operation::list_metrics::ListMetricsError;
use aws_sdk_cloudwatch::types::{MessageData, Metric, MetricDataQuery, StatusCode};
use aws_smithy_mocks::{MockResponse, Rule, mock};
use futures_util::future::join_all;
use serde_json::{Value, json};
use stackstate_mirror::app::App;
use tokio::time::{Instant, timeout};

use super::{faults, log_capture};
use crate::support::app::{NOW, app_with, now};
use crate::support::events::{Reply, post};
use crate::support::sdk_mock::{
    self, DELAY, Requests, app_at_once, body, condition, list_page, lists, page, result,
};
use crate::support::wire_fake::{Response, WireFake};

const MINUTE: i64 = 60_000;
const END: i64 = NOW - NOW % MINUTE;
const START: i64 = END - 15 * MINUTE;

/// The calls that may be under way at once. Whatever is asked beyond waits.
const UNDER_WAY: usize = 4;

/// A query for the maximum of a metric in the last 15 minutes.
fn query(metric: &str) -> Value {
    json!({
        "conditions": [condition("Namespace", json!("N"))], "metricField": metric,
        "startTime": START, "endTime": END,
        "aggregation": {"method": "MAX", "bucketSizeMillis": MINUTE},
    })
}

/// The body of a query, whose points are not cached. Its calls wait for others that are under way,
/// not for the rate.
fn uncached(query: Value) -> Value {
    body(query, json!({"cacheSeconds": 0, "callsPerSecond": 1_000}))
}

fn with(mut query: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        query[name] = value.clone();
    }
    query
}

/// Questions that start as many calls as may be under way at once.
fn others() -> Vec<Value> {
    (0..UNDER_WAY).map(|other| uncached(query(&format!("Other{other}")))).collect()
}

async fn ask_at_once(app: &App, bodies: &[Value]) -> Vec<Reply> {
    join_all(bodies.iter().map(|body| post(app, "metric", body))).await
}

/// What a query asks for, in a text.
fn text_of(query: &MetricDataQuery) -> String {
    let Some(stat) = query.metric_stat() else { return query.expression().unwrap().to_owned() };
    let metric = stat.metric().unwrap();
    format!("{} {:?} {}", metric.metric_name().unwrap(), metric.dimensions(), stat.stat().unwrap())
}

fn metric_of(query: &MetricDataQuery) -> &str {
    query.metric_stat().and_then(|stat| stat.metric()?.metric_name()).unwrap_or_default()
}

/// The datapoints of a query: always the same, and others for each.
fn datapoints(query: &MetricDataQuery, input: &GetMetricDataInput) -> Vec<(i64, f64)> {
    let (start, end) = (input.start_time().unwrap(), input.end_time().unwrap());
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(text_of(query));
    let step = match metric_of(query) {
        "Nothing" => usize::MAX,
        "Gaps" => 3,
        _ => 1,
    };
    let times = (start.to_millis().unwrap()..end.to_millis().unwrap()).step_by(60_000);
    let value = |time: i64| match metric_of(query) {
        "NotANumber" if time % (2 * MINUTE) == 0 => f64::NAN,
        _ => ((hash % 1_000) as i64 + time / MINUTE % 100) as f64,
    };
    times
        .skip(usize::from(step == usize::MAX) * 99)
        .step_by(step)
        .map(|time| (time, value(time)))
        .collect()
}

/// CloudWatch's response: a page of at most `page_size` datapoints. It fails to compute the metric
/// `Fails` in the first call that asks for it, never shows `Forbidden`, has no result for `Omitted`, and
/// for `Late…` only on pages with its datapoints.
fn response(
    input: &GetMetricDataInput,
    page_size: usize,
    asked: &Mutex<HashMap<String, usize>>,
) -> GetMetricDataOutput {
    let page_size = page_size.min(usize::try_from(input.max_datapoints().unwrap()).unwrap());
    let first = input.next_token().map_or(0, |token| token.parse::<usize>().unwrap());
    let (mut before, mut results) = (0, Vec::new());
    for query in input.metric_data_queries() {
        let id = query.id().unwrap();
        let metric = metric_of(query);
        if metric == "Omitted" {
            continue;
        }
        let mut asked = asked.lock().unwrap();
        let times = asked.entry(text_of(query)).or_default();
        *times += usize::from(first == 0);
        let status = match metric {
            "Forbidden" => StatusCode::Forbidden,
            _ if metric == "Fails" && *times == 1 => StatusCode::InternalError,
            _ => StatusCode::Complete,
        };
        if status != StatusCode::Complete {
            results.push(result(id, &[], status));
            continue;
        }
        let all = datapoints(query, input);
        let on_page: Vec<_> = (before..)
            .zip(&all)
            .filter(|(place, _)| (first..first + page_size).contains(place))
            .map(|(_, point)| *point)
            .collect();
        before += all.len();
        let is_done = before <= first + page_size;
        let is_late = metric.starts_with("Late");
        if !on_page.is_empty() || !is_late && (before > first || first == 0) {
            let status = if is_done { StatusCode::Complete } else { StatusCode::PartialData };
            let mut result = result(id, &on_page, status);
            if metric == "Warns" {
                result.messages = Some(vec![message("Warned")]);
            }
            results.push(result);
        }
    }
    let token = (before > first + page_size).then(|| (first + page_size).to_string());
    page(results, token.as_deref())
}

fn message(code: &str) -> MessageData {
    MessageData::builder().code(code).value("SAID").build()
}

/// A CloudWatch that refuses every call with a metric `Bad…`, and records all calls.
fn cloudwatch(page_size: usize) -> (Rule, Requests) {
    let requests = Requests::default();
    let (recorded, asked) = (requests.clone(), Mutex::default());
    let rule = mock!(Client::get_metric_data).then_compute_response(move |input| {
        recorded.lock().unwrap().push(input.clone());
        let queries = input.metric_data_queries();
        if queries.iter().any(|query| metric_of(query).starts_with("Bad")) {
            let error = ErrorMetadata::builder().code("ValidationError").message("SAID").build();
            return MockResponse::Error(GetMetricDataError::generic(error));
        }
        let mut output = response(input, page_size, &asked);
        let is_odd = |metric: &str| match metric {
            "OddLater" => input.next_token().is_some(),
            _ => metric.starts_with("Odd"),
        };
        if queries.iter().any(|query| is_odd(metric_of(query))) {
            output.messages = Some(vec![message("Odd")]);
        }
        MockResponse::Output(output)
    });
    (rule, requests)
}

/// The number of queries in each call.
fn sizes(requests: &Requests) -> Vec<usize> {
    requests.lock().unwrap().iter().map(|input| input.metric_data_queries().len()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_alone_is_asked_at_once() {
    log_capture::start();
    let (rule, requests) = cloudwatch(usize::MAX);
    let app = app_at_once(&[&rule]);
    let begun = Instant::now();
    let reply = post(&app, "metric", &uncached(query("M"))).await;
    assert_eq!(reply.status, 200);
    // The clock of the runtime counts whole milliseconds.
    assert!(begun.elapsed() <= DELAY + Duration::from_millis(1), "{:?}", begun.elapsed());
    assert_eq!(sizes(&requests), [1]);
    let [line] = log_capture::lines().try_into().unwrap();
    assert_eq!((&line["queuedMs"], &line["sharedCalls"]), (&Value::Null, &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn five_hundred_streams_share_a_few_calls() {
    log_capture::start();
    let (rule, requests) = cloudwatch(usize::MAX);
    let bodies: Vec<Value> =
        (0..500).map(|stream| body(query(&format!("M{stream}")), json!({}))).collect();
    let replies = ask_at_once(&app_at_once(&[&rule]), &bodies).await;
    // By default, 40 calls start in a second, ten of them at once after a pause, if no more than four
    // are under way.
    assert_eq!(sizes(&requests), [1, 1, 1, 1, 496]);
    for (reply, body) in replies.iter().zip(&bodies) {
        let (rule, _) = cloudwatch(usize::MAX);
        assert_eq!(*reply, post(&sdk_mock::app(&[&rule]), "metric", body).await);
    }
    let lines = &log_capture::lines()[..500];
    log_capture::assert_documented(lines);
    let sum = |name: &str| lines.iter().filter_map(|line| line[name].as_u64()).sum::<u64>();
    assert_eq!((sum("calls"), sum("sharedCalls"), sum("metricsAsked")), (5, 495, 500));
    let waited = lines.iter().filter(|line| line["queuedMs"].as_f64() > Some(16.0)).count();
    assert_eq!(waited, 496);
}

#[tokio::test(start_paused = true)]
async fn a_call_has_at_most_five_hundred_queries_and_a_page_of_points_and_a_megabyte() {
    let day = json!({"startTime": END - 1_440 * MINUTE});
    let mean = json!({"aggregation": {"method": "MEAN", "bucketSizeMillis": MINUTE}});
    // A mean of ten metrics has two queries of each.
    let hosts: Vec<String> = (0..10).map(|host| host.to_string()).collect();
    let large: Vec<Value> = (0..29)
        .map(|name| condition(&format!("D{name}"), json!("v".repeat(1_000))))
        .chain([condition("Namespace", json!("N"))])
        .collect();
    for (count, members, calls) in [
        (900, json!({}), vec![500, 396]),
        (90, day, vec![70, 16]),
        (
            34,
            with(
                mean,
                json!({"conditions": [
                    condition("Namespace", json!("N")), condition("Host", json!(hosts)),
                ]}),
            ),
            vec![500, 100],
        ),
        (64, json!({"conditions": large}), vec![35, 25]),
    ] {
        let (rule, requests) = cloudwatch(usize::MAX);
        let bodies: Vec<Value> = (0..count)
            .map(|stream| uncached(with(query(&format!("M{stream}")), members.clone())))
            .collect();
        let replies = ask_at_once(&app_at_once(&[&rule]), &bodies).await;
        assert!(replies.iter().all(|reply| reply.status == 200), "{:?}", replies[0]);
        assert_eq!(sizes(&requests)[UNDER_WAY..], calls, "{members}");
    }
}

#[tokio::test(start_paused = true)]
async fn equal_questions_are_one_query() {
    let (rule, requests) = cloudwatch(usize::MAX);
    let mut bodies = others();
    bodies.extend((0..100).map(|_| uncached(query("Same"))));
    bodies.push(uncached(with(query("Same"), json!({"limit": 3}))));
    let replies = ask_at_once(&app_at_once(&[&rule]), &bodies).await;
    assert_eq!(sizes(&requests), [1, 1, 1, 1, 1]);
    assert!(replies[UNDER_WAY..104].iter().all(|reply| *reply == replies[UNDER_WAY]));
    assert_eq!(replies[104].body["telemetry"]["points"].as_array().unwrap().len(), 3);
}

/// Each row: questions that never share a call, so each has one of its own.
#[tokio::test(start_paused = true)]
async fn questions_that_differ_in_more_than_the_metric_are_asked_apart() {
    type Change = fn(usize, &mut Value);
    let rows: [(&str, Change); 8] = [
        ("access keys", |n, body| {
            body["connectionDetails"]["accessKeyId"] = json!(format!("id{n}"));
        }),
        ("secrets", |n, body| {
            body["connectionDetails"]["secretAccessKey"] = json!(format!("secret{n}"));
        }),
        ("session tokens", |n, body| {
            body["connectionDetails"]["sessionToken"] = json!(format!("token{n}"));
        }),
        ("regions", |n, body| {
            body["connectionDetails"]["region"] = json!(format!("eu-west-{}", n + 1));
        }),
        ("windows", |n, body| {
            body["query"]["endTime"] = json!(END - n as i64 * MINUTE);
        }),
        ("periods", |n, body| {
            body["query"]["startTime"] = json!(END - 720 * MINUTE);
            body["query"]["endTime"] = json!(END);
            body["query"]["aggregation"]["bucketSizeMillis"] =
                json!([1, 2, 3, 4, 5, 6, 8, 9][n] * MINUTE);
        }),
        ("expressions", |n, body| {
            let sql = format!("SELECT MAX(M{n}) FROM N");
            body["query"]["conditions"] = json!([condition("~", json!(sql))]);
            body["query"].as_object_mut().unwrap().remove("metricField");
        }),
        // Also if it is nothing but a metric: in another call, METRICS() would mean others.
        ("graphs", |n, body| {
            let graph = format!(r#"{{"metrics": [["N", "M{n}"]]}}"#);
            body["query"]["conditions"] = json!([condition("~", json!(graph))]);
            body["query"].as_object_mut().unwrap().remove("metricField");
        }),
    ];
    for (what, change) in rows {
        let (rule, requests) = cloudwatch(usize::MAX);
        let bodies: Vec<Value> = (0..8)
            .map(|number| {
                let mut body = uncached(query("M"));
                change(number, &mut body);
                body
            })
            .collect();
        let replies = ask_at_once(&app_at_once(&[&rule]), &bodies).await;
        assert!(replies.iter().all(|reply| reply.status == 200), "{what}: {replies:?}");
        assert_eq!(sizes(&requests), [1; 8], "{what}");
    }
}

/// The waiting questions of other windows are asked in the order of their first ones.
#[tokio::test(start_paused = true)]
async fn each_window_has_a_call_in_order_of_arrival() {
    let (rule, requests) = cloudwatch(usize::MAX);
    let mut bodies = others();
    for number in 0..30 {
        let end = json!({"endTime": END - number % 3 * MINUTE});
        bodies.push(uncached(with(query(&format!("M{number}")), end)));
    }
    ask_at_once(&app_at_once(&[&rule]), &bodies).await;
    assert_eq!(sizes(&requests), [1, 1, 1, 1, 10, 10, 10]);
    let ends: Vec<_> = requests.lock().unwrap()[UNDER_WAY..]
        .iter()
        .map(|input| input.end_time().unwrap().to_millis().unwrap())
        .collect();
    assert_eq!(ends, [END, END - MINUTE, END - 2 * MINUTE]);
}

/// What a request gets does not depend on whether its question shares a call.
#[tokio::test(start_paused = true)]
async fn every_answer_is_as_if_asked_alone() {
    let hosts = |hosts: &[&str]| json!({"conditions": [condition("Namespace", json!("N")), condition("Host", json!(hosts))]});
    let method =
        |method: &str| json!({"aggregation": {"method": method, "bucketSizeMillis": MINUTE}});
    let mut bodies = Vec::new();
    for metric in
        ["M", "Gaps", "Nothing", "NotANumber", "Fails", "Forbidden", "Warns", "Bad", "Odd"]
    {
        let query = query(metric);
        let and_hosts = with(hosts(&["a", "b"]), method("MEAN"));
        for members in [
            json!({}),
            json!({"limit": 1}),
            json!({"limit": 14}),
            json!({"limit": 15}),
            method("MEAN"),
            method("SUM"),
            method("EVENT_COUNT_NO_ZEROS"),
            method("PERCENTILE_99"),
            and_hosts.clone(),
            with(and_hosts.clone(), json!({"limit": 2})),
            with(hosts(&["a", "b", "c"]), method("SUM")),
            with(hosts(&["b"]), method("MEAN")),
        ] {
            let query = with(query.clone(), members);
            bodies.push(uncached(query.clone()));
            let mut zeros = uncached(query);
            zeros["connectionDetails"]["nanInterpretation"] = json!("ZERO");
            bodies.push(zeros);
        }
        // Raw data has no aggregation.
        let mut raw = query.clone();
        raw.as_object_mut().unwrap().remove("aggregation");
        bodies.push(uncached(raw));
    }
    for page_size in [usize::MAX, 100, 7] {
        let (list, _) = lists(|_| list_page(Vec::new(), None));
        let (rule, alone_requests) = cloudwatch(page_size);
        let alone = sdk_mock::app(&[&rule, &list]);
        let (rule, requests) = cloudwatch(page_size);
        let shared = app_at_once(&[&rule, &list]);
        // Alone too, a failure on each of many small pages is an error, depending on their number.
        let is_asked = |body: &&Value| page_size > 7 || body["query"]["metricField"] != "Fails";
        let bodies: Vec<Value> = bodies.iter().filter(is_asked).cloned().collect();
        let replies = ask_at_once(&shared, &bodies).await;
        for (reply, body) in replies.iter().zip(&bodies) {
            let expected = post(&alone, "metric", body).await;
            assert_eq!(*reply, expected, "pages of {page_size}: {}", body["query"]);
        }
        let (shared, alone) = (sizes(&requests), sizes(&alone_requests));
        let most = shared.iter().max().unwrap();
        assert!(*most > 50, "{most} queries in a call, pages of {page_size}");
        if page_size == usize::MAX {
            assert!(shared.len() < alone.len(), "{} and {} calls", shared.len(), alone.len());
        }
    }
}

/// CloudWatch does not say which query of a call it means, so the call is divided.
#[tokio::test(start_paused = true)]
async fn a_question_that_cloudwatch_refuses_fails_alone() {
    for (bad, words) in [("Bad", "in eu-west-1 (CloudWatch says: SAID)"), ("Odd", "Odd: SAID")] {
        let (rule, requests) = cloudwatch(usize::MAX);
        let app = app_at_once(&[&rule]);
        let bodies = |end: i64| {
            let mut bodies = others();
            bodies.extend((0..100).map(|number| uncached(query(&format!("M{number}")))));
            bodies.insert(50, uncached(query(bad)));
            for body in &mut bodies {
                body["query"]["endTime"] = json!(end);
            }
            bodies
        };
        let ask = async |end: i64| {
            requests.lock().unwrap().clear();
            let replies = ask_at_once(&app, &bodies(end)).await;
            for (place, reply) in replies.iter().enumerate() {
                let is_bad = place == 50;
                assert_eq!(reply.status, if is_bad { 500 } else { 200 }, "{place} {}", reply.body);
                assert_eq!(reply.body.to_string().contains(words), is_bad, "{}", reply.body);
            }
            sizes(&requests)
        };
        let calls = ask(END).await;
        assert_eq!(calls[..7], [1, 1, 1, 1, 101, 51, 50], "{calls:?}");
        assert!(calls.len() <= UNDER_WAY + 1 + 2 * 7, "halves of halves: {calls:?}");
        // The next poll has another window. The refused question is known, and asked alone.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut calls = ask(END - MINUTE).await;
        calls.sort_unstable();
        assert_eq!(calls, [1, 1, 1, 1, 1, 100], "{bad}");
        // After ten minutes it may share a call again.
        tokio::time::sleep(Duration::from_secs(601)).await;
        assert!(ask(END - 2 * MINUTE).await.contains(&101), "{bad}");
    }
}

/// Many refused questions cost a bounded number of calls, and the others are answered.
#[tokio::test(start_paused = true)]
async fn many_refused_questions_are_told_apart_from_the_others() {
    let ask = async |app: &App, end: i64, is_bad: &dyn Fn(usize) -> bool| {
        let mut bodies = others();
        bodies.extend((0..300).map(|number| {
            let name = if is_bad(number) { "Bad" } else { "M" };
            uncached(query(&format!("{name}{number}")))
        }));
        for body in &mut bodies {
            body["query"]["endTime"] = json!(end);
        }
        for (place, reply) in ask_at_once(app, &bodies).await.iter().enumerate().skip(UNDER_WAY) {
            let status = if is_bad(place - UNDER_WAY) { 500 } else { 200 };
            assert_eq!(reply.status, status, "{place} {}", reply.body);
            assert!(!reply.body.to_string().contains("bug"), "{}", reply.body);
        }
    };
    // Each row: which are refused, and the number of calls at first and later.
    type Row = (fn(usize) -> bool, usize, usize);
    let rows: [Row; 3] = [
        (|number| number == 299, 4 + 16 + 2, 4 + 1 + 1),
        (|number| number % 30 == 0, 150, 4 + 1 + 10),
        // 300 refused questions in halves: 1 + 2 + 4 + 8 + 16 + 30 + 60 + 100 + 150 + 300 calls.
        (|_| true, 4 + 671, 4 + 300),
    ];
    for (is_bad, first, later) in rows {
        let (rule, requests) = cloudwatch(usize::MAX);
        let app = app_at_once(&[&rule]);
        ask(&app, END, &is_bad).await;
        let count = sizes(&requests).len();
        assert!(count <= first, "{count} calls instead of {first}");
        // What is not yet known costs a few calls more.
        for round in 1..8 {
            tokio::time::sleep(Duration::from_secs(20)).await;
            requests.lock().unwrap().clear();
            ask(&app, END - round * MINUTE, &is_bad).await;
        }
        assert_eq!(sizes(&requests).len(), later);
    }
}

#[tokio::test(start_paused = true)]
async fn equal_questions_are_refused_together() {
    let (rule, requests) = cloudwatch(usize::MAX);
    let mut bodies = others();
    bodies.extend((0..60).map(|_| uncached(query("Bad"))));
    let replies = ask_at_once(&app_at_once(&[&rule]), &bodies).await;
    assert!(replies[UNDER_WAY..].iter().all(|reply| *reply == replies[UNDER_WAY]));
    assert_eq!(replies[UNDER_WAY].status, 500);
    assert_eq!(sizes(&requests), [1; 5]);
}

/// An error that is not about the queries is everybody's, and costs one call.
#[tokio::test(start_paused = true)]
async fn an_error_about_the_caller_is_an_error_for_all() {
    let requests = Requests::default();
    let recorded = requests.clone();
    let rule = mock!(Client::get_metric_data).then_compute_response(move |input| {
        recorded.lock().unwrap().push(input.clone());
        let error = ErrorMetadata::builder().code("AccessDenied").message("SAID").build();
        MockResponse::Error(GetMetricDataError::generic(error))
    });
    let bodies: Vec<Value> = (0..50).map(|stream| uncached(query(&format!("M{stream}")))).collect();
    for reply in ask_at_once(&app_at_once(&[&rule]), &bodies).await {
        assert_eq!(reply.status, 500);
        assert_eq!(reply.body["_type"], "MetricStoreConnectionError");
    }
    assert_eq!(sizes(&requests), [1, 1, 1, 1, 46]);
}

/// The others keep their own deadlines, also if the request that began the call is gone.
#[tokio::test(start_paused = true)]
async fn a_request_that_ends_takes_only_its_own_question_away() {
    // Calls begin at about 0 and 83 ms, and end 80 ms later.
    for (ends_after, asked) in [(50, vec![1, 1, 1, 1, 2]), (120, vec![1, 1, 1, 1, 3])] {
        for leaver in 0..3 {
            for by_deadline in [false, true] {
                let (rule, requests) = cloudwatch(usize::MAX);
                let app = app_at_once(&[&rule]);
                let mut bodies = others();
                bodies.extend(["A", "B", "C"].map(|metric| uncached(query(metric))));
                let leaver = UNDER_WAY + leaver;
                if by_deadline {
                    // A tenth of it is for the answer.
                    bodies[leaver]["connectionDetails"]["requestTimeout"] =
                        json!(ends_after * 10 / 9 + 1);
                }
                let app = &app;
                let replies = join_all(bodies.iter().enumerate().map(|(place, body)| async move {
                    let patience =
                        if place == leaver && !by_deadline { ends_after } else { 60_000 };
                    timeout(Duration::from_millis(patience), post(app, "metric", body)).await.ok()
                }))
                .await;
                assert_eq!(sizes(&requests), asked, "{leaver} after {ends_after}");
                for (place, reply) in replies.into_iter().enumerate() {
                    match reply {
                        None => assert!(place == leaver && !by_deadline),
                        Some(reply) if place == leaver => {
                            let details = reply.body["details"].as_str().unwrap();
                            let words = match ends_after {
                                50 => {
                                    assert!(
                                        details.contains("CloudWatch has not answered 4 calls yet"),
                                        "{details}"
                                    );
                                    "was not asked within 50 milliseconds"
                                }
                                _ => "no answer within 120 milliseconds",
                            };
                            assert!(by_deadline && details.contains(words), "{details}");
                        }
                        Some(reply) => assert_eq!(reply.status, 200, "{place} {}", reply.body),
                    }
                }
            }
        }
    }
}

/// A call that nobody waits for any more makes room for the next.
#[tokio::test(start_paused = true)]
async fn requests_that_end_leave_nothing_behind() {
    let (rule, requests) = cloudwatch(usize::MAX);
    let app = app_at_once(&[&rule]);
    for _ in 0..20 {
        let mut bodies = others();
        bodies.extend((0..10).map(|number| uncached(query(&format!("M{number}")))));
        let _ = timeout(Duration::from_millis(120), ask_at_once(&app, &bodies)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(sizes(&requests), [1, 1, 1, 1, 10].repeat(20));
    let begun = Instant::now();
    post(&app, "metric", &uncached(query("M"))).await;
    assert!(begun.elapsed() <= DELAY + Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_in_time_says_so() {
    let (rule, requests) = cloudwatch(usize::MAX);
    let app = app_at_once(&[&rule]);
    // They have different windows, so they never share a call.
    let bodies: Vec<Value> = (0..5)
        .map(|number| {
            let query = with(query("M"), json!({"endTime": END - number * MINUTE}));
            body(query, json!({"cacheSeconds": 0, "callsPerSecond": 1, "requestTimeout": 2_900}))
        })
        .collect();
    let replies = ask_at_once(&app, &bodies).await;
    assert_eq!(sizes(&requests), [1, 1, 1]);
    let statuses: Vec<u64> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [200, 200, 200, 500, 500]);
    assert_eq!(replies[4].body["_type"], "MetricStoreConnectionError");
    let details = replies[4].body["details"].as_str().unwrap();
    assert!(
        details.contains("CloudWatch in eu-west-1 was not asked within 2610 milliseconds")
            && details.contains("starts 1 GetMetricData calls a second"),
        "{details}"
    );
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_thousand_questions_wait() {
    let (rule, requests) = cloudwatch(usize::MAX);
    let app = app_at_once(&[&rule]);
    let bodies: Vec<Value> =
        (0..1_010).map(|number| uncached(query(&format!("M{number}")))).collect();
    let replies = ask_at_once(&app, &bodies).await;
    let is_refused = |reply: &Reply| {
        reply.body["details"].to_string().contains("too many queries of this mirror")
    };
    assert_eq!(replies.iter().filter(|reply| is_refused(reply)).count(), 6);
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1_004);
    assert_eq!(sizes(&requests), [1, 1, 1, 1, 500, 500]);
    // The room is free again.
    let replies = ask_at_once(&app, &bodies[..900]).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
}

/// What waits is bounded, also if the requests that wait end before a call starts.
#[tokio::test(start_paused = true)]
async fn requests_that_have_ended_count_until_their_place_is_free() {
    let (rule, requests) = cloudwatch(usize::MAX);
    let app = app_at_once(&[&rule]);
    let bodies: Vec<Value> =
        (0..1_004).map(|number| uncached(query(&format!("M{number}")))).collect();
    let calls = ask_at_once(&app, &bodies[..UNDER_WAY]);
    let hasty = async {
        let waiting = ask_at_once(&app, &bodies[UNDER_WAY..]);
        assert!(timeout(DELAY / 2, waiting).await.is_err());
        post(&app, "metric", &bodies[0]).await
    };
    let (_, refused) = futures_util::future::join(calls, hasty).await;
    assert!(refused.body["details"].to_string().contains("too many queries of this mirror"));
    assert_eq!(sizes(&requests), [1; UNDER_WAY]);
    tokio::time::sleep(DELAY).await;
    assert_eq!(post(&app, "metric", &bodies[0]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_serves_one_request_at_a_time_shares_nothing() {
    let (rule, requests) = cloudwatch(usize::MAX);
    let bodies: Vec<Value> = (0..20).map(|_| uncached(query("M"))).collect();
    ask_at_once(&sdk_mock::app_for(&[&rule], 1), &bodies).await;
    assert_eq!(sizes(&requests), [1; 20]);
}

fn values_of(field: &str, details: Value) -> Value {
    let query = json!({
        "conditions": [condition("Namespace", json!("N"))], "field": {"fieldName": field},
        "startTime": START, "endTime": END,
    });
    body(query, details)
}

async fn list_at_once(app: &App, bodies: &[Value]) -> Vec<Reply> {
    join_all(bodies.iter().map(|body| post(app, "field/value", body))).await
}

#[tokio::test(start_paused = true)]
async fn equal_lists_that_are_asked_at_once_are_read_once() {
    log_capture::start();
    let (rule, requests) = lists(|_| list_page(Vec::new(), None));
    let app = app_at_once(&[&rule]);
    let mut bodies = vec![values_of("MetricName", json!({})); 20];
    bodies.extend(
        (0..3).map(|caller| {
            values_of("MetricName", json!({"accessKeyId": format!("another{caller}")}))
        }),
    );
    let replies = list_at_once(&app, &bodies).await;
    assert!(replies.iter().all(|reply| *reply == replies[0] && reply.status == 200));
    assert_eq!(requests.lock().unwrap().len(), 4, "one for each caller");
    let lines = log_capture::lines();
    let shared = lines.iter().filter(|line| line["sharedCalls"] == 1).count();
    assert_eq!(shared, 19, "the others of the first caller");
    list_at_once(&app, &bodies).await;
    assert_eq!(requests.lock().unwrap().len(), 4, "then they are cached");
}

/// A list is read with the deadline of the request that began it, so who has more time tries again.
#[tokio::test(start_paused = true)]
async fn a_list_that_another_request_had_no_time_for_is_read_again() {
    let (rule, requests) = lists(|_| list_page(Vec::new(), None));
    let app = app_at_once(&[&rule]);
    let hasty = values_of("MetricName", json!({"requestTimeout": 55}));
    let patient = values_of("MetricName", json!({}));
    let replies = list_at_once(&app, &[hasty.clone(), patient.clone(), patient.clone()]).await;
    assert_eq!(replies.iter().map(|reply| reply.status).collect::<Vec<_>>(), [500, 200, 200]);
    assert_eq!(requests.lock().unwrap().len(), 2);
    // Whoever has less time than the reader does not wait for it longer than that.
    let (rule, requests) = lists(|_| list_page(Vec::new(), None));
    let app = app_at_once(&[&rule]);
    let replies = list_at_once(&app, &[patient, hasty]).await;
    assert_eq!(replies.iter().map(|reply| reply.status).collect::<Vec<_>>(), [200, 500]);
    assert!(requests.lock().unwrap().len() <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_list_does_not_end_with_the_request_that_began_it() {
    let (rule, requests) = lists(|_| list_page(Vec::new(), None));
    let app = app_at_once(&[&rule]);
    let body = values_of("MetricName", json!({}));
    let first = timeout(Duration::from_millis(40), post(&app, "field/value", &body));
    let (first, second) = futures_util::future::join(first, post(&app, "field/value", &body)).await;
    assert!(first.is_err());
    assert_eq!(second.status, 200);
    assert_eq!(requests.lock().unwrap().len(), 1);
}

/// A mirror that serves so many requests at once, whose AWS is at this URL.
fn app_of(fake: &WireFake, at_once: &str) -> App {
    let variables = [
        ("AWS_ENDPOINT_URL", fake.url.as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_LAMBDA_MAX_CONCURRENCY", at_once),
    ];
    app_with(&variables, now)
}

/// A call that is given up closes connections, which must not be another caller's.
#[tokio::test]
async fn callers_have_connections_of_their_own_if_they_are_served_at_once() {
    for (at_once, connections) in [("64", [1, 2, 1, 2]), ("1", [1, 1, 1, 1])] {
        let fake = WireFake::new(|_| faults::page("Complete", None, &[]));
        let app = app_of(&fake, at_once);
        for caller in ["one", "two", "one", "two"] {
            let mut body = uncached(query("M"));
            body["connectionDetails"]["accessKeyId"] = json!(caller);
            assert_eq!(post(&app, "metric", &body).await.status, 200);
        }
        let calls = fake.calls.lock().unwrap();
        let used: Vec<usize> = calls.iter().map(|call| call.connection).collect();
        assert_eq!(used, connections, "{at_once} at once");
    }
}

#[tokio::test]
async fn throttled_calls_are_no_errors() {
    log_capture::start();
    let count = AtomicUsize::new(0);
    let fake = WireFake::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0..6 => Response::error(400, "Throttling", "Rate exceeded"),
        _ => faults::page("Complete", None, &[]),
    });
    // Calls begin far enough apart that a slow machine has sent all requests before the fourth.
    let details = json!({"cacheSeconds": 0, "callsPerSecond": 4});
    let bodies: Vec<Value> = (0..30).map(|_| body(query("M"), details.clone())).collect();
    let replies = ask_at_once(&app_of(&fake, "64"), &bodies).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    let lines = log_capture::lines();
    let sum = |name: &str| lines.iter().filter_map(|line| line[name].as_u64()).sum::<u64>();
    assert_eq!(sum("throttles"), 6);
    assert_eq!(fake.count("GetMetricData") as u64, sum("attempts"));
    assert!(sum("calls") <= 4, "{} calls", sum("calls"));
    assert_eq!(sum("calls") + sum("sharedCalls"), 30);
}

/// A list that takes too long has what was read in time; one that CloudWatch refuses has nothing.
#[tokio::test(start_paused = true)]
async fn later_pages_of_a_list_can_be_missing_but_not_refused() {
    let metric = |name: &str| Metric::builder().namespace("N").metric_name(name).build();
    let (endless, requests) = lists(move |input| {
        let number = input.next_token().map_or(0, |token| token.parse::<usize>().unwrap());
        let token = (number + 1).to_string();
        list_page(vec![metric(&format!("M{number}"))], Some(&token))
    });
    // Pages end after 80, 160 and 240 ms. A fifth of 270 ms is for what was read.
    let body = values_of("MetricName", json!({"requestTimeout": 300}));
    let reply = post(&app_at_once(&[&endless]), "field/value", &body).await;
    assert_eq!((reply.status, &reply.body["isPartial"]), (200, &json!(true)), "{}", reply.body);
    assert_eq!(reply.body["values"].as_array().unwrap().len(), 2, "{}", reply.body);
    assert_eq!(requests.lock().unwrap().len(), 3);
    let refused = mock!(Client::list_metrics).then_compute_response(move |input| {
        if input.next_token().is_none() {
            return MockResponse::Output(list_page(vec![metric("M")], Some("1")));
        }
        let error = ErrorMetadata::builder().code("AccessDenied").message("SAID").build();
        MockResponse::Error(ListMetricsError::generic(error))
    });
    let reply = post(&app_at_once(&[&refused]), "field/value", &body).await;
    assert_eq!(reply.status, 500, "{}", reply.body);
    assert!(reply.body["details"].to_string().contains("cloudwatch:ListMetrics"));
}

/// AWS charges for every query of every page, also of a response that only has a message.
#[tokio::test(start_paused = true)]
async fn every_metric_that_aws_charges_for_is_counted() {
    for (last, page_size, calls) in
        [("M30", 1_000, 2), ("M30", 130, 5), ("Odd", 1_000, 10), ("OddLater", 130, 9)]
    {
        log_capture::start();
        let (rule, requests) = cloudwatch(page_size);
        let mut bodies: Vec<Value> =
            (0..30).map(|number| uncached(query(&format!("M{number}")))).collect();
        bodies.push(uncached(query(last)));
        ask_at_once(&app_at_once(&[&rule]), &bodies).await;
        let sizes = sizes(&requests);
        let lines = log_capture::lines();
        let counted: u64 = lines.iter().filter_map(|line| line["metricsAsked"].as_u64()).sum();
        assert_eq!(counted, sizes.iter().sum::<usize>() as u64, "{last} {sizes:?}");
        assert_eq!(sizes.len(), calls + UNDER_WAY - 1, "{last} {sizes:?}");
    }
}

/// There are no pages left that could have its datapoints.
#[tokio::test(start_paused = true)]
async fn a_question_without_a_result_is_not_asked_again() {
    let (list, _) = lists(|_| list_page(Vec::new(), None));
    let (rule, requests) = cloudwatch(usize::MAX);
    let mut bodies = others();
    bodies.extend(["M", "Omitted"].map(|metric| uncached(query(metric))));
    let replies = ask_at_once(&app_at_once(&[&rule, &list]), &bodies).await;
    assert_eq!(sizes(&requests), [1, 1, 1, 1, 2]);
    assert_eq!(replies[UNDER_WAY].status, 200);
    assert_eq!(replies[UNDER_WAY + 1].body["_type"], "MetricNotFoundError");
}

/// Pages start at once, and the next call waits for them. The calls for parts of a refused call wait
/// like all others.
#[tokio::test(start_paused = true)]
async fn every_call_counts() {
    for (why, metrics, page_size, calls, is_delayed) in [
        ("one question", 1, 1_000, 1, false),
        ("pages", 1, 5, 3, true),
        ("a shared call", 30, 1_000, 1 + 1, false),
        ("its pages", 30, 130, 1 + 4, true),
        ("a question is refused", 31, 1_000, 1 + 9, false),
    ] {
        let (rule, requests) = cloudwatch(page_size);
        let app = app_at_once(&[&rule]);
        let four_a_second =
            |metric: &str| body(query(metric), json!({"cacheSeconds": 0, "callsPerSecond": 4}));
        let name = |number| if number == 30 { "Bad".to_owned() } else { format!("M{number}") };
        let bodies: Vec<Value> = (0..metrics).map(|number| four_a_second(&name(number))).collect();
        ask_at_once(&app, &bodies).await;
        assert_eq!(sizes(&requests).len(), calls, "{why}");
        let begun = Instant::now();
        post(&app, "metric", &four_a_second("Next")).await;
        // A call takes 80 ms, and four a second begin 250 ms apart.
        let is_late = begun.elapsed() > Duration::from_millis(260);
        assert_eq!(is_late, is_delayed, "{why}: {:?}", begun.elapsed());
    }
}

/// After a throttled call, the rate is half of what it was.
#[tokio::test]
async fn throttled_calls_slow_down_the_next_ones() {
    let count = AtomicUsize::new(0);
    let fake = WireFake::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Response::error(400, "Throttling", "Rate exceeded"),
        _ => faults::page("Complete", None, &[]),
    });
    let app = app_of(&fake, "64");
    let details = json!({"cacheSeconds": 0, "callsPerSecond": 4, "requestTimeout": 100});
    let mut first = body(query("M"), details.clone());
    first["connectionDetails"]["requestTimeout"] = json!(25_000);
    assert_eq!(post(&app, "metric", &first).await.status, 200);
    // From here on the clock is the test's own. They have different windows, so they share no call,
    // and at most one is asked in time.
    tokio::time::pause();
    let bodies: Vec<Value> = (0..6)
        .map(|number| {
            body(with(query("M"), json!({"endTime": END - number * MINUTE})), details.clone())
        })
        .collect();
    let replies = ask_at_once(&app, &bodies).await;
    let told = |reply: &&Reply| reply.body.to_string().contains("starts 2 a second instead of 4");
    assert!(replies.iter().filter(told).count() >= 5, "{replies:?}");
}

/// Whose time is over before that of the call still learns why.
#[tokio::test]
async fn a_request_that_leaves_a_throttled_call_says_so() {
    let fake = WireFake::new(|_| Response::error(400, "Throttling", "Rate exceeded"));
    let bodies: Vec<Value> = (0..8)
        .map(|number| {
            let limit = if number % 2 == 0 { 2_000 } else { 4_000 };
            // Three calls start at once, and one soon after them for the others.
            let details = json!({"cacheSeconds": 0, "callsPerSecond": 15, "requestTimeout": limit});
            body(query("M"), details)
        })
        .collect();
    for reply in ask_at_once(&app_of(&fake, "64"), &bodies).await {
        let details = reply.body["details"].to_string();
        assert!(details.contains("throttles this account's GetMetricData calls"), "{details}");
    }
}

/// A shared call reads five pages. Who has no results then, or not all, is asked for alone.
#[tokio::test(start_paused = true)]
async fn a_question_behind_the_last_page_is_asked_alone() {
    for name in ["M", "Late"] {
        let (list, _) = lists(|_| list_page(Vec::new(), None));
        let (rule, requests) = cloudwatch(20);
        let bodies: Vec<Value> =
            (0..UNDER_WAY + 10).map(|stream| uncached(query(&format!("{name}{stream}")))).collect();
        let replies = ask_at_once(&app_at_once(&[&rule, &list]), &bodies).await;
        for (reply, body) in replies.iter().zip(&bodies) {
            let (rule, _) = cloudwatch(usize::MAX);
            assert_eq!(*reply, post(&sdk_mock::app(&[&rule]), "metric", body).await);
        }
        // Five pages of 20 datapoints have six questions of 15, and a part of the seventh.
        let sizes = sizes(&requests);
        assert_eq!(sizes[..UNDER_WAY + 5], [1, 1, 1, 1, 10, 10, 10, 10, 10]);
        assert_eq!(sizes[UNDER_WAY + 5..], [1; 4]);
    }
}
