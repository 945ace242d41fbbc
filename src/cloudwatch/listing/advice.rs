//! Why no metric, or several, are meant by a query, and the conditions that lead to one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::catalogue::Catalogue;
use super::found::{Found, MAX_CANDIDATES, has_exact};
use super::near;
use crate::cloudwatch::query::field::Field;
use crate::cloudwatch::query::metric::Metric;
use crate::cloudwatch::query::namespaces::RESOURCE;
use crate::cloudwatch::query::selector::{MAX_METRICS, MetricSelector};
use crate::cloudwatch::query::tags;
use crate::error::{MirrorError, invalid, summarize};
use crate::region::Region;

/// The maximum number of ways out that an error names.
const MAX_ALTERNATIVES: usize = 3;

/// An error names the values of at most this many fields; of more, only an example.
const MAX_VALUED: usize = 3;

/// The error of a resource that several dimensions can name.
pub(crate) fn several_dimensions(names: BTreeSet<String>) -> MirrorError {
    invalid(format_args!(
        "{RESOURCE}: several dimensions have this value; expected a condition on one of them: {}",
        summarize(names.into_iter().map(|name| Field::Dimension(name).to_string()))
    ))
}

/// The error of a query whose metrics were not found. `meant` is what it most likely means, and
/// `others` has metrics whose names may be near.
pub(crate) fn error(
    found: &Found,
    meant: &MetricSelector,
    region: &Region,
    others: Option<&Catalogue>,
) -> MirrorError {
    let wanted = summarize(meant.likeliest().metrics().iter().map(ToString::to_string));
    match found {
        Found::Wider(candidates) => several_matches(meant, &wanted, candidates),
        Found::SeveralAccounts(accounts) => several_accounts(&wanted, accounts),
        Found::TooMany { count, is_partial } => too_many(&wanted, *count, *is_partial),
        Found::Unknown => unknown(&wanted),
        Found::Exact(_) | Found::Nothing => {
            let near = others.and_then(|listed| near::advice(meant, listed));
            not_found(wanted, region, near)
        }
    }
}

/// The error of a query with tags that has no data: no resource has the tags, or no metric has exactly these
/// dimensions. `None` if the listed metrics do not tell.
pub(crate) fn untagged(meant: &MetricSelector, catalogue: &Catalogue) -> Option<MirrorError> {
    if !meant.dimensions.is_empty() && has_exact(meant, catalogue) {
        return Some(MirrorError::MetricNotFound {
            metric: summarize(meant.metrics().iter().map(ToString::to_string)),
            details: "CloudWatch lists it, but has no data of it in the last two weeks for resources with these \
                      tags; expected tags that resources have, and an account with resource tags on telemetry \
                      enabled (CloudWatch console, Settings)"
                .to_owned(),
        });
    }
    let listed = catalogue.metrics().filter(|metric| metric.matches(meant));
    let names = |(name, _): (&str, &str)| Field::Dimension(name.to_owned()).to_string();
    let sets: BTreeSet<Vec<String>> =
        listed.map(|metric| metric.dimensions().map(names).collect()).collect();
    let mut sets: Vec<Vec<String>> = sets.into_iter().collect();
    sets.sort_by_key(Vec::len);
    let told = sets.iter().filter(|names| !names.is_empty());
    let told = summarize(told.map(|names| format!("{{{}}}", names.join(", "))));
    let others = match catalogue.is_partial {
        true => ", or another one: CloudWatch has more metrics than the mirror reads",
        false => "",
    };
    Some(match told.as_str() {
        "" if sets.is_empty() || catalogue.is_partial => return None,
        "" => tags::refused(
            "this metric has no dimensions, so it belongs to no resource; expected another metric",
        ),
        told => tags::refused(format_args!(
            "expected conditions on all dimensions of the metric, each with a value or with * for any, as one \
             of these sets: {told}{others}"
        )),
    })
}

