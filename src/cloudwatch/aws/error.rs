//! AWS's errors → errors that say what to do.
//!
//! An error includes AWS's message only if the message cannot contain a secret. A message about
//! a signature can quote the session token.

use std::error::Error;
use std::time::Duration;

use aws_sdk_cloudwatch::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;

use super::code::{is_about_signature, is_denial, is_throttling, is_unknown};
use super::proxy::ProxyError;
use super::tls;
use crate::connection::Role;
use crate::error::MirrorError;
use crate::region::Region;
use crate::usage::Tally;

/// The AWS actions that the mirror calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action<'a> {
    ListMetrics,
    GetMetricData,
    AssumeRole(&'a Role),
}

impl Action<'_> {
    fn service(self) -> &'static str {
        match self {
            Action::ListMetrics | Action::GetMetricData => "CloudWatch",
            Action::AssumeRole(_) => "STS",
        }
    }

    /// AWS's name of the action.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Action::ListMetrics => "ListMetrics",
            Action::GetMetricData => "GetMetricData",
            Action::AssumeRole(_) => "AssumeRole",
        }
    }
}

/// What an error tells of the client whose call failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) region: &'a Region,
    /// Who signed the call.
    pub(crate) signer: Signer<'a>,
    /// The variables that choose another endpoint than the region's usual one; `""` if none does.
    pub(crate) variant: &'static str,
}

/// Whose credentials sign a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signer<'a> {
    /// The keys in the connection details.
    Keys,
    /// The function's own role.
    FunctionRole,
    /// A role that the mirror assumed.
    Role(&'a Role),
}

/// The error of a call that has not ended in the time that its request is allowed to take.
pub(super) fn overdue(
    allowed: Duration,
    action: Action,
    region: &Region,
    attempts: Tally,
) -> MirrorError {
    let (service, millis) = (action.service(), allowed.as_millis());
    if attempts.is_throttled {
        let within = format!(" within {millis} milliseconds");
        return MirrorError::connection(throttled(action, region, attempts, &within));
    }
    let what = match action {
        Action::ListMetrics | Action::GetMetricData => format!("answer {}", action.name()),
        Action::AssumeRole(role) => format!("assume the role {}", role.arn),
    };
    MirrorError::connection(format!(
        "no answer within {millis} milliseconds, the time limit of this request; it was waiting for \
         {service} in {region} to {what}{}",
        in_attempts(attempts)
    ))
}

/// The error of a call that failed after these attempts, at AWS or on the way there.
pub(super) fn from_call<E>(
    error: &SdkError<E, Response>,
    action: Action,
    origin: Origin,
    attempts: Tally,
) -> MirrorError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (service, region) = (action.service(), origin.region);
    let tried = in_attempts(attempts);
    let variant = match origin.variant {
        "" => String::new(),
        variables => format!(" and has the endpoint that {variables} asks for"),
    };
    if let Some(error) = ProxyError::find(error) {
        return MirrorError::connection(of_proxy(error, service, region, &tried, &variant));
    }
    if let Some(details) = tls::refusal(error, &format_args!("{service} in {region}")) {
        return MirrorError::connection(details);
    }
    let details = match error {
        SdkError::ServiceError(context) if !context.raw().status().is_success() => {
            let status = context.raw().status().as_u16();
            return from_code(context.err().meta(), status, action, origin, attempts);
        }
        SdkError::DispatchFailure(failure) if failure.is_io() => format!(
            "{service} in {region} cannot be reached: {}{tried}; expected a region that exists{variant}, and \
             a network that lets this function connect to it",
            root(error)
        ),
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
            format!(
                "{service} in {region} sent a response that cannot be read: {}{tried}",
                root(error)
            )
        }
        _ => format!(
            "{service} in {region} did not respond to {}: {}{tried}{}",
            action.name(),
            root(error),
            match variant.as_str() {
                "" => String::new(),
                variant => format!("; expected a region that exists{variant}"),
            }
        ),
    };
    MirrorError::connection(details)
}

fn of_proxy(
    error: &ProxyError,
    service: &str,
    region: &Region,
    tried: &str,
    variant: &str,
) -> String {
    match error {
        ProxyError::Invalid => format!("{service} in {region} cannot be reached: {error}"),
        ProxyError::Failed { proxy, reason, .. } => format!(
            "the proxy {proxy} does not connect the mirror to {service} in {region}: \
             {reason}{tried}; expected an HTTP proxy that the function can reach and that allows \
             CONNECT to AWS, with its user and password, if it requires them, in the function's \
             variable HTTPS_PROXY, as in http://user:password@proxy.example.com:3128{}",
            match variant {
                "" => String::new(),
                variant => format!(", and a region that exists{variant}"),
            }
        ),
    }
}

