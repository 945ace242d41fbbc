//! Field names and values, step by step as StackState's dialog asks for them.

use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataInput;
use aws_sdk_cloudwatch::operation::list_metrics::ListMetricsOutput;
use aws_sdk_cloudwatch::types::{Dimension, MessageData, Metric, RecentlyActive, StatusCode};
use aws_smithy_mocks::Rule;
use serde_json::{Value, json};
use stackstate_mirror::app::App;

use crate::support::app::NOW;
use crate::support::events::{Reply, event, post, serve};
use crate::support::ministack::{self, HOUR, MINUTE, account, put, yesterday};
use crate::support::sdk_mock::{self, ListRequests, body, condition, data, lists, page, result};

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

const RESERVED: [&str; 6] = ["MetricName", "Namespace", "Region", "Statistic", "Unit", "~"];

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
    let limited = query(json!([ec2()]), json!({"limit": 7}));
    assert_eq!(names(&app, &details, limited).await.0.len(), 7);

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

#[tokio::test]
async fn only_recent_questions_are_about_recent_metrics() {
    for (start, recent) in [
        (NOW - HOUR, Some(&RecentlyActive::Pt3H)),
        (NOW - 3 * HOUR + 1, Some(&RecentlyActive::Pt3H)),
        (NOW - 3 * HOUR, None),
        (0, None),
    ] {
        let (rule, requests) = pages(1);
        hosts(&sdk_mock::app(&[&rule]), json!({}), start).await;
        let requests = requests.lock().unwrap();
        assert_eq!(requests[0].recently_active(), recent, "{start}");
        assert_eq!(requests[0].namespace(), Some("N"));
        assert_eq!(requests[0].include_linked_accounts(), None);
    }
}

#[tokio::test]
async fn an_endless_listing_ends() {
    let (rule, requests) = pages(usize::MAX);
    let app = sdk_mock::app(&[&rule]);
    assert_eq!(hosts(&app, json!({}), 0).await, (5_000, true));
    assert_eq!(requests.lock().unwrap().len(), 200);
    assert_eq!(hosts(&app, json!({}), 0).await, (5_000, true));
    assert_eq!(requests.lock().unwrap().len(), 200, "a partial catalogue serves for a while too");

    // The time limit ends the listing.
    let (rule, requests) = pages(usize::MAX);
    let (found, is_partial) =
        hosts(&sdk_mock::app(&[&rule]), json!({"requestTimeout": 250}), 0).await;
    assert!(is_partial && found > 0);
    assert!(requests.lock().unwrap().len() < 200);

    let (rule, requests) = lists(|_| listing(0..1, Some("same".to_owned())));
    assert_eq!(hosts(&sdk_mock::app(&[&rule]), json!({}), 0).await, (1, true));
    assert_eq!(requests.lock().unwrap().len(), 2, "a token that repeats ends the listing");
}

