//! Lambda's events → HTTP requests, HTTP responses → Lambda's answers.
//!
//! lambda_http converts them, but it panics on an event whose body is not valid base64, or whose
//! host or query does not fit a URL. So this module decodes the body itself, and removes the
//! parts of the event that the mirror does not read.

use std::convert::Infallible;
use std::future::Future;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, LambdaEvent, Service, service_fn};
use serde::Serialize;

use crate::app::{App, Body, NotBase64};

/// The maximum length of a path, in bytes. A longer one matches no endpoint, and might not fit
/// a URL.
const MAX_PATH: usize = 1_024;

/// Answers one event from a function URL, an HTTP API or a REST API.
pub fn serve<'a>(
    app: &'a App,
    mut event: LambdaEvent<LambdaRequest>,
) -> impl Future<Output = Result<impl Serialize + use<>, Infallible>> + use<'a> {
    let mut body = Some(strip(&mut event.payload));
    Adapter::from(service_fn(move |request: lambda_http::Request| {
        let body = body.take().unwrap_or(Ok(Vec::new()));
        async move { Ok(app.handle(request.map(|_| body)).await) }
    }))
    .call(event)
}

/// Takes the body out of an event, and removes what the mirror does not read.
fn strip(event: &mut LambdaRequest) -> Body {
    let (path, body, is_base64) = match event {
        LambdaRequest::ApiGatewayV1(event) => {
            event.headers.clear();
            event.multi_value_headers.clear();
            event.query_string_parameters = QueryMap::default();
            event.multi_value_query_string_parameters = QueryMap::default();
            event.request_context.domain_name = None;
            (&mut event.path, &mut event.body, &mut event.is_base64_encoded)
        }
        LambdaRequest::ApiGatewayV2(event) => {
            event.headers.clear();
            event.cookies = None;
            event.raw_query_string = None;
            event.query_string_parameters = QueryMap::default();
            event.request_context.domain_name = None;
            (&mut event.raw_path, &mut event.body, &mut event.is_base64_encoded)
        }
        _ => return Ok(Vec::new()),
    };
    if let Some(path) = path {
        path.truncate(path.floor_char_boundary(MAX_PATH));
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
    }
    let body = body.take().unwrap_or_default();
    if std::mem::take(is_base64) {
        BASE64_STANDARD.decode(body).map_err(|_| NotBase64)
    } else {
        Ok(body.into_bytes())
    }
}
