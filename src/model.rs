//! The model: queries and their results, without HTTP and without AWS.

use std::fmt;

use crate::time::TimeRange;

/// The maximum number of points in one answer. A point takes up to 59 bytes, so the answer
/// fits Lambda's limit of 6 MB.
pub const MAX_POINTS: usize = 100_000;

/// A value that a condition compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `StringValue`
    Text(String),
    /// `DoubleValue`
    Number(f64),
    /// `BooleanValue`
    Boolean(bool),
}

/// A condition of a query. All conditions of a query must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The name of the field.
    pub key: String,
    /// The field equals one of these values. Without any, the condition never holds.
    pub values: Vec<Scalar>,
}

/// What a request asks for: one for each of the four calls.
#[derive(Debug, PartialEq)]
pub enum Query {
    /// Test the connection.
    Connection,
    /// List the names of fields.
    FieldNames(Filter),
    /// List the values of a field.
    FieldValues(FieldValuesQuery),
    /// Return points.
    Metrics(MetricQuery),
}

/// The answer to a [`Query`].
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// The connection works.
    Connected,
    /// The names of fields.
    FieldNames(Page<Field>),
    /// The values of a field.
    FieldValues(Page<FieldValue>),
    /// Points.
    Metrics(Telemetry),
}

/// The part that all queries have: which data, which time, how many results.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The conditions that must all hold.
    pub conditions: Vec<Condition>,
    /// The time range of the data.
    pub range: TimeRange,
    /// The maximum number of results; `usize::MAX` if the query sets no limit.
    pub limit: usize,
}

/// A query for the values of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldValuesQuery {
    /// Which data.
    pub filter: Filter,
    /// The field's name.
    pub field: String,
    /// The field's type, as StackState knows it.
    pub field_type: FieldType,
    /// The prefix of the values to return; empty for all values.
    pub prefix: String,
    /// The number of values to skip.
    pub offset: usize,
}

/// A query for points.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricQuery {
    /// Which data.
    pub filter: Filter,
    /// The field that holds the values.
    pub metric_field: Option<String>,
    /// How samples become points; `None` asks for raw points.
    pub aggregation: Option<Aggregation>,
}

/// How samples are aggregated into buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregation {
    /// How the samples of one bucket become one value.
    pub method: Method,
    /// The length of a bucket in milliseconds, 1 to [`MAX_EPOCH_MILLIS`](crate::time::MAX_EPOCH_MILLIS).
    /// `None` lets the source choose.
    pub bucket_millis: Option<i64>,
}

/// StackState's aggregation methods ("Aggregation methods" in StackState's documentation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The mean of the samples.
    Mean,
    /// A percentile of the samples, in percent: 25, 50, 75, 90, 95, 98 or 99.
    Percentile(u8),
    /// The largest sample.
    Max,
    /// The smallest sample.
    Min,
    /// The sum of the samples; 0 for a bucket without samples.
    Sum,
    /// The number of samples; 0 for a bucket without samples.
    EventCount,
    /// The sum of the samples; a bucket without samples is left out.
    SumNoZeros,
    /// The number of samples; a bucket without samples is left out.
    EventCountNoZeros,
}

impl Method {
    /// Every method with the name that StackState uses.
    pub const ALL: [(&'static str, Method); 14] = [
        ("MEAN", Method::Mean),
        ("PERCENTILE_25", Method::Percentile(25)),
        ("PERCENTILE_50", Method::Percentile(50)),
        ("PERCENTILE_75", Method::Percentile(75)),
        ("PERCENTILE_90", Method::Percentile(90)),
        ("PERCENTILE_95", Method::Percentile(95)),
        ("PERCENTILE_98", Method::Percentile(98)),
        ("PERCENTILE_99", Method::Percentile(99)),
        ("MAX", Method::Max),
        ("MIN", Method::Min),
        ("SUM", Method::Sum),
        ("EVENT_COUNT", Method::EventCount),
        ("SUM_NO_ZEROS", Method::SumNoZeros),
        ("EVENT_COUNT_NO_ZEROS", Method::EventCountNoZeros),
    ];
}

/// The type of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// Text.
    String,
    /// Numbers. The fields of this type are the metrics.
    Number,
    /// True or false.
    Boolean,
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldType::String => "STRING",
            FieldType::Number => "NUMBER",
            FieldType::Boolean => "BOOLEAN",
        })
    }
}

/// A field that conditions or queries can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The type of its values.
    pub field_type: FieldType,
}

/// One value of a field, or a pattern for several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// A whole value.
    Complete(String),
    /// All values with this prefix. StackState sees the prefix with `*` behind it.
    Pattern(String),
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items of the page.
    pub items: Vec<T>,
    /// Whether the list has more items than the page shows.
    pub is_partial: bool,
}

impl<T> Page<T> {
    /// The page that begins at `offset` and has at most `limit` items.
    pub fn of(all: Vec<T>, offset: usize, limit: usize) -> Self {
        let is_partial = all.len().saturating_sub(offset) > limit;
        let items = all.into_iter().skip(offset).take(limit).collect();
        Page { items, is_partial }
    }
}

/// The result of a metric query.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// The points, in ascending order of time.
    pub points: Points,
    /// Whether the range has more points than these.
    pub is_partial: bool,
}

/// The points of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Points {
    /// The points of a query without aggregation.
    Raw(Vec<RawPoint>),
    /// The points of a query with aggregation.
    Aggregated(Vec<Bucket>),
}

impl Points {
    /// The number of points.
    pub fn count(&self) -> usize {
        match self {
            Points::Raw(samples) => samples.len(),
            Points::Aggregated(buckets) => buckets.len(),
        }
    }
}

/// A value at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RawPoint {
    /// Finite.
    pub value: f64,
    /// Epoch milliseconds.
    pub time: i64,
}

/// The value of a span of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Finite.
    pub value: f64,
    /// Epoch milliseconds, inclusive.
    pub start: i64,
    /// Epoch milliseconds, exclusive.
    pub end: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_partial_if_items_follow_it() {
        for (offset, limit, items, is_partial) in [
            (0, usize::MAX, vec![1, 2, 3], false),
            (0, 3, vec![1, 2, 3], false),
            (0, 2, vec![1, 2], true),
            (1, 2, vec![2, 3], false),
            (1, 1, vec![2], true),
            (3, 1, vec![], false),
            (usize::MAX, usize::MAX, vec![], false),
            (0, 0, vec![], true),
        ] {
            let page = Page::of(vec![1, 2, 3], offset, limit);
            assert_eq!(page, Page { items, is_partial }, "offset {offset}, limit {limit}");
        }
    }
}
