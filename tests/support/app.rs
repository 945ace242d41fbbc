//! Mirrors to test.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_cloudwatch::Client;
use stackstate_mirror::app::{App, Dependencies};
use stackstate_mirror::cloudwatch::{BuildClient, CloudWatch};
use stackstate_mirror::config::Config;
use stackstate_mirror::time::EpochMillis;

/// The mirror's time in epoch milliseconds: half a minute after a minute begins.
pub(crate) const NOW: i64 = 1_790_000_430_000;

/// The mirror's time.
pub(crate) fn now() -> EpochMillis {
    EpochMillis(NOW)
}

/// A mirror without environment variables. Its random data without a seed is never the same
/// twice.
pub(crate) fn app() -> App {
    app_with(&[], now)
}

/// A mirror with these environment variables.
pub(crate) fn app_with(variables: &[(&str, &str)], now: fn() -> EpochMillis) -> App {
    let config = config(variables);
    new(&config, now, CloudWatch::new(config.aws.clone(), config.concurrency))
}

/// A mirror whose callers all have this client.
pub(crate) fn app_with_client(client: Client, now: fn() -> EpochMillis) -> App {
    app_with_client_at_once(client, now, 1)
}

/// The same for this number of requests at once.
pub(crate) fn app_with_client_at_once(
    client: Client,
    now: fn() -> EpochMillis,
    concurrency: usize,
) -> App {
    app_with_clients(Box::new(move |_: &_, _: &_| Ok(client.clone().into())), now, concurrency)
}

/// A mirror with the clients that `build` builds.
pub(crate) fn app_with_clients(
    build: Box<BuildClient>,
    now: fn() -> EpochMillis,
    concurrency: usize,
) -> App {
    new(&config(&[]), now, CloudWatch::with_clients(build, concurrency))
}

fn new(config: &Config, now: fn() -> EpochMillis, cloudwatch: CloudWatch) -> App {
    static SEED: AtomicU64 = AtomicU64::new(0);
    let entropy = || SEED.fetch_add(1, Ordering::Relaxed);
    App::new(config, Dependencies { entropy, now, cloudwatch, commit: Some("0123456789ab") })
}

fn config(variables: &[(&str, &str)]) -> Config {
    let value = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
    };
    Config::read(value).unwrap()
}
