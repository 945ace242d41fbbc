//! Errors that advise something: whoever does what they say has an answer.

use serde_json::{Value, json};
use stackstate_mirror::app::App;

use crate::support::app::NOW;
use crate::support::events::{Reply, post};
use crate::support::inventory::{Entry, app, metric};
use crate::support::sdk_mock::{self, body, condition, data, list_page, lists, page};

const HOUR: i64 = 60 * 60_000;

/// The first bucket of the queries here, an hour whose data has arrived.
const START: i64 = NOW - NOW % HOUR - HOUR;

/// A query for `M` with these conditions.
fn query(method: &str, conditions: &[(&str, Value)]) -> Value {
    let conditions: Vec<Value> =
        conditions.iter().map(|(key, value)| condition(key, value.clone())).collect();
    json!({
        "conditions": conditions, "metricField": "M", "startTime": START, "endTime": START + HOUR,
        "aggregation": {"method": method, "bucketSizeMillis": HOUR},
    })
}

async fn ask(app: &App, query: &Value, details: &Value) -> Reply {
    post(app, "metric", &body(query.clone(), details.clone())).await
}

/// The text of an error.
fn details(reply: &Reply) -> &str {
    assert_eq!(reply.status, 500, "{}", reply.body);
    reply.body["details"].as_str().unwrap()
}

fn points(reply: &Reply) -> Vec<f64> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let points = reply.body["telemetry"]["points"].as_array().unwrap();
    points.iter().map(|point| point[0].as_f64().unwrap()).collect()
}

/// The conditions that `advice` offers, one set for each way out: the first value of each field, or
/// the example.
fn offered(advice: &str) -> Vec<Vec<(String, Value)>> {
    let pair = |name: &str, value: &str| (name.to_owned(), json!(value));
    let of = |way: &str| match way.split_once(", such as ") {
        Some((_, example)) => {
            let pairs = example.split(", ").map(|text| text.split_once('=').unwrap());
            pairs.map(|(name, value)| pair(name, value)).collect()
        }
        None => {
            let fields = way.split_inclusive(')').map(|text| text.trim_start_matches(", "));
            let fields = fields.map(|text| text.trim_end_matches(')').split_once(" (").unwrap());
            fields.map(|(name, values)| pair(name, values.split(", ").next().unwrap())).collect()
        }
    };
    advice.split(", or on ").map(of).collect()
}

