//! This version in the environment that version 0.1.0 was deployed with: CHANGELOG.md says what changes.

use serde_json::json;

use crate::support::app::{app_with, now};
use crate::support::events::{Reply, event, serve};

const TOKEN: &str = "a-token-of-the-owner";

/// Who was admitted is admitted, but for an open mirror that does not say that it is open.
#[tokio::test]
async fn a_deployment_of_0_1_0_goes_on() {
    let (key, deployed) =
        (("MIRROR_API_KEY", "the-key"), ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"));
    let token = |value| ("MIRROR_ACCESS_TOKEN", value);
    let (here, elsewhere) = ("203.0.113.0/24", "198.51.100.0/24");
    let networks = |value| ("MIRROR_ALLOWED_CIDRS", value);
    // Its variables, the status with the token, and without one.
    for (name, variables, known, stranger) in [
        ("restricted", &[token(TOKEN), networks("")][..], 200, 401),
        ("restricted, and behind a network", &[token(TOKEN), networks(here)], 200, 401),
        ("restricted to another network", &[token(TOKEN), networks(elsewhere)], 401, 401),
        ("behind a network", &[token(""), networks(here)], 200, 200),
        ("behind another network", &[networks(elsewhere)], 401, 401),
        ("private, with a token", &[token(TOKEN), ("MIRROR_EXPLORER", "0")], 200, 401),
        ("private, without a token", &[token("")], 401, 401),
        ("open, by its template", &[token(""), networks("")], 401, 401),
        ("open, by cargo-lambda", &[], 401, 401),
        ("open, and said to be", &[("MIRROR_ACCESS", "open")], 200, 200),
    ] {
        let variables = [&[key, deployed], variables].concat();
        let app = app_with(&variables, now);
        for (details, status) in [(json!({"accessToken": TOKEN}), known), (json!({}), stranger)] {
            let body = json!({"connectionDetails": details}).to_string();
            let reply = Reply::of(&serve(&app, &event("POST", "/api/connection", body)).await);
            assert_eq!(reply.status, status, "{name}");
            assert_eq!(reply.key.is_some(), status == 200, "{name}");
        }
        // Whoever opens the mirror in a browser learns why it answers nobody.
        let about = Reply::of(&serve(&app, &event("GET", "/", "")).await);
        let next = about.body["next"].as_str().unwrap();
        let is_closed = name.starts_with("open, by") || name == "private, without a token";
        assert_eq!(next.contains("MIRROR_ACCESS_TOKEN"), is_closed, "{name}: {next}");
    }
}
