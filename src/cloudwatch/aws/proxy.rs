//! The proxy on the way to AWS, which opens a tunnel with CONNECT: it sees the host name and nothing
//! else. No endpoint of AWS is plain HTTP, so only HTTPS has a proxy.

use std::error::Error;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use lambda_http::http::Uri;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::{BoxError, ServiceExt};

use crate::config::AwsConfig;
use crate::secret::Secret;

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
        "the function's variable HTTPS_PROXY is not the URL of an HTTP proxy, such as \
         http://proxy.example.com:3128"
    )]
    Invalid,
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

    fn failed(proxy: &Uri, error: &dyn Error) -> Self {
        let mut root = error;
        while let Some(source) = root.source() {
            root = source;
        }
        ProxyError::Failed {
            proxy: match (proxy.host().unwrap_or_default(), proxy.port()) {
                (host, Some(port)) => format!("{host}:{port}"),
                (host, None) => host.to_owned(),
            },
            is_temporary: error.to_string() != UNAUTHORIZED,
            reason: root.to_string(),
        }
    }
}

/// Which destinations are reached through the proxy, by the rules of curl.
pub(super) struct Proxy {
    matcher: Matcher,
    /// Whether the variable has a value that is not the URL of an HTTP proxy.
    is_invalid: bool,
}

impl Proxy {
    /// The proxy that the environment names, if it names one.
    pub(super) fn new(config: &AwsConfig) -> Self {
        let url = config.proxy.as_ref().map_or("", Secret::expose);
        let is_invalid = !url.is_empty() && !is_http_proxy(url);
        let url = if is_invalid { "" } else { url }.to_owned();
        let matcher = Matcher::builder().https(url).no(config.proxy_exceptions.clone()).build();
        Proxy { matcher, is_invalid }
    }

    /// Connects to a destination, through the proxy if it is for the destination.
    ///
    /// # Errors
    /// There is no connection, or none through the proxy within [`TIMEOUT`].
    pub(super) async fn connect(
        &self,
        tcp: HttpConnector,
        destination: Uri,
    ) -> Result<TokioIo<TcpStream>, BoxError> {
        let Some(proxy) = self.find(&destination)? else {
            return Ok(tcp.oneshot(destination).await?);
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), tcp);
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let connection = match timeout(TIMEOUT, tunnel.oneshot(destination)).await {
            Ok(connection) => connection.map_err(BoxError::from),
            Err(_) => {
                Err(format!("no connection within {} milliseconds", TIMEOUT.as_millis()).into())
            }
        };
        connection.map_err(|error| ProxyError::failed(proxy.uri(), error.as_ref()).into())
    }

    /// The proxy for a destination, if it is for it.
    fn find(&self, destination: &Uri) -> Result<Option<Intercept>, ProxyError> {
        if self.is_invalid && destination.scheme_str() == Some("https") {
            return Err(ProxyError::Invalid);
        }
        Ok(self.matcher.intercept(destination))
    }
}

fn is_http_proxy(url: &str) -> bool {
    let any = Uri::from_static("http://aws.amazon.com");
    let proxy = Matcher::builder().all(url.to_owned()).build().intercept(&any);
    proxy.is_some_and(|proxy| proxy.uri().scheme_str() == Some("http"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_has_a_proxy() {
        const AWS: &str = "https://monitoring.eu-west-1.amazonaws.com/";
        const VPC: &str = "http://endpoint.internal:8080/";
        let some = |url: &'static str| Ok(Some(url));
        for (proxy, exceptions, destination, expected) in [
            ("", "", AWS, Ok(None)),
            ("http://p:1", "", AWS, some("http://p:1/")),
            ("p:1", "", AWS, some("http://p:1/")),
            ("http://user:pass@p:1", "", AWS, some("http://p:1/")),
            ("http://p:1", "", VPC, Ok(None)),
            ("http://p:1", "amazonaws.com", AWS, Ok(None)),
            ("http://p:1", ".amazonaws.com", AWS, Ok(None)),
            ("http://p:1", "example.com, other", AWS, some("http://p:1/")),
            ("http://p:1", "*", AWS, Ok(None)),
            ("https://p:1", "", AWS, Err(())),
            ("socks5://p:1", "", AWS, Err(())),
            ("http://", "", AWS, Err(())),
            ("ftp://hush", "", AWS, Err(())),
            ("ftp://hush", "", VPC, Ok(None)),
        ] {
            let config = AwsConfig {
                proxy: Some(Secret::new(proxy)).filter(|_| !proxy.is_empty()),
                proxy_exceptions: exceptions.to_owned(),
                ..AwsConfig::default()
            };
            let destination: Uri = destination.parse().unwrap();
            let found = Proxy::new(&config).find(&destination);
            match (found, expected) {
                (Ok(found), Ok(expected)) => {
                    let found = found.map(|proxy| proxy.uri().to_string());
                    assert_eq!(found.as_deref(), expected, "{config:?} {destination}");
                }
                (Err(error), Err(())) => {
                    let text = error.to_string();
                    assert!(text.contains("variable HTTPS_PROXY is not"), "{text}");
                    assert!(!text.contains("hush"), "{text}");
                }
                (found, _) => panic!("{config:?} {destination}: {found:?}"),
            }
        }
    }
}
