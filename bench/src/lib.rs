//! The parts of `make bench`, `make limits`, `make load` and `make soak`.

pub mod environment;
pub mod fake_cloudwatch;
pub mod function;
pub mod request;
pub mod scripted_cloudwatch;
pub mod stream;
