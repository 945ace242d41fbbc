//! Which metrics a query means: wildcards, and the metrics of linked accounts.

use aws_sdk_cloudwatch::types::{Dimension, Metric};
use serde_json::{Value, json};
use stackstate_mirror::app::App;

use crate::support::app::NOW;
use crate::support::events::{Reply, post};
use crate::support::inventory::{Entry, app, metric};
use crate::support::sdk_mock::{self, ListRequests, Requests, body, condition, list_page, lists};

const HOUR: i64 = 60 * 60_000;

/// The first bucket of the queries here, an hour whose data has arrived.
const START: i64 = NOW - NOW % HOUR - HOUR;

const A: &str = "111111111111";
const B: &str = "222222222222";

/// Asks for the metric `N M` with more conditions.
async fn ask(app: &App, method: &str, conditions: &[(&str, Value)], details: Value) -> Reply {
    let mut all = vec![condition("Namespace", json!("N"))];
    all.extend(conditions.iter().map(|(key, value)| condition(key, value.clone())));
    let query = json!({
        "conditions": all, "metricField": "M", "startTime": START, "endTime": START + HOUR,
        "aggregation": {"method": method, "bucketSizeMillis": HOUR},
    });
    post(app, "metric", &body(query, details)).await
}

fn points(reply: &Reply) -> Vec<f64> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let points = reply.body["telemetry"]["points"].as_array().unwrap();
    points.iter().map(|point| point[0].as_f64().unwrap()).collect()
}

fn details(reply: &Reply) -> &str {
    assert_eq!(reply.status, 500, "{}", reply.body);
    reply.body["details"].as_str().unwrap()
}

/// The values of the dimension `Host` that the requests ask for, sorted.
fn hosts(requests: &Requests) -> Vec<String> {
    let mut hosts: Vec<String> = requests
        .lock()
        .unwrap()
        .iter()
        .flat_map(|input| input.metric_data_queries())
        .flat_map(|query| query.metric_stat().unwrap().metric().unwrap().dimensions())
        .map(|dimension| dimension.value().unwrap().to_owned())
        .collect();
    hosts.sort();
    hosts
}

fn host(name: &str) -> Entry {
    metric("N", "M", &[("Host", name)])
}

fn asked(requests: &(Requests, ListRequests)) -> (usize, usize) {
    (requests.0.lock().unwrap().len(), requests.1.lock().unwrap().len())
}

#[tokio::test]
async fn a_wildcard_selects_what_matches() {
    let entries = vec![
        host("web-1").with(1.0),
        host("web-2").with(2.0),
        host("web-old"),
        host("db-1").with(4.0),
        metric("N", "M", &[("Host", "web-3"), ("Disk", "sda")]).with(8.0),
        metric("N", "L", &[("Host", "web-4")]).with(16.0),
        metric("O", "M", &[("Host", "web-5")]).with(32.0),
    ];
    for (method, value, points_expected, hosts_expected) in [
        ("SUM", json!("web-*"), &[3.0][..], &["web-1", "web-2", "web-old"][..]),
        ("MAX", json!("web-*"), &[2.0], &["web-1", "web-2", "web-old"]),
        ("SUM", json!("*-1"), &[5.0], &["db-1", "web-1"]),
        ("SUM", json!("w*2"), &[2.0], &["web-2"]),
        ("SUM", json!("*"), &[7.0], &["db-1", "web-1", "web-2", "web-old"]),
        ("SUM", json!(["web-2*", "db-1"]), &[6.0], &["db-1", "web-2"]),
        // A mean asks for sums and counts.
        ("MEAN", json!("*-1"), &[2.5], &["db-1", "db-1", "web-1", "web-1"]),
        // One metric has every statistic.
        ("MEAN", json!("w*1"), &[1.0], &["web-1"]),
        ("MEAN", json!("*-old"), &[], &["web-old"]),
        ("SUM", json!("*-old"), &[0.0], &["web-old"]),
    ] {
        let (app, requests, listed) = app(entries.clone());
        let reply = ask(&app, method, &[("Host", value.clone())], json!({})).await;
        assert_eq!(points(&reply), points_expected, "{method} {value}");
        assert_eq!(hosts(&requests), hosts_expected, "{method} {value}");
        let requests = (requests, listed);
        assert_eq!(asked(&requests), (1, 1), "{method} {value}");
        let listed = requests.1.lock().unwrap()[0].clone();
        assert_eq!((listed.namespace(), listed.metric_name()), (Some("N"), Some("M")));
        assert_eq!(listed.dimensions()[0].name(), Some("Host"));
    }
}

