//! The connector of the SDK's HTTP clients: a pool of connections, and what their errors mean.
//!
//! A connection is TCP, perhaps through a proxy's tunnel, and TLS on it. hyper-util keeps those that
//! are idle in a pool. Its timers do not run while Lambda freezes the process, so a connection can be
//! dead without anybody knowing. That is why a pool is replaced after a pause, and after a request that
//! was given up.

use std::fmt;
use std::future::ready;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http_body_util::Limited;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as TcpConnector, capture_connection,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use lambda_http::http::Uri;
use lambda_http::http::header::CONTENT_LENGTH;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt, service_fn};

use super::proxy::{Proxy, ProxyError};
use crate::shared::lock;

/// The timeout of a connection attempt, including TLS. The SDK retries it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long an unused connection stays open.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Connections that were all unused for longer than this are not used again. A Lambda instance is
/// frozen between requests, and the network forgets its connections meanwhile, so that a request
/// on one of them is never answered. Timers may not run in that time, so the clock decides.
const TRUSTED_IDLE: Duration = Duration::from_secs(20);

/// The maximum size of a response, in bytes. A page of ListMetrics with the largest metrics has 19
/// MB: 500 with 30 dimensions of 255 and 1,024 characters.
const MAX_RESPONSE: usize = 24 << 20;

/// The maximum number of idle connections to a host. A connection test uses two at once, and where
/// requests are served at once, four calls of a caller are under way.
const MAX_IDLE: usize = 4;

/// The SDK's connector, which uses a pool of connections.
#[derive(Clone)]
pub(super) struct Connector {
    connect: Connect,
    pool: Arc<Mutex<Pool>>,
}

/// Makes a connection to a URL's host.
type Connect = BoxCloneSyncService<Uri, MaybeHttpsStream<TokioIo<TcpStream>>, BoxError>;

type Connections = legacy::Client<Connect, SdkBody>;

/// A pool of connections, and when it was last used.
struct Pool {
    connections: Connections,
    last_used: SystemTime,
}

impl Connector {
    /// A connector that trusts these certificate authorities and uses this proxy.
    pub(super) fn trusting(
        authorities: &mut dyn Iterator<Item = CertificateDer<'static>>,
        proxy: Arc<Proxy>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities);
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Connector::new(connect(tls.into(), proxy))
    }

    fn new(connect: Connect) -> Self {
        let pool = Pool { connections: pool(connect.clone()), last_used: SystemTime::UNIX_EPOCH };
        Connector { connect, pool: Arc::new(Mutex::new(pool)) }
    }

    /// The same connector with a pool of its own.
    pub(super) fn apart(&self) -> Self {
        Connector::new(self.connect.clone())
    }

    /// The connections to use at this time.
    fn connections(&self, now: SystemTime) -> Connections {
        let mut pool = lock(&self.pool);
        let is_trusted = now.duration_since(pool.last_used).is_ok_and(|idle| idle < TRUSTED_IDLE);
        if !is_trusted {
            pool.connections = self::pool(self.connect.clone());
        }
        pool.last_used = now;
        pool.connections.clone()
    }
}

/// A request that is under way. If it is given up, its connection may be dead, and the others with
/// it, so the next request has new ones.
struct UnderWay(Option<Arc<Mutex<Pool>>>);

impl UnderWay {
    fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(pool) = &self.0 {
            lock(pool).last_used = SystemTime::UNIX_EPOCH;
        }
    }
}

fn pool(connect: Connect) -> Connections {
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE)
        .build(connect)
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connections = self.connections(SystemTime::now());
        let under_way = UnderWay(Some(self.pool.clone()));
        HttpConnectorFuture::new(async move {
            let mut request =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let connection = capture_connection(&mut request);
            if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
                capture.set_connection_retriever(move || metadata(&connection));
            }
            let response = connections.request(request).await;
            under_way.end();
            let response = response.map_err(connector_error)?;
            let length = response.headers().get(CONTENT_LENGTH);
            let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
            if let Some(length) = length.filter(|length| *length > MAX_RESPONSE) {
                let text = format!("the response has {length} bytes, more than {MAX_RESPONSE}");
                return Err(ConnectorError::other(text.into(), None));
            }
            let limited = |body| SdkBody::from_body_1_x(Limited::new(body, MAX_RESPONSE));
            HttpResponse::try_from(response.map(limited))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// TCP, perhaps through the proxy, and TLS, within [`CONNECT_TIMEOUT`]. hyper-util's own timeout
/// covers only TCP.
fn connect(tls: Arc<ClientConfig>, proxy: Arc<Proxy>) -> Connect {
    let mut tcp = TcpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    BoxCloneSyncService::new(service_fn(move |destination: Uri| {
        let (tcp, tls, proxy) = (tcp.clone(), tls.clone(), proxy.clone());
        let connection = async move {
            let mut stream = Some(proxy.connect(tcp, destination.clone()).await?);
            // hyper-rustls asks for the connection on which it speaks TLS, once.
            let stream = service_fn(move |_| {
                ready(stream.take().ok_or_else(|| io::Error::other("TLS asks twice")))
            });
            HttpsConnector::from((stream, tls)).oneshot(destination).await
        };
        async {
            timeout(CONNECT_TIMEOUT, connection).await.unwrap_or_else(|_| {
                let text = format!("no connection within {} seconds", CONNECT_TIMEOUT.as_secs());
                Err(text.into())
            })
        }
    }))
}

/// Lets the SDK close the connection to a server that failed.
fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    let is_proxied = connection.connection_metadata().as_ref()?.is_proxied();
    let connection = connection.clone();
    let poison = move || {
        if let Some(connection) = connection.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    Some(ConnectionMetadata::builder().proxied(is_proxied).poison_fn(poison).build())
}

/// Classifies a connection error for the SDK's retries. Every error may be temporary, but for some
/// of a proxy, and the mirror only reads, so every call can be retried.
fn connector_error(error: legacy::Error) -> ConnectorError {
    use ProxyError::{Failed, Invalid};

    if let Some(Invalid | Failed { is_temporary: false, .. }) = ProxyError::find(&error) {
        return ConnectorError::other(error.into(), None);
    }
    match error.is_connect() {
        true => ConnectorError::io(error.into()),
        false => ConnectorError::other(error.into(), Some(ErrorKind::TransientError)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AwsConfig;

    /// The clock decides, because no timer runs while the process is frozen.
    #[tokio::test]
    async fn connections_are_not_used_after_a_freeze() {
        use std::io::{Read, Write};

        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", server.local_addr().unwrap());
        let accepted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = accepted.clone();
        std::thread::spawn(move || {
            for stream in server.incoming() {
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut buffer = [0; 1_024];
                    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                        stream.write_all(answer).unwrap();
                    }
                });
            }
        });
        let proxy = Arc::new(Proxy::new(&AwsConfig::default()));
        let connector = Connector::trusting(&mut std::iter::empty(), proxy);
        let start = SystemTime::now();
        for (seconds, connections) in [(0, 1), (19, 1), (38, 1), (58, 2), (1, 3), (2, 3)] {
            let now = start + Duration::from_secs(seconds);
            let request = lambda_http::http::Request::get(&url).body(SdkBody::empty()).unwrap();
            connector.connections(now).request(request).await.unwrap();
            let found = accepted.load(std::sync::atomic::Ordering::SeqCst);
            assert_eq!(found, connections, "after {seconds} seconds");
        }
    }
}
