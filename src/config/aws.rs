//! How the function reaches AWS, by the variables that AWS's tools and curl read.

use crate::region::Region;
use crate::secret::{Keys, Secret};

/// How the function reaches AWS.
#[derive(Debug, Clone, Default)]
pub struct AwsConfig {
    /// `AWS_REGION`: the default region.
    pub region: Option<Region>,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`: the credentials of
    /// the function's own role.
    pub keys: Option<Keys>,
    /// `AWS_ENDPOINT_URL_CLOUDWATCH`, else `AWS_ENDPOINT_URL`. `None` for the region's endpoint.
    pub cloudwatch_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`. `None` for the region's endpoint.
    pub sts_endpoint: Option<String>,
    /// Whether `SSL_CERT_FILE` or `SSL_CERT_DIR` name the certificate authorities to trust.
    pub custom_trust_store: bool,
    /// `HTTPS_PROXY`: the URL of the proxy to AWS. It can contain a user and a password. This name
    /// and the next are those that curl reads, in upper or lower case.
    pub proxy: Option<Secret>,
    /// `NO_PROXY`: the domains and addresses that are reached directly, separated by commas.
    pub proxy_exceptions: String,
}

impl AwsConfig {
    pub(super) fn read(look_up: impl Fn(&str) -> Option<String>) -> Self {
        let look_up = |name: &str| look_up(name).filter(|value| !value.is_empty());
        let variable = |name: &str| look_up(name).or_else(|| look_up(&name.to_ascii_lowercase()));
        let endpoint = |name| look_up(name).or_else(|| look_up("AWS_ENDPOINT_URL"));
        let keys = || {
            Some(Keys {
                access_key_id: Secret::new(look_up("AWS_ACCESS_KEY_ID")?),
                secret_access_key: Secret::new(look_up("AWS_SECRET_ACCESS_KEY")?),
                session_token: look_up("AWS_SESSION_TOKEN").map(Secret::new),
            })
        };
        AwsConfig {
            region: look_up("AWS_REGION").as_deref().and_then(Region::new),
            keys: keys(),
            cloudwatch_endpoint: endpoint("AWS_ENDPOINT_URL_CLOUDWATCH"),
            sts_endpoint: endpoint("AWS_ENDPOINT_URL_STS"),
            custom_trust_store: ["SSL_CERT_FILE", "SSL_CERT_DIR"]
                .into_iter()
                .any(|name| look_up(name).is_some()),
            proxy: variable("HTTPS_PROXY").map(Secret::new),
            proxy_exceptions: variable("NO_PROXY").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> AwsConfig {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
        AwsConfig::read(|name| value(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn endpoints_are_the_standard_variables() {
        for (variables, cloudwatch, sts) in [
            (&[][..], None, None),
            (&[("AWS_ENDPOINT_URL", "a")], Some("a"), Some("a")),
            (&[("AWS_ENDPOINT_URL", "a"), ("AWS_ENDPOINT_URL_STS", "b")], Some("a"), Some("b")),
            (&[("AWS_ENDPOINT_URL_CLOUDWATCH", "c")], Some("c"), None),
        ] {
            let aws = read(variables);
            assert_eq!(aws.cloudwatch_endpoint.as_deref(), cloudwatch, "{variables:?}");
            assert_eq!(aws.sts_endpoint.as_deref(), sts, "{variables:?}");
        }
    }

    #[test]
    fn the_proxy_is_a_standard_variable() {
        for (variables, proxy, exceptions) in [
            (&[][..], None, ""),
            (&[("HTTPS_PROXY", "a"), ("https_proxy", "b")], Some("a"), ""),
            (&[("https_proxy", "b"), ("no_proxy", "c,d")], Some("b"), "c,d"),
            (&[("HTTPS_PROXY", ""), ("HTTP_PROXY", "e"), ("NO_PROXY", "f")], None, "f"),
        ] {
            let aws = read(variables);
            assert_eq!(aws.proxy.as_ref().map(Secret::expose), proxy, "{variables:?}");
            assert_eq!(aws.proxy_exceptions, exceptions, "{variables:?}");
        }
    }

    #[test]
    fn a_custom_trust_store_is_named_by_a_variable() {
        for (variables, is_custom) in [
            (&[][..], false),
            (&[("SSL_CERT_FILE", "")], false),
            (&[("SSL_CERT_FILE", "/var/task/proxy.pem")], true),
            (&[("SSL_CERT_DIR", "/var/task/certificates")], true),
        ] {
            assert_eq!(read(variables).custom_trust_store, is_custom, "{variables:?}");
        }
    }
}