/// Several metrics have more dimensions than the query. Each way out leads to one of them, or to
/// all that the query means.
#[tokio::test]
async fn conditions_that_are_advised_find_a_metric() {
    let of = |dimensions: &[(&str, &str)], value: f64| metric("N", "M", dimensions).with(value);
    let (a, b) = ("111111111111", "222222222222");
    type Row = (Vec<(&'static str, Value)>, Vec<Entry>, &'static str);
    let rows: Vec<Row> = vec![
        (
            vec![("ClusterName", json!("c"))],
            vec![
                of(&[("ClusterName", "c"), ("Namespace", "default"), ("PodName", "p")], 1.0),
                of(&[("ClusterName", "c"), ("Namespace", "kube-system"), ("PodName", "q")], 2.0),
            ],
            "Dimension.Namespace (default, kube-system), PodName (p, q), such as \
             Dimension.Namespace=default, PodName=p",
        ),
        (
            vec![("BucketName", json!(["b1", "b2"]))],
            vec![
                of(&[("BucketName", "b1"), ("StorageType", "StandardStorage")], 1.0),
                of(&[("BucketName", "b2"), ("StorageType", "StandardStorage")], 2.0),
            ],
            "StorageType (StandardStorage)",
        ),
        (
            vec![("BucketName", json!("b*"))],
            vec![
                of(&[("BucketName", "b1"), ("StorageType", "StandardStorage")], 1.0),
                of(&[("BucketName", "b2"), ("StorageType", "StandardStorage")], 2.0),
            ],
            "StorageType (StandardStorage)",
        ),
        // One zone's number would be a part of the load balancer's.
        (
            vec![],
            vec![
                of(&[("AvailabilityZone", "a"), ("LoadBalancer", "x")], 1.0),
                of(&[("AvailabilityZone", "b"), ("LoadBalancer", "x")], 2.0),
                of(&[("LoadBalancer", "x")], 3.0),
            ],
            "LoadBalancer (x), or on AvailabilityZone (a, b), LoadBalancer (x)",
        ),
        (
            vec![],
            vec![of(&[("Region", "r")], 1.0), of(&[("~", "s")], 2.0), of(&[("Unit", "u")], 3.0)],
            "Dimension.Region (r), or on Dimension.Unit (u), or on Dimension.~ (s)",
        ),
        (
            vec![],
            vec![of(&[("A", "1")], 1.0).of(a), of(&[("A", "1")], 2.0).of(b)],
            "A (1), AccountId (111111111111, 222222222222)",
        ),
    ];
    for (conditions, entries, advice) in rows {
        let linked = json!({"linkedAccounts": true, "cacheSeconds": 0});
        let (app, ..) = app(entries);
        let conditions = [vec![("Namespace", json!("N"))], conditions].concat();
        let reply = ask(&app, &query("SUM", &conditions), &linked).await;
        let found = details(&reply).split_once("add conditions on ").unwrap().1;
        assert_eq!(found, advice);
        for more in offered(advice) {
            let more = more.iter().map(|(name, value)| (name.as_str(), value.clone()));
            let all: Vec<_> = conditions.iter().cloned().chain(more).collect();
            let reply = ask(&app, &query("SUM", &all), &linked).await;
            assert!(points(&reply)[0] > 0.0, "{all:?}");
        }
    }
}

/// A query, what its error says, and the query that does what it says. `null` removes a member, and
/// a condition of the second query replaces that of the first.
#[tokio::test]
async fn advice_of_every_kind_can_be_followed() {
    let of = |dimensions: &[(&str, &str)], value: f64| metric("N", "M", dimensions).with(value);
    let many = (0..501).map(|number| of(&[("Host", &format!("h{number}"))], 1.0));
    let entries: Vec<Entry> = [
        of(&[], 1.0),
        of(&[("TableName", "t"), ("Operation", "Get")], 1.0),
        of(&[("TableName", "t"), ("Operation", "Put")], 2.0),
        of(&[("Region", "both"), ("Zone", "z")], 4.0),
        of(&[("Region", "z"), ("Zone", "both")], 8.0),
        metric("AWS/DynamoDB", "M", &[("TableName", "t"), ("Operation", "Get")]).with(1.0),
        metric("AWS/DynamoDB", "M", &[("TableName", "t"), ("Operation", "Put")]).with(2.0),
        of(&[("Linked", "l")], 1.0).of("111111111111"),
        of(&[("Linked", "l")], 2.0).of("222222222222"),
    ]
    .into_iter()
    .chain(many)
    .collect();
    let n = || ("Namespace", json!("N"));
    let search = || ("~", json!("SUM(SEARCH('{N} M', 'Sum'))"));
    let five_hundred: Vec<String> = (0..500).map(|number| format!("h{number}")).collect();
    let stars = "*".repeat(21);
    let dimensions: Vec<(String, Value)> =
        (0..31).map(|number| (format!("D{number}"), json!("x"))).collect();
    let dimensions: Vec<(&str, Value)> =
        dimensions.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    type Conditions<'a> = Vec<(&'a str, Value)>;
    let rows: Vec<(Conditions<'_>, Value, &str, Conditions<'_>, Value)> = vec![
        (vec![], json!({}), "add the condition Namespace, such as", vec![n()], json!({})),
        (
            vec![n()],
            json!({"metricField": null}),
            "select one as the metric field, or add the condition MetricName",
            vec![n(), ("MetricName", json!("M"))],
            json!({"metricField": null}),
        ),
        (
            vec![n(), ("MetricName", json!("O"))],
            json!({}),
            "expected only one of them, or the same name in both",
            vec![n()],
            json!({}),
        ),
        (
            vec![("Namespace", json!("N*"))],
            json!({}),
            "expected one whole value, such as AWS/EC2",
            vec![n()],
            json!({}),
        ),
        (
            vec![n(), ("MetricName", json!("M*"))],
            json!({"metricField": null}),
            "expected one whole value, such as CPUUtilization",
            vec![n(), ("MetricName", json!("M"))],
            json!({"metricField": null}),
        ),
        (
            vec![n(), ("Host", json!("h*"))],
            json!({}),
            "501 metrics match N M {Host=h*}, 1 more than the 500 that one query can combine; expected \
             a narrower wildcard, or fewer values",
            vec![n(), ("Host", json!("h1*"))],
            json!({}),
        ),
        (
            vec![n(), ("Host", json!(stars))],
            json!({}),
            "the conditions have 21 wildcards (*); expected at most 20",
            vec![n(), ("Host", json!("h1*"))],
            json!({}),
        ),
        (
            [vec![n()], dimensions].concat(),
            json!({}),
            "the conditions name 31 dimensions; a metric has at most 30",
            vec![n()],
            json!({}),
        ),
        (
            vec![n(), ("Linked", json!("l"))],
            json!({}),
            "exists in 2 linked accounts; add a condition on AccountId (111111111111, 222222222222)",
            vec![n(), ("Linked", json!("l")), ("AccountId", json!("111111111111"))],
            json!({}),
        ),
        (
            vec![n(), ("Resource", json!("both"))],
            json!({}),
            "Resource: several dimensions have this value; expected a condition on one of them: \
             Dimension.Region, Zone",
            vec![n(), ("Dimension.Region", json!("both")), ("Zone", json!("z"))],
            json!({}),
        ),
        // What was taken for a resource is named as what it was taken for.
        (
            vec![("Namespace", json!("AWS/DynamoDB")), ("Resource", json!("t"))],
            json!({}),
            "there is no data for a metric AWS/DynamoDB M {TableName=t} with exactly these dimensions, \
             but 2 other metrics match the conditions; add conditions on Operation (Get, Put)",
            vec![
                ("Namespace", json!("AWS/DynamoDB")),
                ("Resource", json!("t")),
                ("Operation", json!("Put")),
            ],
            json!({}),
        ),
        (
            vec![n(), ("Host", json!("h1*"))],
            json!({"aggregation": {"method": "PERCENTILE_95", "bucketSizeMillis": HOUR}}),
            "expected conditions that select one metric",
            vec![n(), ("Host", json!("h1"))],
            json!({}),
        ),
        (
            vec![n(), ("Host", json!("h1")), ("Statistic", json!("p95"))],
            json!({"aggregation": null}),
            "expected MEAN, MAX, MIN, SUM or EVENT_COUNT",
            vec![n(), ("Host", json!("h1"))],
            json!({}),
        ),
        (
            vec![n(), ("Host", json!([]))],
            json!({}),
            "the condition has an empty set of values, which selects nothing",
            vec![n(), ("Host", json!(["h1"]))],
            json!({}),
        ),
        (
            vec![n(), ("Region", json!("Ireland"))],
            json!({}),
            "Region: expected a region such as eu-west-1, found \"Ireland\"",
            vec![n(), ("Region", json!("eu-west-1"))],
            json!({}),
        ),
        (
            vec![n(), ("Unit", json!("seconds"))],
            json!({}),
            "Unit: expected one of CloudWatch's units, such as Seconds",
            vec![n(), ("Unit", json!("Seconds"))],
            json!({}),
        ),
        (
            vec![n(), ("Statistic", json!("Mean"))],
            json!({"aggregation": null}),
            "Statistic: expected one of CloudWatch's statistics: Average, Maximum",
            vec![n(), ("Statistic", json!("Average"))],
            json!({"aggregation": null}),
        ),
        (
            vec![n(), ("HighResolution", json!("yes"))],
            json!({}),
            "HighResolution: expected true or false",
            vec![n(), ("HighResolution", json!("true"))],
            json!({}),
        ),
        (
            vec![n(), ("AccountId", json!("1"))],
            json!({}),
            "AccountId: expected twelve digits",
            vec![n(), ("Linked", json!("l")), ("AccountId", json!("111111111111"))],
            json!({}),
        ),
        (
            vec![n(), ("Host", json!("h1")), ("Host", json!("h2"))],
            json!({}),
            "Host: the conditions exclude each other",
            vec![n(), ("Host", json!("h2"))],
            json!({}),
        ),
        // A day of 500 metrics, in minutes, would be charged more than once.
        (
            vec![n(), ("Host", json!(five_hundred))],
            json!({
                "startTime": START - 14 * 24 * HOUR,
                "aggregation": {"method": "SUM", "bucketSizeMillis": 60_000},
            }),
            "longer buckets, a shorter range or fewer metrics",
            vec![n(), ("Host", json!(five_hundred))],
            json!({}),
        ),
        (
            vec![search(), ("AccountId", json!("111111111111"))],
            json!({"metricField": null}),
            "expected the account as a part of the expression: :aws.AccountId=",
            vec![("~", json!("SUM(SEARCH('{N} M :aws.AccountId=\"111111111111\"', 'Sum'))"))],
            json!({"metricField": null}),
        ),
        (
            vec![search(), ("Dimension.Region", json!("r"))],
            json!({"metricField": null}),
            "an expression ignores Dimension.Region; expected Dimension.Region as a part of the expression",
            vec![("~", json!("SUM(SEARCH('{N,Region} M Region=\"r\"', 'Sum'))"))],
            json!({"metricField": null}),
        ),
        (
            vec![search()],
            json!({}),
            "an expression ignores the metric field, found \"M\"; expected none, or value",
            vec![search()],
            json!({"metricField": "value"}),
        ),
        (
            vec![("~", json!("SELECT SUM(M) FROM N"))],
            json!({"metricField": null, "startTime": 0, "endTime": HOUR}),
            "expected a later range, or a SEARCH",
            vec![("~", json!("SELECT SUM(M) FROM N"))],
            json!({"metricField": null}),
        ),
        (
            vec![("~", json!("SEARCH('{N} M', 'Sum')"))],
            json!({"metricField": null}),
            "found 2: one, two; combine them with SUM(…), AVG(…), MAX(…) or MIN(…) around the expression",
            vec![search()],
            json!({"metricField": null}),
        ),
        (
            vec![("~", json!("SUM(SEARCH('{N} M', 'Sum', 60))"))],
            json!({"metricField": null}),
            "expected an expression without a period",
            vec![search()],
            json!({"metricField": null}),
        ),
    ];
    let (app, ..) = app(entries);
    let linked = json!({"linkedAccounts": true, "cacheSeconds": 0});
    for (conditions, members, words, next, next_members) in rows {
        let with = |conditions: &[(&str, Value)], members: &Value| {
            let mut query = query("SUM", conditions);
            for (name, value) in members.as_object().unwrap() {
                query[name] = value.clone();
            }
            query
        };
        let reply = ask(&app, &with(&conditions, &members), &linked).await;
        let details = details(&reply);
        assert!(details.contains(words), "{conditions:?}: {details}");
        let reply = ask(&app, &with(&next, &next_members), &linked).await;
        assert!(points(&reply)[0] > 0.0, "{next:?}");
    }
}

