//! A catalogue → what StackState's dialogs list: fields and their values.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::StandardUnit;

use super::catalogue::{Catalogue, Listed};
use super::conditions::{DIMENSION, RESERVED};
use super::sets::Sets;
use crate::telemetry::{Field, FieldType};

/// The statistics that are offered for choice: the basic ones, and percentiles in use.
pub(super) const STATISTICS: [&str; 12] = [
    "Average",
    "IQM",
    "Maximum",
    "Minimum",
    "SampleCount",
    "Sum",
    "p50",
    "p75",
    "p90",
    "p95",
    "p99",
    "p99.9",
];

/// The units that are offered for choice.
pub(super) fn units() -> &'static [&'static str] {
    StandardUnit::values()
}

/// The fields that every query may name; `AccountId` only where accounts are linked.
pub(super) fn reserved(linked: bool) -> Vec<Field> {
    let names = RESERVED.iter().filter(|name| linked || **name != "AccountId");
    names.map(|name| field(name, FieldType::String)).collect()
}

/// The dimensions, and then the names, of the metrics that the sets admit, each sorted.
pub(super) fn fields(catalogue: &Catalogue, sets: &Sets) -> Vec<Field> {
    let (mut dimensions, mut names) = (BTreeSet::new(), BTreeSet::new());
    for metric in catalogue.metrics().filter(|metric| sets.admit(metric)) {
        names.insert(metric.name());
        dimensions.extend(metric.dimensions().map(|(name, _)| name));
    }
    let dimension = |name: &str| match RESERVED.contains(&name) || name.starts_with(DIMENSION) {
        true => field(&format!("{DIMENSION}{name}"), FieldType::String),
        false => field(name, FieldType::String),
    };
    let metric = |name: &str| field(name, FieldType::Number);
    dimensions.into_iter().map(dimension).chain(names.into_iter().map(metric)).collect()
}

/// The values of a field in the metrics that the sets admit.
pub(super) fn values<'a>(catalogue: &'a Catalogue, sets: &Sets, field: &str) -> BTreeSet<&'a str> {
    let value = |metric: Listed<'a>| match field {
        "Namespace" => Some(metric.namespace()),
        "MetricName" => Some(metric.name()),
        "AccountId" => metric.account(),
        _ => metric.dimension(field.strip_prefix(DIMENSION).unwrap_or(field)),
    };
    catalogue.metrics().filter(|metric| sets.admit(metric)).filter_map(value).collect()
}

fn field(name: &str, field_type: FieldType) -> Field {
    Field { name: name.to_owned(), field_type }
}
