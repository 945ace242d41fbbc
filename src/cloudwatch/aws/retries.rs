//! When a failed attempt is followed by another, and how many attempts there were.
//!
//! The SDK knows one limit and one backoff for all faults. A throttled call is worth waiting for
//! until the deadline: the quota is there again a second later. Other faults either are over at
//! once or stay. The SDK reads its configuration again before every attempt, so an interceptor
//! replaces it after each.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudwatch::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_cloudwatch::error::ProvideErrorMetadata;
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataError;
use aws_sdk_cloudwatch::operation::list_metrics::ListMetricsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, Error,
    FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::code::is_throttling;
use crate::usage::{Attempts, Tally, Usage};

/// The maximum number of attempts of a call that fail without being throttled.
const MAX_FAILURES: u32 = 3;

/// The time of the first attempt, at most. It may have met a connection that is dead without
/// knowing it: the process is frozen between requests. The next attempt has a new connection and
/// all the time that is left.
const ATTEMPT_TIME: Duration = Duration::from_secs(8);

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

/// The timeouts of the next attempt after these.
fn timeouts(tally: Tally, left: Option<Duration>) -> TimeoutConfig {
    match left {
        Some(left) if tally.failed == 0 => {
            TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIME.min(left / 2)).build()
        }
        _ => TimeoutConfig::disabled(),
    }
}

/// A retry quota for one client, so that the failures of one caller do not use up the retries of
/// another. An attempt that was given up early ([`TimeLimit`]) costs nothing: without its retry,
/// the call would have had more time.
pub(super) fn quota() -> RetryPartition {
    let tokens = TokenBucket::builder().refill_rate(QUOTA_PER_SECOND).retry_cost(0).build();
    RetryPartition::custom(env!("CARGO_PKG_NAME")).token_bucket(tokens).build()
}

/// Classifies an attempt that took too long apart from other temporary faults.
#[derive(Debug)]
pub(super) struct TimeLimit;

impl ClassifyRetry for TimeLimit {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            Some(Err(error)) if error.is_timeout_error() => RetryAction::server_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "TimeLimit"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// An interceptor of the clients for CloudWatch and STS, which counts attempts and throttles and
/// chooses what follows them.
#[derive(Debug)]
pub(super) struct Retries;

impl Intercept for Retries {
    fn name(&self) -> &'static str {
        "Retries"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(timeouts(Attempts::current(), Attempts::time_left()));
        Ok(())
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
        let is_throttled =
            error.map(|error| error.as_operation_error().and_then(code).is_some_and(is_throttling));
        Usage::record_attempt_end(is_throttled);
        if error.is_none() {
            return Ok(());
        }
        let tally = Attempts::current();
        let state = config.interceptor_state();
        state.store_put(next_config(tally));
        state.store_put(timeouts(tally, Attempts::time_left()));
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
    fn the_first_attempt_has_a_time_of_its_own() {
        let seconds = Duration::from_secs;
        for (failed, throttled, left, time) in [
            (0, 0, Some(seconds(25)), Some(seconds(8))),
            (0, 0, Some(seconds(12)), Some(seconds(6))),
            (0, 5, Some(seconds(6)), Some(seconds(3))),
            (1, 0, Some(seconds(17)), None),
            (2, 0, Some(seconds(9)), None),
            (0, 0, None, None),
        ] {
            let tally = Tally { begun: failed + throttled, throttled, failed, is_throttled: false };
            let found = timeouts(tally, left).operation_attempt_timeout();
            assert_eq!(found, time, "{tally:?} {left:?}");
        }
    }

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
