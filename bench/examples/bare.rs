//! The bare function: the SDK's default client with ring, and one GetMetricData call for each
//! request.

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Metric, MetricDataQuery, MetricStat, ScanBy};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let http = aws_smithy_http_client::Builder::new();
    let config = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(std::env::var("AWS_ENDPOINT_URL")?)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "secret",
            None,
            None,
            "bare",
        )))
        .http_client(http.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .build();
    let client = Client::new(&config);
    let answer = async |request: Request| {
        let Body::Text(text) = request.body() else { return Err(Error::from("no text")) };
        let body: serde_json::Value = serde_json::from_str(text)?;
        let time = |name| body["query"][name].as_i64().map(DateTime::from_millis);
        let metric = Metric::builder().namespace("N").metric_name("M").build();
        let stat = MetricStat::builder().metric(metric).period(60).stat("Maximum").build();
        let query = MetricDataQuery::builder().id("q0").metric_stat(stat).build();
        let data = client
            .get_metric_data()
            .metric_data_queries(query)
            .set_start_time(time("startTime"))
            .set_end_time(time("endTime"))
            .scan_by(ScanBy::TimestampAscending)
            .send()
            .await?;
        let points = data.metric_data_results()[0].values().len();
        Ok::<_, Error>(Response::new(Body::from(points.to_string())))
    };
    run(service_fn(answer)).await
}
