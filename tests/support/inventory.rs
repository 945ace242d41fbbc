//! A CloudWatch with some metrics: the SDK's mocks answer as their lists and data say.

use aws_sdk_cloudwatch::operation::get_metric_data::{GetMetricDataInput, GetMetricDataOutput};
use aws_sdk_cloudwatch::operation::list_metrics::{ListMetricsInput, ListMetricsOutput};
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricDataResult, StatusCode};
use stackstate_mirror::app::App;

use super::sdk_mock::{self, ListRequests, Requests, data, lists, page, result};

/// The number of metrics on a page of ListMetrics.
const PAGE: usize = 500;

/// A metric of the inventory.
#[derive(Clone)]
pub(crate) struct Entry {
    metric: Metric,
    /// The linked account that owns it; `None` for the caller's own.
    account: Option<&'static str>,
    /// The statistics that it has, each with one value in the first bucket of a query.
    values: Vec<(&'static str, f64)>,
}

/// A metric `namespace name {dimensions}` without data.
pub(crate) fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Entry {
    let dimension =
        |(name, value): &(&str, &str)| Dimension::builder().name(*name).value(*value).build();
    let metric = Metric::builder()
        .namespace(namespace)
        .metric_name(name)
        .set_dimensions(Some(dimensions.iter().map(dimension).collect()))
        .build();
    Entry { metric, account: None, values: Vec::new() }
}

impl Entry {
    /// The same metric of a linked account.
    pub(crate) fn of(self, account: &'static str) -> Self {
        Entry { account: Some(account), ..self }
    }

    /// The same metric with one sample, as every basic statistic shows it.
    pub(crate) fn with(self, value: f64) -> Self {
        let all = ["Average", "Sum", "Maximum", "Minimum"].map(|statistic| (statistic, value));
        let values = all.into_iter().chain([("SampleCount", 1.0)]).collect();
        Entry { values, ..self }
    }

    /// The same metric with one more statistic, such as a percentile.
    pub(crate) fn and(mut self, statistic: &'static str, value: f64) -> Self {
        self.values.push((statistic, value));
        self
    }

    fn dimensions(&self) -> Vec<(Option<&str>, Option<&str>)> {
        let mut dimensions: Vec<_> =
            self.metric.dimensions().iter().map(|one| (one.name(), one.value())).collect();
        dimensions.sort_unstable();
        dimensions
    }

    fn is_listed_by(&self, input: &ListMetricsInput) -> bool {
        let allows =
            |wanted: Option<&str>, found: Option<&str>| wanted.is_none() || wanted == found;
        let own_dimensions = self.dimensions();
        allows(input.namespace(), self.metric.namespace())
            && allows(input.metric_name(), self.metric.metric_name())
            && (self.account.is_none() || input.include_linked_accounts() == Some(true))
            && allows(input.owning_account(), self.account)
            && input.dimensions().iter().all(|filter| {
                own_dimensions
                    .iter()
                    .any(|(name, value)| *name == filter.name() && allows(filter.value(), *value))
            })
    }

    fn is_asked_by(&self, query: &MetricDataQuery) -> bool {
        let asked = query.metric_stat().and_then(|stat| stat.metric()).unwrap().clone();
        let asked = Entry { metric: asked, account: None, values: Vec::new() };
        (asked.metric.namespace(), asked.metric.metric_name(), query.account_id())
            == (self.metric.namespace(), self.metric.metric_name(), self.account)
            && asked.dimensions() == self.dimensions()
    }
}

/// The caller's own account, as lists with linked accounts name it.
pub(crate) const OWN: &str = "999999999999";

fn listed(entries: &[Entry], input: &ListMetricsInput) -> ListMetricsOutput {
    let all: Vec<&Entry> = entries.iter().filter(|entry| entry.is_listed_by(input)).collect();
    let start: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
    let end = all.len().min(start + PAGE);
    let shown = &all[start..end];
    let owners = shown.iter().map(|entry| entry.account.unwrap_or(OWN).to_owned()).collect();
    ListMetricsOutput::builder()
        .set_metrics(Some(shown.iter().map(|entry| entry.metric.clone()).collect()))
        .set_owning_accounts((input.include_linked_accounts() == Some(true)).then_some(owners))
        .set_next_token((end < all.len()).then(|| end.to_string()))
        .build()
}

fn found(entries: &[Entry], input: &GetMetricDataInput) -> GetMetricDataOutput {
    let time = input.start_time().unwrap().to_millis().unwrap();
    let results = input.metric_data_queries().iter().flat_map(|query| {
        // An expression has a series for each label. One around a SEARCH makes one of them.
        if let Some(text) = query.expression() {
            let labels = if text.starts_with("SEARCH") { &["one", "two"][..] } else { &["one"] };
            return labels.iter().map(|label| labelled(label, time)).collect::<Vec<_>>();
        }
        let statistic = query.metric_stat().unwrap().stat();
        let entry = entries.iter().find(|entry| entry.is_asked_by(query));
        let values = entry.iter().flat_map(|entry| &entry.values);
        let found: Vec<_> = values
            .filter(|(known, _)| Some(*known) == statistic)
            .map(|(_, value)| (time, *value))
            .collect();
        vec![result(query.id().unwrap(), &found, StatusCode::Complete)]
    });
    page(results.collect(), None)
}

fn labelled(label: &str, time: i64) -> MetricDataResult {
    let mut series = result("q0", &[(time, 1.0)], StatusCode::Complete);
    series.label = Some(label.to_owned());
    series
}

/// A mirror whose CloudWatch has these metrics, and the requests that it received.
pub(crate) fn app(entries: Vec<Entry>) -> (App, Requests, ListRequests) {
    let copy = entries.clone();
    let (data_rule, requests) = data(move |input| found(&entries, input));
    let (list_rule, list_requests) = lists(move |input| listed(&copy, input));
    (sdk_mock::app(&[&data_rule, &list_rule]), requests, list_requests)
}
