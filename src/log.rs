//! The log goes to standard output, from where Lambda sends it to CloudWatch Logs.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::LogConfig;

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
    let layer = fmt::layer().with_writer(writer).with_target(false).with_ansi(false);
    let layer = if config.json {
        layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        layer.boxed()
    };
    let targets = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), config.level)
        .with_default(LevelFilter::ERROR);
    Registry::default().with(layer.with_filter(targets))
}
