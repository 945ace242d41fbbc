//! What an empty answer means: the metric is idle, or is none, or others have more dimensions.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::Catalogue;
use super::metric::{Metric, listed};
use super::sets::Sets;
use crate::error::MirrorError;
use crate::region::Region;

/// So many metrics are looked through.
pub(super) const MOST_LOOKED_THROUGH: usize = 5_000;

/// So many candidates are looked at closely.
const MOST_CANDIDATES: usize = 1_000;

/// What was found where no data was.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// A metric that was asked for; it has no data.
    Idle,
    /// The only metric that was meant: it has more dimensions, or is another account's.
    Only(Metric),
    /// Several metrics may have been meant; the first of them.
    Several(Vec<Metric>),
    /// No metric has the dimensions.
    Nothing,
    /// Not all metrics were looked through.
    Undecided,
}

/// Looks for the metrics of a selection in a catalogue.
pub(super) fn look(selection: &Sets, catalogue: &Catalogue) -> Found {
    let (mut others, mut wider) = (Vec::new(), Vec::new());
    for metric in catalogue.metrics().filter(|metric| selection.admit(metric)) {
        let is_exact = metric.dimensions().count() == selection.dimensions.len();
        // Where accounts are linked, the caller's own is not told from the others.
        let is_own = metric.account().is_none() || !selection.accounts.is_empty();
        match (is_exact, is_own) {
            (true, true) => return Found::Idle,
            (true, false) => others.push(metric.to_metric()),
            (false, _) if wider.len() < MOST_CANDIDATES => wider.push(metric.to_metric()),
            (false, _) => {}
        }
    }
    if catalogue.is_partial {
        return Found::Undecided;
    }
    match if others.is_empty() { wider } else { others } {
        none if none.is_empty() => Found::Nothing,
        mut one if one.len() == 1 => Found::Only(one.remove(0)),
        several => Found::Several(several),
    }
}

/// What to say of metrics that were not found.
pub(super) fn error(found: &Found, wanted: &[Metric], region: &Region) -> MirrorError {
    match found {
        Found::Several(candidates) => ambiguous(wanted, candidates),
        Found::Undecided => undecided(wanted),
        Found::Idle | Found::Only(_) | Found::Nothing => not_found(wanted, region),
    }
}

/// No metric is what was asked for.
fn not_found(wanted: &[Metric], region: &Region) -> MirrorError {
    MirrorError::MetricNotFound {
        metric: listed(wanted.iter().map(ToString::to_string)),
        details: format!(
            "CloudWatch in {region} lists no such metric; one without data for two weeks, or with \
             its first data in the last 15 minutes, is not listed either"
        ),
    }
}

/// Several metrics could be what was asked for.
fn ambiguous(wanted: &[Metric], wider: &[Metric]) -> MirrorError {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for metric in wider {
        let account = metric.account.iter().map(|account| ("AccountId", account.as_str()));
        let dimensions =
            metric.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in dimensions.chain(account) {
            values.entry(name).or_default().insert(value);
        }
    }
    let is_everywhere = |name: &str| {
        name == "AccountId"
            || wider.iter().all(|metric| metric.dimensions.iter().any(|(known, _)| known == name))
    };
    let told_apart: Vec<String> = values
        .into_iter()
        .filter(|(name, values)| values.len() > 1 || !is_everywhere(name))
        .map(|(name, values)| format!("{name} ({})", listed(values.into_iter().map(str::to_owned))))
        .collect();
    let advice = match told_apart.as_slice() {
        [] => format!("they are {}", listed(wider.iter().map(ToString::to_string))),
        _ => format!("add conditions on {}", listed(told_apart.into_iter())),
    };
    MirrorError::Remote {
        summary: "The conditions select several metrics",
        details: format!(
            "there is no {} alone, but there are {} metrics that it can mean; {advice}",
            listed(wanted.iter().map(ToString::to_string)),
            wider.len(),
        ),
    }
}

/// Whether the metric exists did not show.
fn undecided(wanted: &[Metric]) -> MirrorError {
    MirrorError::Remote {
        summary: "CloudWatch has too many metrics to find this one",
        details: format!(
            "{} has no data, and whether it exists does not show among the first \
             {MOST_LOOKED_THROUGH} metrics that CloudWatch lists for these conditions, or that it \
             listed in time; add conditions on more dimensions",
            listed(wanted.iter().map(ToString::to_string)),
        ),
    }
}
