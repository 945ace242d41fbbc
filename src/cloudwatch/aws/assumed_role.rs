//! A role that the mirror assumes, and assumes again before its session expires.
//!
//! The SDK asks for credentials while it signs a call. If a session were renewed only there, a failure
//! of STS would fail a request whose session is still good. So every request renews the session
//! before its first call, when that is due, and goes on with the old one if that fails. One request at
//! a time asks STS; the others use what there is, or wait if there is nothing.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::Client;
use tokio::time::timeout;
use tracing::warn;

use super::code::Credit;
use super::error::{self, Action, Origin, Signer};
use crate::connection::Role;
use crate::error::MirrorError;
use crate::region::Region;
use crate::shared::lock;
use crate::usage::Attempts;

/// A session is renewed when it expires within this time.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);

/// A session that expires within this time is not used, because it could expire during the
/// request.
const MIN_REMAINING: Duration = Duration::from_secs(60);

/// While the old session can still be used, a renewal may take this long.
const RENEWAL_TIME_LIMIT: Duration = Duration::from_secs(3);

/// After a renewal that failed, none is tried for this time; after one because AWS refused the session,
/// neither. If AWS refuses the next session too, the pause doubles: it is the role that is refused.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// The longest of these pauses. A new session lasts longer.
const MAX_RENEWAL_PAUSE: Duration = Duration::from_secs(300);

/// A role and its latest session.
pub(super) struct AssumedRole {
    client: Client,
    pub(super) role: Role,
    /// The region of STS.
    pub(super) region: Region,
    /// Who assumes it.
    signer: Signer<'static>,
    /// The variables that choose another endpoint than the region's usual one.
    variant: &'static str,
    latest: Mutex<Latest>,
    /// Whoever holds it renews the session.
    renewal: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Latest {
    session: Option<Credentials>,
    /// No renewal is tried before this time.
    next_renewal: Option<SystemTime>,
    /// How AWS refused the session before its time: it was revoked, the role was made again
    /// ([`Credit::Unknown`]), or the role may not do what was asked.
    refused: Option<Credit>,
    /// The number of renewals in a row for that reason.
    refusals: u32,
    /// Why there will be no other session for one that AWS does not accept.
    denial: Option<MirrorError>,
}

impl AssumedRole {
    /// A role that `client` assumes. The client calls STS in `region`.
    pub(super) fn new(
        client: Client,
        role: Role,
        region: Region,
        signer: Signer<'static>,
        variant: &'static str,
    ) -> Self {
        let (latest, renewal) = Default::default();
        AssumedRole { client, role, region, signer, variant, latest, renewal }
    }

    /// AWS refused a call with the session. The next request renews it. A refusal during the pause can
    /// be that of an older session.
    pub(super) fn refuse(&self, credit: Credit) {
        let mut latest = lock(&self.latest);
        if !latest.is_paused(SystemTime::now()) {
            latest.refused = Some(credit);
        }
    }

    /// Credentials that do not expire within [`MIN_REMAINING`]. If they expire soon, or AWS refused
    /// them, they are renewed, for which a request waits at most for `patience` and [`RENEWAL_TIME_LIMIT`].
    ///
    /// # Errors
    /// There is no session that can be used, and STS refuses the call or cannot be reached.
    pub(super) async fn renewed(&self, patience: Duration) -> Result<Credentials, MirrorError> {
        let now = SystemTime::now();
        let Some(old) = self.session_at(now + MIN_REMAINING) else {
            return self.replaced(MIN_REMAINING).await;
        };
        // If another request renews the session, this one uses the old one.
        let Ok(_renewal) = self.renewal.try_lock() else { return Ok(old) };
        {
            let mut latest = lock(&self.latest);
            let is_good = outlasts(&old, now + RENEWAL_MARGIN) && latest.refused.is_none();
            if is_good || latest.is_paused(now) {
                return latest.denial.clone().map_or(Ok(old), Err);
            }
            latest.pause(now);
        }
        if let Ok(Ok(renewed)) = timeout(patience.min(RENEWAL_TIME_LIMIT), self.assume()).await {
            return Ok(renewed);
        }
        match lock(&self.latest).denial.clone() {
            Some(denial) => Err(denial),
            None => {
                warn!("a role's session cannot be renewed; the old one is still used");
                Ok(old)
            }
        }
    }

    /// The latest session. It is renewed only once it has expired: [`AssumedRole::renewed`] has
    /// done so at the beginning of the request.
    async fn latest(&self) -> Result<Credentials, MirrorError> {
        match self.session_at(SystemTime::now()) {
            Some(session) => Ok(session),
            None => self.replaced(Duration::ZERO).await,
        }
    }

