//! ministack, a local CloudWatch and STS: one server for all tests of a process.
//!
//! It checks that keys exist and who may assume a role, but neither signatures nor policies. An
//! access key of twelve digits is the root key of that account.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use serde_json::{Value, json};
use stackstate_mirror::app::App;
use stackstate_mirror::time::EpochMillis;

use super::app::app_with;

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const REGION: &str = "eu-west-1";

/// The account that owns the metrics.
pub(crate) const OWNER: &str = "111111111111";
/// Another account, which may assume the owner's role `reader`.
pub(crate) const NEIGHBOUR: &str = "222222222222";

struct Server {
    port: u16,
    /// It ends when its standard input closes, at the end of this process.
    _process: Child,
}

/// Runs ministack until standard input ends.
const RUN: &str = "
import os, runpy, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
sys.argv = ['ministack']
runpy.run_module('ministack', run_name='__main__')
";

/// Creates the owner's role.
const SETUP: &str = r#"
import json, sys, boto3
iam = boto3.client("iam", endpoint_url=sys.argv[1], region_name="eu-west-1",
                   aws_access_key_id="111111111111", aws_secret_access_key="test")
trust = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"sts:ExternalId": "the-external-id"}}}]})
iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)
allow = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Resource": "*",
    "Action": ["cloudwatch:ListMetrics", "cloudwatch:GetMetricData"]}]})
iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=allow)
"#;

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/ministack/bin/python");
        assert!(python.exists(), "ministack is missing; `make test` installs it");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut process = Command::new(&python)
            .args(["-c", RUN])
            .envs([
                ("AUTH", "true"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                ("BIND_HOST", "127.0.0.1"),
                ("GATEWAY_PORT", &port.to_string()),
                ("IOT_MTLS_ENABLED", "0"),
                ("SERVICES", "cloudwatch,sts,iam"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("Running on")), "it starts");
        // It blocks if nothing reads its log.
        std::thread::spawn(move || lines.for_each(drop));
        let made = Command::new(&python)
            .args(["-c", SETUP, &format!("http://127.0.0.1:{port}")])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .status()
            .unwrap();
        assert!(made.success(), "the role is made");
        Server { port, _process: process }
    })
}

pub(crate) fn url() -> String {
    format!("http://127.0.0.1:{}", server().port)
}

/// Connection details with the root keys of an account.
pub(crate) fn account(id: &str) -> Value {
    json!({"accessKeyId": id, "secretAccessKey": "test", "region": REGION})
}

/// The start of an hour yesterday. ministack drops samples that are older than two weeks.
pub(crate) fn yesterday() -> i64 {
    static HOURS: OnceLock<i64> = OnceLock::new();
    *HOURS.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        (i64::try_from(now).unwrap() / HOUR - 24) * HOUR
    })
}

/// The mirror's time in epoch milliseconds: two hours and 30.5 seconds after [`yesterday`].
pub(crate) fn now() -> i64 {
    yesterday() + 2 * HOUR + 30_500
}

/// A mirror whose AWS is ministack, with more environment variables.
pub(crate) fn app(variables: &[(&str, &str)]) -> App {
    let url = url();
    let variables = [&[("AWS_ENDPOINT_URL", url.as_str())], variables].concat();
    app_with(&variables, || EpochMillis(now()))
}

/// A sample: a time in epoch milliseconds and a value.
pub(crate) type Put = (i64, f64);

/// Puts samples into a metric of an account.
pub(crate) async fn put(
    account: &str,
    namespace: &str,
    name: &str,
    dimensions: &[(&str, &str)],
    samples: &[Put],
) {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(url())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            account, "test", None, None, "test",
        )))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let datum = |(time, value): &Put| {
        let dimensions = dimensions
            .iter()
            .map(|(name, value)| Dimension::builder().name(*name).value(*value).build())
            .collect();
        MetricDatum::builder()
            .metric_name(name)
            .set_dimensions(Some(dimensions))
            .timestamp(DateTime::from_millis(*time))
            .value(*value)
            .build()
    };
    for chunk in samples.chunks(1_000) {
        Client::new(&config)
            .put_metric_data()
            .namespace(namespace)
            .set_metric_data(Some(chunk.iter().map(datum).collect()))
            .send()
            .await
            .unwrap();
    }
}
