//! The parts of `make bench` and `make soak`.

pub mod fake_cloudwatch;
pub mod function;
pub mod request;
