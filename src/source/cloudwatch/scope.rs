//! Which metrics are listed.

/// Which metrics are listed: the narrowest that ListMetrics can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    /// Each dimension that the metrics have, sorted; with any value where none is named.
    pub(super) dimensions: Vec<(String, Option<String>)>,
    /// Twelve digits; with any account where none is named.
    pub(super) account: Option<String>,
    /// Whether accounts that share their metrics with this one are listed.
    pub(super) linked: bool,
    /// Whether only metrics with data in the last three hours are listed.
    pub(super) recent: bool,
}

/// ListMetrics takes at most so many dimensions ("ListMetrics", CloudWatch API reference).
pub(super) const MOST_FILTERS: usize = 10;

impl Scope {
    /// The same, of the metrics alone that have a dimension of this name, as far as ListMetrics
    /// can be told so.
    pub(super) fn with(mut self, dimension: &str) -> Self {
        let is_new = self.dimensions.iter().all(|(name, _)| name != dimension);
        if is_new && self.dimensions.len() < MOST_FILTERS {
            self.dimensions.push((dimension.to_owned(), None));
            self.dimensions.sort();
        }
        self
    }

    /// Whether every metric of `other` is one of this scope.
    pub(super) fn covers(&self, other: &Scope) -> bool {
        let covers =
            |ours: &Option<String>, theirs: &Option<String>| ours.is_none() || ours == theirs;
        self.linked == other.linked
            && self.recent == other.recent
            && covers(&self.namespace, &other.namespace)
            && covers(&self.name, &other.name)
            && covers(&self.account, &other.account)
            && self.dimensions.iter().all(|(name, value)| {
                other.dimensions.iter().any(|(known, other)| known == name && covers(value, other))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(
        namespace: Option<&str>,
        name: Option<&str>,
        dimensions: &[(&str, Option<&str>)],
    ) -> Scope {
        let owned = |text: &str| text.to_owned();
        Scope {
            namespace: namespace.map(owned),
            name: name.map(owned),
            dimensions: dimensions.iter().map(|(n, v)| (owned(n), v.map(owned))).collect(),
            account: None,
            linked: false,
            recent: false,
        }
    }

    #[test]
    fn a_wider_scope_covers_a_narrower_one() {
        let all = scope(None, None, &[]);
        let n = scope(Some("N"), None, &[]);
        let nm = scope(Some("N"), Some("M"), &[]);
        let a = scope(Some("N"), None, &[("A", None)]);
        let a1 = scope(Some("N"), None, &[("A", Some("1"))]);
        let a1b = scope(Some("N"), None, &[("A", Some("1")), ("B", None)]);
        let recent = Scope { recent: true, ..all.clone() };
        for (wide, narrow, covers) in [
            (&all, &all, true),
            (&all, &n, true),
            (&n, &all, false),
            (&n, &nm, true),
            (&nm, &n, false),
            (&n, &a1, true),
            (&a, &a1, true),
            (&a1, &a, false),
            (&a1, &a1b, true),
            (&a, &a1b, true),
            (&a1b, &a1, false),
            (&nm, &a, false),
            (&recent, &n, false),
            (&all, &recent, false),
        ] {
            assert_eq!(wide.covers(narrow), covers, "{wide:?} {narrow:?}");
        }
    }
}