#[tokio::test]
async fn a_list_for_wildcards_serves_several_polls_and_streams() {
    let (app, requests, listed) = app(vec![host("web-1").with(1.0), host("db-1").with(2.0)]);
    let requests = (requests, listed);
    for (value, count) in [("web-*", 1), ("web-*", 2), ("db-*", 3)] {
        ask(&app, "SUM", &[("Host", json!(value))], json!({"cacheSeconds": 0})).await;
        assert_eq!(asked(&requests), (count, 1), "{value}");
    }
}

#[tokio::test]
async fn a_value_with_a_star_comes_first() {
    let entries =
        vec![host("web-*").with(1.0), host("web-1").with(2.0), metric("N", "M*", &[]).with(4.0)];
    let (app, requests, _) = app(entries);
    let reply = ask(&app, "SUM", &[("Host", json!("web-*"))], json!({})).await;
    assert_eq!(points(&reply), [1.0]);
    assert_eq!(hosts(&requests), ["web-*"]);
    let reply = ask(&app, "SUM", &[("Host", json!(["web-*", "*-1"]))], json!({})).await;
    assert_eq!(points(&reply), [3.0]);
    // A metric field is a whole name.
    let query = json!({
        "conditions": [condition("Namespace", json!("N"))], "metricField": "M*",
        "startTime": START, "endTime": START + HOUR,
        "aggregation": {"method": "SUM", "bucketSizeMillis": HOUR},
    });
    assert_eq!(points(&post(&app, "metric", &body(query, json!({}))).await), [4.0]);
}

#[tokio::test]
async fn a_wildcard_that_cannot_be_answered_is_explained() {
    let many: Vec<Entry> = (0..731).map(|index| host(&format!("web-{index}"))).collect();
    let (all, requests, _) = app(many);
    let reply = ask(&all, "SUM", &[("Host", json!("web-*"))], json!({})).await;
    assert_eq!(
        details(&reply),
        "731 metrics match N M {Host=web-*}, 231 more than the 500 that one query can combine; \
         expected a narrower wildcard, or fewer values"
    );
    assert!(requests.lock().unwrap().is_empty());

    let (two, _, _) = app(vec![host("web-1").with(1.0), host("web-2").with(2.0)]);
    let reply = ask(&two, "PERCENTILE_90", &[("Host", json!("web-*"))], json!({})).await;
    let words = "the conditions select several metrics, and p90 of all their samples cannot be";
    assert!(details(&reply).starts_with(words), "{}", reply.body);

    let reply = ask(&two, "SUM", &[("Host", json!("db-*"))], json!({})).await;
    assert_eq!(reply.body["_type"], "MetricNotFoundError");
    assert_eq!(reply.body["metric"], "N M {Host=db-*}");

    for (key, value) in [("Namespace", "AWS/*"), ("MetricName", "CPU*")] {
        let (app, requests, listed) = app(vec![]);
        let conditions = json!([condition("Namespace", json!("N")), condition(key, json!(value))]);
        let conditions = if key == "Namespace" { json!([conditions[1]]) } else { conditions };
        for call in ["metric", "field/name", "field/value"] {
            let query = json!({
                "conditions": conditions, "startTime": START, "endTime": START + HOUR,
                "field": {"fieldName": "Host"},
            });
            let reply = post(&app, call, &body(query, json!({}))).await;
            let words = format!("{key}: a wildcard (*) can only stand in the value of a dimension");
            assert!(details(&reply).starts_with(&words), "{call}: {}", reply.body);
        }
        assert_eq!(asked(&(requests, listed)), (0, 0));
    }
}

/// More metrics than a list can have: what matches is not known.
#[tokio::test]
async fn a_wildcard_needs_a_whole_list() {
    let (list, _) = lists(|input| {
        let page: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
        let metric = |index: usize| {
            let host = Dimension::builder().name("Host").value(format!("{page:03}-{index:03}"));
            Metric::builder().namespace("N").metric_name("M").dimensions(host.build()).build()
        };
        list_page((0..500).map(metric).collect(), Some(&(page + 1).to_string()))
    });
    let reply = ask(&sdk_mock::app(&[&list]), "SUM", &[("Host", json!("000-1*"))], json!({})).await;
    assert_eq!(reply.body["summary"], "CloudWatch has too many metrics to find this one");
    assert!(details(&reply).starts_with("N M {Host=000-1*}: CloudWatch has more metrics"));
}

