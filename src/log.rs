//! The log goes to standard output, from where Lambda sends it to CloudWatch Logs.

use std::io::{self, Write};

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

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

/// A subscriber that writes to `writer`, as `config` says.
///
/// The configured level applies to this crate only. All other crates log errors only: at lower
/// levels the HTTP and runtime crates log whole payloads, including secrets. The release binary
/// has no levels below INFO (`release_max_level_info` in `Cargo.toml`).
pub fn subscriber<W>(config: LogConfig, writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_target(false).with_ansi(false);
    let layer = if config.json {
        let layer = layer.json().with_writer(Escaping(writer));
        layer.flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        layer.with_writer(writer).boxed()
    };
    let targets = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), config.level)
        .with_default(LevelFilter::ERROR);
    Registry::default().with(layer.with_filter(targets))
}

/// Writes JSON in ASCII, so that no name can control a terminal, or turn text around. Outside of texts,
/// JSON has no other characters.
struct Escaping<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Escaping<W> {
    type Writer = Escaping<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Escaping(self.0.make_writer())
    }
}

impl<W: Write> Write for Escaping<W> {
    /// Takes a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let is_plain = |byte: &u8| byte.is_ascii() && *byte != 0x7F;
        if line.iter().all(is_plain) {
            return self.0.write(line);
        }
        let escaped = |unit: u16| match u8::try_from(unit) {
            Ok(byte) if is_plain(&byte) => char::from(byte).to_string(),
            _ => format!("\\u{unit:04x}"),
        };
        let text: String = String::from_utf8_lossy(line).encode_utf16().map(escaped).collect();
        self.0.write_all(text.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
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
