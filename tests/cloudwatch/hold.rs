//! Held values: an empty bucket has the last value before it. CloudWatch is a mock that is correct but has small
//! pages, in both orders of time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataInput;
use aws_sdk_cloudwatch::types::{Dimension, Metric, ScanBy, StatusCode};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use stackstate_mirror::app::App;

use crate::support::app::NOW;
use crate::support::events::{Reply, post};
use crate::support::ministack::{HOUR, MINUTE};
use crate::support::samples::{DAY, Samples, aggregate, answer};
use crate::support::sdk_mock::{
    Requests, app, body, condition, data, list_page, listed, lists, page, result,
};

/// The first minute that can have a sample: two days before the mirror's time.
const FIRST: i64 = NOW - NOW % MINUTE - 2_880 * MINUTE;

/// The points that a query must have: value, start and end.
fn expected(
    samples: &Samples,
    start: i64,
    end: i64,
    period: i64,
    statistic: &str,
    hold: i64,
) -> Vec<(f64, i64, i64)> {
    let over = end.min(NOW);
    let value = |from: i64| aggregate(samples, from, from + period, statistic);
    let held = |from: i64| {
        (1..)
            .map(|count| from - count * period)
            .take_while(|before| from - before <= hold)
            .find_map(value)
    };
    (start - start % period..over - over % period)
        .step_by(period as usize)
        .filter_map(|from| Some((value(from).or_else(|| held(from))?, from, from + period)))
        .collect()
}

fn query(start: i64, end: i64, bucket: i64, method: &str, hosts: usize, hold: Value) -> Value {
    let names: Vec<String> = (0..hosts).map(|host| host.to_string()).collect();
    json!({
        "conditions": [
            condition("Namespace", json!("N")), condition("Host", json!(names)), condition("HoldSeconds", hold),
        ],
        "metricField": "M", "startTime": start, "endTime": end,
        "aggregation": {"method": method, "bucketSizeMillis": bucket},
    })
}

fn points(reply: &Reply) -> Vec<(f64, i64, i64)> {
    let points = reply.body["telemetry"]["points"].clone();
    serde_json::from_value(points).unwrap_or_else(|_| panic!("{}", reply.body))
}

async fn metric(app: &App, query: &Value, details: Value) -> Reply {
    post(app, "metric", &body(query.clone(), details)).await
}

/// The requests that began with the latest datapoints.
fn back(requests: &Requests) -> Vec<GetMetricDataInput> {
    let requests = requests.lock().unwrap();
    requests
        .iter()
        .filter(|input| input.scan_by() == Some(&ScanBy::TimestampDescending))
        .cloned()
        .collect()
}

