//! The configuration, read once from the environment.

use std::ffi::OsString;
use std::net::IpAddr;

use ipnet::IpNet;

pub use self::aws::AwsConfig;
use crate::secret::Secret;

mod aws;

/// The key of StackState's tutorial. A mirror without `MIRROR_API_KEY` uses it.
pub const TUTORIAL_KEY: &str = "api_key";

/// What the owner of a closed mirror must do.
pub const CLOSED: &str = "this mirror answers nobody, because it requires an access token and has none; \
                          set MIRROR_ACCESS_TOKEN (AccessToken in the SAM template), or \
                          MIRROR_ALLOWED_CIDRS without MIRROR_ACCESS, or MIRROR_ACCESS to open, which \
                          lets everybody call";

/// The minimum length of an access token, in characters. The function URL is public, so a
/// shorter token could be guessed.
const MIN_TOKEN_LENGTH: usize = 16;

/// The configuration of the function.
#[derive(Debug)]
pub struct Config {
    /// `MIRROR_API_KEY`: the key that every answer carries, so that StackState accepts it. One
    /// or more visible ASCII characters.
    pub api_key: Secret,
    /// `MIRROR_ACCESS_TOKEN`: the tokens that callers may use, separated by commas. Several
    /// tokens allow a rotation without downtime. Without any, every caller is admitted, unless the
    /// mirror is closed.
    pub access_tokens: Vec<Secret>,
    /// Whether nobody is admitted: `MIRROR_ACCESS` is `restricted` and there is no token, or the
    /// function is deployed and neither that variable, nor a token, nor a network says who may call. A
    /// token that got lost must not open the mirror.
    pub is_closed: bool,
    /// `MIRROR_ALLOWED_CIDRS`: the networks whose addresses may call, separated by commas. Without
    /// any, every address may.
    pub allowed_networks: Vec<IpNet>,
    /// `MIRROR_EXPLORER`: whether the mirror has the page at `/explore`; `1` or `0`, the default.
    pub explorer: bool,
    /// How the function reaches AWS.
    pub aws: AwsConfig,
    /// Whether this process runs in Lambda.
    pub deployed: bool,
    /// `AWS_LAMBDA_MAX_CONCURRENCY`: how many requests the function serves at once, 1 or more.
    /// Lambda sets it on managed instances ("Lambda Managed Instances", Lambda developer guide).
    pub concurrency: usize,
}

/// Why the function does not start.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The key does not fit an HTTP header.
    #[error(
        "MIRROR_API_KEY must be one or more visible ASCII characters, without spaces or line \
         breaks; StackState compares it with its Api Key"
    )]
    ApiKey,
    /// The value of a variable is not text, so it cannot be read.
    #[error("{0} is not UTF-8; expected text")]
    NotText(&'static str),
    /// Who may call is said in another word.
    #[error("MIRROR_ACCESS must be open or restricted; found {0:?}")]
    Access(String),
    /// The mirror is open and restricted.
    #[error(
        "MIRROR_ACCESS is open, and MIRROR_ACCESS_TOKEN is set, which requires a token; remove one of them"
    )]
    OpenWithToken,
    /// A variable that AWS's tools read is neither on nor off.
    #[error("{0} must be true or false; found {1:?}")]
    Endpoint(&'static str, String),
    /// The URL of the proxy has a user or a password that is not percent-encoded.
    #[error(
        "HTTPS_PROXY must be the URL of an HTTP proxy, such as \
         http://user:password@proxy.example.com:3128, with the special characters of the user and the \
         password percent-encoded: @ is %40, : is %3A, / is %2F, # is %23, ? is %3F and % is %25"
    )]
    Proxy,
    /// The switch of the page is neither on nor off.
    #[error("MIRROR_EXPLORER must be 1 or 0; found {0:?}")]
    Explorer(String),
    /// A network is not one.
    #[error(
        "MIRROR_ALLOWED_CIDRS must be networks or addresses separated by commas, such as \
         203.0.113.0/24,2001:db8::/32; found {0:?}"
    )]
    Network(String),
    /// A token is too short, or has other characters.
    #[error(
        "MIRROR_ACCESS_TOKEN must be one or more tokens of at least {MIN_TOKEN_LENGTH} visible \
         ASCII characters, separated by commas"
    )]
    AccessToken,
}