/// Connection details, what their error says, and those that do what it says.
#[tokio::test]
async fn advice_about_a_connection_can_be_followed() {
    let (list, _) = lists(|_| list_page(Vec::new(), None));
    let (data, _) = data(|_| page(Vec::new(), None));
    let app = sdk_mock::app(&[&list, &data]);
    let keys = json!({"accessKeyId": "a", "secretAccessKey": "b", "region": "eu-west-1"});
    for (details, words, next) in [
        (
            json!({"accessKeyId": "a", "secretAccessKey": "b"}),
            "expected \"region\" in the connection details",
            keys.clone(),
        ),
        (
            json!({"accessKeyId": "a", "region": "eu-west-1"}),
            "accessKeyId is present but secretAccessKey is missing",
            keys.clone(),
        ),
        (
            json!({"sessionToken": "t", "region": "eu-west-1"}),
            "sessionToken is present but accessKeyId is missing",
            json!({"accessKeyId": "a", "secretAccessKey": "b", "sessionToken": "t", "region": "eu-west-1"}),
        ),
        (
            json!({"accessKeyId": "", "secretAccessKey": "", "region": "eu-west-1"}),
            "fill them in, or remove them for random data",
            json!({}),
        ),
        (
            json!({"accessKeyId": "use-role", "secretAccessKey": "use-role", "region": "eu-west-1"}),
            "set MIRROR_ACCESS_TOKEN (AccessToken in the SAM template), or give accessKeyId and secretAccessKey",
            keys.clone(),
        ),
        (
            json!({"accessKeyId": "a", "secretAccesKey": "b", "region": "eu-west-1"}),
            "secretAccessKey",
            keys.clone(),
        ),
        (
            json!({"source": "cloudwatsh"}),
            "expected \"random\" or \"cloudwatch\"",
            json!({"source": "random"}),
        ),
        (
            json!({"accessKeyId": "a", "secretAccessKey": "b", "region": "Ireland"}),
            "expected a region such as eu-west-1",
            keys,
        ),
    ] {
        let test = async |details: &Value| {
            post(&app, "connection", &json!({"connectionDetails": details})).await.body
        };
        let body = test(&details).await;
        let text = body["error"]["details"].as_str().unwrap_or_else(|| panic!("{body}"));
        assert!(text.contains(words), "{details}: {text}");
        assert_eq!(test(&next).await["status"], "OK", "{next}");
    }
}

