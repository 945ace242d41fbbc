//! The members of `connectionDetails`, in all spellings that StackState's CloudWatch source, its
//! AWS StackPack and StackState-lab's mirror accept.

use std::time::Duration;

use serde_json::Value;

use crate::error::{MirrorError, summarize};
use crate::json::{Node, Object, is_nearly};

/// The name of an object that may hold the members too, and a prefix of names that is ignored.
pub(crate) const AWS: &str = "aws";

/// The name of the member with the access token, as [`normalize`] writes it.
pub(crate) const ACCESS_TOKEN: &str = "accesstoken";

/// The names of the members, as the documents write them.
const NAMES: [&str; 24] = [
    "source",
    "accessToken",
    "seed",
    "region",
    "regionName",
    "regions",
    "accessKeyId",
    "secretAccessKey",
    "sessionToken",
    "roleArn",
    "externalId",
    "roleSessionName",
    "tokenExpirySeconds",
    "requestTimeout",
    "requestTimeoutSeconds",
    "nanInterpretation",
    "linkedAccounts",
    "recentlyActiveOnly",
    "highResolution",
    "settleSeconds",
    "zeroFillDelaySeconds",
    "holdSeconds",
    "cacheSeconds",
    "callsPerSecond",
];

/// Known members that mean nothing to random data, so whoever sets one wants CloudWatch.
const OF_CLOUDWATCH: [&str; 3] = ["region", "regions", "linkedAccounts"];

/// Parts of names that other tools have for a credential or a region.
const MEANINGFUL: [&str; 9] =
    ["region", "key", "secret", "credential", "profile", "password", "role", "account", "arn"];

/// The members of the details.
#[derive(Default)]
pub(super) struct Details<'a> {
    /// The known members that are present, by their names in [`NAMES`].
    known: Vec<(&'static str, Node<'a>)>,
    /// The names, as they are given, of members that are not known but mean a credential or a region to
    /// somebody. Such a member with no value, or an empty one, does not count.
    meant: Vec<&'a str>,
}

impl<'a> Details<'a> {
    /// Collects the members of the details and of an object `aws` in them.
    ///
    /// # Errors
    /// `aws` is not an object, a member has two values under two spellings, or a name is
    /// misspelt.
    pub(super) fn collect(details: &Object<'a>) -> Result<Self, MirrorError> {
        let mut collected = Details::default();
        for (name, node) in details.members() {
            let normalized = normalize(name);
            if normalized != AWS {
                collected.add(name, &normalized, node)?;
            } else if let Some(aws) = node.optional(Node::object)? {
                for (name, node) in aws.members() {
                    collected.add(name, &normalize(name), node)?;
                }
            }
        }
        Ok(collected)
    }

    /// Adds a member with this name, as it is given and normalized.
    fn add(&mut self, given: &'a str, name: &str, node: Node<'a>) -> Result<(), MirrorError> {
        let Some(value) = node.value() else { return Ok(()) };
        let Some(name) = known(name) else {
            if let Some(known) = nearly(name) {
                return Err(node.misspelt(known));
            }
            if MEANINGFUL.iter().any(|part| name.contains(part)) && !is_empty(value) {
                self.meant.push(given);
            }
            return Ok(());
        };
        match self.get(name) {
            None => self.known.push((name, node)),
            Some(other) if other.value() == Some(value) => {}
            Some(_) => {
                return Err(node.wrong("the same value as under the other spelling of this member"));
            }
        }
        Ok(())
    }

