//! Field names and values, step by step as StackState's dialog asks for them.

use aws_sdk_cloudwatch::operation::list_metrics::ListMetricsOutput;
use aws_sdk_cloudwatch::types::{Dimension, Metric, RecentlyActive};
use aws_smithy_mocks::Rule;
use serde_json::{Value, json};
use stackstate_mirror::app::App;

use crate::support::app::NOW;
use crate::support::events::{Reply, event, post, serve};
use crate::support::ministack::{self, HOUR, MINUTE, account, put, yesterday};
use crate::support::sdk_mock::{self, ListRequests, body, condition, lists};

/// An account for these tests only, so that its lists are known.
const SHOP: &str = "333333333333";

async fn fill() {
    let samples = [(yesterday(), 1.0), (yesterday() + MINUTE, 3.0)];
    for (namespace, name, dimensions) in [
        ("AWS/EC2", "CPUUtilization", &[("InstanceId", "i-1")][..]),
        ("AWS/EC2", "CPUUtilization", &[("InstanceId", "i-2")]),
        ("AWS/EC2", "NetworkIn", &[("InstanceId", "i-1")]),
        ("AWS/Lambda", "Duration", &[("FunctionName", "checkout")]),
        ("AWS/Lambda", "Duration", &[("FunctionName", "pay"), ("Resource", "pay")]),
        ("Shop", "Revenue", &[("Currency", "EUR"), ("Region", "north")]),
    ] {
        put(SHOP, namespace, name, dimensions, &samples).await;
    }
}

fn query(conditions: Value, more: Value) -> Value {
    let mut query = json!({
        "conditions": conditions, "startTime": yesterday(), "endTime": yesterday() + HOUR,
    });
    for (name, value) in more.as_object().unwrap() {
        query[name] = value.clone();
    }
    query
}

