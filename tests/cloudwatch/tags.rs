//! Conditions on tags: the SQL that is asked, read back by a reader of its own, and what is refused.

use aws_sdk_cloudwatch::operation::list_metrics::ListMetricsInput;
use aws_sdk_cloudwatch::types::{Dimension, Metric, StatusCode};
use serde_json::{Value, json};

use crate::support::app::NOW;
use crate::support::events::{Reply, post};
use crate::support::ministack::{HOUR, MINUTE};
use crate::support::sdk_mock::{
    self, Requests, body, condition, data, list_page, lists, page, result,
};

const DAY: i64 = 24 * HOUR;
const TIME: i64 = NOW - NOW % HOUR - HOUR;

/// What a text in Metrics Insights SQL says.
#[derive(Debug, PartialEq)]
struct Sql {
    function: String,
    metric: String,
    /// The namespace and the dimensions.
    schema: Vec<String>,
    /// Keys and values. A tag's key begins with `tag.`, the account's is `AWS.AccountId`.
    filters: Vec<(String, String)>,
}

/// Reads SQL as "Query components and syntax in CloudWatch Metrics Insights" describes it: names in double
/// quotes, in which a backslash stands before each quote, and values in single quotes, without any.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn sql(text: &str) -> Sql {
        let mut reader = Reader(text);
        reader.expect("SELECT ");
        let function = reader.word();
        reader.expect("(");
        let metric = reader.name();
        reader.expect(") FROM SCHEMA(");
        let mut schema = vec![reader.name()];
        while reader.takes(", ") {
            schema.push(reader.name());
        }
        reader.expect(") WHERE ");
        let mut filters = Vec::new();
        loop {
            let key = match () {
                () if reader.takes("AWS.AccountId") => "AWS.AccountId".to_owned(),
                () if reader.takes("tag.") => format!("tag.{}", reader.name()),
                () => reader.name(),
            };
            reader.expect(" = ");
            filters.push((key, reader.value()));
            if !reader.takes(" AND ") {
                break;
            }
        }
        assert_eq!(reader.0, "", "nothing follows");
        Sql { function, metric, schema, filters }
    }

    fn takes(&mut self, word: &str) -> bool {
        let rest = self.0.strip_prefix(word);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, word: &str) {
        assert!(self.takes(word), "expected {word:?} at {:?}", self.0);
    }

    fn word(&mut self) -> String {
        let length = self.0.bytes().take_while(u8::is_ascii_uppercase).count();
        let (word, rest) = self.0.split_at(length);
        self.0 = rest;
        word.to_owned()
    }

    fn name(&mut self) -> String {
        self.expect("\"");
        let mut name = String::new();
        let mut characters = self.0.chars();
        loop {
            match characters.next().expect("a name ends") {
                '"' => break,
                '\\' => match characters.next() {
                    Some(quote @ ('"' | '\'')) => name.push(quote),
                    other => panic!("{other:?} is escaped"),
                },
                character => name.push(character),
            }
        }
        self.0 = characters.as_str();
        name
    }

    fn value(&mut self) -> String {
        self.expect("'");
        let (value, rest) = self.0.split_once('\'').expect("a value ends");
        assert!(!value.contains(['"', '\\']), "{value}");
        self.0 = rest;
        value.to_owned()
    }
}

