//! A role that the mirror assumes, and assumes again before its session expires.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::Client;
use tokio::sync::Mutex;

use super::error::{self, Action};
use crate::connection::Role;
use crate::error::MirrorError;
use crate::region::Region;
use crate::usage::Attempts;

/// A session is renewed when it expires within this time.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);

/// A session that expires within this time is not used, because it could expire during the
/// request.
const MIN_REMAINING: Duration = Duration::from_secs(60);

/// A role and its latest session.
pub(super) struct AssumedRole {
    client: Client,
    role: Role,
    region: Region,
    session: Mutex<Option<Credentials>>,
}

impl AssumedRole {
    /// A role that `client` assumes. The client calls STS in `region`.
    pub(super) fn new(client: Client, role: Role, region: Region) -> Self {
        AssumedRole { client, role, region, session: Mutex::new(None) }
    }

    /// The role.
    pub(super) fn role(&self) -> &Role {
        &self.role
    }

    /// The region of STS.
    pub(super) fn region(&self) -> &Region {
        &self.region
    }

    /// Credentials that do not expire within [`MIN_REMAINING`].
    ///
    /// # Errors
    /// STS refuses the call, or cannot be reached.
    pub(super) async fn credentials(&self) -> Result<Credentials, MirrorError> {
        let mut session = self.session.lock().await;
        let outlasts = |session: &&Credentials, margin| {
            session.expiry() > SystemTime::now().checked_add(margin)
        };
        if let Some(session) = session.as_ref().filter(|session| outlasts(session, RENEWAL_MARGIN))
        {
            return Ok(session.clone());
        }
        match (self.assume().await, session.as_ref()) {
            (Ok(renewed), _) => Ok(session.insert(renewed).clone()),
            // The next request tries again. Until then the old session is used.
            (Err(_), Some(old)) if outlasts(&old, MIN_REMAINING) => Ok(old.clone()),
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
        let output = Box::pin(call).await.map_err(|error| {
            let action = Action::AssumeRole(&self.role);
            error::from_call(&error, action, &self.region, Attempts::current())
        })?;
        let session = output.credentials.ok_or_else(|| error::no_session(&self.role))?;
        Ok(Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            SystemTime::try_from(session.expiration).ok(),
            "AssumeRole",
        ))
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.credentials().await.map_err(CredentialsError::provider_error)
        })
    }
}

impl fmt::Debug for AssumedRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumedRole").field("role", &self.role).finish_non_exhaustive()
    }
}