#[tokio::test]
async fn the_callers_own_account_comes_first() {
    let linked = || json!({"linkedAccounts": true});
    let on = || [("Host", json!("a"))];
    // The own metric is idle, a linked one is not.
    let (idle, requests, listed) = app(vec![host("a"), host("a").of(A).with(1.0)]);
    let reply = ask(&idle, "MEAN", &on(), linked()).await;
    assert_eq!(points(&reply), [0.0; 0]);
    let flags = |listed: &ListRequests| -> Vec<Option<bool>> {
        listed.lock().unwrap().iter().map(|input| input.include_linked_accounts()).collect()
    };
    assert_eq!(flags(&listed), [None]);
    assert_eq!(requests.lock().unwrap().len(), 1);
    assert_eq!(points(&ask(&idle, "SUM", &on(), linked()).await), [0.0]);

    // The own account has no such metric.
    let (none, requests, listed) = app(vec![host("b"), host("a").of(A).with(1.0)]);
    assert_eq!(points(&ask(&none, "MEAN", &on(), linked()).await), [1.0]);
    assert_eq!(flags(&listed), [None, Some(true)]);
    let accounts: Vec<_> = requests
        .lock()
        .unwrap()
        .iter()
        .map(|input| input.metric_data_queries()[0].account_id().map(str::to_owned))
        .collect();
    assert_eq!(accounts, [None, Some(A.to_owned())]);
    // Without linkedAccounts, they are not looked at.
    let reply = ask(&none, "MEAN", &on(), json!({})).await;
    assert_eq!(reply.body["_type"], "MetricNotFoundError");

    // Exactly these dimensions in a linked account come before more in the own one.
    let wider = metric("N", "M", &[("Host", "a"), ("Disk", "sda")]).with(2.0);
    let (both, _, _) = app(vec![wider, host("a").of(A).with(1.0)]);
    assert_eq!(points(&ask(&both, "MEAN", &on(), linked()).await), [1.0]);
    assert_eq!(points(&ask(&both, "MEAN", &on(), json!({})).await), [2.0]);
}

#[tokio::test]
async fn several_linked_accounts_are_told_apart() {
    let linked = || json!({"linkedAccounts": true});
    let entries = vec![
        host("a").of(A).with(1.0),
        host("a").of(B).with(2.0),
        host("b").of(A).with(4.0),
        host("c").of(A).with(8.0),
        host("web").with(16.0),
        host("idle").of(A),
        host("idle").of(B),
    ];
    let (app, _, _) = app(entries);
    let reply = ask(&app, "MEAN", &[("Host", json!("a"))], linked()).await;
    assert_eq!(reply.body["summary"], "The conditions match several metrics");
    let words = format!(
        "N M {{Host=a}} exists in 2 linked accounts; add a condition on AccountId ({A}, {B})"
    );
    assert_eq!(details(&reply), words);
    for (account, value) in [(A, 1.0), (B, 2.0)] {
        let conditions = [("Host", json!("a")), ("AccountId", json!(account))];
        assert_eq!(points(&ask(&app, "MEAN", &conditions, linked()).await), [value]);
        assert_eq!(points(&ask(&app, "MEAN", &conditions, json!({})).await), [value]);
    }
    // Several metrics of one linked account, named or by a wildcard, and of the own account.
    for (hosts, value) in
        [(json!(["b", "c"]), 12.0), (json!("b*"), 4.0), (json!("w*"), 16.0), (json!("*"), 16.0)]
    {
        let reply = ask(&app, "SUM", &[("Host", hosts.clone())], linked()).await;
        assert_eq!(points(&reply), [value], "{hosts}");
    }
    let conditions = [("Host", json!("*")), ("AccountId", json!(A))];
    assert_eq!(points(&ask(&app, "SUM", &conditions, linked()).await), [13.0]);
    // Two accounts that the query names, with data and without.
    for (host, value) in [("a", 3.0), ("a*", 3.0), ("idle*", 0.0), ("idle", 0.0)] {
        let conditions = [("Host", json!(host)), ("AccountId", json!([A, B]))];
        assert_eq!(points(&ask(&app, "SUM", &conditions, json!({})).await), [value], "{host}");
    }
}

