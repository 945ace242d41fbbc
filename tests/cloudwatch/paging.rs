//! Pages, spans, many metrics and old data, with the SDK's mocks.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_cloudwatch::operation::list_metrics::ListMetricsOutput;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, ScanBy, StatusCode};
use aws_smithy_mocks::Rule;
use serde_json::{Value, json};

use crate::support::app::NOW;
use crate::support::events::{Reply, post};
use crate::support::sdk_mock::{
    ListRequests, app, body, condition, data, list_page, lists, page, result,
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A query for `N M`, with `more` members.
fn query(method: Option<&str>, start: i64, end: i64, more: Value) -> Value {
    let mut query = json!({
        "conditions": [{"key": "Namespace", "value": {"value": "N"}}],
        "metricField": "M", "startTime": start, "endTime": end,
    });
    if let Some(method) = method {
        query["aggregation"] = json!({"method": method, "bucketSizeMillis": MINUTE});
    }
    for (name, value) in more.as_object().unwrap() {
        match (name.as_str(), value) {
            ("conditions", Value::Array(conditions)) => {
                query["conditions"].as_array_mut().unwrap().extend(conditions.iter().cloned());
            }
            _ => query[name] = value.clone(),
        }
    }
    query
}

fn is_partial(reply: &Reply) -> bool {
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["telemetry"]["isPartial"].as_bool().unwrap()
}

fn points(reply: &Reply) -> Vec<(f64, i64)> {
    let points = reply.body["telemetry"]["points"].as_array().unwrap();
    points.iter().map(|point| (point[0].as_f64().unwrap(), point[1].as_i64().unwrap())).collect()
}

/// The end of the last whole minute, and an hour before it.
const END: i64 = NOW - NOW % MINUTE;
const START: i64 = END - HOUR;

fn minute(count: i64) -> i64 {
    START + count * MINUTE
}

#[tokio::test]
async fn a_literal_query_is_one_call() {
    let (rule, requests) =
        data(|_| page(vec![result("q0", &[(minute(0), 1.5)], StatusCode::Complete)], None));
    let app = app(&[&rule]);
    let more = json!({"conditions": [
        condition("B", json!("2")), condition("A", json!("1")), condition("Unit", json!("Seconds")),
        condition("AccountId", json!("123456789012")), condition("Statistic", json!("p99")),
    ]});
    let reply = post(&app, "metric", &body(query(Some("MAX"), START, END, more), json!({}))).await;
    assert_eq!(points(&reply), [(1.5, minute(0))]);
    let requests = requests.lock().unwrap();
    let [request] = requests.as_slice() else { panic!("{} calls", requests.len()) };
    assert_eq!(request.start_time(), Some(&DateTime::from_millis(START)));
    assert_eq!(request.end_time(), Some(&DateTime::from_millis(END)));
    assert_eq!(request.scan_by(), Some(&ScanBy::TimestampAscending));
    let [query] = request.metric_data_queries() else { panic!("{request:?}") };
    assert_eq!(query.account_id(), Some("123456789012"));
    let stat = query.metric_stat().unwrap();
    assert_eq!((stat.period(), stat.stat()), (Some(60), Some("Maximum")));
    assert_eq!(stat.unit().map(|unit| unit.as_str()), Some("Seconds"));
    let metric = stat.metric().unwrap();
    assert_eq!((metric.namespace(), metric.metric_name()), (Some("N"), Some("M")));
    let dimensions: Vec<_> =
        metric.dimensions().iter().map(|dimension| (dimension.name(), dimension.value())).collect();
    assert_eq!(dimensions, [(Some("A"), Some("1")), (Some("B"), Some("2"))]);
}

#[tokio::test]
async fn old_data_has_longer_periods() {
    for (method, bucket, start, end, period, first, last) in [
        (Some("MEAN"), MINUTE, NOW - 20 * DAY, NOW - 19 * DAY, 300, 300_000, 300_000),
        (Some("MEAN"), 301_000, NOW - 20 * DAY, NOW - 19 * DAY, 600, 600_000, 600_000),
        (Some("MEAN"), MINUTE, NOW - 100 * DAY, NOW - 99 * DAY, 3_600, HOUR, HOUR),
        (Some("SUM"), 90 * MINUTE, NOW - 100 * DAY, NOW - 99 * DAY, 7_200, 2 * HOUR, 2 * HOUR),
        (None, 0, NOW - HOUR, NOW, 60, MINUTE, MINUTE),
        (None, 0, NOW - 20 * DAY, NOW, 300, 300_000, 300_000),
        (None, 0, NOW - 100 * DAY, NOW, 3_600, HOUR, HOUR),
    ] {
        let (rule, requests) = data(|input| {
            let start = input.start_time().unwrap().to_millis().unwrap();
            page(vec![result("q0", &[(start, 1.0)], StatusCode::Complete)], None)
        });
        let mut query = query(method, start, end, json!({}));
        if method.is_some() {
            query["aggregation"]["bucketSizeMillis"] = json!(bucket);
        }
        let reply = post(&app(&[&rule]), "metric", &body(query, json!({}))).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let requests = requests.lock().unwrap();
        let stat = requests[0].metric_data_queries()[0].metric_stat().unwrap();
        assert_eq!(stat.period(), Some(period), "{method:?} {bucket}");
        assert_eq!(requests[0].start_time(), Some(&DateTime::from_millis(start - start % first)));
        assert_eq!(requests[0].end_time(), Some(&DateTime::from_millis(end - end % last)));
        if method.is_some() {
            let bucket = &reply.body["telemetry"]["points"][0];
            let span = bucket[2].as_i64().unwrap() - bucket[1].as_i64().unwrap();
            assert_eq!(span, i64::from(period) * 1_000, "a point carries the bucket it covers");
        }
    }
}

#[tokio::test]
async fn pages_are_joined_with_the_window_unchanged() {
    let (rule, requests) = data(|input| match input.next_token() {
        None => page(vec![result("q0", &[(minute(0), 0.0)], StatusCode::PartialData)], Some("1")),
        Some("1") => page(vec![], Some("2")),
        Some("2") => page(vec![result("q0", &[(minute(2), 2.0)], StatusCode::Complete)], None),
        other => panic!("{other:?}"),
    });
    let query = query(Some("MEAN"), START, END, json!({}));
    let reply = post(&app(&[&rule]), "metric", &body(query, json!({}))).await;
    assert_eq!(points(&reply), [(0.0, minute(0)), (2.0, minute(2))]);
    assert!(!is_partial(&reply));
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 3);
    for request in requests.iter() {
        assert_eq!(request.start_time(), requests[0].start_time());
        assert_eq!(request.end_time(), requests[0].end_time());
        assert_eq!(request.metric_data_queries(), requests[0].metric_data_queries());
        assert_eq!(request.max_datapoints(), requests[0].max_datapoints());
    }
}

