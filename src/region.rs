//! An AWS region's name.

use std::fmt;

/// A text that has the form of a region's name. It becomes part of a host name, so no other
/// text is accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// Completes the error "expected …".
    pub const EXPECTED: &'static str = "a region such as eu-west-1";

    /// The region with this name: words of lower-case letters and a number at the end, joined
    /// by hyphens, at most 32 characters.
    pub fn new(name: &str) -> Option<Self> {
        let mut words = name.split('-');
        let number = words.next_back()?;
        let words: Vec<&str> = words.collect();
        let valid = name.len() <= 32
            && (2..=4).contains(&words.len())
            && words
                .iter()
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
            && (1..=2).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit());
        valid.then(|| Region(name.to_owned()))
    }

    /// Whether the region belongs to the partition `aws`, by its `regionRegex` in AWS's
    /// `partitions.json`. The other partitions have their own endpoints and certificate
    /// authorities.
    pub fn is_in_aws_partition(&self) -> bool {
        const BEGINNINGS: [&str; 9] = ["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"];
        let mut words = self.0.split('-');
        let begins = words.next().is_some_and(|word| BEGINNINGS.contains(&word));
        begins && words.count() == 2
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_the_form_of_one() {
        for (name, valid) in [
            ("eu-west-1", true),
            ("us-gov-east-1", true),
            ("cn-north-1", true),
            ("us-isob-east-1", true),
            ("ap-southeast-12", true),
            ("", false),
            ("global", false),
            ("eu-west", false),
            ("EU-WEST-1", false),
            ("eu-west-1 ", false),
            ("eu-west-1.example.com/", false),
            ("eu--1", false),
            ("eu-west-1a", false),
            ("eu-west-123", false),
            ("x-y-z-a-b-1", false),
        ] {
            assert_eq!(Region::new(name).is_some(), valid, "{name}");
        }
    }

    #[test]
    fn partitions_are_told_apart() {
        for (name, is_aws) in [
            ("eu-west-1", true),
            ("us-east-1", true),
            ("mx-central-1", true),
            ("us-gov-east-1", false),
            ("us-iso-east-1", false),
            ("eu-isoe-west-1", false),
            ("eusc-de-east-1", false),
            ("cn-north-1", false),
        ] {
            assert_eq!(Region::new(name).unwrap().is_in_aws_partition(), is_aws, "{name}");
        }
    }
}