    /// The member with this name, if it is present.
    pub(super) fn get(&self, name: &str) -> Option<&Node<'a>> {
        debug_assert!(NAMES.contains(&name), "{name} is none of the members");
        self.known.iter().find(|(known, _)| *known == name).map(|(_, node)| node)
    }

    /// Fails if something in the details means CloudWatch. They have neither a source nor a credential, so
    /// the answer would be random data, which must never look like real data by accident.
    pub(super) fn mean_random(&self) -> Result<(), MirrorError> {
        let is_set =
            |name: &str| self.get(name).and_then(Node::value).is_some_and(|value| !is_empty(value));
        let set = OF_CLOUDWATCH.into_iter().filter(|name| is_set(name));
        let names = summarize(set.chain(self.meant.iter().copied()));
        if names.is_empty() {
            return Ok(());
        }
        Err(MirrorError::request(format_args!(
            "connectionDetails: found {names}, but no credential that the mirror knows; expected accessKeyId \
             and secretAccessKey, or roleArn, or \"source\": \"cloudwatch\" for the function's own role, or \
             \"source\": \"random\" for random data"
        )))
    }

    /// For the end of an error about a missing credential: the members that may have been meant for it.
    pub(super) fn ignored(&self) -> String {
        match self.meant.as_slice() {
            [] => String::new(),
            names => format!("; not known, so ignored: {}", summarize(names)),
        }
    }

    /// A text that `parse` accepts. An empty text counts as absent.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, MirrorError> {
        let Some(node) = self.get(name) else { return Ok(None) };
        node.parsed(expected, |text| match text {
            "" => Some(None),
            text => parse(text).map(Some),
        })
    }

    /// A text that `is_valid` accepts. An empty text counts as absent.
    pub(super) fn text(
        &self,
        name: &str,
        expected: &str,
        is_valid: fn(&str) -> bool,
    ) -> Result<Option<&'a str>, MirrorError> {
        self.parsed(name, expected, |text| is_valid(text).then_some(text))
    }

    /// `true` or `false`; `false` if the member is absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, MirrorError> {
        self.get(name).map_or(Ok(false), Node::boolean)
    }

    /// A whole number from `min` to `max`.
    pub(super) fn whole(
        &self,
        name: &str,
        min: i64,
        max: i64,
        unit: &str,
    ) -> Result<Option<u64>, MirrorError> {
        let Some(node) = self.get(name) else { return Ok(None) };
        let wrong = || node.wrong(&format!("a whole number of {unit} from {min} to {max}"));
        let number = node.integer("").ok().filter(|number| (min..=max).contains(number));
        Ok(Some(number.ok_or_else(wrong)?.cast_unsigned()))
    }

    /// A whole number of seconds from `min` to `max`, or the default.
    pub(super) fn seconds(
        &self,
        name: &str,
        min: i64,
        max: i64,
        default: u64,
    ) -> Result<Duration, MirrorError> {
        let seconds = self.whole(name, min, max, "seconds")?;
        Ok(Duration::from_secs(seconds.unwrap_or(default)))
    }
}

/// Whether a value says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// The known member with this normalized name.
fn known(name: &str) -> Option<&'static str> {
    NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(name)).map(|known| match known {
        "regionName" => "region",
        known => known,
    })
}

/// A member's name in lower case, without `_`, `-` and a leading `aws`.
pub(crate) fn normalize(name: &str) -> String {
    let mut normalized = String::with_capacity(name.len());
    let letters = name.chars().filter(|letter| !"_-".contains(*letter));
    normalized.extend(letters.flat_map(char::to_lowercase));
    if normalized.len() > AWS.len() && normalized.starts_with(AWS) {
        normalized.drain(..AWS.len());
    }
    normalized
}

/// The known name that an unknown one, which is normalized, is nearly.
fn nearly(name: &str) -> Option<&'static str> {
    NAMES.into_iter().find(|known| is_nearly(name, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_documented() {
        let document = include_str!("../../docs/cloudwatch.md");
        let documented: Vec<String> =
            document.split('`').skip(1).step_by(2).map(normalize).collect();
        let description = include_str!("../../docs/openapi.yaml");
        let described: Vec<String> = description
            .lines()
            .filter_map(|line| line.trim().split_once(':'))
            .map(|(name, _)| normalize(name))
            .collect();
        for name in NAMES {
            let name = normalize(name);
            assert!(known(&name).is_some(), "{name}");
            assert!(documented.contains(&name), "{name} is not in docs/cloudwatch.md");
            assert!(described.contains(&name), "{name} is not in docs/openapi.yaml");
        }
    }

    #[test]
    fn misspelt_names_are_nearly_known_ones() {
        for (name, known) in [
            ("acessKeyId", Some("accessKeyId")),
            ("secretAcessKey", Some("secretAccessKey")),
            ("aws_secret_acces_key", Some("secretAccessKey")),
            ("acecssKeyId", Some("accessKeyId")),
            ("accessKeyIds", Some("accessKeyId")),
            ("accessKeyIt", Some("accessKeyId")),
            ("role-arm", Some("roleArn")),
            ("regio", Some("region")),
            ("sources", Some("source")),
            // Two letters differ.
            ("acesKeyId", None),
            ("resource", None),
            // Too short, or nearly a name that is too short.
            ("sed", None),
            ("seeds", None),
            ("host", None),
            ("port", None),
            ("", None),
        ] {
            assert_eq!(nearly(&normalize(name)), known, "{name}");
        }
    }
}
