//! One request: endpoint → admission → query → source → answer → response, log line.

mod log_line;
mod response;

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use serde_json::{Value, json};

use self::log_line::LogLine;
pub use self::response::Response;
use self::response::{MAX_BODY, RequestError, Success};
use crate::access::Access;
use crate::api::endpoint::{Call, Endpoint};
use crate::api::token::access_token;
use crate::api::{answer, request};
use crate::cloudwatch::{CloudWatch, RequestContext};
use crate::config::{CLOSED, Config};
use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::model::Answer;
use crate::time::EpochMillis;
use crate::{heap, random};

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

/// A request, without what is special to one kind of event.
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// The path, percent-encoded, with the stage if the sender's paths have it.
    pub path: String,
    /// How many segments at the beginning of the path may be no part of it.
    pub base: usize,
    /// The stage with which the path may begin.
    pub stage: Option<String>,
    /// The address of the caller, as Lambda knows it.
    pub source_address: Option<IpAddr>,
    /// The body, decoded. `None` if the event says that it is base64, but it is not.
    pub body: Option<Vec<u8>>,
    /// Lambda's id of the request.
    pub id: String,
    /// The time by which Lambda must have the answer. `cargo lambda watch` sets times that have
    /// already passed, which set no limit.
    pub deadline: EpochMillis,
}

/// The mirror.
pub struct App {
    api_key: String,
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
    pub fn new(config: &Config, dependencies: Dependencies) -> Self {
        App {
            api_key: config.api_key.expose().to_owned(),
            access: Access::new(&config.access_tokens, &config.allowed_networks, config.is_closed),
            has_explorer: config.explorer,
            dependencies,
            is_warm: AtomicBool::new(false),
        }
    }

    /// Answers one request and logs one line about it.
    pub async fn handle(&self, request: Request) -> Response {
        let started = Instant::now();
        let Request { method, path, base, stage, source_address, body, id, deadline } = request;
        let length = body.as_ref().map_or(0, Vec::len);
        // Until the token is read, the caller counts as having none.
        let is_allowed = self.access.allows_address(source_address);
        let mut is_admitted = is_allowed && self.access.admits(None);
        let mut log_line = LogLine::new(!self.is_warm.swap(true, Ordering::Relaxed));
        let mut source = None;
        let answer = async {
            let endpoint =
                Endpoint::find(&method, &path, base, stage.as_deref(), self.has_explorer)
                    .map_err(RequestError::Route)?;
            log_line.call = Some(endpoint.name());
            let call = match endpoint {
                Endpoint::About => return Ok(Success::Json(self.about())),
                Endpoint::Explore(_) if !is_allowed => return Err(RequestError::Unauthorized),
                // The page's links begin at its folder.
                Endpoint::Explore(_) if path.ends_with('/') => return Ok(Success::Elsewhere),
                Endpoint::Explore(file) => return Ok(Success::File(file)),
                Endpoint::Call(call) => call,
            };
            // A refused caller learns nothing else, not even that the body is not valid or too
            // large.
            if is_allowed && !is_admitted {
                let token = body.as_deref().and_then(access_token);
                is_admitted = self.access.admits(token.as_deref());
            }
            if !is_admitted {
                return Err(RequestError::Unauthorized);
            }
            let document = parse(body)?;
            // A body without them is a bad request, not a connection test that failed.
            let details = request::connection_details(&document)?;
            let answer = match Connection::read(&details, self.access.is_restricted()) {
                Ok(connection) => {
                    log_line.source = Some(connection.source());
                    let function_region = self.dependencies.cloudwatch.function_region();
                    let describe = || connection.description(function_region);
                    source = self.has_explorer.then(describe);
                    self.answer(call, &document, &connection, deadline, &mut log_line).await
                }
                Err(error) => Err(error),
            };
            let answer = match (call, answer) {
                (Call::Connection, Err(error)) => {
                    log_line.record_error(&error);
                    answer::not_connected(&error)?
                }
                (_, answer) => answer::body(&answer?)?,
            };
            Ok(Success::Json(answer))
        };
        // A panic leaves no shared state broken: locks do not remember it.
        let result = AssertUnwindSafe(answer).catch_unwind().await;
        let result = result.unwrap_or_else(|_| Err(MirrorError::panicked().into()));
        // A stranger's body never becomes a tree, but beyond the maximum it leaves a hole of its own.
        if length > if is_admitted { LARGE_BODY } else { MAX_BODY } {
            heap::give_back();
        }
        let key = is_admitted.then_some(&*self.api_key);
        let response = Response::new(result, key, source, &mut log_line);
        log_line.write(&id, response.status_code, started.elapsed());
        response
    }

    /// What a person sees who opens the mirror in a browser.
    fn about(&self) -> String {
        let next = match self.access.is_closed() {
            true => CLOSED,
            false => {
                "This is a mirror for StackState. In StackState, open Settings > Telemetry Sources > \
                 Mirror sources, add a source with the address of this page as its Mirror URL, and \
                 press Test Connection."
            }
        };
        json!({
            "service": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "commit": self.dependencies.commit,
            "next": next,
        })
        .to_string()
    }

    async fn answer(
        &self,
        call: Call,
        document: &Value,
        connection: &Connection,
        lambda_deadline: EpochMillis,
        log_line: &mut LogLine,
    ) -> Result<Answer, MirrorError> {
        let Dependencies { entropy, now, cloudwatch, commit: _ } = &self.dependencies;
        let now = now();
        let lambda_left = u64::try_from(lambda_deadline.0.saturating_sub(now.0)).ok();
        let lambda_left = lambda_left.filter(|left| *left > 0).map(Duration::from_millis);
        let limit = time_limit(call, connection.request_timeout(), lambda_left);
        let deadline = Deadline::after(limit);
        let query = request::query(document, call)?;
        let answer = match connection {
            Connection::Random { seed } => random::answer(&query, seed.unwrap_or_else(entropy))?,
            Connection::CloudWatch(config) => {
                let usage = &log_line.usage;
                let context = RequestContext { config, cloudwatch, deadline, now, usage };
                context.answer(&query).await?
            }
        };
        if let Answer::Metrics(telemetry) = &answer {
            log_line.points = Some(telemetry.points.count());
        }
        Ok(answer)
    }
}

fn parse(body: Option<Vec<u8>>) -> Result<Value, RequestError> {
    let body = body.ok_or_else(|| {
        MirrorError::request("the body: expected base64, as the event says, found other text")
    })?;
    if body.len() > MAX_BODY {
        return Err(RequestError::TooLarge { bytes: body.len() });
    }
    Ok(request::parse(&body)?)
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
