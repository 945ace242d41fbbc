//! The level and the format of the log.

use tracing::Level;

/// The level and the format of the log ("Configuring advanced logging controls", Lambda
/// developer guide).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG` if it is a level, else `INFO`.
    pub level: Level,
    /// Whether `AWS_LAMBDA_LOG_FORMAT` is `JSON`.
    pub json: bool,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_follows_lambdas_variables() {
        for (variables, level, json) in [
            (&[][..], Level::INFO, false),
            (&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG"), ("RUST_LOG", "warn")], Level::DEBUG, false),
            (&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")], Level::ERROR, false),
            (&[("RUST_LOG", "trace"), ("AWS_LAMBDA_LOG_FORMAT", "JSON")], Level::TRACE, true),
            (&[("RUST_LOG", "hyper=trace"), ("AWS_LAMBDA_LOG_FORMAT", "Text")], Level::INFO, false),
        ] {
            let value = |name: &str| variables.iter().find(|(known, _)| *known == name);
            let found = LogConfig::read(|name| value(name).map(|(_, value)| (*value).to_owned()));
            assert_eq!(found, LogConfig { level, json }, "{variables:?}");
        }
    }
}
