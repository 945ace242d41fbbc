//! ListMetrics → lists of fields and values, and reasons for empty answers.
//!
//! | file | holds |
//! |---|---|
//! | `filter` | which metrics to list |
//! | `read` | sends ListMetrics requests and reads all pages |
//! | `reads` | lists that several requests ask for at once |
//! | `catalogue` | the listed metrics, in compact form |
//! | `cache` | recent catalogues |
//! | `fields` | a catalogue → fields and their values |
//! | `grouping` | many values → patterns and pages |
//! | `found` | which listed metrics a query means |

pub(super) mod cache;
pub(super) mod catalogue;
pub(super) mod fields;
pub(super) mod filter;
pub(super) mod found;
pub(super) mod grouping;
pub(super) mod read;
pub(super) mod reads;