/// Asks about `AWS/EC2`, with these conditions. The list has metrics with these names of dimensions.
async fn ask(
    conditions: &[(&str, &str)],
    more: Value,
    points: &'static [(i64, f64)],
    listed: &'static [&'static [&'static str]],
) -> (Reply, Requests, usize) {
    let (gets, requests) = data(move |input| {
        let start = input.start_time().unwrap().to_millis().unwrap();
        let end = input.end_time().unwrap().to_millis().unwrap();
        let within: Vec<_> =
            points.iter().copied().filter(|(time, _)| (start..end).contains(time)).collect();
        page(vec![result("q0", &within, StatusCode::Complete)], None)
    });
    let (list, lists) = lists(move |_: &ListMetricsInput| {
        let metric = |names: &&[&str]| {
            let dimension = |name: &&str| Dimension::builder().name(*name).value("i-1").build();
            let metric = Metric::builder().namespace("AWS/EC2").metric_name("CPUUtilization");
            metric.set_dimensions(Some(names.iter().map(dimension).collect())).build()
        };
        list_page(listed.iter().map(metric).collect(), None)
    });
    let mut all = vec![condition("Namespace", json!("AWS/EC2"))];
    all.extend(conditions.iter().map(|(key, value)| condition(key, json!(value))));
    let mut query = json!({
        "conditions": all, "metricField": "CPUUtilization", "startTime": TIME, "endTime": TIME + HOUR,
        "aggregation": {"method": "MEAN", "bucketSizeMillis": 5 * MINUTE},
    });
    for (name, value) in more.as_object().unwrap() {
        query[name] = value.clone();
    }
    let reply = post(&sdk_mock::app(&[&gets, &list]), "metric", &body(query, json!({}))).await;
    let listings = lists.lock().unwrap().len();
    (reply, requests, listings)
}

fn text(requests: &Requests, index: usize) -> String {
    let requests = requests.lock().unwrap();
    let [query] = requests[index].metric_data_queries() else { panic!("{requests:?}") };
    assert_eq!((query.metric_stat(), query.account_id()), (None, None));
    query.expression().unwrap().to_owned()
}

#[tokio::test]
async fn tags_become_sql() {
    let any = ("InstanceId", "*");
    let tag = ("Tag.Environment", "Prod");
    let method =
        |method: &str| json!({"aggregation": {"method": method, "bucketSizeMillis": 5 * MINUTE}});
    for (conditions, more, expected) in [
        (
            vec![any, tag],
            json!({}),
            r#"SELECT AVG("CPUUtilization") FROM SCHEMA("AWS/EC2", "InstanceId") WHERE tag."Environment" = 'Prod'"#,
        ),
        (
            vec![tag, ("InstanceId", "i-1"), ("Tag.aws:cloudformation:stack-name", "a b")],
            method("MAX"),
            r#"SELECT MAX("CPUUtilization") FROM SCHEMA("AWS/EC2", "InstanceId") WHERE tag."Environment" = 'Prod' AND tag."aws:cloudformation:stack-name" = 'a b' AND "InstanceId" = 'i-1'"#,
        ),
        (
            vec![
                ("B", "*"),
                ("A", "1"),
                tag,
                ("AccountId", "111122223333"),
                ("Dimension.Tag.X", "y"),
            ],
            method("EVENT_COUNT"),
            r#"SELECT COUNT("CPUUtilization") FROM SCHEMA("AWS/EC2", "A", "B", "Tag.X") WHERE tag."Environment" = 'Prod' AND AWS.AccountId = '111122223333' AND "A" = '1' AND "Tag.X" = 'y'"#,
        ),
        (
            vec![any, tag, ("Statistic", "Sum")],
            json!({"aggregation": null}),
            r#"SELECT SUM("CPUUtilization") FROM SCHEMA("AWS/EC2", "InstanceId") WHERE tag."Environment" = 'Prod'"#,
        ),
        (
            vec![any, tag],
            method("MIN"),
            r#"SELECT MIN("CPUUtilization") FROM SCHEMA("AWS/EC2", "InstanceId") WHERE tag."Environment" = 'Prod'"#,
        ),
        // Who asks for two weeks asks a moment later.
        (
            vec![any, tag],
            json!({"startTime": NOW - 14 * DAY - 1}),
            r#"SELECT AVG("CPUUtilization") FROM SCHEMA("AWS/EC2", "InstanceId") WHERE tag."Environment" = 'Prod'"#,
        ),
        (
            vec![any, tag],
            method("SUM_NO_ZEROS"),
            r#"SELECT SUM("CPUUtilization") FROM SCHEMA("AWS/EC2", "InstanceId") WHERE tag."Environment" = 'Prod'"#,
        ),
    ] {
        let (reply, requests, listings) = ask(&conditions, more, &[(TIME, 5.0)], &[]).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body["telemetry"]["points"][0][0], 5.0);
        assert_eq!(
            reply.body["telemetry"]["points"].as_array().unwrap().len(),
            1,
            "no zeros are filled"
        );
        assert_eq!(text(&requests, 0), expected);
        assert_eq!((requests.lock().unwrap().len(), listings), (1, 0));
    }
}

