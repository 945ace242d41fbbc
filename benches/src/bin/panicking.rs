//! The mirror, but for a clock that panics when it is first read: what a mistake of the mirror's
//! own does to the function as it is deployed.

use std::sync::atomic::{AtomicBool, Ordering};

use lambda_http::{Error, service_fn};
use stackstate_mirror::app::{App, Outside};
use stackstate_mirror::config::Config;
use stackstate_mirror::source::cloudwatch::Clients;
use stackstate_mirror::{event, log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let look_up = |name: &str| std::env::var(name).ok();
    let config = Config::read(look_up)?;
    tracing::subscriber::set_global_default(log::subscriber(config.log, std::io::stdout))?;
    log::log_panics();
    let outside = Outside { entropy: || 7, now, clients: Clients::new(config.aws.clone()) };
    let app = App::new(&config, outside)?;
    lambda_runtime::run(service_fn(|event| event::serve(&app, event))).await
}

fn now() -> i64 {
    static BEFORE: AtomicBool = AtomicBool::new(false);
    assert!(BEFORE.swap(true, Ordering::Relaxed), "the clock is broken");
    1_790_000_000_000
}
