//! CloudWatch as a source of telemetry.
//!
//! One file for each call, and four folders below them. Imports go down only; `tests/structure.rs`
//! checks it.
//!
//! | level | file or folder | holds |
//! |---|---|---|
//! | 5 | `connection_test`, `fields`, `metrics` | the calls |
//! | 4 | `store` | the clients and caches, and one request's access to them |
//! | 3 | `data` | GetMetricData → points |
//! | 3 | `listing` | ListMetrics → lists of fields and values, reasons for empty answers |
//! | 2 | `query` | what a query selects, in CloudWatch's terms |
//! | 1 | `aws` | clients, credentials, connections, errors |
//!
//! A metric query goes through `metrics` → `query` (what it selects) → `data` (which period, which
//! request, which points). If it has no data, `listing` finds out why.

mod aws;
mod connection_test;
mod data;
mod fields;
mod listing;
mod metrics;
mod query;
mod store;

pub use self::aws::clients::{BuildClient, CallerClient};
pub use self::store::{CloudWatch, Store};
