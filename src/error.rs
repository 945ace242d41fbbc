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
