//! The SDK's mocks, for what ministack cannot do: pages, many metrics, old data. They replace the
//! responses and record the requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::operation::get_metric_data::{GetMetricDataInput, GetMetricDataOutput};
use aws_sdk_cloudwatch::operation::list_metrics::{ListMetricsInput, ListMetricsOutput};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataResult, StatusCode};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use stackstate_mirror::app::App;
use stackstate_mirror::region::Region;
use stackstate_mirror::time::EpochMillis;

use super::app::{app_with_client, app_with_client_at_once, app_with_clients, now};

/// A mirror whose SDK client follows these rules.
pub(crate) fn app(rules: &[&Rule]) -> App {
    app_at(rules, now)
}

/// The same with this clock.
pub(crate) fn app_at(rules: &[&Rule], now: fn() -> EpochMillis) -> App {
    let client = mock_client!(aws_sdk_cloudwatch, RuleMode::MatchAny, rules, |config| config
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::ZERO)));
    app_with_client(client, now)
}

/// A mirror that also records the regions of its clients.
pub(crate) fn app_with_regions(rules: &[&Rule]) -> (App, Arc<Mutex<Vec<String>>>) {
    let client = mock_client!(aws_sdk_cloudwatch, RuleMode::MatchAny, rules);
    let regions = Arc::<Mutex<Vec<String>>>::default();
    let recorded = regions.clone();
    let build = move |_: &_, region: &Region| {
        recorded.lock().unwrap().push(region.to_string());
        Ok(client.clone().into())
    };
    (app_with_clients(Box::new(build), now, 1), regions)
}

/// How long each call takes in a mirror that is told how many requests it serves at once.
pub(crate) const DELAY: Duration = Duration::from_millis(80);

/// A mirror for 64 requests at once. Each of its calls takes [`DELAY`], on the test's own clock.
pub(crate) fn app_at_once(rules: &[&Rule]) -> App {
    app_for(rules, 64)
}

/// The same for this number of requests at once.
pub(crate) fn app_for(rules: &[&Rule], concurrency: usize) -> App {
    let http = http_client_fn(|_, _| SharedHttpConnector::new(Slow));
    let client = mock_client!(aws_sdk_cloudwatch, RuleMode::MatchAny, rules, |config| config
        .retry_config(RetryConfig::disabled())
        .http_client(http.clone()));
    app_with_client_at_once(client, now, concurrency)
}

#[derive(Debug)]
struct Slow;

impl HttpConnector for Slow {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(async {
            tokio::time::sleep(DELAY).await;
            // The mocks replace it, also by a success.
            Ok(HttpResponse::new(400.try_into().unwrap(), SdkBody::empty()))
        })
    }
}

pub(crate) fn body(query: Value, details: Value) -> Value {
    let mut connection =
        json!({"accessKeyId": "id", "secretAccessKey": "secret", "region": "eu-west-1"});
    for (name, value) in details.as_object().unwrap() {
        connection[name] = value.clone();
    }
    json!({"connectionDetails": connection, "query": query})
}

pub(crate) fn condition(key: &str, value: Value) -> Value {
    let kind = match value {
        Value::Array(_) => "InSetValue",
        Value::Bool(_) => "BooleanValue",
        Value::Number(_) => "DoubleValue",
        _ => "StringValue",
    };
    json!({"key": key, "value": {"value": value, "_type": kind}})
}

pub(crate) fn result(id: &str, points: &[(i64, f64)], status: StatusCode) -> MetricDataResult {
    MetricDataResult::builder()
        .id(id)
        .set_timestamps(Some(points.iter().map(|(time, _)| DateTime::from_millis(*time)).collect()))
        .set_values(Some(points.iter().map(|(_, value)| *value).collect()))
        .status_code(status)
        .build()
}

pub(crate) fn page(results: Vec<MetricDataResult>, token: Option<&str>) -> GetMetricDataOutput {
    GetMetricDataOutput::builder()
        .set_metric_data_results(Some(results))
        .set_next_token(token.map(str::to_owned))
        .build()
}

pub(crate) type Requests = Arc<Mutex<Vec<GetMetricDataInput>>>;

/// Answers every GetMetricData with `answer`, and records the requests.
pub(crate) fn data(
    answer: impl Fn(&GetMetricDataInput) -> GetMetricDataOutput + Send + Sync + 'static,
) -> (Rule, Requests) {
    let requests = Requests::default();
    let recorded = requests.clone();
    let rule = mock!(Client::get_metric_data).then_compute_output(move |input| {
        recorded.lock().unwrap().push(input.clone());
        answer(input)
    });
    (rule, requests)
}

/// Lists one metric with one dimension.
pub(crate) fn listed(
    namespace: &'static str,
    name: &'static str,
    dimension: (&'static str, &'static str),
) -> Rule {
    mock!(Client::list_metrics).then_output(move || {
        let dimension = Dimension::builder().name(dimension.0).value(dimension.1).build();
        let metric = Metric::builder().namespace(namespace).metric_name(name);
        list_page(vec![metric.dimensions(dimension).build()], None)
    })
}

/// The requests of ListMetrics.
pub(crate) type ListRequests = Arc<Mutex<Vec<ListMetricsInput>>>;

/// Answers every ListMetrics with `answer`, and records the requests.
pub(crate) fn lists(
    answer: impl Fn(&ListMetricsInput) -> ListMetricsOutput + Send + Sync + 'static,
) -> (Rule, ListRequests) {
    let requests = ListRequests::default();
    let recorded = requests.clone();
    let rule = mock!(Client::list_metrics).then_compute_output(move |input| {
        recorded.lock().unwrap().push(input.clone());
        answer(input)
    });
    (rule, requests)
}

pub(crate) fn list_page(metrics: Vec<Metric>, token: Option<&str>) -> ListMetricsOutput {
    ListMetricsOutput::builder()
        .set_metrics(Some(metrics))
        .set_next_token(token.map(str::to_owned))
        .build()
}
