//! The way to AWS: HTTPS over connections that serve every caller, for requests are signed one
//! by one.

use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::region::Region;

/// Amazon's own certificate authorities ("CA Certificates", amazontrust.com/repository), which
/// stand behind every endpoint of the `aws` partition. To read these five takes a tenth of the
/// time that the system's store takes, of every cold start's first answer.
const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");

/// A connection that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// So many idle connections to a host are kept: as many as a connection test uses at once.
const MOST_IDLE: usize = 2;

/// HTTP clients, each built when it is first needed.
pub(super) struct Transport {
    /// Whether the owner of this function has a trust store of his own.
    own_store: bool,
    amazon: OnceLock<SharedHttpClient>,
    system: OnceLock<SharedHttpClient>,
}

/// Whose certificate authorities count.
#[derive(Debug, PartialEq, Eq)]
enum Trust {
    Amazon,
    System,
}

impl Transport {
    /// `own_store` says that `SSL_CERT_FILE` or `SSL_CERT_DIR` name whom to trust.
    pub(super) fn new(own_store: bool) -> Self {
        Transport { own_store, amazon: OnceLock::new(), system: OnceLock::new() }
    }

    /// The client for a region's own endpoints, or for another one that was configured.
    pub(super) fn to(&self, region: &Region, endpoint: Option<&str>) -> SharedHttpClient {
        let (client, store) = match self.trust(region, endpoint) {
            Trust::Amazon => (&self.amazon, TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)),
            Trust::System => (&self.system, TrustStore::empty().with_native_roots(true)),
        };
        client.get_or_init(|| https(store)).clone()
    }

    /// Whether nothing was built yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.amazon.get().is_none() && self.system.get().is_none()
    }

    fn trust(&self, region: &Region, endpoint: Option<&str>) -> Trust {
        match endpoint.is_none() && !self.own_store && region.is_in_aws_partition() {
            true => Trust::Amazon,
            false => Trust::System,
        }
    }
}

fn https(store: TrustStore) -> SharedHttpClient {
    let builder = Builder::new()
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MOST_IDLE)
        .tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(store).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // It never fails with rustls; the builder's own context is the system's store.
        Err(_) => builder.build_https(),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn amazon_is_trusted_for_its_own_endpoints_alone() {
        for (own_store, region, endpoint, trust) in [
            (false, "eu-west-1", None, Trust::Amazon),
            (true, "eu-west-1", None, Trust::System),
            (false, "eu-west-1", Some("https://vpce-1.example.com"), Trust::System),
            (false, "cn-north-1", None, Trust::System),
            (false, "us-gov-west-1", None, Trust::System),
        ] {
            let transport = Transport::new(own_store);
            let region = Region::new(region).unwrap();
            assert_eq!(transport.trust(&region, endpoint), trust, "{region} {endpoint:?}");
        }
    }

    /// The fingerprints that Amazon publishes, in the order of its list.
    #[test]
    fn the_roots_are_amazons() {
        let certificates = AMAZON_ROOTS.split("-----BEGIN CERTIFICATE-----\n").skip(1);
        let fingerprints: Vec<String> = certificates
            .map(|text| {
                let (body, _) = text.split_once("-----END").unwrap();
                let der = BASE64_STANDARD.decode(body.replace('\n', "")).unwrap();
                Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect()
            })
            .collect();
        assert_eq!(
            fingerprints,
            [
                "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
                "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
                "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
                "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
                "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
            ]
        );
    }
}
