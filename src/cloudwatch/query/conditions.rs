//! Conditions → what each field must be.

use aws_sdk_cloudwatch::types::StandardUnit;

use super::error::invalid;
use super::field::Field;
use super::selector::MetricSelector;
use super::statistic::Statistic;
use crate::error::MirrorError;
use crate::model::{Comparison, Condition, Scalar};
use crate::region::Region;

/// The maximum number of conditions in a query.
const MAX_CONDITIONS: usize = 100;

/// The maximum number of values in a condition.
const MAX_VALUES: usize = 500;

/// The maximum number of dimensions of a metric ("Dimension", CloudWatch API reference).
const MAX_DIMENSIONS: usize = 30;

/// The maximum length of a condition's key, in bytes: a dimension's name of 255 and its prefix.
const MAX_KEY: usize = 265;

const UNITS: &str = "one of CloudWatch's units, such as Seconds, Bytes, Percent, Count or None";

/// What the conditions of a query require of each field.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Conditions {
    pub(crate) region: Option<Region>,
    /// Namespaces, metric names, accounts and dimensions.
    pub(crate) selector: MetricSelector,
    pub(crate) unit: Option<StandardUnit>,
    pub(crate) statistic: Option<Statistic>,
    pub(crate) expression: Option<String>,
}

impl Conditions {
    /// Reads the conditions of a query.
    ///
    /// # Errors
    /// The conditions can never all hold, or have a value that CloudWatch does not know.
    pub(crate) fn read(conditions: &[Condition]) -> Result<Self, MirrorError> {
        if conditions.len() > MAX_CONDITIONS {
            return Err(invalid(format_args!(
                "the query has {} conditions; expected at most {MAX_CONDITIONS}",
                conditions.len()
            )));
        }
        let mut fields = AllowedValues::default();
        for Condition { key, comparison } in conditions {
            fields.narrow(key, values(key, comparison)?)?;
        }
        let mut conditions = Conditions::default();
        for (field, values) in fields.0 {
            conditions.apply(field, values)?;
        }
        conditions.selector.dimensions.sort();
        match conditions.selector.dimensions.len() {
            ..=MAX_DIMENSIONS => Ok(conditions),
            count => Err(invalid(format_args!(
                "the conditions name {count} dimensions; a metric has at most {MAX_DIMENSIONS}"
            ))),
        }
    }

    /// Sets what the values of a field mean.
    fn apply(&mut self, field: Field, values: Vec<String>) -> Result<(), MirrorError> {
        match field {
            Field::Namespace => self.selector.namespaces = values,
            Field::MetricName => self.selector.names = values,
            Field::AccountId => {
                for account in &values {
                    let is_id = account.len() == 12 && is_digits(account);
                    parsed(&field, account, "twelve digits", |_| is_id.then_some(()))?;
                }
                self.selector.accounts = values;
            }
            Field::Region => {
                self.region = Some(only(&field, &values, Region::EXPECTED, Region::new)?);
            }
            Field::Unit => self.unit = Some(only(&field, &values, UNITS, known_unit)?),
            Field::Statistic => {
                let statistic = only(&field, &values, Statistic::EXPECTED, Statistic::parse)?;
                self.statistic = Some(statistic);
            }
            Field::Expression => {
                let expression = |text: &str| Some(text.to_owned());
                self.expression = Some(only(&field, &values, "an expression", expression)?);
            }
            Field::Dimension(name) => self.selector.dimensions.push((name, values)),
        }
        Ok(())
    }
}

/// The allowed values of each field, sorted and never empty.
#[derive(Default)]
struct AllowedValues(Vec<(Field, Vec<String>)>);

