//! What a metric may be: one of each of some sets.

use super::catalogue::Listed;
use super::conditions::DIMENSION;
use super::metric::Metric;
use super::resource::{self, RESOURCE};
use super::scope::{MOST_FILTERS, Scope};

/// One of each of these; an empty set leaves a field open. All are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Sets {
    pub(super) namespaces: Vec<String>,
    pub(super) names: Vec<String>,
    /// Where it is open: the caller's own account, and in lists those that are linked.
    pub(super) accounts: Vec<String>,
    /// Each dimension's name and its values, sorted by name.
    pub(super) dimensions: Vec<(String, Vec<String>)>,
}

impl Sets {
    /// The same but with `field` open.
    pub(super) fn without(mut self, field: &str) -> Self {
        match field {
            "Namespace" => self.namespaces.clear(),
            "MetricName" => self.names.clear(),
            "AccountId" => self.accounts.clear(),
            _ => {
                let field = field.strip_prefix(DIMENSION).unwrap_or(field);
                self.dimensions.retain(|(name, _)| name != field);
            }
        }
        self
    }

    /// How many combinations of their values there are.
    pub(super) fn count(&self) -> usize {
        let Sets { namespaces, names, accounts, dimensions } = self;
        let sets = [namespaces.len(), names.len(), accounts.len().max(1)];
        let sizes = sets.into_iter().chain(dimensions.iter().map(|(_, values)| values.len()));
        sizes.fold(1, usize::saturating_mul)
    }

    /// Every combination of their values, as a metric.
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

    /// Whether a metric has one of each, whatever else it has.
    pub(super) fn admit(&self, metric: &Listed<'_>) -> bool {
        let Sets { namespaces, names, accounts, dimensions } = self;
        let one_of = |set: &[String], value: Option<&str>| {
            set.is_empty() || value.is_some_and(|value| has(set, value))
        };
        one_of(namespaces, Some(metric.namespace()))
            && one_of(names, Some(metric.name()))
            && one_of(accounts, metric.account())
            && dimensions.iter().all(|(name, values)| one_of(values, metric.dimension(name)))
    }

    /// What the sets mean where `Resource` is no dimension but stands for the namespace's own;
    /// `None` where it stands for none.
    pub(super) fn by_own_resource(&self) -> Option<Self> {
        let [namespace] = self.namespaces.as_slice() else { return None };
        let own = resource::dimension(namespace)?;
        if self.dimensions.iter().any(|(name, _)| name == own) {
            return None;
        }
        let mut sets = self.clone();
        let (name, _) = sets.dimensions.iter_mut().find(|(name, _)| name == RESOURCE)?;
        *name = own.to_owned();
        sets.dimensions.sort();
        Some(sets)
    }

    /// The narrowest scope that has every metric with one of each in it.
    pub(super) fn scope(&self, linked: bool) -> Scope {
        let Sets { namespaces, names, accounts, dimensions } = self;
        let only = |values: &[String]| match values {
            [value] => Some(value.clone()),
            _ => None,
        };
        let dimensions = dimensions.iter().take(MOST_FILTERS);
        Scope {
            namespace: only(namespaces),
            name: only(names),
            dimensions: dimensions.map(|(name, values)| (name.clone(), only(values))).collect(),
            account: only(accounts),
            linked: linked || !accounts.is_empty(),
            recent: false,
        }
    }
}

fn has(sorted: &[String], value: &str) -> bool {
    sorted.binary_search_by(|known| known.as_str().cmp(value)).is_ok()
}
