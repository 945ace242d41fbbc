//! Conditions on tags → Metrics Insights SQL, the only query of GetMetricData that knows tags ("Query components and
//! syntax in CloudWatch Metrics Insights" and "Resource tags for telemetry", CloudWatch user guide).

use super::conditions::Conditions;
use super::entry::MAX_TEXT;
use super::expression::{Expression, SQL_RETENTION};
use super::field::Field;
use super::namespaces;
use super::selector::MetricSelector;
use super::statistic::Statistic;
use crate::error::{MirrorError, invalid};
use crate::time::{EpochMillis, TimeRange};

/// A range may begin this much earlier than the data, in milliseconds.
const TOLERANCE: i64 = 60 * 60 * 1_000;

/// The SQL for a statistic of the metrics that `selector` names and whose resources have the tags of the
/// conditions. It names the whole set of dimensions: without it, CloudWatch would count each sample once for
/// every set that its metric has.
///
/// # Errors
/// The conditions cannot be written in SQL, or the range begins before the data of Metrics Insights.
pub(crate) fn expression(
    conditions: &Conditions,
    selector: &MetricSelector,
    statistic: &Statistic,
    range: TimeRange,
    now: EpochMillis,
) -> Result<Expression, MirrorError> {
    let MetricSelector { namespaces, names, accounts, dimensions } = selector;
    if conditions.unit.is_some() {
        return Err(refused("expected no condition Unit, because Metrics Insights has none"));
    }
    if conditions.high_resolution == Some(true) {
        return Err(refused(
            "expected no condition HighResolution, because Metrics Insights has minutes",
        ));
    }
    // Who asks for two weeks asks a moment later.
    if range.start() < now.0 - SQL_RETENTION - TOLERANCE {
        return Err(refused(
            "Metrics Insights reads the last two weeks only; expected a range that begins later",
        ));
    }
    let function = match statistic {
        Statistic::Average => "AVG",
        Statistic::Maximum => "MAX",
        Statistic::Minimum => "MIN",
        Statistic::SampleCount => "COUNT",
        Statistic::Sum => "SUM",
        Statistic::Extended(name) => {
            return Err(refused(format_args!(
                "Metrics Insights has no {name}; expected MEAN, MAX, MIN, SUM or EVENT_COUNT"
            )));
        }
    };
    let namespace = one(&Field::Namespace, namespaces)?;
    let mut schema = quoted(namespace)?;
    let mut filters = Vec::new();
    for (key, value) in &conditions.tags {
        filters.push(format!("tag.{} = {}", quoted(key)?, literal(value)?));
    }
    if !accounts.is_empty() {
        let account = one(&Field::AccountId, accounts)?;
        filters.push(format!("AWS.AccountId = {}", literal(account)?));
    }
    for (dimension, values) in dimensions {
        if dimension == namespaces::RESOURCE
            && let Some(known) = namespaces::resources(namespace).next()
        {
            return Err(refused(format_args!(
                "expected the dimension itself, such as {known}, instead of {dimension}"
            )));
        }
        let name = quoted(dimension)?;
        schema.push_str(", ");
        schema.push_str(&name);
        match values.only() {
            Some(value) => filters.push(format!("{name} = {}", literal(value)?)),
            None if values.texts().eq(["*"]) => {}
            None => {
                return Err(refused(format_args!(
                    "expected one value of {dimension}, or * alone for any value: Metrics Insights has no \
                     other wildcards and no lists"
                )));
            }
        }
    }
    let metric = quoted(one(&Field::MetricName, names)?)?;
    let filters = filters.join(" AND ");
    let text = format!("SELECT {function}({metric}) FROM SCHEMA({schema}) WHERE {filters}");
    match text.chars().count() {
        ..=MAX_TEXT => Ok(Expression::one(text)),
        length => Err(refused(format_args!(
            "its SQL has {length} characters; expected at most {MAX_TEXT}: fewer or shorter conditions"
        ))),
    }
}

/// The error that no query with tags can have this.
pub(crate) fn refused(why: impl std::fmt::Display) -> MirrorError {
    invalid(format_args!("a query with tags: {why}"))
}

/// The only value of a field.
fn one<'a>(field: &Field, values: &'a [String]) -> Result<&'a String, MirrorError> {
    match values {
        [value] => Ok(value),
        _ => Err(refused(format_args!("expected one value of {field}, found {}", values.len()))),
    }
}

/// The name of a namespace, a metric, a dimension or a tag in SQL ("What needs quotation marks or escape
/// characters?" there).
fn quoted(name: &str) -> Result<String, MirrorError> {
    if name.contains(|character: char| character == '\\' || character.is_control()) {
        return Err(not_writable("a backslash or a control character", "name", name));
    }
    Ok(format!("\"{}\"", name.replace('"', "\\\"").replace('\'', "\\'")))
}

/// A value in SQL.
fn literal(value: &str) -> Result<String, MirrorError> {
    if value.contains(|character: char| "'\"\\".contains(character) || character.is_control()) {
        return Err(not_writable("a quote, a backslash or a control character", "value", value));
    }
    Ok(format!("'{value}'"))
}

fn not_writable(what: &str, place: &str, found: &str) -> MirrorError {
    refused(format_args!(
        "AWS does not document how Metrics Insights takes {what} in a {place}, found {found:?}; expected \
         another {place}, or the metric without tags"
    ))
}
