//! What a request gets, as an HTTP response.

use lambda_http::Body;
use lambda_http::http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use lambda_http::http::{HeaderName, HeaderValue, Response, StatusCode};

use super::log_line::LogLine;
use super::request_error::RequestError;
use crate::api::answer;
use crate::explore;

const API_KEY: HeaderName = HeaderName::from_static("x-mirror-api-key");

const JSON: &str = "application/json";

/// What a request gets that does not fail.
pub(super) enum Success {
    /// The JSON of an answer.
    Json(String),
    /// A file of the page at `/explore`.
    File(&'static explore::File),
    /// The page's address, without the slash behind it.
    Elsewhere,
}

/// The response, with the mirror's key for a caller who may know it. The log line gets the error.
pub(super) fn response(
    result: Result<Success, RequestError>,
    key: Option<&HeaderValue>,
    log_line: &mut LogLine,
) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    let mut insert = |name: HeaderName, value| {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    };
    let (status, body) = match result {
        Ok(Success::Json(body)) => {
            insert(CONTENT_TYPE, JSON);
            (StatusCode::OK, body.into())
        }
        Ok(Success::File(file)) => {
            insert(CONTENT_TYPE, file.content_type);
            for (name, value) in explore::HEADERS {
                insert(HeaderName::from_static(name), value);
            }
            (StatusCode::OK, file.text.into())
        }
        Ok(Success::Elsewhere) => {
            insert(LOCATION, "../explore");
            (StatusCode::PERMANENT_REDIRECT, Body::Empty)
        }
        Err(error) => {
            insert(CONTENT_TYPE, JSON);
            let (status, allow) = error.status();
            if let Some(method) = allow {
                insert(ALLOW, method);
            }
            let error = error.into_error();
            log_line.record_error(&error);
            (status, answer::error_body(&error).unwrap_or_default().into())
        }
    };
    *response.status_mut() = status;
    *response.body_mut() = body;
    if let Some(key) = key {
        response.headers_mut().insert(API_KEY, key.clone());
    }
    response
}
