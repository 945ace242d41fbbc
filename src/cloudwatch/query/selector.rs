//! Which metrics a query selects.

use super::error::invalid;
use super::field::Field;
use super::metric::Metric;
use super::resource::{self, RESOURCE};
use crate::error::MirrorError;

/// The maximum number of metrics that one query combines into one series.
const MAX_METRICS: usize = 500;

/// Allowed values per field. An empty list allows any value. Lists are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct MetricSelector {
    pub(crate) namespaces: Vec<String>,
    pub(crate) names: Vec<String>,
    /// If empty, queries ask the caller's own account, and lists include linked accounts if the
    /// connection does.
    pub(crate) accounts: Vec<String>,
    /// The names of dimensions and their allowed values, sorted by name.
    pub(crate) dimensions: Vec<(String, Vec<String>)>,
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
        match selector.count() {
            ..=MAX_METRICS => Ok(selector),
            count => Err(invalid(format_args!(
                "the conditions select {count} metrics; expected at most {MAX_METRICS}"
            ))),
        }
    }

    /// This selector with any value allowed for `field`.
    pub(crate) fn without(mut self, field: &Field) -> Self {
        match field {
            Field::Namespace => self.namespaces.clear(),
            Field::MetricName => self.names.clear(),
            Field::AccountId => self.accounts.clear(),
            Field::Dimension(dimension) => self.dimensions.retain(|(name, _)| name != dimension),
            Field::Region | Field::Unit | Field::Statistic | Field::Expression => {}
        }
        self
    }

    /// The number of metrics that this selector names.
    pub(crate) fn count(&self) -> usize {
        let MetricSelector { namespaces, names, accounts, dimensions } = self;
        let lists = [namespaces.len(), names.len(), accounts.len().max(1)];
        let lengths = lists.into_iter().chain(dimensions.iter().map(|(_, values)| values.len()));
        lengths.fold(1, usize::saturating_mul)
    }

    /// The metrics that this selector names: every combination of its values.
    pub(crate) fn metrics(&self) -> Vec<Metric> {
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

    /// The selectors that the query can mean, in the order in which to try them: this one, and
    /// then, if it has the dimension `Resource`, the one with the namespace's own dimension
    /// instead.
    pub(crate) fn interpretations(self) -> impl Iterator<Item = Self> {
        let resolved = self.with_resource_resolved();
        [self].into_iter().chain(resolved)
    }

    /// This selector with the dimension `Resource` replaced by the one that names a resource in
    /// the namespace. `None` if there is none, or if the selector has both.
    fn with_resource_resolved(&self) -> Option<Self> {
        let [namespace] = self.namespaces.as_slice() else { return None };
        let dimension = resource::dimension(namespace)?;
        if self.dimensions.iter().any(|(name, _)| name == dimension) {
            return None;
        }
        let mut selector = self.clone();
        let (name, _) = selector.dimensions.iter_mut().find(|(name, _)| name == RESOURCE)?;
        *name = dimension.to_owned();
        selector.dimensions.sort();
        Some(selector)
    }
}

/// The names of the metrics, from the metric field or from the condition on the name.
fn metric_names(field: Option<&str>, names: Vec<String>) -> Result<Vec<String>, MirrorError> {
    let field = field.filter(|field| !field.is_empty());
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
            names.join(", ")
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
                Field::Dimension(name) => selector.dimensions.push((name, values)),
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
    }

    #[test]
    fn resource_is_resolved_to_the_namespaces_dimension() {
        for (namespace, conditions, resolved) in [
            ("AWS/Lambda", &[("Resource", &["f"][..])][..], Some("AWS/Lambda M {FunctionName=f}")),
            (
                "AWS/SQS",
                &[("Resource", &["q"]), ("A", &["1"])],
                Some("AWS/SQS M {A=1, QueueName=q}"),
            ),
            ("AWS/Lambda", &[("Resource", &["f:v"]), ("FunctionName", &["f"])], None),
            ("AWS/Lambda", &[("FunctionName", &["f"])], None),
            ("AWS/Usage", &[("Resource", &["r"])], None),
        ] {
            let namespace = [namespace];
            let all = [&[("Namespace", &namespace[..])], conditions].concat();
            let selector = select(Some("M"), &all).unwrap();
            let expected: Vec<String> =
                texts(selector.clone()).into_iter().chain(resolved.map(str::to_owned)).collect();
            let found: Vec<String> = selector.interpretations().flat_map(texts).collect();
            assert_eq!(found, expected, "{all:?}");
        }
    }

    #[test]
    fn a_query_without_a_selection_is_explained() {
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
        ] {
            let error = select(field, conditions).unwrap_err();
            assert!(error.starts_with(details), "{error}");
        }
    }
}