/// Percentiles need values that are not negative, one by one. A metric that has others has samples
/// and no percentile.
#[tokio::test]
async fn a_percentile_that_cannot_exist_is_told() {
    for (entry, method, expected) in [
        (host("a").with(-1.0), "PERCENTILE_99", Err("no p99")),
        (host("a"), "PERCENTILE_99", Ok(vec![])),
        (host("a").with(1.0), "MEAN", Ok(vec![1.0])),
    ] {
        let (app, requests, _) = app(vec![entry]);
        let reply = ask(&app, method, &[("Host", json!("a"))], json!({})).await;
        match expected {
            Ok(expected) => assert_eq!(points(&reply), expected, "{method}"),
            Err(words) => {
                assert_eq!(reply.body["summary"], "CloudWatch cannot compute this percentile");
                let text = format!("N M {{Host=a}} has samples in this range, but {words}: ");
                assert!(details(&reply).starts_with(&text), "{}", reply.body);
            }
        }
        let requests = requests.lock().unwrap();
        let statistics: Vec<_> = requests
            .iter()
            .map(|input| input.metric_data_queries()[0].metric_stat().unwrap().stat().unwrap())
            .collect();
        let all: &[&str] = if method == "MEAN" { &["Average"] } else { &["p99", "SampleCount"] };
        assert_eq!(statistics, all, "one more call tells");
    }
}

/// Samples that may still arrive tell nothing.
#[tokio::test]
async fn a_percentile_of_young_buckets_is_not_missed() {
    let (app, requests, _) = app(vec![host("a").with(-1.0)]);
    let conditions = [condition("Namespace", json!("N")), condition("Host", json!("a"))];
    let (end, minute) = (NOW - NOW % 60_000, 60_000);
    let query = json!({
        "conditions": conditions, "metricField": "M", "startTime": end - 3 * minute, "endTime": end,
        "aggregation": {"method": "PERCENTILE_99", "bucketSizeMillis": minute},
    });
    assert_eq!(points(&post(&app, "metric", &body(query, json!({}))).await), [0.0; 0]);
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_metric_without_data_is_searched_in_ten_pages() {
    let entries = (0..6_000).map(|index| host(&index.to_string())).collect();
    let (app, _, listed) = app(entries);
    let reply = ask(&app, "SUM", &[], json!({})).await;
    assert_eq!(reply.body["summary"], "CloudWatch has too many metrics to find this one");
    assert_eq!(listed.lock().unwrap().len(), 10);
}

#[tokio::test]
async fn accounts_are_listed_on_request() {
    let (app, _, listed) = app(vec![host("a").of(A), host("a").of(B)]);
    let query = |field: &str| {
        json!({
            "conditions": [condition("Namespace", json!("N"))], "startTime": START,
            "endTime": START + HOUR, "field": {"fieldName": field},
        })
    };
    let linked = || json!({"linkedAccounts": true});
    let reply = post(&app, "field/name", &body(query(""), linked())).await;
    assert_eq!(reply.body["fields"][0]["fieldName"], "AccountId");
    let reply = post(&app, "field/value", &body(query("AccountId"), linked())).await;
    let values: Vec<_> =
        reply.body["values"].as_array().unwrap().iter().map(|one| &one["value"]).collect();
    assert_eq!(values, [A, B]);
    assert!(listed.lock().unwrap().iter().all(|one| one.include_linked_accounts() == Some(true)));
}

/// Pages drift while they are read, so CloudWatch can list a metric twice.
#[tokio::test]
async fn a_metric_that_is_listed_twice_counts_once() {
    for (count, method, sum) in [(1, "MEAN", 1.0), (3, "SUM", 3.0), (500, "SUM", 500.0)] {
        let once: Vec<Entry> =
            (0..count).map(|index| host(&format!("web-{index}")).with(1.0)).collect();
        let twice: Vec<Entry> = once.iter().flat_map(|one| [one.clone(), one.clone()]).collect();
        let (app, requests, _) = app(twice);
        let reply = ask(&app, method, &[("Host", json!("web-*"))], json!({})).await;
        assert_eq!(points(&reply), [sum], "{count}");
        assert_eq!(hosts(&requests).len(), count, "{count}");
    }
    // One other metric is not several.
    let one = || metric("N", "M", &[("Host", "a"), ("Disk", "sda")]).with(1.0);
    let (app, ..) = app(vec![one(), one()]);
    let reply = ask(&app, "SUM", &[("Host", json!("a"))], json!({})).await;
    assert_eq!(points(&reply), [1.0]);
}