/// Odd names and values, each as a namespace's metric, a dimension, its value, a tag's key and its value.
#[tokio::test]
async fn odd_names_are_read_back_or_refused() {
    let names = [
        "a",
        "a b",
        " a ",
        "a.b",
        "a/b",
        "a-b",
        "a:b",
        "a,b",
        "a;b",
        "(a)",
        "[a]",
        "{a}",
        "a=b",
        "a%b",
        "a_b",
        "a|b",
        "a#b",
        "a$b",
        "a&b",
        "a@b",
        "a!b",
        "a?b",
        "a+b",
        "<a>",
        "a~b",
        "a^b",
        "`a`",
        "--a",
        "/*a",
        "SELECT",
        "tag.x",
        "AWS.AccountId",
        "1",
        "é",
        "日本語",
        "🦀",
        "\u{202e}a",
        "\u{a0}",
        "a\"b",
        "a'b",
        "a\\b",
        "a\nb",
        "a\tb",
        "a\u{0}b",
        "' OR '1'='1",
        "\" FROM x",
        "a\\'b",
        "NULL",
        "a\u{2028}b",
    ];
    let mut read = 0;
    for odd in names {
        let hidden = odd.contains('\\') || odd.contains(char::is_control);
        let quoted = odd.contains(['\'', '"']);
        for (conditions, metric, is_value, expected) in [
            (
                vec![("D", "*".to_owned()), ("Tag.T", "v".to_owned())],
                odd,
                false,
                (odd, "D", None, "T", "v"),
            ),
            (
                vec![(odd, "*".to_owned()), ("Tag.T", "v".to_owned())],
                "M",
                false,
                ("M", odd, None, "T", "v"),
            ),
            (
                vec![("D", odd.to_owned()), ("Tag.T", "v".to_owned())],
                "M",
                true,
                ("M", "D", Some(odd), "T", "v"),
            ),
            (
                vec![("D", "*".to_owned()), (&format!("Tag.{odd}"), "v".to_owned())],
                "M",
                false,
                ("M", "D", None, odd, "v"),
            ),
            (
                vec![("D", "*".to_owned()), ("Tag.T", odd.to_owned())],
                "M",
                true,
                ("M", "D", None, "T", odd),
            ),
        ] {
            let prefixed: Vec<(String, &String)> = conditions
                .iter()
                .map(|(key, value)| match *key == odd {
                    true => (format!("Dimension.{key}"), value),
                    false => ((*key).to_owned(), value),
                })
                .collect();
            let conditions: Vec<(&str, &str)> =
                prefixed.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let more = json!({"metricField": metric});
            let (reply, requests, _) = ask(&conditions, more, &[(TIME, 5.0)], &[]).await;
            let (metric, dimension, value, key, tag) = expected;
            if hidden || quoted && is_value {
                let details = reply.body["details"].as_str().unwrap();
                let start =
                    "a query with tags: AWS does not document how Metrics Insights takes a ";
                assert!(details.starts_with(start), "{odd:?}: {details}");
                assert!(requests.lock().unwrap().is_empty());
                continue;
            }
            if odd.contains('*') && is_value {
                let details = reply.body["details"].as_str().unwrap();
                assert!(details.contains("wildcards"), "{odd:?}: {details}");
                continue;
            }
            assert_eq!(reply.status, 200, "{odd:?}: {}", reply.body);
            let mut filters = vec![(format!("tag.{key}"), tag.to_owned())];
            filters.extend(value.map(|value| (dimension.to_owned(), value.to_owned())));
            let schema = vec!["AWS/EC2".to_owned(), dimension.to_owned()];
            let expected =
                Sql { function: "AVG".to_owned(), metric: metric.to_owned(), schema, filters };
            assert_eq!(Reader::sql(&text(&requests, 0)), expected, "{odd:?}");
            read += 1;
        }
    }
    assert!(read > 150, "{read} texts were read back");
}

