//! Posts any body to each of the four calls. Nothing panics, and every answer with random data keeps
//! the contract.

#![no_main]

use std::sync::OnceLock;

use futures_util::FutureExt;
use lambda_http::{RequestExt, http};
use libfuzzer_sys::{Corpus, fuzz_target};
use stackstate_mirror::api::request::{Request, parse};
use stackstate_mirror::app::{App, Dependencies};
use stackstate_mirror::cloudwatch::CloudWatch;
use stackstate_mirror::config::Config;
use stackstate_mirror::connection::Connection;
use stackstate_mirror::time::EpochMillis;

#[path = "../tests/support/invariants.rs"]
mod invariants;

fn app() -> &'static App {
    static APP: OnceLock<App> = OnceLock::new();
    APP.get_or_init(|| {
        let config = Config::read(|_| None).unwrap();
        let cloudwatch = CloudWatch::new(Default::default());
        let now = || EpochMillis(1_790_000_430_000);
        App::new(&config, Dependencies { entropy: || 7, now, cloudwatch, commit: None }).unwrap()
    })
}

/// Whether the body chooses CloudWatch, which needs a network.
fn chooses_cloudwatch(body: &[u8]) -> bool {
    let Ok(document) = parse(body) else { return false };
    let connection =
        Request::open(&document).and_then(|request| Connection::read(&request.connection_details));
    matches!(connection, Ok(Connection::CloudWatch(_)))
}

fuzz_target!(|body: &[u8]| -> Corpus {
    if chooses_cloudwatch(body) {
        return Corpus::Reject;
    }
    for (path, kind) in invariants::CALLS {
        let request = http::Request::post(path).body(Ok(body.to_vec())).unwrap();
        let answer = app().handle(request.with_raw_http_path(path));
        let answer = answer.now_or_never().expect("random data never waits");
        let key = answer.headers().get("x-mirror-api-key").map(|key| key.to_str().unwrap());
        let lambda_http::Body::Text(text) = answer.body() else { panic!("no text") };
        invariants::check(kind, body, answer.status().as_u16().into(), key, text.as_bytes());
    }
    Corpus::Keep
});
