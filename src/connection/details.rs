//! The members of `connectionDetails`, in all spellings that StackState's CloudWatch source, its
//! AWS StackPack and StackState-lab's mirror accept.

use std::time::Duration;

use crate::error::MirrorError;
use crate::json::{Node, Object};

/// The name of an object that may hold the members too, and a prefix of names that is ignored.
const AWS: &str = "aws";

const ACCESS_TOKEN: &str = "accesstoken";

/// The names of the members, as the documents write them.
const NAMES: [&str; 23] = [
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
    "cacheSeconds",
    "callsPerSecond",
];

/// Names that are shorter than this are never taken for misspelt ones, in characters: too many
/// other words are nearly the same.
const MIN_MISSPELT: usize = 5;

/// The known members that are present.
#[derive(Default)]
pub(super) struct Details<'a> {
    pub(super) source: Option<Node<'a>>,
    access_token: Option<Node<'a>>,
    pub(super) seed: Option<Node<'a>>,
    pub(super) region: Option<Node<'a>>,
    pub(super) regions: Option<Node<'a>>,
    pub(super) access_key_id: Option<Node<'a>>,
    pub(super) secret_access_key: Option<Node<'a>>,
    pub(super) session_token: Option<Node<'a>>,
    pub(super) role_arn: Option<Node<'a>>,
    pub(super) external_id: Option<Node<'a>>,
    pub(super) role_session_name: Option<Node<'a>>,
    pub(super) token_expiry_seconds: Option<Node<'a>>,
    pub(super) request_timeout: Option<Node<'a>>,
    pub(super) request_timeout_seconds: Option<Node<'a>>,
    pub(super) nan_interpretation: Option<Node<'a>>,
    pub(super) linked_accounts: Option<Node<'a>>,
    pub(super) recently_active_only: Option<Node<'a>>,
    pub(super) high_resolution: Option<Node<'a>>,
    pub(super) settle_seconds: Option<Node<'a>>,
    pub(super) zero_fill_delay_seconds: Option<Node<'a>>,
    pub(super) cache_seconds: Option<Node<'a>>,
    pub(super) calls_per_second: Option<Node<'a>>,
}

impl<'a> Details<'a> {
    /// The place for a member with this normalized name; `None` if the name is unknown.
    fn slot(&mut self, name: &str) -> Option<&mut Option<Node<'a>>> {
        Some(match name {
            "source" => &mut self.source,
            ACCESS_TOKEN => &mut self.access_token,
            "seed" => &mut self.seed,
            "region" | "regionname" => &mut self.region,
            "regions" => &mut self.regions,
            "accesskeyid" => &mut self.access_key_id,
            "secretaccesskey" => &mut self.secret_access_key,
            "sessiontoken" => &mut self.session_token,
            "rolearn" => &mut self.role_arn,
            "externalid" => &mut self.external_id,
            "rolesessionname" => &mut self.role_session_name,
            "tokenexpiryseconds" => &mut self.token_expiry_seconds,
            "requesttimeout" => &mut self.request_timeout,
            "requesttimeoutseconds" => &mut self.request_timeout_seconds,
            "naninterpretation" => &mut self.nan_interpretation,
            "linkedaccounts" => &mut self.linked_accounts,
            "recentlyactiveonly" => &mut self.recently_active_only,
            "highresolution" => &mut self.high_resolution,
            "settleseconds" => &mut self.settle_seconds,
            "zerofilldelayseconds" => &mut self.zero_fill_delay_seconds,
            "cacheseconds" => &mut self.cache_seconds,
            "callspersecond" => &mut self.calls_per_second,
            _ => return None,
        })
    }

    /// Collects the members of the details and of an object `aws` in them.
    ///
    /// # Errors
    /// `aws` is not an object, a member has two values under two spellings, or a name is
    /// misspelt.
    pub(super) fn collect(details: &Object<'a>) -> Result<Self, MirrorError> {
        let mut collected = Details::default();
        for (name, node) in details.members() {
            let name = normalize(name);
            if name != AWS {
                collected.add(&name, node)?;
            } else if let Some(aws) = node.optional(Node::object)? {
                for (name, node) in aws.members() {
                    collected.add(&normalize(name), node)?;
                }
            }
        }
        Ok(collected)
    }

    fn add(&mut self, name: &str, node: Node<'a>) -> Result<(), MirrorError> {
        let Some(value) = node.value() else { return Ok(()) };
        let Some(slot) = self.slot(name) else {
            return nearly(name).map_or(Ok(()), |known| Err(node.misspelt(known)));
        };
        match slot {
            Some(other) if other.value() != Some(value) => {
                Err(node.wrong("the same value as under the other spelling of this member"))
            }
            _ => {
                *slot = Some(node);
                Ok(())
            }
        }
    }
}

/// What the name of a member means to a reader who looks for the access token only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// The access token, in any spelling.
    AccessToken,
    /// The object that may hold the members too.
    Aws,
    /// Another member.
    Other,
}

impl Member {
    /// The member with this name.
    pub fn named(name: &str) -> Self {
        match normalize(name).as_str() {
            ACCESS_TOKEN => Member::AccessToken,
            AWS => Member::Aws,
            _ => Member::Other,
        }
    }
}

/// A member's name in lower case, without `_`, `-` and a leading `aws`.
fn normalize(name: &str) -> String {
    let name: String =
        name.chars().filter(|letter| !"_-".contains(*letter)).collect::<String>().to_lowercase();
    match name.strip_prefix(AWS) {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => name,
    }
}

/// The known name that an unknown one, which is normalized, is nearly: one letter is missing,
/// added or another, or two are exchanged.
fn nearly(name: &str) -> Option<&'static str> {
    let is_long = |name: &str| name.chars().count() >= MIN_MISSPELT;
    // A longer name costs more to compare, and cannot be nearly one of these.
    let is_nearly = |known: &&str| {
        let known = known.to_ascii_lowercase();
        is_long(&known)
            && known.len().abs_diff(name.len()) <= 1
            && strsim::damerau_levenshtein(name, &known) == 1
    };
    NAMES.into_iter().filter(|_| is_long(name)).find(is_nearly)
}

/// A text that `is_valid` accepts. An empty text counts as absent.
pub(super) fn text<'a>(
    node: &Option<Node<'a>>,
    expected: &str,
    is_valid: fn(&str) -> bool,
) -> Result<Option<&'a str>, MirrorError> {
    let Some(node) = node else { return Ok(None) };
    match node.text(expected)? {
        "" => Ok(None),
        text if is_valid(text) => Ok(Some(text)),
        _ => Err(node.wrong(expected)),
    }
}

/// A whole number from `min` to `max`.
pub(super) fn whole(
    node: &Option<Node>,
    min: i64,
    max: i64,
    unit: &str,
) -> Result<Option<u64>, MirrorError> {
    let Some(node) = node else { return Ok(None) };
    let expected = format!("a whole number of {unit} from {min} to {max}");
    match node.integer(&expected)? {
        number if (min..=max).contains(&number) => Ok(Some(number.cast_unsigned())),
        _ => Err(node.wrong(&expected)),
    }
}

/// A number of seconds, or the default.
pub(super) fn seconds(given: Option<u64>, default: u64) -> Duration {
    Duration::from_secs(given.unwrap_or(default))
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
            assert!(Details::default().slot(&name).is_some(), "{name}");
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