/// The error of a metric that has samples, but not this percentile.
pub(crate) fn no_percentile(metrics: &[Arc<Metric>], percentile: &str) -> MirrorError {
    MirrorError::Remote {
        summary: "CloudWatch cannot compute this percentile",
        details: format!(
            "{} has samples in this range, but no {percentile}: CloudWatch has no percentiles of a \
             metric with negative values, or of values that were published as statistic sets; \
             expected MEAN, MAX, MIN, SUM or EVENT_COUNT",
            summarize(metrics.iter().map(ToString::to_string)),
        ),
    }
}

fn several_accounts(wanted: &str, accounts: &BTreeSet<String>) -> MirrorError {
    let account_id = Field::AccountId;
    MirrorError::Remote {
        summary: "The conditions match several metrics",
        details: format!(
            "{wanted} exists in {} linked accounts; add a condition on {account_id} ({})",
            accounts.len(),
            summarize(accounts),
        ),
    }
}

fn too_many(wanted: &str, count: usize, is_partial: bool) -> MirrorError {
    invalid(format_args!(
        "{}{count} metrics match {wanted}, {} more than the {MAX_METRICS} that one query can combine; expected \
         a narrower wildcard, or fewer values",
        if is_partial { "at least " } else { "" },
        count - MAX_METRICS,
    ))
}

fn not_found(wanted: String, region: &Region, near: Option<String>) -> MirrorError {
    MirrorError::MetricNotFound {
        metric: wanted,
        details: format!(
            "CloudWatch in {region} lists no such metric{} expected the namespace, name and dimensions of a \
             metric that had data in the last two weeks and is older than 15 minutes",
            near.map_or_else(|| ";".to_owned(), |near| format!(". {near} Otherwise")),
        ),
    }
}

/// Each candidate has more dimensions than the query. With conditions on all of them, the query has
/// exactly its dimensions; with conditions on some, it would mean another metric, or none.
fn several_matches(
    meant: &MetricSelector,
    wanted: &str,
    candidates: &[Arc<Metric>],
) -> MirrorError {
    let is_further = |name: &str| meant.dimensions.iter().all(|(fixed, _)| fixed != name);
    // Those with the fewest further dimensions come first: they are the least narrow.
    let mut kinds: BTreeMap<(usize, Vec<&str>), Vec<&Metric>> = BTreeMap::new();
    for metric in candidates {
        let names = metric.dimensions.iter().map(|(name, _)| name.as_str());
        let names: Vec<&str> = names.filter(|name| is_further(name)).collect();
        kinds.entry((names.len(), names)).or_default().push(metric);
    }
    let advice =
        kinds.into_iter().map(|((_, names), metrics)| conditions_on(&names, &metrics, meant));
    let advice: Vec<String> = advice.take(MAX_ALTERNATIVES).collect();
    MirrorError::Remote {
        summary: "The conditions match several metrics",
        details: format!(
            "there is no data for a metric {wanted} with exactly these dimensions, but {}{} other metrics \
             match the conditions; add conditions on {}",
            if candidates.len() < MAX_CANDIDATES { "" } else { "at least " },
            candidates.len(),
            advice.join(", or on "),
        ),
    }
}

