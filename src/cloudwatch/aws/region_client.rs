//! One request's client for CloudWatch in one region.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;
use sha2::{Digest, Sha256};

use super::assumed_role::AssumedRole;
use super::code::Credit;
use super::error::{self, Action, Origin, Signer};
use crate::cache::BoundedCache;
use crate::connection::{Credentials, Identity, Role};
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::region::Region;
use crate::secret::Keys;
use crate::time::EpochMillis;
use crate::usage::{Attempts, Tally, Usage};

/// A caller in a region, as a digest of everything that decides which data the caller may see.
///
/// Clients, roles, lists, points and backlogs are kept by this key, so one caller never sees the
/// data of another. The digest reveals no secret. It can only be made from a whole identity and a region.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Caller([u8; 32]);

impl Caller {
    /// The caller with this identity in this region.
    pub(crate) fn new(identity: &Identity, region: &Region) -> Self {
        let Identity { credentials, role } = identity;
        let mut hasher = Sha256::new();
        // The length before each part keeps "ab" + "c" apart from "a" + "bc".
        let mut add = |part: Option<&str>| match part {
            None => hasher.update([0]),
            Some(part) => {
                hasher.update([1]);
                hasher.update((part.len() as u64).to_be_bytes());
                hasher.update(part);
            }
        };
        add(Some(region.as_str()));
        match credentials {
            Credentials::FunctionRole => add(None),
            Credentials::Keys(Keys { access_key_id, secret_access_key, session_token }) => {
                add(Some(access_key_id.expose()));
                add(Some(secret_access_key.expose()));
                add(session_token.as_ref().map(|token| token.expose()));
            }
        }
        match role {
            None => add(None),
            Some(Role { arn, external_id, session_name, session_length }) => {
                add(Some(arn));
                add(external_id.as_ref().map(|id| id.expose()));
                add(Some(session_name));
                add(Some(&session_length.as_secs().to_string()));
            }
        }
        Caller(hasher.finalize().into())
    }
}

/// A client that was unused for this long is dropped with its keys.
pub(super) const IDLE_LIFETIME: Duration = Duration::from_secs(900);

/// The client of a caller.
pub struct CallerClient {
    pub(crate) cloudwatch: Client,
    pub(super) role: Option<Arc<AssumedRole>>,
    /// Who signs the calls, if there is no role.
    pub(super) signer: Signer<'static>,
    /// The variables that choose another endpoint than the region's usual one.
    pub(super) variant: &'static str,
    /// Whether it has been kept for later requests.
    pub(super) is_kept: AtomicBool,
}

impl From<Client> for CallerClient {
    fn from(cloudwatch: Client) -> Self {
        let (role, signer, variant) = (None, Signer::Keys, "");
        CallerClient { cloudwatch, role, signer, variant, is_kept: AtomicBool::new(false) }
    }
}

impl CallerClient {
    /// What errors tell of a call to CloudWatch.
    pub(super) fn origin<'a>(&'a self, region: &'a Region) -> Origin<'a> {
        let signer = self.role.as_ref().map_or(self.signer, |role| Signer::Role(&role.role));
        Origin { region, signer, variant: self.variant }
    }
}

/// The client of a caller in a region, with the deadline and the usage of one request.
#[derive(Clone)]
pub(crate) struct RegionClient {
    pub(crate) client: Arc<CallerClient>,
    pub(crate) caller: Caller,
    pub(crate) region: Region,
    pub(crate) deadline: Deadline,
    pub(crate) usage: Arc<Usage>,
    /// Where clients are kept. A caller's is kept once AWS has accepted its credentials, so that
    /// whoever makes up keys evicts nobody.
    pub(crate) kept: Arc<BoundedCache<Caller, Arc<CallerClient>>>,
    /// The time of the request.
    pub(crate) now: EpochMillis,
}

impl RegionClient {
    /// Keeps the client for later requests of the caller.
    pub(super) fn keep(&self) {
        if !self.client.is_kept.swap(true, Ordering::Relaxed) {
            self.kept.insert(self.caller, self.client.clone(), 0, self.now, IDLE_LIFETIME);
        }
    }

    /// Learns from a call whether AWS accepts the caller, and the session of its role.
    fn observe<T, E: ProvideErrorMetadata>(&self, answer: &Result<T, SdkError<E, Response>>) {
        let credit = answer.as_ref().map_or_else(Credit::of, |_| Credit::Accepted);
        if matches!(credit, Credit::Accepted | Credit::Denied) {
            self.keep();
        }
        if let (Some(role), Credit::Unknown | Credit::Denied) = (&self.client.role, credit) {
            role.refuse(credit);
        }
    }

