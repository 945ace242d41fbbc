//! One request, from HTTP request to HTTP response: access, endpoint, query, source, answer.

mod failure;
mod record;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use lambda_http::RequestExt;
use lambda_http::http::header::{ALLOW, CONTENT_TYPE};
use lambda_http::http::request::Parts;
use lambda_http::http::{self, HeaderName, HeaderValue, Response, StatusCode};
use lambda_http::request::RequestContext;
use serde_json::{Value, json};

use self::failure::{Failure, LONGEST_BODY};
use self::record::Record;
use crate::access::Access;
use crate::api::answer::{self, Answer};
use crate::api::endpoint::{Call, Endpoint};
use crate::api::request::{self, Query, Request};
use crate::config::{Config, ConfigError};
use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::source::cloudwatch::Clients;
use crate::source::{Source, Surroundings};

const API_KEY: HeaderName = HeaderName::from_static("x-mirror-api-key");

/// A request's body, decoded.
pub type Body = Result<Vec<u8>, NotBase64>;

/// A body that claims to be base64 and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBase64;

/// A request has so long where nobody allows it less: a person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(25);

/// The time that an answer takes on its way, if a tenth of the time allowed is not less.
const WAY_BACK: Duration = Duration::from_millis(500);

/// The mirror.
pub struct App {
    api_key: HeaderValue,
    access: Access,
    outside: Outside,
}

/// What the mirror does not bring along.
pub struct Outside {
    /// Where random data without a seed comes from.
    pub entropy: fn() -> u64,
    /// The time in epoch milliseconds.
    pub now: fn() -> i64,
    /// What asks AWS.
    pub clients: Clients,
}

impl App {
    /// A mirror as `config` sets it up.
    ///
    /// # Errors
    /// An HTTP header cannot carry the configured key.
    pub fn new(config: &Config, outside: Outside) -> Result<Self, ConfigError> {
        let mut api_key =
            HeaderValue::from_str(&config.api_key).map_err(|_| ConfigError::ApiKey)?;
        api_key.set_sensitive(true);
        Ok(App { api_key, access: Access::new(&config.access_tokens), outside })
    }

    /// What asks AWS.
    pub fn clients(&self) -> &Clients {
        &self.outside.clients
    }

    /// Answers one request, and writes one line about it to the log.
    pub async fn handle(&self, request: http::Request<Body>) -> Response<lambda_http::Body> {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let mut record = Record::default();
        // What a panic leaves behind is this request's own, and a cache that heals its locks.
        let answer = AssertUnwindSafe(self.answer(&parts, body, &mut record)).catch_unwind();
        let outcome = answer.await.unwrap_or(Err(Failure::Panicked));
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
        let document = self.admit(body, record)?;
        let request = Request::open(&document)?;
        let answer = match (call, self.ask(call, &request, parts, record).await) {
            (Call::Connection, Err(error)) => {
                record.error = Some((error.kind(), error.summary()));
                Answer::NotConnected(error)
            }
            (_, answer) => answer?,
        };
        Ok(answer.body()?)
    }

    /// The document of a caller who may call. Whoever may not learns nothing more, not even
    /// what is wrong with the body.
    fn admit(&self, body: Body, record: &mut Record) -> Result<Value, Failure> {
        let document = read(body);
        let request = document.as_ref().ok().and_then(|document| Request::open(document).ok());
        let token =
            request.and_then(|request| Connection::access_token(&request.connection_details));
        if !self.access.admits(token) {
            return Err(Failure::Stranger);
        }
        record.is_trusted = true;
        document
    }

    async fn ask(
        &self,
        call: Call,
        request: &Request<'_>,
        parts: &Parts,
        record: &mut Record,
    ) -> Result<Answer, MirrorError> {
        let connection = Connection::read(&request.connection_details)?;
        if connection.spends_own_rights() && !self.access.is_restricted() {
            return Err(MirrorError::Connection {
                details:
                    "these connection details would spend the function's own rights, which it \
                          gives to nobody while anybody may call; expected a function that is \
                          deployed with an access token (MIRROR_ACCESS_TOKEN; AccessToken in the \
                          SAM template), or accessKeyId and \
                          secretAccessKey"
                        .to_owned(),
            });
        }
        let now = (self.outside.now)();
        let surroundings = Surroundings {
            entropy: self.outside.entropy,
            now,
            deadline: Deadline::after(time_left(parts, &connection, now)),
            clients: &self.outside.clients,
        };
        let source = Source::open(&connection, surroundings);
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
        if record.is_trusted || !self.access.is_restricted() {
            headers.insert(API_KEY, self.api_key.clone());
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(method) = allow {
            headers.insert(ALLOW, HeaderValue::from_static(method));
        }
        response
    }
}

fn read(body: Body) -> Result<Value, Failure> {
    let body = body.map_err(|NotBase64| {
        MirrorError::request("the body: expected base64, as its event says, found other text")
    })?;
    if body.len() > LONGEST_BODY {
        return Err(Failure::TooLarge { bytes: body.len() });
    }
    Ok(request::parse(&body)?)
}

/// The time for a request: what Lambda leaves, what the connection allows, or [`PATIENCE`],
/// whichever is least, less the way back. `now` is in epoch milliseconds.
fn time_left(parts: &Parts, connection: &Connection, now: i64) -> Duration {
    // `cargo lambda watch` sets deadlines that have passed long ago.
    let lambda = parts
        .extensions
        .lambda_context_ref()
        .and_then(|context| context.deadline.checked_sub(now.cast_unsigned()))
        .filter(|left| *left > 0)
        .map(Duration::from_millis);
    let allowed = [lambda, connection.request_timeout(), Some(PATIENCE)];
    let least = allowed.into_iter().flatten().min().unwrap_or(PATIENCE);
    least - WAY_BACK.min(least / 10)
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