impl AllowedValues {
    /// Adds a condition: the field's values must also be among `allowed`, which is sorted.
    fn narrow(&mut self, key: &str, allowed: Vec<String>) -> Result<(), MirrorError> {
        let field = Field::parse(key);
        if key.len() > MAX_KEY || matches!(&field, Field::Dimension(name) if name.is_empty()) {
            return Err(invalid(
                "a condition's key is empty or too long; expected the name of a field or of a \
                 dimension, 1 to 255 characters",
            ));
        }
        if allowed.is_empty() {
            return Err(invalid(format_args!(
                "{key}: the condition has an empty set of values, which selects nothing; expected \
                 at least one value"
            )));
        }
        let max = field.max_value_length();
        let lengths = allowed.iter().map(|value| value.chars().count());
        if let Some(length) = lengths.into_iter().find(|length| !(1..=max).contains(length)) {
            return Err(invalid(format_args!(
                "{key}: expected 1 to {max} characters, found {length}"
            )));
        }
        match self.0.iter_mut().find(|(known, _)| *known == field) {
            None => self.0.push((field, allowed)),
            Some((_, values)) => {
                values.retain(|value| allowed.binary_search(value).is_ok());
                if values.is_empty() {
                    return Err(invalid(format_args!(
                        "{key}: the conditions exclude each other, because all must hold; expected \
                         one condition, with several values to select any of them"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// The distinct values of a comparison, sorted, as CloudWatch writes them.
fn values(key: &str, comparison: &Comparison) -> Result<Vec<String>, MirrorError> {
    let text = |value: &Scalar| match value {
        Scalar::Text(text) => text.clone(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Boolean(boolean) => boolean.to_string(),
    };
    match comparison {
        Comparison::EqualTo(value) => Ok(vec![text(value)]),
        Comparison::OneOf(values) if values.len() > MAX_VALUES => Err(invalid(format_args!(
            "{key}: the condition has {} values; expected at most {MAX_VALUES}",
            values.len()
        ))),
        Comparison::OneOf(values) => {
            let mut values: Vec<String> = values.iter().map(text).collect();
            values.sort();
            values.dedup();
            Ok(values)
        }
    }
}

/// The value of a field that allows only one, as `parse` reads it.
fn only<T>(
    field: &Field,
    values: &[String],
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, MirrorError> {
    match values {
        [value] => parsed(field, value, expected, parse),
        values => Err(invalid(format_args!("{field}: expected one value, found {}", values.len()))),
    }
}

fn parsed<T>(
    field: &Field,
    value: &str,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, MirrorError> {
    parse(value)
        .ok_or_else(|| invalid(format_args!("{field}: expected {expected}, found {value:?}")))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn known_unit(name: &str) -> Option<StandardUnit> {
    StandardUnit::values().contains(&name).then(|| StandardUnit::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(conditions: &[(&str, Comparison)]) -> Result<Conditions, MirrorError> {
        let conditions: Vec<Condition> = conditions
            .iter()
            .map(|(key, comparison)| Condition {
                key: (*key).to_owned(),
                comparison: comparison.clone(),
            })
            .collect();
        Conditions::read(&conditions)
    }

    fn text(value: &str) -> Comparison {
        Comparison::EqualTo(Scalar::Text(value.to_owned()))
    }

    fn set(values: &[&str]) -> Comparison {
        Comparison::OneOf(values.iter().map(|value| Scalar::Text((*value).to_owned())).collect())
    }

    #[test]
    fn conditions_narrow_dimensions() {
        for (conditions, name, values) in [
            (vec![("A", text("1"))], "A", &["1"][..]),
            (vec![("Dimension.A", text("1")), ("A", text("1"))], "A", &["1"]),
            (vec![("Dimension.Region", text("r"))], "Region", &["r"]),
            (vec![("A", Comparison::EqualTo(Scalar::Number(2.0)))], "A", &["2"]),
            (vec![("A", Comparison::EqualTo(Scalar::Number(0.5)))], "A", &["0.5"]),
            (vec![("A", Comparison::EqualTo(Scalar::Boolean(true)))], "A", &["true"]),
            (vec![("A", set(&["2", "1", "2"]))], "A", &["1", "2"]),
            (vec![("A", set(&["1", "2"])), ("A", set(&["2", "3"]))], "A", &["2"]),
        ] {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            let expected = vec![(name.to_owned(), values)];
            assert_eq!(read(&conditions).unwrap().selector.dimensions, expected, "{conditions:?}");
        }
    }

    #[test]
    fn conditions_that_are_not_valid_are_explained() {
        let names: Vec<String> = (0..31).map(|number| format!("D{number}")).collect();
        for (conditions, details) in [
            (
                vec![("Namespace", set(&[]))],
                "Namespace: the condition has an empty set of values, which selects nothing",
            ),
            (vec![("Namespace", text(""))], "Namespace: expected 1 to 255 characters, found 0"),
            (vec![("~", text(&"x".repeat(2_049)))], "~: expected 1 to 2048 characters, found 2049"),
            (
                vec![("Namespace", text("N")), ("Namespace", text("O"))],
                "Namespace: the conditions exclude each other",
            ),
            (
                vec![("Region", text("x.example.com"))],
                "Region: expected a region such as eu-west-1, found \"x.example.com\"",
            ),
            (
                vec![("Region", set(&["eu-west-1", "eu-west-2"]))],
                "Region: expected one value, found 2",
            ),
            (vec![("Unit", text("Furlongs"))], "Unit: expected one of CloudWatch's units"),
            (
                vec![("Statistic", text("Median"))],
                "Statistic: expected one of CloudWatch's statistics",
            ),
            (vec![("AccountId", text("1"))], "AccountId: expected twelve digits, found \"1\""),
            (vec![("Dimension.", text("x"))], "a condition's key is empty or too long"),
            (vec![("", text("x"))], "a condition's key is empty or too long"),
            (vec![(&"x".repeat(266), text("x"))], "a condition's key is empty or too long"),
            (
                vec![("A", set(&["x"; 501]))],
                "A: the condition has 501 values; expected at most 500",
            ),
            (vec![("A", text("x")); 101], "the query has 101 conditions; expected at most 100"),
            (
                names.iter().map(|name| (name.as_str(), text("x"))).collect(),
                "the conditions name 31 dimensions; a metric has at most 30",
            ),
        ] {
            let MirrorError::Remote { details: error, .. } = read(&conditions).unwrap_err() else {
                panic!("{details}")
            };
            assert!(error.starts_with(details), "{error}");
        }
    }
}
