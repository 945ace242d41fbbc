//! The parts of `make bench`, `make limits` and `make soak`.

pub mod fake_cloudwatch;
pub mod function;
pub mod request;
