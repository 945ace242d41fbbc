//! The function: logging, configuration, and the runtime loop.

use std::env;
use std::io::{ErrorKind, stdout};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lambda_http::{Error, service_fn};
use rand::TryRng;
use rand::rngs::SysRng;
use stackstate_mirror::app::{App, Dependencies};
use stackstate_mirror::cloudwatch::CloudWatch;
use stackstate_mirror::config::{CLOSED, Config};
use stackstate_mirror::log::LogConfig;
use stackstate_mirror::time::EpochMillis;
use stackstate_mirror::{event, heap, log};
use tokio::net::TcpStream;
use tracing::{error, warn};

/// `make` names the commit. Other builds do not know it.
const COMMIT: Option<&str> = option_env!("MIRROR_COMMIT");

/// A loop that ends sooner than this has no Runtime API to talk to.
const SHORTEST_RUN: Duration = Duration::from_millis(100);

/// The pause between two looks whether the Runtime API is there.
const RUNTIME_API_CHECK: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    heap::return_early();
    let look_up = |name: &str| env::var(name).ok();
    let subscriber = log::subscriber(LogConfig::read(look_up), stdout);
    tracing::subscriber::set_global_default(subscriber)?;
    log::log_panics();
    let config = Config::read(|name| env::var_os(name))
        .inspect_err(|error| error!("cannot start: {error}"))?;
    if config.is_closed {
        error!("{CLOSED}");
    }
    if let Some(warning) = config.warning() {
        warn!("{warning}");
    }
    let cloudwatch = CloudWatch::new(config.aws.clone(), config.concurrency);
    let app = App::new(
        &config,
        Dependencies {
            entropy,
            now,
            cloudwatch,
            commit: COMMIT.filter(|commit| !commit.is_empty()),
        },
    );
    // Requests that are served at once outlive this function's frame, as far as the compiler knows.
    let app: &App = Box::leak(Box::new(app));
    if config.concurrency > 1 {
        tokio::spawn(end_without_runtime_api());
    }
    loop {
        let started = Instant::now();
        // One request after the other, or as many at once as `AWS_LAMBDA_MAX_CONCURRENCY` says.
        let serve = service_fn(|event| event::serve(app, event));
        let ended = lambda_runtime::run_concurrent(serve).await;
        // `cargo lambda watch` closes the connection on which an answer is sent if its caller has
        // left, and does not start the function again. Lambda does not close it.
        if config.deployed || ended.is_ok() || started.elapsed() < SHORTEST_RUN {
            return ended;
        }
        warn!("the Runtime API closed the connection; asking it for the next request");
    }
}

/// Ends the process once the Runtime API refuses connections. Where requests are served at once,
/// lambda_runtime asks an API that is gone again and again, without a pause.
async fn end_without_runtime_api() {
    let address = env::var("AWS_LAMBDA_RUNTIME_API").unwrap_or_default();
    loop {
        tokio::time::sleep(RUNTIME_API_CHECK).await;
        if let Err(error) = TcpStream::connect(&address).await
            && error.kind() == ErrorKind::ConnectionRefused
        {
            error!("the Runtime API at {address} is gone: {error}");
            std::process::exit(1);
        }
    }
}

fn entropy() -> u64 {
    SysRng.try_next_u64().unwrap_or_default()
}

fn now() -> EpochMillis {
    EpochMillis(0).saturating_add(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
