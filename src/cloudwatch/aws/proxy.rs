//! The proxies on the way to AWS.
//!
//! HTTPS goes through a tunnel that the proxy opens with CONNECT, so the proxy sees the host name
//! and nothing else. Plain HTTP, which only a configured endpoint can have, is sent to the proxy
//! as it is.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{FutureExt, TryFutureExt};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use lambda_http::http::{HeaderValue, Uri};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use crate::config::ProxyConfig;
use crate::secret::Secret;

type BoxError = Box<dyn Error + Send + Sync>;

/// The timeout of a connection to a proxy, including the tunnel. It is shorter than that of the
/// whole connection, so that the error names the proxy.
const TIMEOUT: Duration = Duration::from_millis(2_500);

/// What hyper-util's tunnel says if the proxy requires a user and a password, or others. The type
/// of its error is not public.
const UNAUTHORIZED: &str = "tunnel error: proxy authorization required";

/// Why a proxy cannot be used. No text contains a user or a password.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    /// The variable is not the URL of an HTTP proxy.
    #[error(
        "the function's variable {0} is not the URL of an HTTP proxy, such as \
         http://proxy.example.com:3128"
    )]
    Invalid(&'static str),
    /// The proxy cannot be reached, or does not connect to the destination.
    #[error("{reason}")]
    Failed {
        /// The host and port of the proxy.
        proxy: String,
        /// What happened.
        reason: String,
        /// Whether another attempt could succeed.
        is_temporary: bool,
    },
}

impl ProxyError {
    /// The error of a proxy in a chain of errors.
    pub(super) fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        error.downcast_ref().or_else(|| ProxyError::find(error.source()?))
    }

    /// Whether another attempt could succeed.
    pub(super) fn is_temporary(&self) -> bool {
        match self {
            ProxyError::Invalid(_) => false,
            ProxyError::Failed { is_temporary, .. } => *is_temporary,
        }
    }

    fn failed(proxy: &Uri, error: &dyn Error) -> Self {
        let mut root = error;
        while let Some(source) = root.source() {
            root = source;
        }
        ProxyError::Failed {
            proxy: proxy.authority().map(ToString::to_string).unwrap_or_default(),
            is_temporary: error.to_string() != UNAUTHORIZED,
            reason: root.to_string(),
        }
    }
}

/// Which destinations are reached through which proxy, by the rules of curl.
pub(super) struct Proxies {
    matcher: Matcher,
    /// Whether the variable of each scheme has a value that is not the URL of an HTTP proxy.
    is_https_invalid: bool,
    is_http_invalid: bool,
}

impl Proxies {
    /// The proxies that the environment names.
    pub(super) fn new(config: &ProxyConfig) -> Self {
        let ProxyConfig { https, http, exceptions } = config;
        let url = |proxy: &Option<Secret>| {
            let value = proxy.as_ref().map_or("", Secret::expose).to_owned();
            let is_invalid = !value.is_empty() && !is_http_proxy(&value);
            (if is_invalid { String::new() } else { value }, is_invalid)
        };
        let ((https, is_https_invalid), (http, is_http_invalid)) = (url(https), url(http));
        let matcher = Matcher::builder().https(https).http(http).no(exceptions.clone()).build();
        Proxies { matcher, is_https_invalid, is_http_invalid }
    }

    /// The proxy for a destination, if there is one.
    ///
    /// # Errors
    /// The variable has a value that is not the URL of an HTTP proxy.
    fn find(&self, destination: &Uri) -> Result<Option<Intercept>, ProxyError> {
        let (variable, is_invalid) = match destination.scheme_str() {
            Some("https") => ("HTTPS_PROXY", self.is_https_invalid),
            _ => ("HTTP_PROXY", self.is_http_invalid),
        };
        if is_invalid {
            return Err(ProxyError::Invalid(variable));
        }
        Ok(self.matcher.intercept(destination))
    }

    /// The header `Proxy-Authorization` of a request for this destination. Only plain HTTP needs
    /// it: a tunnel is authorized when it is opened.
    pub(super) fn authorization(&self, destination: &Uri) -> Option<HeaderValue> {
        let is_plain = destination.scheme_str() == Some("http");
        let proxy = self.find(destination).ok().flatten().filter(|_| is_plain)?;
        proxy.basic_auth().cloned()
    }
}

fn is_http_proxy(url: &str) -> bool {
    let any = Uri::from_static("http://aws.amazon.com");
    let proxy = Matcher::builder().all(url.to_owned()).build().intercept(&any);
    proxy.is_some_and(|proxy| proxy.uri().scheme_str() == Some("http"))
}

