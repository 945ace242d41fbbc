//! Any query of the last hours, for one metric or several, raw or aggregated. The answer is what the
//! contract says about the data. CloudWatch is a mock that is correct but has small pages.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::support::app::NOW;
use crate::support::events::post;
use crate::support::ministack::MINUTE;
use crate::support::samples::{Samples, aggregate, answer};
use crate::support::sdk_mock::{app, body, condition, data, listed};

/// The first minute that can have a sample: two hours before the mirror's time.
const FIRST: i64 = NOW - NOW % MINUTE - 120 * MINUTE;

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

        let (rule, _) = data(move |input| answer(&samples, hosts, most, false, input));
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
