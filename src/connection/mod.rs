//! `connectionDetails` → [`Connection`]: whom to ask, and as whom.

mod details;

use std::time::Duration;

use self::details::Details;
use crate::error::MirrorError;
use crate::json::Object;
use crate::region::Region;
use crate::secret::{Keys, Secret};

/// Whom to ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Connection {
    /// Random data, as in StackState's mirror tutorial.
    Random {
        /// Makes answers reproducible.
        seed: Option<u64>,
    },
    /// CloudWatch.
    CloudWatch(Box<CloudWatch>),
}

/// CloudWatch, and how to ask it.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudWatch {
    /// As whom.
    pub identity: Identity,
    /// The region asked where the query names none.
    pub region: Option<Region>,
    /// The regions offered for choice.
    pub regions: Vec<Region>,
    /// The time for a whole request; more than zero.
    pub request_timeout: Option<Duration>,
    /// What becomes of a value that is not a number.
    pub not_a_number: NotANumber,
    /// Whether metrics of accounts that share them with this one are found as well.
    pub linked_accounts: bool,
    /// A bucket that ended less long ago is left out: some metrics arrive late.
    pub settle: Duration,
    /// So long an answer may serve again.
    pub cache: Duration,
}

/// As whom CloudWatch is asked. Two connections are one caller only where all of it is equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The credentials to begin with.
    pub credentials: Credentials,
    /// A role to assume with them.
    pub role: Option<Role>,
}

/// The credentials to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The caller's own.
    Keys(Keys),
    /// Those that this function runs with.
    Own,
}

/// A role to assume ("AssumeRole", AWS STS API reference).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// `arn:aws:iam::123456789012:role/name`
    pub arn: String,
    /// What the role's owner asks for, if he does.
    pub external_id: Option<Secret>,
    /// The name that the owner's logs show.
    pub session_name: String,
    /// How long a session lasts: 900 to 43,200 seconds.
    pub session_length: Duration,
}

/// What becomes of a value that is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotANumber {
    /// It is left out.
    Nothing,
    /// It counts as 0.
    Zero,
}

impl Connection {
    /// What the connection details say. Members that mean nothing here are ignored, for the
    /// API calls the object free-form.
    ///
    /// # Errors
    /// A known member is not what it should be, or half of a credential is missing; the error
    /// names the member, never its value.
    pub fn read(details: &Object) -> Result<Self, MirrorError> {
        let details = Details::collect(details)?;
        let seed = details.seed()?;
        let cloudwatch = details.cloudwatch()?;
        Ok(match cloudwatch {
            None => Connection::Random { seed },
            Some(cloudwatch) => Connection::CloudWatch(Box::new(cloudwatch)),
        })
    }

    /// The access token in the connection details, in whatever spelling, whatever else is wrong
    /// with them; `None` where there is none, or two different ones.
    pub fn access_token<'a>(details: &Object<'a>) -> Option<&'a str> {
        details::access_token(details)
    }

    /// The time that the connection allows for a whole request.
    pub fn request_timeout(&self) -> Option<Duration> {
        match self {
            Connection::Random { .. } => None,
            Connection::CloudWatch(cloudwatch) => cloudwatch.request_timeout,
        }
    }

    /// Whether the function's own rights would be spent on the caller's behalf.
    pub fn spends_own_rights(&self) -> bool {
        match self {
            Connection::Random { .. } => false,
            Connection::CloudWatch(cloudwatch) => {
                cloudwatch.identity.credentials == Credentials::Own
            }
        }
    }
}