/// Connects to a destination, or to its proxy.
#[derive(Clone)]
pub(super) struct ProxyConnector {
    tcp: HttpConnector,
    proxies: Arc<Proxies>,
}

impl ProxyConnector {
    pub(super) fn new(tcp: HttpConnector, proxies: Arc<Proxies>) -> Self {
        ProxyConnector { tcp, proxies }
    }
}

impl Service<Uri> for ProxyConnector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let proxy = match self.proxies.find(&destination) {
            Ok(Some(proxy)) => proxy,
            Ok(None) => {
                let connection = self.tcp.call(destination);
                return async { Ok(Stream { tcp: connection.await?, is_forwarded: false }) }
                    .boxed();
            }
            Err(error) => return std::future::ready(Err(error.into())).boxed(),
        };
        let uri = proxy.uri().clone();
        let is_forwarded = destination.scheme_str() != Some("https");
        let connection = if is_forwarded {
            self.tcp.call(uri.clone()).map_err(BoxError::from).boxed()
        } else {
            let tunnel = Tunnel::new(uri.clone(), self.tcp.clone());
            let mut tunnel = match proxy.basic_auth() {
                Some(authorization) => tunnel.with_auth(authorization.clone()),
                None => tunnel,
            };
            tunnel.call(destination).map_err(BoxError::from).boxed()
        };
        async move {
            let connection = timeout(TIMEOUT, connection).await.unwrap_or_else(|_| {
                let text = format!("no connection within {} milliseconds", TIMEOUT.as_millis());
                Err(text.into())
            });
            match connection {
                Ok(tcp) => Ok(Stream { tcp, is_forwarded }),
                Err(error) => Err(ProxyError::failed(&uri, error.as_ref()).into()),
            }
        }
        .boxed()
    }
}

/// A connection to a destination or to its proxy.
pub(super) struct Stream {
    tcp: TokioIo<TcpStream>,
    /// Whether a proxy reads the requests, which then name the destination in full.
    is_forwarded: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.tcp.connected().proxy(self.is_forwarded)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(context, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_have_the_proxy_of_their_scheme() {
        const AWS: &str = "https://monitoring.eu-west-1.amazonaws.com/";
        const VPC: &str = "http://endpoint.internal:8080/";
        let some = |url: &'static str| Ok(Some(url));
        for (https, http, exceptions, destination, expected) in [
            ("", "", "", AWS, Ok(None)),
            ("http://p:1", "", "", AWS, some("http://p:1/")),
            ("p:1", "", "", AWS, some("http://p:1/")),
            ("http://user:pass@p:1", "", "", AWS, some("http://p:1/")),
            ("http://p:1", "", "", VPC, Ok(None)),
            ("", "http://q:2", "", AWS, Ok(None)),
            ("", "http://q:2", "", VPC, some("http://q:2/")),
            ("http://p:1", "", "amazonaws.com", AWS, Ok(None)),
            ("http://p:1", "", ".amazonaws.com", AWS, Ok(None)),
            ("http://p:1", "", "example.com, other", AWS, some("http://p:1/")),
            ("http://p:1", "", "*", AWS, Ok(None)),
            ("https://p:1", "", "", AWS, Err("HTTPS_PROXY")),
            ("socks5://p:1", "", "", AWS, Err("HTTPS_PROXY")),
            ("http://", "", "", AWS, Err("HTTPS_PROXY")),
            ("", "ftp://hush", "", VPC, Err("HTTP_PROXY")),
            ("", "ftp://hush", "", AWS, Ok(None)),
        ] {
            let proxy = |url: &str| Some(Secret::new(url)).filter(|_| !url.is_empty());
            let (https, http) = (proxy(https), proxy(http));
            let config = ProxyConfig { https, http, exceptions: exceptions.to_owned() };
            let destination: Uri = destination.parse().unwrap();
            let found = Proxies::new(&config).find(&destination);
            match (found, expected) {
                (Ok(found), Ok(expected)) => {
                    let found = found.map(|proxy| proxy.uri().to_string());
                    assert_eq!(found.as_deref(), expected, "{config:?} {destination}");
                }
                (Err(error), Err(variable)) => {
                    let text = error.to_string();
                    assert!(text.contains(&format!("variable {variable} is not")), "{text}");
                    assert!(!text.contains("hush"), "{text}");
                }
                (found, _) => panic!("{config:?} {destination}: {found:?}"),
            }
        }
    }
}
