//! Which listed metrics a query means: those with exactly its dimensions, or the only one with
//! more.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::catalogue::{Catalogue, Listed};
use crate::cloudwatch::query::metric::Metric;
use crate::cloudwatch::query::selector::{MAX_METRICS, MetricSelector};
use crate::cloudwatch::query::values::{Values, is_wildcard};

/// The maximum number of metrics to list for a selector that names its metrics, or in search of
/// the dimension that `Resource` means: ten pages of ListMetrics.
pub(crate) const MAX_LISTED: usize = 5_000;

/// The maximum number of metrics with more dimensions to compare.
pub(super) const MAX_CANDIDATES: usize = 1_000;

/// The listed metrics that a selector means.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// Metrics with exactly the selector's dimensions, all of one account.
    Exact(Vec<Arc<Metric>>),
    /// No metric has exactly the selector's dimensions, but these have more.
    Wider(Vec<Arc<Metric>>),
    /// Metrics with exactly the selector's dimensions belong to several accounts.
    SeveralAccounts(BTreeSet<String>),
    /// More metrics match than one query can combine. If the list is partial, there are more.
    TooMany { count: usize, is_partial: bool },
    /// No metric matches the selector.
    Nothing,
    /// The list is partial, so CloudWatch may have other metrics.
    Unknown,
}

/// Looks for the metrics of a selector in a catalogue.
pub(crate) fn find(selector: &MetricSelector, catalogue: &Catalogue) -> Found {
    let (mut exact, mut wider) = (Matches::default(), Vec::new());
    for metric in catalogue.metrics().filter(|metric| metric.matches(selector)) {
        let is_exact = metric.dimensions().count() == selector.dimensions.len();
        if is_exact { exact.add(metric) } else { wider.push(metric) }
    }
    let has_patterns = selector.has_patterns();
    match exact.count {
        0 if catalogue.is_partial => Found::Unknown,
        0 => {
            // The least narrow ones come first, so that they are told.
            let count = |metric: &Listed<'_>| metric.dimensions().count();
            let fewest = wider.iter().map(count).min().unwrap_or_default();
            let (first, others): (Vec<_>, _) =
                wider.into_iter().partition(|metric| count(metric) == fewest);
            let wider = first.into_iter().chain(others).take(MAX_CANDIDATES);
            let wider: Vec<_> = wider.map(|metric| Arc::new(metric.to_metric())).collect();
            if wider.is_empty() { Found::Nothing } else { Found::Wider(wider) }
        }
        _ if exact.accounts.len() > 1 && selector.accounts.is_empty() => {
            Found::SeveralAccounts(exact.accounts)
        }
        count if count > MAX_METRICS => Found::TooMany { count, is_partial: catalogue.is_partial },
        // Another metric may match the patterns too.
        _ if catalogue.is_partial && has_patterns => Found::Unknown,
        _ => Found::Exact(exact.metrics),
    }
}

/// The first metrics that match, the number of all, and their accounts.
#[derive(Default)]
struct Matches {
    metrics: Vec<Arc<Metric>>,
    count: usize,
    accounts: BTreeSet<String>,
}

impl Matches {
    fn add(&mut self, metric: Listed<'_>) {
        self.count += 1;
        if self.metrics.len() < MAX_CANDIDATES {
            self.accounts.extend(metric.account().map(str::to_owned));
            self.metrics.push(metric.to_metric().into());
        }
    }
}

/// The selector, in which a `*` stands for itself in each value that a listed metric has.
pub(crate) fn with_literals(selector: MetricSelector, catalogue: &Catalogue) -> MetricSelector {
    if !selector.has_patterns() {
        return selector;
    }
    let is_wild = |metric: &Listed<'_>| metric.dimensions().any(|(_, value)| is_wildcard(value));
    let wild = catalogue.metrics().filter(is_wild).filter(|metric| metric.matches(&selector));
    let values: BTreeSet<(&str, &str)> = wild.flat_map(|metric| metric.dimensions()).collect();
    selector.with_literals(|name, text| values.contains(&(name, text)))
}

/// Whether a listed metric matches a selector and has exactly its dimensions.
pub(crate) fn has_exact(selector: &MetricSelector, catalogue: &Catalogue) -> bool {
    let mut exact = catalogue
        .metrics()
        .filter(|metric| metric.dimensions().count() == selector.dimensions.len());
    exact.any(|metric| metric.matches(selector))
}

/// The dimensions with one of these values in the metrics of a catalogue that match a selector.
pub(crate) fn dimensions_with(
    values: &Values,
    selector: &MetricSelector,
    catalogue: &Catalogue,
) -> BTreeSet<String> {
    let listed = catalogue.metrics().filter(|metric| metric.matches(selector));
    let dimensions = listed.flat_map(|metric| metric.dimensions());
    dimensions.filter(|(_, value)| values.allows(value)).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cloudwatch::query::values::Values;

    pub(in crate::cloudwatch::listing) fn metric(
        name: &str,
        dimensions: &[(&str, &str)],
        account: Option<&str>,
    ) -> Arc<Metric> {
        Metric::of("N", name, dimensions, account).into()
    }

    pub(in crate::cloudwatch::listing) fn selector(dimension: Option<&str>) -> MetricSelector {
        let any = Values::exactly(vec!["*".to_owned()]).with_patterns();
        MetricSelector {
            namespaces: vec!["N".to_owned()],
            names: vec!["M".to_owned()],
            accounts: Vec::new(),
            dimensions: dimension.into_iter().map(|name| (name.to_owned(), any.clone())).collect(),
        }
    }

    #[test]
    fn metrics_are_counted_up_to_the_limits() {
        for (dimension, listed, expected) in [
            (Some("A"), 500, (500, false)),
            (Some("A"), 501, (501, true)),
            (None, 999, (999, false)),
            (None, 1_000, (1_000, false)),
            (None, 1_001, (1_000, false)),
        ] {
            let metrics = (0..listed)
                .map(|number: u32| metric("M", &[("A", number.to_string().as_str())], None));
            let found =
                match find(&selector(dimension), &Catalogue::of(metrics.map(Arc::unwrap_or_clone)))
                {
                    Found::Exact(metrics) | Found::Wider(metrics) => (metrics.len(), false),
                    Found::TooMany { count, .. } => (count, true),
                    other => panic!("{other:?}"),
                };
            assert_eq!(found, expected, "{listed} metrics with {dimension:?}");
        }
    }

    #[test]
    fn the_least_narrow_candidates_are_kept() {
        let zones = (0..2_000)
            .map(|number| Metric::of("N", "M", &[("A", &number.to_string()), ("Zone", "z")], None));
        let listed = zones.chain([Metric::of("N", "M", &[("A", "all")], None)]);
        let Found::Wider(found) = find(&selector(None), &Catalogue::of(listed)) else {
            panic!("several match")
        };
        assert_eq!((found.len(), found[0].dimensions.len()), (MAX_CANDIDATES, 1));
    }
}
