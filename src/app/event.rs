//! What Lambda's event tells about a request, apart from its HTTP parts.

use std::net::IpAddr;
use std::time::Duration;

use lambda_http::RequestExt;
use lambda_http::http::request::Parts;
use lambda_http::request::RequestContext;

use crate::time::EpochMillis;

/// The time that Lambda leaves for the request.
pub(super) fn time_left(parts: &Parts, now: EpochMillis) -> Option<Duration> {
    let context = parts.extensions.lambda_context_ref()?;
    let left = context.deadline.checked_sub(now.0.cast_unsigned())?;
    // `cargo lambda watch` sets deadlines that have already passed.
    Some(Duration::from_millis(left)).filter(|left| !left.is_zero())
}

/// The address of the caller, which Lambda puts into the event. Headers do not count: anybody can
/// send them.
pub(super) fn source_address(parts: &Parts) -> Option<IpAddr> {
    let address = match parts.extensions.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
        _ => None,
    };
    address?.parse().ok()
}

/// The API Gateway stage of the request, if it has a name.
pub(super) fn stage(parts: &Parts) -> Option<&str> {
    let stage = match parts.extensions.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.stage.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.stage.as_deref(),
        _ => None,
    };
    stage.filter(|stage| *stage != "$default")
}
