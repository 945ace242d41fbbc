//! The access token: tells a caller from a stranger.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// Who may call.
pub struct Access {
    /// Digests of the tokens that admit; empty where nobody needs one.
    admitted: Vec<[u8; 32]>,
}

impl Access {
    /// Only those who have one of `tokens`; anyone, where there are none.
    pub fn new(tokens: &[Secret]) -> Self {
        Access { admitted: tokens.iter().map(|token| digest(token.expose())).collect() }
    }

    /// Whether a token is needed.
    pub fn is_restricted(&self) -> bool {
        !self.admitted.is_empty()
    }

    /// Whether a caller with this token may call. Takes equally long for every wrong token of
    /// one length: digests are compared, all of them and to their ends.
    pub fn admits(&self, token: Option<&str>) -> bool {
        let given = digest(token.unwrap_or_default());
        let known = self.admitted.iter().map(|token| token.ct_eq(&given));
        let found = known.fold(0.into(), |found: subtle::Choice, equal| found | equal);
        !self.is_restricted() || (token.is_some() & bool::from(found))
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_admit() {
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
            assert_eq!(Access::new(&tokens).admits(given), admitted, "{given:?}");
        }
    }
}
