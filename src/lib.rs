//! A StackState telemetry mirror as one AWS Lambda function.
//!
//! Data flows one way: event → endpoint → admission → query → source → answer. A file imports
//! only from levels below its own; `tests/structure.rs` checks it.
//!
//! | level | file | holds |
//! |---|---|---|
//! | 10 | `main.rs` | logging, configuration, the runtime loop |
//! | 9 | [`event`] | Lambda's events ↔ HTTP |
//! | 9 | [`log`] | the log |
//! | 8 | [`app`] | one request, from the HTTP request to the HTTP response and the log line |
//! | 7 | [`api`] | StackState's Mirror REST API: endpoints, requests, answers |
//! | 7 | [`source`] | which source answers: random data, or CloudWatch |
//! | 6 | [`cloudwatch`] | CloudWatch; the map of its folders is there |
//! | 5 | [`connection`] | `connectionDetails`: the source and its credentials |
//! | 4 | [`access`] | the access token |
//! | 4 | [`config`] | the environment variables |
//! | 4 | [`deadline`] | the time by which a request must be answered |
//! | 4 | [`json`] | reads JSON, with errors that name the member |
//! | 4 | [`explore`] | the page at `/explore` |
//! | 3 | [`error`] | the kinds of error |
//! | 2 | `cache` | a cache bounded by count, weight and age |
//! | 2 | [`model`] | queries and their results |
//! | 2 | `shared` | work that several requests wait for |
//! | 2 | [`usage`] | what a request did at AWS, for its log line |
//! | 1 | [`region`] | an AWS region's name |
//! | 1 | [`secret`] | text that never appears in Debug output |
//! | 1 | [`time`] | points in time and ranges |

pub mod access;
pub mod api;
pub mod app;
pub mod cloudwatch;
pub mod config;
pub mod connection;
pub mod deadline;
pub mod error;
pub mod event;
pub mod explore;
pub mod json;
pub mod log;
pub mod model;
pub mod region;
pub mod secret;
pub mod source;
pub mod time;
pub mod usage;

mod cache;
mod shared;
