//! The four kinds of error that StackState knows ("Error responses" in StackState's developer
//! guide on mirroring).

use std::fmt;

use crate::model::FieldType;

/// Why a request has no answer.
///
/// An error has two texts for two readers. [`MirrorError::kind`] and [`MirrorError::summary`]
/// are fixed words, which the log shows. The details quote the request for the person who made
/// it, and are never logged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MirrorError {
    /// The metric store cannot be reached, or refuses the credentials.
    #[error("{details}")]
    Connection {
        /// What was wrong, with which value, and what would be right.
        details: String,
    },
    /// The metric store has no such metric.
    #[error("{metric}: {details}")]
    MetricNotFound {
        /// The metric as the query names it.
        metric: String,
        /// Where the mirror looked for it.
        details: String,
    },
    /// A field of this type has no list of values.
    #[error("fields of type {0} have no list of values")]
    UnsupportedFieldType(FieldType),
    /// All other errors, including bad requests.
    #[error("{summary}: {details}")]
    Remote {
        /// The kind of error, in fixed words.
        summary: &'static str,
        /// What was wrong, with which value, and what would be right.
        details: String,
    },
}

impl MirrorError {
    /// A request that the mirror cannot read.
    pub fn request(details: impl fmt::Display) -> Self {
        MirrorError::Remote {
            summary: "The mirror cannot read this request",
            details: details.to_string(),
        }
    }

    /// The metric store cannot be reached, or refuses the credentials.
    pub fn connection(details: impl Into<String>) -> Self {
        MirrorError::Connection { details: details.into() }
    }

    /// A part of the mirror panicked.
    pub fn panicked() -> Self {
        MirrorError::Remote {
            summary: "The mirror failed",
            details: "this is a bug in the mirror; its log shows the place in the code".to_owned(),
        }
    }

    /// StackState's name for this kind of error, the `_type` of its body.
    pub fn kind(&self) -> &'static str {
        match self {
            MirrorError::Connection { .. } => "MetricStoreConnectionError",
            MirrorError::MetricNotFound { .. } => "MetricNotFoundError",
            MirrorError::UnsupportedFieldType(_) => "UnsupportedFieldTypeError",
            MirrorError::Remote { .. } => "RemoteMirrorError",
        }
    }

    /// What happened, in fixed words that quote nothing from the request.
    pub fn summary(&self) -> &'static str {
        match self {
            MirrorError::Connection { .. } => "The metric store cannot be used",
            MirrorError::MetricNotFound { .. } => "The metric does not exist",
            MirrorError::UnsupportedFieldType(_) => "Fields of this type have no list of values",
            MirrorError::Remote { summary, .. } => summary,
        }
    }
}

/// The error of a query that is not valid for CloudWatch.
pub(crate) fn invalid(details: impl fmt::Display) -> MirrorError {
    MirrorError::Remote {
        summary: "The query is not valid for CloudWatch",
        details: details.to_string(),
    }
}

/// The maximum number of items that an error names from a list.
const MAX_NAMED: usize = 5;

/// The maximum number of characters of an item that an error names, so that its advice, which
/// follows, is not cut off.
const MAX_ITEM: usize = 120;

/// The first items of a list, and the number of the others.
pub(crate) fn summarize<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<T> = items.into_iter().collect();
    let named = items.iter().take(MAX_NAMED).map(|item| shortened(item.as_ref()));
    let named = named.collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(MAX_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// An item, or its beginning.
fn shortened(item: &str) -> String {
    match item.char_indices().nth(MAX_ITEM) {
        None => item.to_owned(),
        Some((end, _)) => format!("{}…", &item[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_summarized() {
        for (count, text) in [
            (0, ""),
            (1, "0"),
            (5, "0, 1, 2, 3, 4"),
            (6, "0, 1, 2, 3, 4 and 1 more"),
            (9, "0, 1, 2, 3, 4 and 4 more"),
        ] {
            assert_eq!(summarize((0..count).map(|item: usize| item.to_string())), text);
        }
        let long = summarize(["é".repeat(121), "x".repeat(120)]);
        assert_eq!(long, format!("{}…, {}", "é".repeat(120), "x".repeat(120)));
    }
}
