//! What a query selects, in CloudWatch's terms. Nothing here calls AWS.
//!
//! | file | holds |
//! |---|---|
//! | `field` | the names of fields: the only place that knows their spelling |
//! | `conditions` | conditions → what each field must be |
//! | `selector` | which metrics a query selects |
//! | `expression` | the condition `~`, an expression instead of a selector |
//! | `statistic` | CloudWatch's statistics |
//! | `resource` | the field `Resource` of StackState's streams |
//! | `metric` | one metric |
//! | `error` | queries that are not valid |

pub(super) mod conditions;
pub(super) mod error;
pub(super) mod expression;
pub(super) mod field;
pub(super) mod metric;
pub(super) mod selector;
pub(super) mod statistic;

mod resource;
