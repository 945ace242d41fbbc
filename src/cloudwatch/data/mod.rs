//! GetMetricData → points.

pub(super) mod backlog;
pub(super) mod batch;
pub(super) mod data_query;
pub(super) mod fetch;
pub(super) mod plan;
pub(super) mod series;

mod limiter;
mod results;
mod shared_call;
mod window;