/// The response of STS has no credentials.
pub(super) fn no_session(role: &Role) -> MirrorError {
    MirrorError::connection(format!("STS returned no credentials for the role {}", role.arn))
}

/// The connection details use the function's own role, and the function has no credentials.
pub(super) fn no_function_credentials() -> MirrorError {
    MirrorError::connection(
        "this mirror has no role of its own, because it does not run in Lambda; give accessKeyId and \
         secretAccessKey in the connection details",
    )
}

/// The summary of an error that says what is wrong with a query.
const REFUSED_QUERY: &str = "CloudWatch does not accept the query";

/// Whether CloudWatch refused a call because of what it asks, not because of who asks, or when.
pub(crate) fn is_refused_query(error: &MirrorError) -> bool {
    matches!(error, MirrorError::Remote { summary: REFUSED_QUERY, .. })
}

/// The error of a session that AWS does not accept. Its keys are not the caller's.
fn refused_session(region: &Region, signer: Signer) -> String {
    let (role, way_out) = match signer {
        Signer::Role(Role { arn, .. }) => (
            format!(
                "the role {arn}, which may have been revoked; a later request has another session"
            ),
            "a role that exists, and a region that is enabled for its account",
        ),
        Signer::Keys | Signer::FunctionRole => (
            "the function's own role, which Lambda gave to this instance".to_owned(),
            "a region that is enabled for the function's account, or a new instance: deploy again",
        ),
    };
    format!("AWS in {region} does not accept the session of {role}; expected {way_out}")
}

fn wrong_clock(service: &str, says: &str) -> String {
    format!(
        "{service} does not accept this mirror's clock; expected a clock that is at most a few minutes \
         off{says}"
    )
}

