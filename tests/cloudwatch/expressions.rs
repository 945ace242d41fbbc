//! Expressions, and the limits of Metrics Insights.

use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataInput;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{MessageData, StatusCode};
use serde_json::{Value, json};

use crate::support::app::NOW;
use crate::support::events::post;
use crate::support::ministack::{HOUR, MINUTE};
use crate::support::sdk_mock::{self, body, condition, data, list_page, lists, page, result};

const DAY: i64 = 24 * HOUR;

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
        condition("HighResolution", json!(false)),
    ]);
    let named = json!({"metricField": "value"});
    let (reply, asked) = ask(beside, named, json!({}), vec![("all", 5.0)]).await;
    assert_eq!(reply.body["telemetry"]["points"], json!([[5.0, time, time + HOUR]]));
    let [query] = asked[0].metric_data_queries() else { panic!("{asked:?}") };
    assert_eq!(query.expression(), Some(search));
    assert_eq!((query.period(), query.account_id()), (Some(3_600), None));
    assert_eq!(query.metric_stat(), None);

    let (_, asked) =
        ask(json!([condition("Expression", json!(search))]), json!({}), json!({}), vec![]).await;
    assert_eq!(asked[0].metric_data_queries()[0].expression(), Some(search), "by its second name");

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
    ] {
        let (reply, asked) = ask(conditions, more, json!({}), vec![]).await;
        let details = reply.body["details"].as_str().unwrap();
        let words =
            format!("~: an expression ignores {name}; expected {name} as a part of the expression");
        assert!(details.starts_with(&words), "{details}");
        assert!(asked.is_empty());
    }
    for (conditions, more, words) in [
        (
            json!([expression()]),
            json!({"metricField": "M"}),
            "~: an expression ignores the metric field, found \"M\"; expected none, or value",
        ),
        // CloudWatch ignores the account of the query, so it would be another account's data.
        (
            json!([expression(), condition("AccountId", json!("123456789012"))]),
            json!({}),
            "~: CloudWatch does not restrict an expression to the account of a condition AccountId; \
             expected the account as a part of the expression: :aws.AccountId=\"123456789012\" in a \
             SEARCH, WHERE AWS.AccountId = '123456789012' in Metrics Insights SQL, or {\"accountId\": \
             \"123456789012\"} behind a metric of a graph",
        ),
        (
            json!([condition("~", json!("x".repeat(2_049)))]),
            json!({}),
            "~: expected an expression of at most 2048 characters, found 2049",
        ),
        (
            json!([condition("~", json!("SELECT SUM(x) FROM y"))]),
            json!({"startTime": NOW - 20 * DAY, "endTime": NOW - 14 * DAY - 1}),
            "~: Metrics Insights SQL reads the last two weeks only, and the range ends before them",
        ),
    ] {
        let (reply, asked) = ask(conditions, more, json!({}), vec![("all", 5.0)]).await;
        let details = reply.body["details"].as_str().unwrap();
        assert!(details.starts_with(words), "{details}");
        assert!(asked.is_empty());
    }
    // Of a longer range, SQL asks for the part that Metrics Insights has, in whole buckets.
    let hour = NOW - NOW % HOUR;
    for (text, first) in
        [("SELECT SUM(x) FROM y", hour - 14 * DAY + HOUR), (search, hour - 20 * DAY)]
    {
        let range = json!({"startTime": hour - 20 * DAY, "endTime": hour});
        let conditions = json!([condition("~", json!(text))]);
        let (reply, asked) = ask(conditions, range, json!({}), vec![]).await;
        assert_eq!((reply.status, asked.len()), (200, 1), "{text}: {}", reply.body);
        assert_eq!(asked[0].start_time(), Some(&DateTime::from_millis(first)), "{text}");
    }
}

