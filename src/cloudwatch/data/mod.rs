//! GetMetricData → points.
//!
//! | file | holds |
//! |---|---|
//! | `plan` | a metric query → what to ask, and how to combine the results |
//! | `window` | the period and the time range to ask for |
//! | `request` | the plan → GetMetricData requests |
//! | `fetch` | sends the requests and reads all pages |
//! | `statuses` | results that CloudWatch did not finish |
//! | `series` | datapoints → points |
//! | `cache` | the points of recent queries |

pub(super) mod cache;
pub(super) mod fetch;
pub(super) mod plan;
pub(super) mod request;
pub(super) mod series;

mod statuses;
mod window;
