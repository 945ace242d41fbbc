//! A StackState telemetry mirror as one AWS Lambda function.
//!
//! Data flows one way: event → endpoint → admission → query → source → answer. This table is the map
//! of all files. A file imports only from levels below its own, or from its own folder without a
//! circle; `tests/structure.rs` checks both, and that no file is missing here.
//!
//! | level | module | holds |
//! |---|---|---|
//! | 14 | `main` | configuration, and the runtime loop |
//! | 13 | `event` | Lambda's events → requests |
//! | 13 | `log` | the log: its format and level |
//! | 12 | `app` | one request, from its endpoint to its `response` and its `log_line` |
//! | 11 | `api` | StackState's Mirror REST API: `endpoint`, the access `token`, `request` → query, `answer` → JSON that fits Lambda's answer |
//! | 11 | `random` | the source of random data |
//! | 11 | `cloudwatch` | the source CloudWatch: which call answers a query |
//! | 10 | `cloudwatch::connection_test` | the call `/api/connection` |
//! | 10 | `cloudwatch::fields` | the calls `/api/field/name` and `/api/field/value` |
//! | 10 | `cloudwatch::metrics` | the call `/api/metric` |
//! | 9 | `cloudwatch::lookup` | which metrics the conditions mean, by the lists of CloudWatch |
//! | 8 | `cloudwatch::context` | the clients, caches and backlogs that all requests share, and one request's access to them |
//! | 7 | `cloudwatch::data` | GetMetricData → points. `data_query` reads a query into a `plan` for a `window`; `fetch` asks for it in batches (`batch`), alone or, by the `backlog` and the `limiter` of its caller, in a `shared_call` with other requests; `results` become a `series` of points |
//! | 7 | `cloudwatch::listing` | ListMetrics → `lists`, each a `catalogue` of what a `filter` selects; from it the `fields` and values of StackState's dialogs, in a `grouping` if they are many, and the metrics `found` for a query, or `advice` that leads to one, with names that are `near` |
//! | 6 | `cloudwatch::query` | what a query means, in CloudWatch's terms: each `field` (the only place that knows its spelling), its `allowed` `values`, the `conditions`, the `selector` of metrics and its `interpretation`, or an `expression` of one `entry`, of those of a whole `graph`, or of the SQL for `tags`; `metric`, `statistic`, and the `namespaces` of AWS |
//! | 6 | `cloudwatch::aws` | `clients` for each caller, the `region_client` of one request, the `assumed_role`, `retries`, the `http` client with its `connector` and `proxy`, why `tls` fails, what each error `code` means, and every `error` of AWS |
//! | 5 | `connection` | `connectionDetails`: their `details`, the `identity` of the caller, and how to query CloudWatch |
//! | 4 | `access` | who may call: the access token and the networks |
//! | 4 | `config` | the environment variables, with those of `aws` |
//! | 4 | `deadline` | the time by which a request must be answered |
//! | 4 | `explore` | the page at `/explore` |
//! | 4 | `json` | reads JSON, with errors that name the member |
//! | 3 | `error` | the kinds of error, and the lists in their texts |
//! | 2 | `cache` | a cache bounded by count, weight and age |
//! | 2 | `model` | queries and their answers |
//! | 2 | `usage` | what a request did at AWS, for its log line |
//! | 1 | `heap` | memory that is given back to the system |
//! | 1 | `region` | an AWS region's name |
//! | 1 | `secret` | text that never appears in Debug output |
//! | 1 | `shared` | locks, and work that several requests wait for |
//! | 1 | `time` | points in time and ranges |

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
pub mod heap;
pub mod json;
pub mod log;
pub mod model;
pub mod random;
pub mod region;
pub mod secret;
pub mod time;
pub mod usage;

mod cache;
mod shared;
