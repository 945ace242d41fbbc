//! An AWS region's name.

use std::fmt;
use std::sync::Arc;

/// A text that has the form of a region's name. It becomes part of a host name, so no other
/// text is accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region(Arc<str>);

impl Region {
    /// Completes the error "expected …".
    pub const EXPECTED: &'static str = "a region such as eu-west-1";

    /// The region with this name, in upper or lower case: words of letters and a number at the end,
    /// joined by hyphens, at most 32 characters.
    pub fn new(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
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
        valid.then(|| Region(name.as_str().into()))
    }

    /// The home of the partition `aws`.
    pub const HOME_OF_AWS: &'static str = "us-east-1";

    /// The home of this region's partition: a region that no account can disable. All regions of a
    /// partition, which has endpoints, accounts and credentials of its own, have the same home. The
    /// patterns are the `regionRegex` of AWS's `partitions.json`. `None` if no partition has such a
    /// region.
    pub fn home(&self) -> Option<Region> {
        let words: Vec<&str> = self.0.split('-').collect();
        Region::new(match words.as_slice() {
            ["us" | "eu" | "ap" | "sa" | "ca" | "me" | "af" | "il" | "mx", _, _] => {
                Region::HOME_OF_AWS
            }
            ["cn", _, _] => "cn-north-1",
            ["us", "gov", _, _] => "us-gov-west-1",
            ["us", "iso", _, _] => "us-iso-east-1",
            ["us", "isob", _, _] => "us-isob-east-1",
            ["eu", "isoe", _, _] => "eu-isoe-west-1",
            ["us", "isof", _, _] => "us-isof-south-1",
            ["eusc", "de", _, _] => "eusc-de-east-1",
            _ => return None,
        })
    }

    /// The region that has the metrics of this partition's global services, such as CloudFront and
    /// Route 53: the `implicitGlobalRegion` of AWS's `partitions.json`.
    pub fn global(&self) -> Option<Region> {
        match self.home()? {
            home if home.as_str() == "cn-north-1" => Region::new("cn-northwest-1"),
            home => Some(home),
        }
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
            ("EU-WEST-1", true),
            ("Eu West 1", false),
            ("eu-west-1 ", false),
            ("eu-west-1.example.com/", false),
            ("eu--1", false),
            ("eu-west-1a", false),
            ("eu-west-123", false),
            ("x-y-z-a-b-1", false),
        ] {
            let found = Region::new(name);
            assert_eq!(found.is_some(), valid, "{name}");
            assert!(found.is_none_or(|region| region.as_str() == name.to_ascii_lowercase()));
        }
    }

    #[test]
    fn global_services_have_a_region_in_each_partition() {
        for (name, global) in [
            ("eu-west-1", Some("us-east-1")),
            ("us-gov-east-1", Some("us-gov-west-1")),
            ("eusc-de-east-1", Some("eusc-de-east-1")),
            ("cn-north-1", Some("cn-northwest-1")),
            ("us-isob-west-1", Some("us-isob-east-1")),
            ("xx-north-1", None),
        ] {
            let found = Region::new(name).unwrap().global();
            assert_eq!(found.as_ref().map(Region::as_str), global, "{name}");
        }
    }

    #[test]
    fn a_partition_has_one_home() {
        for (name, home) in [
            ("eu-west-1", Some("us-east-1")),
            ("us-east-1", Some("us-east-1")),
            ("mx-central-1", Some("us-east-1")),
            ("us-gov-east-1", Some("us-gov-west-1")),
            ("us-iso-east-1", Some("us-iso-east-1")),
            ("us-isob-east-1", Some("us-isob-east-1")),
            ("eu-isoe-west-1", Some("eu-isoe-west-1")),
            ("us-isof-south-1", Some("us-isof-south-1")),
            ("eusc-de-east-1", Some("eusc-de-east-1")),
            ("cn-northwest-1", Some("cn-north-1")),
            ("xx-north-1", None),
            ("us-new-east-1", None),
        ] {
            let found = Region::new(name).unwrap().home();
            assert_eq!(found.as_ref().map(Region::as_str), home, "{name}");
            let again = found.as_ref().and_then(Region::home);
            assert_eq!(again, found, "{name}");
        }
    }
}
