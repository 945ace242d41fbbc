//! The members of `connectionDetails`, in all the spellings that StackState's CloudWatch
//! source, its AWS StackPack and StackState-lab's mirror accept.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{CloudWatch, Credentials, Identity, NotANumber, Role};
use crate::error::MirrorError;
use crate::json::{Node, Object};
use crate::region::Region;
use crate::secret::{Keys, Secret};

/// Both keys say so where StackState's AWS StackPack means the role that a process runs under.
const USE_ROLE: &str = "use-role";

/// The name that a role's owner sees in his logs.
const SESSION_NAME: &str = "stackstate-mirror";

/// The known members under their plain names: lower case, no `_`, no `-`, no leading `aws`.
pub(super) struct Details<'a>(BTreeMap<String, Node<'a>>);

impl<'a> Details<'a> {
    /// The members, and those of an object `aws` beside them.
    pub(super) fn collect(details: &Object<'a>) -> Result<Self, MirrorError> {
        let mut members = BTreeMap::new();
        for (name, node) in details.members() {
            match plain(name) {
                name if name == "aws" => {
                    let Some(aws) = node.optional(|node| node.object())? else { continue };
                    for (name, node) in aws.members() {
                        add(&mut members, plain(name), node)?;
                    }
                }
                name => add(&mut members, name, node)?,
            }
        }
        Ok(Details(members))
    }

    fn member(&self, plain_name: &str) -> Option<Node<'a>> {
        self.0.get(plain_name).cloned()
    }

    fn text(
        &self,
        plain_name: &str,
        expected: &str,
        valid: fn(&str) -> bool,
    ) -> Result<Option<&'a str>, MirrorError> {
        let Some(node) = self.member(plain_name) else { return Ok(None) };
        match node.clone().text(expected)? {
            "" => Ok(None),
            text if valid(text) => Ok(Some(text)),
            _ => Err(node.wrong(expected)),
        }
    }

    fn whole(
        &self,
        plain_name: &str,
        least: i64,
        most: i64,
        unit: &str,
    ) -> Result<Option<u64>, MirrorError> {
        let Some(node) = self.member(plain_name) else { return Ok(None) };
        let expected = format!("a whole number of {unit} from {least} to {most}");
        match node.clone().integer(&expected)? {
            number if (least..=most).contains(&number) => Ok(Some(number.cast_unsigned())),
            _ => Err(node.wrong(&expected)),
        }
    }

    pub(super) fn seed(&self) -> Result<Option<u64>, MirrorError> {
        let seed = self.member("seed").map(|node| node.integer("a whole number"));
        Ok(seed.transpose()?.map(i64::cast_unsigned))
    }

    /// CloudWatch, where the details choose it: by a credential, or by name.
    pub(super) fn cloudwatch(&self) -> Result<Option<CloudWatch>, MirrorError> {
        let source = self.text("source", "\"random\" or \"cloudwatch\"", |text| {
            ["random", "cloudwatch"].contains(&text.to_ascii_lowercase().as_str())
        })?;
        let identity = self.identity()?;
        let cloudwatch = CloudWatch {
            identity: identity
                .clone()
                .unwrap_or(Identity { credentials: Credentials::Own, role: None }),
            region: self.region()?,
            regions: self.regions()?,
            request_timeout: self.request_timeout()?,
            not_a_number: self.not_a_number()?,
            linked_accounts: self
                .member("linkedaccounts")
                .map(|node| node.boolean())
                .transpose()?
                .unwrap_or(false),
            settle: seconds(self.whole("settleseconds", 0, 86_400, "seconds")?, 0),
            cache: seconds(self.whole("cacheseconds", 0, 3_600, "seconds")?, 30),
        };
        Ok(match source.map(str::to_ascii_lowercase).as_deref() {
            Some("random") => None,
            Some(_) => Some(cloudwatch),
            None => identity.is_some().then_some(cloudwatch),
        })
    }

    /// `None` where the details hold no credential.
    fn identity(&self) -> Result<Option<Identity>, MirrorError> {
        let key_id = self.text(
            "accesskeyid",
            "an access key id such as AKIAIOSFODNN7EXAMPLE, without spaces",
            |text| {
                text.len() <= 128
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            },
        )?;
        let secret =
            self.text("secretaccesskey", "a secret access key, without spaces", graphic)?;
        let token = self.text("sessiontoken", "a session token, without spaces", graphic)?;
        let role = self.role()?;
        let half = |present: &str, missing: &str| {
            MirrorError::request(format_args!(
                "connectionDetails: {present} is there and {missing} is not; a credential needs both"
            ))
        };
        let credentials = match (key_id, secret) {
            (Some(USE_ROLE), Some(USE_ROLE)) => Some(Credentials::Own),
            (Some(USE_ROLE), _) | (_, Some(USE_ROLE)) => {
                return Err(MirrorError::request(format_args!(
                    "connectionDetails: {USE_ROLE} stands for one of accessKeyId and \
                     secretAccessKey; it means the function's own role only where it stands for both"
                )));
            }
            (Some(key_id), Some(secret)) => Some(Credentials::Keys(Keys {
                access_key_id: Secret::new(key_id),
                secret_access_key: Secret::new(secret),
                session_token: token.map(Secret::new),
            })),
            (Some(_), None) => return Err(half("accessKeyId", "secretAccessKey")),
            (None, Some(_)) => return Err(half("secretAccessKey", "accessKeyId")),
            (None, None) if token.is_some() => return Err(half("sessionToken", "accessKeyId")),
            (None, None) if role.is_none() && self.has_empty_keys() => {
                return Err(MirrorError::request(
                    "connectionDetails: accessKeyId and secretAccessKey are there and empty; \
                     expected them filled in, or left out for random data",
                ));
            }
            (None, None) => role.is_some().then_some(Credentials::Own),
        };
        Ok(credentials.map(|credentials| Identity { credentials, role }))
    }

    fn has_empty_keys(&self) -> bool {
        self.member("accesskeyid").is_some() && self.member("secretaccesskey").is_some()
    }

    fn role(&self) -> Result<Option<Role>, MirrorError> {
        let arn =
            self.text("rolearn", "a role such as arn:aws:iam::123456789012:role/name", is_role)?;
        // "AssumeRole", AWS STS API reference: [\w+=,.@:\/-]{2,1224} and [\w+=,.@-]{2,64}.
        let external_id = self.text(
            "externalid",
            "an external ID: 2 to 1224 letters, digits and +=,.@:/_-",
            |text| {
                (2..=1224).contains(&text.len())
                    && text.bytes().all(|byte| word(byte) || b":/".contains(&byte))
            },
        )?;
        let session_name = self.text(
            "rolesessionname",
            "a session name: 2 to 64 letters, digits and +=,.@_-",
            |text| (2..=64).contains(&text.len()) && text.bytes().all(word),
        )?;
        let session_length = self.whole("tokenexpiryseconds", 900, 43_200, "seconds")?;
        Ok(arn.map(|arn| Role {
            arn: arn.to_owned(),
            external_id: external_id.map(Secret::new),
            session_name: session_name.unwrap_or(SESSION_NAME).to_owned(),
            session_length: seconds(session_length, 3_600),
        }))
    }

    fn region(&self) -> Result<Option<Region>, MirrorError> {
        self.member("region").map_or(Ok(None), |node| {
            let text = node.clone().text(Region::EXPECTED)?;
            Region::new(text).map(Some).ok_or_else(|| node.wrong(Region::EXPECTED))
        })
    }

    fn regions(&self) -> Result<Vec<Region>, MirrorError> {
        let Some(node) = self.member("regions") else { return Ok(Vec::new()) };
        node.items()?
            .map(|item| {
                let text = item.clone().text(Region::EXPECTED)?;
                Region::new(text).ok_or_else(|| item.wrong(Region::EXPECTED))
            })
            .collect()
    }

    fn request_timeout(&self) -> Result<Option<Duration>, MirrorError> {
        const DAY: i64 = 86_400;
        let millis = self.whole("requesttimeout", 1, DAY * 1_000, "milliseconds")?;
        let seconds = self.whole("requesttimeoutseconds", 1, DAY, "seconds")?;
        Ok(millis.map(Duration::from_millis).or(seconds.map(Duration::from_secs)))
    }

    fn not_a_number(&self) -> Result<NotANumber, MirrorError> {
        let text = self.text("naninterpretation", "\"NONE\" or \"ZERO\"", |text| {
            ["NONE", "ZERO"].contains(&text.to_ascii_uppercase().as_str())
        })?;
        Ok(match text {
            Some(text) if text.eq_ignore_ascii_case("ZERO") => NotANumber::Zero,
            _ => NotANumber::Nothing,
        })
    }
}

