//! The allowed values of a dimension: texts, and patterns with wildcards.

/// The character that stands for any text in a pattern.
const WILDCARD: char = '*';

/// The allowed values of a dimension. It allows a value that equals one of `exact` or matches one
/// of `patterns`. There is at least one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Values {
    /// Sorted.
    exact: Vec<String>,
    patterns: Vec<String>,
}

impl Values {
    /// Exactly these values, which are sorted. A `*` in them stands for itself.
    pub(crate) fn exactly(values: Vec<String>) -> Self {
        Values { exact: values, patterns: Vec::new() }
    }

    /// The values as texts, patterns last.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        self.exact.iter().chain(&self.patterns)
    }

    /// The number of values.
    pub(crate) fn count(&self) -> usize {
        self.exact.len() + self.patterns.len()
    }

    /// The number of `*` in the values.
    pub(crate) fn wildcards(&self) -> usize {
        self.texts().map(|text| text.matches(WILDCARD).count()).sum()
    }

    /// Whether some values are patterns.
    pub(crate) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// These values with every text that contains a `*` as a pattern.
    pub(crate) fn with_patterns(self) -> Self {
        let Values { exact, mut patterns } = self;
        let (wild, exact) = exact.into_iter().partition(|text| text.contains(WILDCARD));
        patterns.extend::<Vec<String>>(wild);
        Values { exact, patterns }
    }

    /// These values with every pattern that `is_literal` accepts as a text.
    pub(crate) fn with_literals(self, is_literal: impl Fn(&str) -> bool) -> Self {
        let Values { mut exact, patterns } = self;
        let (literal, patterns): (Vec<String>, _) =
            patterns.into_iter().partition(|text| is_literal(text));
        exact.extend(literal);
        exact.sort();
        Values { exact, patterns }
    }

    /// The value, if it is the only one and has no `*`.
    pub(crate) fn only(&self) -> Option<&String> {
        match self.exact.as_slice() {
            [value] if self.patterns.is_empty() && !value.contains(WILDCARD) => Some(value),
            _ => None,
        }
    }

    /// Whether `value` is allowed.
    pub(crate) fn allows(&self, value: &str) -> bool {
        self.exact.binary_search_by(|known| known.as_str().cmp(value)).is_ok()
            || self.patterns.iter().any(|pattern| matches(pattern, value))
    }
}

/// Whether a text has the form of a pattern: each `*` stands for any text, also for none.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once(WILDCARD) else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split(WILDCARD).collect();
    let last = parts.pop().unwrap_or_default();
    // The leftmost place of each part leaves the most for the others.
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

/// Whether a text contains a `*`.
pub(crate) fn is_wildcard(text: &str) -> bool {
    text.contains(WILDCARD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*", "a", true),
            ("a*", "ab", true),
            ("a*", "ba", false),
            ("*a", "ba", true),
            ("*a", "ab", false),
            ("a*b", "ab", true),
            ("a*b", "axxb", true),
            ("a*b", "a", false),
            ("ab*b", "ab", false),
            ("a*a", "a", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("a*bc*bc", "abcbc", true),
            ("a*bc*bc", "abc", false),
            ("a**b", "ab", true),
            ("app/prod-*", "app/prod-web/1", true),
            ("app/prod-*", "app/test-web/1", false),
            ("a?", "ab", false),
            ("é*", "éa", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn values_are_texts_until_they_become_patterns() {
        let values =
            |texts: &[&str]| Values::exactly(texts.iter().map(|text| (*text).to_owned()).collect());
        let literal = values(&["a*", "b"]);
        assert_eq!(
            (literal.allows("a*"), literal.allows("ab"), literal.allows("b")),
            (true, false, true)
        );
        let patterns = literal.clone().with_patterns();
        assert!(patterns.has_patterns() && !literal.has_patterns());
        assert_eq!(
            (patterns.allows("a*"), patterns.allows("ab"), patterns.allows("b")),
            (true, true, true)
        );
        assert_eq!((patterns.count(), patterns.wildcards()), (2, 1));
        assert_eq!(patterns.clone().with_literals(|text| text == "a*"), literal);
        assert_eq!(patterns.clone().with_literals(|text| text == "b*"), patterns);
        for (texts, only) in [(&["a"][..], Some("a")), (&["a*"], None), (&["a", "b"], None)] {
            let found = values(texts);
            assert_eq!(found.only().map(String::as_str), only);
            assert_eq!(found.with_patterns().only().map(String::as_str), only);
        }
    }
}