#[tokio::test]
async fn what_sql_cannot_say_is_refused_with_advice() {
    let tag = ("Tag.T", "v");
    let long = "x".repeat(1_000);
    let percentile =
        json!({"aggregation": {"method": "PERCENTILE_95", "bucketSizeMillis": 5 * MINUTE}});
    for (conditions, more, start) in [
        (
            vec![("InstanceId", "i-*"), tag],
            json!({}),
            "a query with tags: expected one value of InstanceId, or * alone for any value: Metrics Insights has no \
             other wildcards and no lists",
        ),
        (
            vec![("InstanceId", "*"), tag],
            percentile,
            "a query with tags: Metrics Insights has no p95; expected MEAN, MAX, MIN, SUM or EVENT_COUNT",
        ),
        (
            vec![("InstanceId", "*"), tag, ("Unit", "Percent")],
            json!({}),
            "a query with tags: expected no condition Unit, because Metrics Insights has none",
        ),
        (
            vec![("InstanceId", "*"), tag, ("HighResolution", "true")],
            json!({}),
            "a query with tags: expected no condition HighResolution, because Metrics Insights has minutes",
        ),
        (
            vec![("Resource", "i-1"), tag],
            json!({}),
            "a query with tags: expected the dimension itself, such as InstanceId, instead of Resource",
        ),
        (
            vec![("InstanceId", "*"), tag],
            json!({"startTime": NOW - 14 * DAY - HOUR - 1}),
            "a query with tags: Metrics Insights reads the last two weeks only; expected a range that begins later",
        ),
        (
            vec![("A", &long), ("B", &long), tag],
            json!({}),
            "a query with tags: its SQL has 2107 characters; expected at most 2048: fewer or shorter conditions",
        ),
        (
            vec![("InstanceId", "*"), ("Tag.T", "v*")],
            json!({}),
            "Tag.T: expected the value of a tag, without wildcards",
        ),
        (vec![("InstanceId", "*"), tag], json!({"metricField": null}), "the query names no metric"),
    ] {
        let (reply, requests, _) = ask(&conditions, more, &[(TIME, 5.0)], &[]).await;
        let details = reply.body["details"].as_str().unwrap();
        assert!(details.starts_with(start), "{details}");
        assert!(requests.lock().unwrap().is_empty());
    }
    // A set, also of what may have one value only.
    for (key, value, start) in [
        ("Tag.T", json!(["a", "b"]), "Tag.T: expected one value, found 2"),
        ("InstanceId", json!(["a", "b"]), "a query with tags: expected one value of InstanceId"),
        (
            "MetricName",
            json!(["A", "B"]),
            "a query with tags: expected one value of MetricName, found 2",
        ),
        (
            "AccountId",
            json!(["111122223333", "444455556666"]),
            "a query with tags: expected one value of AccountId",
        ),
    ] {
        let all = [
            condition("Namespace", json!("AWS/EC2")),
            condition(key, value),
            condition("Tag.T2", json!("v")),
        ];
        let mut query = json!({"conditions": all, "startTime": TIME, "endTime": TIME + HOUR});
        if key != "MetricName" {
            query["metricField"] = json!("M");
        }
        let (gets, requests) = data(|_| page(vec![], None));
        let reply = post(&sdk_mock::app(&[&gets]), "metric", &body(query, json!({}))).await;
        let details = reply.body["details"].as_str().unwrap();
        assert!(details.starts_with(start), "{details}");
        assert!(requests.lock().unwrap().is_empty());
    }
}

/// CloudWatch returns nothing for a wrong name, for a wrong tag, and where tags are switched off.
#[tokio::test]
async fn an_answer_without_points_is_explained() {
    const INSTANCE: &[&str] = &["InstanceId"];
    const GROUP: &[&str] = &["AutoScalingGroupName"];
    const BOTH: &[&str] = &["ImageId", "InstanceId"];
    const LAST_WEEK: &[(i64, f64)] =
        &[(NOW - NOW % HOUR - 8 * DAY, 1.0), (NOW - NOW % HOUR - 7 * DAY, 1.0)];
    // Somebody has just enabled tags.
    const THIS_HOUR: &[(i64, f64)] = &[(NOW - NOW % HOUR, 1.0)];
    let any = vec![("InstanceId", "*"), ("Tag.T", "v")];
    let without = vec![("Tag.T", "v")];
    for (conditions, listed, points, calls, expected) in [
        // The tags had data in the last two weeks, so the range is only empty.
        (&any, &[INSTANCE][..], LAST_WEEK, 2, Ok(())),
        (&any, &[INSTANCE], THIS_HOUR, 2, Ok(())),
        (
            &any,
            &[INSTANCE],
            &[],
            2,
            Err(
                "CloudWatch lists it, but has no data of it in the last two weeks for resources with these tags; \
                 expected tags that resources have, and an account with resource tags on telemetry enabled",
            ),
        ),
        (&any, &[], &[], 2, Err("CloudWatch in eu-west-1 lists no such metric")),
        // A metric with more dimensions is another one.
        (&any, &[BOTH], &[], 2, Err("with * for any, as one of these sets: {ImageId, InstanceId}")),
        (
            &any,
            &[BOTH, &["InstanceId", "Z"]],
            &[],
            2,
            Err("as one of these sets: {ImageId, InstanceId}, {InstanceId, Z}"),
        ),
        (
            &without,
            &[INSTANCE, GROUP, BOTH, &[]],
            &[],
            0,
            Err(
                "a query with tags: expected conditions on all dimensions of the metric, each with a value or with \
                 * for any, as one of these sets: {AutoScalingGroupName}, {InstanceId}, {ImageId, InstanceId}",
            ),
        ),
        (
            &without,
            &[&[]],
            &[],
            0,
            Err("a query with tags: this metric has no dimensions, so it belongs to no resource"),
        ),
        (&without, &[], &[], 0, Err("CloudWatch in eu-west-1 lists no such metric")),
    ] {
        let (reply, requests, _) = ask(conditions, json!({}), points, listed).await;
        assert_eq!(requests.lock().unwrap().len(), calls, "{listed:?}: {}", reply.body);
        match expected {
            Ok(()) => assert_eq!(reply.body["telemetry"]["points"], json!([])),
            Err(words) => {
                let details = reply.body["details"].as_str().unwrap();
                assert!(details.contains(words), "{details}");
            }
        }
    }
}

