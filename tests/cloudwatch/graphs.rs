//! Graphs: the *Source* of a graph in CloudWatch's console as the condition `~`. The shapes are those of AWS's
//! documents and of public dashboards, with other names and numbers.

use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataInput;
use aws_sdk_cloudwatch::types::{MessageData, MetricDataQuery, StatusCode};
use serde_json::{Value, json};

use crate::support::app::NOW;
use crate::support::events::{Reply, post};
use crate::support::ministack::{HOUR, MINUTE};
use crate::support::sdk_mock::{
    self, Requests, app_with_regions, body, condition, data, page, result,
};

const TIME: i64 = NOW - NOW % HOUR - HOUR;

/// Asks for a graph in buckets of five minutes. Returns the reply, the requests and their regions.
async fn ask(source: &str, more: &[Value], details: Value) -> (Reply, Requests, Vec<String>) {
    let (gets, requests) = data(|input| {
        let shown =
            input.metric_data_queries().iter().filter(|query| query.return_data() != Some(false));
        page(
            shown
                .map(|query| result(query.id().unwrap(), &[(TIME, 5.0)], StatusCode::Complete))
                .collect(),
            None,
        )
    });
    let (app, regions) = app_with_regions(&[&gets]);
    let mut conditions = vec![condition("~", json!(source))];
    conditions.extend_from_slice(more);
    let query = json!({
        "conditions": conditions, "metricField": "value", "startTime": TIME, "endTime": TIME + HOUR,
        "aggregation": {"method": "SUM", "bucketSizeMillis": 5 * MINUTE},
    });
    let reply = post(&app, "metric", &body(query, details)).await;
    let regions = regions.lock().unwrap().clone();
    (reply, requests, regions)
}

/// A query of a request, in short: its id, in brackets if it is hidden, and what it asks for.
fn in_short(query: &MetricDataQuery) -> String {
    let id = query.id().unwrap();
    let id = if query.return_data() == Some(false) { format!("({id})") } else { id.to_owned() };
    let Some(stat) = query.metric_stat() else {
        assert_eq!((query.period(), query.account_id()), (Some(300), None));
        return format!("{id} {}", query.expression().unwrap());
    };
    assert_eq!((stat.period(), query.expression(), query.label()), (Some(300), None, None));
    let metric = stat.metric().unwrap();
    let dimensions = metric.dimensions().iter();
    let dimensions =
        dimensions.map(|one| format!(" {}={}", one.name().unwrap(), one.value().unwrap()));
    let account = query.account_id().map_or(String::new(), |account| format!(" of {account}"));
    format!(
        "{id} {} {} {}{}{account}",
        stat.stat().unwrap(),
        metric.namespace().unwrap(),
        metric.metric_name().unwrap(),
        dimensions.collect::<String>(),
    )
}

fn in_short_all(input: &GetMetricDataInput) -> Vec<String> {
    input.metric_data_queries().iter().map(in_short).collect()
}

