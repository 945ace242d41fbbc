//! Which metrics to list.

use crate::cloudwatch::query::selector::MetricSelector;

/// The maximum number of dimensions in a ListMetrics call ("ListMetrics", CloudWatch API
/// reference).
const MAX_DIMENSIONS: usize = 10;

/// A filter of ListMetrics. `None` allows any value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ListFilter {
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    /// The dimensions that the metrics have, and their values, sorted by name.
    pub(super) dimensions: Vec<(String, Option<String>)>,
    /// Twelve digits.
    pub(super) account: Option<String>,
    /// Whether to list the metrics of linked accounts.
    pub(super) linked: bool,
    /// Whether to list only metrics with data in the last three hours.
    pub(super) recent: bool,
}

impl ListFilter {
    /// The narrowest filter that lists all metrics that `selector` matches, if `recent` only those with data in
    /// the last three hours.
    pub(crate) fn covering(selector: &MetricSelector, linked_accounts: bool, recent: bool) -> Self {
        let MetricSelector { namespaces, names, accounts, dimensions } = selector;
        let only = |values: &[String]| match values {
            [value] => Some(value.clone()),
            _ => None,
        };
        let dimensions = dimensions.iter().take(MAX_DIMENSIONS);
        ListFilter {
            namespace: only(namespaces),
            name: only(names),
            dimensions: dimensions
                .map(|(name, values)| (name.clone(), values.only().cloned()))
                .collect(),
            account: only(accounts),
            linked: linked_accounts || !accounts.is_empty(),
            recent,
        }
    }

    /// This filter for metrics that have the dimension `name`, if it is one. ListMetrics takes at most
    /// [`MAX_DIMENSIONS`], so further ones are not added.
    pub(crate) fn with_dimension(mut self, name: Option<&str>) -> Self {
        if let Some(name) = name
            && self.dimensions.iter().all(|(known, _)| known != name)
            && self.dimensions.len() < MAX_DIMENSIONS
        {
            self.dimensions.push((name.to_owned(), None));
            self.dimensions.sort();
        }
        self
    }

    /// The approximate size of the filter's texts in bytes.
    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.namespace, &self.name, &self.account].into_iter().flatten();
        let dimensions =
            self.dimensions.iter().flat_map(|(name, value)| Some(name).into_iter().chain(value));
        texts.chain(dimensions).map(|text| text.len() + size_of::<String>()).sum()
    }

    /// Whether this filter lists all metrics that `other` lists.
    pub(super) fn covers(&self, other: &ListFilter) -> bool {
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

    fn filter(
        namespace: Option<&str>,
        name: Option<&str>,
        dimensions: &[(&str, Option<&str>)],
    ) -> ListFilter {
        let owned = |text: &str| text.to_owned();
        ListFilter {
            namespace: namespace.map(owned),
            name: name.map(owned),
            dimensions: dimensions.iter().map(|(n, v)| (owned(n), v.map(owned))).collect(),
            account: None,
            linked: false,
            recent: false,
        }
    }

    #[test]
    fn every_text_counts() {
        let one = size_of::<String>();
        let account = ListFilter { account: Some("1234".to_owned()), ..filter(None, None, &[]) };
        for (filter, bytes) in [
            (filter(None, None, &[]), 0),
            (filter(Some("NN"), None, &[]), 2 + one),
            (filter(Some("NN"), Some("MMM"), &[]), 5 + 2 * one),
            (filter(None, None, &[("A", None), ("BB", Some("12345"))]), 8 + 3 * one),
            (account, 4 + one),
        ] {
            assert_eq!(filter.bytes(), bytes, "{filter:?}");
        }
    }

    #[test]
    fn a_wider_filter_covers_a_narrower_one() {
        let all = filter(None, None, &[]);
        let n = filter(Some("N"), None, &[]);
        let nm = filter(Some("N"), Some("M"), &[]);
        let a = filter(Some("N"), None, &[("A", None)]);
        let a1 = filter(Some("N"), None, &[("A", Some("1"))]);
        let a1b = filter(Some("N"), None, &[("A", Some("1")), ("B", None)]);
        let recent = ListFilter { recent: true, ..all.clone() };
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

    #[test]
    fn a_dimension_is_added_if_listmetrics_takes_it() {
        const TEN: [&str; 10] = ["B", "C", "D", "E", "F", "G", "H", "I", "J", "K"];
        for (known, added, expected) in [
            (&[][..], "A", &["A"][..]),
            (&["B"], "A", &["A", "B"]),
            (&["A", "B"], "A", &["A", "B"]),
            (&TEN[..9], "K", &TEN),
            (&TEN, "A", &TEN),
        ] {
            let with = |names: &[&str]| {
                let dimensions: Vec<_> = names.iter().map(|name| (*name, None)).collect();
                filter(None, None, &dimensions)
            };
            assert_eq!(
                with(known).with_dimension(Some(added)),
                with(expected),
                "{added} to {known:?}"
            );
        }
        let with_value = filter(None, None, &[("A", Some("1"))]);
        assert_eq!(with_value.clone().with_dimension(Some("A")), with_value);
    }
}
