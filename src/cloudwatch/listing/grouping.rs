//! Many values → patterns and pages.

use std::collections::BTreeSet;

use crate::model::{FieldValue, Page};

/// The prefix of a pattern ends with one of these.
const SEPARATORS: [char; 4] = ['/', '.', ':', '-'];

/// One page of the values with this prefix, sorted.
///
/// If there are more than `limit`, values with a common prefix become one pattern. The next
/// query with the pattern's prefix lists them, so every value can be reached. Patterns count
/// towards `offset` and `limit` like values.
pub(crate) fn page(
    values: &BTreeSet<&str>,
    prefix: &str,
    offset: usize,
    limit: usize,
) -> Page<FieldValue> {
    // A pattern is written as its prefix, which ends with a separator, and a star. But a value
    // can also end with a star.
    let prefix = match prefix.strip_suffix('*') {
        Some(stripped)
            if stripped.ends_with(SEPARATORS) || with_prefix(values, prefix).next().is_none() =>
        {
            stripped
        }
        _ => prefix,
    };
    let matching: Vec<&str> = with_prefix(values, prefix).collect();
    let items = if matching.len() > limit {
        grouped(&matching, prefix)
    } else {
        matching.into_iter().map(complete).collect()
    };
    Page::of(items, offset, limit)
}

fn with_prefix<'a>(values: &BTreeSet<&'a str>, prefix: &str) -> impl Iterator<Item = &'a str> {
    values.iter().copied().filter(move |value| value.starts_with(prefix))
}

/// Sorted values, with a pattern for each group of two or more. If there is only one group, its
/// own groups are shown instead.
fn grouped(sorted: &[&str], prefix: &str) -> Vec<FieldValue> {
    let groups: Vec<&[&str]> =
        sorted.chunk_by(|one, other| group(one, prefix) == group(other, prefix)).collect();
    if let [only] = groups.as_slice()
        && let Some(key) = group(only[0], prefix)
    {
        return grouped(only, key);
    }
    groups
        .into_iter()
        .flat_map(|values| match (values, group(values[0], prefix)) {
            ([_, _, ..], Some(key)) => vec![FieldValue::Pattern(key.to_owned())],
            (values, _) => values.iter().copied().map(complete).collect(),
        })
        .collect()
}

/// The part of `value` up to the first separator after the prefix.
fn group<'a>(value: &'a str, prefix: &str) -> Option<&'a str> {
    let (at, separator) =
        value[prefix.len()..].char_indices().find(|(_, letter)| SEPARATORS.contains(letter))?;
    Some(&value[..prefix.len() + at + separator.len_utf8()])
}

fn complete(value: &str) -> FieldValue {
    FieldValue::Complete(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(values: &[&str], prefix: &str, offset: usize, limit: usize) -> (Vec<String>, bool) {
        let Page { items, is_partial } =
            page(&values.iter().copied().collect(), prefix, offset, limit);
        let text = |value: &FieldValue| match value {
            FieldValue::Complete(value) => value.clone(),
            FieldValue::Pattern(prefix) => format!("{prefix}*"),
        };
        (items.iter().map(text).collect(), is_partial)
    }

    const NAMESPACES: [&str; 6] =
        ["AWS/EC2", "AWS/Lambda", "AWS/SQS", "Shop", "Team/a/x", "Team/b"];

    #[test]
    fn values_are_grouped_if_there_are_too_many() {
        for (prefix, offset, limit, items, is_partial) in [
            ("", 0, 6, &NAMESPACES[..], false),
            ("", 0, 5, &["AWS/*", "Shop", "Team/*"], false),
            ("", 0, 3, &["AWS/*", "Shop", "Team/*"], false),
            ("", 0, 2, &["AWS/*", "Shop"], true),
            ("", 2, 2, &["Team/*"], false),
            ("AWS/", 0, 3, &["AWS/EC2", "AWS/Lambda", "AWS/SQS"], false),
            ("AWS/*", 0, 3, &["AWS/EC2", "AWS/Lambda", "AWS/SQS"], false),
            ("AWS/", 0, 2, &["AWS/EC2", "AWS/Lambda"], true),
            ("AWS/", 2, 2, &["AWS/SQS"], false),
            // A single group is shown by its values.
            ("A", 0, 2, &["AWS/EC2", "AWS/Lambda"], true),
            ("Team/", 0, 1, &["Team/a/x"], true),
            ("x", 0, 1, &[], false),
            ("", 0, 0, &[], true),
        ] {
            let expected = (items.iter().map(|item| (*item).to_owned()).collect(), is_partial);
            assert_eq!(
                shown(&NAMESPACES, prefix, offset, limit),
                expected,
                "{prefix:?} {offset} {limit}"
            );
        }
    }

    #[test]
    fn a_value_may_end_with_a_star_or_a_separator() {
        assert_eq!(shown(&["a*", "ab"], "a*", 0, 9), (vec!["a*".to_owned()], false));
        let values = ["a/*", "a/b", "a/c", "z"];
        assert_eq!(shown(&values, "", 0, 2), (vec!["a/*".to_owned(), "z".to_owned()], false));
        assert_eq!(shown(&values, "a/*", 0, 3).0, values[..3]);
        let values = ["a/", "a/b", "b"];
        assert_eq!(shown(&values, "", 0, 2), (vec!["a/*".to_owned(), "b".to_owned()], false));
        assert_eq!(shown(&values, "a/", 0, 2), (vec!["a/".to_owned(), "a/b".to_owned()], false));
    }

    /// Follows every pattern and every page.
    fn reach(values: &[&str], prefix: &str, limit: usize, reached: &mut BTreeSet<String>) {
        let mut offset = 0;
        loop {
            let (items, is_partial) = shown(values, prefix, offset, limit);
            for item in &items {
                match item.strip_suffix('*') {
                    Some(next) if !values.contains(&item.as_str()) => {
                        assert!(next.len() > prefix.len(), "{item} is longer than {prefix}");
                        reach(values, next, limit, reached);
                    }
                    _ => assert!(reached.insert(item.clone()), "{item} is shown once"),
                }
            }
            if !is_partial {
                return;
            }
            offset += limit;
        }
    }

    #[test]
    fn every_value_can_be_reached() {
        let values = [
            "arn:aws:states:eu-west-1:1:stateMachine:a",
            "arn:aws:states:eu-west-1:1:stateMachine:b",
            "arn:aws:states:eu-west-2:1:stateMachine:a",
            "i-1",
            "i-2",
            "i-3",
            "app/one/1",
            "app/one/2",
            "app/two/1",
            "é/1",
            "é/2",
            "-",
            "--",
            "/",
            "x",
            "x.y",
            "x.y.z",
            "",
        ];
        for limit in 1..20 {
            let mut reached = BTreeSet::new();
            reach(&values, "", limit, &mut reached);
            assert_eq!(reached.len(), values.len(), "limit {limit}: {reached:?}");
        }
    }
}