#[tokio::test]
async fn accounts_are_linked_on_request() {
    let owners = ["111111111111", "222222222222"];
    let (rule, requests) = lists(move |input| {
        let mut page = listing(0..0, None);
        let all = owners
            .into_iter()
            .filter(|owner| input.owning_account().is_none_or(|wanted| wanted == *owner));
        for owner in all {
            page.metrics.get_or_insert_default().push(metric(1));
            page.owning_accounts.get_or_insert_default().push(owner.to_owned());
        }
        let wider = Dimension::builder().name("Disk").value("sda").build();
        let mut wide = metric(2);
        wide.dimensions.get_or_insert_default().push(wider);
        page.metrics.get_or_insert_default().extend([metric(2), wide]);
        page.owning_accounts
            .get_or_insert_default()
            .extend([owners[0].to_owned(), owners[0].to_owned()]);
        page
    });
    let (gets, asked) = data(|input: &GetMetricDataInput| {
        let found =
            input.metric_data_queries()[0].account_id().map(|_| (NOW - NOW % HOUR - HOUR, 1.0));
        page(vec![result("q0", found.as_slice(), StatusCode::Complete)], None)
    });
    let app = sdk_mock::app(&[&rule, &gets]);
    let linked = || json!({"linkedAccounts": true});
    let question = |conditions: Value, more: Value| {
        let mut question =
            json!({"conditions": conditions, "startTime": NOW - 5 * HOUR, "endTime": NOW});
        for (name, value) in more.as_object().unwrap() {
            question[name] = value.clone();
        }
        body(question, linked())
    };
    let namespace = || condition("Namespace", json!("N"));
    let ask = async |call: &str, body: Value| -> Reply { post(&app, call, &body).await };

    let reply = ask("field/name", question(json!([]), json!({}))).await;
    assert_eq!(reply.body["fields"][0]["fieldName"], "AccountId");
    let accounts = json!({"field": {"fieldName": "AccountId"}});
    let reply = ask("field/value", question(json!([namespace()]), accounts)).await;
    let values: Vec<_> = reply.body["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value["value"].as_str().unwrap())
        .collect();
    assert_eq!(values, owners);
    assert_eq!(requests.lock().unwrap()[0].include_linked_accounts(), Some(true));

    let metric =
        || json!({"metricField": "M", "aggregation": {"method": "MEAN", "bucketSizeMillis": HOUR}});
    let host = || condition("Host", json!("000001"));
    let reply = ask("metric", question(json!([namespace(), host()]), metric())).await;
    assert_eq!(reply.body["summary"], "The conditions match several metrics");
    let details = reply.body["details"].as_str().unwrap();
    assert!(
        details.ends_with("add conditions on AccountId (111111111111, 222222222222)"),
        "{details}"
    );

    // A metric with exactly these dimensions takes precedence over one with more, in any account.
    let alone = condition("Host", json!("000002"));
    let reply = ask("metric", question(json!([namespace(), alone]), metric())).await;
    assert_eq!(reply.body["telemetry"]["points"].as_array().unwrap().len(), 1, "{}", reply.body);

    let account = condition("AccountId", json!("222222222222"));
    let reply = ask("metric", question(json!([namespace(), host(), account]), metric())).await;
    assert_eq!(reply.body["telemetry"]["points"].as_array().unwrap().len(), 1, "{}", reply.body);
    let asked = asked.lock().unwrap();
    let accounts: Vec<_> =
        asked.iter().map(|input| input.metric_data_queries()[0].account_id()).collect();
    assert_eq!(accounts, [None, None, Some("111111111111"), Some("222222222222")]);
}

#[tokio::test]
async fn a_stream_by_resource_is_looked_up_once() {
    let lambda = |value: &str| {
        let dimension = Dimension::builder().name("FunctionName").value(value).build();
        Metric::builder().namespace("AWS/Lambda").metric_name("M").dimensions(dimension).build()
    };
    let (rule, listed) = lists(move |input| {
        let named = input.dimensions().iter().any(|filter| filter.name() == Some("FunctionName"));
        let metrics = if named { vec![lambda("f")] } else { vec![] };
        ListMetricsOutput::builder().set_metrics(Some(metrics)).build()
    });
    let (gets, asked) = data(|input: &GetMetricDataInput| {
        let stat = input.metric_data_queries()[0].metric_stat().unwrap();
        let own = stat.metric().unwrap().dimensions()[0].name() == Some("FunctionName");
        let found = own.then_some((NOW - NOW % HOUR - HOUR, 1.0));
        page(vec![result("q0", found.as_slice(), StatusCode::Complete)], None)
    });
    let app = sdk_mock::app(&[&rule, &gets]);
    let query = json!({
        "conditions": [condition("Namespace", json!("AWS/Lambda")), condition("Resource", json!("f"))],
        "metricField": "M", "startTime": NOW - 5 * HOUR, "endTime": NOW,
        "aggregation": {"method": "MEAN", "bucketSizeMillis": HOUR},
    });
    for (gets, lists) in [(2, 1), (4, 1), (6, 1)] {
        let reply = post(&app, "metric", &body(query.clone(), json!({"cacheSeconds": 0}))).await;
        assert_eq!(
            reply.body["telemetry"]["points"].as_array().unwrap().len(),
            1,
            "{}",
            reply.body
        );
        assert_eq!((asked.lock().unwrap().len(), listed.lock().unwrap().len()), (gets, lists));
    }
}

#[tokio::test]
async fn an_expression_goes_to_cloudwatch_as_it_is() {
    let time = NOW - NOW % HOUR - HOUR;
    let search = "SUM(SEARCH('{AWS/EC2,InstanceId} CPUUtilization', 'Average'))";
    let ask =
        async |conditions: Value, more: Value, details: Value, answer: Vec<(&'static str, f64)>| {
            let (gets, asked) = data(move |_| {
                let series = answer.iter().map(|(label, value)| {
                    let mut series = result("q0", &[(time, *value)], StatusCode::Complete);
                    series.label = Some((*label).to_owned());
                    series
                });
                page(series.collect(), None)
            });
            let mut query = json!({
                "conditions": conditions, "startTime": NOW - 5 * HOUR, "endTime": NOW,
                "aggregation": {"method": "SUM", "bucketSizeMillis": HOUR},
            });
            for (name, value) in more.as_object().unwrap() {
                query[name] = value.clone();
            }
            let reply = post(&sdk_mock::app(&[&gets]), "metric", &body(query, details)).await;
            let asked = asked.lock().unwrap().clone();
            (reply, asked)
        };
    let expression = || condition("~", json!(search));
    let beside = json!([
        expression(),
        condition("Region", json!("eu-west-2")),
        condition("AccountId", json!("123456789012"))
    ]);
    let (reply, asked) = ask(beside, json!({}), json!({}), vec![("all", 5.0)]).await;
    assert_eq!(reply.body["telemetry"]["points"], json!([[5.0, time, time + HOUR]]));
    let [query] = asked[0].metric_data_queries() else { panic!("{asked:?}") };
    assert_eq!(query.expression(), Some(search));
    assert_eq!((query.period(), query.account_id()), (Some(3_600), Some("123456789012")));
    assert_eq!(query.metric_stat(), None);

    let (reply, _) = ask(json!([expression()]), json!({}), json!({}), vec![]).await;
    assert_eq!(reply.body["telemetry"]["points"], json!([]), "none is an empty answer");
    let (reply, _) =
        ask(json!([expression()]), json!({}), json!({}), vec![("all", f64::NAN)]).await;
    assert_eq!(reply.body["telemetry"]["points"], json!([]));
    let zero = json!({"nanInterpretation": "ZERO"});
    let (reply, _) = ask(json!([expression()]), json!({}), zero, vec![("all", f64::NAN)]).await;
    assert_eq!(reply.body["telemetry"]["points"], json!([[0.0, time, time + HOUR]]));

    let (reply, _) =
        ask(json!([expression()]), json!({}), json!({}), vec![("i-1", 1.0), ("i-2", 2.0)]).await;
    assert_eq!(reply.status, 500);
    let details = reply.body["details"].as_str().unwrap();
    assert!(
        details.starts_with("expected one, found 2: i-1, i-2; combine them with SUM("),
        "{details}"
    );

    for (conditions, more, name) in [
        (json!([expression(), condition("Namespace", json!("N"))]), json!({}), "Namespace"),
        (json!([expression(), condition("InstanceId", json!("i-1"))]), json!({}), "InstanceId"),
        (json!([expression(), condition("Statistic", json!("Sum"))]), json!({}), "Statistic"),
        (json!([expression()]), json!({"metricField": "M"}), "the metric field"),
    ] {
        let (reply, asked) = ask(conditions, more, json!({}), vec![]).await;
        let details = reply.body["details"].as_str().unwrap();
        let words =
            format!("~: an expression ignores {name}; expected {name} as a part of the expression");
        assert!(details.starts_with(&words), "{details}");
        assert!(asked.is_empty());
    }
}

#[tokio::test]
async fn an_expressions_answer_is_taken_as_it_is_meant() {
    let time = |minutes: i64| NOW - NOW % HOUR - HOUR + minutes * MINUTE;
    let labelled = |label: &str, time: i64, value: f64| {
        let mut series = result("q0", &[(time, value)], StatusCode::Complete);
        series.label = Some(label.to_owned());
        series
    };
    let dropped = MessageData::builder().code("ArithmeticError").value("dropped").build();
    let with_gap = {
        let mut series = labelled("rate", time(0), 5.0);
        series.messages = Some(vec![dropped]);
        series
    };
    let other = MessageData::builder().code("MaxMetricsExceeded").value("500").build();
    let exceeded = {
        let mut series = labelled("rate", time(0), 5.0);
        series.messages = Some(vec![other]);
        series
    };
    for (pages, outcome) in [
        (vec![vec![with_gap]], Ok(1)),
        (vec![vec![exceeded]], Err("MaxMetricsExceeded: 500")),
        (vec![vec![labelled("a", time(-60), 1.0)], vec![labelled("a", time(0), 2.0)]], Ok(2)),
        (
            vec![vec![labelled("a", time(-60), 1.0)], vec![labelled("b", time(0), 2.0)]],
            Err("found 2: a, b"),
        ),
        (
            vec![vec![labelled("a", time(0), 1.0), labelled("a", time(0), 1.0)]],
            Err("found 2: a, a"),
        ),
        (
            vec![vec![labelled("a", time(0), 1.0)], vec![labelled("a", time(5), 2.0)]],
            Err("sets a period shorter than the query's 3600 seconds"),
        ),
    ] {
        let (gets, _) = data(move |input: &GetMetricDataInput| {
            let index: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
            let next = (index + 1 < pages.len()).then(|| (index + 1).to_string());
            page(pages[index].clone(), next.as_deref())
        });
        let query = json!({
            "conditions": [condition("~", json!("SELECT 1"))], "startTime": NOW - 5 * HOUR, "endTime": NOW,
            "aggregation": {"method": "MEAN", "bucketSizeMillis": HOUR},
        });
        let reply = post(&sdk_mock::app(&[&gets]), "metric", &body(query, json!({}))).await;
        match outcome {
            Ok(count) => assert_eq!(
                reply.body["telemetry"]["points"].as_array().map(Vec::len),
                Some(count),
                "{}",
                reply.body
            ),
            Err(words) => {
                assert!(reply.body["details"].as_str().unwrap().contains(words), "{}", reply.body)
            }
        }
    }
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