/// StackState's dialog asks for a *Select*, so an expression has one number field.
#[tokio::test]
async fn an_expression_has_one_number_field() {
    let (list, listed) = lists(|_| list_page(vec![], None));
    let app = sdk_mock::app(&[&list]);
    for conditions in [
        json!([condition("~", json!("SELECT 1"))]),
        json!([condition("~", json!("SELECT 1")), condition("Namespace", json!("AWS/EC2"))]),
    ] {
        let query = json!({"conditions": conditions, "startTime": NOW - HOUR, "endTime": NOW});
        let reply = post(&app, "field/name", &body(query, json!({}))).await;
        let fields = reply.body["fields"].as_array().unwrap();
        let numbers: Vec<_> = fields.iter().filter(|one| one["fieldType"] == "NUMBER").collect();
        assert_eq!(numbers.len(), 1, "{}", reply.body);
        assert_eq!(numbers[0]["fieldName"], "value");
    }
    assert!(listed.lock().unwrap().is_empty(), "nothing is listed for it");
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
        (
            vec![vec![exceeded]],
            Err(
                "MaxMetricsExceeded: 500 (a SEARCH combines a limited number of metrics, and 500 at most; expected a narrower SEARCH)",
            ),
        ),
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

/// Limits of CloudWatch, with the way out.
#[tokio::test]
async fn a_limit_is_told_with_the_way_out() {
    for (code, words) in [
        ("MaxQueryTimeRangeExceeded", "reads the last two weeks only; expected a later range"),
        ("MaxQueryResultsExceeded", "returns 500 series at most; expected a query without GROUP"),
        ("MaxMatchingResultsExceeded", "reads 10,000 metrics at most; expected a narrower WHERE"),
        ("SomethingNew", "SomethingNew: said"),
    ] {
        let (gets, _) = data(move |_| {
            let message = MessageData::builder().code(code).value("said").build();
            let mut page = page(vec![], None);
            page.messages = Some(vec![message]);
            page
        });
        let conditions = [condition("~", json!("SELECT SUM(x) FROM y"))];
        let query = json!({"conditions": conditions, "startTime": NOW - HOUR, "endTime": NOW});
        let reply = post(&sdk_mock::app(&[&gets]), "metric", &body(query, json!({}))).await;
        assert_eq!(reply.body["summary"], "CloudWatch returned a warning");
        let details = reply.body["details"].as_str().unwrap();
        assert!(details.starts_with(code) && details.contains(words), "{details}");
    }
}

/// A SEARCH can set a period of its own. A longer one makes the buckets, a shorter one is an error
/// before anything is asked.
#[tokio::test]
async fn the_period_of_a_search_makes_the_buckets() {
    let start = NOW - NOW % HOUR - HOUR;
    for (text, bucket, range, expected) in [
        ("SUM(SEARCH('{N} M', 'Sum', 300))", MINUTE, HOUR, Ok(5 * MINUTE)),
        ("SUM(SEARCH('{N} M', 'Sum', 300))", MINUTE, 5 * MINUTE, Ok(5 * MINUTE)),
        ("SUM(SEARCH('{N} M', 'Sum', 300))", 5 * MINUTE, HOUR, Ok(5 * MINUTE)),
        ("SUM(SEARCH('{N} M', 'Sum', 300))", MINUTE, 4 * MINUTE, Err(0)),
        // Here the range is too short for the buckets that are asked for, too.
        ("SUM(SEARCH('{N} M', 'Sum', 60))", 5 * MINUTE, 4 * MINUTE, Err(300)),
        ("SUM(SEARCH('{N} M', 'Sum'))", MINUTE, HOUR, Ok(MINUTE)),
        ("SUM(SEARCH('{N} M', 'Sum', 60))", 5 * MINUTE, HOUR, Err(300)),
        (
            "SUM(SEARCH('{N} M', 'Sum', 60)) / SUM(SEARCH('{N} L', 'Sum', 300))",
            MINUTE,
            HOUR,
            Err(300),
        ),
        ("SUM(SEARCH('{N} M', 'Sum', 10))", MINUTE, HOUR, Err(60)),
    ] {
        let (gets, requests) = data(move |input: &GetMetricDataInput| {
            let period = input.metric_data_queries()[0].period().unwrap();
            let time = input.start_time().unwrap().to_millis().unwrap();
            let second = time + i64::from(period) * 1_000;
            page(vec![result("q0", &[(time, 1.0), (second, 2.0)], StatusCode::Complete)], None)
        });
        let query = json!({
            "conditions": [condition("~", json!(text))], "startTime": start, "endTime": start + range,
            "aggregation": {"method": "SUM", "bucketSizeMillis": bucket},
        });
        let reply = post(&sdk_mock::app(&[&gets]), "metric", &body(query, json!({}))).await;
        match expected {
            Ok(length) => {
                let points = reply.body["telemetry"]["points"].as_array().unwrap();
                assert_eq!(points[0], json!([1.0, start, start + length]), "{text}");
            }
            Err(seconds) => {
                let words = match seconds {
                    0 => "a period of 300 seconds, and the range contains no whole one".to_owned(),
                    seconds => format!("sets a period shorter than the query's {seconds} seconds"),
                };
                assert!(reply.body["details"].as_str().unwrap().contains(&words), "{}", reply.body);
                assert!(requests.lock().unwrap().is_empty(), "{text}");
            }
        }
    }
}
