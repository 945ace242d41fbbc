//! Whole requests: a Lambda event goes in, a Lambda answer comes out.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod common;
mod events;
mod invariants;
mod properties;
mod random;
mod requests;
