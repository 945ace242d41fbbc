//! Sends equal requests to a function, to run it under valgrind:
//! `drive COMMAND random|cloudwatch|test COUNT`. COMMAND is the function, or a script that runs it.

use std::path::PathBuf;

use serde_json::json;
use stackstate_mirror_bench::fake_cloudwatch::FakeCloudWatch;
use stackstate_mirror_bench::function::Function;
use stackstate_mirror_bench::request::{event, keys, metric};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, kind, count] = arguments.as_slice() else {
        panic!("drive COMMAND random|cloudwatch|test COUNT")
    };
    let folder = std::env::temp_dir();
    let fake = FakeCloudWatch::new(&folder);
    let end = 1_790_000_400_000;
    let start = end - 60 * 60_000;
    fake.answer_with(
        (0..60_u8).map(|minute| (start + i64::from(minute) * 60_000, f64::from(minute) * 1.5)),
    );
    let request = match kind.as_str() {
        "random" => metric(json!({"seed": 1}), start, end, None),
        "cloudwatch" => metric(keys(), start, end, Some(60_000)),
        _ => event("/api/connection", &json!({"connectionDetails": keys()})),
    };
    let certificate = fake.certificate.to_string_lossy();
    let variables = [
        ("AWS_ENDPOINT_URL", fake.url.as_str()),
        ("SSL_CERT_FILE", &certificate),
        ("PATH", "/usr/bin:/bin"),
    ];
    let mut function = Function::start(&PathBuf::from(command), &variables, None);
    for _ in 0..count.parse().expect("a number") {
        function.invoke(&request);
    }
    function.stop();
}
