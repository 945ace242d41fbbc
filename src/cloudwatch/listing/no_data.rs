//! Why a query has no data: the metric has none, does not exist, or has more dimensions.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::Catalogue;
use crate::cloudwatch::query::error::summarize;
use crate::cloudwatch::query::field::Field;
use crate::cloudwatch::query::metric::Metric;
use crate::cloudwatch::query::selector::MetricSelector;
use crate::error::MirrorError;
use crate::region::Region;

/// The maximum number of metrics to list in search of a reason.
pub(crate) const MAX_LISTED: usize = 5_000;

/// The maximum number of metrics with more dimensions to compare.
const MAX_CANDIDATES: usize = 1_000;

/// Why a query has no data.
#[derive(Debug, PartialEq)]
pub(crate) enum NoData {
    /// A selected metric exists, but has no data in the range.
    Idle,
    /// No selected metric exists, but exactly one has more dimensions or another account.
    OneMatch(Metric),
    /// No selected metric exists, but several have more dimensions or another account.
    SeveralMatches(Vec<Metric>),
    /// No metric matches the selector.
    NotFound,
    /// The catalogue is partial, so the reason is unknown.
    Unknown,
}

/// Looks for the metrics of a selector in a catalogue.
pub(crate) fn explain(selector: &MetricSelector, catalogue: &Catalogue) -> NoData {
    let (mut linked, mut wider) = (Vec::new(), Vec::new());
    for metric in catalogue.metrics().filter(|metric| metric.matches(selector)) {
        let is_exact = metric.dimensions().count() == selector.dimensions.len();
        // A list with linked accounts does not tell which account is the caller's own, so only an
        // account that the selector names counts.
        let is_account = metric.account().is_none() || !selector.accounts.is_empty();
        match (is_exact, is_account) {
            (true, true) => return NoData::Idle,
            (true, false) => linked.push(metric.to_metric()),
            (false, _) if wider.len() < MAX_CANDIDATES => wider.push(metric.to_metric()),
            (false, _) => {}
        }
    }
    if catalogue.is_partial {
        return NoData::Unknown;
    }
    match if linked.is_empty() { wider } else { linked } {
        none if none.is_empty() => NoData::NotFound,
        mut one if one.len() == 1 => NoData::OneMatch(one.remove(0)),
        several => NoData::SeveralMatches(several),
    }
}

/// The error of a query without data. `wanted` are the metrics that the query selects.
pub(crate) fn error(reason: &NoData, wanted: &[Metric], region: &Region) -> MirrorError {
    match reason {
        NoData::SeveralMatches(candidates) => several_matches(wanted, candidates),
        NoData::Unknown => unknown(wanted),
        NoData::Idle | NoData::OneMatch(_) | NoData::NotFound => not_found(wanted, region),
    }
}

fn not_found(wanted: &[Metric], region: &Region) -> MirrorError {
    MirrorError::MetricNotFound {
        metric: summarize(wanted.iter().map(ToString::to_string)),
        details: format!(
            "CloudWatch in {region} lists no such metric; expected the namespace, name and \
             dimensions of a metric that had data in the last two weeks and is older than 15 \
             minutes"
        ),
    }
}

fn several_matches(wanted: &[Metric], candidates: &[Metric]) -> MirrorError {
    let account_id = Field::AccountId.to_string();
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for metric in candidates {
        let account = metric.account.iter().map(|account| (account_id.as_str(), account.as_str()));
        let dimensions =
            metric.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in dimensions.chain(account) {
            values.entry(name).or_default().insert(value);
        }
    }
    let is_in_all = |name: &str| {
        name == account_id
            || candidates
                .iter()
                .all(|metric| metric.dimensions.iter().any(|(known, _)| known == name))
    };
    let different: Vec<String> = values
        .into_iter()
        .filter(|(name, values)| values.len() > 1 || !is_in_all(name))
        .map(|(name, values)| {
            format!("{name} ({})", summarize(values.into_iter().map(str::to_owned)))
        })
        .collect();
    let advice = match different.as_slice() {
        [] => format!("they are {}", summarize(candidates.iter().map(ToString::to_string))),
        _ => format!("add conditions on {}", summarize(different.into_iter())),
    };
    MirrorError::Remote {
        summary: "The conditions match several metrics",
        details: format!(
            "there is no data for a metric {} with exactly these dimensions, but {}{} other \
             metrics match the conditions; {advice}",
            summarize(wanted.iter().map(ToString::to_string)),
            if candidates.len() < MAX_CANDIDATES { "" } else { "at least " },
            candidates.len(),
        ),
    }
}

fn unknown(wanted: &[Metric]) -> MirrorError {
    MirrorError::Remote {
        summary: "CloudWatch has too many metrics to find this one",
        details: format!(
            "{} has no data, and it is not among the first {MAX_LISTED} metrics that CloudWatch \
             lists for these conditions, or not among those that it listed in time; add \
             conditions on more dimensions",
            summarize(wanted.iter().map(ToString::to_string)),
        ),
    }
}