#[tokio::test]
async fn a_token_that_repeats_ends_the_pages() {
    let (rule, requests) =
        data(|_| page(vec![result("q0", &[(minute(1), 1.0)], StatusCode::PartialData)], Some("1")));
    for method in ["MEAN", "SUM"] {
        let query = query(Some(method), START, END, json!({}));
        let reply = post(&app(&[&rule]), "metric", &body(query, json!({}))).await;
        assert!(is_partial(&reply));
        assert_eq!(points(&reply), [(1.0, minute(1))], "{method}: no zeros where data is missing");
    }
    assert_eq!(requests.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn no_more_is_asked_for_than_the_limit_needs() {
    let minutes: Vec<(i64, f64)> = (0..60).map(|count| (minute(count), 1.0)).collect();
    for (method, limit, datapoints, kept, partial) in [
        ("MEAN", json!(13), 14, 13, true),
        ("MEAN", json!(60), 61, 60, false),
        ("MEAN", json!(0), 1, 0, true),
        ("MEAN", json!(2_147_483_647), 100_001, 60, false),
        ("MEAN", Value::Null, 100_001, 60, false),
        ("SUM", json!(13), 14, 13, true),
        ("SUM", json!(60), 61, 60, false),
    ] {
        let minutes = minutes.clone();
        let (rule, requests) = data(move |input| {
            let window = input.start_time().unwrap().secs()..input.end_time().unwrap().secs();
            let most = usize::try_from(input.max_datapoints().unwrap()).unwrap();
            let found: Vec<_> = minutes
                .iter()
                .copied()
                .filter(|(time, _)| window.contains(&(time / 1_000)))
                .collect();
            let token = (found.len() > most).then_some("more");
            page(vec![result("q0", &found[..most.min(found.len())], StatusCode::Complete)], token)
        });
        let query = query(Some(method), START, END, json!({"limit": limit}));
        let reply = post(&app(&[&rule]), "metric", &body(query, json!({}))).await;
        assert_eq!(is_partial(&reply), partial, "{method} {limit}");
        assert_eq!(points(&reply).len(), kept, "{method} {limit}");
        let requests = requests.lock().unwrap();
        assert_eq!(requests.len(), 1, "{method} {limit}");
        assert_eq!(requests[0].max_datapoints(), Some(datapoints), "{method} {limit}");
    }
}

#[tokio::test]
async fn many_metrics_are_several_calls() {
    let (rule, requests) = data(|input| {
        let results = input.metric_data_queries().iter().map(|query| {
            let sum = query.metric_stat().unwrap().stat() == Some("Sum");
            let value = if sum { 3.0 } else { 2.0 };
            result(query.id().unwrap(), &[(minute(0), value)], StatusCode::Complete)
        });
        page(results.collect(), None)
    });
    let hosts: Vec<String> = (0..300).map(|host| host.to_string()).collect();
    let more = json!({"conditions": [condition("Host", json!(hosts))]});
    let query = query(Some("MEAN"), START, END, more);
    let reply = post(&app(&[&rule]), "metric", &body(query, json!({}))).await;
    assert_eq!(points(&reply), [(1.5, minute(0))]);
    let requests = requests.lock().unwrap();
    let sizes: Vec<_> =
        requests.iter().map(|request| request.metric_data_queries().len()).collect();
    assert_eq!(sizes, [500, 100], "a sum and a count of each of 300 metrics");
    for (request, size) in requests.iter().zip(sizes) {
        let ids = request.metric_data_queries().iter().map(|query| query.id().unwrap());
        assert_eq!(ids.collect::<HashSet<_>>().len(), size);
    }
}

#[tokio::test]
async fn what_is_not_a_number_is_left_out_or_zero() {
    let values = [f64::NAN, 2.0, f64::INFINITY, f64::NEG_INFINITY];
    let (rule, _) = data(move |_| {
        let found: Vec<_> = (0..).map(minute).zip(values).collect();
        page(vec![result("q0", &found, StatusCode::Complete)], None)
    });
    for (details, expected) in [
        (json!({}), vec![(2.0, minute(1))]),
        (json!({"nanInterpretation": "NONE"}), vec![(2.0, minute(1))]),
        (
            json!({"nan_interpretation": "ZERO"}),
            vec![(0.0, minute(0)), (2.0, minute(1)), (0.0, minute(2)), (0.0, minute(3))],
        ),
    ] {
        let query = query(Some("MEAN"), START, END, json!({}));
        let reply = post(&app(&[&rule]), "metric", &body(query, details)).await;
        assert_eq!(points(&reply), expected);
    }
}

#[tokio::test]
async fn partial_data_with_later_points_is_shown() {
    let found = [(minute(0), 1.0), (minute(1), 2.0)];
    let answer = page(vec![result("q0", &found, StatusCode::PartialData)], None);
    let (rule, requests) = data(move |_| answer.clone());
    let query = query(Some("SUM"), START, END, json!({}));
    let reply = post(&app(&[&rule]), "metric", &body(query, json!({}))).await;
    assert!(is_partial(&reply));
    assert_eq!(points(&reply), [(1.0, minute(0)), (2.0, minute(1))]);
    assert_eq!(requests.lock().unwrap().len(), 1);
}

/// A client that got nothing and `isPartial`, or only the bucket of the start, would ask the same
/// again, without end. The clock is paused, so the waits take no time.
#[tokio::test(start_paused = true)]
async fn partial_data_without_progress_is_asked_for_again() {
    let start = [(minute(0), 1.0)];
    for found in [&[][..], &start] {
        let answer = page(vec![result("q0", found, StatusCode::PartialData)], None);
        let (rule, requests) = data(move |_| answer.clone());
        let query = query(Some("MEAN"), START, END, json!({}));
        let reply = post(&app(&[&rule]), "metric", &body(query, json!({}))).await;
        assert_eq!(reply.body["_type"], "MetricStoreConnectionError", "{found:?}");
        assert_eq!(requests.lock().unwrap().len(), 5);
    }
    let nothing = || page(vec![result("q0", &[], StatusCode::PartialData)], None);
    let query = query(Some("MEAN"), START, END, json!({}));
    let (rule, requests) = data(move |_| nothing());
    let reply = post(&app(&[&rule]), "metric", &body(query.clone(), json!({}))).await;
    assert_eq!((reply.status, &reply.body["_type"]), (500, &json!("MetricStoreConnectionError")));
    let details = reply.body["details"].as_str().unwrap();
    let words = "CloudWatch returned only a part of the data of this metric (status PartialData) in 5 attempts";
    assert!(details.starts_with(words), "{details}");
    assert_eq!(requests.lock().unwrap().len(), 5);

    let asked = AtomicUsize::new(0);
    let (rule, requests) = data(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => nothing(),
        _ => page(vec![result("q0", &[(minute(1), 2.0)], StatusCode::Complete)], None),
    });
    let reply = post(&app(&[&rule]), "metric", &body(query, json!({}))).await;
    assert!(!is_partial(&reply));
    assert_eq!(points(&reply), [(2.0, minute(1))]);
    assert_eq!(requests.lock().unwrap().len(), 3);
}

/// "Retry your request using NextToken, if present", else from the beginning.
#[tokio::test(start_paused = true)]
async fn an_internal_error_is_asked_for_again() {
    let failed = || result("q1", &[(minute(0), 99.0)], StatusCode::InternalError);
    let whole = |id: &str| result(id, &[(minute(0), 1.0)], StatusCode::Complete);
    let hosts = json!({"conditions": [condition("Host", json!(["a", "b"]))]});
    let query = query(Some("SUM_NO_ZEROS"), START, END, hosts);
    for (name, token) in [("with a token", Some("more")), ("without a token", None)] {
        let asked = AtomicUsize::new(0);
        let (rule, requests) = data(move |input| match asked.fetch_add(1, Ordering::SeqCst) {
            0 => page(vec![whole("q0"), failed()], token),
            1 if token.is_some() => {
                assert_eq!(input.next_token(), token);
                page(vec![whole("q1")], None)
            }
            _ => {
                assert_eq!(input.next_token(), None);
                page(vec![whole("q0"), whole("q1")], None)
            }
        });
        let reply = post(&app(&[&rule]), "metric", &body(query.clone(), json!({}))).await;
        assert_eq!(points(&reply), [(2.0, minute(0))], "{name}: nothing is counted twice");
        assert_eq!(requests.lock().unwrap().len(), 2, "{name}");
    }
    for token in [Some("more"), None] {
        let (rule, requests) = data(move |_| page(vec![whole("q0"), failed()], token));
        let reply = post(&app(&[&rule]), "metric", &body(query.clone(), json!({}))).await;
        let details = reply.body["details"].as_str().unwrap();
        let words = "CloudWatch failed to compute this metric (status InternalError) in 5 attempts";
        assert!(details.starts_with(words), "{details}");
        assert_eq!(requests.lock().unwrap().len(), 5);
    }
    // The deadline allows no more.
    let (rule, requests) = data(move |_| page(vec![failed()], None));
    let details = json!({"requestTimeout": 1_000});
    let reply = post(&app(&[&rule]), "metric", &body(query, details)).await;
    let details = reply.body["details"].as_str().unwrap();
    assert!(details.contains("(status InternalError) in 3 attempts"), "{details}");
    assert_eq!(requests.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_several_series_is_no_answer() {
    let (rule, requests) = data(|_| {
        let results = vec![
            result("q0", &[(minute(0), 1.0)], StatusCode::Complete),
            result("q1", &[], StatusCode::PartialData),
        ];
        page(results, None)
    });
    let more = json!({"conditions": [condition("Host", json!(["a", "b"]))]});
    let query = query(Some("SUM"), START, END, more);
    let reply = post(&app(&[&rule]), "metric", &body(query, json!({}))).await;
    assert_eq!((reply.status, &reply.body["_type"]), (500, &json!("MetricStoreConnectionError")));
    let details = reply.body["details"].as_str().unwrap();
    assert!(details.contains("only a part of the data of this metric"), "{details}");
    assert_eq!(requests.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn several_series_are_asked_for_in_spans_until_the_limit_is_reached() {
    let (rule, requests) = data(|input| {
        let start = input.start_time().unwrap().to_millis().unwrap();
        let end = input.end_time().unwrap().to_millis().unwrap();
        let minutes: Vec<_> = (start..end).step_by(60_000).map(|time| (time, 1.0)).collect();
        let queries = input.metric_data_queries().iter();
        // Two pages for each span: each has half of the series.
        let (first, rest) = (input.next_token().is_none(), queries.len() / 2);
        let half = queries.enumerate().filter(|(index, _)| (*index < rest) == first);
        let results =
            half.map(|(_, query)| result(query.id().unwrap(), &minutes, StatusCode::Complete));
        page(results.collect(), first.then_some("rest"))
    });
    let hosts: Vec<String> = (0..500).map(|host| host.to_string()).collect();
    let more = json!({"conditions": [condition("Host", json!(hosts))], "limit": 250});
    let query = query(Some("MAX"), END - 10 * HOUR, END, more);
    let reply = post(&app(&[&rule]), "metric", &body(query, json!({}))).await;
    assert!(is_partial(&reply));
    assert_eq!(points(&reply).len(), 250);
    let requests = requests.lock().unwrap();
    let spans: Vec<i64> = requests
        .iter()
        .map(|request| request.end_time().unwrap().secs() - request.start_time().unwrap().secs())
        .collect();
    assert_eq!(spans, [201 * 60; 4], "a page of 100,800 datapoints each, two of ten hours' three");
}

#[tokio::test]
async fn periods_below_a_minute_are_for_high_resolution() {
    let name = |namespace: &str| condition("Namespace", json!(namespace));
    let expression = |text: &str| condition("~", json!(text));
    let high = |value: Value| condition("HighResolution", value);
    let source = json!({"highResolution": true});
    for (conditions, details, bucket, period) in [
        (vec![name("CWAgent")], json!({}), 10_000, 60),
        (vec![name("AWS/Lambda")], json!({}), 10_000, 60),
        (vec![expression("SEARCH('x', 'Sum')")], json!({}), 10_000, 60),
        (vec![expression("SELECT SUM(x) FROM y")], json!({}), 10_000, 60),
        (vec![name("CWAgent")], source.clone(), 10_000, 10),
        (vec![name("CWAgent")], source.clone(), 1_000, 1),
        (vec![name("CWAgent")], source.clone(), 7_000, 10),
        (vec![name("CWAgent")], source.clone(), 31_000, 60),
        (vec![name("CWAgent")], json!({"aws": {"high_resolution": true}}), 20_000, 20),
        (vec![name("CWAgent")], json!({"highResolution": false}), 10_000, 60),
        (vec![expression("SEARCH('x', 'Sum')")], source.clone(), 10_000, 10),
        // Metrics Insights aggregates by the minute.
        (vec![expression("select SUM(x) FROM y")], source.clone(), 10_000, 60),
        (vec![expression("SELECT SUM(x) FROM y"), high(json!(true))], json!({}), 10_000, 60),
        (vec![condition("Namespace", json!(["AWS/EC2", "Shop"]))], source.clone(), 10_000, 60),
        (vec![name("ContainerInsights")], source.clone(), 10_000, 60),
        // AWS's services send at most one value a minute, unless the stream says otherwise.
        (vec![name("AWS/Lambda")], source.clone(), 10_000, 60),
        (vec![name("AWS/Lambda"), high(json!(true))], json!({}), 10_000, 10),
        (vec![name("CWAgent"), high(json!(true))], json!({}), 10_000, 10),
        (vec![name("CWAgent"), high(json!("true"))], json!({}), 5_000, 5),
        (vec![expression("SEARCH('x', 'Sum')"), high(json!("true"))], json!({}), 5_000, 5),
        (vec![name("CWAgent"), high(json!(false))], source.clone(), 10_000, 60),
    ] {
        let (rule, requests) =
            data(|_| page(vec![result("q0", &[(minute(0), 1.0)], StatusCode::Complete)], None));
        let mut query = query(Some("SUM"), START, END, json!({}));
        if conditions[0]["key"] == "~" {
            query["metricField"] = Value::Null;
        }
        query["conditions"] = json!(conditions);
        query["aggregation"]["bucketSizeMillis"] = json!(bucket);
        let reply = post(&app(&[&rule]), "metric", &body(query, details.clone())).await;
        let requests = requests.lock().unwrap();
        assert_eq!(requests.len(), 1, "{}", reply.body);
        let asked = &requests[0].metric_data_queries()[0];
        let found = asked.period().or(asked.metric_stat().and_then(|stat| stat.period()));
        assert_eq!(found, Some(period), "{conditions:?} {details} {bucket}");
        let bucket = &reply.body["telemetry"]["points"][0];
        let length = bucket[2].as_i64().unwrap() - bucket[1].as_i64().unwrap();
        assert_eq!(length, i64::from(period) * 1_000, "{}", reply.body);
    }
}

/// `SUM` and `EVENT_COUNT`: data can be on its way for some minutes, so an empty bucket at the end
/// is not yet 0.
#[tokio::test]
async fn zeros_are_for_data_that_can_no_longer_arrive() {
    // NOW is half a minute after END, so minute 60 is not over. By default, minutes from 55 on may
    // have data on its way.
    for (method, found, details, expected) in [
        ("SUM", &[][..], json!({}), &[(50, 0.0), (51, 0.0), (52, 0.0), (53, 0.0), (54, 0.0)][..]),
        ("EVENT_COUNT", &[53], json!({}), &[(50, 0.0), (51, 0.0), (52, 0.0), (53, 7.0), (54, 0.0)]),
        (
            "SUM",
            &[57],
            json!({}),
            &[
                (50, 0.0),
                (51, 0.0),
                (52, 0.0),
                (53, 0.0),
                (54, 0.0),
                (55, 0.0),
                (56, 0.0),
                (57, 7.0),
            ],
        ),
        ("SUM", &[], json!({"zeroFillDelaySeconds": 510}), &[(50, 0.0), (51, 0.0)]),
        ("SUM", &[], json!({"zero_fill_delay_seconds": 511}), &[(50, 0.0)]),
        ("SUM", &[], json!({"zeroFillDelaySeconds": 571}), &[]),
        ("SUM", &[50], json!({"zeroFillDelaySeconds": 86_400}), &[(50, 7.0)]),
        (
            "SUM",
            &[58],
            json!({"zeroFillDelaySeconds": 0}),
            &[
                (50, 0.0),
                (51, 0.0),
                (52, 0.0),
                (53, 0.0),
                (54, 0.0),
                (55, 0.0),
                (56, 0.0),
                (57, 0.0),
                (58, 7.0),
                (59, 0.0),
            ],
        ),
        ("SUM_NO_ZEROS", &[53], json!({}), &[(53, 7.0)]),
        ("MEAN", &[53], json!({}), &[(53, 7.0)]),
    ] {
        let (rule, _) = data(move |_| {
            let found: Vec<_> = found.iter().map(|at| (minute(*at), 7.0)).collect();
            page(vec![result("q0", &found, StatusCode::Complete)], None)
        });
        let list = lists(|_| list_page(vec![metric(&[])], None)).0;
        for end in [END, NOW, NOW + HOUR] {
            let query = query(Some(method), minute(50), end, json!({}));
            let reply = post(&app(&[&rule, &list]), "metric", &body(query, details.clone())).await;
            let expected: Vec<_> =
                expected.iter().map(|(at, value)| (*value, minute(*at))).collect();
            assert_eq!(points(&reply), expected, "{method} {found:?} {details}");
            assert!(!is_partial(&reply), "{method} {found:?} {details}");
        }
    }
}

/// A limit that cuts the range where zeros are certain saves data. Where they are not, a later
/// bucket can decide, so the whole range is asked for.
#[tokio::test]
async fn a_limit_and_late_data_lose_no_bucket() {
    for (found, limit, expected, partial) in [
        (&[58][..], 3, vec![50, 51, 52], true),
        (&[58], 7, vec![50, 51, 52, 53, 54, 55, 56], true),
        (&[58], 9, vec![50, 51, 52, 53, 54, 55, 56, 57, 58], false),
        (&[], 7, vec![50, 51, 52, 53, 54], false),
        (&[], 5, vec![50, 51, 52, 53, 54], false),
        (&[], 4, vec![50, 51, 52, 53], true),
    ] {
        let (rule, _) = data(move |input| {
            let window = input.start_time().unwrap().secs()..input.end_time().unwrap().secs();
            let found = found.iter().map(|at| (minute(*at), 7.0));
            let found: Vec<_> =
                found.filter(|(time, _)| window.contains(&(time / 1_000))).collect();
            page(vec![result("q0", &found, StatusCode::Complete)], None)
        });
        let list = lists(|_| list_page(vec![metric(&[])], None)).0;
        let query = query(Some("SUM"), minute(50), NOW, json!({"limit": limit}));
        let reply = post(&app(&[&rule, &list]), "metric", &body(query, json!({}))).await;
        let times: Vec<i64> = points(&reply).into_iter().map(|(_, time)| time).collect();
        let expected: Vec<i64> = expected.into_iter().map(minute).collect();
        assert_eq!((times, is_partial(&reply)), (expected, partial), "{found:?} {limit}");
    }
}

/// A poll for the last minute, which settles for a minute, never sees a point.
#[tokio::test]
async fn settling_cuts_only_the_end_of_the_range() {
    let (rule, requests) =
        data(|_| page(vec![result("q0", &[(minute(59), 1.0)], StatusCode::Complete)], None));
    let list = lists(|_| list_page(vec![metric(&[])], None)).0;
    let details = json!({"settleSeconds": 60});
    for (start, asked) in [(NOW - MINUTE, 0), (NOW - 3 * MINUTE, 1)] {
        let query = query(Some("MEAN"), start, NOW, json!({}));
        let app = app(&[&rule, &list]);
        let reply = post(&app, "metric", &body(query, details.clone())).await;
        assert_eq!(points(&reply), []);
        assert_eq!(requests.lock().unwrap().len(), asked);
    }
}

/// AWS charges for every metric in every call, so a request that needs many is refused before it
/// costs anything.
#[tokio::test]
async fn what_a_request_can_cost_is_bounded() {
    let hosts: Vec<String> = (0..500).map(|host| host.to_string()).collect();
    for (method, length, asked) in [
        ("MEAN", 14 * DAY, Err("101000")),
        ("SUM", 2 * DAY, Ok(7_500)),
        ("SUM", 4_020 * MINUTE, Ok(10_000)),
        ("SUM", 4_021 * MINUTE, Err("10500")),
    ] {
        let (rule, requests) = data(|input| {
            let results = input.metric_data_queries().iter();
            let time = input.start_time().unwrap().to_millis().unwrap();
            let result = |id: &str| result(id, &[(time, 1.0)], StatusCode::Complete);
            page(results.map(|query| result(query.id().unwrap())).collect(), None)
        });
        let more = json!({"conditions": [condition("Host", json!(hosts))]});
        let query = query(Some(method), END - length, END, more);
        let reply = post(&app(&[&rule]), "metric", &body(query, json!({}))).await;
        let requests = requests.lock().unwrap();
        let count: usize = requests.iter().map(|input| input.metric_data_queries().len()).sum();
        match asked {
            Ok(asked) => assert_eq!((reply.status, count), (200, asked), "{method} {length}"),
            Err(words) => {
                let details = reply.body["details"].as_str().unwrap();
                let words = format!("this query would ask CloudWatch for {words} metrics");
                assert!(details.starts_with(&words), "{details}");
                assert_eq!(count, 0);
            }
        }
    }
}

fn metric(dimensions: &[(&str, &str)]) -> Metric {
    let dimension =
        |(name, value): &(&str, &str)| Dimension::builder().name(*name).value(*value).build();
    Metric::builder()
        .namespace("N")
        .metric_name("M")
        .set_dimensions(Some(dimensions.iter().map(dimension).collect()))
        .build()
}

/// Answers ListMetrics with these pages in turn, and records the requests.
fn list_pages(pages: Vec<ListMetricsOutput>) -> (Rule, ListRequests) {
    let next = AtomicUsize::new(0);
    lists(move |_| pages[next.fetch_add(1, Ordering::SeqCst) % pages.len()].clone())
}

#[tokio::test]
async fn a_metric_without_data_is_looked_for_on_every_page() {
    let nothing = || data(|_| page(vec![], None)).0;
    let ask = async |pages: Vec<ListMetricsOutput>, host: Value| {
        let (lists, requests) = list_pages(pages);
        let more = json!({"conditions": [condition("Host", host), condition("AccountId", json!("123456789012"))]});
        let query = query(Some("SUM"), minute(0), minute(2), more);
        let reply = post(&app(&[&nothing(), &lists]), "metric", &body(query, json!({}))).await;
        let asked = requests.lock().unwrap().clone();
        (reply, asked)
    };
    let owned = |mut page: ListMetricsOutput| {
        page.owning_accounts = Some(vec!["123456789012".to_owned(); page.metrics().len()]);
        page
    };
    let other = metric(&[("Host", "a"), ("Disk", "x")]);
    let pages = vec![
        owned(list_page(vec![other.clone()], Some("1"))),
        owned(list_page(vec![metric(&[("Host", "a")])], None)),
    ];
    let (reply, asked) = ask(pages, json!("a")).await;
    assert_eq!(points(&reply), [(0.0, minute(0)), (0.0, minute(1))], "it is idle");
    assert_eq!(asked.len(), 2);
    for (request, token) in asked.iter().zip([None, Some("1")]) {
        assert_eq!(request.next_token(), token);
        assert_eq!((request.namespace(), request.metric_name()), (Some("N"), Some("M")));
        assert_eq!(request.dimensions()[0].name(), Some("Host"));
        assert_eq!(request.dimensions()[0].value(), Some("a"));
        assert_eq!(request.owning_account(), Some("123456789012"));
        assert_eq!(request.include_linked_accounts(), Some(true));
    }

    let (reply, asked) =
        ask(vec![owned(list_page(vec![other], Some("on")))], json!(["a", "b"])).await;
    assert_eq!(reply.status, 500);
    assert_eq!(reply.body["summary"], "CloudWatch has too many metrics to find this one");
    assert_eq!(asked[0].dimensions()[0].value(), None, "several values: any");

    let lone = owned(list_page(vec![metric(&[("Host", "a"), ("Disk", "x")])], None));
    let (reply, _) = ask(vec![lone], json!(["a", "b"])).await;
    assert_eq!(reply.status, 200, "the only metric with more dimensions: {}", reply.body);
}

/// A mean of several metrics divides the sum of all samples by their number, so a sum without its
/// number, or the reverse, counts for nothing.
#[tokio::test]
async fn only_whole_pairs_count_in_a_mean() {
    let one = |value: f64| vec![(minute(0), value)];
    for (pairs, ids, details, expected) in [
        ([one(f64::NAN), one(10.0), one(40.0), one(10.0)], [0, 1, 2, 3], json!({}), &[4.0][..]),
        ([vec![], one(10.0), one(40.0), one(10.0)], [0, 1, 2, 3], json!({}), &[4.0]),
        ([one(20.0), vec![], one(40.0), one(10.0)], [0, 1, 2, 3], json!({}), &[4.0]),
        ([one(20.0), one(10.0), one(40.0), one(10.0)], [3, 2, 1, 0], json!({}), &[3.0]),
        // The same page twice.
        ([one(20.0), one(10.0), one(40.0), one(10.0)], [0, 0, 1, 2], json!({}), &[2.0]),
        ([one(20.0), vec![], vec![], one(10.0)], [0, 1, 2, 3], json!({}), &[]),
        (
            [one(f64::NAN), one(10.0), one(40.0), one(10.0)],
            [0, 1, 2, 3],
            json!({"nanInterpretation": "ZERO"}),
            &[2.0],
        ),
    ] {
        let (rule, _) = data(move |_| {
            let results = ids.map(|id| result(&format!("q{id}"), &pairs[id], StatusCode::Complete));
            page(results.into(), None)
        });
        let (list, _) = lists(|_| list_page(Vec::new(), None));
        let hosts = json!({"conditions": [condition("Host", json!(["a", "b"]))]});
        let query = query(Some("MEAN"), START, START + MINUTE, hosts);
        let reply = post(&app(&[&rule, &list]), "metric", &body(query, details)).await;
        let found: Vec<f64> = match reply.status {
            200 => points(&reply).into_iter().map(|(value, _)| value).collect(),
            _ => Vec::new(),
        };
        assert_eq!(found, expected, "{}", reply.body);
    }
}
