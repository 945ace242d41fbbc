//! What can go wrong, in the four kinds that StackState tells apart ("Error responses" in
//! StackState's developer guide on mirroring).

use std::fmt;

use crate::telemetry::FieldType;

/// Why a request has no answer.
///
/// Two texts, two readers: [`MirrorError::kind`] and [`MirrorError::summary`] are fixed words
/// and may be logged; the details quote the request for the person who made it, and are never
/// logged.
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
        /// Where it was looked for.
        details: String,
    },
    /// Fields of this type cannot be served.
    #[error("fields of type {0} cannot be served")]
    UnsupportedFieldType(FieldType),
    /// Everything else, bad requests included.
    #[error("{summary}: {details}")]
    Remote {
        /// The kind of mistake, in fixed words.
        summary: &'static str,
        /// What was wrong, with which value, and what would be right.
        details: String,
    },
}

impl MirrorError {
    /// A request that cannot be understood.
    pub fn request(details: impl fmt::Display) -> Self {
        MirrorError::Remote {
            summary: "The mirror cannot read this request",
            details: details.to_string(),
        }
    }

    /// StackState's name for this kind of error: the `_type` of its body.
    pub fn kind(&self) -> &'static str {
        match self {
            MirrorError::Connection { .. } => "MetricStoreConnectionError",
            MirrorError::MetricNotFound { .. } => "MetricNotFoundError",
            MirrorError::UnsupportedFieldType(_) => "UnsupportedFieldTypeError",
            MirrorError::Remote { .. } => "RemoteMirrorError",
        }
    }

    /// What happened in fixed words, free of anything that the request said.
    pub fn summary(&self) -> &'static str {
        match self {
            MirrorError::Connection { .. } => "The metric store cannot be used",
            MirrorError::MetricNotFound { .. } => "The metric does not exist",
            MirrorError::UnsupportedFieldType(_) => "Fields of this type cannot be served",
            MirrorError::Remote { summary, .. } => summary,
        }
    }
}
