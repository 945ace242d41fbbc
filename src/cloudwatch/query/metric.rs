//! One metric.

use std::fmt;

/// The maximum number of dimensions of a metric ("Dimension", CloudWatch API reference).
pub(super) const MAX_DIMENSIONS: usize = 30;

/// A metric: one of CloudWatch's time series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Metric {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Names and values, sorted by name.
    pub(crate) dimensions: Vec<(String, String)>,
    /// Twelve digits; `None` for the caller's own account.
    pub(crate) account: Option<String>,
}

impl Metric {
    /// A metric with these texts.
    #[cfg(test)]
    pub(crate) fn of(
        namespace: &str,
        name: &str,
        dimensions: &[(&str, &str)],
        account: Option<&str>,
    ) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Metric {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions.iter().map(owned).collect(),
            account: account.map(str::to_owned),
        }
    }

    /// The size of its texts, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let Metric { namespace, name, dimensions, account } = self;
        let dimensions: usize =
            dimensions.iter().map(|(name, value)| name.len() + value.len()).sum();
        namespace.len() + name.len() + dimensions + account.as_ref().map_or(0, String::len)
    }
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

/// Whether a text can be the id of an AWS account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_that_of_all_texts() {
        let account = Some("123456789012");
        for (namespace, name, dimensions, account, bytes) in [
            ("", "", &[][..], None, 0),
            ("NN", "", &[], None, 2),
            ("NN", "MMM", &[], None, 5),
            ("NN", "MMM", &[("A", "1234")], None, 10),
            ("NN", "MMM", &[("A", "1234"), ("BB", "é")], None, 14),
            ("NN", "MMM", &[("A", "1234")], account, 22),
            ("", "", &[], account, 12),
        ] {
            let metric = Metric::of(namespace, name, dimensions, account);
            assert_eq!(metric.bytes(), bytes, "{metric:?}");
        }
    }
}
