//! One request, from HTTP request to HTTP response: endpoint, query, source, answer.

use std::time::{Duration, Instant};

use lambda_http::http::header::{ALLOW, CONTENT_TYPE};
use lambda_http::http::request::Parts;
use lambda_http::http::{self, HeaderName, HeaderValue, Response, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Context, RequestExt};
use serde_json::json;
use tracing::{info, warn};

use crate::api::answer::{self, Answer};
use crate::api::endpoint::{Call, Endpoint, Unrouted};
use crate::api::request::{self, Query, Request};
use crate::config::{Config, ConfigError};
use crate::connection::Connection;
use crate::error::MirrorError;
use crate::source::Source;

/// A longer body is refused, in bytes.
pub const LONGEST_BODY: usize = 1 << 20;

const API_KEY: HeaderName = HeaderName::from_static("x-mirror-api-key");

/// A request's body, decoded.
pub type Body = Result<Vec<u8>, NotBase64>;

/// A body that claims to be base64 and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBase64;

/// The mirror.
pub struct App {
    api_key: HeaderValue,
    entropy: fn() -> u64,
}

impl App {
    /// A mirror as `config` sets it up; `entropy` is where random data without a seed comes
    /// from.
    ///
    /// # Errors
    /// An HTTP header cannot carry the configured key.
    pub fn new(config: &Config, entropy: fn() -> u64) -> Result<Self, ConfigError> {
        let mut api_key =
            HeaderValue::from_str(&config.api_key).map_err(|_| ConfigError::ApiKey)?;
        api_key.set_sensitive(true);
        Ok(App { api_key, entropy })
    }

    /// Answers one request, and writes one line about it to the log.
    pub async fn handle(&self, request: http::Request<Body>) -> Response<lambda_http::Body> {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let mut record = Record::default();
        let outcome = self.answer(&parts, body, &mut record).await;
        let response = self.response(outcome, &mut record);
        record.write(&parts, response.status(), started.elapsed());
        response
    }

    async fn answer(
        &self,
        parts: &Parts,
        body: Body,
        record: &mut Record,
    ) -> Result<String, Failure> {
        let endpoint =
            Endpoint::find(&parts.method, parts.extensions.raw_http_path(), stage(parts))?;
        record.call = Some(endpoint.name());
        let call = match endpoint {
            Endpoint::About => return Ok(about()),
            Endpoint::Call(call) => call,
        };
        let body = body.map_err(|NotBase64| {
            MirrorError::request("the body: expected base64, as its event says, found other text")
        })?;
        if body.len() > LONGEST_BODY {
            return Err(Failure::TooLarge { bytes: body.len() });
        }
        let document = request::parse(&body)?;
        let request = Request::open(&document)?;
        let answer = match (call, self.ask(call, &request, record).await) {
            (Call::Connection, Err(error)) => {
                record.error = Some((error.kind(), error.summary()));
                Answer::NotConnected(error)
            }
            (_, answer) => answer?,
        };
        Ok(answer.body()?)
    }

    async fn ask(
        &self,
        call: Call,
        request: &Request<'_>,
        record: &mut Record,
    ) -> Result<Answer, MirrorError> {
        let connection = Connection::read(&request.connection_details)?;
        let source = Source::open(&connection, self.entropy);
        record.source = Some(source.name());
        Ok(match request.query(call)? {
            Query::Connection => {
                source.test().await?;
                Answer::Connected
            }
            Query::FieldNames(filter) => Answer::FieldNames(source.field_names(&filter).await?),
            Query::FieldValues(query) => Answer::FieldValues(source.field_values(&query).await?),
            Query::Metrics(query) => {
                let telemetry = source.metrics(&query).await?;
                record.points = Some(telemetry.points.count());
                Answer::Metrics(telemetry)
            }
        })
    }

    fn response(
        &self,
        outcome: Result<String, Failure>,
        record: &mut Record,
    ) -> Response<lambda_http::Body> {
        let (status, allow, body) = match outcome {
            Ok(body) => (StatusCode::OK, None, body),
            Err(failure) => {
                let (status, allow) = failure.status();
                let error = failure.into_error();
                record.error = Some((error.kind(), error.summary()));
                (status, allow, answer::error_body(&error).unwrap_or_default())
            }
        };
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(API_KEY, self.api_key.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(method) = allow {
            headers.insert(ALLOW, HeaderValue::from_static(method));
        }
        response
    }
}

fn about() -> String {
    json!({ "service": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") }).to_string()
}

/// The API Gateway stage that the request came through, if it has a name.
fn stage(parts: &Parts) -> Option<&str> {
    let stage = match parts.extensions.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.stage.as_deref(),
        RequestContext::ApiGatewayV2(context) => context.stage.as_deref(),
        _ => None,
    };
    stage.filter(|stage| *stage != "$default")
}

/// Why a request has no answer, in HTTP's terms.
enum Failure {
    /// An error of the Mirror REST API, status 500: StackState reads the body, not the status.
    Mirror(MirrorError),
    Unrouted(Unrouted),
    TooLarge {
        bytes: usize,
    },
}

impl Failure {
    /// The status, and the method that would be allowed.
    fn status(&self) -> (StatusCode, Option<&'static str>) {
        match self {
            Failure::Mirror(_) => (StatusCode::INTERNAL_SERVER_ERROR, None),
            Failure::Unrouted(Unrouted::NotFound) => (StatusCode::NOT_FOUND, None),
            Failure::Unrouted(Unrouted::MethodNotAllowed { allow }) => {
                (StatusCode::METHOD_NOT_ALLOWED, Some(allow))
            }
            Failure::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, None),
        }
    }

    fn into_error(self) -> MirrorError {
        let (summary, details) = match self {
            Failure::Mirror(error) => return error,
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

/// What the log says about a request: names and figures, nothing that the request brought.
#[derive(Default)]
struct Record {
    call: Option<&'static str>,
    source: Option<&'static str>,
    points: Option<usize>,
    /// Kind and summary.
    error: Option<(&'static str, &'static str)>,
}

impl Record {
    fn write(self, parts: &Parts, status: StatusCode, duration: Duration) {
        let Record { call, source, points, error } = self;
        let request_id = parts.extensions.lambda_context_ref().map(id);
        let status = status.as_u16();
        let duration_millis = duration.as_micros() as f64 / 1_000.0;
        match error {
            None => info!(
                requestId = request_id,
                call,
                source,
                status,
                durationMs = duration_millis,
                points,
                "answered"
            ),
            Some((error, reason)) => warn!(
                requestId = request_id,
                call,
                source,
                status,
                durationMs = duration_millis,
                error,
                reason,
                "failed"
            ),
        }
    }
}

fn id(context: &Context) -> &str {
    &context.request_id
}
