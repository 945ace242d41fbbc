//! Lambda's events → [`Request`]s. The answer, [`Response`], is what Lambda expects as it is.
//!
//! lambda_http can convert events, but its adapter keeps every header, which can take twenty times
//! its text, and panics on a body that is not the base64 it claims to be. So [`Event`] reads only
//! what the mirror needs.

use std::convert::Infallible;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_http::LambdaEvent;
use serde::Deserialize;

use crate::app::{App, Request, Response};
use crate::time::EpochMillis;

/// The name of the stage whose paths do not begin with a stage.
const DEFAULT_STAGE: &str = "$default";

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
    http: Option<Sender>,
    /// Only in format 1.0.
    identity: Option<Sender>,
}

/// Who sends the request. Lambda writes it; headers do not count, because anybody can send them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sender {
    /// Only in format 2.0.
    method: Option<String>,
    source_ip: Option<String>,
}

/// Answers one event.
///
/// # Errors
/// Never: a request that fails has an answer, too.
pub async fn serve(app: &App, event: LambdaEvent<Event>) -> Result<Response, Infallible> {
    let has_cookies = event.payload.request_context.http.is_some();
    let mut response = app.handle(request(event)).await;
    response.cookies = has_cookies.then_some([]);
    Ok(response)
}

fn request(LambdaEvent { payload, context }: LambdaEvent<Event>) -> Request {
    let Event { raw_path, path, http_method, body, is_base64_encoded, request_context } = payload;
    let Context { stage, http, identity } = request_context;
    let (method, path, sender) = match http {
        Some(mut http) => (http.method.take(), raw_path, http),
        None => (http_method, path, identity.unwrap_or_default()),
    };
    let body = body.unwrap_or_default();
    Request {
        method: method.unwrap_or_default(),
        path: path.unwrap_or_default(),
        stage: stage.filter(|stage| stage != DEFAULT_STAGE),
        source_address: sender.source_ip.and_then(|address| address.parse().ok()),
        body: match is_base64_encoded {
            Some(true) => BASE64_STANDARD.decode(body).ok(),
            _ => Some(body.into_bytes()),
        },
        id: context.request_id,
        deadline: EpochMillis(context.deadline.cast_signed()),
    }
}
