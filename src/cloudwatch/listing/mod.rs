//! ListMetrics → lists of fields and values, and reasons for empty answers.

pub(super) mod advice;
pub(super) mod catalogue;
pub(super) mod fields;
pub(super) mod filter;
pub(super) mod found;
pub(super) mod grouping;
pub(super) mod lists;
mod near;
