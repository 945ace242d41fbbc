//! The mirror with a clock that panics on its first use: what a bug does to the deployed function.

use std::sync::atomic::{AtomicBool, Ordering};

use lambda_http::{Error, service_fn};
use stackstate_mirror::app::{App, Dependencies};
use stackstate_mirror::cloudwatch::CloudWatch;
use stackstate_mirror::config::Config;
use stackstate_mirror::log::LogConfig;
use stackstate_mirror::time::EpochMillis;
use stackstate_mirror::{event, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let look_up = |name: &str| std::env::var(name).ok();
    let config = Config::read(|name| std::env::var_os(name))?;
    tracing::subscriber::set_global_default(log::subscriber(
        LogConfig::read(look_up),
        std::io::stdout,
    ))?;
    log::log_panics();
    let cloudwatch = CloudWatch::new(config.aws.clone(), 1);
    let app = App::new(&config, Dependencies { entropy: || 7, now, cloudwatch, commit: None });
    lambda_runtime::run(service_fn(|event| event::serve(&app, event))).await
}

fn now() -> EpochMillis {
    static BEFORE: AtomicBool = AtomicBool::new(false);
    assert!(BEFORE.swap(true, Ordering::Relaxed), "the clock is broken");
    EpochMillis(1_790_000_000_000)
}
