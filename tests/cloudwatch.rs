//! The CloudWatch source: against ministack, a local server with real data, and against fakes for
//! what ministack cannot do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]
#![allow(clippy::print_stdout, reason = "faults.rs prints its table")]

mod support;

mod cloudwatch {
    mod advice;
    mod connections;
    mod details;
    mod expressions;
    mod faults;
    mod fields;
    mod graphs;
    mod hold;
    mod log_capture;
    mod log_line;
    mod lookup;
    mod lookup_resource;
    mod metrics;
    mod paging;
    mod points_cache;
    mod properties;
    mod proxy;
    mod roles;
    mod sharing;
    mod streams;
    mod tags;
    mod tls;
}