    /// A new session, or that of another request that did not expire within `remaining`.
    async fn replaced(&self, remaining: Duration) -> Result<Credentials, MirrorError> {
        let _renewal = self.renewal.lock().await;
        match self.session_at(SystemTime::now() + remaining) {
            Some(session) => Ok(session),
            None => self.assume().await,
        }
    }

    /// The session, if it expires after `time`.
    fn session_at(&self, time: SystemTime) -> Option<Credentials> {
        lock(&self.latest).session.clone().filter(|session| outlasts(session, time))
    }

    /// Assumes the role, and keeps the session.
    async fn assume(&self) -> Result<Credentials, MirrorError> {
        let Role { arn, external_id, session_name, session_length } = &self.role;
        let call = self
            .client
            .assume_role()
            .role_arn(arn)
            .role_session_name(session_name)
            .set_external_id(external_id.as_ref().map(|id| id.expose().to_owned()))
            .duration_seconds(i32::try_from(session_length.as_secs()).unwrap_or(i32::MAX))
            .send();
        let output = Box::pin(call).await.map_err(|error| {
            let action = Action::AssumeRole(&self.role);
            let AssumedRole { region, signer, variant, .. } = self;
            let origin = Origin { region, signer: *signer, variant };
            let credit = Credit::of(&error);
            let error = error::from_call(&error, action, origin, Attempts::current());
            let mut latest = lock(&self.latest);
            let is_lost = latest.refused == Some(Credit::Unknown)
                && matches!(credit, Credit::Unknown | Credit::Denied);
            latest.denial = is_lost.then(|| error.clone());
            error
        })?;
        let session = output.credentials.ok_or_else(|| error::no_session(&self.role))?;
        let session = Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            SystemTime::try_from(session.expiration).ok(),
            "AssumeRole",
        );
        lock(&self.latest).replace(session.clone());
        Ok(session)
    }
}

impl Latest {
    fn is_paused(&self, now: SystemTime) -> bool {
        self.next_renewal.is_some_and(|next| now < next)
    }

    /// Tries no renewal for some time after this one.
    fn pause(&mut self, now: SystemTime) {
        self.refusals += u32::from(self.refused.is_some());
        let pause = RENEWAL_PAUSE * 2_u32.saturating_pow(self.refusals.saturating_sub(1));
        self.next_renewal = Some(now + pause.min(MAX_RENEWAL_PAUSE));
    }

    /// Takes a new session. The pause lasts if it replaces a refused one.
    fn replace(&mut self, session: Credentials) {
        let Latest { next_renewal, refusals, .. } = *self;
        let after = self.refused.map(|_| Latest { next_renewal, refusals, ..Latest::default() });
        *self = Latest { session: Some(session), ..after.unwrap_or_default() };
    }
}

/// Whether a session expires after `time`.
fn outlasts(session: &Credentials, time: SystemTime) -> bool {
    session.expiry() > Some(time)
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.latest().await.map_err(CredentialsError::provider_error)
        })
    }
}

impl fmt::Debug for AssumedRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumedRole").field("role", &self.role).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_until_it_expires() {
        let expiry = SystemTime::UNIX_EPOCH + Duration::from_secs(3_600);
        let moment = Duration::from_nanos(1);
        for (expiry, time, is_valid) in [
            (Some(expiry), expiry - moment, true),
            (Some(expiry), expiry, false),
            (Some(expiry), expiry + moment, false),
            (None, expiry, false),
        ] {
            let session = Credentials::new("key", "secret", None, expiry, "test");
            assert_eq!(outlasts(&session, time), is_valid, "{expiry:?} {time:?}");
        }
    }

    #[test]
    fn the_pause_doubles_while_aws_refuses_each_session() {
        let second = Duration::from_secs(1);
        let mut now = SystemTime::UNIX_EPOCH;
        let session = || Credentials::new("a", "b", None, None, "test");
        let mut latest = Latest::default();
        latest.replace(session());
        assert!(!latest.is_paused(now));
        for pause in [10_u32, 20, 40, 80, 160, 300, 300] {
            latest.refused = Some(Credit::Unknown);
            latest.pause(now);
            latest.replace(session());
            assert!(latest.is_paused(now + (pause - 1) * second), "{pause}");
            now += pause * second;
            assert!(!latest.is_paused(now), "{pause}");
        }
        // One that is replaced in its last minutes was good.
        latest.pause(now);
        latest.replace(session());
        assert_eq!((latest.refusals, latest.next_renewal), (0, None));
    }
}