fn assert_points(
    found: &[(f64, i64, i64)],
    expected: &[(f64, i64, i64)],
) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len(), "{:?} {:?}", found, expected);
    for (found, expected) in found.iter().zip(expected) {
        prop_assert_eq!((found.1, found.2), (expected.1, expected.2));
        // Another order of summation, and the JSON reader of the test, can change the last digit.
        prop_assert!(
            (found.0 - expected.0).abs() <= 1e-9 * expected.0.abs().max(1.0),
            "{:?} {:?}",
            found,
            expected
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn held_values_are_those_of_a_reference(
        (minutes, late, start) in select(vec![2_880, 300_i64]).prop_flat_map(|span| (
            prop::collection::btree_map(0..span, -1e6..1e6_f64, 0..40),
            prop::collection::btree_map(0..span, -1e6..1e6_f64, 0..4),
            0..span,
        )),
        length in 0..300 * MINUTE,
        bucket in select(vec![MINUTE, 90_000, 5 * MINUTE, 7 * MINUTE, 60 * MINUTE]),
        (method, statistic) in select(vec![("MEAN", "Average"), ("MAX", "Maximum"), ("MIN", "Minimum")]),
        hold in prop_oneof![Just(0), 1..7_200_i64, (1..2_880_i64).prop_map(|minutes| minutes * 60), Just(604_800)],
        limit in prop::option::of(1..40_usize),
        most in 2..30_usize,
        is_cut in any::<bool>(),
        hosts in 1..4_usize,
    ) {
        let at = |minutes: BTreeMap<i64, f64>| minutes.into_iter().map(|(minute, value)| (FIRST + minute * MINUTE, value));
        let samples: Arc<Mutex<Samples>> = Arc::new(Mutex::new(at(minutes).collect()));
        let shared = samples.clone();
        let (rule, requests) = data(move |input| answer(&shared.lock().unwrap(), hosts, most, is_cut, input));
        let lists = listed("N", "M", ("Host", "0"));
        let app = app(&[&rule, &lists]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let period = (bucket + MINUTE - 1) / MINUTE * MINUTE;
        let (start, end) = (FIRST + start * MINUTE, FIRST + start * MINUTE + length);
        let details = || json!({"cacheSeconds": 0});
        for round in 0..2 {
            let known = samples.lock().unwrap().clone();
            let all = expected(&known, start, end, period, statistic, hold * 1_000);
            // A partial answer is asked for again from its last point, as StackState does.
            let (mut found, mut from): (Vec<(f64, i64, i64)>, i64) = (Vec::new(), start);
            loop {
                let mut query = query(from, end, bucket, method, hosts, json!(hold));
                query["limit"] = json!(limit.map(|limit| limit.max(2)));
                requests.lock().unwrap().clear();
                let reply = runtime.block_on(metric(&app, &query, details()));
                prop_assert_eq!(reply.status, 200, "{}", reply.body);
                let points = points(&reply);
                prop_assert!(points.len() <= limit.map_or(usize::MAX, |limit| limit.max(2)));
                // It looks back once, if the first bucket is empty, for the metrics of the query.
                let first = from - from % period;
                let has_window = first < end.min(NOW) - end.min(NOW) % period;
                let is_empty = aggregate(&known, first, first + period, statistic).is_none();
                let back = back(&requests);
                prop_assert_eq!(back.len(), usize::from(hold * 1_000 >= period && has_window && is_empty));
                for input in back {
                    let of_each = if hosts > 1 && method == "MEAN" { 2 } else { 1 };
                    prop_assert_eq!(input.metric_data_queries().len(), hosts * of_each);
                    prop_assert_eq!(input.max_datapoints(), Some(if hosts == 1 { 10 } else { 100_800 }));
                    prop_assert_eq!(input.end_time().unwrap().to_millis().unwrap(), first);
                    prop_assert!(input.start_time().unwrap().to_millis().unwrap() > first - hold * 1_000 - period);
                }
                found.retain(|point| points.first().is_none_or(|next| point.1 < next.1));
                found.extend(&points);
                if reply.body["telemetry"]["isPartial"] == false {
                    break;
                }
                let last = points.last().unwrap().1;
                prop_assert!(last > from, "the next answer has more");
                from = last;
            }
            assert_points(&found, &all)?;
            if round == 0 {
                // Data that comes late replaces held values at the next query.
                samples.lock().unwrap().extend(at(late.clone()));
            }
        }
    }
}

/// A metric that has these values, and nothing else.
fn metric_with(values: &'static [(i64, f64)]) -> (App, Requests) {
    let (rule, requests) = data(move |input| {
        let samples = values.iter().copied().collect();
        answer(&samples, 1, usize::MAX, false, input)
    });
    (app(&[&rule, &listed("N", "M", ("Host", "0"))]), requests)
}

/// The last hour of a daily metric.
#[tokio::test]
async fn a_daily_metric_has_a_value_in_each_bucket() {
    const YESTERDAY: i64 = NOW - NOW % DAY - DAY;
    let end = NOW - NOW % HOUR;
    for (method, hold, details, expected) in [
        ("MEAN", Some(json!(172_800)), json!({}), Ok(12)),
        ("MAX", Some(json!("172800")), json!({}), Ok(12)),
        ("MEAN", Some(json!(3_600)), json!({}), Ok(0)),
        ("MEAN", None, json!({}), Ok(0)),
        ("MEAN", None, json!({"holdSeconds": 172_800}), Ok(12)),
        ("MEAN", Some(json!(0)), json!({"holdSeconds": 172_800}), Ok(0)),
        ("PERCENTILE_99", None, json!({"hold_seconds": 172_800}), Ok(12)),
        // The connection's time is for the methods that can hold.
        ("SUM_NO_ZEROS", None, json!({"holdSeconds": 172_800}), Ok(0)),
        ("SUM", Some(json!(0)), json!({}), Ok(12)),
        ("SUM", Some(json!(60)), json!({}), Err(())),
        ("SUM_NO_ZEROS", Some(json!(60)), json!({}), Err(())),
        ("EVENT_COUNT", Some(json!(60)), json!({}), Err(())),
        ("EVENT_COUNT_NO_ZEROS", Some(json!(60)), json!({}), Err(())),
        ("raw", Some(json!(60)), json!({}), Err(())),
    ] {
        let (app, _) = metric_with(&[(YESTERDAY, 7.0)]);
        let mut asked = query(end - HOUR, end, 5 * MINUTE, method, 1, json!(0));
        let conditions = asked["conditions"].as_array_mut().unwrap();
        conditions.pop();
        conditions.extend(hold.clone().map(|hold| condition("HoldSeconds", hold)));
        if method == "raw" {
            asked["aggregation"] = json!(null);
        }
        let reply = metric(&app, &asked, details).await;
        match expected {
            Ok(count) => {
                assert_eq!(points(&reply).len(), count, "{method} {hold:?}: {}", reply.body);
                let value = if method == "SUM" { 0.0 } else { 7.0 };
                assert!(points(&reply).iter().all(|point| point.0 == value), "{}", reply.body);
            }
            Err(()) => {
                let why = match method {
                    "raw" => "a query without aggregation has no buckets",
                    _ => "each empty bucket would count the same sum or count again",
                };
                let details = format!(
                    "HoldSeconds: {why}; expected MEAN, MAX, MIN or a percentile, or no HoldSeconds"
                );
                assert_eq!(reply.body["details"], details, "{method}");
            }
        }
    }
}

/// A held value is asked for once while it is cached, and a late one replaces it then.
#[tokio::test]
async fn what_is_held_is_cached_like_points() {
    let end = NOW - NOW % HOUR;
    let (app, requests) = metric_with(&[(NOW - NOW % HOUR - 5 * HOUR, 3.0)]);
    let asked =
        |length: i64| query(end - HOUR, end - HOUR + length, 5 * MINUTE, "MEAN", 1, json!(86_400));
    for (length, details, all, looks_back) in [
        (HOUR, json!({}), 2, 1),
        (HOUR, json!({}), 0, 0),
        // Another end has the same value before it.
        (HOUR / 2, json!({}), 1, 0),
        (HOUR, json!({"cacheSeconds": 0}), 2, 1),
    ] {
        requests.lock().unwrap().clear();
        let reply = metric(&app, &asked(length), details).await;
        assert_eq!(points(&reply).len() as i64, length / (5 * MINUTE), "{}", reply.body);
        assert_eq!(back(&requests).len(), looks_back);
        assert_eq!(requests.lock().unwrap().len(), all);
    }
}

/// The last value can be older than the age at which CloudWatch lengthens periods.
#[tokio::test]
async fn it_looks_back_in_the_periods_that_cloudwatch_keeps() {
    let start = NOW - NOW % HOUR - 14 * DAY;
    let (app, requests) = metric_with(&[(NOW - NOW % HOUR - 18 * DAY, 3.0)]);
    let reply =
        metric(&app, &query(start, start + HOUR, MINUTE, "MEAN", 1, json!(604_800)), json!({}))
            .await;
    assert_eq!(points(&reply).len(), 60, "{}", reply.body);
    let requests = requests.lock().unwrap();
    let periods = requests
        .iter()
        .map(|input| input.metric_data_queries()[0].metric_stat().unwrap().period().unwrap());
    assert_eq!(periods.collect::<Vec<_>>(), [60, 60, 300]);
}

/// Of several metrics, the last bucket is correct only once all have arrived. So it looks at as much as one page
/// has room for, and then further back, until it finds a bucket.
#[tokio::test]
async fn of_many_metrics_it_looks_back_page_by_page() {
    let end = NOW - NOW % HOUR;
    let pages = |days: i64| (days * 24 * 60 * 200) as usize / 100_800 + 1;
    for (value_at, looks, count) in [
        (Some(end - HOUR - MINUTE), 1, 60),
        (Some(end - HOUR - 2 * DAY), pages(2), 60),
        // Ten pages are the most.
        (Some(end - HOUR - 6 * DAY), 10, 0),
        (None, 10, 0),
    ] {
        let (rule, requests) = data(move |input| {
            let samples = value_at.into_iter().map(|time| (time, 1.0)).collect();
            answer(&samples, 100, usize::MAX, false, input)
        });
        let app = app(&[&rule, &listed("N", "M", ("Host", "0"))]);
        let asked = query(end - HOUR, end, MINUTE, "MEAN", 100, json!(604_800));
        let reply = metric(&app, &asked, json!({})).await;
        assert_eq!(points(&reply).len(), count, "{}", reply.body);
        let back = back(&requests);
        assert_eq!(back.len(), looks, "{value_at:?}");
        let times = |input: &GetMetricDataInput| {
            [input.start_time(), input.end_time()].map(|time| time.unwrap().to_millis().unwrap())
        };
        for (input, next) in back.iter().zip(&back[1..]) {
            let [start, end] = times(input);
            assert_eq!((end - start) / MINUTE * 200, 100_800);
            assert_eq!(times(next)[1], start);
        }
    }
}

/// What a request can cost is bounded. A value that is too far back is not found, which is no error.
#[tokio::test]
async fn the_most_metrics_look_back_for_what_is_left() {
    let end = NOW - NOW % HOUR;
    let (rule, requests) = data(|input| answer(&Samples::new(), 500, usize::MAX, false, input));
    let app = app(&[&rule, &listed("N", "M", ("Host", "0"))]);
    let asked = query(end - HOUR, end, MINUTE, "MEAN", 500, json!(604_800));
    let reply = metric(&app, &asked, json!({})).await;
    assert_eq!(reply.body["telemetry"]["points"], json!([]), "{}", reply.body);
    let requests = requests.lock().unwrap();
    let all = requests.iter().map(|input| input.metric_data_queries().len()).sum::<usize>();
    assert_eq!(all, 10_000);
}

/// What was not looked at can have a later value than what is kept in longer periods. So that one is not held, and
/// another range looks again.
#[tokio::test]
async fn an_older_value_is_not_held_for_one_that_was_not_looked_at() {
    let start = NOW - NOW % HOUR - 13 * DAY;
    let samples: Samples = [(start - 4 * DAY, 1.0), (start - 40 * HOUR, 2.0)].into();
    let (rule, requests) = data(move |input| answer(&samples, 300, usize::MAX, false, input));
    let app = app(&[&rule, &listed("N", "M", ("Host", "0"))]);
    for length in [HOUR, HOUR / 2] {
        requests.lock().unwrap().clear();
        let asked_for = query(start, start + length, MINUTE, "MEAN", 300, json!(604_800));
        let reply = metric(&app, &asked_for, json!({})).await;
        assert_eq!(points(&reply), [], "{}", reply.body);
        assert_eq!(reply.body["telemetry"]["isPartial"], false);
        let periods = |input: &GetMetricDataInput| {
            input.metric_data_queries()[0].metric_stat().unwrap().period()
        };
        let looks = back(&requests).iter().map(periods).collect::<Vec<_>>();
        // Each window has two calls: 600 queries.
        assert_eq!(looks, [Some(60); 20]);
    }
}

/// What an answer holds is of the metrics that it asked for, which can be others for another range.
#[tokio::test]
async fn a_value_of_another_metric_is_not_held() {
    let start = NOW - NOW % HOUR - 16 * DAY;
    let (rule, _) = data(move |input| {
        let metric = input.metric_data_queries()[0].metric_stat().unwrap().metric().unwrap();
        let is_other = metric.dimensions().len() == 2;
        let (time, value) = if is_other { (start - HOUR, 9.0) } else { (start + 10 * HOUR, 1.0) };
        let [from, to] =
            [input.start_time(), input.end_time()].map(|time| time.unwrap().to_millis().unwrap());
        let found: Vec<_> =
            (from..to).contains(&time).then_some((time, value)).into_iter().collect();
        page(vec![result("q0", &found, StatusCode::Complete)], None)
    });
    // CloudWatch does not list the other one any more.
    let (list, _) = lists(|_| {
        let dimension = |name| Dimension::builder().name(name).value("0").build();
        let metric = Metric::builder().namespace("N").metric_name("M");
        list_page(
            vec![metric.dimensions(dimension("Host")).dimensions(dimension("Zone")).build()],
            None,
        )
    });
    let app = app(&[&rule, &list]);
    for (length, expected) in [(HOUR, Some(9.0)), (11 * HOUR, Some(1.0))] {
        let asked = query(start, start + length, HOUR, "MAX", 1, json!(604_800));
        let reply = metric(&app, &asked, json!({})).await;
        assert_eq!(points(&reply).first().map(|point| point.0), expected, "{}", reply.body);
    }
}

/// A daily metric whose value is held needs no list, and may be one that CloudWatch no longer lists.
#[tokio::test]
async fn a_metric_with_a_held_value_is_not_looked_up() {
    let end = NOW - NOW % HOUR;
    let (rule, requests) =
        data(move |input| answer(&[(end - 30 * HOUR, 7.0)].into(), 1, usize::MAX, false, input));
    let (list, listings) = lists(|_| list_page(vec![], None));
    let app = app(&[&rule, &list]);
    for method in ["MEAN", "PERCENTILE_99"] {
        requests.lock().unwrap().clear();
        let asked = query(end - HOUR, end, 5 * MINUTE, method, 1, json!(172_800));
        let reply = metric(&app, &asked, json!({})).await;
        assert_eq!(points(&reply).len(), 12, "{}", reply.body);
        assert_eq!((requests.lock().unwrap().len(), listings.lock().unwrap().len()), (2, 0));
    }
}

/// Looking back for several metrics costs too much to be done for a wrong name, and before it is known whose they are.
#[tokio::test]
async fn several_metrics_are_looked_up_before_their_last_value() {
    let end = NOW - NOW % HOUR;
    for (is_linked, expected) in [(true, None), (false, Some("MetricNotFoundError"))] {
        let (rule, requests) = data(|input| answer(&Samples::new(), 500, usize::MAX, false, input));
        let (list, _) = lists(move |input| {
            let metric = |host: usize| {
                let dimension = Dimension::builder().name("Host").value(host.to_string()).build();
                Metric::builder().namespace("N").metric_name("M").dimensions(dimension).build()
            };
            let is_asked = is_linked && input.include_linked_accounts() == Some(true);
            let mut listed = list_page((0..500).filter(|_| is_asked).map(metric).collect(), None);
            listed.owning_accounts = Some(vec!["111122223333".to_owned(); 500]);
            listed
        });
        let asked = query(end - HOUR, end, MINUTE, "MEAN", 500, json!(604_800));
        let reply = metric(&app(&[&rule, &list]), &asked, json!({"linkedAccounts": true})).await;
        let error = reply.body["_type"].as_str().filter(|_| reply.status != 200);
        assert_eq!(error, expected, "{}", reply.body);
        let requests = requests.lock().unwrap();
        let all = requests.iter().map(|input| input.metric_data_queries().len()).sum::<usize>();
        assert_eq!(all, if is_linked { 10_000 } else { 1_000 });
    }
}

/// CloudWatch does not say that it has found nothing until it has finished.
#[tokio::test(start_paused = true)]
async fn a_search_that_cloudwatch_does_not_finish_is_tried_again() {
    let end = NOW - NOW % HOUR;
    for (failures, found, expected) in [
        (4, vec![], Ok(None)),
        (4, vec![(end - 2 * HOUR, 3.0)], Ok(Some(3.0))),
        (5, vec![], Err("CloudWatch returned only a part of the data of this metric")),
    ] {
        let tries = AtomicUsize::new(0);
        let (rule, requests) = data(move |input| {
            let is_back = input.scan_by() == Some(&ScanBy::TimestampDescending);
            if !is_back {
                return page(vec![result("q0", &[], StatusCode::Complete)], None);
            }
            match tries.fetch_add(1, Ordering::Relaxed) < failures {
                true => page(vec![result("q0", &[], StatusCode::PartialData)], None),
                false => page(vec![result("q0", &found, StatusCode::Complete)], None),
            }
        });
        let app = app(&[&rule, &listed("N", "M", ("Host", "0"))]);
        let asked = query(end - HOUR, end, 5 * MINUTE, "MEAN", 1, json!(86_400));
        let reply = metric(&app, &asked, json!({})).await;
        assert_eq!(back(&requests).len(), 5, "{}", reply.body);
        match expected {
            Ok(value) => assert_eq!(points(&reply).first().map(|point| point.0), value),
            Err(start) => {
                let details = reply.body["details"].as_str().unwrap();
                assert!(details.starts_with(start), "{details}");
            }
        }
    }
}

/// Pages and tries count, and nothing that they leave no room for is an error.
#[tokio::test(start_paused = true)]
async fn a_search_ends_when_it_has_asked_for_as_much_as_it_may() {
    let end = NOW - NOW % HOUR;
    for (status, token) in [
        (StatusCode::PartialData, Some("more")),
        (StatusCode::InternalError, Some("more")),
        (StatusCode::PartialData, None),
    ] {
        let again = Mutex::new(false);
        let first = status.clone();
        let (rule, requests) = data(move |input| {
            let mut again = again.lock().unwrap();
            let is_back = input.scan_by() == Some(&ScanBy::TimestampDescending);
            *again = is_back && !*again;
            let (status, token) =
                if *again { (&first, token) } else { (&StatusCode::Complete, None) };
            let queries = input.metric_data_queries().iter();
            page(
                queries.map(|query| result(query.id().unwrap(), &[], status.clone())).collect(),
                token,
            )
        });
        let app = app(&[&rule, &listed("N", "M", ("Host", "0"))]);
        let asked = query(end - HOUR, end, MINUTE, "MAX", 480, json!(604_800));
        let reply = metric(&app, &asked, json!({})).await;
        assert_eq!(points(&reply), [], "{status:?}: {}", reply.body);
        let requests = requests.lock().unwrap();
        let all = requests.iter().map(|input| input.metric_data_queries().len()).sum::<usize>();
        assert!((9_500..=10_000).contains(&all), "{all} {status:?}");
    }
}

/// A failure is an error, also in the last call that a request may make.
#[tokio::test]
async fn a_search_that_fails_is_an_error() {
    let end = NOW - NOW % HOUR;
    let calls = AtomicUsize::new(0);
    let (rule, requests) = data(move |input| {
        // Each window of 1,000 queries has two calls.
        let is_last = calls.fetch_add(1, Ordering::Relaxed) == 19;
        let status = if is_last { StatusCode::Forbidden } else { StatusCode::Complete };
        let queries = input.metric_data_queries().iter();
        page(queries.map(|query| result(query.id().unwrap(), &[], status.clone())).collect(), None)
    });
    let app = app(&[&rule, &listed("N", "M", ("Host", "0"))]);
    let asked = query(end - HOUR, end, MINUTE, "MEAN", 500, json!(604_800));
    let reply = metric(&app, &asked, json!({})).await;
    assert_eq!(requests.lock().unwrap().len(), 20, "{}", reply.body);
    let details = reply.body["details"].as_str().unwrap();
    assert!(details.starts_with("CloudWatch does not allow these credentials"), "{details}");
}

/// An expression is held only if its condition says so: its values may be sums.
#[tokio::test]
async fn an_expression_is_held_if_its_condition_says_so() {
    let end = NOW - NOW % HOUR;
    let graph = r#"{"metrics": [["N", "M", {"id": "m1", "visible": false}], [{"expression": "m1*2", "id": "e1"}]]}"#;
    let sql = "SELECT AVG(x) FROM y";
    for (conditions, details, id, count) in [
        (
            vec![condition("~", json!(graph)), condition("HoldSeconds", json!(86_400))],
            json!({}),
            "e1",
            12,
        ),
        (
            vec![condition("~", json!(sql)), condition("HoldSeconds", json!(86_400))],
            json!({}),
            "q0",
            12,
        ),
        (vec![condition("~", json!(graph))], json!({"holdSeconds": 86_400}), "e1", 0),
        // The statistic of tags is known.
        (
            vec![
                condition("Namespace", json!("N")),
                condition("MetricName", json!("M")),
                condition("Host", json!("*")),
                condition("Tag.T", json!("v")),
            ],
            json!({"holdSeconds": 86_400}),
            "q0",
            12,
        ),
    ] {
        // CloudWatch has no second page for math.
        let (rule, requests) = data(move |input| {
            let time = NOW - NOW % HOUR - 10 * HOUR;
            let start = input.start_time().unwrap().to_millis().unwrap();
            let period = input.metric_data_queries().last().unwrap().period().unwrap();
            let count = (time - start).div_euclid(i64::from(period) * 1_000);
            let times = (0..=count).map(|count| time - count * i64::from(period) * 1_000);
            let mut found: Vec<_> = times.map(|time| (time, 4.0)).collect();
            let size = input.max_datapoints().unwrap() as usize;
            let is_cut = found.len() > size;
            found.truncate(size);
            let status = if is_cut { StatusCode::PartialData } else { StatusCode::Complete };
            page(vec![result(id, &found, status)], None)
        });
        let mut query = json!({
            "conditions": conditions, "startTime": end - HOUR, "endTime": end,
            "aggregation": {"method": "MEAN", "bucketSizeMillis": 5 * MINUTE},
        });
        let app = app(&[&rule, &listed("N", "M", ("Host", "0"))]);
        let reply = metric(&app, &query, details.clone()).await;
        assert_eq!(points(&reply).len(), count, "{conditions:?}: {}", reply.body);
        assert_eq!(back(&requests).len(), usize::from(count > 0));
        let calls = requests.lock().unwrap().len();
        query["endTime"] = json!(end - 5 * MINUTE);
        metric(&app, &query, details).await;
        // What is held is cached.
        assert_eq!(requests.lock().unwrap().len(), calls + 1);
    }
}

/// SQL reads the last two weeks only, also for a value to hold.
#[tokio::test]
async fn what_is_held_of_sql_is_in_the_last_two_weeks() {
    let start = NOW - NOW % HOUR - 13 * DAY;
    let (rule, requests) = data(|_| page(vec![result("q0", &[], StatusCode::Complete)], None));
    let query = json!({
        "conditions": [condition("~", json!("SELECT AVG(x) FROM y")), condition("HoldSeconds", json!(604_800))],
        "startTime": start, "endTime": start + HOUR, "aggregation": {"method": "MEAN", "bucketSizeMillis": HOUR},
    });
    let reply = metric(&app(&[&rule]), &query, json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let [back] = &back(&requests)[..] else { panic!("{requests:?}") };
    assert_eq!(back.start_time().unwrap().to_millis().unwrap(), NOW - NOW % HOUR - 14 * DAY + HOUR);
}

/// It asks for a few small pages, also if these have no numbers, or nothing.
#[tokio::test]
async fn it_looks_back_on_few_pages() {
    let end = NOW - NOW % HOUR;
    let single = [condition("Namespace", json!("N")), condition("MetricName", json!("M"))];
    let graph = r#"{"metrics": [[{"expression": "q1*2", "id": "q0"}], ["N", "M", {"id": "q1", "visible": false}]]}"#;
    let graph = [condition("~", json!(graph))];
    for (conditions, values, pages, expected) in [
        (&single[..], vec![vec![f64::NAN]; 5], 3, None),
        (&single, vec![vec![]; 5], 3, None),
        (&single, vec![vec![], vec![2.0], vec![]], 2, Some(2.0)),
        (&single, vec![vec![2.0], vec![]], 1, Some(2.0)),
        (&single, vec![vec![]], 1, None),
        (&graph, vec![vec![]; 5], 3, None),
        (&graph, vec![vec![], vec![2.0], vec![]], 2, Some(2.0)),
    ] {
        let (rule, requests) = data(move |input| {
            if input.scan_by() != Some(&ScanBy::TimestampDescending) {
                return page(vec![result("q0", &[], StatusCode::Complete)], None);
            }
            let index: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
            let found: Vec<_> =
                values[index].iter().map(|value| (end - 2 * HOUR, *value)).collect();
            let next = (index + 1 < values.len()).then(|| (index + 1).to_string());
            let status =
                if next.is_some() { StatusCode::PartialData } else { StatusCode::Complete };
            page(vec![result("q0", &found, status)], next.as_deref())
        });
        let conditions = [conditions, &[condition("HoldSeconds", json!(86_400))]].concat();
        let asked = json!({
            "conditions": conditions, "startTime": end - HOUR, "endTime": end,
            "aggregation": {"method": "MEAN", "bucketSizeMillis": 5 * MINUTE},
        });
        let list = lists(|_| {
            list_page(vec![Metric::builder().namespace("N").metric_name("M").build()], None)
        })
        .0;
        let reply = metric(&app(&[&rule, &list]), &asked, json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(points(&reply).first().map(|point| point.0), expected, "{}", reply.body);
        assert_eq!(back(&requests).len(), pages, "{}", reply.body);
    }
}

/// A mean of no samples is no value, so what was before it goes on, also before the range.
#[tokio::test]
async fn a_mean_that_is_no_number_is_not_held() {
    let end = NOW - NOW % HOUR;
    let (rule, _) = data(move |input| {
        let results = input.metric_data_queries().iter().map(|query| {
            let is_sum = query.metric_stat().unwrap().stat() == Some("Sum");
            let (before, later) = if is_sum { (6.0, 10.0) } else { (2.0, 2.0) };
            let found = match input.scan_by() {
                Some(ScanBy::TimestampDescending) => vec![(end - 2 * HOUR, before)],
                _ => vec![(end - HOUR, 0.0), (end - 30 * MINUTE, later), (end - 20 * MINUTE, 0.0)],
            };
            result(query.id().unwrap(), &found, StatusCode::Complete)
        });
        page(results.collect(), None)
    });
    let asked = query(end - HOUR, end, 10 * MINUTE, "MEAN", 2, json!(86_400));
    let reply = metric(&app(&[&rule]), &asked, json!({})).await;
    assert_eq!(
        points(&reply).iter().map(|point| point.0).collect::<Vec<_>>(),
        [3.0, 3.0, 3.0, 5.0, 5.0, 5.0],
        "{}",
        reply.body
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where CloudWatch keeps only longer periods, the last value is the one of the last longer period before, or of
    /// a shorter one behind it.
    #[test]
    fn values_are_held_across_the_ages_of_data(
        (limit, bucket, longer) in select(vec![
            (3 * HOUR, 10_000, MINUTE), (15 * DAY, MINUTE, 5 * MINUTE), (63 * DAY, 5 * MINUTE, HOUR),
        ]),
        age in 0..1_000_i64,
        before in prop::collection::vec((1..400_i64, -1e6..1e6_f64), 0..6),
        inside in prop::option::of(-1e6..1e6_f64),
        hold in prop_oneof![1..10_000_i64, Just(604_800)],
    ) {
        // The range begins a little after the limit.
        let start = NOW - limit + 2 * MINUTE + bucket + age * bucket / 10;
        let first = start - start % bucket;
        let end = first + 3 * bucket;
        let samples: Samples =
            before.into_iter().map(|(count, value)| (first - count * count * bucket / 7 - 1, value)).collect();
        let oldest = first - hold * 1_000;
        let of = |from: i64, period: i64| {
            let found = aggregate(&samples, from, from + period, "Maximum");
            found.filter(|_| from >= oldest).map(|value| (from, value))
        };
        let since = NOW - limit + MINUTE;
        let own = (1..).map(|count| first - count * bucket).take_while(|from| *from >= oldest.max(since));
        let last_own = own.clone().last().unwrap_or(first);
        let from_longer = last_own - last_own % longer;
        // The longer period may have a part of what is known to be empty, but nothing behind the range's start.
        let from_longer = if from_longer + longer <= first { from_longer } else { from_longer - longer };
        let found = own.clone().find_map(|from| of(from, bucket)).or_else(|| {
            (0..).map(|count| from_longer - count * longer).take_while(|from| *from >= oldest).find_map(|from| of(from, longer))
        });
        // The second bucket of the range can have a value of its own.
        let inside = inside.map(|value| (first + bucket, value));
        let known = |from: i64| inside.filter(|(since, _)| *since <= from).or(found);
        let held = |from: i64| known(from).filter(|(since, _)| from - since <= hold * 1_000);
        let starts = (first..end).step_by(bucket as usize);
        let expected: Vec<(f64, i64, i64)> =
            starts.filter_map(|from| Some((held(from)?.1, from, from + bucket))).collect();
        let samples: Samples = samples.into_iter().chain(inside).collect();
        let shared = samples.clone();
        let (rule, _) = data(move |input| answer(&shared, 1, usize::MAX, false, input));
        let app = app(&[&rule, &listed("N", "M", ("Host", "0"))]);
        let mut asked = query(start, end, bucket, "MAX", 1, json!(hold));
        asked["conditions"].as_array_mut().unwrap().push(condition("HighResolution", json!(true)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reply = runtime.block_on(metric(&app, &asked, json!({})));
        prop_assert_eq!(reply.status, 200, "{}", reply.body);
        prop_assert_eq!(points(&reply), expected, "{:?}", samples);
    }
}