#[tokio::test]
async fn a_graph_goes_to_cloudwatch_as_it_is_meant() {
    for (source, region, queries) in [
        // The console's Source of an error rate: hidden metrics and an expression over their ids.
        (
            r##"{"metrics": [
                ["AWS/Lambda", "Errors", "FunctionName", "checkout", {"id": "m1", "stat": "Sum", "visible": false}],
                [".", "Invocations", ".", ".", {"id": "m2", "stat": "Sum", "visible": false, "color": "#fff"}],
                [{"expression": "100*m1/m2", "id": "e1", "label": "Error rate"}]
            ], "view": "timeSeries", "stacked": false, "region": "eu-west-1", "stat": "Average", "period": 60}"##,
            "eu-west-1",
            &[
                "(m1) Sum AWS/Lambda Errors FunctionName=checkout",
                "(m2) Sum AWS/Lambda Invocations FunctionName=checkout",
                "e1 100*m1/m2",
            ][..],
        ),
        // The least: no region, no statistic, no id.
        (r#"{"metrics": [["Shop", "Orders"]]}"#, "eu-west-1", &["z0 Average Shop Orders"]),
        // A widget of a dashboard, with all that makes the picture.
        (
            r##"{"type": "metric", "x": 0, "y": 6, "width": 12, "height": 6, "properties": {
                "metrics": [["Shop", "Orders", "Site", "uk", {"stat": "Sum", "yAxis": "right", "label": "x",
                    "color": "#1f77b4", "period": 3600}]],
                "region": "us-east-1", "title": "Orders", "legend": {"position": "hidden"}, "liveData": false,
                "annotations": {"horizontal": [{"label": "many", "value": 9, "fill": "above"}]},
                "yAxis": {"left": {"min": 0}}, "setPeriodToTimeRange": true, "sparkline": false, "trend": false,
                "singleValueFullPrecision": false, "timezone": "+0130", "table": {"layout": "vertical"},
                "labels": {"visible": true}, "start": "-PT6H", "end": "P0D", "stacked": true, "theme": "dark"}}"##,
            "us-east-1",
            &["z0 Sum Shop Orders Site=uk"],
        ),
        // Dots for all four texts; the statistic is the entry's own, then the graph's.
        (
            r#"{"metrics": [
                ["Shop", "Latency", "Host", "a", {"id": "m1", "stat": "p99", "visible": false}],
                [".", ".", ".", ".", {"id": "m2", "visible": false}],
                [{"expression": "(m1+m2)/2", "id": "e1", "visible": false}],
                [{"expression": "RATE(e1)"}]
            ], "stat": "p50"}"#,
            "eu-west-1",
            &[
                "(m1) p99 Shop Latency Host=a",
                "(m2) p50 Shop Latency Host=a",
                "(e1) (m1+m2)/2",
                "z0 RATE(e1)",
            ],
        ),
        // Three dots in front of a value.
        (
            r#"{"metrics": [
                [{"expression": "SUM(METRICS())", "id": "total"}],
                ["AWS/EC2", "DiskReadBytes", "InstanceId", "i-1", {"visible": false}],
                [".", ".", ".", "i-2", {"visible": false}],
                ["...", "i-3", {"visible": false}]
            ]}"#,
            "eu-west-1",
            &[
                "total SUM(METRICS())",
                "(z0) Average AWS/EC2 DiskReadBytes InstanceId=i-1",
                "(z1) Average AWS/EC2 DiskReadBytes InstanceId=i-2",
                "(z2) Average AWS/EC2 DiskReadBytes InstanceId=i-3",
            ],
        ),
        // Three dots in front of some texts of eight, with a dot among them.
        (
            r#"{"metrics": [
                ["Pods", "running", "Cluster", "eks", "Service", "in", "Space", "test", {"visible": false}],
                ["...", "out", ".", "main", {"visible": false}],
                ["...", "in", ".", ".", {"id": "m9"}]
            ]}"#,
            "eu-west-1",
            &[
                "(z0) Average Pods running Cluster=eks Service=in Space=test",
                "(z1) Average Pods running Cluster=eks Service=out Space=main",
                "m9 Average Pods running Cluster=eks Service=in Space=main",
            ],
        ),
        // Three dots alone repeat all; options are not repeated.
        (
            r#"{"metrics": [
                ["Shop", "Latency", "Host", "a", {"id": "a1", "stat": "Minimum", "visible": false}],
                ["...", {"id": "a2", "stat": "Maximum", "visible": false}],
                ["..."]
            ], "stat": "p50"}"#,
            "eu-west-1",
            &[
                "(a1) Minimum Shop Latency Host=a",
                "(a2) Maximum Shop Latency Host=a",
                "z0 p50 Shop Latency Host=a",
            ],
        ),
        // Three dots at the end.
        (
            r#"{"metrics": [["AWS/EC2", "NetworkIn", "InstanceId", "i-1", {"visible": false}], [".", "NetworkOut", "..."]]}"#,
            "eu-west-1",
            &[
                "(z0) Average AWS/EC2 NetworkIn InstanceId=i-1",
                "z1 Average AWS/EC2 NetworkOut InstanceId=i-1",
            ],
        ),
        // A new namespace, then dots.
        (
            r#"{"metrics": [["shop/uk", "Rate", "Pair", "EUR", {"visible": false}], ["shop/us", ".", ".", "."]]}"#,
            "eu-west-1",
            &["(z0) Average shop/uk Rate Pair=EUR", "z1 Average shop/us Rate Pair=EUR"],
        ),
        // Dots behind an expression mean the metric before it.
        (
            r#"{"metrics": [
                ["Shop", "Orders", "Site", "uk", {"id": "m1", "visible": false}],
                [{"expression": "m1*2", "id": "e1", "visible": false}],
                [".", "Returns", ".", ".", {"id": "m2"}]
            ]}"#,
            "eu-west-1",
            &["(m1) Average Shop Orders Site=uk", "(e1) m1*2", "m2 Average Shop Returns Site=uk"],
        ),
        // Fewer dimensions than before.
        (
            r#"{"metrics": [["Shop", "Orders", "Site", "uk", {"visible": false}], [".", "Customers", {"stat": "SampleCount"}]]}"#,
            "eu-west-1",
            &["(z0) Average Shop Orders Site=uk", "z1 SampleCount Shop Customers"],
        ),
        // The anomaly detector's band is two series; MAX makes one of them.
        (
            r#"{"metrics": [
                [{"expression": "MAX(ANOMALY_DETECTION_BAND(m1, 2))", "id": "ad1", "label": "(expected)"}],
                ["AWS/SQS", "NumberOfMessagesSent", "QueueName", "orders", {"id": "m1", "visible": false}]
            ], "region": "eu-west-1", "stat": "Sum"}"#,
            "eu-west-1",
            &[
                "ad1 MAX(ANOMALY_DETECTION_BAND(m1, 2))",
                "(m1) Sum AWS/SQS NumberOfMessagesSent QueueName=orders",
            ],
        ),
        // How much of a quota is used.
        (
            r##"{"metrics": [
                ["AWS/Usage", "ResourceCount", "Type", "Resource", "Resource", "vCPU", "Service", "Fargate", "Class", "None",
                    {"id": "m1", "visible": false}],
                [{"expression": "SERVICE_QUOTA(m1)", "id": "e1", "period": 60, "visible": false}],
                [{"expression": "(m1/e1) * 100", "id": "e2", "color": "#9467bd", "yAxis": "left"}]
            ], "view": "pie", "region": "us-east-1", "stat": "Maximum"}"##,
            "us-east-1",
            &[
                "(m1) Maximum AWS/Usage ResourceCount Class=None Resource=vCPU Service=Fargate Type=Resource",
                "(e1) SERVICE_QUOTA(m1)",
                "e2 (m1/e1) * 100",
            ],
        ),
        // Searches, with escaped quotes and with periods of their own.
        (
            r#"{"metrics": [
                [{"expression": "SUM(REMOVE_EMPTY([a, b]))", "id": "all"}],
                [{"expression": "SEARCH('{AWS/EC2,InstanceId} MetricName=\"CPUUtilization\"', 'Average', 300)", "id": "a", "visible": false}],
                [{"expression": "SEARCH(\"{CWAgent,host} MetricName=\\\"mem_used\\\"\", \"Average\")", "id": "b", "visible": false}]
            ], "view": "gauge"}"#,
            "eu-west-1",
            &[
                "all SUM(REMOVE_EMPTY([a, b]))",
                r#"(a) SEARCH('{AWS/EC2,InstanceId} MetricName="CPUUtilization"', 'Average', 300)"#,
                r#"(b) SEARCH("{CWAgent,host} MetricName=\"mem_used\"", "Average")"#,
            ],
        ),
        // Metrics Insights, and metric math over its result.
        (
            r#"{"metrics": [
                [{"expression": "SELECT AVG(CPUUtilization) FROM SCHEMA(\"AWS/EC2\", InstanceId)", "id": "q1", "label": "", "visible": false}],
                [{"expression": "FILL(q1, 0)", "id": "e1", "region": "eu-west-1"}]
            ], "region": "eu-west-1"}"#,
            "eu-west-1",
            &[
                "(q1) SELECT AVG(CPUUtilization) FROM SCHEMA(\"AWS/EC2\", InstanceId)",
                "e1 FILL(q1, 0)",
            ],
        ),
        // SQL, and a metric beside it.
        (
            r#"{"metrics": [
                [{"expression": "SELECT SUM(\"HTTP errors\") FROM \"Shop/Web\" WHERE Site = 'uk'", "id": "q1"}],
                ["Shop/Web", "Requests", {"id": "m1", "visible": false}]
            ], "period": 5}"#,
            "eu-west-1",
            &[
                r#"q1 SELECT SUM("HTTP errors") FROM "Shop/Web" WHERE Site = 'uk'"#,
                "(m1) Average Shop/Web Requests",
            ],
        ),
        // METRICS("…") means the ids with a text in them, so no id that is added has it.
        (
            r#"{"metrics": [
                [{"expression": "SUM(METRICS(\"z\")) + SUM(METRICS( 'y1' ))"}],
                ["Shop", "A", {"id": "z1", "visible": false}], ["Shop", "B", {"id": "y1", "visible": false}],
                ["Shop", "C", {"visible": false}], ["Shop", "D", {"visible": false}]
            ]}"#,
            "eu-west-1",
            &[
                r#"y0 SUM(METRICS("z")) + SUM(METRICS( 'y1' ))"#,
                "(z1) Average Shop A",
                "(y1) Average Shop B",
                "(y2) Average Shop C",
                "(y3) Average Shop D",
            ],
        ),
        // Ids that look like those that are added.
        (
            r#"{"metrics": [["Shop", "A", {"id": "z0", "visible": false}], ["Shop", "B", {"visible": false}], [{"expression": "z0*2"}]]}"#,
            "eu-west-1",
            &["(z0) Average Shop A", "(z1) Average Shop B", "z2 z0*2"],
        ),
        // Statistics with bounds.
        (
            r#"{"metrics": [["Shop", "Latency", {"stat": "TM(10%:90%)", "visible": false}], ["...", {"stat": "PR(:0.2)"}]]}"#,
            "eu-west-1",
            &["(z0) TM(10%:90%) Shop Latency", "z1 PR(:0.2) Shop Latency"],
        ),
        // Linked accounts: of the graph, of a metric, and the own one.
        (
            r#"{"metrics": [
                ["Shop", "Orders", {"id": "m1", "visible": false}],
                ["...", {"id": "m2", "accountId": "444455556666", "visible": false}],
                [{"expression": "m1+m2"}]
            ], "accountId": "111122223333", "region": "eu-west-1"}"#,
            "eu-west-1",
            &[
                "(m1) Average Shop Orders of 111122223333",
                "(m2) Average Shop Orders of 444455556666",
                "z0 m1+m2",
            ],
        ),
        // A region beside each metric, and none of the graph.
        (
            r#"{"metrics": [["Shop", "Orders", {"region": "eu-central-1", "visible": false}], ["...", {"region": "eu-central-1"}]]}"#,
            "eu-central-1",
            &["(z0) Average Shop Orders", "z1 Average Shop Orders"],
        ),
        // Functions that are CloudWatch's matter.
        (
            r#"{"metrics": [[{"expression": "INSIGHT_RULE_METRIC('blocked', 'UniqueContributors')", "period": 300}]]}"#,
            "eu-west-1",
            &["z0 INSIGHT_RULE_METRIC('blocked', 'UniqueContributors')"],
        ),
        (
            r#"{"metrics": [[{"expression": "DB_PERF_INSIGHTS('RDS', 'db-ABC', 'os.cpuUtilization.user.avg')", "id": "e1"}]]}"#,
            "eu-west-1",
            &["e1 DB_PERF_INSIGHTS('RDS', 'db-ABC', 'os.cpuUtilization.user.avg')"],
        ),
        // An expression names an id that nobody has. The metric does not get it.
        (
            r#"{"metrics": [["Shop", "A", {"visible": false}], [{"expression": "z0*2", "id": "e1"}]]}"#,
            "eu-west-1",
            &["(z1) Average Shop A", "e1 z0*2"],
        ),
        // Functions with arrays, conditions and numbers.
        (
            r#"{"metrics": [
                ["Shop", "5xx", {"id": "m7_1", "stat": "Sum", "visible": false}],
                ["Shop", "All", {"id": "m7_2", "stat": "Sum", "visible": false}],
                [{"expression": "IF(m7_2 != 0, 100 * m7_1 / m7_2, 0)", "label": "share", "yAxis": "right"}]
            ], "stacked": false}"#,
            "eu-west-1",
            &[
                "(m7_1) Sum Shop 5xx",
                "(m7_2) Sum Shop All",
                "z0 IF(m7_2 != 0, 100 * m7_1 / m7_2, 0)",
            ],
        ),
        // A rate in the period of the query.
        (
            r#"{"metrics": [
                [{"expression": "m1/PERIOD(m1)", "id": "e1", "period": 60}],
                ["AWS/EBS", "VolumeReadOps", "VolumeId", "vol-1", {"id": "m1", "visible": false, "stat": "Sum"}]
            ], "period": 60}"#,
            "eu-west-1",
            &["e1 m1/PERIOD(m1)", "(m1) Sum AWS/EBS VolumeReadOps VolumeId=vol-1"],
        ),
        // The ten largest of a search, and their sum.
        (
            r#"{"metrics": [
                [{"expression": "SLICE(SORT(SEARCH('{Pods,Name} MetricName=\"cpu\"', 'Maximum'), AVG, DESC), 0, 10)", "id": "top", "visible": false}],
                [{"expression": "SUM(top)"}]
            ]}"#,
            "eu-west-1",
            &[
                r#"(top) SLICE(SORT(SEARCH('{Pods,Name} MetricName="cpu"', 'Maximum'), AVG, DESC), 0, 10)"#,
                "z0 SUM(top)",
            ],
        ),
        // A change from point to point, and a gap filled.
        (
            r#"{"metrics": [["Shop", "Stock", {"id": "m1", "visible": false}], [{"expression": "FILL(DIFF(m1), 0)", "id": "e1", "yAxis": "left"}]]}"#,
            "eu-west-1",
            &["(m1) Average Shop Stock", "e1 FILL(DIFF(m1), 0)"],
        ),
        // An account of its own for a metric beside one of the caller.
        (
            r#"{"metrics": [
                ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "in", {"id": "own", "visible": false}],
                ["...", {"id": "other", "accountId": "444455556666", "visible": false, "region": "eu-west-1"}],
                [{"expression": "MAX([own, other])"}]
            ], "region": "eu-west-1", "stat": "Maximum"}"#,
            "eu-west-1",
            &[
                "(own) Maximum AWS/SQS ApproximateAgeOfOldestMessage QueueName=in",
                "(other) Maximum AWS/SQS ApproximateAgeOfOldestMessage QueueName=in of 444455556666",
                "z0 MAX([own, other])",
            ],
        ),
        // A byte order mark, as some editors write.
        (
            "\u{feff}{\"metrics\": [[\"Shop\", \"Orders\"]]}",
            "eu-west-1",
            &["z0 Average Shop Orders"],
        ),
        // A period as a text, null members, and white space before it all.
        (
            " \n{\"metrics\": [[\"Shop\", \"Orders\", {\"period\": \"300\", \"id\": null, \"visible\": null, \"stat\": null}]], \"region\": null}",
            "eu-west-1",
            &["z0 Average Shop Orders"],
        ),
    ] {
        let (reply, requests, regions) = ask(source, &[], json!({})).await;
        assert_eq!(reply.status, 200, "{source}: {}", reply.body);
        assert_eq!(
            reply.body["telemetry"]["points"],
            json!([[5.0, TIME, TIME + 5 * MINUTE]]),
            "no zeros are filled"
        );
        let requests = requests.lock().unwrap();
        assert_eq!(requests.len(), 1, "{source}");
        assert_eq!(in_short_all(&requests[0]), queries, "{source}");
        assert_eq!(regions, [region], "{source}");
    }
}

