//! AWS: clients, credentials, connections and errors. Nothing here knows the types of a query.

pub(super) mod clients;
pub(super) mod error;
pub(super) mod region_client;

mod assumed_role;
mod code;
mod connector;
mod http;
mod proxy;
mod retries;
mod tls;
