//! A role that is assumed, and assumed again before its session ends.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::Client;
use tokio::sync::Mutex;

use super::fault::{self, Action};
use crate::connection::Role;
use crate::error::MirrorError;
use crate::region::Region;

/// A session is renewed so long before it ends.
const RENEWED_BEFORE: Duration = Duration::from_secs(300);

/// One that has less time left is not used: a request takes its time.
const LEAST_LEFT: Duration = Duration::from_secs(60);

/// A role, and the session that was had of it last.
pub(super) struct Assumed {
    client: Client,
    role: Role,
    region: Region,
    session: Mutex<Option<Credentials>>,
}

impl Assumed {
    /// A role to assume through `client`, which asks STS in `region`.
    pub(super) fn new(client: Client, role: Role, region: Region) -> Self {
        Assumed { client, role, region, session: Mutex::new(None) }
    }

    /// What [`Assumed::credentials`] waits for.
    pub(super) fn waits_for(&self) -> String {
        format!("STS in {} to let it assume the role {}", self.region, self.role.arn)
    }

    /// Credentials that hold for a while.
    ///
    /// # Errors
    /// STS refuses, or cannot be reached.
    pub(super) async fn credentials(&self) -> Result<Credentials, MirrorError> {
        let mut session = self.session.lock().await;
        let holds = |session: &&Credentials, margin| {
            session.expiry() > SystemTime::now().checked_add(margin)
        };
        if let Some(session) = session.as_ref().filter(|session| holds(session, RENEWED_BEFORE)) {
            return Ok(session.clone());
        }
        match (self.assume().await, session.as_ref()) {
            (Ok(renewed), _) => Ok(session.insert(renewed).clone()),
            // STS may be in a better mood next time; until then the old one does.
            (Err(_), Some(old)) if holds(&old, LEAST_LEFT) => Ok(old.clone()),
            (Err(error), _) => Err(error),
        }
    }

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
        let answer = Box::pin(call).await.map_err(|error| {
            fault::of_call(&error, Action::AssumeRole(&self.role), &self.region)
        })?;
        let session = answer.credentials.ok_or_else(|| fault::no_session(&self.role))?;
        Ok(Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            SystemTime::try_from(session.expiration).ok(),
            "AssumeRole",
        ))
    }
}

impl ProvideCredentials for Assumed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.credentials().await.map_err(CredentialsError::provider_error)
        })
    }
}

impl fmt::Debug for Assumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assumed").field("role", &self.role).finish_non_exhaustive()
    }
}
