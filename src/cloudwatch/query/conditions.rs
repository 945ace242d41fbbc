//! Conditions → what each field must be.

use std::time::Duration;

use aws_sdk_cloudwatch::types::StandardUnit;

use super::allowed;
use super::field::Field;
use super::metric::{MAX_DIMENSIONS, is_account};
use super::selector::MetricSelector;
use super::statistic::Statistic;
use super::values::{Values, is_wildcard};
use crate::connection::CloudWatchConfig;
use crate::error::{MirrorError, invalid};
use crate::model::Condition;
use crate::region::Region;

/// The maximum number of wildcards in a query. Their patterns are compared with every metric that
/// CloudWatch lists.
const MAX_WILDCARDS: usize = 20;

/// The name that StackState's agent gives the region of global services, such as CloudFront and
/// Route 53. Their metrics are in one region of the partition ("CloudFront metrics", CloudFront
/// developer guide; "Monitoring Route 53", Route 53 developer guide).
const GLOBAL: &str = "global";

const HOLD: &str = "a whole number of seconds from 0 to 604800, a week";

const TAG: &str = "the value of a tag, without wildcards (*)";

const UNITS: &str = "one of CloudWatch's units, such as Seconds, Bytes, Percent, Count or None";

/// What the conditions of a query require of each field.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Conditions {
    pub(crate) region: Option<Region>,
    /// Namespaces, metric names, accounts and dimensions.
    pub(crate) selector: MetricSelector,
    pub(crate) unit: Option<StandardUnit>,
    pub(crate) statistic: Option<Statistic>,
    pub(crate) high_resolution: Option<bool>,
    /// How long an empty bucket has the last value before it.
    pub(crate) hold: Option<Duration>,
    /// The keys and values of the tags that the metric's resource must have, sorted by key.
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) expression: Option<String>,
}

impl Conditions {
    /// Reads the conditions of a query. `default` is the region of a query that names none, whose
    /// partition `global` means.
    ///
    /// # Errors
    /// The conditions can never all hold, or have a value that CloudWatch does not know.
    pub(crate) fn read(
        conditions: &[Condition],
        default: Option<&Region>,
    ) -> Result<Self, MirrorError> {
        let allowed = allowed::read(conditions)?;
        let mut conditions = Conditions::default();
        for (field, values) in allowed {
            conditions.apply(field, values, default)?;
        }
        conditions.selector.dimensions.sort();
        conditions.tags.sort();
        let dimensions = conditions.selector.dimensions.iter();
        let wildcards: usize = dimensions.map(|(_, values)| values.wildcards()).sum();
        if wildcards > MAX_WILDCARDS {
            return Err(invalid(format_args!(
                "the conditions have {wildcards} wildcards (*); expected at most {MAX_WILDCARDS}"
            )));
        }
        match conditions.selector.dimensions.len() {
            ..=MAX_DIMENSIONS => Ok(conditions),
            count => Err(invalid(format_args!(
                "the conditions name {count} dimensions; a metric has at most {MAX_DIMENSIONS}"
            ))),
        }
    }

