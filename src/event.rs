//! Lambda's events → HTTP requests, HTTP responses → Lambda's answers.
//!
//! lambda_http converts them, but it keeps every part of an event, also those that the mirror does
//! not read: a map of many small headers takes some twenty times its text. It panics on an event
//! whose body is not valid base64, or whose host or query does not fit a URL. So [`Event`] reads
//! only what the mirror needs, and this module decodes the body itself.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::Pin;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest};
use lambda_http::http::Method;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, IntoResponse, LambdaEvent, Response, Service, service_fn};
use serde::{Deserialize, Serialize};

use crate::app::{App, Body, NotBase64};

/// The maximum length of a path, in bytes. A longer one might not fit a URL. No endpoint has one.
const MAX_PATH: usize = 1_024;

/// The maximum length of a method, in bytes. The longest of HTTP has 7.
const MAX_METHOD: usize = 32;

/// The maximum length of a stage's name, in bytes ("CreateStage", API Gateway API reference).
const MAX_STAGE: usize = 128;

/// What the mirror reads of an event from a function URL, an HTTP API or a REST API ("Payload
/// format version", API Gateway developer guide). Other members are skipped.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The path in format 2.0.
    raw_path: Option<String>,
    /// The path in format 1.0.
    path: Option<String>,
    /// The method in format 1.0.
    http_method: Option<String>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    request_context: Context,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    stage: Option<String>,
    /// Only in format 2.0.
    http: Option<Http>,
    /// Only in format 1.0.
    identity: Option<Identity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: Option<String>,
    source_ip: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    source_ip: Option<String>,
}

/// Answers one event.
pub fn serve<'a>(
    app: &'a App,
    LambdaEvent { payload, context }: LambdaEvent<Event>,
) -> impl Future<Output = Result<impl Serialize + use<>, Infallible>> + use<'a> {
    let (request, body) = payload.into_parts();
    let mut body = Some(body);
    Adapter::from(service_fn(move |request: lambda_http::Request| {
        let body = body.take().unwrap_or(Ok(Vec::new()));
        async move { Ok(Complete(app.handle(request.map(|_| body)).await)) }
    }))
    .call(LambdaEvent::new(request, context))
}

/// A response whose body is complete. lambda_http would collect it from parts, decode it from any
/// character set, and copy it.
struct Complete(Response<lambda_http::Body>);

impl IntoResponse for Complete {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<lambda_http::Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

impl Event {
    /// The event without its body for lambda_http, and the body, decoded.
    fn into_parts(self) -> (LambdaRequest, Body) {
        let Event { raw_path, path, http_method, body, is_base64_encoded, request_context } = self;
        let Context { stage, http, identity } = request_context;
        let stage = stage.filter(|stage| stage.len() <= MAX_STAGE);
        let body = body.unwrap_or_default();
        let body = match is_base64_encoded {
            Some(true) => BASE64_STANDARD.decode(body).map_err(|_| NotBase64),
            _ => Ok(body.into_bytes()),
        };
        let request = match http {
            Some(Http { method, source_ip: address }) => {
                let mut event = ApiGatewayV2httpRequest::default();
                event.raw_path = Some(fitting(raw_path));
                event.request_context.stage = stage;
                event.request_context.http.method = self::method(method);
                event.request_context.http.source_ip = address;
                LambdaRequest::ApiGatewayV2(event)
            }
            None => {
                let mut event = ApiGatewayProxyRequest::default();
                event.path = Some(fitting(path));
                event.http_method = self::method(http_method);
                event.request_context.stage = stage;
                event.request_context.identity.source_ip =
                    identity.and_then(|identity| identity.source_ip);
                LambdaRequest::ApiGatewayV1(event)
            }
        };
        (request, body)
    }
}

/// A path that fits a URL. A longer one is replaced by one that no endpoint has.
fn fitting(path: Option<String>) -> String {
    let mut path = path.unwrap_or_default();
    if path.len() > MAX_PATH {
        return "/too-long".to_owned();
    }
    if !path.starts_with('/') {
        path.insert(0, '/');
    }
    path
}

/// The method, or one that no endpoint has.
fn method(name: Option<String>) -> Method {
    let name = name.filter(|name| name.len() <= MAX_METHOD).unwrap_or_default();
    Method::from_bytes(name.as_bytes()).unwrap_or(Method::TRACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_a_url() {
        let longest = format!("/{}", "a".repeat(MAX_PATH - 1));
        for (path, fits) in [
            (None, "/"),
            (Some(""), "/"),
            (Some("api"), "/api"),
            (Some(longest.as_str()), longest.as_str()),
            (Some(format!("{longest}a").as_str()), "/too-long"),
        ] {
            assert_eq!(fitting(path.map(str::to_owned)), fits, "{path:?}");
        }
    }
}
