//! Which metrics a query selects.

use std::sync::Arc;

use super::field::Field;
use super::metric::Metric;
use super::namespaces::RESOURCE;
use super::values::Values;
use crate::error::{MirrorError, invalid, summarize};

/// The maximum number of metrics that one query combines into one series.
pub(crate) const MAX_METRICS: usize = 500;

/// The maximum size of the texts of all metrics that one query combines, in bytes. Every call
/// sends a part of them.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// The maximum length of a metric's name, in characters ("Metric", CloudWatch API reference).
const MAX_NAME: usize = 255;

/// Allowed values per field. An empty list allows any value. Lists are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct MetricSelector {
    pub(crate) namespaces: Vec<String>,
    pub(crate) names: Vec<String>,
    /// If empty, queries ask the caller's own account first, and linked accounts after it if the
    /// connection does. Lists include linked accounts if it does.
    pub(crate) accounts: Vec<String>,
    /// The names of dimensions and their allowed values, sorted by name.
    pub(crate) dimensions: Vec<(String, Values)>,
}

impl MetricSelector {
    /// The selector of a query: this one, with the name that the metric field gives. It has at
    /// least one namespace and one name.
    ///
    /// # Errors
    /// The query names no namespace or no metric, or selects more than [`MAX_METRICS`].
    pub(crate) fn of_query(self, metric_field: Option<&str>) -> Result<Self, MirrorError> {
        if self.namespaces.is_empty() {
            return Err(invalid(format_args!(
                "the query names no namespace; add the condition {}, such as AWS/EC2",
                Field::Namespace
            )));
        }
        let names = metric_names(metric_field, self.names)?;
        let selector = MetricSelector { names, ..self };
        match (selector.count(), selector.bytes()) {
            (..=MAX_METRICS, ..=MAX_BYTES) => Ok(selector),
            (..=MAX_METRICS, bytes) => Err(too_long(bytes)),
            (count, _) => Err(invalid(format_args!(
                "the conditions select {count} metrics; expected at most {MAX_METRICS}"
            ))),
        }
    }

    /// The size of the texts of all metrics that this selector names, in bytes.
    fn bytes(&self) -> usize {
        let MetricSelector { namespaces, names, accounts, dimensions } = self;
        let count = self.count();
        let lengths = |texts: &[String]| -> usize { texts.iter().map(String::len).sum() };
        let share = |bytes: usize, values: usize| (count / values.max(1)).saturating_mul(bytes);
        let lists = [namespaces, names, accounts].map(|list| share(lengths(list), list.len()));
        let dimensions = dimensions.iter().map(|(name, values)| {
            let texts: usize = values.texts().map(|text| name.len() + text.len()).sum();
            share(texts, values.count())
        });
        lists.into_iter().chain(dimensions).fold(0, usize::saturating_add)
    }

    /// This selector with any value allowed for `field`.
    pub(crate) fn without(mut self, field: &Field) -> Self {
        match field {
            Field::Namespace => self.namespaces.clear(),
            Field::MetricName => self.names.clear(),
            Field::AccountId => self.accounts.clear(),
            Field::Dimension(dimension) => self.dimensions.retain(|(name, _)| name != dimension),
            Field::Region
            | Field::Unit
            | Field::Statistic
            | Field::HighResolution
            | Field::HoldSeconds
            | Field::Expression
            | Field::Tag(_) => {}
        }
        self
    }

    /// Whether the selector means nothing but the metrics that it names: no value has a `*`, and
    /// no dimension is [`RESOURCE`].
    pub(crate) fn is_literal(&self) -> bool {
        self.resource().is_none() && !self.has_wildcards()
    }

    /// Whether some values of dimensions are patterns.
    pub(crate) fn has_patterns(&self) -> bool {
        self.dimensions.iter().any(|(_, values)| values.has_patterns())
    }

    /// Whether some values of dimensions have a `*`.
    pub(crate) fn has_wildcards(&self) -> bool {
        self.dimensions.iter().any(|(_, values)| values.wildcards() > 0)
    }

    /// The allowed values of [`RESOURCE`], if the selector has that dimension.
    pub(crate) fn resource(&self) -> Option<&Values> {
        let mut dimensions = self.dimensions.iter();
        dimensions.find(|(name, _)| name == RESOURCE).map(|(_, values)| values)
    }

    /// The number of metrics that this selector names.
    pub(crate) fn count(&self) -> usize {
        let MetricSelector { namespaces, names, accounts, dimensions } = self;
        let lists = [namespaces.len(), names.len(), accounts.len().max(1)];
        let lengths = lists.into_iter().chain(dimensions.iter().map(|(_, values)| values.count()));
        lengths.fold(1, usize::saturating_mul)
    }

    /// The metrics that this selector names: every combination of its values, where a `*` stands
    /// for itself.
    pub(crate) fn metrics(&self) -> Vec<Arc<Metric>> {
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
                    values.texts().map(move |value| {
                        let mut metric = metric.clone();
                        metric.dimensions.push((name.clone(), value.clone()));
                        metric
                    })
                })
                .collect();
        }
        metrics.into_iter().map(Arc::new).collect()
    }
}

/// Checks the size of metrics that CloudWatch listed.
///
/// # Errors
/// They are larger than one query can combine.
pub(crate) fn check_size(metrics: &[Arc<Metric>]) -> Result<(), MirrorError> {
    match metrics.iter().map(|metric| metric.bytes()).sum() {
        ..=MAX_BYTES => Ok(()),
        bytes => Err(too_long(bytes)),
    }
}

fn too_long(bytes: usize) -> MirrorError {
    invalid(format_args!(
        "the names and values of the selected metrics have {bytes} bytes together; expected at most \
         {MAX_BYTES}: fewer metrics"
    ))
}

