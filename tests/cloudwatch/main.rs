//! CloudWatch: against ministack, a server that speaks the real protocol, and against scripted
//! answers where that cannot do what CloudWatch does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[path = "../mirror/common.rs"]
mod common;
mod connections;
mod details;
mod discovery;
mod metrics;
mod scripted;
mod store;
