//! Errors of queries, and the lists in their texts.

use std::fmt;

use crate::error::MirrorError;

/// The maximum number of items that an error names from a list.
const MAX_NAMED: usize = 5;

/// The maximum number of characters of an item that an error names, so that its advice, which
/// follows, is not cut off.
const MAX_ITEM: usize = 120;

/// The error of a query that is not valid for CloudWatch.
pub(crate) fn invalid(details: impl fmt::Display) -> MirrorError {
    MirrorError::Remote {
        summary: "The query is not valid for CloudWatch",
        details: details.to_string(),
    }
}

/// The first items of a list, and the number of the others.
pub(crate) fn summarize(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    let named = items.iter().take(MAX_NAMED).map(|item| shortened(item));
    let named = named.collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(MAX_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// An item, or its beginning.
fn shortened(item: &str) -> String {
    match item.char_indices().nth(MAX_ITEM) {
        None => item.to_owned(),
        Some((end, _)) => format!("{}…", &item[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_summarized() {
        for (count, text) in [
            (0, ""),
            (1, "0"),
            (5, "0, 1, 2, 3, 4"),
            (6, "0, 1, 2, 3, 4 and 1 more"),
            (9, "0, 1, 2, 3, 4 and 4 more"),
        ] {
            assert_eq!(summarize((0..count).map(|item: usize| item.to_string())), text);
        }
        let long = summarize(["é".repeat(121), "x".repeat(120)].into_iter());
        assert_eq!(long, format!("{}…, {}", "é".repeat(120), "x".repeat(120)));
    }
}
