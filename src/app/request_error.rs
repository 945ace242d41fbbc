//! Why a request fails, and the HTTP status of each reason.

use lambda_http::http::StatusCode;

use crate::api::endpoint::RouteError;
use crate::error::MirrorError;

/// The maximum length of a body, in bytes. The largest set of conditions takes a part of it, and
/// its tree in memory at most 130 times as much.
pub(super) const MAX_BODY: usize = 256 << 10;

/// Why a request fails.
pub(super) enum RequestError {
    /// An error of the Mirror REST API. Its status is 500: StackState reads the body, not the
    /// status.
    Mirror(MirrorError),
    /// A bug in the mirror.
    Panicked,
    /// The caller has no valid access token, or calls from an address that is not allowed.
    Unauthorized,
    /// No endpoint serves the method and path.
    Route(RouteError),
    /// The body is too long.
    TooLarge {
        /// The length of the body.
        bytes: usize,
    },
}

impl RequestError {
    /// The status, and for status 405 the method that is allowed.
    pub(super) fn status(&self) -> (StatusCode, Option<&'static str>) {
        match self {
            RequestError::Mirror(_) | RequestError::Panicked => {
                (StatusCode::INTERNAL_SERVER_ERROR, None)
            }
            RequestError::Unauthorized => (StatusCode::UNAUTHORIZED, None),
            RequestError::Route(RouteError::NotFound) => (StatusCode::NOT_FOUND, None),
            RequestError::Route(RouteError::MethodNotAllowed { allow }) => {
                (StatusCode::METHOD_NOT_ALLOWED, Some(allow))
            }
            RequestError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, None),
        }
    }

    /// The error that the body shows.
    pub(super) fn into_error(self) -> MirrorError {
        let (summary, details) = match self {
            RequestError::Mirror(error) => return error,
            RequestError::Panicked => return MirrorError::panicked(),
            RequestError::Unauthorized => (
                "The mirror does not know the caller",
                "connectionDetails.accessToken: expected the access token that the mirror was \
                 deployed with, from an address in its allowed networks, if it has any"
                    .to_owned(),
            ),
            RequestError::Route(RouteError::NotFound) => (
                "The mirror has no such path",
                "expected /api/connection, /api/field/name, /api/field/value or /api/metric after \
                 the Mirror URL; the Mirror URL is the function URL without a path"
                    .to_owned(),
            ),
            RequestError::Route(RouteError::MethodNotAllowed { allow }) => {
                ("The path does not accept this method", format!("expected {allow}"))
            }
            RequestError::TooLarge { bytes } => (
                "The request is too large",
                format!("the body: expected at most {MAX_BODY} bytes, found {bytes}"),
            ),
        };
        MirrorError::Remote { summary, details }
    }
}

impl From<MirrorError> for RequestError {
    fn from(error: MirrorError) -> Self {
        RequestError::Mirror(error)
    }
}

impl From<RouteError> for RequestError {
    fn from(error: RouteError) -> Self {
        RequestError::Route(error)
    }
}

impl From<serde_json::Error> for RequestError {
    fn from(error: serde_json::Error) -> Self {
        let (summary, details) = ("The mirror cannot write its answer", error.to_string());
        RequestError::Mirror(MirrorError::Remote { summary, details })
    }
}
