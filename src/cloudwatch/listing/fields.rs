//! A catalogue → the fields and values that StackState's dialogs list.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::StandardUnit;

use super::catalogue::{Catalogue, Listed};
use crate::cloudwatch::query::expression;
use crate::cloudwatch::query::field::Field;
use crate::cloudwatch::query::namespaces::AWS_NAMESPACES;
use crate::cloudwatch::query::selector::MetricSelector;
use crate::model::{self, FieldType};

/// The statistics in the list of values: the basic ones and common percentiles.
pub(crate) const STATISTICS: [&str; 12] = [
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

/// The units in the list of values.
pub(crate) fn units() -> &'static [&'static str] {
    StandardUnit::values()
}

/// The fields that are not dimensions. `AccountId` is listed only for linked accounts.
pub(crate) fn reserved(linked_accounts: bool) -> Vec<model::Field> {
    let fields = Field::RESERVED.into_iter();
    let shown = fields.filter(|field| linked_accounts || *field != Field::AccountId);
    let type_of = |field: &Field| match field {
        Field::HighResolution => FieldType::Boolean,
        _ => FieldType::String,
    };
    shown.map(|field| described(field.to_string(), type_of(&field))).collect()
}

/// The field that holds the values of an expression.
pub(crate) fn of_expression() -> model::Field {
    described(expression::VALUE.to_owned(), FieldType::Number)
}

/// The dimensions, and then the names, of the metrics that match the selector. Both are sorted.
pub(crate) fn of_metrics(catalogue: &Catalogue, selector: &MetricSelector) -> Vec<model::Field> {
    let (mut dimensions, mut names) = (BTreeSet::new(), BTreeSet::new());
    for metric in catalogue.metrics().filter(|metric| metric.matches(selector)) {
        names.insert(metric.name());
        dimensions.extend(metric.dimensions().map(|(name, _)| name));
    }
    let dimensions = dimensions
        .into_iter()
        .map(|name| described(Field::Dimension(name.to_owned()).to_string(), FieldType::String));
    let names = names.into_iter().map(|name| described(name.to_owned(), FieldType::Number));
    dimensions.chain(names).collect()
}

/// The values of a field in the metrics that match the selector. A list of namespaces that could
/// not be read whole has those of AWS's services too.
pub(crate) fn values<'a>(
    catalogue: &'a Catalogue,
    selector: &MetricSelector,
    field: &Field,
) -> BTreeSet<&'a str> {
    let is_open = selector.names.is_empty() && selector.dimensions.is_empty();
    let known: &[&str] = match field {
        // Not all metrics were read, so any of these can have some.
        Field::Namespace if catalogue.is_partial && is_open => &AWS_NAMESPACES,
        _ => &[],
    };
    let value = |metric: Listed<'a>| match field {
        Field::Namespace => Some(metric.namespace()),
        Field::MetricName => Some(metric.name()),
        Field::AccountId => metric.account(),
        Field::Dimension(name) => metric.dimension(name),
        Field::Region
        | Field::Unit
        | Field::Statistic
        | Field::HighResolution
        | Field::Expression => None,
    };
    let listed = catalogue.metrics().filter(|metric| metric.matches(selector));
    listed.filter_map(value).chain(known.iter().copied()).collect()
}

fn described(name: String, field_type: FieldType) -> model::Field {
    model::Field { name, field_type }
}
