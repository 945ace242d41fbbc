//! The model: what is asked for and what is answered, without HTTP and without AWS.

use std::fmt;

/// The latest time that the mirror accepts: the last millisecond of the year 9999.
pub const LATEST_MILLIS: i64 = 253_402_300_799_999;

/// At most so many points are in one answer, so that it fits Lambda's 6 MB: the longest point
/// takes 59 bytes.
pub const MAX_POINTS: usize = 100_000;

/// A span of time: `start` is part of it, `end` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    start: i64,
    end: i64,
}

impl TimeRange {
    /// The range from `start` to `end`, both in epoch milliseconds from 0 to
    /// [`LATEST_MILLIS`]; `None` where one is outside or `end` comes before `start`.
    pub fn new(start: i64, end: i64) -> Option<Self> {
        (0 <= start && start <= end && end <= LATEST_MILLIS).then_some(TimeRange { start, end })
    }

    /// Epoch milliseconds, part of the range.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// Epoch milliseconds, not part of the range.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Milliseconds.
    pub fn length(&self) -> i64 {
        self.end - self.start
    }
}

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

/// What a condition asks of its key.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Exactly this value.
    One(Scalar),
    /// Any of these values (`InSetValue`).
    AnyOf(Vec<Scalar>),
}

/// One of the conditions that must all hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is compared: a field's name.
    pub key: String,
    /// What it must be.
    pub wanted: Wanted,
}

/// What every query says: which data, of which time, how much of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// The time asked about.
    pub range: TimeRange,
    /// At most so many results; `usize::MAX` where the query sets no limit.
    pub limit: usize,
}

/// Which values of a field are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldValuesQuery {
    /// Which data.
    pub filter: Filter,
    /// The field's name.
    pub field: String,
    /// The type that StackState takes the field to be of.
    pub field_type: FieldType,
    /// Only values that begin so; empty for all.
    pub prefix: String,
    /// So many of the first values are skipped.
    pub offset: usize,
}

/// Which points are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricQuery {
    /// Which data.
    pub filter: Filter,
    /// The field that holds the values.
    pub metric_field: Option<String>,
    /// How samples become points; `None` asks for raw points.
    pub aggregation: Option<Aggregation>,
}

/// How samples are gathered into points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregation {
    /// What becomes of the samples of one bucket.
    pub method: Method,
    /// A bucket's length in milliseconds, 1 to [`LATEST_MILLIS`]; `None` leaves it to the
    /// source.
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
    /// The sum of the samples, 0 for a bucket without any.
    Sum,
    /// The number of samples, 0 for a bucket without any.
    EventCount,
    /// The sum of the samples; a bucket without any is left out.
    SumNoZeros,
    /// The number of samples; a bucket without any is left out.
    EventCountNoZeros,
}

impl Method {
    /// Every method by the name that StackState gives it.
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
    /// Numbers: what a metric's values are.
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

/// One of a field's values, or many of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// A whole value.
    Complete(String),
    /// Stands for all values that begin so; written with a `*` behind it.
    Pattern(String),
}

/// A list that may have been cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// What was found.
    pub items: Vec<T>,
    /// Whether more was there.
    pub is_partial: bool,
}

impl<T> Listing<T> {
    /// `all` but the first `offset`, and at most `limit` of them; partial where some follow.
    pub fn page(all: Vec<T>, offset: usize, limit: usize) -> Self {
        let is_partial = all.len().saturating_sub(offset) > limit;
        let items = all.into_iter().skip(offset).take(limit).collect();
        Listing { items, is_partial }
    }
}

/// The points that a metric query found, ascending in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// The points.
    pub points: Points,
    /// Whether more was there.
    pub is_partial: bool,
}

/// Points, each of the kind that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Points {
    /// Of a query without aggregation.
    Raw(Vec<Sample>),
    /// Of a query with aggregation.
    Aggregated(Vec<Bucket>),
}

impl Points {
    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Points::Raw(samples) => samples.len(),
            Points::Aggregated(buckets) => buckets.len(),
        }
    }
}

/// A value at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Finite.
    pub value: f64,
    /// Epoch milliseconds.
    pub time: i64,
}

/// A value that stands for a span of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Finite.
    pub value: f64,
    /// Epoch milliseconds, part of the bucket.
    pub start: i64,
    /// Epoch milliseconds, not part of the bucket.
    pub end: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_ordered_and_on_the_calendar() {
        for (start, end, valid) in [
            (0, 0, true),
            (0, LATEST_MILLIS, true),
            (5, 5, true),
            (5, 4, false),
            (-1, 4, false),
            (0, LATEST_MILLIS + 1, false),
            (i64::MIN, i64::MAX, false),
        ] {
            assert_eq!(TimeRange::new(start, end).is_some(), valid, "{start} to {end}");
        }
    }

    #[test]
    fn a_page_is_partial_only_where_something_follows() {
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
            let page = Listing::page(vec![1, 2, 3], offset, limit);
            assert_eq!(page, Listing { items, is_partial }, "offset {offset}, limit {limit}");
        }
    }
}
