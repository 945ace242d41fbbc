//! When a failed attempt is followed by another, and how many attempts there were.
//!
//! The SDK knows one limit and one backoff for all faults. A throttled call is worth waiting for
//! until the deadline: the quota is there again a second later. Other faults either are over at
//! once or stay. So an interceptor chooses the SDK's retry configuration after every attempt.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_sdk_cloudwatch::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataError;
use aws_sdk_cloudwatch::operation::list_metrics::ListMetricsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, Error, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::error::is_throttling;
use crate::usage::{AttemptEnd, Attempts, Tally, Usage};

/// The maximum number of attempts of a call that fail without being throttled.
const MAX_FAILURES: u32 = 3;

/// The backoff before the second attempt, if the first was not throttled. It doubles with every
/// attempt, and a random part of it is waited for.
const BACKOFF: Duration = Duration::from_millis(100);

/// The same, if the first attempt was throttled.
const THROTTLED_BACKOFF: Duration = Duration::from_secs(1);

/// The longest backoff. Several attempts fit a request's time limit.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// The retry quota of a client regains this many tokens a second. A throttled attempt costs 5 of
/// 500, others cost 10, so the quota outlasts a throttled request, but not a storm of failures.
const QUOTA_PER_SECOND: f32 = 5.0;

/// The retry configuration until an attempt is throttled.
pub(super) fn retry_config() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(MAX_FAILURES)
        .with_initial_backoff(BACKOFF)
        .with_max_backoff(MAX_BACKOFF)
}

/// The retry configuration after these attempts. A throttled one is always followed by another,
/// until the deadline ends the call.
fn next_config(tally: Tally) -> RetryConfig {
    let left = MAX_FAILURES.saturating_sub(tally.failed);
    match tally.is_throttled {
        true => retry_config().with_max_attempts(u32::MAX).with_initial_backoff(THROTTLED_BACKOFF),
        false => retry_config().with_max_attempts((tally.begun + left).max(1)),
    }
}

/// A retry quota for one client, so that the failures of one caller do not use up the retries of
/// another.
pub(super) fn quota() -> RetryPartition {
    let tokens = TokenBucket::builder().refill_rate(QUOTA_PER_SECOND).build();
    RetryPartition::custom(env!("CARGO_PKG_NAME")).token_bucket(tokens).build()
}

/// An interceptor of the clients for CloudWatch and STS, which counts attempts and throttles and
/// chooses what follows them.
#[derive(Debug)]
pub(super) struct Retries;

impl Intercept for Retries {
    fn name(&self) -> &'static str {
        "Retries"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Usage::record_attempt();
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = context.output_or_error().and_then(Result::err);
        let Some(error) = error else {
            Usage::record_attempt_end(AttemptEnd::Answered);
            return Ok(());
        };
        let is_throttled = error.as_operation_error().and_then(code).is_some_and(is_throttling);
        let end = if is_throttled { AttemptEnd::Throttled } else { AttemptEnd::Failed };
        Usage::record_attempt_end(end);
        config.interceptor_state().store_put(next_config(Attempts::current()));
        Ok(())
    }
}

/// AWS's error code, if the error is AWS's response to a call of the mirror.
fn code(error: &Error) -> Option<&str> {
    let data = error.downcast_ref().and_then(GetMetricDataError::code);
    let list = || error.downcast_ref().and_then(ListMetricsError::code);
    let role = || error.downcast_ref().and_then(AssumeRoleError::code);
    data.or_else(list).or_else(role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_use_up_the_attempts() {
        for (begun, throttled, failed, is_throttled, max_attempts) in [
            (1, 0, 1, false, 3),
            (2, 0, 2, false, 3),
            (3, 0, 3, false, 3),
            (1, 1, 0, true, u32::MAX),
            (9, 8, 1, true, u32::MAX),
            // Two throttles and a failure leave two more attempts.
            (3, 2, 1, false, 5),
            (5, 2, 3, false, 5),
        ] {
            let tally = Tally { begun, throttled, failed, is_throttled };
            assert_eq!(next_config(tally).max_attempts(), max_attempts, "{tally:?}");
        }
    }
}
