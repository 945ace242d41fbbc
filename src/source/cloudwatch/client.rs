//! A connection → SDK clients, kept between invocations.

use std::num::NonZeroUsize;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_cloudwatch::Client;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use lru::LruCache;
use sha2::{Digest, Sha256};

use super::fault;
use super::session::{Caller, Session};
use super::shelf::Shelf;
use crate::config::AwsConfig;
use crate::connection::{Credentials, Identity, Role};
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::region::Region;
use crate::secret::Keys;

/// So many clients are kept; the one that was unused for longest makes room.
const MOST_KEPT: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// An assumed role's credentials are renewed so long before they expire.
const RENEWED_BEFORE: Duration = Duration::from_secs(300);

/// A first attempt and two more, where CloudWatch throttles or fails in passing.
const ATTEMPTS: u32 = 3;

/// A connection that is not there by then is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Makes clients and keeps them. Nothing of AWS is built before the first is asked for.
pub struct Clients {
    aws: AwsConfig,
    http: OnceLock<SharedHttpClient>,
    kept: Mutex<Option<LruCache<Caller, Kept>>>,
    scripted: Option<Client>,
    /// What the callers' catalogues are kept on.
    pub(super) shelf: Shelf,
}

/// A client, and whose it is.
#[derive(Clone)]
struct Kept {
    cloudwatch: Client,
    credentials: SharedCredentialsProvider,
    waits_for: String,
}

impl Clients {
    /// Makes clients for AWS as `aws` describes it.
    pub fn new(aws: AwsConfig) -> Self {
        Clients {
            aws,
            http: OnceLock::new(),
            kept: Mutex::new(None),
            scripted: None,
            shelf: Shelf::default(),
        }
    }

    /// Always the same client, for tests with a scripted one.
    pub fn scripted(client: Client) -> Self {
        Clients { scripted: Some(client), ..Clients::new(AwsConfig::default()) }
    }

    /// Whether nothing of AWS has been built yet.
    pub fn is_untouched(&self) -> bool {
        self.http.get().is_none() && self.lock().is_none()
    }

    /// The region that is asked where nobody names one.
    pub(super) fn home(&self) -> Option<&Region> {
        self.aws.region.as_ref()
    }

    /// A session of a caller in a region, with credentials that hold for a while.
    ///
    /// # Errors
    /// There are no credentials, or the role cannot be assumed.
    pub(super) async fn open(
        &self,
        identity: &Identity,
        region: Region,
        deadline: Deadline,
    ) -> Result<Session, MirrorError> {
        let key = digest(identity, &region);
        if let Some(client) = &self.scripted {
            return Ok(Session { client: client.clone(), caller: key, region, deadline });
        }
        let kept = self.lock().as_mut().and_then(|kept| kept.get(&key).cloned());
        let kept = match kept {
            Some(kept) => kept,
            None => {
                let built = self.build(identity, &region).await?;
                let mut kept = self.lock();
                kept.get_or_insert_with(|| LruCache::new(MOST_KEPT)).put(key, built.clone());
                built
            }
        };
        let Kept { cloudwatch, credentials, waits_for } = kept;
        deadline
            .bound(|| waits_for, credentials.provide_credentials())
            .await?
            .map_err(|error| fault::of_credentials(&error, identity.role.as_ref(), &region))?;
        Ok(Session { client: cloudwatch, caller: key, region, deadline })
    }

    async fn build(&self, identity: &Identity, region: &Region) -> Result<Kept, MirrorError> {
        let keys = match &identity.credentials {
            Credentials::Keys(keys) => keys,
            Credentials::Own => self.aws.keys.as_ref().ok_or_else(fault::no_own_credentials)?,
        };
        let shared = |endpoint: &Option<String>| {
            let mut config = SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(aws_config::Region::new(region.as_str().to_owned()))
                .http_client(self.http())
                .retry_config(
                    RetryConfig::standard()
                        .with_max_attempts(ATTEMPTS)
                        .with_initial_backoff(Duration::from_millis(100)),
                )
                .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                .identity_cache(IdentityCache::no_cache())
                .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
                .time_source(SystemTimeSource::new());
            config.set_app_name(AppName::new(env!("CARGO_PKG_NAME")).ok());
            config.set_endpoint_url(endpoint.clone());
            config.build()
        };
        let keys = signing(keys);
        let (credentials, waits_for) = match &identity.role {
            None => (SharedCredentialsProvider::new(keys), String::new()),
            Some(role) => {
                let Role { arn, external_id, session_name, session_length } = role;
                let mut provider = AssumeRoleProvider::builder(arn)
                    .session_name(session_name)
                    .session_length(*session_length)
                    .configure(&shared(&self.aws.sts_endpoint));
                if let Some(external_id) = external_id {
                    provider = provider.external_id(external_id.expose());
                }
                let provider = provider.build_from_provider(keys).await;
                let assumed = Assumed { provider, kept: tokio::sync::Mutex::new(None) };
                let waits_for = format!("STS in {region} to let it assume the role {arn}");
                (SharedCredentialsProvider::new(assumed), waits_for)
            }
        };
        let config = shared(&self.aws.cloudwatch_endpoint)
            .into_builder()
            .credentials_provider(credentials.clone())
            .build();
        Ok(Kept { cloudwatch: Client::new(&config), credentials, waits_for })
    }

    fn http(&self) -> SharedHttpClient {
        let build = || {
            aws_smithy_http_client::Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .build_https()
        };
        self.http.get_or_init(build).clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<LruCache<Caller, Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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

/// An assumed role's credentials, kept until shortly before they expire.
#[derive(Debug)]
struct Assumed {
    provider: AssumeRoleProvider,
    kept: tokio::sync::Mutex<Option<AwsCredentials>>,
}

impl ProvideCredentials for Assumed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

impl Assumed {
    async fn credentials(&self) -> Result<AwsCredentials, CredentialsError> {
        let mut kept = self.kept.lock().await;
        let renewed_from = SystemTime::now() + RENEWED_BEFORE;
        match kept.as_ref() {
            Some(credentials) if credentials.expiry() > Some(renewed_from) => {
                Ok(credentials.clone())
            }
            _ => Ok(kept.insert(self.provider.provide_credentials().await?).clone()),
        }
    }
}
