//! CloudWatch as a source of telemetry.
//!
//! One file for each call, and four folders below them. Imports go down only; `tests/structure.rs`
//! checks it.
//!
//! | level | file or folder | holds |
//! |---|---|---|
//! | 6 | `connection_test`, `fields`, `metrics` | the calls |
//! | 5 | `lookup` | what conditions mean, by the metrics that CloudWatch lists |
//! | 4 | `store` | the clients and caches, and one request's access to them |
//! | 3 | `data` | GetMetricData → points |
//! | 3 | `listing` | ListMetrics → lists of fields and values, and the metrics that a query means |
//! | 2 | `query` | what a query selects, in CloudWatch's terms |
//! | 1 | `aws` | clients, credentials, connections, errors |
//!
//! A metric query goes through `metrics` → `query` (what it selects) → `data` (which period, which
//! request, which points). If it has no data, or does not name its metrics, `lookup` finds out
//! which metrics it means.

mod aws;
mod connection_test;
mod data;
mod fields;
mod listing;
mod lookup;
mod metrics;
mod query;
mod store;

pub use self::aws::clients::{BuildClient, CallerClient};
pub use self::store::{CloudWatch, Store};
