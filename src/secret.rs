//! Secrets, which never appear in Debug output.

use std::fmt;

/// A key, a token or a password. It can be used but not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text, for the code that needs it.
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
    /// The key that signs requests.
    pub secret_access_key: Secret,
    /// The token of a session.
    pub session_token: Option<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Secret::new("hush")), "[secret]");
    }
}
