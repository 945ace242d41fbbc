//! The condition `Resource` of StackState's streams.

use serde_json::{Value, json};
use stackstate_mirror::app::App;

use crate::support::app::NOW;
use crate::support::events::{Reply, post};
use crate::support::inventory::{Entry, app, metric};
use crate::support::sdk_mock::{body, condition};

const HOUR: i64 = 60 * 60_000;
const START: i64 = NOW - NOW % HOUR - HOUR;

async fn ask(app: &App, namespace: &str, resource: Value) -> Reply {
    let conditions = [
        condition("Namespace", json!(namespace)),
        condition("Resource", resource),
        condition("Region", json!("eu-west-1")),
    ];
    let query = json!({
        "conditions": conditions, "metricField": "M", "startTime": START, "endTime": START + HOUR,
        "aggregation": {"method": "SUM", "bucketSizeMillis": HOUR},
    });
    post(app, "metric", &body(query, json!({"cacheSeconds": 0}))).await
}

fn points(reply: &Reply) -> Vec<f64> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let points = reply.body["telemetry"]["points"].as_array().unwrap();
    points.iter().map(|point| point[0].as_f64().unwrap()).collect()
}

#[tokio::test]
async fn a_resource_is_any_of_its_namespaces_dimensions() {
    let entries: Vec<Entry> = vec![
        metric("AWS/Lambda", "M", &[("FunctionName", "f")]).with(1.0),
        metric("AWS/Lambda", "M", &[("FunctionName", "f"), ("Resource", "f:live")]).with(2.0),
        metric("AWS/Lambda", "M", &[("FunctionName", "f"), ("Resource", "f")]).with(100.0),
        metric("AWS/ECS", "M", &[("ClusterName", "cluster")]).with(3.0),
        metric("AWS/ECS", "M", &[("ClusterName", "cluster"), ("ServiceName", "web")]).with(4.0),
        metric("AWS/RDS", "M", &[("DBClusterIdentifier", "orders")]).with(5.0),
        metric("AWS/RDS", "M", &[("DBInstanceIdentifier", "orders-1")]).with(6.0),
        metric("AWS/States", "M", &[("ActivityArn", "arn:activity")]).with(7.0),
        metric("AWS/ApplicationELB", "M", &[("TargetGroup", "targetgroup/a/1")]).with(8.0),
        metric("AWS/ApiGateway", "M", &[("ApiName", "shop")]).with(9.0),
        metric("AWS/ApiGateway", "M", &[("ApiName", "shop"), ("Stage", "prod")]).with(10.0),
        metric("AWS/ApiGateway", "M", &[("ApiId", "abc")]).with(11.0),
        metric("AWS/VPN", "M", &[("VpnId", "vpn-1")]).with(12.0),
        metric("AWS/Route53", "M", &[("HealthCheckId", "h")]).with(13.0),
        metric("AWS/CloudFront", "M", &[("DistributionId", "E1"), ("Region", "Global")]).with(14.0),
        metric("AWS/Events", "M", &[("RuleName", "nightly")]).with(15.0),
        // A namespace, and a dimension, that the mirror does not know.
        metric("Shop", "M", &[("Store", "north")]).with(16.0),
        metric("AWS/SQS", "M", &[("Tenant", "t1")]).with(17.0),
    ];
    for (namespace, resource, value) in [
        ("AWS/Lambda", "f", 1.0),
        ("AWS/Lambda", "f:live", 2.0),
        ("AWS/ECS", "cluster", 3.0),
        ("AWS/ECS", "web", 4.0),
        ("AWS/RDS", "orders", 5.0),
        ("AWS/RDS", "orders-1", 6.0),
        ("AWS/States", "arn:activity", 7.0),
        ("AWS/ApplicationELB", "targetgroup/a/1", 8.0),
        ("AWS/ApiGateway", "shop", 9.0),
        ("AWS/ApiGateway", "abc", 11.0),
        ("AWS/VPN", "vpn-1", 12.0),
        ("AWS/Route53", "h", 13.0),
        ("AWS/CloudFront", "E1", 14.0),
        ("AWS/Events", "nightly", 15.0),
        ("Shop", "north", 16.0),
        ("AWS/SQS", "t1", 17.0),
    ] {
        let (app, requests, listed) = app(entries.clone());
        for polls in 1..3 {
            let reply = ask(&app, namespace, json!(resource)).await;
            assert_eq!(points(&reply), [value], "{namespace} {resource}");
            // The lists are cached, and tell which metric to ask for.
            assert_eq!(requests.lock().unwrap().len(), polls, "{namespace} {resource}");
        }
        let listed = listed.lock().unwrap();
        for input in listed.iter() {
            assert_eq!((input.namespace(), input.metric_name()), (Some(namespace), Some("M")));
            let mut filters = input.dimensions().iter();
            assert!(filters.all(|filter| filter.value() == Some(resource)), "{input:?}");
        }
        assert!(listed.len() <= 5, "{namespace} {resource}: {} lists", listed.len());
    }
}

/// A cluster and its service have one name. The metric with exactly one dimension is the cluster's.
#[tokio::test]
async fn a_metric_with_exactly_the_dimension_comes_first() {
    let service = |cluster: &str| {
        metric("AWS/ECS", "M", &[("ClusterName", cluster), ("ServiceName", "shop")]).with(1.0)
    };
    let cluster = metric("AWS/ECS", "M", &[("ClusterName", "shop")]).with(2.0);
    let (both, _, _) = app(vec![service("shop"), service("test"), cluster]);
    assert_eq!(points(&ask(&both, "AWS/ECS", json!("shop")).await), [2.0]);
    let (one, _, _) = app(vec![service("test")]);
    assert_eq!(points(&ask(&one, "AWS/ECS", json!("shop")).await), [1.0]);
}

