//! The SDK client of each caller, cached between requests.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, Weak};

use aws_config::identity::IdentityCache;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_cloudwatch::Client;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;

use super::assumed_role::AssumedRole;
use super::error::{self, Action, Signer};
use super::http::HttpClients;
use super::region_client::{Caller, CallerClient, IDLE_LIFETIME, RegionClient};
use super::retries::{Retries, TimeLimit, quota, retry_config};
use crate::cache::BoundedCache;
use crate::config::AwsConfig;
use crate::connection::{Credentials, Identity, Role};
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::region::Region;
use crate::secret::Keys;
use crate::shared::lock;
use crate::time::EpochMillis;
use crate::usage::{Attempts, Usage};

/// The maximum number of cached clients. The longest credentials have some 17 KB, so this also bounds
/// their size.
const MAX_CLIENTS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Builds the client of a caller in a region.
pub type BuildClient =
    dyn Fn(&Identity, &Region) -> Result<CallerClient, MirrorError> + Send + Sync;

/// The clients of all callers. A client is built when its caller first needs it.
pub(crate) struct Clients {
    build: Box<BuildClient>,
    /// Those of callers that AWS has accepted.
    kept: Arc<BoundedCache<Caller, Arc<CallerClient>>>,
    /// Those that requests use. Requests at once share one before it is kept.
    in_use: Mutex<HashMap<Caller, Weak<CallerClient>>>,
}

impl Clients {
    /// Clients that `build` builds.
    pub(crate) fn new(build: Box<BuildClient>) -> Self {
        let kept = Arc::new(BoundedCache::new(MAX_CLIENTS, usize::MAX));
        Clients { build, kept, in_use: Mutex::default() }
    }

    /// The client of a caller in a region, ready to call CloudWatch.
    ///
    /// # Errors
    /// There are no credentials, or the role cannot be assumed by the deadline.
    pub(crate) async fn client(
        &self,
        identity: &Identity,
        region: Region,
        deadline: Deadline,
        now: EpochMillis,
        usage: &Arc<Usage>,
    ) -> Result<RegionClient, MirrorError> {
        let caller = Caller::new(identity, &region);
        let client = match self.kept.get(&caller, now) {
            Some(client) => {
                self.kept.insert(caller, client.clone(), 0, now, IDLE_LIFETIME);
                client
            }
            None => self.in_use(caller, identity, &region)?,
        };
        let (usage, kept) = (usage.clone(), self.kept.clone());
        let client = RegionClient { client, caller, region, deadline, usage, kept, now };
        if let Some(role) = &client.client.role {
            let attempts = Arc::new(Attempts::until(deadline.at(), None));
            let credentials = deadline.bound(role.renewed(deadline.left() / 3));
            let credentials = client.usage.wait(&attempts, credentials).await;
            let action = Action::AssumeRole(&role.role);
            credentials.map_err(|overdue| {
                error::overdue(overdue, action, &role.region, attempts.tally())
            })??;
            client.keep();
        }
        Ok(client)
    }

    /// The client of a caller that another request uses, or a new one.
    fn in_use(
        &self,
        caller: Caller,
        identity: &Identity,
        region: &Region,
    ) -> Result<Arc<CallerClient>, MirrorError> {
        let mut in_use = lock(&self.in_use);
        if let Some(client) = in_use.get(&caller).and_then(Weak::upgrade) {
            return Ok(client);
        }
        let client = Arc::new((self.build)(identity, region)?);
        in_use.retain(|_, client| client.strong_count() > 0);
        in_use.insert(caller, Arc::downgrade(&client));
        Ok(client)
    }
}

/// Builds SDK clients for AWS.
pub(crate) struct SdkClientBuilder {
    aws: AwsConfig,
    http: HttpClients,
    /// The roles of the clients in use, by their caller in the region of STS. All regions of a
    /// caller share a role, so they share its session.
    roles: Mutex<HashMap<Caller, Weak<AssumedRole>>>,
}

impl SdkClientBuilder {
    /// A builder of clients that reach AWS as `aws` says.
    /// If requests are served at once, callers have connections of their own.
    pub(crate) fn new(aws: AwsConfig, are_concurrent: bool) -> Self {
        let http = HttpClients::new(&aws, are_concurrent);
        SdkClientBuilder { http, aws, roles: Mutex::default() }
    }

    /// Builds the client of a caller in a region.
    ///
    /// # Errors
    /// The identity is the function's own role, and the function has no credentials.
    pub(crate) fn build(
        &self,
        identity: &Identity,
        region: &Region,
    ) -> Result<CallerClient, MirrorError> {
        let (keys, signer) = match &identity.credentials {
            Credentials::Keys(keys) => (keys, Signer::Keys),
            Credentials::FunctionRole => {
                let keys = self.aws.keys.as_ref().ok_or_else(error::no_function_credentials)?;
                (keys, Signer::FunctionRole)
            }
        };
        let keys = SharedCredentialsProvider::new(sdk_credentials(keys));
        let (credentials, role) = match &identity.role {
            None => (keys, None),
            Some(role) => {
                let role = self.assumed_role(identity, role, keys, signer, region);
                let provider: Arc<dyn ProvideCredentials> = role.clone();
                (SharedCredentialsProvider::new(provider), Some(role))
            }
        };
        let config = self.config(region, self.aws.cloudwatch_endpoint.as_deref(), credentials);
        let config = aws_sdk_cloudwatch::config::Builder::from(&config)
            .interceptor(Retries)
            .retry_classifier(TimeLimit)
            .retry_partition(quota());
        let cloudwatch = Client::from_conf(config.build());
        let variant = self.variant(self.aws.cloudwatch_endpoint.as_deref());
        Ok(CallerClient { cloudwatch, role, signer, variant, is_kept: AtomicBool::new(false) })
    }

