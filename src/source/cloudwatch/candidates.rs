//! What an empty answer means: the metric is idle, or is none, or others have more dimensions.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::DimensionFilter;

use super::fault::Action;
use super::selection::{Metric, Selection};
use super::session::Session;
use crate::error::MirrorError;
use crate::region::Region;

/// So many pages of 500 metrics are looked through.
const MOST_PAGES: usize = 10;

/// So many values of a dimension are named in an error, and so many dimensions.
const NAMED: usize = 5;

/// What was found where no data was.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// A metric that was asked for; it has no data.
    Idle,
    /// The only metric that has the dimensions asked for, and more.
    Only(Metric),
}

/// Looks for the metrics that `selection` asks for.
///
/// # Errors
/// [`MirrorError::MetricNotFound`] where there is none; an error that names the dimensions
/// which tell them apart where there are several with more dimensions.
pub(super) async fn look(
    session: &Session,
    selection: &Selection,
    wanted: &[Metric],
) -> Result<Found, MirrorError> {
    let mut wider = Vec::new();
    for namespace in &selection.namespaces {
        for name in &selection.names {
            let mut token = None;
            for _ in 0..MOST_PAGES {
                let call = session
                    .client
                    .list_metrics()
                    .namespace(namespace)
                    .metric_name(name)
                    .set_dimensions(Some(filters(selection)))
                    .set_include_linked_accounts((!selection.accounts.is_empty()).then_some(true))
                    .set_owning_account(match selection.accounts.as_slice() {
                        [account] => Some(account.clone()),
                        _ => None,
                    })
                    .set_next_token(token.take());
                let page = session.ask(Action::ListMetrics, call.send()).await?;
                for (index, metric) in page.metrics().iter().enumerate() {
                    let account = page.owning_accounts().get(index);
                    let metric = read(metric, account.filter(|_| !selection.accounts.is_empty()));
                    if wanted.contains(&metric) {
                        return Ok(Found::Idle);
                    }
                    if wanted.iter().any(|wanted| is_within(wanted, &metric)) {
                        wider.push(metric);
                    }
                }
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
            if token.is_some() {
                return Err(undecided(wanted));
            }
        }
    }
    match (wider.len(), wanted) {
        (0, _) => Err(not_found(wanted, &session.region)),
        (1, _) => Ok(Found::Only(wider.remove(0))),
        _ => Err(ambiguous(wanted, &wider)),
    }
}

/// The narrowest filters that hold for every metric of the selection.
fn filters(selection: &Selection) -> Vec<DimensionFilter> {
    let filter = |(name, values): &(String, Vec<String>)| {
        let value = match values.as_slice() {
            [value] => Some(value.clone()),
            _ => None,
        };
        // A builder without a name would fail; this one has it.
        DimensionFilter::builder().name(name).set_value(value).build()
    };
    selection.dimensions.iter().map(filter).collect()
}

fn read(metric: &aws_sdk_cloudwatch::types::Metric, account: Option<&String>) -> Metric {
    let mut dimensions: Vec<(String, String)> = metric
        .dimensions()
        .iter()
        .filter_map(|dimension| Some((dimension.name()?.to_owned(), dimension.value()?.to_owned())))
        .collect();
    dimensions.sort();
    Metric {
        namespace: metric.namespace().unwrap_or_default().to_owned(),
        name: metric.metric_name().unwrap_or_default().to_owned(),
        dimensions,
        account: account.cloned(),
    }
}

fn is_within(narrow: &Metric, wide: &Metric) -> bool {
    narrow.account == wide.account
        && narrow.dimensions.iter().all(|dimension| wide.dimensions.contains(dimension))
}

fn not_found(wanted: &[Metric], region: &Region) -> MirrorError {
    let metric = match wanted {
        [metric] => metric.to_string(),
        metrics => listed(metrics.iter().map(ToString::to_string)),
    };
    MirrorError::MetricNotFound {
        metric,
        details: format!(
            "CloudWatch in {region} lists no such metric; one without data for two weeks, or with \
             its first data in the last 15 minutes, is not listed either"
        ),
    }
}

fn ambiguous(wanted: &[Metric], wider: &[Metric]) -> MirrorError {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for metric in wider {
        for (name, value) in &metric.dimensions {
            values.entry(name).or_default().insert(value);
        }
    }
    let told_apart = values.into_iter().filter_map(|(name, values)| {
        let everywhere =
            wider.iter().all(|metric| metric.dimensions.iter().any(|(known, _)| known == name));
        (values.len() > 1 || !everywhere)
            .then(|| format!("{name} ({})", listed(values.into_iter().map(str::to_owned))))
    });
    let told_apart: Vec<String> = told_apart.collect();
    let advice = match told_apart.as_slice() {
        [] => format!("they are {}", listed(wider.iter().map(ToString::to_string))),
        _ => format!("add conditions on {}", listed(told_apart.into_iter())),
    };
    MirrorError::Remote {
        summary: "The conditions select several metrics",
        details: format!(
            "there is no {}, but there are {} metrics with more dimensions; {advice}",
            listed(wanted.iter().map(ToString::to_string)),
            wider.len(),
        ),
    }
}

fn undecided(wanted: &[Metric]) -> MirrorError {
    MirrorError::Remote {
        summary: "CloudWatch has too many metrics to find this one",
        details: format!(
            "{} has no data, and whether it exists does not show among the first {} metrics that \
             CloudWatch lists for these conditions; add conditions on more dimensions",
            listed(wanted.iter().map(ToString::to_string)),
            MOST_PAGES * 500
        ),
    }
}

/// The first few, and how many more there are.
fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    let named = items.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
