//! The model and its errors → JSON, with the members in the order of StackState's developer
//! guide.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::size::{shortened, written};
use crate::error::MirrorError;
use crate::model::{Bucket, Field, FieldType, FieldValue, Page, Points, RawPoint, Telemetry};

/// The maximum size of a list's items as Lambda writes them, in bytes. The whole answer may have 6
/// MB ("Lambda quotas", Lambda developer guide).
const MAX_LIST: usize = 5 << 20;

/// The size of an item as written, without its text, at most, in bytes.
const ITEM: usize = 128;

/// The maximum sizes of the texts of an error as written, in bytes. The error quotes the request,
/// whose texts have any length.
const MAX_METRIC: usize = 512;
const MAX_DETAILS: usize = 1_536;

/// A successful answer to one of the four calls.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// The connection test passed.
    Connected,
    /// The connection test failed, and why. This is an answer with status 200, not an error.
    NotConnected(MirrorError),
    /// The names of fields.
    FieldNames(Page<Field>),
    /// The values of a field.
    FieldValues(Page<FieldValue>),
    /// Points.
    Metrics(Telemetry),
}

impl Answer {
    /// The body of the answer.
    ///
    /// # Errors
    /// Should not occur, because JSON can represent all parts.
    pub fn body(&self) -> serde_json::Result<String> {
        match self {
            Answer::Connected => {
                serde_json::to_string(&Connection { status: "OK", error: None, kind: CONNECTION })
            }
            Answer::NotConnected(error) => serde_json::to_string(&Connection {
                status: "FAILURE",
                error: Some(ErrorBody::MetricStoreConnectionError {
                    details: shortened(&error.to_string(), MAX_DETAILS),
                }),
                kind: CONNECTION,
            }),
            Answer::FieldNames(Page { items, is_partial }) => {
                let shown = fitting(items, |field| &field.name);
                serde_json::to_string(&FieldNames {
                    fields: shown.iter().map(Into::into).collect(),
                    is_partial: *is_partial || shown.len() < items.len(),
                    kind: "FieldNamesResponse",
                })
            }
            Answer::FieldValues(Page { items, is_partial }) => {
                let shown = fitting(items, |value| match value {
                    FieldValue::Complete(text) | FieldValue::Pattern(text) => text,
                });
                serde_json::to_string(&FieldValues {
                    values: shown.iter().map(Into::into).collect(),
                    is_partial: *is_partial || shown.len() < items.len(),
                    kind: "FieldValuesResponse",
                })
            }
            Answer::Metrics(telemetry) => serde_json::to_string(&Metrics {
                telemetry: telemetry.into(),
                kind: "MetricsResponse",
            }),
        }
    }
}

/// The first items that fit a list.
fn fitting<T>(items: &[T], text: impl Fn(&T) -> &str) -> &[T] {
    let mut left = MAX_LIST;
    let fits = |item: &&T| {
        let size = ITEM + written(text(item));
        left.checked_sub(size).map(|less| left = less).is_some()
    };
    &items[..items.iter().take_while(fits).count()]
}

/// The body of an error.
///
/// # Errors
/// Should not occur, because JSON can represent all parts.
pub fn error_body(error: &MirrorError) -> serde_json::Result<String> {
    serde_json::to_string(&ErrorBody::from(error))
}

#[derive(Serialize)]
#[serde(tag = "_type")]
#[expect(clippy::enum_variant_names, reason = "the names are StackState's")]
enum ErrorBody<'a> {
    MetricStoreConnectionError {
        details: Cow<'a, str>,
    },
    MetricNotFoundError {
        metric: Cow<'a, str>,
        details: Cow<'a, str>,
    },
    UnsupportedFieldTypeError {
        #[serde(rename = "mirrorType", serialize_with = "as_text")]
        field_type: FieldType,
    },
    RemoteMirrorError {
        summary: &'a str,
        details: Cow<'a, str>,
    },
}