/// The access token, whatever else is wrong.
pub(super) fn access_token<'a>(details: &Object<'a>) -> Option<&'a str> {
    let aws = details.members().filter(|(name, _)| plain(name) == "aws");
    let aws = aws
        .filter_map(|(_, node)| node.object().ok())
        .flat_map(|aws| aws.members().collect::<Vec<_>>());
    let mut tokens = details
        .members()
        .chain(aws)
        .filter(|(name, _)| plain(name) == "accesstoken")
        .map(|(_, node)| node.text("a string").ok());
    let token = tokens.next()?;
    tokens.all(|other| other == token).then_some(token)?
}

fn add<'a>(
    members: &mut BTreeMap<String, Node<'a>>,
    name: String,
    node: Node<'a>,
) -> Result<(), MirrorError> {
    const KNOWN: [&str; 18] = [
        "source",
        "accesstoken",
        "seed",
        "region",
        "regions",
        "accesskeyid",
        "secretaccesskey",
        "sessiontoken",
        "rolearn",
        "externalid",
        "rolesessionname",
        "tokenexpiryseconds",
        "requesttimeout",
        "requesttimeoutseconds",
        "naninterpretation",
        "linkedaccounts",
        "settleseconds",
        "cacheseconds",
    ];
    let name = if name == "regionname" { "region".to_owned() } else { name };
    let Some(value) = node.value().filter(|_| KNOWN.contains(&name.as_str())) else {
        return Ok(());
    };
    match members.get(&name) {
        Some(other) if other.value() != Some(value) => {
            Err(node.wrong("one value, and it has two under different spellings"))
        }
        _ => {
            members.insert(name, node);
            Ok(())
        }
    }
}

fn plain(name: &str) -> String {
    let name: String =
        name.chars().filter(|letter| !"_-".contains(*letter)).collect::<String>().to_lowercase();
    match name.strip_prefix("aws") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => name,
    }
}

fn seconds(given: Option<u64>, default: u64) -> Duration {
    Duration::from_secs(given.unwrap_or(default))
}

fn graphic(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte)
}

fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "iam", "", account, role] => {
            partition.starts_with("aws")
                && partition.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && role.strip_prefix("role/").is_some_and(|name| {
                    !name.is_empty()
                        && name.len() <= 1024
                        && name.bytes().all(|byte| word(byte) || byte == b'/')
                })
        }
        _ => false,
    }
}
