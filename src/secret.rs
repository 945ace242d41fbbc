//! Text that must not be seen.

use std::fmt;

/// A key, a token or a password: it can be used, but not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text that must not be seen.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text, for the one who has to have it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// An AWS access key, of a user or of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// `AKIA…` or `ASIA…`.
    pub access_key_id: Secret,
    /// What signs.
    pub secret_access_key: Secret,
    /// Of a session only.
    pub session_token: Option<Secret>,
}
