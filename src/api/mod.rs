//! StackState's Mirror REST API: its endpoints, its requests, its answers.

pub mod answer;
pub mod endpoint;
pub mod request;
