//! What AWS's error codes mean.

use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;

/// What a failed call tells of the credentials that signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credit {
    /// AWS does not accept them.
    Unknown,
    /// AWS accepts them, but they may not do this. A new session of the same role may, if this one was
    /// revoked.
    Denied,
    /// AWS accepts them.
    Accepted,
    /// Nothing: AWS has not responded.
    Untold,
}

impl Credit {
    /// What the error of a call tells.
    pub(super) fn of<E: ProvideErrorMetadata>(error: &SdkError<E, Response>) -> Self {
        match error.as_service_error().map(|error| error.code().unwrap_or_default()) {
            None => Credit::Untold,
            Some(code) if is_unknown(code) => Credit::Unknown,
            Some(code) if is_denial(code) => Credit::Denied,
            Some(_) => Credit::Accepted,
        }
    }
}

/// Whether AWS knows the credentials, but does not allow what was asked.
pub(super) fn is_denial(code: &str) -> bool {
    matches!(
        code,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "NotAuthorized"
    )
}

/// Whether AWS does not accept the credentials with this error code, whatever they may do.
pub(super) fn is_unknown(code: &str) -> bool {
    is_about_signature(code)
        || matches!(
            code,
            "InvalidClientTokenId"
                | "UnrecognizedClientException"
                | "InvalidAccessKeyId"
                | "IncompleteSignature"
                | "IncompleteSignatureException"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
                | "InvalidToken"
                | "ExpiredToken"
                | "ExpiredTokenException"
        )
}

/// Whether AWS says something about the signature with this error code.
pub(super) fn is_about_signature(code: &str) -> bool {
    matches!(code, "SignatureDoesNotMatch" | "InvalidSignatureException")
}

/// Whether AWS refuses a call with this error code because there are too many calls.
pub(super) fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "LimitExceeded"
            | "LimitExceededException"
    )
}