    /// The role of a caller, which clients in other regions may use already.
    fn assumed_role(
        &self,
        identity: &Identity,
        role: &Role,
        keys: SharedCredentialsProvider,
        signer: Signer<'static>,
        region: &Region,
    ) -> Arc<AssumedRole> {
        let region = self.sts_region(region);
        let caller = Caller::new(identity, &region);
        let mut roles = lock(&self.roles);
        if let Some(role) = roles.get(&caller).and_then(Weak::upgrade) {
            return role;
        }
        let config = self.config(&region, self.aws.sts_endpoint.as_deref(), keys);
        let config = aws_sdk_sts::config::Builder::from(&config)
            .interceptor(Retries)
            .retry_classifier(TimeLimit)
            .retry_partition(quota());
        let client = aws_sdk_sts::Client::from_conf(config.build());
        let variant = self.variant(self.aws.sts_endpoint.as_deref());
        let role = Arc::new(AssumedRole::new(client, role.clone(), region, signer, variant));
        roles.retain(|_, role| role.strong_count() > 0);
        roles.insert(caller, Arc::downgrade(&role));
        role
    }

    /// The region in which to ask STS for a session in `region`: the function's own, or, if that
    /// is in another partition, one that no account can disable. An account may have disabled
    /// `region` itself. A session is valid in all regions of its partition ("Manage AWS STS in an
    /// AWS Region", IAM user guide).
    fn sts_region(&self, region: &Region) -> Region {
        let Some(home) = region.home() else { return region.clone() };
        let own = self.aws.region.as_ref();
        own.filter(|own| own.home().as_ref() == Some(&home)).cloned().unwrap_or(home)
    }

    /// The variables that choose another endpoint than the usual one. An endpoint of one's own is used
    /// as it is.
    fn variant(&self, endpoint: Option<&str>) -> &'static str {
        endpoint.map_or_else(|| self.aws.variant(), |_| "")
    }

    fn config(
        &self,
        region: &Region,
        endpoint: Option<&str>,
        credentials: SharedCredentialsProvider,
    ) -> SdkConfig {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .credentials_provider(credentials)
            .http_client(self.http.client(region, endpoint))
            .retry_config(retry_config())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .identity_cache(IdentityCache::no_cache())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SystemTimeSource::new());
        config.set_app_name(AppName::new(env!("CARGO_PKG_NAME")).ok());
        config.set_endpoint_url(endpoint.map(str::to_owned));
        config.set_use_fips(Some(self.aws.use_fips && endpoint.is_none()));
        config.set_use_dual_stack(Some(self.aws.use_dual_stack && endpoint.is_none()));
        config.build()
    }
}

fn sdk_credentials(keys: &Keys) -> AwsCredentials {
    let Keys { access_key_id, secret_access_key, session_token } = keys;
    let token = session_token.as_ref().map(|token| token.expose().to_owned());
    AwsCredentials::new(
        access_key_id.expose(),
        secret_access_key.expose(),
        token,
        None,
        env!("CARGO_PKG_NAME"),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::secret::Secret;

    fn keys() -> Credentials {
        let secret = || Secret::new("x");
        let (access_key_id, secret_access_key) = (secret(), secret());
        Credentials::Keys(Keys { access_key_id, secret_access_key, session_token: None })
    }

    #[test]
    fn an_http_client_is_built_with_the_first_sdk_client() {
        let region = Region::new("eu-west-1").unwrap();
        let builder = SdkClientBuilder::new(AwsConfig::default(), false);
        let identity = Identity { credentials: Credentials::FunctionRole, role: None };
        assert!(builder.build(&identity, &region).is_err(), "the function has no credentials");
        assert!(builder.http.is_unused());
        let identity = Identity { credentials: keys(), role: None };
        assert!(builder.build(&identity, &region).is_ok());
        assert!(!builder.http.is_unused());
    }

    #[test]
    fn roles_are_remembered_while_a_client_has_them() {
        let builder = SdkClientBuilder::new(AwsConfig::default(), false);
        let build = |name: &str, region: &str| {
            let role = Role {
                arn: format!("arn:aws:iam::123456789012:role/{name}"),
                external_id: None,
                session_name: "mirror".to_owned(),
                session_length: Duration::from_secs(3_600),
            };
            let identity = Identity { credentials: keys(), role: Some(role) };
            builder.build(&identity, &Region::new(region).unwrap()).unwrap()
        };
        let count = || builder.roles.lock().unwrap().len();
        let one = build("one", "eu-west-1");
        let elsewhere = build("one", "eu-west-2");
        assert_eq!(count(), 1, "all regions of a partition share a role");
        let other = build("other", "eu-west-1");
        assert_eq!(count(), 2);
        drop(one);
        let third = build("third", "eu-west-1");
        assert_eq!(count(), 3);
        drop((elsewhere, other, third));
        let _last = build("last", "eu-west-1");
        assert_eq!(count(), 1);
    }
}
