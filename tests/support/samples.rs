//! A CloudWatch that is correct but has small pages: the response to any request, from samples.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::operation::get_metric_data::{GetMetricDataInput, GetMetricDataOutput};
use aws_sdk_cloudwatch::types::{MetricDataQuery, ScanBy, StatusCode};

use super::app::NOW;
use super::ministack::{HOUR, MINUTE};
use super::sdk_mock::{page, result};

pub(crate) const DAY: i64 = 24 * HOUR;

/// At most one sample in each minute.
pub(crate) type Samples = BTreeMap<i64, f64>;

/// The statistic of the samples between two times.
pub(crate) fn aggregate(samples: &Samples, from: i64, to: i64, statistic: &str) -> Option<f64> {
    let found: Vec<f64> = samples.range(from..to).map(|(_, value)| *value).collect();
    (!found.is_empty()).then(|| match statistic {
        "Sum" => found.iter().sum(),
        "SampleCount" => found.len() as f64,
        "Maximum" => found.iter().copied().fold(f64::MIN, f64::max),
        "Minimum" => found.iter().copied().fold(f64::MAX, f64::min),
        _ => found.iter().sum::<f64>() / found.len() as f64,
    })
}

/// The samples of one host. Each minute belongs to one of the hosts in turn.
fn of_host(samples: &Samples, host: usize, hosts: usize) -> Samples {
    let is_of_host = |time: i64| usize::try_from(time / MINUTE).unwrap() % hosts == host;
    samples
        .iter()
        .filter(|(time, _)| is_of_host(**time))
        .map(|(time, value)| (*time, *value))
        .collect()
}

/// Whether CloudWatch keeps data of this time in periods of this length ("GetMetricData", CloudWatch API
/// reference).
fn is_kept(period: i64, time: i64) -> bool {
    let age = match period {
        period if period % HOUR == 0 => 455 * DAY,
        period if period % (5 * MINUTE) == 0 => 63 * DAY,
        period if period % MINUTE == 0 => 15 * DAY,
        _ => 3 * HOUR,
    };
    NOW - time <= age
}

/// One page of the response to a request. A single series has at most `most` datapoints in a page, and
/// the token is the index of the next one. Several series are on one page. If `is_cut`, the first page of the window has no token.
pub(crate) fn answer(
    samples: &Samples,
    hosts: usize,
    most: usize,
    is_cut: bool,
    input: &GetMetricDataInput,
) -> GetMetricDataOutput {
    let start = input.start_time().unwrap().to_millis().unwrap();
    let end = input.end_time().unwrap().to_millis().unwrap();
    let is_descending = input.scan_by() == Some(&ScanBy::TimestampDescending);
    let found = |query: &MetricDataQuery| -> Vec<(i64, f64)> {
        let stat = query.metric_stat().unwrap();
        let [host] = stat.metric().unwrap().dimensions() else { panic!("{query:?}") };
        let samples = of_host(samples, host.value().unwrap().parse().unwrap(), hosts);
        let period = i64::from(stat.period().unwrap()) * 1_000;
        assert_eq!((start % period, end % period), (0, 0), "whole periods are asked for");
        let value = |from| {
            let found = aggregate(&samples, from, from + period, stat.stat().unwrap());
            Some((from, found.filter(|_| is_kept(period, from))?))
        };
        let mut found: Vec<_> = (start..end).step_by(period as usize).filter_map(value).collect();
        if is_descending {
            found.reverse();
        }
        found
    };
    if let [query] = input.metric_data_queries() {
        let found = found(query);
        let offset: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
        let rest = found.len().min(offset + most.min(input.max_datapoints().unwrap() as usize));
        let is_last = rest == found.len();
        let status = if is_last { StatusCode::Complete } else { StatusCode::PartialData };
        let has_token = !is_last && (!is_cut || is_descending);
        let token = has_token.then(|| rest.to_string());
        return page(vec![result("q0", &found[offset..rest], status)], token.as_deref());
    }
    let results = input.metric_data_queries().iter();
    page(
        results
            .map(|query| result(query.id().unwrap(), &found(query), StatusCode::Complete))
            .collect(),
        None,
    )
}