/// A name that CloudWatch does not list, but nearly: the error names the right one, with which the query
/// has an answer. What is listed for it is one page of the namespace, once in five minutes.
#[tokio::test]
async fn a_name_that_is_nearly_known_is_told() {
    let named = |namespace: &str, name: &str, dimension: &str| {
        let mut query = query("MAX", &[("Namespace", json!(namespace)), (dimension, json!("i-1"))]);
        query["metricField"] = json!(name);
        query
    };
    let right = ("AWS/EC2", "CPUUtilization", "InstanceId");
    let (app, _, list_requests) =
        app(vec![metric(right.0, right.1, &[(right.2, "i-1")]).with(7.0)]);
    assert_eq!(points(&ask(&app, &named(right.0, right.1, right.2), &json!({})).await), [7.0]);
    for (namespace, name, dimension, told) in [
        ("AWS/EC2", "CPUUtilisation", "InstanceId", "Did you mean CPUUtilization? "),
        ("aws/ec2", "CPUUtilization", "InstanceId", "Did you mean AWS/EC2? "),
        ("AWS/EC2", "CPUUtilization", "InstanceID", "Did you mean InstanceId? "),
        (
            "AWS/EC2",
            "InstanceId",
            "InstanceId",
            "InstanceId is a dimension: select a metric, such as CPUUtilization. ",
        ),
        ("AWS/EC2", "Region", "InstanceId", "Region is a field of filters: select a metric. "),
    ] {
        let reply = ask(&app, &named(namespace, name, dimension), &json!({})).await;
        assert_eq!(reply.body["_type"], "MetricNotFoundError", "{}", reply.body);
        let start =
            format!("CloudWatch in eu-west-1 lists no such metric. {told}Otherwise expected");
        assert!(details(&reply).starts_with(&start), "{told}: {}", details(&reply));
    }
    list_requests.lock().unwrap().clear();
    for value in ["i-2", "i-3", "i-4"] {
        let mut query = named("AWS/EC2", "CPUUtilisation", "InstanceId");
        query["conditions"][1] = condition("InstanceId", json!(value));
        ask(&app, &query, &json!({})).await;
    }
    assert!(list_requests.lock().unwrap().is_empty(), "the whole namespace is cached");
}
