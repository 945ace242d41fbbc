//! One of CloudWatch's time series, and the error that a query cannot be asked of it.

use std::fmt;

use crate::error::MirrorError;

/// One of CloudWatch's time series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metric {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Name and value, sorted by name.
    pub(super) dimensions: Vec<(String, String)>,
    /// Twelve digits; `None` for the caller's own account.
    pub(super) account: Option<String>,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Metric { namespace, name, dimensions, account } = self;
        write!(f, "{namespace} {name}")?;
        for (index, (name, value)) in dimensions.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { " {" } else { ", " })?;
        }
        if !dimensions.is_empty() {
            f.write_str("}")?;
        }
        account.as_ref().map_or(Ok(()), |account| write!(f, " of account {account}"))
    }
}

/// A query that cannot be asked of CloudWatch, and why.
pub(super) fn refusal(details: impl fmt::Display) -> MirrorError {
    MirrorError::Remote {
        summary: "The query cannot be asked of CloudWatch",
        details: details.to_string(),
    }
}

/// So many items of a list are named in an error.
const NAMED: usize = 5;

/// The first few, and how many more there are.
pub(super) fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    let named = items.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