/// What was not listed can have exactly these dimensions.
#[tokio::test]
async fn a_partial_list_is_told() {
    for (host, names, words) in [
        (
            Some("*"),
            &["ImageId", "InstanceId"][..],
            "as one of these sets: {ImageId, InstanceId}, or another one: CloudWatch has more metrics than the \
             mirror reads",
        ),
        (
            None,
            &[],
            "CloudWatch has more metrics that can match these conditions than the mirror reads",
        ),
    ] {
        let (gets, _) = data(|_| page(vec![result("q0", &[], StatusCode::Complete)], None));
        let (list, _) = lists(move |_: &ListMetricsInput| {
            let dimension = |name: &&str| Dimension::builder().name(*name).value("i-1").build();
            let metric = Metric::builder().namespace("AWS/EC2").metric_name("CPUUtilization");
            let metric = metric.set_dimensions(Some(names.iter().map(dimension).collect())).build();
            list_page(vec![metric], Some("more"))
        });
        let conditions =
            [("Namespace", Some("AWS/EC2")), ("InstanceId", host), ("Tag.T", Some("v"))];
        let conditions = conditions.iter().filter(|(_, value)| value.is_some());
        let conditions: Vec<_> =
            conditions.map(|(key, value)| condition(key, json!(value))).collect();
        let query = json!({
            "conditions": conditions, "metricField": "CPUUtilization",
            "startTime": TIME, "endTime": TIME + HOUR,
            "aggregation": {"method": "MEAN", "bucketSizeMillis": MINUTE},
        });
        let reply = post(&sdk_mock::app(&[&gets, &list]), "metric", &body(query, json!({}))).await;
        let details = reply.body["details"].as_str().unwrap();
        assert!(details.contains(words), "{details}");
    }
}

/// Whether there are such tags is asked once in five minutes.
#[tokio::test]
async fn an_empty_range_is_not_explained_again() {
    let (gets, requests) = data(|input| {
        let is_long = input.metric_data_queries()[0].period() == Some(3_600);
        let hour = NOW - NOW % HOUR;
        let found = if is_long { vec![(hour - DAY, 1.0), (hour - 2 * DAY, 1.0)] } else { vec![] };
        page(vec![result("q0", &found, StatusCode::Complete)], None)
    });
    let app = sdk_mock::app(&[&gets]);
    let conditions = [("Namespace", "AWS/EC2"), ("InstanceId", "*"), ("Tag.T", "v")];
    for (minutes, asked) in [(0, 2), (1, 1), (2, 1)] {
        let conditions = conditions.iter().map(|(key, value)| condition(key, json!(value)));
        let query = json!({
            "conditions": conditions.collect::<Vec<_>>(), "metricField": "CPUUtilization",
            "startTime": TIME + minutes * MINUTE, "endTime": TIME + (minutes + 5) * MINUTE,
            "aggregation": {"method": "MEAN", "bucketSizeMillis": MINUTE},
        });
        requests.lock().unwrap().clear();
        let reply = post(&app, "metric", &body(query, json!({}))).await;
        assert_eq!(reply.body["telemetry"]["points"], json!([]), "{}", reply.body);
        assert_eq!(requests.lock().unwrap().len(), asked);
    }
}

/// The dialog's lists take no notice of tags, which CloudWatch does not list.
#[tokio::test]
async fn tags_have_no_list_of_values() {
    let (list, listed) = lists(|_| list_page(vec![], None));
    let app = sdk_mock::app(&[&list]);
    let query = json!({
        "conditions": [condition("Tag.T", json!("v"))], "startTime": TIME, "endTime": NOW,
        "field": {"fieldName": "Tag.Environment", "fieldType": "STRING", "classified": false},
    });
    let reply = post(&app, "field/value", &body(query, json!({}))).await;
    assert_eq!(reply.body["values"], json!([]));
    assert!(listed.lock().unwrap().is_empty());
}