/// The example of the document, copied.
#[tokio::test]
async fn the_documents_graph_is_a_stream() {
    let document = include_str!("../../docs/cloudwatch.md");
    let graphs = document.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let graphs: Vec<_> = graphs.filter(|text| text.contains("\"metrics\"")).collect();
    let [graph] = graphs[..] else { panic!("{graphs:?}") };
    let (reply, requests, _) = ask(graph, &[], json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(in_short_all(&requests.lock().unwrap()[0])[2], "e1 100*m1/m2");
}

#[tokio::test]
async fn a_graph_that_is_not_understood_is_explained() {
    let many = |entry: &str, count| format!(r#"{{"metrics": [{}]}}"#, vec![entry; count].join(","));
    let search = r#"[{"expression": "SEARCH('{N} M', 'Sum')"}]"#;
    for (source, details) in [
        (
            r#"{"widgets": [{"type": "metric", "properties": {"metrics": []}}]}"#.to_owned(),
            "widgets: expected one graph, not all of a dashboard",
        ),
        (
            r#"{"type": "log", "properties": {"query": "SOURCE 'x'"}}"#.to_owned(),
            r#"type: expected "metric", because other widgets have no metrics, found "log""#,
        ),
        (
            r#"{"type": "metric", "properties": {"annotations": {"alarms": ["arn:aws:x"]}, "region": "eu-west-1"}}"#.to_owned(),
            "properties.metrics: expected the metrics of a graph, found none; for a graph of an alarm, open",
        ),
        (
            r#"{"metrics": ["AWS/Lambda", "Errors", "FunctionName", "f"]}"#.to_owned(),
            r#"metrics[0]: expected an array, found "AWS/Lambda""#,
        ),
        (r#"[["AWS/Lambda", "Errors"]]"#.to_owned(), "expected an object, {\"metrics\": […]}, found an array"),
        ("{\"metrics\": [\n  [\"Shop\" \"Orders\"]]}".to_owned(), "expected JSON, all of Source from { to }, found a mistake: expected `,` or `]` at line 2 column 11"),
        (r#"{"metrics": []}"#.to_owned(), "metrics: expected 1 to 100 entries, found 0"),
        (many(r#"["Shop", "Orders"]"#, 101), "metrics: expected 1 to 100 entries, found 101"),
        (many(search, 11), "metrics: expected at most 10 SEARCH and SQL together, found 11"),
        (
            many(r#"[{"expression": "SELECT SUM(x) FROM y"}]"#, 2),
            "metrics: CloudWatch takes one query in Metrics Insights SQL in a call, found 2",
        ),
        (
            format!(r#"{{"metrics": [["Shop", "Orders"]], "title": "{}"}}"#, "é".repeat(8_190)),
            "expected at most 16384 bytes, found 16426",
        ),
        (
            r#"{"metrics": [["Shop", "Orders", {"visible": false}]]}"#.to_owned(),
            "metrics: expected one entry that is visible, found none",
        ),
        (
            r#"{"metrics": [[".", "Orders"]]}"#.to_owned(),
            "metrics[0]: the metric before has no text in the place of a .",
        ),
        (
            r#"{"metrics": [["...", "Orders"]]}"#.to_owned(),
            "metrics[0]: expected one ... at most, and a metric before it with as many texts or more",
        ),
        (
            r#"{"metrics": [["N", "M", "A", "1"], ["...", "B", "...", "2"]]}"#.to_owned(),
            "metrics[1]: expected one ... at most",
        ),
        (
            r#"{"metrics": [["N", "M"], ["...", "A", "1", "B"]]}"#.to_owned(),
            "metrics[1]: expected one ... at most, and a metric before it with as many texts or more",
        ),
        (
            r#"{"metrics": [["N", "M", "A"]]}"#.to_owned(),
            "metrics[0]: expected a namespace, a metric, and the name and value of each dimension",
        ),
        (
            format!(r#"{{"metrics": [["N", "M"{}]]}}"#, r#", "A", "1""#.repeat(31)),
            "metrics[0]: expected at most 30 dimensions",
        ),
        (r#"{"metrics": [["N"]]}"#.to_owned(), "metrics[0]: expected a namespace, a metric"),
        (r#"{"metrics": [[{"id": "m1"}]]}"#.to_owned(), "metrics[0]: expected a namespace, a metric"),
        (r#"{"metrics": [["N", ""]]}"#.to_owned(), "metrics[0]: expected texts of 1 to 255 characters"),
        (
            r#"{"metrics": [["N", "M", "A", 1]]}"#.to_owned(),
            "metrics[0][3]: expected the text of a namespace, a metric, or a dimension's name or value, found 1",
        ),
        (
            r#"{"metrics": [["N", "M", {"stat": "avg"}]]}"#.to_owned(),
            "metrics[0][2].stat: expected one of CloudWatch's statistics",
        ),
        (
            r#"{"metrics": [["N", "M"]], "stat": "average"}"#.to_owned(),
            "stat: expected one of CloudWatch's statistics",
        ),
        (
            r#"{"metrics": [["N", "M", {"id": "M1"}]]}"#.to_owned(),
            r#"metrics[0][2].id: expected an id: letters, digits and _ after a small letter, found "M1""#,
        ),
        (
            r#"{"metrics": [["N", "M", {"id": "a"}], ["N", "O", {"id": "a"}]]}"#.to_owned(),
            "metrics[1]: expected an id of its own, found a, which another entry has too",
        ),
        (
            r#"{"metrics": [["N", "M", {"accountID": "111122223333"}]]}"#.to_owned(),
            "metrics[0][2].accountID: no member has this name; did you mean accountId?",
        ),
        (
            r#"{"metrics": [["N", "M", {"offset": 3600}]]}"#.to_owned(),
            "metrics[0][2].offset: the mirror does not know what this member means; expected a graph without it",
        ),
        (
            r#"{"metrics": [["N", "M"]], "query": "x"}"#.to_owned(),
            "query: the mirror does not know what this member means",
        ),
        (
            r#"{"metrics": [["N", "M", {"accountId": "1"}]]}"#.to_owned(),
            r#"metrics[0][2].accountId: expected an account, twelve digits, found "1""#,
        ),
        (
            r#"{"metrics": [[{"expression": "m1", "accountId": "111122223333"}]]}"#.to_owned(),
            "metrics[0]: metric math has no account of its own; expected accountId beside the metrics that it \
             names, and none beside the expression",
        ),
        (
            r#"{"metrics": [[{"expression": "SEARCH('{N} M', 'Sum')", "accountId": "111122223333"}]]}"#.to_owned(),
            "metrics[0]: CloudWatch does not restrict an expression to an accountId; expected the account as a part \
             of it: :aws.AccountId=",
        ),
        (
            format!(r#"{{"metrics": [{search}], "accountId": "111122223333"}}"#),
            "metrics[0]: CloudWatch does not restrict an expression to an accountId",
        ),
        (
            r#"{"metrics": [["N", "M", {"expression": "m1"}]]}"#.to_owned(),
            "metrics[0]: expected a metric or an expression, found both",
        ),
        (
            r#"{"metrics": [[{"expression": ""}]]}"#.to_owned(),
            r#"metrics[0][0].expression: expected an expression of 1 to 2048 characters, found """#,
        ),
        (
            r#"{"metrics": [["N", "M", {"region": "us-east-1"}]], "region": "eu-west-1"}"#.to_owned(),
            r#"metrics[0][2].region: expected one region for the whole graph, eu-west-1, found "us-east-1""#,
        ),
        (
            r#"{"metrics": [["N", "M", {"region": "us-east-1"}], ["N", "O"]]}"#.to_owned(),
            "metrics: expected a region beside each entry, or one for the whole graph beside metrics; the entry at \
             [1] has none, and another has us-east-1",
        ),
        (
            r#"{"metrics": [["N", "M"], ["N", "O", {"region": "us-east-1"}]]}"#.to_owned(),
            "metrics: expected a region beside each entry, or one for the whole graph beside metrics; the entry at \
             [0] has none, and another has us-east-1",
        ),
        (
            r#"{"metrics": [["N", "M"], [{"expression": "1*2", "region": "us-east-1"}]]}"#.to_owned(),
            "metrics: expected a region beside each entry",
        ),
        (
            r#"{"metrics": [[{"expression": "LAMBDA('f')"}], ["N", "O", {"region": "us-east-1"}]]}"#.to_owned(),
            "metrics: expected a region beside each entry",
        ),
        (
            r#"{"metrics": [[{"expression": "DB_PERF_INSIGHTS('RDS', 'db-A', 'os.cpu')"}]], "accountId": "111122223333"}"#.to_owned(),
            "metrics[0]: CloudWatch does not restrict an expression to an accountId",
        ),
        (
            r#"{"metrics": [["N", "M", "A", "1", "A", "2"]]}"#.to_owned(),
            "metrics[0]: expected the dimension A once",
        ),
        (
            r#"{"metrics": [["N", "M", "A", "*"]]}"#.to_owned(),
            "metrics[0]: a metric of a graph has no wildcards, found *; expected a SEARCH",
        ),
        (
            format!(
                r#"{{"metrics": [["N", "M"], [{{"id": "e", "expression": "{}"}}]]}}"#,
                (0..10).map(|digit| format!("METRICS('{digit}')")).collect::<Vec<_>>().join("+")
            ),
            "metrics: expected an id of each entry, because the texts use up all others",
        ),
        (
            format!(
                r#"{{"metrics": [["N", "M"{}], {}]}}"#,
                (0..14).map(|number| format!(r#", "D{number}", "{}""#, "x".repeat(1_000))).collect::<String>(),
                vec![r#"["..."]"#; 99].join(",")
            ),
            "metrics: all names and values, with those that . and ... repeat, have 14",
        ),
        (r#""metrics": [["N", "M"]]"#.to_owned(), "expected JSON, all of Source from { to }, found a mistake: "),
        (
            r#"Source: {"metrics": [["N", "M"]]}"#.to_owned(),
            "expected JSON, all of Source from { to }, found a mistake: expected value at line 1 column 1",
        ),
        (
            "{“metrics”: [[\"N\", \"M\"]]}".to_owned(),
            "expected JSON, all of Source from { to }, found a mistake: key must be a string at line 1 column 2",
        ),
        (
            r#"{"metrics": [["N", "M"]], "region": "x.example.com"}"#.to_owned(),
            r#"region: expected a region such as eu-west-1, found "x.example.com""#,
        ),
    ] {
        let (reply, requests, _) = ask(&source, &[], json!({})).await;
        assert_eq!(reply.status, 500, "{source}");
        assert_eq!(reply.body["summary"], "The query is not valid for CloudWatch");
        let found = reply.body["details"].as_str().unwrap();
        let start = format!("~: the source of the graph: {details}");
        assert!(found.starts_with(&start), "{source}:\n{found}");
        assert!(requests.lock().unwrap().is_empty(), "{source}");
    }
}

#[tokio::test]
async fn the_region_of_a_graph_agrees_with_the_condition() {
    let graph = r#"{"metrics": [["N", "M"]], "region": "us-east-1"}"#;
    for (source, condition_on, details, expected) in [
        (graph, None, json!({}), Ok("us-east-1")),
        (graph, Some("us-east-1"), json!({}), Ok("us-east-1")),
        (graph, Some("global"), json!({}), Ok("us-east-1")),
        (r#"{"metrics": [["N", "M"]]}"#, None, json!({}), Ok("eu-west-1")),
        (r#"{"metrics": [["N", "M"]]}"#, Some("eu-west-2"), json!({}), Ok("eu-west-2")),
        (graph, Some("eu-west-1"), json!({}), Err(())),
    ] {
        let more: Vec<Value> =
            condition_on.map(|region| condition("Region", json!(region))).into_iter().collect();
        let (reply, requests, regions) = ask(source, &more, details).await;
        match expected {
            Ok(region) => assert_eq!(
                (reply.status, regions),
                (200, vec![region.to_owned()]),
                "{condition_on:?}"
            ),
            Err(()) => {
                assert_eq!(
                    reply.body["details"],
                    "~: the graph is for us-east-1, and the condition Region is eu-west-1; expected the same \
                     region in both, or only one of them"
                );
                assert!(requests.lock().unwrap().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn other_conditions_beside_a_graph_are_refused() {
    let graph = r#"{"metrics": [["N", "M"]]}"#;
    for (more, start) in [
        (
            condition("Namespace", json!("N")),
            "~: an expression ignores Namespace; expected Namespace as a part of",
        ),
        (condition("Tag.Team", json!("web")), "~: an expression ignores Tag.Team"),
        (
            condition("AccountId", json!("111122223333")),
            "~: CloudWatch does not restrict an expression to the account of a condition AccountId",
        ),
    ] {
        let (reply, requests, _) = ask(graph, &[more], json!({})).await;
        let details = reply.body["details"].as_str().unwrap();
        assert!(details.starts_with(start), "{details}");
        assert!(requests.lock().unwrap().is_empty());
    }
}

/// Metric math begins with [ too.
#[tokio::test]
async fn an_array_of_expressions_is_no_graph() {
    for source in ["[SEARCH('{N} M', 'Sum')]", "MAX([SEARCH('{N} M', 'Sum')])"] {
        let (reply, requests, _) = ask(source, &[], json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(requests.lock().unwrap()[0].metric_data_queries()[0].expression(), Some(source));
    }
    for nothing in [" \n ", ""] {
        let (reply, requests, _) = ask(nothing, &[], json!({})).await;
        assert_eq!(reply.body["details"], "~: expected an expression or a graph, found nothing");
        assert!(requests.lock().unwrap().is_empty());
    }
}

/// What CloudWatch says of an entry names it.
#[tokio::test]
async fn a_message_about_an_entry_names_it() {
    let graph = r#"{"metrics": [["N", "M", {"visible": false}], [{"expression": "SUM(SEARCH('{N} M', 'Sum'))", "id": "e1"}]]}"#;
    for (id, status, told) in [
        (
            "e1",
            StatusCode::Complete,
            "e1: MaxMetricsExceeded: 500 (a SEARCH combines a limited number of metrics",
        ),
        (
            "z0",
            StatusCode::Forbidden,
            "metrics[0]: CloudWatch does not allow these credentials to read this metric",
        ),
    ] {
        let (gets, _) = data(move |_| {
            let mut series = result(id, &[(TIME, 5.0)], status.clone());
            let message = MessageData::builder().code("MaxMetricsExceeded").value("500").build();
            series.messages = (status == StatusCode::Complete).then(|| vec![message]);
            page(vec![series], None)
        });
        let query = json!({
            "conditions": [condition("~", json!(graph))], "startTime": TIME, "endTime": TIME + HOUR,
            "aggregation": {"method": "MEAN", "bucketSizeMillis": 5 * MINUTE},
        });
        let reply = post(&sdk_mock::app(&[&gets]), "metric", &body(query, json!({}))).await;
        assert!(reply.body["details"].as_str().unwrap().starts_with(told), "{}", reply.body);
    }
}

/// StackState's stream has one series. What counts is what CloudWatch returns.
#[tokio::test]
async fn a_second_series_of_a_graph_is_named_with_the_way_out() {
    let two = r#"{"metrics": [["N", "M", {"id": "m1"}], ["N", "O"]]}"#;
    let band = r#"{"metrics": [["N", "M", {"id": "m1", "visible": false}], [{"expression": "ANOMALY_DETECTION_BAND(m1)", "id": "ad1"}]]}"#;
    for (source, pages, expected) in [
        (
            two,
            vec![vec![("m1", "M"), ("z0", "O")]],
            Err(r#"expected one, found 2: m1 "M", metrics[1] "O"; "#),
        ),
        (
            two,
            vec![vec![("m1", "M")], vec![("z0", "O")]],
            Err(r#"found 2: m1 "M", metrics[1] "O"; "#),
        ),
        // Two with the same label are two, also on two pages.
        (
            two,
            vec![vec![("m1", "x")], vec![("z0", "x")]],
            Err(r#"found 2: m1 "x", metrics[1] "x"; "#),
        ),
        (two, vec![vec![("m1", "M")], vec![("m1", "M")]], Ok(2)),
        (two, vec![vec![("m1", "M")]], Ok(1)),
        (
            band,
            vec![vec![("ad1", "band"), ("ad1", "band")]],
            Err(r#"found 2: ad1 "band", ad1 "band"; "#),
        ),
    ] {
        let series = |(id, label): &(&str, &str), index: usize| {
            let mut series =
                result(id, &[(TIME + index as i64 * 5 * MINUTE, 1.0)], StatusCode::Complete);
            series.label = Some((*label).to_owned());
            series
        };
        let (gets, _) = data(move |input| {
            let index: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
            let next = (index + 1 < pages.len()).then(|| (index + 1).to_string());
            page(pages[index].iter().map(|one| series(one, index)).collect(), next.as_deref())
        });
        let query = json!({
            "conditions": [condition("~", json!(source))], "startTime": TIME, "endTime": TIME + HOUR,
            "aggregation": {"method": "MEAN", "bucketSizeMillis": 5 * MINUTE},
        });
        let reply = post(&sdk_mock::app(&[&gets]), "metric", &body(query, json!({}))).await;
        match expected {
            Ok(count) => {
                assert_eq!(reply.body["telemetry"]["points"].as_array().map(Vec::len), Some(count))
            }
            Err(words) => {
                let details = reply.body["details"].as_str().unwrap();
                assert!(details.contains(words), "{details}");
                assert!(
                    details.contains(r#"MAX(…)"#) && details.contains(r#"{"visible": false}"#),
                    "{details}"
                );
            }
        }
    }
}

/// A graph can set periods only by a SEARCH. High resolution is for the metrics of nobody but the user.
#[tokio::test]
async fn the_buckets_of_a_graph_are_the_querys() {
    let high = json!({"highResolution": true});
    let search = r#"{"metrics": [[{"expression": "SUM(SEARCH('{N} M', 'Sum', 900))", "id": "a", "visible": false}], [{"expression": "a*2"}]]}"#;
    let start = NOW - NOW % HOUR;
    for (source, bucket, details, more, seconds) in [
        (r#"{"metrics": [["N", "M"]], "period": 900}"#, MINUTE, json!({}), vec![], 60),
        (r#"{"metrics": [["N", "M"]]}"#, 10_000, high.clone(), vec![], 10),
        (
            r#"{"metrics": [["N", "M"], ["AWS/EC2", "M", {"visible": false}]]}"#,
            10_000,
            high.clone(),
            vec![],
            60,
        ),
        (
            r#"{"metrics": [["N", "M"], ["AWS/EC2", "M", {"visible": false}]]}"#,
            10_000,
            json!({}),
            vec![condition("HighResolution", json!(true))],
            10,
        ),
        (
            r#"{"metrics": [["N", "M"], [{"expression": "SELECT SUM(x) FROM y", "visible": false}]]}"#,
            10_000,
            high,
            vec![],
            60,
        ),
        (search, MINUTE, json!({}), vec![], 900),
    ] {
        let (gets, requests) = data(|_| page(vec![], None));
        let mut conditions = vec![condition("~", json!(source))];
        conditions.extend(more);
        let query = json!({
            "conditions": conditions, "startTime": start - HOUR, "endTime": start,
            "aggregation": {"method": "MEAN", "bucketSizeMillis": bucket},
        });
        let reply = post(&sdk_mock::app(&[&gets]), "metric", &body(query, details)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        for query in requests.lock().unwrap()[0].metric_data_queries() {
            let period = query.period().or(query.metric_stat().and_then(|stat| stat.period()));
            assert_eq!(period, Some(seconds), "{source}");
        }
    }
}
