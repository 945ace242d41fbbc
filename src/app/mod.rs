//! One request: HTTP request → endpoint → admission → query → source → answer → HTTP response.

mod event;
mod log_line;
mod request_error;
mod response;

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use lambda_http::RequestExt;
use lambda_http::http::request::Parts;
use lambda_http::http::{self, HeaderValue, Response};
use serde_json::{Value, json};

use self::log_line::LogLine;
use self::request_error::{MAX_BODY, RequestError};
use self::response::{Success, response};
use crate::access::{Access, Admission};
use crate::api::answer::Answer;
use crate::api::endpoint::{Call, Endpoint};
use crate::api::request::{self, Query, Request};
use crate::api::token::access_token;
use crate::cloudwatch::CloudWatch;
use crate::config::{Config, ConfigError};
use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::source::{RequestContext, Source};
use crate::time::EpochMillis;

/// The maximum time limit of a request, and the default for metrics.
const MAX_TIME_LIMIT: Duration = Duration::from_secs(25);

/// The default time limit of the other calls. StackState's dialogs wait for 15 seconds, so a list
/// that takes longer is answered in part before that.
const DIALOG_TIME_LIMIT: Duration = Duration::from_secs(12);

/// The tree of a body that is longer than this, in bytes, can have megabytes, and what is cached
/// meanwhile lies behind it in the heap. So it is given back to the system.
const LARGE_BODY: usize = 32 << 10;

/// At most this much, or a tenth of the time limit if that is less, is reserved for sending the
/// answer.
const MAX_SEND_TIME: Duration = Duration::from_millis(500);

/// The body of a request, decoded.
pub type Body = Result<Vec<u8>, NotBase64>;

/// The event says that the body is base64, but it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBase64;

/// The mirror.
pub struct App {
    api_key: HeaderValue,
    access: Access,
    has_explorer: bool,
    dependencies: Dependencies,
    /// Whether this process has served a request.
    is_warm: AtomicBool,
}

/// What the mirror needs from outside: randomness, the clock, CloudWatch, and its origin.
pub struct Dependencies {
    /// Returns a seed for random data that has none.
    pub entropy: fn() -> u64,
    /// Returns the current time.
    pub now: fn() -> EpochMillis,
    /// The CloudWatch clients and caches.
    pub cloudwatch: CloudWatch,
    /// The commit that this program was built from, if the build knew it.
    pub commit: Option<&'static str>,
}

impl App {
    /// A mirror with this configuration.
    ///
    /// # Errors
    /// The configured API key does not fit an HTTP header.
    pub fn new(config: &Config, dependencies: Dependencies) -> Result<Self, ConfigError> {
        let mut api_key =
            HeaderValue::from_str(&config.api_key).map_err(|_| ConfigError::ApiKey)?;
        api_key.set_sensitive(true);
        let access = Access::new(&config.access_tokens, &config.allowed_networks);
        let (has_explorer, is_warm) = (config.explorer, AtomicBool::new(false));
        Ok(App { api_key, access, has_explorer, dependencies, is_warm })
    }

    /// The CloudWatch clients and caches.
    pub fn cloudwatch(&self) -> &CloudWatch {
        &self.dependencies.cloudwatch
    }

    /// Answers one request and logs one line about it.
    pub async fn handle(&self, request: http::Request<Body>) -> Response<lambda_http::Body> {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let is_large = body.as_ref().is_ok_and(|body| body.len() > LARGE_BODY);
        // Until the token is checked, the caller has none.
        let is_allowed = self.access.allows_address(event::source_address(&parts));
        let mut admission = if is_allowed { self.access.admit(None) } else { Admission::Refused };
        let mut log_line = LogLine::new(!self.is_warm.swap(true, Ordering::Relaxed));
        let answer = async {
            let path = parts.extensions.raw_http_path();
            let endpoint =
                Endpoint::find(&parts.method, path, event::stage(&parts), self.has_explorer)?;
            log_line.call = Some(endpoint.name());
            let call = match endpoint {
                Endpoint::About => return Ok(Success::Json(about(self.dependencies.commit))),
                Endpoint::Explore(_) if !is_allowed => return Err(RequestError::Unauthorized),
                // The page's links begin at its folder.
                Endpoint::Explore(_) if path.ends_with('/') => return Ok(Success::Elsewhere),
                Endpoint::Explore(file) => return Ok(Success::File(file)),
                Endpoint::Call(call) => call,
            };
            if is_allowed {
                admission = self.admit(&body);
            }
            match admission {
                Admission::Refused => Err(RequestError::Unauthorized),
                Admission::Admitted => {
                    let body = self.answer(call, &parse(body)?, &parts, &mut log_line).await?;
                    Ok(Success::Json(body))
                }
            }
        };
        // A panic leaves no shared state broken: the caches recover from a poisoned lock.
        let result = AssertUnwindSafe(answer).catch_unwind().await;
        let result = result.unwrap_or(Err(RequestError::Panicked));
        if is_large && admission == Admission::Admitted {
            stackstate_mirror_heap::give_back();
        }
        let key = (admission == Admission::Admitted).then_some(&self.api_key);
        let response = response(result, key, &mut log_line);
        log_line.write(&parts, response.status(), started.elapsed());
        response
    }

