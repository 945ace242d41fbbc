//! StackState's Mirror REST API: endpoints, requests and answers.

pub mod answer;
pub mod endpoint;
pub mod request;
pub mod token;
