//! `connectionDetails` → [`Connection`]: whom to ask, and as whom.

use crate::error::MirrorError;
use crate::json::{Node, Object};

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// Random data, as in StackState's mirror tutorial.
    Random {
        /// Makes answers reproducible.
        seed: Option<u64>,
    },
}

impl Connection {
    /// What the connection details say. Members that mean nothing here are ignored, for the
    /// API calls the object free-form.
    ///
    /// # Errors
    /// A known member is not what it should be; the error names it, never its value.
    pub fn read(details: &Object) -> Result<Self, MirrorError> {
        let seed = details.member("seed").optional(|node: Node| node.integer("a whole number"))?;
        Ok(Connection::Random { seed: seed.map(i64::cast_unsigned) })
    }
}