    /// The attempts of a call that has not begun. `throttles` also counts the throttled ones, for a limiter.
    pub(crate) fn attempts(&self, throttles: Option<Arc<AtomicU32>>) -> Arc<Attempts> {
        Arc::new(Attempts::until(self.deadline.at(), throttles))
    }

    /// The output of `call`. Its attempts are counted, and others can look at them.
    ///
    /// # Errors
    /// CloudWatch refuses the call, cannot be reached, or has not answered by the deadline.
    pub(crate) fn call<'a, T, E>(
        &'a self,
        action: Action<'a>,
        attempts: Arc<Attempts>,
        call: impl Future<Output = Result<T, SdkError<E, Response>>> + Send + 'a,
    ) -> impl Future<Output = Result<T, MirrorError>> + Send + 'a
    where
        T: Send + 'a,
        E: ProvideErrorMetadata + Error + Send + 'static,
    {
        // The SDK's futures are about ten kilobytes each. Boxing them here avoids further moves,
        // and keeps the futures that await them small.
        let call = Box::pin(call);
        async move {
            self.usage.record(|counts| counts.calls += 1);
            match self.usage.wait(&attempts, self.deadline.bound(call)).await {
                Ok(answer) => {
                    self.observe(&answer);
                    let origin = self.client.origin(&self.region);
                    answer
                        .map_err(|error| error::from_call(&error, action, origin, attempts.tally()))
                }
                Err(overdue) => {
                    Err(error::overdue(overdue, action, &self.region, attempts.tally()))
                }
            }
        }
    }

    /// The output of a call that another task makes, with these attempts so far.
    ///
    /// # Errors
    /// CloudWatch has not answered by the deadline.
    pub(crate) async fn wait<T>(
        &self,
        action: Action<'_>,
        attempts: impl Fn() -> Tally,
        call: impl Future<Output = T>,
    ) -> Result<T, MirrorError> {
        let output = self.usage.wait(&Arc::default(), self.deadline.bound(call)).await;
        output.map_err(|overdue| error::overdue(overdue, action, &self.region, attempts()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;
    use crate::secret::Secret;

    fn keys(id: &str, secret: &str, token: Option<&str>) -> Credentials {
        Credentials::Keys(Keys {
            access_key_id: Secret::new(id),
            secret_access_key: Secret::new(secret),
            session_token: token.map(Secret::new),
        })
    }

    fn role(name: &str, external_id: Option<&str>, session: &str, seconds: u64) -> Option<Role> {
        Some(Role {
            arn: format!("arn:aws:iam::123456789012:role/{name}"),
            external_id: external_id.map(Secret::new),
            session_name: session.to_owned(),
            session_length: Duration::from_secs(seconds),
        })
    }

    #[test]
    fn every_part_makes_another_caller() {
        let callers: Vec<_> = [
            ("eu-west-1", keys("id", "secret", None), None),
            ("eu-west-2", keys("id", "secret", None), None),
            ("eu-west-1", keys("ids", "ecret", None), None),
            ("eu-west-1", keys("id", "secrets", None), None),
            ("eu-west-1", keys("id", "secret", Some("")), None),
            ("eu-west-1", keys("id", "secret", Some("token")), None),
            ("eu-west-1", Credentials::FunctionRole, None),
            ("eu-west-1", Credentials::FunctionRole, role("r", None, "s", 900)),
            ("eu-west-1", keys("id", "secret", None), role("r", None, "s", 900)),
            ("eu-west-1", keys("id", "secret", None), role("q", None, "s", 900)),
            ("eu-west-1", keys("id", "secret", None), role("r", Some("x"), "s", 900)),
            ("eu-west-1", keys("id", "secret", None), role("r", None, "t", 900)),
            ("eu-west-1", keys("id", "secret", None), role("r", None, "s", 901)),
        ]
        .into_iter()
        .map(|(region, credentials, role)| {
            Caller::new(&Identity { credentials, role }, &Region::new(region).unwrap())
        })
        .collect();
        assert_eq!(callers.iter().collect::<HashSet<_>>().len(), callers.len());
    }

    #[test]
    fn equal_parts_make_the_same_caller() {
        let caller = || {
            let identity = Identity {
                credentials: keys("id", "secret", Some("token")),
                role: role("r", Some("x"), "s", 900),
            };
            Caller::new(&identity, &Region::new("eu-west-1").unwrap())
        };
        assert!(caller() == caller());
    }
}
