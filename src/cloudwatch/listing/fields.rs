//! A catalogue → the fields and values that StackState's dialogs list.

use std::collections::BTreeSet;

use super::catalogue::{Catalogue, Listed};
use crate::cloudwatch::query::expression;
use crate::cloudwatch::query::field::Field;
use crate::cloudwatch::query::namespaces;
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
    // If not all metrics were read, any of these can have some.
    let adds_known = *field == Field::Namespace && catalogue.is_partial && is_open;
    let known = namespaces::of_aws().filter(|_| adds_known);
    let value = |metric: Listed<'a>| match field {
        Field::Namespace => Some(metric.namespace()),
        Field::MetricName => Some(metric.name()),
        Field::AccountId => metric.account(),
        Field::Dimension(name) => metric.dimension(name),
        Field::Region
        | Field::Unit
        | Field::Statistic
        | Field::HighResolution
        | Field::HoldSeconds
        | Field::Expression
        | Field::Tag(_) => None,
    };
    let listed = catalogue.metrics().filter(|metric| metric.matches(selector));
    listed.filter_map(value).chain(known).collect()
}

fn described(name: String, field_type: FieldType) -> model::Field {
    model::Field { name, field_type }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::query::metric::Metric;
    use crate::cloudwatch::query::values::Values;

    #[test]
    fn only_the_resolution_is_a_boolean() {
        for (linked_accounts, expected) in [(false, 8), (true, 9)] {
            let fields = reserved(linked_accounts);
            assert_eq!(fields.len(), expected, "{fields:?}");
            for field in fields {
                let is_boolean = field.field_type == FieldType::Boolean;
                assert_eq!(is_boolean, field.name == "HighResolution", "{field:?}");
            }
        }
    }

    #[test]
    fn aws_namespaces_are_among_those_of_an_open_list_that_is_not_complete() {
        let metric = Metric::of("Shop", "Orders", &[("A", "1")], None);
        let all = MetricSelector::default();
        let named = MetricSelector { names: vec!["Orders".to_owned()], ..all.clone() };
        let one = Values::exactly(vec!["1".to_owned()]);
        let narrowed = MetricSelector { dimensions: vec![("A".to_owned(), one)], ..all.clone() };
        for (selector, is_partial, has_aws) in [
            (&all, true, true),
            (&all, false, false),
            (&named, true, false),
            (&narrowed, true, false),
        ] {
            let mut catalogue = Catalogue::of([metric.clone()]);
            catalogue.is_partial = is_partial;
            let found = values(&catalogue, selector, &Field::Namespace);
            assert!(found.contains("Shop"), "{selector:?}");
            assert_eq!(found.contains("AWS/EC2"), has_aws, "{selector:?} {is_partial}");
            let names = values(&catalogue, selector, &Field::MetricName);
            assert_eq!(names, ["Orders"].into(), "{selector:?} {is_partial}");
        }
    }
}
