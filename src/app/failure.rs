//! Why a request has no answer, in HTTP's terms.

use lambda_http::http::StatusCode;

use crate::api::endpoint::Unrouted;
use crate::error::MirrorError;

/// A longer body is refused, in bytes.
pub(super) const LONGEST_BODY: usize = 1 << 20;

/// Why a request has no answer, in HTTP's terms.
pub(super) enum Failure {
    /// An error of the Mirror REST API, status 500: StackState reads the body, not the status.
    Mirror(MirrorError),
    /// A mistake of the mirror's own.
    Panicked,
    /// Without a token that admits.
    Stranger,
    Unrouted(Unrouted),
    TooLarge {
        bytes: usize,
    },
}

impl Failure {
    /// The status, and the method that would be allowed.
    pub(super) fn status(&self) -> (StatusCode, Option<&'static str>) {
        match self {
            Failure::Mirror(_) | Failure::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, None),
            Failure::Stranger => (StatusCode::UNAUTHORIZED, None),
            Failure::Unrouted(Unrouted::NotFound) => (StatusCode::NOT_FOUND, None),
            Failure::Unrouted(Unrouted::MethodNotAllowed { allow }) => {
                (StatusCode::METHOD_NOT_ALLOWED, Some(allow))
            }
            Failure::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, None),
        }
    }

    /// What the body says.
    pub(super) fn into_error(self) -> MirrorError {
        let (summary, details) = match self {
            Failure::Mirror(error) => return error,
            Failure::Panicked => (
                "The mirror failed",
                "this is a mistake of the mirror's own; its log says where it happened".to_owned(),
            ),
            Failure::Stranger => (
                "The mirror does not know the caller",
                "connectionDetails.accessToken: expected the token that the mirror was deployed with"
                    .to_owned(),
            ),
            Failure::Unrouted(Unrouted::NotFound) => (
                "The mirror has no such path",
                "expected /api/connection, /api/field/name, /api/field/value or /api/metric \
                 behind the Mirror URL; the Mirror URL is the function's own URL, and nothing more"
                    .to_owned(),
            ),
            Failure::Unrouted(Unrouted::MethodNotAllowed { allow }) => {
                ("The mirror wants another method here", format!("expected {allow}"))
            }
            Failure::TooLarge { bytes } => (
                "The request is too large",
                format!("the body: expected at most {LONGEST_BODY} bytes, found {bytes}"),
            ),
        };
        MirrorError::Remote { summary, details }
    }
}

impl From<MirrorError> for Failure {
    fn from(error: MirrorError) -> Self {
        Failure::Mirror(error)
    }
}

impl From<Unrouted> for Failure {
    fn from(unrouted: Unrouted) -> Self {
        Failure::Unrouted(unrouted)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        let (summary, details) = ("The mirror cannot write its answer", error.to_string());
        Failure::Mirror(MirrorError::Remote { summary, details })
    }
}