/// The lists of a dialog offer the dimensions that the error of the query names.
#[tokio::test]
async fn a_dialog_shows_the_dimensions_to_choose_from() {
    let (app, _, _) = app(vec![metric("Shop", "M", &[("Store", "north"), ("Depot", "north")])]);
    let conditions = [condition("Namespace", json!("Shop")), condition("Resource", json!("north"))];
    let query = json!({"conditions": conditions, "startTime": START, "endTime": NOW});
    let reply = post(&app, "field/name", &body(query, json!({}))).await;
    let fields = reply.body["fields"].as_array().unwrap().iter();
    let names: Vec<_> = fields.map(|field| field["fieldName"].as_str().unwrap()).collect();
    assert!(names.contains(&"Depot") && names.contains(&"Store"), "{names:?}");
}

#[tokio::test]
async fn several_resources_and_wildcards_are_resolved_too() {
    let queue = |name: &str, value: f64| metric("AWS/SQS", "M", &[("QueueName", name)]).with(value);
    let (app, requests, _) = app(vec![queue("a-1", 1.0), queue("a-2", 2.0), queue("b-1", 4.0)]);
    for (resource, value) in
        [(json!(["a-1", "b-1"]), 5.0), (json!("a-*"), 3.0), (json!("*-1"), 5.0)]
    {
        let before = requests.lock().unwrap().len();
        assert_eq!(points(&ask(&app, "AWS/SQS", resource.clone()).await), [value], "{resource}");
        assert_eq!(requests.lock().unwrap().len(), before + 1);
    }
}

#[tokio::test]
async fn a_resource_that_is_not_found_is_explained() {
    let entries = vec![
        metric("Shop", "M", &[("Store", "north"), ("Depot", "north")]),
        metric("AWS/Lambda", "M", &[("FunctionName", "f")]),
    ];
    let (app, _, _) = app(entries);
    let reply = ask(&app, "Shop", json!("north")).await;
    assert_eq!(
        reply.body["details"],
        "Resource: several dimensions have this value; expected a condition on one of them: Depot, \
         Store"
    );
    for (namespace, resource, metric) in [
        ("Shop", "south", "Shop M {Resource=south}"),
        ("AWS/Lambda", "g", "AWS/Lambda M {FunctionName=g}"),
    ] {
        let reply = ask(&app, namespace, json!(resource)).await;
        assert_eq!(reply.body["_type"], "MetricNotFoundError", "{}", reply.body);
        assert_eq!(reply.body["metric"], metric);
    }
}

/// A metric that is not listed, because it is very new, has data all the same.
#[tokio::test]
async fn a_new_resource_is_asked_for_by_its_likeliest_dimension() {
    use aws_sdk_cloudwatch::types::StatusCode;

    use crate::support::sdk_mock::{self, data, list_page, lists, page, result};

    let (data, requests) =
        data(|_| page(vec![result("q0", &[(START, 1.0)], StatusCode::Complete)], None));
    let (list, _) = lists(|_| list_page(vec![], None));
    let reply = ask(&sdk_mock::app(&[&data, &list]), "AWS/Lambda", json!("new")).await;
    assert_eq!(points(&reply), [1.0]);
    let requests = requests.lock().unwrap();
    let stat = requests[0].metric_data_queries()[0].metric_stat().unwrap();
    assert_eq!(stat.metric().unwrap().dimensions()[0].name(), Some("FunctionName"));
}

/// Where no dimension is known, ten pages of the namespace and name are looked through.
#[tokio::test]
async fn the_search_for_a_dimension_ends() {
    let store = |index: usize| metric("Shop", "M", &[("Store", &format!("store-{index}"))]);
    let (app, _, listed) = app((0..6_000).map(store).map(|entry| entry.with(1.0)).collect());
    let reply = ask(&app, "Shop", json!("store-4999")).await;
    assert_eq!(points(&reply), [1.0]);
    // One list for the dimension Resource, ten pages, and one list for the store.
    assert_eq!(listed.lock().unwrap().len(), 12);
    let reply = ask(&app, "Shop", json!("store-5000")).await;
    assert_eq!(reply.body["summary"], "CloudWatch has too many metrics to find this one");
}

#[tokio::test]
async fn an_unknown_resource_is_searched_in_ten_pages() {
    let entries =
        (0..6_000).map(|index| metric("Own", "M", &[("Depot", &index.to_string())])).collect();
    let (app, _, listed) = app(entries);
    let conditions = [condition("Namespace", json!("Own")), condition("Resource", json!("gone"))];
    let query = json!({
        "conditions": conditions, "startTime": START, "endTime": START + HOUR,
        "field": {"fieldName": "MetricName"},
    });
    let reply = post(&app, "field/value", &body(query, json!({}))).await;
    assert_eq!((&reply.body["values"], &reply.body["isPartial"]), (&json!([]), &json!(true)));
    let listed = listed.lock().unwrap();
    let (of_dimensions, of_all): (Vec<_>, Vec<_>) =
        listed.iter().partition(|input| !input.dimensions().is_empty());
    assert_eq!((of_dimensions.len(), of_all.len()), (1, 10));
}