    /// Sets what the values of a field mean.
    fn apply(
        &mut self,
        field: Field,
        values: Vec<String>,
        default: Option<&Region>,
    ) -> Result<(), MirrorError> {
        match field {
            Field::Namespace => {
                reject_wildcards(&field, &values, "such as AWS/EC2")?;
                self.selector.namespaces = values;
            }
            Field::MetricName => {
                reject_wildcards(
                    &field,
                    &values,
                    "such as CPUUtilization; if the name really contains a *, select it as the \
                     metric field",
                )?;
                self.selector.names = values;
            }
            Field::AccountId => {
                for account in &values {
                    parsed(&field, account, "twelve digits", |text| {
                        is_account(text).then_some(())
                    })?;
                }
                self.selector.accounts = values;
            }
            Field::Region => {
                let region = |name: &str| region(name, default);
                self.region = Some(only(&field, &values, Region::EXPECTED, region)?);
            }
            Field::Unit => self.unit = Some(only(&field, &values, UNITS, known_unit)?),
            Field::Statistic => {
                let statistic = only(&field, &values, Statistic::EXPECTED, Statistic::parse)?;
                self.statistic = Some(statistic);
            }
            Field::HighResolution => {
                let high_resolution = only(&field, &values, "true or false", |text| {
                    text.to_ascii_lowercase().parse().ok()
                })?;
                self.high_resolution = Some(high_resolution);
            }
            Field::HoldSeconds => self.hold = Some(only(&field, &values, HOLD, seconds)?),
            Field::Tag(ref key) => {
                let value = |text: &str| (!is_wildcard(text)).then(|| text.to_owned());
                self.tags.push((key.clone(), only(&field, &values, TAG, value)?));
            }
            Field::Expression => {
                let expression = |text: &str| Some(text.to_owned());
                self.expression = Some(only(&field, &values, "an expression", expression)?);
            }
            Field::Dimension(name) => {
                self.selector.dimensions.push((name, Values::exactly(values)));
            }
        }
        Ok(())
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

/// Only dimensions have wildcards. CloudWatch lists and returns metrics of one name in one
/// namespace, so a wildcard there would read the whole account.
fn reject_wildcards(field: &Field, values: &[String], example: &str) -> Result<(), MirrorError> {
    match values.iter().find(|value| is_wildcard(value)) {
        None => Ok(()),
        Some(value) => Err(invalid(format_args!(
            "{field}: a wildcard (*) can only stand in the value of a dimension, found {value:?}; \
             expected one whole value, {example}"
        ))),
    }
}

fn region(name: &str, default: Option<&Region>) -> Option<Region> {
    match (name.eq_ignore_ascii_case(GLOBAL), default) {
        (true, Some(default)) => default.global(),
        (true, None) => Region::new(Region::HOME_OF_AWS),
        (false, _) => Region::new(name),
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds =
        text.parse().ok().filter(|seconds| (0..=CloudWatchConfig::MAX_HOLD).contains(seconds))?;
    Some(Duration::from_secs(seconds.unsigned_abs()))
}

fn known_unit(name: &str) -> Option<StandardUnit> {
    StandardUnit::values().contains(&name).then(|| StandardUnit::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Scalar;

    fn read(conditions: &[(&str, Vec<Scalar>)]) -> Result<Conditions, MirrorError> {
        let conditions: Vec<Condition> = conditions
            .iter()
            .map(|(key, values)| Condition { key: (*key).to_owned(), values: values.clone() })
            .collect();
        Conditions::read(&conditions, None)
    }

    fn text(value: &str) -> Vec<Scalar> {
        vec![Scalar::Text(value.to_owned())]
    }

    fn set(values: &[&str]) -> Vec<Scalar> {
        values.iter().map(|value| Scalar::Text((*value).to_owned())).collect()
    }

    #[test]
    fn conditions_narrow_dimensions() {
        for (conditions, name, values) in [
            (vec![("A", text("1"))], "A", &["1"][..]),
            (vec![("Dimension.A", text("1")), ("A", text("1"))], "A", &["1"]),
            (vec![("Dimension.Region", text("r"))], "Region", &["r"]),
            (vec![("A", vec![Scalar::Number(2.0)])], "A", &["2"]),
            (vec![("A", vec![Scalar::Number(0.5)])], "A", &["0.5"]),
            (vec![("A", vec![Scalar::Number(443.0)])], "A", &["443"]),
            (vec![("A", vec![Scalar::Number(1e15)])], "A", &["1000000000000000"]),
            (vec![("A", vec![Scalar::Boolean(true)])], "A", &["true"]),
            (vec![("A", set(&["2", "1", "2"]))], "A", &["1", "2"]),
            (vec![("A", set(&["1", "2"])), ("A", set(&["2", "3"]))], "A", &["2"]),
        ] {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            let expected = vec![(name.to_owned(), Values::exactly(values))];
            assert_eq!(read(&conditions).unwrap().selector.dimensions, expected, "{conditions:?}");
        }
    }

    #[test]
    fn the_region_of_global_services_has_a_name() {
        for (name, default, region) in [
            ("global", None, Some("us-east-1")),
            ("Global", Some("eu-west-1"), Some("us-east-1")),
            ("global", Some("us-gov-east-1"), Some("us-gov-west-1")),
            ("global", Some("xx-north-1"), None),
            ("eu-west-1", Some("us-gov-east-1"), Some("eu-west-1")),
        ] {
            let default = default.and_then(Region::new);
            let condition = Condition { key: "Region".to_owned(), values: text(name) };
            let found = Conditions::read(&[condition], default.as_ref()).ok();
            let found = found.and_then(|conditions| conditions.region);
            assert_eq!(found.as_ref().map(Region::as_str), region, "{name} {default:?}");
        }
    }

    #[test]
    fn a_unit_is_one_of_cloudwatchs() {
        let found = read(&[("Unit", text("Count/Second"))]).unwrap().unit;
        assert_eq!(found, Some(StandardUnit::CountSecond));
    }

    #[test]
    fn as_much_as_is_allowed_is_read() {
        let names: Vec<String> = (0..30).map(|number| format!("D{number}")).collect();
        let stars: Vec<String> = (0..20).map(|number| format!("{number}*")).collect();
        let stars: Vec<&str> = stars.iter().map(String::as_str).collect();
        let values: Vec<String> = (0..500).map(|number| number.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        for conditions in [
            vec![("A", set(&stars))],
            vec![("A", set(&values))],
            vec![("A", text("x")); 100],
            names.iter().map(|name| (name.as_str(), text("x"))).collect(),
            vec![("A", text(&"x".repeat(1_024)))],
        ] {
            assert_eq!(read(&conditions).err(), None, "{conditions:?}");
        }
    }

    #[test]
    fn a_resolution_is_a_boolean_or_its_text() {
        let boolean = |value| vec![Scalar::Boolean(value)];
        for (value, expected) in [
            (boolean(true), true),
            (boolean(false), false),
            (text("true"), true),
            (text("False"), false),
        ] {
            assert_eq!(read(&[("HighResolution", value)]).unwrap().high_resolution, Some(expected));
        }
        assert_eq!(read(&[]).unwrap().high_resolution, None);
    }

    #[test]
    fn seconds_are_a_number_or_its_text() {
        for (value, seconds) in
            [(text("0"), 0), (text("604800"), 604_800), (vec![Scalar::Number(86_400.0)], 86_400)]
        {
            let found = read(&[("HoldSeconds", value)]).unwrap().hold;
            assert_eq!(found, Some(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn conditions_that_are_not_valid_are_explained() {
        let names: Vec<String> = (0..31).map(|number| format!("D{number}")).collect();
        let stars: Vec<String> = (0..20).map(|number| format!("{number}*")).collect();
        let stars: Vec<&str> = stars.iter().map(String::as_str).collect();
        for (conditions, details) in [
            (
                vec![("Namespace", set(&[]))],
                "Namespace: the condition has an empty set of values, which selects nothing",
            ),
            (vec![("Namespace", text(""))], "Namespace: expected 1 to 255 characters, found 0"),
            (
                vec![("Tag.A", text("1")), ("Tag.A", text("2"))],
                "Tag.A: the conditions exclude each other, because all must hold; expected one condition",
            ),
            (
                vec![("HoldSeconds", text("604801"))],
                "HoldSeconds: expected a whole number of seconds from 0 to 604800, a week, found \"604801\"",
            ),
            (vec![("HoldSeconds", text("1.5"))], "HoldSeconds: expected a whole number of seconds"),
            (vec![("HoldSeconds", text("-1"))], "HoldSeconds: expected a whole number of seconds"),
            (vec![("HoldSeconds", set(&["1", "2"]))], "HoldSeconds: expected one value, found 2"),
            (vec![("Tag.", text("x"))], "Tag.: expected the key of a tag after the dot"),
            (
                vec![(&format!("Tag.{}", "x".repeat(129)), text("x"))],
                "Tag.: expected the key of a tag after the dot, 1 to 128 characters",
            ),
            (
                vec![("Tag.A", text(&"x".repeat(257)))],
                "Tag.A: expected 1 to 256 characters, found 257",
            ),
            (vec![("Tag.A", set(&["1", "2"]))], "Tag.A: expected one value, found 2"),
            (
                vec![("Tag.A", text("a*"))],
                "Tag.A: expected the value of a tag, without wildcards (*), found \"a*\"",
            ),
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
            (
                vec![("HighResolution", text("yes"))],
                "HighResolution: expected true or false, found \"yes\"",
            ),
            (
                vec![("Namespace", text("AWS/*"))],
                "Namespace: a wildcard (*) can only stand in the value of a dimension, found \
                 \"AWS/*\"; expected one whole value, such as AWS/EC2",
            ),
            (
                vec![("MetricName", set(&["CPU*", "Network*"]))],
                "MetricName: a wildcard (*) can only stand in the value of a dimension, found \
                 \"CPU*\"; expected one whole value",
            ),
            (
                vec![("A", set(&stars)), ("B", text("*x*"))],
                "the conditions have 22 wildcards (*); expected at most 20",
            ),
            (vec![("AccountId", text("1"))], "AccountId: expected twelve digits, found \"1\""),
            (
                vec![("AccountId", text("12345678901x"))],
                "AccountId: expected twelve digits, found \"12345678901x\"",
            ),
            (vec![("Dimension.", text("x"))], "the name of a field is empty or too long"),
            (vec![("", text("x"))], "the name of a field is empty or too long"),
            (vec![(&"x".repeat(256), text("x"))], "the name of a field is empty or too long"),
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