impl Config {
    /// Reads the environment through `look_up`.
    ///
    /// # Errors
    /// The value of a variable is not valid. The error shows no secret.
    pub fn read(look_up: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        // A variable of the mirror's that cannot be read must not count as absent: a mirror
        // without its access token would let everybody in.
        let own = |name: &'static str| {
            let value = look_up(name).map(OsString::into_string).transpose();
            value.map_err(|_| ConfigError::NotText(name))
        };
        let look_up = |name: &str| look_up(name)?.into_string().ok();
        let api_key = own("MIRROR_API_KEY")?.unwrap_or_else(|| TUTORIAL_KEY.to_owned());
        if api_key.is_empty() || !api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::ApiKey);
        }
        let access_tokens = match own("MIRROR_ACCESS_TOKEN")? {
            Some(tokens) if !tokens.is_empty() => access_tokens(&tokens)?,
            _ => Vec::new(),
        };
        let allowed_networks = networks(&own("MIRROR_ALLOWED_CIDRS")?.unwrap_or_default())?;
        let deployed = look_up("AWS_LAMBDA_INITIALIZATION_TYPE").is_some();
        let needs_token = match own("MIRROR_ACCESS")?.unwrap_or_default() {
            access if access.eq_ignore_ascii_case("open") && !access_tokens.is_empty() => {
                return Err(ConfigError::OpenWithToken);
            }
            access if access.eq_ignore_ascii_case("open") => false,
            access if access.eq_ignore_ascii_case("restricted") => true,
            access if access.is_empty() => deployed && allowed_networks.is_empty(),
            access => return Err(ConfigError::Access(access)),
        };
        for name in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"] {
            let value = own(name)?.unwrap_or_default();
            if !["", "true", "false"].contains(&value.to_ascii_lowercase().as_str()) {
                return Err(ConfigError::Endpoint(name, value));
            }
        }
        let concurrency = concurrency(look_up("AWS_LAMBDA_MAX_CONCURRENCY").as_deref());
        let aws = AwsConfig::read(look_up);
        if aws.has_ambiguous_proxy() {
            return Err(ConfigError::Proxy);
        }
        Ok(Config {
            api_key: Secret::new(api_key),
            is_closed: needs_token && access_tokens.is_empty(),
            access_tokens,
            allowed_networks,
            explorer: switch(own("MIRROR_EXPLORER")?.unwrap_or_default())?,
            aws,
            deployed,
            concurrency,
        })
    }

    /// A warning for the owner of the function, if there is one.
    pub fn warning(&self) -> Option<&'static str> {
        (self.deployed && self.api_key.expose() == TUTORIAL_KEY).then_some(
            "MIRROR_API_KEY is the key of StackState's tutorial, api_key, which is public; set it \
             to a key of your own, here and as the Api Key in StackState",
        )
    }
}

fn access_tokens(tokens: &str) -> Result<Vec<Secret>, ConfigError> {
    tokens
        .split(',')
        .map(|token| {
            let valid = token.len() >= MIN_TOKEN_LENGTH
                && token.bytes().all(|byte| byte.is_ascii_graphic());
            valid.then(|| Secret::new(token)).ok_or(ConfigError::AccessToken)
        })
        .collect()
}

