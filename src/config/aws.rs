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
    /// `AWS_USE_FIPS_ENDPOINT`: whether to use the regions' FIPS endpoints, `true` or `false`. An endpoint
    /// of one's own is used as it is.
    pub use_fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`: the same for endpoints with IPv6.
    pub use_dual_stack: bool,
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
        let is_true =
            |name: &str| look_up(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        AwsConfig {
            use_fips: is_true("AWS_USE_FIPS_ENDPOINT"),
            use_dual_stack: is_true("AWS_USE_DUALSTACK_ENDPOINT"),
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
    /// Whether the proxy's URL has a user or a password that is not percent-encoded ("userinfo", RFC 3986).
    /// A part of it could be taken for the host.
    pub(super) fn has_ambiguous_proxy(&self) -> bool {
        let url = self.proxy.as_ref().map_or("", Secret::expose);
        let url = url.split_once("://").map_or(url, |(_, rest)| rest);
        let Some((user, _)) = url.rsplit_once('@') else { return false };
        let is_escape = |rest: &str| {
            let digits = rest.bytes().take(2).filter(u8::is_ascii_hexdigit);
            digits.count() == 2
        };
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%".contains(&byte);
        !user.bytes().all(is_allowed) || !user.split('%').skip(1).all(is_escape)
    }

    /// The variables that choose another endpoint than a region's usual one; `""` if none does.
    pub fn variant(&self) -> &'static str {
        match (self.use_fips, self.use_dual_stack) {
            (false, false) => "",
            (true, false) => "AWS_USE_FIPS_ENDPOINT",
            (false, true) => "AWS_USE_DUALSTACK_ENDPOINT",
            (true, true) => "AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT",
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
    fn the_password_of_a_proxy_is_percent_encoded() {
        for (url, is_valid) in [
            ("http://proxy.example.com:3128", true),
            ("proxy.example.com:3128", true),
            ("http://svc:P%40ss%2Fw0rd@proxy.example.com:3128", true),
            ("http://svc:P!$&'()*+,;=~-._@proxy.example.com", true),
            ("http://svc:P@ssw0rd@127.0.0.1:1", false),
            ("svc:P@ssw0rd@127.0.0.1:1", false),
            ("http://svc:P/ssw0rd@127.0.0.1:1", false),
            ("http://svc:P#ssw0rd@127.0.0.1:1", false),
            ("http://svc:P?ssw0rd@127.0.0.1:1", false),
            ("http://svc:P\\ssw0rd@127.0.0.1:1", false),
            ("http://svc:P ssw0rd@127.0.0.1:1", false),
            ("http://svc:P^ssw0rd@127.0.0.1:1", false),
            ("http://svc:P[ssw0rd@127.0.0.1:1", false),
            ("http://svc:Pässw0rd@127.0.0.1:1", false),
            ("http://svc:100%@127.0.0.1:1", false),
            ("http://svc:100%2@127.0.0.1:1", false),
            ("http://svc:100%zz@127.0.0.1:1", false),
            ("socks5://svc:P@ssw0rd@127.0.0.1:1", false),
        ] {
            assert_eq!(!read(&[("HTTPS_PROXY", url)]).has_ambiguous_proxy(), is_valid, "{url}");
        }
    }

    #[test]
    fn endpoints_of_another_kind_are_standard_variables() {
        for (fips, dual_stack, variant) in [
            ("", "", ""),
            ("false", "False", ""),
            ("true", "", "AWS_USE_FIPS_ENDPOINT"),
            ("", "True", "AWS_USE_DUALSTACK_ENDPOINT"),
            ("TRUE", "true", "AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT"),
        ] {
            let aws = read(&[
                ("AWS_USE_FIPS_ENDPOINT", fips),
                ("AWS_USE_DUALSTACK_ENDPOINT", dual_stack),
            ]);
            assert_eq!(aws.variant(), variant, "{fips} {dual_stack}");
        }
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