impl<'a> From<&'a MirrorError> for ErrorBody<'a> {
    fn from(error: &'a MirrorError) -> Self {
        let details = |details| shortened(details, MAX_DETAILS);
        match error {
            MirrorError::Connection { details: text } => {
                ErrorBody::MetricStoreConnectionError { details: details(text) }
            }
            MirrorError::MetricNotFound { metric, details: text } => {
                ErrorBody::MetricNotFoundError {
                    metric: shortened(metric, MAX_METRIC),
                    details: details(text),
                }
            }
            MirrorError::UnsupportedFieldType(field_type) => {
                ErrorBody::UnsupportedFieldTypeError { field_type: *field_type }
            }
            MirrorError::Remote { summary, details: text } => {
                ErrorBody::RemoteMirrorError { summary, details: details(text) }
            }
        }
    }
}

const CONNECTION: &str = "TestConnectionResponse";

#[derive(Serialize)]
struct Connection<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody<'a>>,
    #[serde(rename = "_type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct FieldNames<'a> {
    fields: Vec<FieldDescriptor<'a>>,
    #[serde(rename = "isPartial")]
    is_partial: bool,
    #[serde(rename = "_type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "_type", rename_all = "camelCase")]
struct FieldDescriptor<'a> {
    classified: bool,
    field_name: &'a str,
    #[serde(serialize_with = "as_text")]
    field_type: FieldType,
}

impl<'a> From<&'a Field> for FieldDescriptor<'a> {
    fn from(Field { name, field_type }: &'a Field) -> Self {
        FieldDescriptor { classified: false, field_name: name, field_type: *field_type }
    }
}

fn as_text<S: Serializer>(field_type: &FieldType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(field_type)
}

#[derive(Serialize)]
struct FieldValues<'a> {
    values: Vec<TypedValue<'a>>,
    #[serde(rename = "isPartial")]
    is_partial: bool,
    #[serde(rename = "_type")]
    kind: &'static str,
}

#[derive(Serialize)]
struct TypedValue<'a> {
    value: Cow<'a, str>,
    #[serde(rename = "_type")]
    kind: &'static str,
}

impl<'a> From<&'a FieldValue> for TypedValue<'a> {
    fn from(value: &'a FieldValue) -> Self {
        match value {
            FieldValue::Complete(value) => {
                TypedValue { value: value.into(), kind: "CompleteValue" }
            }
            FieldValue::Pattern(prefix) => {
                TypedValue { value: format!("{prefix}*").into(), kind: "FieldValuePattern" }
            }
        }
    }
}

#[derive(Serialize)]
struct Metrics<'a> {
    telemetry: MetricTelemetry<'a>,
    #[serde(rename = "_type")]
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MetricTelemetry<'a> {
    points: Rows<'a>,
    data_format: &'static [&'static str],
    is_partial: bool,
    #[serde(rename = "_type")]
    kind: &'static str,
}

impl<'a> From<&'a Telemetry> for MetricTelemetry<'a> {
    fn from(Telemetry { points, is_partial }: &'a Telemetry) -> Self {
        let (data_format, kind): (&'static [&'static str], _) = match points {
            Points::Raw(_) => (&["value", "timestamp"], "RawMetricTelemetry"),
            Points::Aggregated(_) => {
                (&["value", "startTimestamp", "endTimestamp"], "AggregatedMetricTelemetry")
            }
        };
        MetricTelemetry { points: Rows(points), data_format, is_partial: *is_partial, kind }
    }
}

/// Writes points as arrays, directly from the model.
struct Rows<'a>(&'a Points);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Points::Raw(samples) => {
                serializer.collect_seq(samples.iter().map(|RawPoint { value, time }| (value, time)))
            }
            Points::Aggregated(buckets) => serializer.collect_seq(
                buckets.iter().map(|Bucket { value, start, end }| (value, start, end)),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_where_it_would_not_fit() {
        let values = |length: usize| Page {
            items: vec![FieldValue::Complete("\"".repeat(length)); 5_000],
            is_partial: false,
        };
        for (length, is_partial) in [(100, false), (1_019, true)] {
            let body = Answer::FieldValues(values(length)).body().unwrap();
            let answer = serde_json::to_string(&body).unwrap();
            assert!(answer.len() < 6_000_000, "{}", answer.len());
            assert!(body.contains(&format!("\"isPartial\":{is_partial}")), "{length}");

            let field = Field { name: "\"".repeat(length), field_type: FieldType::String };
            let names = Page { items: vec![field; 5_000], is_partial: false };
            let body = Answer::FieldNames(names).body().unwrap();
            assert!(body.contains(&format!("\"isPartial\":{is_partial}")), "names of {length}");
        }
    }
}
