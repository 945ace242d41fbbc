//! Who may call: callers with the access token, from the allowed networks.

use std::net::IpAddr;

use ipnet::IpNet;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// The access tokens of the mirror, and the networks that may call it.
pub struct Access {
    /// The digests of the valid tokens. If there are none, callers need no token.
    digests: Vec<[u8; 32]>,
    /// Without any, every address may call.
    networks: Vec<IpNet>,
    /// Whether nobody may call.
    is_closed: bool,
}

impl Access {
    /// Requires one of `tokens`, and an address in one of `networks`. An empty list requires
    /// nothing. If `is_closed`, nobody may call.
    pub fn new(tokens: &[Secret], networks: &[IpNet], is_closed: bool) -> Self {
        let digests = tokens.iter().map(|token| digest(token.expose())).collect();
        Access { digests, networks: networks.to_vec(), is_closed }
    }

    /// Whether nobody may call.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether the mirror requires a token.
    pub fn is_restricted(&self) -> bool {
        !self.digests.is_empty()
    }

    /// Whether a caller with this address may call, as far as the networks say. `None` is an event
    /// that carries no address.
    pub fn allows_address(&self, address: Option<IpAddr>) -> bool {
        let is_in = |network: &IpNet| {
            address.is_some_and(|address| network.contains(&address.to_canonical()))
        };
        !self.is_closed && (self.networks.is_empty() || self.networks.iter().any(is_in))
    }

    /// Whether a caller with this token may use the mirror. The time that this takes depends on the
    /// token's length alone: all digests are compared, each in constant time.
    pub fn admits(&self, token: Option<&str>) -> bool {
        let Some(token) = token.filter(|_| self.is_restricted()) else {
            return !self.is_restricted();
        };
        let given = digest(token);
        let equal = self.digests.iter().map(|digest| digest.ct_eq(&given));
        equal.fold(0.into(), |any: subtle::Choice, equal| any | equal).into()
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_addresses_may_call() {
        for (networks, address, allowed) in [
            (&[][..], Some("203.0.113.7"), true),
            (&[], None, true),
            (&["203.0.113.0/24"], Some("203.0.113.7"), true),
            (&["203.0.113.0/24"], Some("203.0.114.7"), false),
            (&["203.0.113.0/24"], Some("::ffff:203.0.113.7"), true),
            (&["203.0.113.0/24"], Some("2001:db8::1"), false),
            (&["203.0.113.0/24"], None, false),
            (&["0.0.0.0/0"], None, false),
            (&["203.0.113.7/32", "2001:db8::/32"], Some("2001:db8::1"), true),
            (&["203.0.113.7/32", "2001:db8::/32"], Some("203.0.113.8"), false),
        ] {
            let networks: Vec<IpNet> = networks.iter().map(|text| text.parse().unwrap()).collect();
            let address = address.map(|text| text.parse().unwrap());
            let access = |is_closed| Access::new(&[], &networks, is_closed);
            assert_eq!(access(false).allows_address(address), allowed, "{networks:?} {address:?}");
            assert!(!access(true).allows_address(address), "{networks:?} {address:?}");
        }
    }

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
            (vec![one.clone(), one.clone()], Some("0123456789abcdef"), true),
            (vec![one.clone(), two.clone()], Some("0123456789abcdef,fedcba9876543210"), false),
        ] {
            assert_eq!(Access::new(&tokens, &[], false).admits(given), admitted, "{given:?}");
        }
    }
}