    /// Checks the access token in a body. A refused caller learns nothing else, not even that the
    /// body is not valid or too large.
    fn admit(&self, body: &Body) -> Admission {
        if !self.access.is_restricted() {
            return self.access.admit(None);
        }
        let token = body.as_ref().ok().and_then(|body| access_token(body));
        self.access.admit(token.as_deref())
    }

    async fn answer(
        &self,
        call: Call,
        document: &Value,
        parts: &Parts,
        log_line: &mut LogLine,
    ) -> Result<String, RequestError> {
        let request = Request::open(document)?;
        let answer = match (call, self.query(call, &request, parts, log_line).await) {
            (Call::Connection, Err(error)) => {
                log_line.record_error(&error);
                Answer::NotConnected(error)
            }
            (_, answer) => answer?,
        };
        Ok(answer.body()?)
    }

    async fn query(
        &self,
        call: Call,
        request: &Request<'_>,
        parts: &Parts,
        log_line: &mut LogLine,
    ) -> Result<Answer, MirrorError> {
        let connection = Connection::read(&request.connection_details)?;
        if connection.uses_function_role() && !self.access.is_restricted() {
            return Err(function_role_refused());
        }
        let Dependencies { entropy, now, cloudwatch, commit: _ } = &self.dependencies;
        let (entropy, now) = (*entropy, now());
        let deadline = Deadline::after(time_limit(
            call,
            connection.request_timeout(),
            event::time_left(parts, now),
        ));
        let usage = &log_line.usage;
        let context = RequestContext { entropy, now, deadline, cloudwatch, usage };
        let source = Source::open(&connection, context);
        log_line.source = Some(source.name());
        Ok(match request.query(call)? {
            Query::Connection => {
                source.test().await?;
                Answer::Connected
            }
            Query::FieldNames(filter) => Answer::FieldNames(source.field_names(&filter).await?),
            Query::FieldValues(query) => Answer::FieldValues(source.field_values(&query).await?),
            Query::Metrics(query) => {
                let telemetry = source.metrics(&query).await?;
                log_line.points = Some(telemetry.points.count());
                Answer::Metrics(telemetry)
            }
        })
    }
}

fn parse(body: Body) -> Result<Value, RequestError> {
    let body = body.map_err(|NotBase64| {
        MirrorError::request("the body: expected base64, as the event says, found other text")
    })?;
    if body.len() > MAX_BODY {
        return Err(RequestError::TooLarge { bytes: body.len() });
    }
    Ok(request::parse(&body)?)
}

fn function_role_refused() -> MirrorError {
    MirrorError::Connection {
        details: "these connection details use the function's own role, which requires an access \
                  token; set MIRROR_ACCESS_TOKEN (AccessToken in the SAM template), or give \
                  accessKeyId and secretAccessKey"
            .to_owned(),
    }
}

/// The time limit of a call: the connection's own or the default, at most what Lambda leaves and
/// [`MAX_TIME_LIMIT`], less the time to send the answer.
fn time_limit(call: Call, requested: Option<Duration>, lambda_left: Option<Duration>) -> Duration {
    let limit = requested.unwrap_or(match call {
        Call::Metrics => MAX_TIME_LIMIT,
        Call::Connection | Call::FieldNames | Call::FieldValues => DIALOG_TIME_LIMIT,
    });
    let limit = limit.min(MAX_TIME_LIMIT).min(lambda_left.unwrap_or(MAX_TIME_LIMIT));
    limit - MAX_SEND_TIME.min(limit / 10)
}

/// What a person sees who opens the mirror in a browser.
fn about(commit: Option<&str>) -> String {
    json!({
        "service": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "commit": commit,
        "next": "This is a mirror for StackState. In StackState, open Settings > Telemetry Sources > \
                 Mirror sources, add a source with the address of this page as its Mirror URL, and \
                 press Test Connection.",
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialogs_have_less_time_than_metrics() {
        let millis = Duration::from_millis;
        for (call, requested, lambda_left, limit) in [
            (Call::Connection, None, None, 11_500),
            (Call::FieldNames, None, None, 11_500),
            (Call::FieldValues, None, None, 11_500),
            (Call::Metrics, None, None, 24_500),
            (Call::FieldValues, Some(20_000), None, 19_500),
            (Call::FieldValues, Some(60_000), None, 24_500),
            (Call::Metrics, Some(60_000), None, 24_500),
            (Call::Metrics, Some(15_000), None, 14_500),
            (Call::Metrics, Some(1_000), None, 900),
            (Call::Metrics, None, Some(10_000), 9_500),
            (Call::Connection, Some(20_000), Some(10_000), 9_500),
            (Call::Connection, None, Some(30_000), 11_500),
        ] {
            let found = time_limit(call, requested.map(millis), lambda_left.map(millis));
            assert_eq!(found, millis(limit), "{call:?} {requested:?} {lambda_left:?}");
        }
    }
}
