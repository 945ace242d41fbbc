//! Conditions → what each of CloudWatch's fields may be.

use aws_sdk_cloudwatch::types::StandardUnit;

use super::metric::refusal;
use super::sets::Sets;
use super::statistic::Statistic;
use crate::error::MirrorError;
use crate::region::Region;
use crate::telemetry::{Condition, Scalar, Wanted};

/// The names that are no dimensions, sorted.
pub(super) const RESERVED: [&str; 7] =
    ["AccountId", "MetricName", "Namespace", "Region", "Statistic", "Unit", "~"];

/// Before the name of a dimension that has a reserved name.
pub(super) const DIMENSION: &str = "Dimension.";

/// At most so many conditions are looked at.
const MOST_CONDITIONS: usize = 100;

/// At most so many values are in one condition's set.
const MOST_VALUES: usize = 500;

/// A metric has at most so many dimensions.
const MOST_DIMENSIONS: usize = 30;

/// What the conditions ask of each field; sets are sorted and never empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Conditions {
    pub(super) region: Option<Region>,
    /// Namespaces, metric names, accounts and dimensions.
    pub(super) sets: Sets,
    pub(super) unit: Option<StandardUnit>,
    pub(super) statistic: Option<Statistic>,
    pub(super) expression: Option<String>,
}

impl Conditions {
    /// What the conditions ask.
    ///
    /// # Errors
    /// One can never hold, or asks what CloudWatch does not know.
    pub(super) fn read(conditions: &[Condition]) -> Result<Self, MirrorError> {
        if conditions.len() > MOST_CONDITIONS {
            return Err(refusal(format_args!(
                "{} conditions; one query takes at most {MOST_CONDITIONS}",
                conditions.len()
            )));
        }
        let mut fields = Fields::default();
        for Condition { key, wanted } in conditions {
            fields.narrow(key, values(key, wanted)?)?;
        }
        let accounts = fields.take("AccountId").unwrap_or_default();
        for account in &accounts {
            let digits = |id: &str| {
                (id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
            };
            checked("AccountId", account, "twelve digits", digits)?;
        }
        let conditions = Conditions {
            region: fields.one("Region", Region::EXPECTED, Region::new)?,
            unit: fields.one("Unit", UNITS, known_unit)?,
            statistic: fields.one("Statistic", Statistic::EXPECTED, Statistic::parse)?,
            expression: fields.one("~", "an expression", |text| Some(text.to_owned()))?,
            sets: Sets {
                accounts,
                namespaces: fields.take("Namespace").unwrap_or_default(),
                names: fields.take("MetricName").unwrap_or_default(),
                dimensions: fields.dimensions(),
            },
        };
        match conditions.sets.dimensions.len() {
            ..=MOST_DIMENSIONS => Ok(conditions),
            count => Err(refusal(format_args!(
                "conditions on {count} dimensions; a metric has at most {MOST_DIMENSIONS}"
            ))),
        }
    }
}

const UNITS: &str = "one of CloudWatch's units, such as Seconds, Bytes, Percent, Count or None";

/// The values that each field may have: reserved names, and dimensions with `Dimension.`
/// before their names.
#[derive(Default)]
struct Fields(Vec<(String, Vec<String>)>);

impl Fields {
    /// Adds a condition: what held before and what it wants, sorted, must both hold.
    fn narrow(&mut self, key: &str, wanted: Vec<String>) -> Result<(), MirrorError> {
        let plain = key.strip_prefix(DIMENSION);
        let is_dimension = plain.is_some() || !RESERVED.contains(&key);
        let longest = match key {
            "~" => 2_048,
            _ if is_dimension => 1_024,
            _ => 255,
        };
        if plain.unwrap_or(key).is_empty() || key.len() > 265 {
            return Err(refusal(
                "a condition's key: expected a dimension's name, 1 to 255 characters",
            ));
        }
        if wanted.is_empty() {
            return Err(refusal(format_args!(
                "{key}: a condition on an empty set selects nothing"
            )));
        }
        if let Some(value) =
            wanted.iter().find(|value| value.is_empty() || value.chars().count() > longest)
        {
            let length = value.chars().count();
            return Err(refusal(format_args!(
                "{key}: expected 1 to {longest} characters, found {length}"
            )));
        }
        let field = match plain {
            None if is_dimension => format!("{DIMENSION}{key}"),
            _ => key.to_owned(),
        };
        match self.0.iter_mut().find(|(name, _)| *name == field) {
            None => self.0.push((field, wanted)),
            Some((_, values)) => {
                values.retain(|value| wanted.binary_search(value).is_ok());
                if values.is_empty() {
                    return Err(refusal(format_args!(
                        "{key}: its conditions exclude one another; all must hold, so give one of them \
                         several values to select any of those"
                    )));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<Vec<String>> {
        let index = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// The one value of a field that takes no more, as `check` reads it.
    fn one<T>(
        &mut self,
        name: &str,
        expected: &str,
        check: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, MirrorError> {
        match self.take(name).as_deref() {
            None => Ok(None),
            Some([value]) => checked(name, value, expected, check).map(Some),
            Some(values) => {
                Err(refusal(format_args!("{name}: expected one value, found {}", values.len())))
            }
        }
    }

    /// The dimensions among what is left.
    fn dimensions(self) -> Vec<(String, Vec<String>)> {
        let plain = |(name, values): (String, Vec<String>)| {
            Some((name.strip_prefix(DIMENSION)?.to_owned(), values))
        };
        let mut dimensions: Vec<_> = self.0.into_iter().filter_map(plain).collect();
        dimensions.sort();
        dimensions
    }
}

/// The distinct values, sorted, as CloudWatch writes them.
fn values(key: &str, wanted: &Wanted) -> Result<Vec<String>, MirrorError> {
    let written = |value: &Scalar| match value {
        Scalar::Text(text) => text.clone(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Boolean(boolean) => boolean.to_string(),
    };
    match wanted {
        Wanted::One(value) => Ok(vec![written(value)]),
        Wanted::AnyOf(values) if values.len() > MOST_VALUES => Err(refusal(format_args!(
            "{key}: a set of {} values; a condition takes at most {MOST_VALUES}",
            values.len()
        ))),
        Wanted::AnyOf(values) => {
            let mut values: Vec<String> = values.iter().map(written).collect();
            values.sort();
            values.dedup();
            Ok(values)
        }
    }
}

fn checked<T>(
    key: &str,
    value: &str,
    expected: &str,
    check: impl FnOnce(&str) -> Option<T>,
) -> Result<T, MirrorError> {
    check(value).ok_or_else(|| refusal(format_args!("{key}: expected {expected}, found {value:?}")))
}

fn known_unit(name: &str) -> Option<StandardUnit> {
    StandardUnit::values().contains(&name).then(|| StandardUnit::from(name))
}
