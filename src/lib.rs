//! A StackState telemetry mirror as one AWS Lambda function.
//!
//! One way through: event → endpoint → query → source → answer. A file imports only from
//! floors below its own.
//!
//! | floor | file | holds |
//! |---|---|---|
//! | 6 | `main.rs` | logging, configuration, the loop that Lambda drives |
//! | 5 | [`event`] | Lambda's events → HTTP requests, HTTP responses → Lambda's answers |
//! | 5 | [`log`] | where log lines go |
//! | 4 | [`app`] | one request: endpoint, query, source, answer |
//! | 3 | [`api`] | StackState's Mirror REST API: endpoints, requests, answers |
//! | 3 | [`source`] | where answers come from |
//! | 2 | [`connection`] | `connectionDetails`: whom to ask |
//! | 2 | [`config`] | the environment |
//! | 2 | [`json`] | reads JSON with errors that name the member |
//! | 1 | [`error`] | what can go wrong |
//! | 1 | [`telemetry`] | the model |

pub mod api;
pub mod app;
pub mod config;
pub mod connection;
pub mod error;
pub mod event;
pub mod json;
pub mod log;
pub mod source;
pub mod telemetry;
