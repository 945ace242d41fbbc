//! What went wrong at AWS → an error that says what to do about it.
//!
//! AWS's own words are passed on only where they hold nothing that signs a request: a message
//! about a signature can quote the session token.

use std::error::Error;

use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;

use crate::connection::Role;
use crate::error::MirrorError;
use crate::region::Region;

/// What was asked of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action<'a> {
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

    /// AWS's name for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Action::ListMetrics => "ListMetrics",
            Action::GetMetricData => "GetMetricData",
            Action::AssumeRole(_) => "AssumeRole",
        }
    }
}

/// An error of CloudWatch, or on the way to it.
pub(super) fn of_call<E>(
    error: &SdkError<E, Response>,
    action: Action,
    region: &Region,
) -> MirrorError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let service = action.service();
    let details = match error {
        SdkError::ServiceError(context) if !context.raw().status().is_success() => {
            let status = context.raw().status().as_u16();
            return of_code(context.err().code(), context.err().message(), status, action, region);
        }
        _ if root(error).starts_with("invalid peer certificate") => format!(
            "{service} in {region} does not show a certificate that the mirror trusts ({}); where \
             a proxy opens TLS, the function's variable SSL_CERT_FILE must name its certificate",
            root(error)
        ),
        SdkError::DispatchFailure(failure) if failure.is_timeout() || failure.is_io() => format!(
            "{service} in {region} cannot be reached: {}; expected a region that exists, and a \
             network that lets this function out",
            root(error)
        ),
        SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
            format!("{service} in {region} sent an answer that cannot be read: {}", root(error))
        }
        _ => format!(
            "{service} in {region} could not be asked for {}: {}",
            action.name(),
            root(error)
        ),
    };
    MirrorError::Connection { details }
}

/// STS lets the role be assumed, and sends no credentials of it.
pub(super) fn no_session(role: &Role) -> MirrorError {
    MirrorError::Connection {
        details: format!("STS sent no credentials for the role {}", role.arn),
    }
}

/// The function's own rights are asked for and it has none.
pub(super) fn no_own_credentials() -> MirrorError {
    MirrorError::Connection {
        details: "this mirror has no credentials of its own, as it would have in Lambda; expected \
                  accessKeyId and secretAccessKey in the connection details"
            .to_owned(),
    }
}

fn of_code(
    code: Option<&str>,
    message: Option<&str>,
    status: u16,
    action: Action,
    region: &Region,
) -> MirrorError {
    let (service, name) = (action.service(), action.name());
    let says = message.map(|message| format!(" ({service} says: {message})")).unwrap_or_default();
    let details = match code.unwrap_or_default() {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "NotAuthorized" => {
            match action {
                Action::ListMetrics | Action::GetMetricData => format!(
                    "the credentials are good, but may not do cloudwatch:{name}; expected a policy \
                     that allows it{says}"
                ),
                Action::AssumeRole(role) => format!(
                    "the credentials may not assume the role {}; expected a role of that ARN, a \
                     trust policy of it that names them, with the externalId it asks for if it \
                     asks for one, and a policy of theirs that allows sts:AssumeRole on it (the \
                     function's own role is allowed the AssumableRoles that it is deployed \
                     with){says}",
                    role.arn
                ),
            }
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => format!(
            "AWS in {region} does not know the access key; expected an accessKeyId that exists \
             and is active, a sessionToken beside one that begins with ASIA, and a region that is \
             enabled for the account"
        ),
        "SignatureDoesNotMatch" | "InvalidSignatureException" => {
            "the access key exists, but the secret is not its secret; expected the \
             secretAccessKey that belongs to accessKeyId, whole and without spaces"
                .to_owned()
        }
        "InvalidToken" => {
            "AWS does not know the sessionToken; expected the one that belongs to the \
             keys, whole, and none beside keys that begin with AKIA"
                .to_owned()
        }
        "ExpiredToken" | "ExpiredTokenException" => {
            "the session has expired; expected a sessionToken that is still good, with its own \
             keys, or keys that do not expire"
                .to_owned()
        }
        "RequestExpired" | "RequestTimeTooSkewed" | "InvalidTimestamp" => {
            format!("{service} finds this mirror's clock wrong{says}")
        }
        "OptInRequired" | "RegionDisabledException" | "SubscriptionRequiredException" => {
            format!(
                "the region {region} is not enabled for the account; expected one that is{says}"
            )
        }
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "LimitExceeded"
        | "LimitExceededException" => format!(
            "{service} in {region} throttles this account's {name}; expected fewer streams at \
             once, or a higher quota"
        ),
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
                     tokenExpirySeconds no longer than the role's maximum session, and no longer \
                     than 3600 where the credentials are a role's themselves, as the function's \
                     own are{says}",
                role.arn
            ),
            Action::ListMetrics | Action::GetMetricData => {
                return MirrorError::Remote {
                    summary: "CloudWatch does not accept the query",
                    details: format!("{name} in {region}{says}"),
                };
            }
        },
        code => format!(
            "{service} in {region} failed to answer {name}: status {status}{}{says}",
            if code.is_empty() { String::new() } else { format!(", {code}") }
        ),
    };
    MirrorError::Connection { details }
}

/// The innermost reason, which is the one that says something.
fn root(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