/// The names of fields, and whether there are more.
async fn names(app: &App, details: &Value, query: Value) -> (Vec<String>, bool) {
    let body = json!({"connectionDetails": details, "query": query});
    let reply = post(app, "field/name", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let name = |field: &Value| match field["fieldType"].as_str().unwrap() {
        "NUMBER" => format!("#{}", field["fieldName"].as_str().unwrap()),
        _ => field["fieldName"].as_str().unwrap().to_owned(),
    };
    let names = reply.body["fields"].as_array().unwrap().iter().map(name).collect();
    (names, reply.body["isPartial"].as_bool().unwrap())
}

/// The values of a field, and whether there are more.
async fn values(app: &App, details: &Value, field: &str, query: Value) -> (Vec<String>, bool) {
    let mut query = query;
    query["field"] = json!({"fieldName": field, "fieldType": "STRING"});
    let body = json!({"connectionDetails": details, "query": query});
    let reply = post(app, "field/value", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let values = reply.body["values"].as_array().unwrap();
    let values = values.iter().map(|value| value["value"].as_str().unwrap().to_owned());
    (values.collect(), reply.body["isPartial"].as_bool().unwrap())
}

const RESERVED: [&str; 8] = [
    "HighResolution",
    "HoldSeconds",
    "MetricName",
    "Namespace",
    "Region",
    "Statistic",
    "Unit",
    "~",
];

#[tokio::test]
async fn the_dialog_leads_to_data() {
    fill().await;
    let app = ministack::app(&[]);
    let details = account(SHOP);
    let ec2 = || condition("Namespace", json!("AWS/EC2"));
    let instance = || condition("InstanceId", json!("i-1"));
    let shown =
        |names: &[&str]| (names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), false);
    let with_reserved = |names: &[&str]| shown(&[&RESERVED, names].concat());

    for (conditions, fields) in [
        (json!([]), &[][..]),
        (json!([instance()]), &[]),
        (json!([ec2()]), &["InstanceId", "#CPUUtilization", "#NetworkIn"]),
        (json!([ec2(), condition("InstanceId", json!("i-2"))]), &["InstanceId", "#CPUUtilization"]),
        (
            json!([ec2(), condition("InstanceId", json!(["i-1", "i-2"]))]),
            &["InstanceId", "#CPUUtilization", "#NetworkIn"],
        ),
        (
            json!([ec2(), condition("MetricName", json!("NetworkIn"))]),
            &["InstanceId", "#NetworkIn"],
        ),
        (json!([ec2(), condition("InstanceId", json!("i-9"))]), &[]),
        (
            json!([condition("Namespace", json!("Shop"))]),
            &["Currency", "Dimension.Region", "#Revenue"],
        ),
        (
            json!([condition("Namespace", json!(["Shop", "AWS/Lambda"]))]),
            &["Currency", "FunctionName", "Dimension.Region", "Resource", "#Duration", "#Revenue"],
        ),
    ] {
        let found = names(&app, &details, query(conditions.clone(), json!({}))).await;
        assert_eq!(found, with_reserved(fields), "{conditions}");
    }
    let limited = query(json!([ec2()]), json!({"limit": 8}));
    assert_eq!(names(&app, &details, limited).await.0.len(), 8);

    for (field, conditions, more, found) in [
        ("Namespace", json!([]), json!({}), &["AWS/EC2", "AWS/Lambda", "Shop"][..]),
        ("Namespace", json!([]), json!({"limit": 2}), &["AWS/*", "Shop"]),
        ("Namespace", json!([]), json!({"fieldValuePrefix": "AWS/"}), &["AWS/EC2", "AWS/Lambda"]),
        (
            "Namespace",
            json!([]),
            json!({"fieldValuePrefix": "AWS/*", "offset": 1}),
            &["AWS/Lambda"],
        ),
        ("Namespace", json!([ec2()]), json!({}), &["AWS/EC2", "AWS/Lambda", "Shop"]),
        ("Namespace", json!([condition("Currency", json!("EUR"))]), json!({}), &["Shop"]),
        ("MetricName", json!([ec2()]), json!({}), &["CPUUtilization", "NetworkIn"]),
        (
            "MetricName",
            json!([ec2(), condition("InstanceId", json!("i-2"))]),
            json!({}),
            &["CPUUtilization"],
        ),
        ("InstanceId", json!([ec2()]), json!({}), &["i-1", "i-2"]),
        ("InstanceId", json!([ec2(), instance()]), json!({}), &["i-1", "i-2"]),
        (
            "InstanceId",
            json!([ec2(), condition("MetricName", json!("NetworkIn"))]),
            json!({}),
            &["i-1"],
        ),
        ("Dimension.Region", json!([condition("Namespace", json!("Shop"))]), json!({}), &["north"]),
        ("Region", json!([]), json!({}), &["eu-west-1"]),
        (
            "Unit",
            json!([]),
            json!({"fieldValuePrefix": "Kilob"}),
            &["Kilobits", "Kilobits/Second", "Kilobytes", "Kilobytes/Second"],
        ),
        ("Statistic", json!([]), json!({"fieldValuePrefix": "S"}), &["SampleCount", "Sum"]),
        ("HighResolution", json!([]), json!({}), &["false", "true"]),
        (
            "MetricName",
            json!([ec2(), condition("InstanceId", json!("i-*"))]),
            json!({}),
            &["CPUUtilization", "NetworkIn"],
        ),
        (
            "MetricName",
            json!([ec2(), condition("InstanceId", json!("*-2"))]),
            json!({}),
            &["CPUUtilization"],
        ),
        ("MetricName", json!([ec2(), condition("InstanceId", json!("x*"))]), json!({}), &[]),
        ("AccountId", json!([]), json!({}), &[]),
        ("~", json!([]), json!({}), &[]),
        ("Nothing", json!([ec2()]), json!({}), &[]),
    ] {
        let result = values(&app, &details, field, query(conditions.clone(), more)).await;
        assert_eq!(result, shown(found), "{field} {conditions}");
    }

    let conditions = json!([ec2(), instance()]);
    let chosen = query(
        conditions,
        json!({
            "metricField": "CPUUtilization",
            "aggregation": {"method": "MEAN", "bucketSizeMillis": 5 * MINUTE},
        }),
    );
    let reply = post(&app, "metric", &json!({"connectionDetails": details, "query": chosen})).await;
    assert_eq!(
        reply.body["telemetry"]["points"],
        json!([[2.0, yesterday(), yesterday() + 5 * MINUTE]])
    );
}

#[tokio::test]
async fn a_stackpacks_stream_works_unchanged() {
    fill().await;
    let app = ministack::app(&[]);
    let ask = async |namespace: &str, resource: &str| {
        let conditions = json!([
            condition("Namespace", json!(namespace)),
            condition("Resource", json!(resource)),
            condition("Region", json!("eu-west-1")),
        ]);
        let query = query(
            conditions,
            json!({
                "metricField": if namespace == "AWS/EC2" { "NetworkIn" } else { "Duration" },
                "aggregation": {"method": "MEAN", "bucketSizeMillis": 5 * MINUTE},
            }),
        );
        post(&app, "metric", &json!({"connectionDetails": account(SHOP), "query": query})).await
    };
    let points = json!([[2.0, yesterday(), yesterday() + 5 * MINUTE]]);
    for (namespace, resource) in
        [("AWS/Lambda", "checkout"), ("AWS/Lambda", "pay"), ("AWS/EC2", "i-1")]
    {
        for _ in 0..2 {
            let reply = ask(namespace, resource).await;
            assert_eq!(reply.body["telemetry"]["points"], points, "{resource}: {}", reply.body);
        }
    }
    let reply = ask("AWS/Lambda", "nothing").await;
    assert_eq!(reply.body["_type"], "MetricNotFoundError");
    assert_eq!(reply.body["metric"], "AWS/Lambda Duration {FunctionName=nothing}");
}

#[tokio::test]
async fn numbers_and_booleans_have_no_values() {
    for kind in ["NUMBER", "BOOLEAN"] {
        let mut query = query(json!([]), json!({}));
        query["field"] = json!({"fieldName": "CPUUtilization", "fieldType": kind});
        let body = json!({"connectionDetails": account(SHOP), "query": query});
        let reply = post(&ministack::app(&[]), "field/value", &body).await;
        assert_eq!(reply.body, json!({"_type": "UnsupportedFieldTypeError", "mirrorType": kind}));
    }
}

fn metric(host: usize) -> Metric {
    let dimension = Dimension::builder().name("Host").value(format!("{host:06}")).build();
    Metric::builder().namespace("N").metric_name("M").dimensions(dimension).build()
}

fn listing(hosts: std::ops::Range<usize>, token: Option<String>) -> ListMetricsOutput {
    ListMetricsOutput::builder()
        .set_metrics(Some(hosts.map(metric).collect()))
        .set_next_token(token)
        .build()
}

/// A list of `count` pages of 500 metrics.
fn pages(count: usize) -> (Rule, ListRequests) {
    lists(move |input| {
        let index: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
        let next = (index + 1 < count).then(|| (index + 1).to_string());
        listing(index * 500..(index + 1) * 500, next)
    })
}

async fn hosts(app: &App, details: Value, start: i64) -> (usize, bool) {
    let query = json!({
        "conditions": [condition("Namespace", json!("N"))], "startTime": start, "endTime": NOW,
        "field": {"fieldName": "Host", "fieldType": "STRING"}, "limit": 2_147_483_647,
    });
    let reply = post(app, "field/value", &body(query, details)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    (reply.body["values"].as_array().unwrap().len(), reply.body["isPartial"] == true)
}

#[tokio::test]
async fn a_catalogue_is_read_once_for_each_caller() {
    let (rule, requests) = pages(4);
    let app = sdk_mock::app(&[&rule]);
    let old = NOW - 4 * HOUR;
    let calls = || requests.lock().unwrap().len();
    assert_eq!(hosts(&app, json!({}), old).await, (2_000, false));
    assert_eq!(calls(), 4);
    assert_eq!(hosts(&app, json!({}), old).await, (2_000, false));
    assert_eq!(calls(), 4, "the second question costs nothing");

    // The cached catalogue also answers narrower questions.
    let narrow = json!({
        "conditions": [condition("Namespace", json!("N")), condition("Host", json!("000007"))],
        "startTime": old, "endTime": NOW, "field": {"fieldName": "MetricName"},
    });
    let reply = post(&app, "field/value", &body(narrow, json!({}))).await;
    assert_eq!(reply.body["values"], json!([{"value": "M", "_type": "CompleteValue"}]));
    assert_eq!(calls(), 4);

    for other in [
        json!({"secretAccessKey": "another"}),
        json!({"sessionToken": "token"}),
        json!({"region": "eu-west-2"}),
        json!({"roleArn": "arn:aws:iam::123456789012:role/reader"}),
        json!({"linkedAccounts": true}),
    ] {
        let before = calls();
        hosts(&app, other.clone(), old).await;
        assert_eq!(calls(), before + 4, "{other}");
    }
}

/// Daily metrics, such as the sizes of S3 buckets, have no data in the last three hours.
#[tokio::test]
async fn lists_have_all_metrics_unless_the_connection_wants_only_recent_ones() {
    for (details, start, recent) in [
        (json!({}), NOW - HOUR, None),
        (json!({}), 0, None),
        (json!({"recentlyActiveOnly": false}), NOW - HOUR, None),
        (json!({"recentlyActiveOnly": true}), NOW - HOUR, Some(&RecentlyActive::Pt3H)),
        (json!({"recently_active_only": true}), 0, Some(&RecentlyActive::Pt3H)),
    ] {
        let (rule, requests) = pages(1);
        hosts(&sdk_mock::app(&[&rule]), details.clone(), start).await;
        let requests = requests.lock().unwrap();
        assert_eq!(requests[0].recently_active(), recent, "{details} {start}");
        assert_eq!(requests[0].namespace(), Some("N"));
        assert_eq!(requests[0].include_linked_accounts(), None);
    }
}

/// In an account with more metrics than a request can list, the namespaces of AWS's services are
/// within reach, and the lists of a namespace read only that namespace.
#[tokio::test]
async fn a_partial_list_of_namespaces_is_filled_up() {
    let (endless, requests) = pages(usize::MAX);
    let app = sdk_mock::app(&[&endless]);
    let ask = async |app: &App, conditions: Value, prefix: &str| {
        let query = json!({
            "conditions": conditions, "startTime": NOW - HOUR, "endTime": NOW,
            "field": {"fieldName": "Namespace", "fieldType": "STRING"}, "fieldValuePrefix": prefix,
        });
        let reply = post(app, "field/value", &body(query, json!({}))).await;
        let values = reply.body["values"].as_array().unwrap().iter();
        let values: Vec<_> =
            values.map(|value| value["value"].as_str().unwrap().to_owned()).collect();
        (values, reply.body["isPartial"] == true)
    };
    let (values, is_partial) = ask(&app, json!([]), "").await;
    assert!(is_partial);
    for namespace in ["AWS/EC2", "AWS/Lambda", "AWS/S3", "ContainerInsights", "N"] {
        assert!(values.iter().any(|value| value == namespace), "{namespace} in {values:?}");
    }
    let (values, is_partial) = ask(&app, json!([]), "AWS/EC2").await;
    assert!(is_partial);
    assert!(values.contains(&"AWS/EC2Spot".to_owned()) && !values.contains(&"N".to_owned()));
    // Whether these namespaces have such a metric is not known.
    let (values, is_partial) = ask(&app, json!([condition("MetricName", json!("M"))]), "").await;
    assert_eq!((values, is_partial), (vec!["N".to_owned()], true));
    hosts(&app, json!({}), 0).await;
    let last = requests.lock().unwrap().last().unwrap().clone();
    assert_eq!(last.namespace(), Some("N"));
    assert_eq!(last.dimensions()[0].name(), Some("Host"), "only metrics that can have a value");

    // A whole list has only what is there.
    let (whole, _) = pages(1);
    let (values, is_partial) = ask(&sdk_mock::app(&[&whole]), json!([]), "").await;
    assert_eq!((values, is_partial), (vec!["N".to_owned()], false));
}

#[tokio::test]
async fn every_page_of_a_partial_catalogue_is_partial_but_for_the_one_behind_its_end() {
    let (rule, _) = pages(usize::MAX);
    let app = sdk_mock::app(&[&rule]);
    let range = json!({
        "conditions": [condition("Namespace", json!("N"))], "startTime": 0, "endTime": NOW,
    });
    let with = |more: Value| {
        let mut query = range.clone();
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        query
    };
    for (more, count, is_partial) in [
        (json!({"fieldValuePrefix": "00000"}), 10, true),
        (json!({"fieldValuePrefix": "00000", "offset": 8}), 2, true),
        (json!({"fieldValuePrefix": "00000", "offset": 10}), 0, false),
        (json!({"fieldValuePrefix": "none"}), 0, true),
    ] {
        let mut query = with(more.clone());
        query["field"] = json!({"fieldName": "Host", "fieldType": "STRING"});
        let reply = post(&app, "field/value", &body(query, json!({}))).await;
        let found = reply.body["values"].as_array().unwrap().len();
        assert_eq!((found, &reply.body["isPartial"]), (count, &json!(is_partial)), "{more}");
    }
    let reply = post(&app, "field/name", &body(with(json!({"limit": 5_000})), json!({}))).await;
    assert_eq!(reply.body["isPartial"], true, "names");
    let few = json!({"limit": 1, "conditions": []});
    let reply = post(&app, "field/name", &body(with(few), json!({}))).await;
    assert_eq!(reply.body["isPartial"], true, "more names than the limit");
}

#[tokio::test]
async fn the_connections_regions_hide_the_functions() {
    let app = ministack::app(&[("AWS_REGION", "us-east-1")]);
    for (details, expected) in [
        (json!({"region": "eu-west-1", "regions": ["eu-west-2"]}), &["eu-west-1", "eu-west-2"][..]),
        (json!({"region": "eu-west-1"}), &["eu-west-1"]),
        (json!({"regions": ["eu-west-2"]}), &["eu-west-2"]),
        (json!({}), &["us-east-1"]),
    ] {
        let mut all = json!({"accessKeyId": SHOP, "secretAccessKey": "test"});
        all.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
        let (found, _) = values(&app, &all, "Region", query(json!([]), json!({}))).await;
        assert_eq!(found, expected, "{details}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_listing_ends() {
    let (rule, requests) = pages(usize::MAX);
    let app = sdk_mock::app(&[&rule]);
    assert_eq!(hosts(&app, json!({}), 0).await, (5_000, true));
    assert_eq!(requests.lock().unwrap().len(), 200);
    assert_eq!(hosts(&app, json!({}), 0).await, (5_000, true));
    assert_eq!(requests.lock().unwrap().len(), 200, "a partial catalogue serves for a while too");

    // The time limit ends the listing, during the third call of 80 ms.
    let (rule, requests) = pages(usize::MAX);
    let (found, is_partial) =
        hosts(&sdk_mock::app_for(&[&rule], 1), json!({"requestTimeout": 250}), 0).await;
    assert!(is_partial && found > 0);
    assert_eq!(requests.lock().unwrap().len(), 3);

    let (rule, requests) = lists(|_| listing(0..1, Some("same".to_owned())));
    assert_eq!(hosts(&sdk_mock::app(&[&rule]), json!({}), 0).await, (1, true));
    assert_eq!(requests.lock().unwrap().len(), 2, "a token that repeats ends the listing");
}

#[tokio::test]
async fn a_long_list_fits_lambdas_answer() {
    let (rule, _) = lists(|_| {
        let long = |index: usize| {
            let value = format!("{index:06}\"{}", "x".repeat(1_000));
            let dimension = Dimension::builder().name("Host").value(value).build();
            Metric::builder().namespace("N").metric_name("M").dimensions(dimension).build()
        };
        ListMetricsOutput::builder().set_metrics(Some((0..6_000).map(long).collect())).build()
    });
    let query = json!({
        "conditions": [condition("Namespace", json!("N"))], "startTime": 0, "endTime": NOW,
        "field": {"fieldName": "Host"}, "limit": 2_147_483_647,
    });
    let event = event("POST", "/api/field/value", body(query, json!({})).to_string());
    let answer = serve(&sdk_mock::app(&[&rule]), &event).await;
    assert!(answer.to_string().len() < 6 << 20, "{}", answer.to_string().len());
    assert_eq!(Reply::of(&answer).body["isPartial"], true);
}

#[tokio::test]
async fn the_dialog_follows_a_stackpacks_stream() {
    fill().await;
    let app = ministack::app(&[]);
    let conditions =
        json!([condition("Namespace", json!("AWS/EC2")), condition("Resource", json!("i-2")),]);
    let (found, _) = names(&app, &account(SHOP), query(conditions, json!({}))).await;
    assert_eq!(found[RESERVED.len()..], ["InstanceId", "#CPUUtilization"]);
}
