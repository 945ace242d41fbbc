//! What `make bench` and `make soak` are made of.

pub mod function;
pub mod peer;
pub mod request;
