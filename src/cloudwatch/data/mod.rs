//! GetMetricData → points.
//!
//! | file | holds |
//! |---|---|
//! | `data_query` | a metric query → what it asks for, and the plan |
//! | `plan` | what to ask, and how to combine the results |
//! | `window` | the period and the time range to ask for |
//! | `request` | the plan → GetMetricData queries |
//! | `fetch` | what is asked → calls, one after the other |
//! | `call` | one call |
//! | `turns` | which call is next, and which questions share it, if requests are served at once |
//! | `question` | what one request asks and can ask together with others |
//! | `queue` | the questions that wait, in order of arrival |
//! | `room` | the room for questions that wait |
//! | `refused` | queries that CloudWatch refused, which share no call |
//! | `pace` | how many calls start in a second |
//! | `shared_call` | one call for the questions of several requests |
//! | `results` | the results of a response → datapoints, errors |
//! | `statuses` | results that CloudWatch did not finish |
//! | `series` | datapoints → points |
//! | `cache` | the points of recent queries |

pub(super) mod cache;
pub(super) mod data_query;
pub(super) mod fetch;
pub(super) mod plan;
pub(super) mod request;
pub(super) mod series;
pub(super) mod turns;

mod call;
mod pace;
mod question;
mod queue;
mod refused;
mod results;
mod room;
mod shared_call;
mod statuses;
mod window;
