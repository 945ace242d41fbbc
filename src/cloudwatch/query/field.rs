//! The fields that conditions and field calls name.
//!
//! To offer a new field, add a variant here. The compiler then leads to every place that has to
//! decide what the field means in conditions, in lists and beside an expression.

use std::fmt;
use std::ops::RangeInclusive;

use crate::error::{MirrorError, invalid};
use crate::json::is_nearly;

/// The prefix of a dimension's name in conditions. It is needed if the dimension has the name of
/// another field, such as `Dimension.Region`, and allowed for every dimension.
const DIMENSION_PREFIX: &str = "Dimension.";

/// The prefix of a tag's key in conditions.
const TAG_PREFIX: &str = "Tag.";

/// The second name of [`Field::Expression`]. StackState's script language may not take `~` as a key, and its
/// anomaly detector sends `~`.
const EXPRESSION: &str = "Expression";

/// The maximum length of a dimension's name, in characters ("Dimension", CloudWatch API reference).
pub(super) const MAX_NAME: usize = 255;

/// The maximum length of a dimension's value, in characters (the same).
pub(super) const MAX_VALUE: usize = 1_024;

/// The maximum length of a tag's key, in characters ("Tag", CloudWatch API reference).
const MAX_KEY: usize = 128;

/// A field of CloudWatch's metrics, as StackState's filters name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    Namespace,
    MetricName,
    Region,
    AccountId,
    Unit,
    Statistic,
    /// Whether the metric is stored at high resolution.
    HighResolution,
    /// How long an empty bucket has the last value before it.
    HoldSeconds,
    /// The field `~` or `Expression`, an expression or a graph.
    Expression,
    /// A tag of the AWS resource that the metric is about: its key, without the prefix.
    Tag(String),
    /// A dimension, without the prefix.
    Dimension(String),
}

impl Field {
    /// The fields that are neither dimensions nor tags, sorted by name.
    pub(crate) const RESERVED: [Field; 9] = [
        Field::AccountId,
        Field::HighResolution,
        Field::HoldSeconds,
        Field::MetricName,
        Field::Namespace,
        Field::Region,
        Field::Statistic,
        Field::Unit,
        Field::Expression,
    ];

    /// The field with this name. A name that is not reserved, and has no prefix, is a dimension's.
    pub(crate) fn parse(name: &str) -> Self {
        let reserved =
            Field::RESERVED.into_iter().find(|field| field.reserved_name() == Some(name));
        let reserved = reserved.or_else(|| (name == EXPRESSION).then_some(Field::Expression));
        reserved.unwrap_or_else(|| match name.strip_prefix(TAG_PREFIX) {
            Some(key) => Field::Tag(key.to_owned()),
            None => {
                Field::Dimension(name.strip_prefix(DIMENSION_PREFIX).unwrap_or(name).to_owned())
            }
        })
    }

    /// The field with this name, if its length is allowed.
    ///
    /// # Errors
    /// The name is empty or too long.
    pub(crate) fn named(name: &str) -> Result<Self, MirrorError> {
        match Field::parse(name) {
            Field::Dimension(name) if !(1..=MAX_NAME).contains(&name.chars().count()) => {
                Err(invalid(
                    "the name of a field is empty or too long; expected the name of a field or of \
                     a dimension, 1 to 255 characters",
                ))
            }
            Field::Tag(key) if !(1..=MAX_KEY).contains(&key.chars().count()) => {
                Err(invalid(format_args!(
                    "{TAG_PREFIX}: expected the key of a tag after the dot, 1 to {MAX_KEY} characters"
                )))
            }
            field => Ok(field),
        }
    }

    /// The allowed lengths of a value, in characters ("Metric", "Dimension" and "Tag", CloudWatch API reference).
    pub(super) fn value_lengths(&self) -> RangeInclusive<usize> {
        match self {
            // Who reads it knows whether it is a graph.
            Field::Expression => 0..=usize::MAX,
            Field::Dimension(_) => 1..=MAX_VALUE,
            Field::Tag(_) => 1..=256,
            Field::Namespace
            | Field::MetricName
            | Field::Region
            | Field::AccountId
            | Field::Unit
            | Field::Statistic
            | Field::HighResolution
            | Field::HoldSeconds => 1..=255,
        }
    }

