//! What a query selects, in CloudWatch's terms. Nothing here calls AWS.
//!
//! | file | holds |
//! |---|---|
//! | `field` | the names of fields: the only place that knows their spelling |
//! | `allowed` | conditions → the allowed values of each field |
//! | `conditions` | conditions → what each field must be |
//! | `selector` | which metrics a query selects |
//! | `interpretation` | what a selector with `Resource` or a `*` can mean |
//! | `expression` | the condition `~`, an expression instead of a selector |
//! | `statistic` | CloudWatch's statistics |
//! | `values` | the allowed values of a dimension, and wildcards |
//! | `resource` | the field `Resource` of StackState's streams |
//! | `namespaces` | the namespaces of AWS's own services |
//! | `metric` | one metric |
//! | `error` | queries that are not valid |

pub(super) mod conditions;
pub(super) mod error;
pub(super) mod expression;
pub(super) mod field;
pub(super) mod metric;
pub(super) mod namespaces;
pub(super) mod resource;
pub(super) mod selector;
pub(super) mod statistic;
pub(super) mod values;

mod allowed;
mod interpretation;
