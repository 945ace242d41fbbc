//! Conditions → the metrics that they select, and how CloudWatch is to be asked for them.

use std::fmt;

use aws_sdk_cloudwatch::types::StandardUnit;

use super::statistic::Statistic;
use crate::error::MirrorError;
use crate::region::Region;
use crate::telemetry::{MetricQuery, Scalar, Wanted};

/// At most so many metrics become one series.
pub(super) const MOST_METRICS: usize = 500;

/// At most so many conditions are looked at.
const MOST_CONDITIONS: usize = 100;

/// A metric has at most so many dimensions.
const MOST_DIMENSIONS: usize = 30;

/// One of CloudWatch's time series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metric {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Name and value, sorted by name.
    pub(super) dimensions: Vec<(String, String)>,
    /// Twelve digits; `None` for the caller's own account.
    pub(super) account: Option<String>,
}

/// What the conditions of a metric query select: every combination of their values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selection {
    pub(super) region: Option<Region>,
    pub(super) namespaces: Vec<String>,
    pub(super) names: Vec<String>,
    /// Each dimension's name and its values, sorted by name.
    pub(super) dimensions: Vec<(String, Vec<String>)>,
    /// Empty for the caller's own account.
    pub(super) accounts: Vec<String>,
    pub(super) unit: Option<StandardUnit>,
    /// Of a raw query only.
    pub(super) statistic: Option<Statistic>,
}

impl Selection {
    /// What `query` selects.
    ///
    /// # Errors
    /// No namespace, no metric, more than [`MOST_METRICS`] of them, or a condition that can
    /// never hold.
    pub(super) fn of(query: &MetricQuery) -> Result<Self, MirrorError> {
        if query.filter.conditions.len() > MOST_CONDITIONS {
            return Err(refusal(format_args!(
                "{} conditions; one query takes at most {MOST_CONDITIONS}",
                query.filter.conditions.len()
            )));
        }
        let mut fields = Fields::default();
        for condition in &query.filter.conditions {
            fields.narrow(&condition.key, values(&condition.wanted))?;
        }
        if fields.take("~").is_some() {
            return Err(refusal("~: this mirror does not take expressions"));
        }
        let one = |name: &str, fields: &mut Fields| match fields.take(name) {
            None => Ok(None),
            Some(mut values) if values.len() == 1 => Ok(values.pop()),
            Some(values) => {
                Err(refusal(format_args!("{name}: expected one value, found {}", values.len())))
            }
        };
        let region = one("Region", &mut fields)?;
        let unit = one("Unit", &mut fields)?;
        let statistic = one("Statistic", &mut fields)?;
        let selection = Selection {
            region: region
                .map(|name| checked("Region", &name, Region::EXPECTED, Region::new))
                .transpose()?,
            unit: unit
                .map(|name| {
                    checked(
                        "Unit",
                        &name,
                        "one of CloudWatch's units, such as Seconds, Bytes, Percent, Count or None",
                        known_unit,
                    )
                })
                .transpose()?,
            statistic: statistic
                .map(|name| checked("Statistic", &name, Statistic::EXPECTED, Statistic::parse))
                .transpose()?,
            accounts: fields.take("AccountId").unwrap_or_default(),
            namespaces: fields.take("Namespace").ok_or_else(|| {
                refusal("no Namespace: add the condition Namespace, such as AWS/EC2")
            })?,
            names: names(query, fields.take("MetricName"))?,
            dimensions: fields.dimensions(),
        };
        for account in &selection.accounts {
            let digits = |id: &str| {
                (id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
            };
            checked("AccountId", account, "twelve digits", digits)?;
        }
        selection.check_size()?;
        Ok(selection)
    }

    fn check_size(&self) -> Result<(), MirrorError> {
        let sets = [self.namespaces.len(), self.names.len(), self.accounts.len().max(1)];
        let sizes = sets.into_iter().chain(self.dimensions.iter().map(|(_, values)| values.len()));
        let count = sizes.fold(1_usize, usize::saturating_mul);
        if count > MOST_METRICS {
            return Err(refusal(format_args!(
                "the conditions select {count} metrics; one query takes at most {MOST_METRICS}"
            )));
        }
        if self.dimensions.len() > MOST_DIMENSIONS {
            return Err(refusal(format_args!(
                "conditions on {} dimensions; a metric has at most {MOST_DIMENSIONS}",
                self.dimensions.len()
            )));
        }
        Ok(())
    }

    /// Whether AWS's own services send all of its metrics: once a minute at most.
    pub(super) fn is_of_aws(&self) -> bool {
        self.namespaces.iter().all(|namespace| namespace.starts_with("AWS/"))
    }

    /// Every metric that is selected.
    pub(super) fn metrics(&self) -> Vec<Metric> {
        let mut metrics = Vec::new();
        let accounts: Vec<Option<&String>> = match self.accounts.as_slice() {
            [] => vec![None],
            accounts => accounts.iter().map(Some).collect(),
        };
        for namespace in &self.namespaces {
            for name in &self.names {
                for account in &accounts {
                    metrics.push(Metric {
                        namespace: namespace.clone(),
                        name: name.clone(),
                        dimensions: Vec::new(),
                        account: account.cloned(),
                    });
                }
            }
        }
        for (name, values) in &self.dimensions {
            metrics = metrics
                .into_iter()
                .flat_map(|metric| {
                    values.iter().map(move |value| {
                        let mut metric = metric.clone();
                        metric.dimensions.push((name.clone(), value.clone()));
                        metric
                    })
                })
                .collect();
        }
        metrics
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Metric { namespace, name, dimensions, account } = self;
        write!(f, "{namespace} {name}")?;
        for (index, (name, value)) in dimensions.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { " {" } else { ", " })?;
        }
        if !dimensions.is_empty() {
            f.write_str("}")?;
        }
        account.as_ref().map_or(Ok(()), |account| write!(f, " of account {account}"))
    }
}

