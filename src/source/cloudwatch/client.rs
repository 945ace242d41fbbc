//! A connection → SDK clients, kept between invocations.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::retry::RetryPartition;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use sha2::{Digest, Sha256};

use super::answers::Answers;
use super::assumed::Assumed;
use super::fault;
use super::keep::Keep;
use super::session::{Caller, Session};
use super::shelf::Shelf;
use super::transport::Transport;
use crate::config::AwsConfig;
use crate::connection::{Credentials, Identity, Role};
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::region::Region;
use crate::secret::Keys;

/// So many clients are kept.
const MOST_KEPT: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// A client that was unused for so long is dropped, with its keys, in milliseconds.
const LIFE: i64 = 900_000;

/// A first attempt and two more, where CloudWatch throttles or fails in passing.
const ATTEMPTS: u32 = 3;

/// Makes clients and keeps them. Nothing of AWS is built before the first is asked for.
pub struct Clients {
    aws: AwsConfig,
    transport: Transport,
    kept: Keep<Caller, Kept>,
    scripted: Option<Client>,
    /// What the callers' catalogues are kept on.
    pub(super) shelf: Shelf,
    /// What the callers were answered a moment ago.
    pub(super) answers: Answers,
}

/// A client, and the role that it has assumed, if it needs one.
#[derive(Clone)]
struct Kept {
    cloudwatch: Client,
    role: Option<Arc<Assumed>>,
}

impl Clients {
    /// Makes clients for AWS as `aws` describes it.
    pub fn new(aws: AwsConfig) -> Self {
        Clients {
            transport: Transport::new(aws.own_trust_store),
            aws,
            kept: Keep::new(MOST_KEPT, usize::MAX),
            scripted: None,
            shelf: Shelf::default(),
            answers: Answers::default(),
        }
    }

    /// Always the same client, for tests with a scripted one.
    pub fn scripted(client: Client) -> Self {
        Clients { scripted: Some(client), ..Clients::new(AwsConfig::default()) }
    }

    /// Whether nothing of AWS has been built yet.
    pub fn is_untouched(&self) -> bool {
        self.transport.is_untouched() && self.kept.is_untouched()
    }

    /// The region that is asked where nobody names one.
    pub(super) fn home(&self) -> Option<&Region> {
        self.aws.region.as_ref()
    }

    /// A session of a caller in a region at `now`, in epoch milliseconds, with credentials that
    /// hold for a while.
    ///
    /// # Errors
    /// There are no credentials, or the role cannot be assumed.
    pub(super) async fn open(
        &self,
        identity: &Identity,
        region: Region,
        deadline: Deadline,
        now: i64,
    ) -> Result<Session, MirrorError> {
        let key = digest(identity, &region);
        if let Some(client) = &self.scripted {
            return Ok(Session { client: client.clone(), caller: key, region, deadline });
        }
        let kept = match self.kept.get(&key, now) {
            Some(kept) => kept,
            None => self.build(identity, &region)?,
        };
        self.kept.put(key, kept.clone(), 0, now, now + LIFE);
        let Kept { cloudwatch, role } = kept;
        if let Some(role) = role {
            deadline.bound(|| role.waits_for(), role.credentials()).await??;
        }
        Ok(Session { client: cloudwatch, caller: key, region, deadline })
    }

    fn build(&self, identity: &Identity, region: &Region) -> Result<Kept, MirrorError> {
        let keys = match &identity.credentials {
            Credentials::Keys(keys) => keys,
            Credentials::Own => self.aws.keys.as_ref().ok_or_else(fault::no_own_credentials)?,
        };
        let keys = SharedCredentialsProvider::new(signing(keys));
        // A quota of retries of its own: what one caller uses up is not another's.
        let retries = || RetryPartition::custom(env!("CARGO_PKG_NAME")).build();
        let (credentials, role) = match &identity.role {
            None => (keys, None),
            Some(role) => {
                let config = self.config(region, self.aws.sts_endpoint.as_deref(), keys);
                let config = aws_sdk_sts::config::Builder::from(&config).retry_partition(retries());
                let client = aws_sdk_sts::Client::from_conf(config.build());
                let role = Arc::new(Assumed::new(client, role.clone(), region.clone()));
                let provider: Arc<dyn ProvideCredentials> = role.clone();
                (SharedCredentialsProvider::new(provider), Some(role))
            }
        };
        let config = self.config(region, self.aws.cloudwatch_endpoint.as_deref(), credentials);
        let config = aws_sdk_cloudwatch::config::Builder::from(&config).retry_partition(retries());
        Ok(Kept { cloudwatch: Client::from_conf(config.build()), role })
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
            .http_client(self.transport.to(region, endpoint))
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS)
                    .with_initial_backoff(Duration::from_millis(100)),
            )
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .identity_cache(IdentityCache::no_cache())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SystemTimeSource::new());
        config.set_app_name(AppName::new(env!("CARGO_PKG_NAME")).ok());
        config.set_endpoint_url(endpoint.map(str::to_owned));
        config.build()
    }
}

fn signing(keys: &Keys) -> AwsCredentials {
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

/// Names a caller and a region without saying any secret; all that shapes a client is in it.
fn digest(identity: &Identity, region: &Region) -> Caller {
    let Identity { credentials, role } = identity;
    let mut hasher = Sha256::new();
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
        Credentials::Own => add(None),
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
    hasher.finalize().into()
}
