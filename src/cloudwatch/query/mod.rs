//! What a query selects, in CloudWatch's terms. Nothing here calls AWS.

pub(super) mod conditions;
pub(super) mod entry;
pub(super) mod expression;
pub(super) mod field;
pub(super) mod metric;
pub(super) mod namespaces;
pub(super) mod selector;
pub(super) mod statistic;
pub(super) mod tags;
pub(super) mod values;

mod allowed;
mod graph;
mod interpretation;
