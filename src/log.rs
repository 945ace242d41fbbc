//! The log goes to standard output, from where Lambda sends it to CloudWatch Logs.

use std::fmt::{Debug, Display, Write as _};
use std::io::Write;
use std::time::SystemTime;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

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

/// Logs a panic without its message, which can quote a request.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// A subscriber that writes a line for each event to what `output` opens, as `config` says.
///
/// The configured level applies to this crate only. All other crates log errors only: at lower
/// levels the HTTP and runtime crates log whole payloads, including secrets. The release binary
/// has no levels below INFO (`release_max_level_info` in `Cargo.toml`).
///
/// tracing-subscriber would also do. Its registry is for spans, of which the mirror has none. It takes a
/// fifteenth of the instructions of a start, and 107 kB.
pub fn subscriber<F, O>(config: LogConfig, output: F) -> impl Subscriber + Send + Sync
where
    F: Fn() -> O + Send + Sync + 'static,
    O: Write,
{
    Lines { config, output }
}

struct Lines<F> {
    config: LogConfig,
    output: F,
}

impl<F: Fn() -> O + 'static, O: Write> Subscriber for Lines<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_own = metadata.target().starts_with(env!("CARGO_CRATE_NAME"));
        *metadata.level() <= if is_own { self.config.level } else { Level::ERROR }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.config.level.into())
    }

    fn event(&self, event: &Event<'_>) {
        let now = SystemTime::now().into();
        let (now, level) = (rfc3339(now), event.metadata().level());
        let mut line = match self.config.json {
            true => Line {
                json: true,
                text: format!("{{\"timestamp\":\"{now}\",\"level\":\"{level}\""),
            },
            false => Line { json: false, text: format!("{now} {level:>5}") },
        };
        event.record(&mut line);
        line.text.push_str(if line.json { "}\n" } else { "\n" });
        // There is nowhere to tell that the log cannot be written.
        let _ = (self.output)().write_all(line.text.as_bytes());
    }

    // The mirror has no spans, and those of other crates are below ERROR.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A time in the format of RFC 3339, to the millisecond.
fn rfc3339(time: DateTime) -> String {
    let millis = DateTime::from_millis(time.to_millis().unwrap_or_default());
    millis.fmt(Format::DateTime).unwrap_or_default()
}

/// A line of the log.
struct Line {
    json: bool,
    text: String,
}

impl Line {
    /// Adds a field whose value is written as it is.
    fn add(&mut self, field: &Field, value: &dyn Display) {
        let name = field.name();
        let _ = match (self.json, name) {
            (true, _) => write!(self.text, ",\"{name}\":{value}"),
            (false, "message") => write!(self.text, " {value}"),
            (false, _) => write!(self.text, " {name}={value}"),
        };
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match self.json {
            true => self.add(field, &quoted(value)),
            false => self.add(field, &format_args!("{value:?}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match self.json {
            true => self.add(field, &quoted(&format!("{value:?}"))),
            false => self.add(field, &format_args!("{value:?}")),
        }
    }
}

/// A JSON string in ASCII, so that no name can control a terminal, or turn text around.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
        }
    }
    quoted + "\""
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
