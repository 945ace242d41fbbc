//! The way to AWS: HTTPS over connections that serve every caller, for requests are signed one
//! by one.
//!
//! Why not aws-smithy-http-client, which is the same client in other settings: it brings HTTP/2,
//! which CloudWatch does not need, and proxies. Without them a package is a tenth smaller.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as TcpConnector, capture_connection,
};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use tower_service::Service;
use tracing::warn;

use crate::region::Region;

/// Amazon's own certificate authorities ("CA Certificates", amazontrust.com/repository), which
/// stand behind every endpoint of the `aws` partition. To read these five takes a thirtieth of
/// the time that a system's store of 142 takes, of every cold start's first answer.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// A connection that does not stand by then, TLS included, is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

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
    nobody: OnceLock<SharedHttpClient>,
}

/// Whose certificate authorities count.
#[derive(Debug, PartialEq, Eq)]
enum Trust {
    Amazon,
    System,
    /// Nobody's: without TLS there are none.
    Nobody,
}

impl Transport {
    /// `own_store` says that `SSL_CERT_FILE` or `SSL_CERT_DIR` name whom to trust.
    pub(super) fn new(own_store: bool) -> Self {
        let [amazon, system, nobody] = [const { OnceLock::new() }; 3];
        Transport { own_store, amazon, system, nobody }
    }

    /// The client for a region's own endpoints, or for another one that was configured.
    pub(super) fn to(&self, region: &Region, endpoint: Option<&str>) -> SharedHttpClient {
        let client = match self.trust(region, endpoint) {
            Trust::Amazon => self.amazon.get_or_init(|| {
                client(CertificateDer::pem_slice_iter(AMAZON_ROOTS).filter_map(Result::ok))
            }),
            Trust::System => self.system.get_or_init(|| client(system_store())),
            Trust::Nobody => self.nobody.get_or_init(|| client(std::iter::empty())),
        };
        client.clone()
    }

    /// Whether nothing was built yet.
    pub(super) fn is_untouched(&self) -> bool {
        [&self.amazon, &self.system, &self.nobody].iter().all(|client| client.get().is_none())
    }

    fn trust(&self, region: &Region, endpoint: Option<&str>) -> Trust {
        match endpoint {
            None if region.is_in_aws_partition() && !self.own_store => Trust::Amazon,
            Some(url) if url.starts_with("http://") => Trust::Nobody,
            _ => Trust::System,
        }
    }
}

/// The certificate authorities of this machine, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
fn system_store() -> impl Iterator<Item = CertificateDer<'static>> {
    let store = rustls_native_certs::load_native_certs();
    for error in store.errors {
        warn!("a trust store cannot be read: {error}");
    }
    store.certs.into_iter()
}

/// A client that trusts these certificate authorities.
fn client(authorities: impl Iterator<Item = CertificateDer<'static>>) -> SharedHttpClient {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities);
    let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let connections = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MOST_IDLE)
        .build(InTime(https));
    let connector = SharedHttpConnector::new(Connector(connections));
    http_client_fn(move |_, _| connector.clone())
}

/// The SDK's connector on a pool of connections.
#[derive(Debug)]
struct Connector(legacy::Client<InTime<HttpsConnector<TcpConnector>>, SdkBody>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connections = self.0.clone();
        HttpConnectorFuture::new(async move {
            let mut request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let connection = capture_connection(&mut request);
            if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
                capture.set_connection_retriever(move || metadata(&connection));
            }
            let response = connections.request(request).await.map_err(failed)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Connects in [`CONNECT_TIMEOUT`], or not at all.
#[derive(Debug, Clone)]
struct InTime<C>(C);

impl<C, T> Service<T> for InTime<C>
where
    C: Service<T, Error = Box<dyn Error + Send + Sync>>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, C::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, target: T) -> Self::Future {
        let connection = timeout(CONNECT_TIMEOUT, self.0.call(target));
        Box::pin(async move {
            connection.await.unwrap_or_else(|_| {
                let text = format!("no connection in {} seconds", CONNECT_TIMEOUT.as_secs());
                Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
            })
        })
    }
}

/// What the SDK needs to give up the connection to a server that failed.
fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let connection = connection.clone();
    let give_up = move || {
        if let Some(connection) = connection.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    Some(ConnectionMetadata::builder().proxied(false).poison_fn(give_up).build())
}

/// What went wrong on the way. All of it may be over at the next attempt, and nothing that the
/// mirror asks does harm when it is asked twice.
fn failed(error: legacy::Error) -> ConnectorError {
    match (error.is_connect(), is_timeout(&error)) {
        (true, true) => ConnectorError::timeout(error.into()),
        (true, false) => ConnectorError::io(error.into()),
        (false, _) => ConnectorError::other(error.into(), Some(ErrorKind::TransientError)),
    }
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let is_itself = error
        .downcast_ref()
        .is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::TimedOut);
    is_itself || error.source().is_some_and(is_timeout)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn amazon_is_trusted_for_its_own_endpoints_alone() {
        for (own_store, region, endpoint, trust) in [
            (false, "eu-west-1", None, Trust::Amazon),
            (true, "eu-west-1", None, Trust::System),
            (false, "eu-west-1", Some("https://vpce-1.example.com"), Trust::System),
            (true, "eu-west-1", Some("http://127.0.0.1:4566"), Trust::Nobody),
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
