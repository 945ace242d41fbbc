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

    /// The partition of the region, by the `regionRegex` of each in AWS's `partitions.json`.
    /// `None` if none has such a region.
    pub fn partition(&self) -> Option<Partition> {
        let words: Vec<&str> = self.0.split('-').collect();
        match words.as_slice() {
            ["us" | "eu" | "ap" | "sa" | "ca" | "me" | "af" | "il" | "mx", _, _] => {
                Some(Partition::Aws)
            }
            ["cn", _, _] => Some(Partition::China),
            ["us", "gov", _, _] => Some(Partition::GovCloud),
            ["us", "iso", _, _] => Some(Partition::Iso),
            ["us", "isob", _, _] => Some(Partition::IsoB),
            ["eu", "isoe", _, _] => Some(Partition::IsoE),
            ["us", "isof", _, _] => Some(Partition::IsoF),
            ["eusc", "de", _, _] => Some(Partition::EuropeanSovereign),
            _ => None,
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A partition of AWS: regions with endpoints, accounts and credentials of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// `aws`
    Aws,
    /// `aws-cn`
    China,
    /// `aws-us-gov`
    GovCloud,
    /// `aws-iso`
    Iso,
    /// `aws-iso-b`
    IsoB,
    /// `aws-iso-e`
    IsoE,
    /// `aws-iso-f`
    IsoF,
    /// `aws-eusc`
    EuropeanSovereign,
}

impl Partition {
    /// A region of the partition that no account can disable.
    pub fn default_region(self) -> Region {
        Region(
            match self {
                Partition::Aws => "us-east-1",
                Partition::China => "cn-north-1",
                Partition::GovCloud => "us-gov-west-1",
                Partition::Iso => "us-iso-east-1",
                Partition::IsoB => "us-isob-east-1",
                Partition::IsoE => "eu-isoe-west-1",
                Partition::IsoF => "us-isof-south-1",
                Partition::EuropeanSovereign => "eusc-de-east-1",
            }
            .to_owned(),
        )
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
        for (name, partition) in [
            ("eu-west-1", Some(Partition::Aws)),
            ("us-east-1", Some(Partition::Aws)),
            ("mx-central-1", Some(Partition::Aws)),
            ("us-gov-east-1", Some(Partition::GovCloud)),
            ("us-iso-east-1", Some(Partition::Iso)),
            ("us-isob-east-1", Some(Partition::IsoB)),
            ("eu-isoe-west-1", Some(Partition::IsoE)),
            ("us-isof-south-1", Some(Partition::IsoF)),
            ("eusc-de-east-1", Some(Partition::EuropeanSovereign)),
            ("cn-northwest-1", Some(Partition::China)),
            ("xx-north-1", None),
            ("us-new-east-1", None),
        ] {
            let region = Region::new(name).unwrap();
            assert_eq!(region.partition(), partition, "{name}");
            let default = partition.map(Partition::default_region);
            assert_eq!(default.and_then(|region| region.partition()), partition, "{name}");
        }
    }
}
