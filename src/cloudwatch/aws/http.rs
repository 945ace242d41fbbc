//! The HTTP clients of the SDK. Every request has its own signature, so callers share connections as
//! long as one request is served after the other. If requests are served at once, each client has
//! connections of its own: a call that is given up closes them, and they must not be another caller's.
//!
//! aws-smithy-http-client would also do, but it brings HTTP/2, which CloudWatch does not need.
//! Without it the deployment package is a tenth smaller.

use std::sync::{Arc, OnceLock};

use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tracing::warn;

use super::connector::Connector;
use super::proxy::Proxy;
use crate::config::AwsConfig;
use crate::region::Region;

/// Amazon's certificate authorities ("CA Certificates", amazontrust.com/repository), which sign
/// the certificates of all endpoints in the `aws` partition. A cold start parses these five in a
/// thirtieth of the time that the 142 authorities of the system's trust store take.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// The HTTP clients, one for each kind of trust. Each is built when it is first needed.
pub(super) struct HttpClients {
    /// Whether `SSL_CERT_FILE` or `SSL_CERT_DIR` name the certificate authorities to trust.
    custom_trust_store: bool,
    proxy: Arc<Proxy>,
    /// Whether every client has connections of its own.
    are_concurrent: bool,
    amazon: OnceLock<Connector>,
    system: OnceLock<Connector>,
    plaintext: OnceLock<Connector>,
}

/// The certificate authorities that a connection trusts.
#[derive(Debug, PartialEq, Eq)]
enum Trust {
    /// Amazon's.
    Amazon,
    /// The system's trust store.
    System,
    /// None, because the endpoint has no TLS.
    Plaintext,
}

impl HttpClients {
    pub(super) fn new(config: &AwsConfig, are_concurrent: bool) -> Self {
        let [amazon, system, plaintext] = [const { OnceLock::new() }; 3];
        let proxy = Arc::new(Proxy::new(config));
        let custom_trust_store = config.custom_trust_store;
        HttpClients { custom_trust_store, proxy, are_concurrent, amazon, system, plaintext }
    }

    /// The client for a configured endpoint, or for the region's endpoint if there is none.
    pub(super) fn client(&self, region: &Region, endpoint: Option<&str>) -> SharedHttpClient {
        let build = |authorities: &mut dyn Iterator<Item = CertificateDer<'static>>| {
            Connector::trusting(authorities, self.proxy.clone())
        };
        let connector = match self.trust(region, endpoint) {
            Trust::Amazon => self.amazon.get_or_init(|| {
                build(&mut CertificateDer::pem_slice_iter(AMAZON_ROOTS).filter_map(Result::ok))
            }),
            Trust::System => self.system.get_or_init(|| build(&mut system_store())),
            Trust::Plaintext => self.plaintext.get_or_init(|| build(&mut std::iter::empty())),
        };
        let connector = if self.are_concurrent { connector.apart() } else { connector.clone() };
        let connector = SharedHttpConnector::new(connector);
        http_client_fn(move |_, _| connector.clone())
    }

    /// Whether no client was built yet.
    #[cfg(test)]
    pub(super) fn is_unused(&self) -> bool {
        [&self.amazon, &self.system, &self.plaintext].iter().all(|built| built.get().is_none())
    }

    fn trust(&self, region: &Region, endpoint: Option<&str>) -> Trust {
        let is_aws = region.home() == Region::new(Region::HOME_OF_AWS);
        match endpoint {
            None if is_aws && !self.custom_trust_store => Trust::Amazon,
            Some(url) if url.starts_with("http://") => Trust::Plaintext,
            _ => Trust::System,
        }
    }
}

/// The certificate authorities of the system, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn system_store() -> impl Iterator<Item = CertificateDer<'static>> {
    let store = rustls_native_certs::load_native_certs();
    for error in store.errors {
        warn!("the trust store cannot be read: {error}");
    }
    store.certs.into_iter()
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn amazons_authorities_are_trusted_only_for_its_own_endpoints() {
        for (custom, region, endpoint, trust) in [
            (false, "eu-west-1", None, Trust::Amazon),
            (true, "eu-west-1", None, Trust::System),
            (false, "eu-west-1", Some("https://vpce-1.example.com"), Trust::System),
            (true, "eu-west-1", Some("http://127.0.0.1:4566"), Trust::Plaintext),
            (false, "cn-north-1", None, Trust::System),
            (false, "us-gov-west-1", None, Trust::System),
        ] {
            let config = AwsConfig { custom_trust_store: custom, ..AwsConfig::default() };
            let clients = HttpClients::new(&config, false);
            let region = Region::new(region).unwrap();
            assert_eq!(clients.trust(&region, endpoint), trust, "{region} {endpoint:?}");
        }
    }

    /// The fingerprints are those that Amazon publishes, in the order of its list.
    #[test]
    fn the_roots_are_amazons() {
        let roots = CertificateDer::pem_slice_iter(AMAZON_ROOTS).map(Result::unwrap);
        let hex = |byte: &u8| format!("{byte:02x}");
        let fingerprints: Vec<String> =
            roots.map(|root| Sha256::digest(root).iter().map(hex).collect()).collect();
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
