//! What a request gets, as Lambda's answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lambda_http::http::StatusCode;
use serde::Serialize;

use super::log_line::LogLine;
use crate::api::answer;
use crate::api::endpoint::RouteError;
use crate::error::MirrorError;
use crate::explore;

const API_KEY: &str = "x-mirror-api-key";

/// Tells the page which source answered, for only the mirror knows what the connection details mean.
const SOURCE: &str = "x-mirror-source";

const JSON: &str = "application/json";

/// The maximum length of a body, in bytes. The largest set of conditions takes a part of it, and
/// its tree in memory at most 130 times as much.
pub(super) const MAX_BODY: usize = 256 << 10;

/// An answer to a function URL, an HTTP API or a REST API, with the members that Lambda documents
/// ("Lambda proxy integrations", API Gateway developer guide). It has no Debug output, for it has
/// the key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub(super) status_code: u16,
    headers: BTreeMap<&'static str, Cow<'static, str>>,
    body: Cow<'static, str>,
    is_base64_encoded: bool,
    /// Only in format 2.0. The mirror sets none, but `cargo lambda watch` requires the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cookies: Option<[&'static str; 0]>,
}

/// What a request gets that does not fail.
pub(super) enum Success {
    /// The JSON of an answer.
    Json(String),
    /// A file of the page at `/explore`.
    File(&'static explore::File),
    /// The page's address, without the slash behind it.
    Elsewhere,
}

/// Why a request fails.
pub(super) enum RequestError {
    /// An error of the Mirror REST API. Its status is 500: StackState reads the body, not the
    /// status.
    Mirror(MirrorError),
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

impl Response {
    /// The response, with the mirror's key for a caller who may know it, and the source if the page
    /// is served. The log line gets the error.
    pub(super) fn new(
        result: Result<Success, RequestError>,
        key: Option<&str>,
        source: Option<String>,
        log_line: &mut LogLine,
    ) -> Self {
        let mut headers = BTreeMap::new();
        let mut insert = |name, value: &'static str| headers.insert(name, value.into());
        let (status, body) = match result {
            Ok(Success::Json(body)) => {
                insert("content-type", JSON);
                (StatusCode::OK, body.into())
            }
            Ok(Success::File(file)) => {
                insert("content-type", file.content_type);
                for (name, value) in explore::HEADERS {
                    insert(name, value);
                }
                (StatusCode::OK, file.text.into())
            }
            Ok(Success::Elsewhere) => {
                insert("location", "../explore");
                (StatusCode::PERMANENT_REDIRECT, "".into())
            }
            Err(error) => {
                insert("content-type", JSON);
                if let RequestError::Route(RouteError::MethodNotAllowed { allow }) = error {
                    insert("allow", allow);
                }
                let (status, error) = error.explained(log_line);
                (status, answer::error_body(&error).unwrap_or_default().into())
            }
        };
        headers.extend(key.map(|key| (API_KEY, key.to_owned().into())));
        headers.extend(source.map(|source| (SOURCE, source.into())));
        let (is_base64_encoded, cookies) = (false, None);
        Response { status_code: status.as_u16(), headers, body, is_base64_encoded, cookies }
    }
}

impl RequestError {
    /// The status, and the error that the body shows. The log line gets why.
    fn explained(self, log_line: &mut LogLine) -> (StatusCode, MirrorError) {
        let (status, summary, details) = match self {
            RequestError::Mirror(error) => {
                log_line.record_error(&error);
                return (StatusCode::INTERNAL_SERVER_ERROR, error);
            }
            RequestError::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "The mirror does not know the caller",
                "connectionDetails.accessToken: expected the access token that the mirror was \
                 deployed with, from an address in its allowed networks, if it has any"
                    .to_owned(),
            ),
            RequestError::Route(RouteError::NotFound) => (
                StatusCode::NOT_FOUND,
                "The mirror has no such path",
                "expected /api/connection, /api/field/name, /api/field/value or /api/metric after \
                 the Mirror URL; the Mirror URL is the function URL without a path"
                    .to_owned(),
            ),
            RequestError::Route(RouteError::MethodNotAllowed { allow }) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "The path does not accept this method",
                format!("expected {allow}"),
            ),
            RequestError::TooLarge { bytes } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "The request is too large",
                format!("the body: expected at most {MAX_BODY} bytes, found {bytes}"),
            ),
        };
        log_line.record_refusal(summary);
        (status, MirrorError::Remote { summary, details })
    }
}

impl From<MirrorError> for RequestError {
    fn from(error: MirrorError) -> Self {
        RequestError::Mirror(error)
    }
}
