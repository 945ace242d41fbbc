//! A StackState telemetry mirror as one AWS Lambda function.
//!
//! One way through: event → endpoint → query → source → answer. A file imports only from
//! floors below its own.
//!
//! | floor | file | holds |
//! |---|---|---|
//! | 8 | `main.rs` | logging, configuration, the loop that Lambda drives |
//! | 7 | [`event`] | Lambda's events → HTTP requests, HTTP responses → Lambda's answers |
//! | 7 | [`log`] | where log lines go |
//! | 6 | [`app`] | one request: access, endpoint, query, source, answer |
//! | 5 | [`api`] | StackState's Mirror REST API: endpoints, requests, answers |
//! | 5 | [`source`] | where answers come from: random data, or CloudWatch |
//! | 4 | [`connection`] | `connectionDetails`: whom to ask, as whom |
//! | 3 | [`access`] | the access token |
//! | 3 | [`config`] | the environment |
//! | 3 | [`deadline`] | the time by which a request must be answered |
//! | 3 | [`json`] | reads JSON with errors that name the member |
//! | 2 | [`error`] | what can go wrong |
//! | 1 | [`region`] | an AWS region's name |
//! | 1 | [`secret`] | text that must not be seen |
//! | 1 | [`telemetry`] | the model |

pub mod access;
pub mod api;
pub mod app;
pub mod config;
pub mod connection;
pub mod deadline;
pub mod error;
pub mod event;
pub mod json;
pub mod log;
pub mod region;
pub mod secret;
pub mod source;
pub mod telemetry;
