//! The access token, which callers must have if the mirror is restricted.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// The access tokens of the mirror.
pub struct Access {
    /// The digests of the valid tokens. Without any, every caller is admitted.
    digests: Vec<[u8; 32]>,
}

/// Whether a caller may use the mirror. Only the answers to admitted callers carry the API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The caller has a valid token, or the mirror requires none.
    Admitted,
    /// The mirror requires a token, and the caller has none or a wrong one.
    Refused,
}

impl Access {
    /// Requires one of `tokens`, or none if there are none.
    pub fn new(tokens: &[Secret]) -> Self {
        Access { digests: tokens.iter().map(|token| digest(token.expose())).collect() }
    }

    /// Whether the mirror requires a token.
    pub fn is_restricted(&self) -> bool {
        !self.digests.is_empty()
    }

    /// Checks the token of a caller. The time that this takes depends on the token's length
    /// alone: all digests are compared, each in constant time.
    pub fn admit(&self, token: Option<&str>) -> Admission {
        let given = digest(token.unwrap_or_default());
        let equal = self.digests.iter().map(|digest| digest.ct_eq(&given));
        let is_known = equal.fold(0.into(), |any: subtle::Choice, equal| any | equal);
        if !self.is_restricted() || (token.is_some() & bool::from(is_known)) {
            Admission::Admitted
        } else {
            Admission::Refused
        }
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_token_admits() {
        let (one, two) = (Secret::new("0123456789abcdef"), Secret::new("fedcba9876543210"));
        for (tokens, given, admitted) in [
            (vec![], None, true),
            (vec![], Some("anything"), true),
            (vec![one.clone()], None, false),
            (vec![one.clone()], Some(""), false),
            (vec![one.clone()], Some("0123456789abcdeF"), false),
            (vec![one.clone()], Some("0123456789abcde"), false),
            (vec![one.clone()], Some("0123456789abcdef"), true),
            (vec![one.clone(), two.clone()], Some("0123456789abcdef"), true),
            (vec![one.clone(), two.clone()], Some("fedcba9876543210"), true),
            (vec![one.clone(), two.clone()], Some("0123456789abcdef,fedcba9876543210"), false),
        ] {
            let admission = Access::new(&tokens).admit(given);
            assert_eq!(admission == Admission::Admitted, admitted, "{given:?}");
        }
    }
}