/// The values that each field may have: reserved names, and dimensions with `Dimension.`
/// before their names.
#[derive(Default)]
struct Fields(Vec<(String, Vec<String>)>);

pub(super) const RESERVED: [&str; 7] =
    ["Namespace", "MetricName", "Region", "AccountId", "Unit", "Statistic", "~"];

impl Fields {
    /// Adds a condition: what held before and what it wants, sorted, must both hold.
    fn narrow(&mut self, key: &str, wanted: Vec<String>) -> Result<(), MirrorError> {
        let plain = key.strip_prefix("Dimension.");
        let is_dimension = plain.is_some() || !RESERVED.contains(&key);
        let longest = if is_dimension { 1_024 } else { 255 };
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
            None if is_dimension => format!("Dimension.{key}"),
            _ => key.to_owned(),
        };
        match self.0.iter_mut().find(|(name, _)| *name == field) {
            None => self.0.push((field, wanted)),
            Some((_, values)) => {
                values.retain(|value| wanted.binary_search(value).is_ok());
                if values.is_empty() {
                    return Err(refusal(format_args!("{key}: its conditions exclude one another")));
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<Vec<String>> {
        let index = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// The dimensions among what is left.
    fn dimensions(self) -> Vec<(String, Vec<String>)> {
        let plain = |(name, values): (String, Vec<String>)| {
            Some((name.strip_prefix("Dimension.")?.to_owned(), values))
        };
        let mut dimensions: Vec<_> = self.0.into_iter().filter_map(plain).collect();
        dimensions.sort();
        dimensions
    }
}

fn names(query: &MetricQuery, named: Option<Vec<String>>) -> Result<Vec<String>, MirrorError> {
    let field = query.metric_field.as_deref().filter(|field| !field.is_empty());
    match (field, named) {
        (None, None) => Err(refusal(
            "no metric: select one as the metric field, or add the condition MetricName, such as \
             CPUUtilization",
        )),
        (None, Some(names)) => Ok(names),
        (Some(field), None) => Ok(vec![field.to_owned()]),
        (Some(field), Some(names)) if names == [field] => Ok(names),
        (Some(field), Some(names)) => Err(refusal(format_args!(
            "the metric field is {field:?} and the condition MetricName is {:?}; expected one of \
             the two, or both alike",
            names.join(", ")
        ))),
    }
}

/// The distinct values, sorted, as CloudWatch writes them.
fn values(wanted: &Wanted) -> Vec<String> {
    let written = |value: &Scalar| match value {
        Scalar::Text(text) => text.clone(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Boolean(boolean) => boolean.to_string(),
    };
    match wanted {
        Wanted::One(value) => vec![written(value)],
        Wanted::AnyOf(values) => {
            let mut values: Vec<String> = values.iter().map(written).collect();
            values.sort();
            values.dedup();
            values
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

fn refusal(details: impl fmt::Display) -> MirrorError {
    MirrorError::Remote {
        summary: "The query cannot be asked of CloudWatch",
        details: details.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Condition, Filter, TimeRange};

    fn select(
        metric_field: Option<&str>,
        conditions: &[(&str, Wanted)],
    ) -> Result<Selection, String> {
        let conditions = conditions
            .iter()
            .map(|(key, wanted)| Condition { key: (*key).to_owned(), wanted: wanted.clone() })
            .collect();
        let range = TimeRange::new(0, 1).unwrap();
        let query = MetricQuery {
            filter: Filter { conditions, range, limit: 1 },
            metric_field: metric_field.map(str::to_owned),
            aggregation: None,
        };
        Selection::of(&query).map_err(|error| match error {
            MirrorError::Remote { details, .. } => details,
            other => panic!("{other:?}"),
        })
    }

    fn text(value: &str) -> Wanted {
        Wanted::One(Scalar::Text(value.to_owned()))
    }

    fn set(values: &[&str]) -> Wanted {
        Wanted::AnyOf(values.iter().map(|value| Scalar::Text((*value).to_owned())).collect())
    }

    fn written(selection: Selection) -> Vec<String> {
        selection.metrics().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn conditions_select_metrics() {
        let namespace = ("Namespace", text("N"));
        for (field, conditions, metrics) in [
            (Some("M"), vec![], vec!["N M"]),
            (None, vec![("MetricName", text("M"))], vec!["N M"]),
            (Some("M"), vec![("MetricName", text("M"))], vec!["N M"]),
            (Some(""), vec![("MetricName", text("M"))], vec!["N M"]),
            (Some("M"), vec![("B", text("2")), ("A", text("1"))], vec!["N M {A=1, B=2}"]),
            (Some("M"), vec![("Dimension.Region", text("r"))], vec!["N M {Region=r}"]),
            (Some("M"), vec![("Dimension.A", text("1")), ("A", text("1"))], vec!["N M {A=1}"]),
            (Some("M"), vec![("A", Wanted::One(Scalar::Number(2.0)))], vec!["N M {A=2}"]),
            (Some("M"), vec![("A", Wanted::One(Scalar::Number(0.5)))], vec!["N M {A=0.5}"]),
            (Some("M"), vec![("A", Wanted::One(Scalar::Boolean(true)))], vec!["N M {A=true}"]),
            (
                Some("M"),
                vec![("AccountId", text("123456789012"))],
                vec!["N M of account 123456789012"],
            ),
            (
                Some("M"),
                vec![("A", set(&["2", "1", "2"])), ("B", set(&["x", "y"]))],
                vec!["N M {A=1, B=x}", "N M {A=1, B=y}", "N M {A=2, B=x}", "N M {A=2, B=y}"],
            ),
            (Some("M"), vec![("A", set(&["1", "2"])), ("A", set(&["2", "3"]))], vec!["N M {A=2}"]),
        ] {
            let mut all = vec![namespace.clone()];
            all.extend(conditions);
            assert_eq!(
                select(field, &all).map(written),
                Ok(metrics.into_iter().map(str::to_owned).collect()),
                "{all:?}"
            );
        }
    }

    #[test]
    fn conditions_that_cannot_be_asked_are_explained() {
        let many: Vec<String> = (0..23).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (field, conditions, details) in [
            (Some("M"), vec![], "no Namespace"),
            (None, vec![("Namespace", text("N"))], "no metric"),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("MetricName", text("O"))],
                "the metric field is \"M\" and the condition MetricName is \"O\"",
            ),
            (
                Some("M"),
                vec![("Namespace", set(&[]))],
                "Namespace: a condition on an empty set selects nothing",
            ),
            (
                Some("M"),
                vec![("Namespace", text(""))],
                "Namespace: expected 1 to 255 characters, found 0",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Namespace", text("O"))],
                "Namespace: its conditions exclude one another",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Region", text("x.example.com"))],
                "Region: expected a region such as eu-west-1, found \"x.example.com\"",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Region", set(&["eu-west-1", "eu-west-2"]))],
                "Region: expected one value, found 2",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Unit", text("Furlongs"))],
                "Unit: expected one of CloudWatch's units",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Statistic", text("Median"))],
                "Statistic: expected one of CloudWatch's statistics",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("AccountId", text("1"))],
                "AccountId: expected twelve digits, found \"1\"",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("A", set(&many)), ("B", set(&many))],
                "the conditions select 529 metrics; one query takes at most 500",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Dimension.", text("x"))],
                "a condition's key",
            ),
        ] {
            let error = select(field, &conditions).unwrap_err();
            assert!(error.starts_with(details), "{error}");
        }
    }
}
