//! CloudWatch: against ministack, a server that speaks the real protocol, and against scripted
//! answers where that cannot do what CloudWatch does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]
#![allow(clippy::print_stdout, reason = "faults.rs prints its table")]

mod answers;
#[path = "../mirror/common.rs"]
mod common;
mod connections;
mod details;
mod discovery;
mod faults;
mod log;
mod metrics;
mod peer;
mod properties;
mod scripted;
mod store;
mod tls;