fn from_code(
    error: &ErrorMetadata,
    status: u16,
    action: Action,
    Origin { region, signer, .. }: Origin,
    attempts: Tally,
) -> MirrorError {
    let (service, name) = (action.service(), action.name());
    let message = error.message().unwrap_or_default();
    // Only the first line is AWS's own: what follows can quote the request.
    let first = message.lines().next().unwrap_or_default();
    let says = match first {
        "" => String::new(),
        first => format!(" ({service} says: {first})"),
    };
    let code = error.code().unwrap_or_default();
    // AWS has one code for all that can be wrong with a signature.
    let is_about = |text: &str| is_about_signature(code) && first.starts_with(text);
    let details = match code {
        _ if is_about("Signature expired") || is_about("Signature not yet current") => {
            wrong_clock(service, &says)
        }
        _ if is_about("Credential should be scoped to") => {
            let (other, way_out) = match action {
                Action::ListMetrics | Action::GetMetricData => (
                    "the query",
                    "a query for the endpoint's region, or no variable AWS_ENDPOINT_URL or \
                     AWS_ENDPOINT_URL_CLOUDWATCH of the function",
                ),
                Action::AssumeRole(_) => (
                    "the query's STS",
                    "no variable AWS_ENDPOINT_URL or AWS_ENDPOINT_URL_STS of the function",
                ),
            };
            format!(
                "{service} does not accept a signature for {region}: the configured endpoint belongs to \
                 another region than {other}, or to another service; expected {way_out}"
            )
        }
        code if is_unknown(code) && signer != Signer::Keys => refused_session(region, signer),
        code if is_denial(code) => match (action, signer) {
            (Action::AssumeRole(role), _) => format!(
                "the credentials may not assume the role {}; expected a role with that ARN, \
                 whose trust policy names the credentials' owner, the externalId that the \
                 trust policy requires, if any, and credentials whose policy allows \
                 sts:AssumeRole on the role (the function's own role may assume the roles in \
                 AssumableRoles){says}",
                role.arn
            ),
            (_, Signer::Keys) => format!(
                "the credentials are valid, but their policy does not allow \
                 cloudwatch:{name}; expected a policy that allows it{says}"
            ),
            (_, Signer::FunctionRole) => format!(
                "the policy of the function's own role does not allow cloudwatch:{name}; expected a \
                 policy that allows it{says}"
            ),
            (_, Signer::Role(role)) => format!(
                "the policies of the role {} do not allow cloudwatch:{name}, or its session was \
                 revoked; expected policies that allow it (after a revocation, a later request has \
                 another session){says}",
                role.arn
            ),
        },
        code if is_about_signature(code) => {
            "the secretAccessKey does not belong to the accessKeyId; expected the whole secret \
             of that access key, without spaces"
                .to_owned()
        }
        "InvalidToken" => {
            "AWS does not know the sessionToken; expected the whole token that belongs to the \
             keys, and no token for an accessKeyId that begins with AKIA"
                .to_owned()
        }
        "ExpiredToken" | "ExpiredTokenException" => {
            "the session has expired; expected keys with a sessionToken that is still valid, or \
             keys that do not expire"
                .to_owned()
        }
        code if is_unknown(code) => format!(
            "AWS in {region} does not know the access key; expected an accessKeyId that exists \
             and is active, a sessionToken if it begins with ASIA, and a region that is enabled \
             for the account"
        ),
        "RequestExpired" | "RequestTimeTooSkewed" | "InvalidTimestamp" => {
            wrong_clock(service, &says)
        }
        "OptInRequired" | "RegionDisabledException" | "SubscriptionRequiredException" => {
            match action {
                Action::ListMetrics | Action::GetMetricData => format!(
                    "the region {region} is not enabled for the account; expected one that is{says}"
                ),
                Action::AssumeRole(role) => format!(
                    "the region {region}, in which this mirror asks STS, is not enabled for the \
                     account of the role {} or of the credentials; expected both accounts to enable \
                     it, or a mirror in a region that is enabled by default{says}",
                    role.arn
                ),
            }
        }
        code if is_throttling(code) => throttled(action, region, attempts, ""),
        "ValidationError"
        | "ValidationException"
        | "InvalidParameterValue"
        | "InvalidParameterValueException"
        | "InvalidParameterCombination"
        | "InvalidParameterCombinationException"
        | "MissingParameter"
        | "MissingRequiredParameter"
        | "MissingRequiredParameterException"
        | "InvalidNextToken" => match action {
            Action::AssumeRole(role) => format!(
                "STS does not accept the request to assume the role {}; expected \
                 tokenExpirySeconds up to the role's maximum session duration, and up to 3600 if \
                 the credentials belong to a role, like those of the function's own role{says}",
                role.arn
            ),
            Action::ListMetrics | Action::GetMetricData => {
                return MirrorError::Remote {
                    summary: REFUSED_QUERY,
                    details: format!("{name} in {region}{says}"),
                };
            }
        },
        code => format!(
            "{service} in {region} failed to answer {name}: status {status}{}{}{says}",
            if code.is_empty() { String::new() } else { format!(", {code}") },
            in_attempts(attempts),
        ),
    };
    MirrorError::connection(details)
}

fn throttled(action: Action, region: &Region, attempts: Tally, within: &str) -> String {
    format!(
        "{} in {region} throttles this account's {} calls: it refused {} of {} attempts{within}; \
         use fewer streams, a longer cacheSeconds, or a higher quota (AWS console, Service Quotas)",
        action.service(),
        action.name(),
        attempts.throttled,
        attempts.begun,
    )
}

/// The number of attempts in an error's words, if there were several.
fn in_attempts(Tally { begun, .. }: Tally) -> String {
    if begun > 1 { format!(" ({begun} attempts)") } else { String::new() }
}

/// The innermost source of an error, which is the most specific one.
fn root(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::operation::list_metrics::ListMetricsError;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;

    /// A region may lack an endpoint that the others have.
    #[test]
    fn an_endpoint_that_does_not_exist_is_told() {
        let region = Region::new("ap-east-1").unwrap();
        for (variant, words) in [
            ("", "expected a region that exists, and a network"),
            (
                "AWS_USE_FIPS_ENDPOINT",
                "expected a region that exists and has the endpoint that AWS_USE_FIPS_ENDPOINT asks for, and \
                 a network",
            ),
        ] {
            let origin = Origin { region: &region, signer: Signer::Keys, variant };
            let error = ConnectorError::io("no such host".into());
            let error: SdkError<ListMetricsError, Response> = SdkError::dispatch_failure(error);
            let error = from_call(&error, Action::ListMetrics, origin, Tally::default());
            let MirrorError::Connection { details } = error else { panic!("{error}") };
            let start = format!("CloudWatch in {region} cannot be reached: no such host; {words}");
            assert!(details.starts_with(&start), "{details}");
        }
    }
}
