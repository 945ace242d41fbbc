//! The environment, read once.

use std::fmt;

use tracing::Level;

/// The tutorial's key, and so the key of a mirror that was given none.
pub const TUTORIAL_KEY: &str = "api_key";

/// How the function was set up.
pub struct Config {
    /// `MIRROR_API_KEY`: what every answer carries, so that StackState trusts it. Visible
    /// ASCII characters, at least one.
    pub api_key: String,
    /// Whether this runs in Lambda, not on a laptop.
    pub deployed: bool,
    /// What is logged, and how.
    pub log: LogConfig,
}

/// What is logged, and how ("Configuring advanced logging controls", Lambda developer guide).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG` where it is a level, else `INFO`.
    pub level: Level,
    /// `AWS_LAMBDA_LOG_FORMAT` is `JSON`.
    pub json: bool,
}

/// Why the function refuses to start.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An HTTP header could not carry the key.
    #[error(
        "MIRROR_API_KEY must be one or more visible ASCII characters, without spaces or line \
         breaks; it is the Api Key that StackState compares"
    )]
    ApiKey,
}

impl Config {
    /// Reads the environment through `look_up`.
    ///
    /// # Errors
    /// A variable's value is unusable; the error never shows it.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let api_key = look_up("MIRROR_API_KEY").unwrap_or_else(|| TUTORIAL_KEY.to_owned());
        if api_key.is_empty() || !api_key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::ApiKey);
        }
        Ok(Config {
            api_key,
            deployed: look_up("AWS_LAMBDA_INITIALIZATION_TYPE").is_some(),
            log: LogConfig::read(look_up),
        })
    }

    /// What the owner of this function should know.
    pub fn warning(&self) -> Option<&'static str> {
        (self.deployed && self.api_key == TUTORIAL_KEY).then_some(
            "MIRROR_API_KEY is the tutorial's api_key, which everybody knows: set it to a key of \
             your own, here and as the Api Key in StackState",
        )
    }
}

impl LogConfig {
    /// Reads the environment through `look_up`.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Self {
        let level = |name| match look_up(name)?.to_ascii_uppercase().as_str() {
            "FATAL" => Some(Level::ERROR),
            text => text.parse().ok(),
        };
        LogConfig {
            level: level("AWS_LAMBDA_LOG_LEVEL").or(level("RUST_LOG")).unwrap_or(Level::INFO),
            json: look_up("AWS_LAMBDA_LOG_FORMAT")
                .is_some_and(|format| format.eq_ignore_ascii_case("json")),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { api_key: _, deployed, log } = self;
        f.debug_struct("Config")
            .field("deployed", deployed)
            .field("log", log)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
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
            assert_eq!(read(variables).map(|config| config.api_key), key.map(str::to_owned));
        }
    }

    #[test]
    fn the_log_is_as_lambda_asks() {
        for (variables, level, json) in [
            (&[][..], Level::INFO, false),
            (&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG"), ("RUST_LOG", "warn")], Level::DEBUG, false),
            (&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")], Level::ERROR, false),
            (&[("RUST_LOG", "trace"), ("AWS_LAMBDA_LOG_FORMAT", "JSON")], Level::TRACE, true),
            (&[("RUST_LOG", "hyper=trace"), ("AWS_LAMBDA_LOG_FORMAT", "Text")], Level::INFO, false),
        ] {
            assert_eq!(read(variables).unwrap().log, LogConfig { level, json }, "{variables:?}");
        }
    }

    #[test]
    fn debug_output_has_no_key() {
        let config = read(&[("MIRROR_API_KEY", "s3cret-key")]).unwrap();
        assert!(!format!("{config:?}").contains("s3cret-key"));
    }
}