/// The names of the metrics, from the metric field or from the condition on the name.
fn metric_names(field: Option<&str>, names: Vec<String>) -> Result<Vec<String>, MirrorError> {
    let field = field.filter(|field| !field.is_empty());
    let length = field.map_or(0, |field| field.chars().count());
    if length > MAX_NAME {
        return Err(invalid(format_args!(
            "the metric field: expected 1 to {MAX_NAME} characters, found {length}"
        )));
    }
    match (field, names.as_slice()) {
        (None, []) => Err(invalid(format_args!(
            "the query names no metric; select one as the metric field, or add the condition {}, \
             such as CPUUtilization",
            Field::MetricName
        ))),
        (None, _) => Ok(names),
        (Some(field), []) => Ok(vec![field.to_owned()]),
        (Some(field), [name]) if name == field => Ok(names),
        (Some(field), names) => Err(invalid(format_args!(
            "the metric field is {field:?} and the condition {} is {:?}; expected only one of \
             them, or the same name in both",
            Field::MetricName,
            summarize(names)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(
        metric_field: Option<&str>,
        conditions: &[(&str, &[&str])],
    ) -> Result<MetricSelector, String> {
        let mut selector = MetricSelector::default();
        for (field, values) in conditions {
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            match Field::parse(field) {
                Field::Namespace => selector.namespaces = values,
                Field::MetricName => selector.names = values,
                Field::AccountId => selector.accounts = values,
                Field::Dimension(name) => {
                    selector.dimensions.push((name, Values::exactly(values)));
                }
                other => panic!("{other}"),
            }
        }
        selector.of_query(metric_field).map_err(|error| match error {
            MirrorError::Remote { details, .. } => details,
            other => panic!("{other:?}"),
        })
    }

    fn texts(selector: MetricSelector) -> Vec<String> {
        selector.metrics().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_query_selects_metrics() {
        for (field, conditions, metrics) in [
            (Some("M"), &[][..], &["N M"][..]),
            (None, &[("MetricName", &["M"][..])], &["N M"]),
            (Some("M"), &[("MetricName", &["M"])], &["N M"]),
            (Some(""), &[("MetricName", &["M"])], &["N M"]),
            (None, &[("MetricName", &["L", "M"])], &["N L", "N M"]),
            (Some("M"), &[("A", &["1"]), ("B", &["2"])], &["N M {A=1, B=2}"]),
            (Some("M"), &[("AccountId", &["123456789012"])], &["N M of account 123456789012"]),
            (
                Some("M"),
                &[("A", &["1", "2"]), ("B", &["x", "y"])],
                &["N M {A=1, B=x}", "N M {A=1, B=y}", "N M {A=2, B=x}", "N M {A=2, B=y}"],
            ),
        ] {
            let all = [&[("Namespace", &["N"][..])], conditions].concat();
            let selector = select(field, &all).unwrap();
            assert_eq!(selector.count(), metrics.len(), "{all:?}");
            assert_eq!(texts(selector), metrics, "{all:?}");
        }
        let longest = "x".repeat(255);
        let selector = select(Some(&longest), &[("Namespace", &["N"])]).unwrap();
        assert_eq!(selector.names, [longest]);
    }

    #[test]
    fn only_a_literal_selector_names_its_metrics() {
        for (dimension, value, is_literal) in
            [("A", "1", true), ("A", "1*", false), ("A", "*", false), ("Resource", "1", false)]
        {
            let selector = select(Some("M"), &[("Namespace", &["N"]), (dimension, &[value])]);
            assert_eq!(selector.unwrap().is_literal(), is_literal, "{dimension}={value}");
        }
        let in_name = select(Some("a*"), &[("Namespace", &["N"])]).unwrap();
        assert!(in_name.is_literal(), "a metric's name has no wildcards");
    }

    #[test]
    fn a_query_without_a_selection_is_explained() {
        let long = "x".repeat(256);
        let thousand: Vec<String> = (0..500).map(|number| format!("{number:01000}")).collect();
        let thousand: Vec<&str> = thousand.iter().map(String::as_str).collect();
        let other = "y".repeat(1_100);
        let many: Vec<String> = (0..23).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (field, conditions, details) in [
            (Some("M"), &[][..], "the query names no namespace"),
            (None, &[("Namespace", &["N"][..])], "the query names no metric"),
            (
                Some("M"),
                &[("Namespace", &["N"]), ("MetricName", &["O"])],
                "the metric field is \"M\" and the condition MetricName is \"O\"",
            ),
            (
                Some("M"),
                &[("Namespace", &["N"]), ("A", &many), ("B", &many)],
                "the conditions select 529 metrics; expected at most 500",
            ),
            (
                Some(&long),
                &[("Namespace", &["N"])],
                "the metric field: expected 1 to 255 characters, found 256",
            ),
            (
                Some("M"),
                // 500 times N, M, A, B, 1,000 digits and 1,100 letters.
                &[("Namespace", &["N"]), ("A", &thousand), ("B", &[&other])],
                "the names and values of the selected metrics have 1052000 bytes together; expected \
                 at most 1048576: fewer metrics",
            ),
        ] {
            let error = select(field, conditions).unwrap_err();
            assert!(error.starts_with(details), "{error}");
        }
    }

    #[test]
    fn listed_metrics_have_a_maximum_size() {
        for (length, is_allowed) in [(MAX_BYTES, true), (MAX_BYTES + 1, false)] {
            let metrics = [length / 2, length - length / 2]
                .map(|length| Metric::of("", &"x".repeat(length), &[], None).into());
            let found = check_size(&metrics);
            assert_eq!(found.is_ok(), is_allowed, "{found:?}");
        }
    }
}
