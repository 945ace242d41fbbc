//! Any query of the last hours, for one metric or several, raw or aggregated. The answer is what the
//! contract says about the data. CloudWatch is a mock that is correct but has small pages.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::operation::get_metric_data::{GetMetricDataInput, GetMetricDataOutput};
use aws_sdk_cloudwatch::types::{MetricDataQuery, StatusCode};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::support::app::NOW;
use crate::support::events::post;
use crate::support::sdk_mock::{app, body, condition, data, listed, page, result};

const MINUTE: i64 = 60_000;

/// The first minute that can have a sample: two hours before the mirror's time.
const FIRST: i64 = NOW - NOW % MINUTE - 120 * MINUTE;

/// At most one sample in each minute.
type Samples = BTreeMap<i64, f64>;

/// The statistic of the samples between two times.
fn aggregate(samples: &Samples, from: i64, to: i64, statistic: &str) -> Option<f64> {
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
    let minute = |time: i64| usize::try_from(time / MINUTE).unwrap();
    samples
        .iter()
        .map(|(time, value)| (*time, *value))
        .filter(|(time, _)| minute(*time) % hosts == host)
        .collect()
}

/// One page of the response to a request. A single series has at most `most` datapoints in a page, and
/// the token is the index of the next one. Several series are on one page.
fn answer(
    samples: &Samples,
    hosts: usize,
    most: usize,
    input: &GetMetricDataInput,
) -> GetMetricDataOutput {
    let start = input.start_time().unwrap().to_millis().unwrap();
    let end = input.end_time().unwrap().to_millis().unwrap();
    let found = |query: &MetricDataQuery| -> Vec<(i64, f64)> {
        let stat = query.metric_stat().unwrap();
        let [host] = stat.metric().unwrap().dimensions() else { panic!("{query:?}") };
        let samples = of_host(samples, host.value().unwrap().parse().unwrap(), hosts);
        let period = i64::from(stat.period().unwrap()) * 1_000;
        assert_eq!((start % period, end % period), (0, 0), "whole periods are asked for");
        (start..end)
            .step_by(period as usize)
            .filter_map(|from| {
                Some((from, aggregate(&samples, from, from + period, stat.stat().unwrap())?))
            })
            .collect()
    };
    if let [query] = input.metric_data_queries() {
        let found = found(query);
        let offset: usize = input.next_token().map_or(0, |token| token.parse().unwrap());
        let rest = found.len().min(offset + most.min(input.max_datapoints().unwrap() as usize));
        let is_last = rest == found.len();
        let status = if is_last { StatusCode::Complete } else { StatusCode::PartialData };
        let token = (!is_last).then(|| rest.to_string());
        return page(vec![result("q0", &found[offset..rest], status)], token.as_deref());
    }
    let results = input.metric_data_queries().iter();
    let result =
        |query| result(MetricDataQuery::id(query).unwrap(), &found(query), StatusCode::Complete);
    page(results.map(result).collect(), None)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_query_is_answered_as_the_data_says(
        minutes in prop::collection::btree_map(0..125_i64, -1e6..1e6_f64, 1..60),
        start in -10 * MINUTE..130 * MINUTE,
        length in 0..130 * MINUTE,
        bucket in select(vec![MINUTE, 90_000, 2 * MINUTE, 5 * MINUTE, 7 * MINUTE, 60 * MINUTE]),
        method in select(vec!["raw", "MEAN", "MAX", "MIN", "SUM", "EVENT_COUNT", "SUM_NO_ZEROS", "EVENT_COUNT_NO_ZEROS"]),
        limit in prop::option::of(0..40_usize),
        most in 1..50_usize,
        hosts in 1..4_usize,
    ) {
        let samples: Samples =
            minutes.into_iter().map(|(minute, value)| (FIRST + minute * MINUTE, value)).collect();
        let (start, end) = (FIRST + start, FIRST + start + length);
        let (statistic, fills) = match method {
            "raw" | "MEAN" => ("Average", false),
            "MAX" => ("Maximum", false),
            "MIN" => ("Minimum", false),
            "SUM" => ("Sum", true),
            "SUM_NO_ZEROS" => ("Sum", false),
            "EVENT_COUNT" => ("SampleCount", true),
            _ => ("SampleCount", false),
        };
        let is_raw = method == "raw";
        let period = if is_raw { MINUTE } else { (bucket + MINUTE - 1) / MINUTE * MINUTE };
        let over = end.min(NOW);
        let last_end = over - over % period;
        let all: Vec<(f64, i64, i64)> = (start - start % period..over - over % period)
            .step_by(period as usize)
            .filter_map(|from| {
                let value = aggregate(&samples, from, from + period, statistic);
                // Data can be on its way for five minutes, unless there is later data.
                let is_certain = from + period <= NOW - 5 * MINUTE
                    || samples.range(from + period..last_end).next().is_some();
                Some((value.or((fills && is_certain).then_some(0.0))?, from, from + period))
            })
            .collect();
        let kept = all.len().min(limit.unwrap_or(usize::MAX));

        let (rule, _) = data(move |input| answer(&samples, hosts, most, input));
        // If there is no data, the mirror finds the metric in the list.
        let lists = listed("N", "M", ("Host", "0"));
        let names: Vec<String> = (0..hosts).map(|host| host.to_string()).collect();
        let conditions = [condition("Namespace", json!("N")), condition("Host", json!(names))];
        let mut query = json!({
            "conditions": conditions, "metricField": "M",
            "startTime": start, "endTime": end, "limit": limit,
        });
        if !is_raw {
            query["aggregation"] = json!({"method": method, "bucketSizeMillis": bucket});
        }
        let app = app(&[&rule, &lists]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reply = runtime.block_on(post(&app, "metric", &body(query, json!({}))));
        prop_assert_eq!(reply.status, 200, "{}", reply.body);
        let telemetry = &reply.body["telemetry"];
        let points: Vec<Vec<f64>> = serde_json::from_value(telemetry["points"].clone()).unwrap();
        prop_assert_eq!(points.len(), kept);
        for (found, (value, from, to)) in points.iter().zip(&all) {
            let times = if is_raw { vec![*from as f64] } else { vec![*from as f64, *to as f64] };
            prop_assert_eq!(&found[1..], times);
            // Another order of summation, and the JSON reader of the test, can change the last digit.
            prop_assert!((found[0] - value).abs() <= 1e-9 * value.abs().max(1.0), "{:?}", found);
        }
        prop_assert_eq!(&telemetry["isPartial"], kept < all.len());
    }
}