/// The number of requests to serve at once. The runtime crate reads the variable in the same way.
fn concurrency(text: Option<&str>) -> usize {
    let number = text.and_then(|text| text.parse::<u32>().ok()).unwrap_or(1).max(1);
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn switch(text: String) -> Result<bool, ConfigError> {
    match text.as_str() {
        "1" => Ok(true),
        "0" | "" => Ok(false),
        _ => Err(ConfigError::Explorer(text)),
    }
}

fn networks(text: &str) -> Result<Vec<IpNet>, ConfigError> {
    // White space alone is no network. It must not count as none, which allows every address.
    let names = text.split(',').map(str::trim).filter(|_| !text.is_empty());
    names
        .map(|name| {
            let network = name.parse::<IpNet>().ok();
            let network = network.or_else(|| name.parse::<IpAddr>().ok().map(IpNet::from));
            network.and_then(canonical).ok_or_else(|| ConfigError::Network(name.to_owned()))
        })
        .collect()
}

/// A network as callers' addresses are compared with it: IPv4 addresses in IPv6 form are IPv4.
fn canonical(network: IpNet) -> Option<IpNet> {
    match network.addr().to_canonical() {
        IpAddr::V4(address) if network.addr().is_ipv6() => {
            IpNet::new(address.into(), network.prefix_len().checked_sub(96)?).ok()
        }
        _ => Some(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Config::read(|name| value(name).map(|(_, value)| OsString::from(value)))
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_no_text_stops_the_start() {
        use std::os::unix::ffi::OsStringExt;

        for variable in [
            "MIRROR_API_KEY",
            "MIRROR_ACCESS",
            "MIRROR_ACCESS_TOKEN",
            "MIRROR_ALLOWED_CIDRS",
            "MIRROR_EXPLORER",
        ] {
            let read =
                Config::read(|name| (name == variable).then(|| OsString::from_vec(vec![0xFF])));
            let text = read.unwrap_err().to_string();
            assert_eq!(text, format!("{variable} is not UTF-8; expected text"));
        }
    }

    #[test]
    fn the_page_is_off_by_default() {
        for (variables, explorer) in [
            (&[][..], Ok(false)),
            (&[("MIRROR_EXPLORER", "")], Ok(false)),
            (&[("MIRROR_EXPLORER", "0")], Ok(false)),
            (&[("MIRROR_EXPLORER", "1")], Ok(true)),
            (&[("MIRROR_EXPLORER", "on")], Err(ConfigError::Explorer("on".to_owned()))),
        ] {
            assert_eq!(read(variables).map(|config| config.explorer), explorer, "{variables:?}");
        }
    }

    #[test]
    fn one_request_is_served_at_once_unless_lambda_says_more() {
        for (variables, concurrency) in [
            (&[][..], 1),
            (&[("AWS_LAMBDA_MAX_CONCURRENCY", "")], 1),
            (&[("AWS_LAMBDA_MAX_CONCURRENCY", "0")], 1),
            (&[("AWS_LAMBDA_MAX_CONCURRENCY", "1")], 1),
            (&[("AWS_LAMBDA_MAX_CONCURRENCY", "64")], 64),
            (&[("AWS_LAMBDA_MAX_CONCURRENCY", "many")], 1),
        ] {
            let found = read(variables).map(|config| config.concurrency);
            assert_eq!(found, Ok(concurrency), "{variables:?}");
        }
    }

    #[test]
    fn networks_are_read() {
        for (variable, networks) in [
            ("", Ok(&[][..])),
            (" ", Err("")),
            ("203.0.113.0/24", Ok(&["203.0.113.0/24"])),
            ("203.0.113.7, 2001:db8::/32", Ok(&["203.0.113.7/32", "2001:db8::/32"])),
            ("::ffff:203.0.113.0/120", Ok(&["203.0.113.0/24"])),
            ("::ffff:203.0.113.7", Ok(&["203.0.113.7/32"])),
            ("::ffff:203.0.113.0/95", Err("::ffff:203.0.113.0/95")),
            ("0.0.0.0/0,::/0", Ok(&["0.0.0.0/0", "::/0"])),
            ("203.0.113.0/33", Err("203.0.113.0/33")),
            ("203.0.113.0/24,", Err("")),
            ("example.com", Err("example.com")),
        ] {
            let found = read(&[("MIRROR_ALLOWED_CIDRS", variable)]);
            let found = found.map(|config| {
                config.allowed_networks.iter().map(ToString::to_string).collect::<Vec<_>>()
            });
            let expected = networks
                .map(|networks| networks.iter().map(ToString::to_string).collect())
                .map_err(|name| ConfigError::Network(name.to_owned()));
            assert_eq!(found, expected, "{variable}");
        }
    }

    #[test]
    fn the_key_fits_a_header() {
        for (variables, key) in [
            (&[][..], Ok("api_key")),
            (&[("MIRROR_API_KEY", "s3cret-key")], Ok("s3cret-key")),
            (&[("MIRROR_API_KEY", "")], Err(ConfigError::ApiKey)),
            (&[("MIRROR_API_KEY", "two words")], Err(ConfigError::ApiKey)),
            (&[("MIRROR_API_KEY", "line\nbreak")], Err(ConfigError::ApiKey)),
            (&[("MIRROR_API_KEY", "schlüssel")], Err(ConfigError::ApiKey)),
        ] {
            assert_eq!(read(variables).map(|config| config.api_key), key.map(Secret::new));
        }
    }

    #[test]
    fn a_deployed_mirror_with_the_tutorials_key_is_warned_of() {
        let deployed = ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
        for (variables, is_warned) in [
            (&[][..], false),
            (&[deployed][..], true),
            (&[deployed, ("MIRROR_API_KEY", "api_key")], true),
            (&[deployed, ("MIRROR_API_KEY", "another")], false),
            (&[("MIRROR_API_KEY", "another")], false),
        ] {
            let warning = read(variables).unwrap().warning();
            assert_eq!(warning.is_some(), is_warned, "{variables:?}");
            assert!(warning.is_none_or(|text| text.starts_with("MIRROR_API_KEY is")));
        }
    }

    #[test]
    fn short_tokens_are_refused() {
        let (one, two) = ("0123456789abcdef", "fedcba9876543210");
        for (variable, tokens) in [
            (None, Ok(vec![])),
            (Some(String::new()), Ok(vec![])),
            (Some(one.to_owned()), Ok(vec![one])),
            (Some(format!("{one},{two}")), Ok(vec![one, two])),
            (Some("0123456789abcde".to_owned()), Err(ConfigError::AccessToken)),
            (Some(format!("{one},")), Err(ConfigError::AccessToken)),
            (Some(format!("{one}, {two}")), Err(ConfigError::AccessToken)),
        ] {
            let read = Config::read(|name| {
                variable.clone().filter(|_| name == "MIRROR_ACCESS_TOKEN").map(OsString::from)
            });
            let tokens = tokens.map(|tokens| tokens.into_iter().map(Secret::new).collect());
            assert_eq!(read.map(|config| config.access_tokens), tokens, "{variable:?}");
        }
    }

    #[test]
    fn what_says_nothing_about_access_opens_nothing() {
        let deployed = ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
        let token = ("MIRROR_ACCESS_TOKEN", "0123456789abcdef");
        let no_token = ("MIRROR_ACCESS_TOKEN", "");
        let networks = ("MIRROR_ALLOWED_CIDRS", "203.0.113.0/24");
        let access = |value| ("MIRROR_ACCESS", value);
        for (variables, is_closed) in [
            (&[][..], Ok(false)),
            (&[no_token], Ok(false)),
            (&[access("restricted")], Ok(true)),
            (&[access("Restricted"), token], Ok(false)),
            (&[deployed], Ok(true)),
            (&[deployed, no_token], Ok(true)),
            (&[deployed, token], Ok(false)),
            (&[deployed, networks], Ok(false)),
            (&[deployed, networks, no_token, access("restricted")], Ok(true)),
            (&[deployed, networks, no_token, access("Open")], Ok(false)),
            (&[deployed, access("open")], Ok(false)),
            (&[deployed, access("")], Ok(true)),
            (&[access("open"), token], Err(ConfigError::OpenWithToken)),
            (
                &[("AWS_USE_FIPS_ENDPOINT", "1")],
                Err(ConfigError::Endpoint("AWS_USE_FIPS_ENDPOINT", "1".to_owned())),
            ),
            (&[access(" ")], Err(ConfigError::Access(" ".to_owned()))),
            (&[access("opne")], Err(ConfigError::Access("opne".to_owned()))),
            (&[("MIRROR_ACCESS_TOKEN", " ")], Err(ConfigError::AccessToken)),
        ] {
            assert_eq!(read(variables).map(|config| config.is_closed), is_closed, "{variables:?}");
        }
    }

    #[test]
    fn debug_output_has_no_secret() {
        let config = read(&[
            ("MIRROR_API_KEY", "s3cret-key"),
            ("MIRROR_ACCESS_TOKEN", "s3cret-0123456789"),
            ("AWS_ACCESS_KEY_ID", "s3cret-id"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
            ("HTTPS_PROXY", "http://user:s3cret@proxy:1"),
        ])
        .unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
