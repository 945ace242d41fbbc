//! Lambda's events → [`Request`]s. The answer, [`Response`], is what Lambda expects as it is.
//!
//! lambda_http can convert events, but its adapter keeps every header, which can take twenty times
//! its text, and panics on a body that is not the base64 it claims to be. So [`Event`] reads only
//! what the mirror needs.

use std::convert::Infallible;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_http::LambdaEvent;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::app::{App, Request, Response};
use crate::time::EpochMillis;

/// The name of the stage whose paths do not begin with a stage.
const DEFAULT_STAGE: &str = "$default";

/// An event that is an HTTP request.
#[derive(Debug)]
pub struct Event(Members);

/// Whatever else invokes the function learns what is expected. The error quotes nothing: serde's own
/// would quote a value.
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Members::deserialize(deserializer).map(Event).map_err(|_| {
            D::Error::custom(
                "this event is no HTTP request; expected an event of a function URL, an HTTP API or a \
                 REST API",
            )
        })
    }
}

/// What the mirror reads of an event from a function URL, an HTTP API or a REST API ("Payload
/// format version", API Gateway developer guide). Other members are skipped.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    /// The path in format 2.0.
    raw_path: Option<String>,
    /// The path in format 1.0.
    path: Option<String>,
    /// The path of the resource in format 1.0, such as `/{proxy+}`.
    resource: Option<String>,
    /// The method in format 1.0.
    http_method: Option<String>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    path_parameters: Option<PathParameters>,
    request_context: Context,
}

/// The parameters of the resource in format 1.0.
#[derive(Debug, Deserialize)]
struct PathParameters {
    /// What `{proxy+}` stands for, by the name that API Gateway's console gives it.
    proxy: Option<String>,
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
    let has_cookies = event.payload.0.request_context.http.is_some();
    let mut response = app.handle(request(event)).await;
    response.cookies = has_cookies.then_some([]);
    Ok(response)
}

fn request(LambdaEvent { payload, context }: LambdaEvent<Event>) -> Request {
    let Members {
        raw_path,
        path,
        resource,
        http_method,
        body,
        is_base64_encoded,
        path_parameters,
        request_context,
    } = payload.0;
    let Context { stage, http, identity } = request_context;
    let (method, path, sender) = match http {
        Some(mut http) => (http.method.take(), raw_path, http),
        None => (http_method, path, identity.unwrap_or_default()),
    };
    let path = path.unwrap_or_default();
    let proxy = path_parameters.and_then(|parameters| parameters.proxy);
    let base = resource.map_or(0, |resource| base(&path, &resource, proxy.as_deref()));
    let body = body.unwrap_or_default();
    Request {
        method: method.unwrap_or_default(),
        path,
        base,
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

/// How many segments at the beginning of a path in format 1.0 are not the mirror's: those of the base
/// path of a custom domain, which the resource lacks, and those of a resource before its `{proxy+}`.
fn base(path: &str, resource: &str, proxy: Option<&str>) -> usize {
    let count = |path: &str| path.split('/').filter(|segment| !segment.is_empty()).count();
    let inner = match resource.ends_with("{proxy+}") {
        true => proxy,
        false => Some(resource).filter(|resource| resource.starts_with('/')),
    };
    inner.map_or(0, |inner| count(path).saturating_sub(count(inner)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_http_request_is_not_quoted() {
        for event in [
            json!({"source": "aws.events"}),
            json!({"requestContext": "SECRET"}),
            json!({"requestContext": {"stage": {"SECRET": 1}}}),
            json!({"requestContext": {}, "body": 5}),
            json!({"requestContext": {}, "SECRET": 5, "isBase64Encoded": "SECRET"}),
            json!("SECRET"),
            json!(null),
        ] {
            let error = serde_json::from_str::<Event>(&event.to_string()).unwrap_err().to_string();
            assert!(error.starts_with("this event is no HTTP request; expected "), "{error}");
            assert!(!error.contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn a_base_path_is_no_part_of_the_path() {
        for (resource, path, parameters, base) in [
            (None, "/api/connection", json!(null), 0),
            (Some("/{proxy+}"), "/mirror/api/connection", json!({"proxy": "api/connection"}), 1),
            (Some("/mirror/{proxy+}"), "/a/b/mirror/api/metric", json!({"proxy": "api/metric"}), 3),
            (Some("/api/{proxy+}"), "/api/metric", json!({"proxy": "metric"}), 1),
            (Some("/"), "/mirror", json!(null), 1),
            (Some("/api/{call}"), "/api/metric", json!({"call": "metric"}), 0),
            (Some("$default"), "/prod/api/metric", json!(null), 0),
            (Some("/{proxy+}"), "/api/metric", json!({"other": "x"}), 0),
        ] {
            let event = json!({
                "resource": resource, "path": path, "pathParameters": parameters,
                "requestContext": {"stage": "prod", "path": path},
            });
            let payload = serde_json::from_value(event).unwrap();
            let event = LambdaEvent { payload, context: lambda_http::Context::default() };
            let request = request(event);
            assert_eq!((request.path.as_str(), request.base), (path, base), "{resource:?}");
        }
    }
}
