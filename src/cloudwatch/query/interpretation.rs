//! What a selector can mean: [`RESOURCE`] is one of several dimensions, and a `*` any text or itself.

use super::namespaces::{self, RESOURCE};
use super::selector::MetricSelector;

impl MetricSelector {
    /// The selectors that the query can mean, in the order in which to look for their metrics:
    /// those with a dimension of the namespace in place of [`RESOURCE`], and this one. A `*` stands
    /// for any text in all of them.
    pub(crate) fn interpretations(&self) -> Vec<Self> {
        let this = self.with_patterns();
        this.resolved().chain([this.clone()]).collect()
    }

    /// This selector with each dimension that [`RESOURCE`] can mean in its namespace.
    fn resolved(&self) -> impl Iterator<Item = Self> {
        let namespace = match self.namespaces.as_slice() {
            [namespace] => namespace,
            _ => "",
        };
        namespaces::resources(namespace).filter_map(|name| self.with_resource_as(name))
    }

    /// What the query most likely means if CloudWatch lists no such metric: the namespace's first
    /// dimension in place of [`RESOURCE`], if there is one, and a `*` stands for itself.
    pub(crate) fn likeliest(&self) -> Self {
        self.resolved().next().unwrap_or_else(|| self.clone())
    }

    /// This selector with the dimension `name` in place of [`RESOURCE`]. `None` if it has no
    /// [`RESOURCE`], or if it has both.
    pub(crate) fn with_resource_as(&self, name: &str) -> Option<Self> {
        let position = |name| self.dimensions.iter().position(|(known, _)| known == name);
        let resource = position(RESOURCE).filter(|_| position(name).is_none())?;
        let mut selector = self.clone();
        name.clone_into(&mut selector.dimensions[resource].0);
        selector.dimensions.sort();
        Some(selector)
    }

    /// This selector, in which a `*` stands for any text.
    pub(crate) fn with_patterns(&self) -> Self {
        let mut selector = self.clone();
        for (_, values) in &mut selector.dimensions {
            *values = std::mem::take(values).with_patterns();
        }
        selector
    }

    /// This selector, in which a `*` stands for itself in each value that a metric has:
    /// `is_value` says of which dimension and text.
    pub(crate) fn with_literals(mut self, is_value: impl Fn(&str, &str) -> bool) -> Self {
        for (name, values) in &mut self.dimensions {
            *values = std::mem::take(values).with_literals(|text| is_value(name, text));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::query::values::Values;

    #[test]
    fn a_query_can_mean_several_selectors() {
        for (namespace, conditions, likeliest, expected) in [
            ("N", &[("A", "1")][..], "N M {A=1}", &["N M {A=1}"][..]),
            (
                "AWS/DX",
                &[("Resource", "d")],
                "AWS/DX M {VirtualInterfaceId=d}",
                &[
                    "AWS/DX M {VirtualInterfaceId=d}",
                    "AWS/DX M {ConnectionId=d}",
                    "AWS/DX M {LagId=d}",
                    "AWS/DX M {Resource=d}",
                ],
            ),
            (
                "AWS/SQS",
                &[("A", "1"), ("Resource", "q")],
                "AWS/SQS M {A=1, QueueName=q}",
                &["AWS/SQS M {A=1, QueueName=q}", "AWS/SQS M {A=1, Resource=q}"],
            ),
            (
                "AWS/SQS",
                &[("QueueName", "q"), ("Resource", "r")],
                "AWS/SQS M {QueueName=q, Resource=r}",
                &["AWS/SQS M {QueueName=q, Resource=r}"],
            ),
            (
                "AWS/Usage",
                &[("Resource", "r")],
                "AWS/Usage M {Resource=r}",
                &["AWS/Usage M {Resource=r}"],
            ),
            ("N", &[("A", "1*")], "N M {A=1*}", &["N M {A=1*} as patterns"]),
            (
                "AWS/SQS",
                &[("Resource", "q*")],
                "AWS/SQS M {QueueName=q*}",
                &["AWS/SQS M {QueueName=q*} as patterns", "AWS/SQS M {Resource=q*} as patterns"],
            ),
        ] {
            let dimension = |(name, value): &(&str, &str)| {
                ((*name).to_owned(), Values::exactly(vec![(*value).to_owned()]))
            };
            let selector = MetricSelector {
                namespaces: vec![namespace.to_owned()],
                names: vec!["M".to_owned()],
                accounts: Vec::new(),
                dimensions: conditions.iter().map(dimension).collect(),
            };
            let text = |one: MetricSelector| {
                let patterns = if one.has_patterns() { " as patterns" } else { "" };
                let metrics: Vec<String> = one.metrics().iter().map(ToString::to_string).collect();
                format!("{}{patterns}", metrics.join(", "))
            };
            assert_eq!(text(selector.likeliest()), likeliest, "{namespace} {conditions:?}");
            let found: Vec<String> = selector.interpretations().into_iter().map(text).collect();
            assert_eq!(found, expected, "{namespace} {conditions:?}");
        }
    }
}
