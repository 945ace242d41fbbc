//! The model and its errors → JSON, with the members in the order of StackState's developer
//! guide.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::error::MirrorError;
use crate::model::{
    Answer, Bucket, Field, FieldType, FieldValue, Page, Points, RawPoint, Telemetry,
};

/// The maximum size of a list's items as Lambda writes them, in bytes. The whole answer may have 6
/// MB ("Lambda quotas", Lambda developer guide).
const MAX_LIST: usize = 5 << 20;

/// The size of an item as written, without its text, at most, in bytes.
const ITEM: usize = 128;

/// The maximum sizes of the texts of an error as written, in bytes. The error quotes the request,
/// whose texts have any length.
const MAX_METRIC: usize = 512;
const MAX_DETAILS: usize = 1_536;

/// The body of an answer.
///
/// # Errors
/// Should not occur, because JSON can represent all parts.
pub fn body(answer: &Answer) -> Result<String, MirrorError> {
    json(&match answer {
        Answer::Connected => Body::Connection { status: "OK", error: None, kind: CONNECTION },
        Answer::FieldNames(Page { items, is_partial }) => {
            let shown = fitting(items, |field| &field.name);
            Body::FieldNames {
                fields: shown.iter().map(Into::into).collect(),
                is_partial: *is_partial || shown.len() < items.len(),
                kind: "FieldNamesResponse",
            }
        }
        Answer::FieldValues(Page { items, is_partial }) => {
            let shown = fitting(items, |value| match value {
                FieldValue::Complete(text) | FieldValue::Pattern(text) => text,
            });
            Body::FieldValues {
                values: shown.iter().map(Into::into).collect(),
                is_partial: *is_partial || shown.len() < items.len(),
                kind: "FieldValuesResponse",
            }
        }
        Answer::Metrics(telemetry) => {
            Body::Metrics { telemetry: telemetry.into(), kind: "MetricsResponse" }
        }
    })
}

/// The body of the answer to a connection test that failed. It is an answer with status 200, not an
/// error.
///
/// # Errors
/// Like [`body`].
pub fn not_connected(error: &MirrorError) -> Result<String, MirrorError> {
    let details = shortened(&error.to_string(), MAX_DETAILS).into_owned().into();
    let error = Some(ErrorBody::MetricStoreConnectionError { details });
    json(&Body::Connection { status: "FAILURE", error, kind: CONNECTION })
}

/// The body of an error.
///
/// # Errors
/// Like [`body`].
pub fn error_body(error: &MirrorError) -> Result<String, MirrorError> {
    json(&ErrorBody::from(error))
}

fn json(body: &impl Serialize) -> Result<String, MirrorError> {
    serde_json::to_string(body).map_err(|error| MirrorError::Remote {
        summary: "The mirror cannot write its answer",
        details: error.to_string(),
    })
}

/// The first items that fit a list.
fn fitting<T>(items: &[T], text: impl Fn(&T) -> &str) -> &[T] {
    let mut left = MAX_LIST;
    let fits = |item: &&T| {
        let size = ITEM + written(text(item));
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    };
    &items[..items.iter().take_while(fits).count()]
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

/// The body of a successful answer. A variant's last member is StackState's name for it.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Body<'a> {
    Connection {
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<ErrorBody<'a>>,
        #[serde(rename = "_type")]
        kind: &'static str,
    },
    FieldNames {
        fields: Vec<FieldDescriptor<'a>>,
        is_partial: bool,
        #[serde(rename = "_type")]
        kind: &'static str,
    },
    FieldValues {
        values: Vec<TypedValue<'a>>,
        is_partial: bool,
        #[serde(rename = "_type")]
        kind: &'static str,
    },
    Metrics {
        telemetry: MetricTelemetry<'a>,
        #[serde(rename = "_type")]
        kind: &'static str,
    },
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

/// A text, or its beginning and the number of characters that are missing, in at most about `max`
/// bytes as written.
fn shortened(text: &str, max: usize) -> Cow<'_, str> {
    let mut left = max;
    let is_over = |(_, letter): &(usize, char)| match left.checked_sub(written_letter(*letter)) {
        Some(less) => {
            left = less;
            false
        }
        None => true,
    };
    match text.char_indices().find(is_over) {
        None => text.into(),
        Some((end, _)) => {
            let missing = text[end..].chars().count();
            format!("{} … and {missing} more characters", &text[..end]).into()
        }
    }
}

/// The length of a text as Lambda writes it, in bytes. The body is JSON, and a text in the JSON of
/// Lambda's own answer.
fn written(text: &str) -> usize {
    text.chars().map(written_letter).sum()
}

fn written_letter(letter: char) -> usize {
    match letter {
        '"' | '\\' => 4,
        '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 3,
        '\0'..='\u{1f}' => 7,
        letter => letter.len_utf8(),
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
            let body = super::body(&Answer::FieldValues(values(length))).unwrap();
            let answer = serde_json::to_string(&body).unwrap();
            assert!(answer.len() < 6_000_000, "{}", answer.len());
            assert!(body.contains(&format!("\"isPartial\":{is_partial}")), "{length}");

            let field = Field { name: "\"".repeat(length), field_type: FieldType::String };
            let names = Page { items: vec![field; 5_000], is_partial: false };
            let body = super::body(&Answer::FieldNames(names)).unwrap();
            assert!(body.contains(&format!("\"isPartial\":{is_partial}")), "names of {length}");
        }
    }

    #[test]
    fn a_text_is_shortened_by_its_size_as_written() {
        for (text, max, shown) in [
            ("", 0, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "abc … and 1 more characters"),
            ("\"\"\"", 8, "\"\" … and 1 more characters"),
            ("\n\n", 5, "\n … and 1 more characters"),
            ("\0\0", 13, "\0 … and 1 more characters"),
            ("ééé", 5, "éé … and 1 more characters"),
        ] {
            assert_eq!(shortened(text, max), shown, "{text:?}");
        }
    }

    #[test]
    fn the_size_is_that_of_the_text_in_two_layers_of_json() {
        for text in ["", "plain", "\"\\/", "\n\r\t\u{8}\u{c}\0\u{1f}\u{7f}", "é…😀"] {
            let body = serde_json::to_string(text).unwrap();
            let answer = serde_json::to_string(&body).unwrap();
            // Less the quotes of both layers.
            assert_eq!(written(text), answer.len() - 6, "{text:?}");
        }
    }
}
