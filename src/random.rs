//! The random data of StackState's mirror tutorial. Conditions do not change it.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};

use crate::error::MirrorError;
use crate::model::{
    Answer, Bucket, Field, FieldType, FieldValue, FieldValuesQuery, Filter, MAX_POINTS,
    MetricQuery, Page, Points, Query, RawPoint, Telemetry,
};

/// The number of steps into which the tutorial divides every range.
const STEPS: i64 = 50;

/// The tutorial's step for ranges shorter than [`STEPS`] milliseconds, in milliseconds.
const SHORT_RANGE_STEP: i64 = 1_000;

const FIELDS: [(&str, FieldType); 3] =
    [("field1", FieldType::String), ("field2", FieldType::Boolean), ("field3", FieldType::Number)];

const TEXTS: [&str; 7] =
    ["value1", "cpu.idle", "cpu.iowait", "cpu.nice", "cpu.steal", "cpu.system", "cpu.user"];

/// The prefix of the values that the tutorial shows as one pattern, `cpu.*`.
const GROUP: &str = "cpu.";

/// The answer to a query. Equal seeds give equal answers to equal queries.
///
/// # Errors
/// A number field has no list of values.
pub fn answer(query: &Query, seed: u64) -> Result<Answer, MirrorError> {
    Ok(match query {
        Query::Connection => Answer::Connected,
        Query::FieldNames(filter) => Answer::FieldNames(field_names(filter)),
        Query::FieldValues(query) => Answer::FieldValues(field_values(query)?),
        Query::Metrics(query) => Answer::Metrics(metrics(query, seed)),
    })
}

/// The tutorial's three fields.
fn field_names(filter: &Filter) -> Page<Field> {
    let fields = FIELDS.map(|(name, field_type)| Field { name: name.to_owned(), field_type });
    Page::of(fields.into(), 0, filter.limit)
}

/// The tutorial's values with the query's prefix, which may be the text of a pattern.
fn field_values(query: &FieldValuesQuery) -> Result<Page<FieldValue>, MirrorError> {
    let prefix = query.prefix.strip_suffix('*').unwrap_or(&query.prefix);
    let texts: &[&str] = match query.field_type {
        FieldType::String => &TEXTS,
        FieldType::Boolean => &["true", "false"],
        FieldType::Number => return Err(MirrorError::UnsupportedFieldType(FieldType::Number)),
    };
    let mut values: Vec<FieldValue> = texts
        .iter()
        .filter(|text| text.starts_with(prefix))
        .map(|text| match text.strip_prefix(GROUP) {
            Some(_) if !prefix.starts_with(GROUP) => FieldValue::Pattern(GROUP.to_owned()),
            _ => FieldValue::Complete((*text).to_owned()),
        })
        .collect();
    values.dedup();
    Ok(Page::of(values, query.offset, query.filter.limit))
}

/// Values uniform in [0, 100): one for each of the tutorial's steps, or one for each bucket if
/// the query has a bucket size. The first begins at the range's start, the last before its end.
/// As in the tutorial, the last bucket may reach past the range.
///
/// A value depends only on the seed and on its time, so several queries for parts of a range
/// give the same points as one query for the whole range.
fn metrics(query: &MetricQuery, seed: u64) -> Telemetry {
    let range = query.filter.range;
    let step = query.aggregation.and_then(|aggregation| aggregation.bucket_millis).unwrap_or(
        match range.length() / STEPS {
            0 => SHORT_RANGE_STEP,
            step => step,
        },
    );
    let key = Xoshiro256PlusPlus::seed_from_u64(seed).next_u64();
    let limit = query.filter.limit.min(MAX_POINTS);
    let mut times =
        (range.start()..range.end()).step_by(usize::try_from(step).unwrap_or(usize::MAX));
    let taken = times.by_ref().take(limit);
    let points = match query.aggregation {
        None => Points::Raw(taken.map(|time| RawPoint { value: value(key, time), time }).collect()),
        Some(_) => Points::Aggregated(
            taken
                .map(|start| Bucket { value: value(key, start), start, end: start + step })
                .collect(),
        ),
    };
    Telemetry { points, is_partial: times.next().is_some() }
}

fn value(key: u64, time: i64) -> f64 {
    Xoshiro256PlusPlus::seed_from_u64(key ^ time.cast_unsigned()).random_range(0.0..100.0)
}
