//! What the log says about a request.

use std::time::Duration;

use lambda_http::http::StatusCode;
use lambda_http::http::request::Parts;
use lambda_http::{Context, RequestExt};
use tracing::{info, warn};

/// What the log says about a request: names and figures, nothing that the request brought.
#[derive(Default)]
pub(super) struct Record {
    pub(super) call: Option<&'static str>,
    pub(super) source: Option<&'static str>,
    pub(super) points: Option<usize>,
    /// Kind and summary.
    pub(super) error: Option<(&'static str, &'static str)>,
    /// Whether the caller may call.
    pub(super) is_trusted: bool,
}

impl Record {
    /// Writes the line.
    pub(super) fn write(self, parts: &Parts, status: StatusCode, duration: Duration) {
        let Record { call, source, points, error, is_trusted: _ } = self;
        let request_id = parts.extensions.lambda_context_ref().map(id);
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

fn id(context: &Context) -> &str {
    &context.request_id
}