    /// Whether a query can have only one value of it.
    pub(crate) fn has_one_value(&self) -> bool {
        match self {
            Field::Namespace | Field::MetricName | Field::AccountId | Field::Dimension(_) => false,
            Field::Region
            | Field::Unit
            | Field::Statistic
            | Field::HighResolution
            | Field::HoldSeconds
            | Field::Expression
            | Field::Tag(_) => true,
        }
    }

    /// The name of a field that is no dimension, for which a dimension's name may be meant.
    pub(crate) fn meant_by(name: &str) -> Option<String> {
        let mut names = Field::RESERVED.iter().filter_map(Field::reserved_name).chain([EXPRESSION]);
        let known = names.find(|known| known.eq_ignore_ascii_case(name) || is_nearly(name, known));
        known.map(str::to_owned).or_else(|| {
            let (prefix, key) = name.split_once(['.', ':'])?;
            let is_tag = ["tag", "tags"].iter().any(|tag| tag.eq_ignore_ascii_case(prefix));
            is_tag.then(|| format!("{TAG_PREFIX}{key}"))
        })
    }

    fn reserved_name(&self) -> Option<&'static str> {
        Some(match self {
            Field::Namespace => "Namespace",
            Field::MetricName => "MetricName",
            Field::Region => "Region",
            Field::AccountId => "AccountId",
            Field::Unit => "Unit",
            Field::Statistic => "Statistic",
            Field::HighResolution => "HighResolution",
            Field::HoldSeconds => "HoldSeconds",
            Field::Expression => "~",
            Field::Tag(_) | Field::Dimension(_) => return None,
        })
    }
}

/// The name that [`Field::parse`] reads as this field.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Dimension(name) if Field::parse(name) != *self => {
                write!(f, "{DIMENSION_PREFIX}{name}")
            }
            Field::Dimension(name) => f.write_str(name),
            Field::Tag(key) => write!(f, "{TAG_PREFIX}{key}"),
            field => f.write_str(field.reserved_name().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_written() {
        let dimension = |name: &str| Field::Dimension(name.to_owned());
        for (name, field, written) in [
            ("Namespace", Field::Namespace, "Namespace"),
            ("~", Field::Expression, "~"),
            ("Expression", Field::Expression, "~"),
            ("Dimension.Expression", dimension("Expression"), "Dimension.Expression"),
            ("namespace", dimension("namespace"), "namespace"),
            ("InstanceId", dimension("InstanceId"), "InstanceId"),
            ("Dimension.InstanceId", dimension("InstanceId"), "InstanceId"),
            ("Dimension.Region", dimension("Region"), "Dimension.Region"),
            ("Dimension.~", dimension("~"), "Dimension.~"),
            ("Dimension.Dimension.X", dimension("Dimension.X"), "Dimension.Dimension.X"),
            ("Dimension.", dimension(""), ""),
            ("HoldSeconds", Field::HoldSeconds, "HoldSeconds"),
            ("Dimension.HoldSeconds", dimension("HoldSeconds"), "Dimension.HoldSeconds"),
            ("Tag.Environment", Field::Tag("Environment".to_owned()), "Tag.Environment"),
            ("Tag.aws:a.b", Field::Tag("aws:a.b".to_owned()), "Tag.aws:a.b"),
            ("Tag", dimension("Tag"), "Tag"),
            ("tag.Environment", dimension("tag.Environment"), "tag.Environment"),
            ("Dimension.Tag.X", dimension("Tag.X"), "Dimension.Tag.X"),
        ] {
            assert_eq!(Field::parse(name), field, "{name}");
            assert_eq!(field.to_string(), written, "{name}");
        }
    }

    #[test]
    fn reserved_names_are_sorted_and_read_again() {
        let names: Vec<String> = Field::RESERVED.iter().map(ToString::to_string).collect();
        assert!(names.is_sorted());
        for (name, field) in names.iter().zip(Field::RESERVED) {
            assert_eq!(Field::parse(name), field);
        }
    }
}