/// The conditions with which a query finds one of these metrics, which have these further dimensions. All
/// names are told: with some of them, a query finds nothing.
fn conditions_on(names: &[&str], metrics: &[&Metric], meant: &MetricSelector) -> String {
    let value = |metric: &Metric, name: &str| {
        let found = metric.dimensions.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let accounts: BTreeSet<String> =
        metrics.iter().filter_map(|metric| metric.account.clone()).collect();
    let are_linked = meant.accounts.is_empty() && accounts.len() > 1;
    let fields = names.iter().map(|name| Field::Dimension((*name).to_owned()));
    let fields: Vec<Field> = fields.chain(are_linked.then_some(Field::AccountId)).collect();
    let values_of = |metric: &Metric| -> Vec<String> {
        let values = names.iter().map(|name| value(metric, name));
        values.chain(metric.account.clone().filter(|_| are_linked)).collect()
    };
    let rows: BTreeSet<Vec<String>> = metrics.iter().map(|metric| values_of(metric)).collect();
    let column =
        |index: usize| -> BTreeSet<&String> { rows.iter().map(|row| &row[index]).collect() };
    let columns: Vec<BTreeSet<&String>> = (0..fields.len()).map(column).collect();
    let has_values = fields.len() <= MAX_VALUED;
    let told = fields.iter().zip(&columns).map(|(field, values)| match has_values {
        true => format!("{field} ({})", summarize(values.iter().map(|value| (*value).clone()))),
        false => field.to_string(),
    });
    let told = told.collect::<Vec<_>>().join(", ");
    // Not every combination of the values is a metric.
    let combinations = columns.iter().map(BTreeSet::len).fold(1, usize::saturating_mul);
    let example = rows.first().filter(|_| !has_values || combinations > rows.len());
    let example = example.map_or_else(String::new, |row| {
        let pairs = fields.iter().zip(row).map(|(field, value)| format!("{field}={value}"));
        format!(", such as {}", pairs.collect::<Vec<_>>().join(", "))
    });
    told + &example
}

fn unknown(wanted: &str) -> MirrorError {
    MirrorError::Remote {
        summary: "CloudWatch has too many metrics to find this one",
        details: format!(
            "{wanted}: CloudWatch has more metrics that can match these conditions than the mirror reads, or \
             listed them too slowly, and the mirror cannot tell which are meant; add conditions on more \
             dimensions, or use the condition on the dimension itself instead of a wildcard or {RESOURCE}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::found::tests::{metric, selector};
    use super::*;

    #[test]
    fn what_leads_to_a_match_is_told() {
        let (one, two) = (Some("111111111111"), Some("222222222222"));
        for (fixed, matches, advice) in [
            (
                None,
                vec![metric("M", &[("A", "1")], one), metric("M", &[("A", "2")], one)],
                "A (1, 2)",
            ),
            (
                Some("A"),
                vec![
                    metric("M", &[("A", "1"), ("B", "3")], None),
                    metric("M", &[("A", "2"), ("B", "3")], None),
                ],
                "B (3)",
            ),
            (
                None,
                vec![metric("M", &[("A", "1")], one), metric("M", &[("A", "1")], two)],
                "A (1), AccountId (111111111111, 222222222222)",
            ),
            (
                Some("A"),
                vec![
                    metric("M", &[("A", "1"), ("B", "2"), ("D", "4")], None),
                    metric("M", &[("A", "1"), ("C", "3")], None),
                ],
                "C (3), or on B (2), D (4)",
            ),
            (
                None,
                vec![
                    metric("M", &[("A", "1"), ("B", "2"), ("C", "3"), ("D", "4")], None),
                    metric("L", &[("A", "5"), ("B", "2"), ("C", "3"), ("D", "4")], None),
                ],
                "A, B, C, D, such as A=1, B=2, C=3, D=4",
            ),
            (
                None,
                vec![
                    metric("L", &[("A", "1"), ("B", "1")], None),
                    metric("M", &[("A", "2"), ("B", "2")], None),
                    metric("L", &[("A", "2"), ("B", "2")], None),
                    metric("M", &[("A", "1"), ("B", "1")], None),
                ],
                "A (1, 2), B (1, 2), such as A=1, B=1",
            ),
            (
                None,
                vec![
                    metric("M", &[("A", "1"), ("Region", "x")], None),
                    metric("M", &[("A", "2"), ("Region", "y")], None),
                ],
                "A (1, 2), Dimension.Region (x, y), such as A=1, Dimension.Region=x",
            ),
            (
                None,
                vec![metric("L", &[("A", "1")], None), metric("M", &[("A", "1")], None)],
                "A (1)",
            ),
        ] {
            let error = several_matches(&selector(fixed), "", &matches);
            let MirrorError::Remote { details, .. } = error else { panic!("{advice}") };
            let count = matches.len();
            let end =
                format!("{count} other metrics match the conditions; add conditions on {advice}");
            assert!(details.ends_with(&end), "{details}");
        }
        for (count, words) in [(999, "but 999 other"), (1_000, "but at least 1000 other")] {
            let matches = vec![metric("M", &[("A", "1")], None); count];
            let error = several_matches(&selector(None), "", &matches);
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
