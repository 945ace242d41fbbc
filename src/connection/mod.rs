//! `connectionDetails` → [`Connection`]: which source answers, with which credentials.

mod cloudwatch_config;
mod details;
mod identity;

use std::time::Duration;

pub use self::cloudwatch_config::{CloudWatchConfig, NotANumber};
use self::details::Details;
pub use self::details::Member;
pub use self::identity::{Credentials, Identity, Role};
use crate::error::MirrorError;
use crate::json::{Node, Object};

/// The source that answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Connection {
    /// Random data, as in StackState's mirror tutorial.
    Random {
        /// The seed. Equal seeds give equal answers.
        seed: Option<u64>,
    },
    /// CloudWatch.
    CloudWatch(Box<CloudWatchConfig>),
}

impl Connection {
    /// Reads the connection details. Unknown members are ignored, because the API calls the
    /// object free-form.
    ///
    /// # Errors
    /// A known member is not valid, or half of a credential is missing. The error names the
    /// member but never its value.
    pub fn read(details: &Object) -> Result<Self, MirrorError> {
        let details = Details::collect(details)?;
        let integer = |node: &Node| node.integer("a whole number");
        let seed = details.seed.as_ref().map(integer).transpose()?;
        Ok(match CloudWatchConfig::read(&details)? {
            None => Connection::Random { seed: seed.map(i64::cast_unsigned) },
            Some(config) => Connection::CloudWatch(Box::new(config)),
        })
    }

    /// The time limit of a request, if the connection sets one.
    pub fn request_timeout(&self) -> Option<Duration> {
        match self {
            Connection::Random { .. } => None,
            Connection::CloudWatch(config) => config.request_timeout,
        }
    }

    /// Whether the connection uses the function's own role.
    pub fn uses_function_role(&self) -> bool {
        match self {
            Connection::Random { .. } => false,
            Connection::CloudWatch(config) => {
                config.identity.credentials == Credentials::FunctionRole
            }
        }
    }
}
