//! The random data of StackState's mirror tutorial, for any conditions.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};

use crate::error::MirrorError;
use crate::telemetry::{
    Bucket, Field, FieldType, FieldValue, FieldValuesQuery, Filter, Listing, MAX_POINTS,
    MetricQuery, Points, Sample, Telemetry,
};

/// The tutorial cuts every range into so many steps.
const STEPS: i64 = 50;

/// The tutorial's step where the range is too short to be cut, in milliseconds.
const LEAST_STEP: i64 = 1_000;

const FIELDS: [(&str, FieldType); 3] =
    [("field1", FieldType::String), ("field2", FieldType::Boolean), ("field3", FieldType::Number)];

const TEXTS: [&str; 7] =
    ["value1", "cpu.idle", "cpu.iowait", "cpu.nice", "cpu.steal", "cpu.system", "cpu.user"];

/// The beginning that the tutorial folds into one pattern, `cpu.*`.
const GROUP: &str = "cpu.";

/// The tutorial's three fields.
pub(super) fn field_names(filter: &Filter) -> Listing<Field> {
    let fields = FIELDS.map(|(name, field_type)| Field { name: name.to_owned(), field_type });
    Listing::page(fields.into(), 0, filter.limit)
}

/// The tutorial's values, refined by the prefix; a pattern's own text is a prefix too.
///
/// # Errors
/// A number has no list of values.
pub(super) fn field_values(query: &FieldValuesQuery) -> Result<Listing<FieldValue>, MirrorError> {
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
    Ok(Listing::page(values, query.offset, query.filter.limit))
}

/// Values uniform in [0, 100): one a step of the tutorial, or one a bucket where the query
/// names a bucket size. The first begins at the range's start, the last before its end; as in
/// the tutorial, the last bucket may reach past the range.
///
/// A value depends on the seed and on its own time alone, so that a range asked for in parts
/// shows the same curve as the range asked for at once.
pub(super) fn metrics(query: &MetricQuery, seed: u64) -> Telemetry {
    let range = query.filter.range;
    let step = query.aggregation.and_then(|aggregation| aggregation.bucket_millis).unwrap_or(
        match range.length() / STEPS {
            0 => LEAST_STEP,
            step => step,
        },
    );
    let key = Xoshiro256PlusPlus::seed_from_u64(seed).next_u64();
    let limit = query.filter.limit.min(MAX_POINTS);
    let mut times =
        (range.start()..range.end()).step_by(usize::try_from(step).unwrap_or(usize::MAX));
    let kept = times.by_ref().take(limit);
    let points = match query.aggregation {
        None => Points::Raw(kept.map(|time| Sample { value: value(key, time), time }).collect()),
        Some(_) => Points::Aggregated(
            kept.map(|start| Bucket { value: value(key, start), start, end: start + step })
                .collect(),
        ),
    };
    Telemetry { points, is_partial: times.next().is_some() }
}

fn value(key: u64, time: i64) -> f64 {
    Xoshiro256PlusPlus::seed_from_u64(key ^ time.cast_unsigned()).random_range(0.0..100.0)
}
