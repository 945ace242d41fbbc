//! The log line of a request.

use std::time::Duration;

use lambda_http::RequestExt;
use lambda_http::http::StatusCode;
use lambda_http::http::request::Parts;
use tracing::{info, warn};

use crate::error::MirrorError;

/// The log line of a request: fixed names and numbers, and nothing from the request itself.
#[derive(Default)]
pub(super) struct LogLine {
    pub(super) call: Option<&'static str>,
    pub(super) source: Option<&'static str>,
    pub(super) points: Option<usize>,
    error: Option<(&'static str, &'static str)>,
}

impl LogLine {
    /// Records why the request failed: the kind and the summary of the error, never its details.
    pub(super) fn record_error(&mut self, error: &MirrorError) {
        self.error = Some((error.kind(), error.summary()));
    }

    /// Writes the line.
    pub(super) fn write(self, parts: &Parts, status: StatusCode, duration: Duration) {
        let LogLine { call, source, points, error } = self;
        let context = parts.extensions.lambda_context_ref();
        let request_id = context.map(|context| context.request_id.as_str());
        let status = status.as_u16();
        let duration_millis = duration.as_micros() as f64 / 1_000.0;
        match error {
            None => info!(
                requestId = request_id,
                call,
                source,
                status,
                durationMs = duration_millis,
                points,
                "answered"
            ),
            Some((error, reason)) => warn!(
                requestId = request_id,
                call,
                source,
                status,
                durationMs = duration_millis,
                error,
                reason,
                "failed"
            ),
        }
    }
}
