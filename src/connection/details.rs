//! The members of `connectionDetails`, in all spellings that StackState's CloudWatch source, its
//! AWS StackPack and StackState-lab's mirror accept.

use std::time::Duration;

use crate::error::MirrorError;
use crate::json::{Node, Object};

/// The name of an object that may hold the members too, and a prefix of names that is ignored.
const AWS: &str = "aws";

const ACCESS_TOKEN: &str = "accesstoken";

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
    pub(super) settle_seconds: Option<Node<'a>>,
    pub(super) cache_seconds: Option<Node<'a>>,
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
            "settleseconds" => &mut self.settle_seconds,
            "cacheseconds" => &mut self.cache_seconds,
            _ => return None,
        })
    }

    /// Collects the members of the details and of an object `aws` in them.
    ///
    /// # Errors
    /// `aws` is not an object, or a member has two values under two spellings.
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
        let (Some(slot), Some(value)) = (self.slot(name), node.value()) else { return Ok(()) };
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

/// The access token, even if other members are not valid.
pub(super) fn access_token<'a>(details: &Object<'a>) -> Option<&'a str> {
    let aws = details.members().filter(|(name, _)| normalize(name) == AWS);
    let aws = aws
        .filter_map(|(_, node)| node.object().ok())
        .flat_map(|aws| aws.members().collect::<Vec<_>>());
    let mut tokens = details
        .members()
        .chain(aws)
        .filter(|(name, _)| normalize(name) == ACCESS_TOKEN)
        .map(|(_, node)| node.text("a string").ok());
    let token = tokens.next()?;
    tokens.all(|other| other == token).then_some(token)?
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
