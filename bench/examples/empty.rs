//! The empty function, which shows what every Lambda function in Rust costs.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let answer = async |_: Request| Ok::<_, Error>(Response::new(Body::from("{}")));
    run(service_fn(answer)).await
}
