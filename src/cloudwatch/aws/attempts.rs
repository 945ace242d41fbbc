//! Counts the attempts of a call, and those that AWS throttles, for the log line.

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
use crate::usage::Usage;

/// An interceptor of the clients for CloudWatch and STS.
#[derive(Debug)]
pub(super) struct CountAttempts;

impl Intercept for CountAttempts {
    fn name(&self) -> &'static str {
        "CountAttempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Usage::record_current(|counts| counts.attempts += 1);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = context.output_or_error().and_then(Result::err);
        let code = error.and_then(|error| code(error.as_operation_error()?));
        if code.is_some_and(is_throttling) {
            Usage::record_current(|counts| counts.throttles += 1);
        }
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
