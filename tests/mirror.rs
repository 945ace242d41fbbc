//! Whole requests with random data: a Lambda event goes in, a Lambda answer comes out.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod support;

mod mirror {
    mod events;
    mod openapi;
    mod properties;
    mod random;
    mod requests;
    mod upgrade;
}
