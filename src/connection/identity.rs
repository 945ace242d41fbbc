//! The credentials and the role in `connectionDetails`.

use std::time::Duration;

use super::details::Details;
use crate::error::MirrorError;
use crate::secret::{Keys, Secret};

/// StackState's AWS StackPack writes this instead of both keys. It means the role of the process.
const USE_ROLE: &str = "use-role";

/// The maximum length of a secret access key, in bytes. AWS's have 40.
const MAX_SECRET: usize = 256;

/// The maximum length of a session token, in bytes. AWS sets no maximum; its tokens are typically
/// shorter than 4,096 ("GetSessionToken", AWS STS API reference).
const MAX_TOKEN: usize = 16_384;

/// The default name of a role's session.
const SESSION_NAME: &str = "stackstate-mirror";

/// Who calls CloudWatch. Two connections are the same caller only if all parts are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The credentials that sign the calls, or that assume the role.
    pub credentials: Credentials,
    /// The role to assume.
    pub role: Option<Role>,
}

/// Where the credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The connection details.
    Keys(Keys),
    /// The function's own role.
    FunctionRole,
}

/// A role to assume ("AssumeRole", AWS STS API reference).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// `arn:aws:iam::123456789012:role/name`
    pub arn: String,
    /// The external ID that the role's trust policy requires, if it requires one.
    pub external_id: Option<Secret>,
    /// The session name, which CloudTrail shows.
    pub session_name: String,
    /// The duration of a session, 900 to 43,200 seconds.
    pub session_length: Duration,
}

impl Identity {
    /// The identity; `None` if the details have no credential.
    ///
    /// # Errors
    /// Half of a credential is missing, or a member is not valid.
    pub(super) fn read(details: &Details) -> Result<Option<Self>, MirrorError> {
        let key_id = details.text(
            "accessKeyId",
            "an access key id such as AKIAIOSFODNN7EXAMPLE, without spaces",
            |text| {
                let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
                text.len() <= 128 && text.bytes().all(is_allowed)
            },
        )?;
        let expected =
            format!("a secret access key, without spaces, at most {MAX_SECRET} characters");
        let secret =
            details.text("secretAccessKey", &expected, |text| is_secret(text, MAX_SECRET))?;
        let expected = format!("a session token, without spaces, at most {MAX_TOKEN} characters");
        let token = details.text("sessionToken", &expected, |text| is_secret(text, MAX_TOKEN))?;
        let keys = ["accessKeyId", "secretAccessKey"];
        let has_empty_keys = keys.iter().all(|name| details.get(name).is_some());
        let role = Role::read(details)?;
        let half = |present: &str, missing: &str| {
            MirrorError::request(format_args!(
                "connectionDetails: {present} is present but {missing} is missing; a credential \
                 needs both{}",
                details.ignored()
            ))
        };
        let credentials = match (key_id, secret) {
            (Some(USE_ROLE), Some(USE_ROLE)) => Some(Credentials::FunctionRole),
            (Some(USE_ROLE), _) | (_, Some(USE_ROLE)) => {
                return Err(MirrorError::request(format_args!(
                    "connectionDetails: only one of accessKeyId and secretAccessKey is \
                     {USE_ROLE}; set both to {USE_ROLE} to use the function's own role"
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
            (None, None) if role.is_none() && has_empty_keys => {
                return Err(MirrorError::request(
                    "connectionDetails: accessKeyId and secretAccessKey are empty; fill them in, \
                     or remove them for random data",
                ));
            }
            (None, None) => role.is_some().then_some(Credentials::FunctionRole),
        };
        Ok(credentials.map(|credentials| Identity { credentials, role }))
    }
}

impl Role {
    /// The role to assume. The characters and lengths are those of "AssumeRole", AWS STS API
    /// reference: `[\w+=,.@:\/-]{2,1224}` and `[\w+=,.@-]{2,64}`.
    fn read(details: &Details) -> Result<Option<Self>, MirrorError> {
        let expected = "a role such as arn:aws:iam::123456789012:role/name";
        let arn = details.text("roleArn", expected, is_role_arn)?;
        let expected = "an external ID: 2 to 1224 letters, digits and +=,.@:/_-";
        let external_id = details.text("externalId", expected, |text| {
            (2..=1224).contains(&text.len())
                && text.bytes().all(|byte| is_name_byte(byte) || b":/".contains(&byte))
        })?;
        let expected = "a session name: 2 to 64 letters, digits and +=,.@_-";
        let session_name = details.text("roleSessionName", expected, |text| {
            (2..=64).contains(&text.len()) && text.bytes().all(is_name_byte)
        })?;
        let session_length = details.seconds("tokenExpirySeconds", 900, 43_200, 3_600)?;
        Ok(arn.map(|arn| Role {
            arn: arn.to_owned(),
            external_id: external_id.map(Secret::new),
            session_name: session_name.unwrap_or(SESSION_NAME).to_owned(),
            session_length,
        }))
    }
}

/// Whether a text can be a secret of at most this length in bytes.
fn is_secret(text: &str, max: usize) -> bool {
    text.len() <= max && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte)
}

fn is_role_arn(text: &str) -> bool {
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
                        && name.bytes().all(|byte| is_name_byte(byte) || byte == b'/')
                })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_by_its_arn() {
        let role = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
        for (text, is_role) in [
            (role("reader"), true),
            (role("team/a+=,.@_-b"), true),
            (role(&"r".repeat(1_024)), true),
            (role(&"r".repeat(1_025)), false),
            (role(""), false),
            (role("a b"), false),
            (role("a:b"), false),
            ("arn:aws-us-gov:iam::123456789012:role/reader".to_owned(), true),
            ("arn:aws-CN:iam::123456789012:role/reader".to_owned(), false),
            ("arn:aws1:iam::123456789012:role/reader".to_owned(), false),
            ("arn:gov:iam::123456789012:role/reader".to_owned(), false),
            ("arn:aws:sts::123456789012:role/reader".to_owned(), false),
            ("arn:aws:iam:eu-west-1:123456789012:role/reader".to_owned(), false),
            ("arn:aws:iam::12345678901:role/reader".to_owned(), false),
            ("arn:aws:iam::12345678901a:role/reader".to_owned(), false),
            ("arn:aws:iam::123456789012:user/reader".to_owned(), false),
            ("reader".to_owned(), false),
        ] {
            assert_eq!(is_role_arn(&text), is_role, "{text:.80}");
        }
    }
}
