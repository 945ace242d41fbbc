//! The empty function that serves several events at once, beside which `make load` sets the mirror.
//! `EMPTY_DELAY_MILLIS` makes it wait, as long as the mirror waits for CloudWatch.

use std::time::Duration;

use lambda_http::{Body, Error, Request, Response, run_concurrent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let delay = std::env::var("EMPTY_DELAY_MILLIS").ok().and_then(|delay| delay.parse().ok());
    let delay = Duration::from_millis(delay.unwrap_or(0));
    let answer = move |_: Request| async move {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        Ok::<_, Error>(Response::new(Body::from("{}")))
    };
    run_concurrent(service_fn(answer)).await
}
