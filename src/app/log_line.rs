//! The log line of a request. `docs/operate.md` describes its fields.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::error::MirrorError;
use crate::usage::{Counts, Usage};

/// The log line of a request: fixed names, numbers, and the names of a region and a namespace.
/// Nothing else comes from the request.
pub(super) struct LogLine {
    pub(super) call: Option<&'static str>,
    pub(super) source: Option<&'static str>,
    pub(super) points: Option<usize>,
    pub(super) usage: Arc<Usage>,
    error: Option<(&'static str, &'static str)>,
    refused: Option<&'static str>,
    is_cold_start: bool,
}

impl LogLine {
    /// The line of a request that has not begun. `is_cold_start` says that it is the first one of
    /// this process.
    pub(super) fn new(is_cold_start: bool) -> Self {
        let (call, source, points, error, refused) = (None, None, None, None, None);
        LogLine { call, source, points, usage: Arc::default(), error, refused, is_cold_start }
    }

    /// Records why the request failed: the kind and the summary of the error, never its details.
    pub(super) fn record_error(&mut self, error: &MirrorError) {
        self.error = Some((error.kind(), error.summary()));
    }

    /// Records why the mirror does not take the request. That is no error of the mirror's: strangers can
    /// send as many such requests as they like, and must raise no alarm.
    pub(super) fn record_refusal(&mut self, summary: &'static str) {
        self.refused = Some(summary);
    }

    /// Writes the line of the request with this id.
    pub(super) fn write(self, request_id: &str, status: u16, duration: Duration) {
        let LogLine { call, source, points, usage, error, refused, is_cold_start } = self;
        let counts = usage.counts();
        let uses_aws = counts.region.is_some();
        let Counts {
            region,
            namespace,
            is_cached,
            calls,
            attempts,
            throttles,
            metrics_asked,
            expressions_asked,
            hint,
            ..
        } = counts;
        // Only requests that are served at once share calls or wait for one another.
        let shared_calls = Some(counts.shared_calls).filter(|calls| *calls > 0);
        let queued = Some(counts.queued).filter(|queued| !queued.is_zero());
        let expressions_asked = Some(expressions_asked).filter(|asked| *asked > 0);
        let region = region.as_ref().map(|region| region.as_str());
        let cache = is_cached.map(|is_cached| if is_cached { "hit" } else { "miss" });
        let (error, reason) = error.unzip();
        // The levels of tracing's macros are constants.
        macro_rules! line {
            ($write:ident, $message:literal) => {
                $write!(
                    requestId = request_id,
                    call,
                    source,
                    region,
                    namespace,
                    metricsAsked = uses_aws.then_some(metrics_asked),
                    expressionsAsked = expressions_asked,
                    calls = uses_aws.then_some(calls),
                    sharedCalls = shared_calls,
                    cache,
                    attempts = uses_aws.then_some(attempts),
                    throttles = uses_aws.then_some(throttles),
                    points,
                    hint,
                    status,
                    error,
                    reason,
                    refused,
                    durationMs = millis(duration),
                    queuedMs = queued.map(millis),
                    awsMs = uses_aws.then(|| millis(counts.waited)),
                    coldStart = is_cold_start,
                    $message
                )
            };
        }
        match (error, refused) {
            (Some(_), _) => line!(warn, "failed"),
            (None, Some(_)) => line!(warn, "refused"),
            (None, None) => line!(info, "answered"),
        }
    }
}

/// Milliseconds, with microseconds as their fraction.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_milliseconds_with_a_fraction() {
        assert_eq!(millis(Duration::from_nanos(1_234_567)), 1.234);
    }
}
