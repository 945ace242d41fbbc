//! `make soak`: sends a hundred thousand mixed requests to the release binary: random data,
//! CloudWatch on ministack, invalid requests, a thousand callers, invented regions. It checks every
//! answer. Memory and open connections must not grow once all caches are full.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stackstate_mirror_bench::function::Function;
use stackstate_mirror_bench::request::{event, status_and_body};

/// The number of requests.
const REQUESTS: u64 = 100_000;

/// After this number of requests the caches are full.
const WARM: u64 = 30_000;

/// The memory may vary by this many KiB.
const SLACK: u64 = 1_024;

/// The number of callers with their own keys.
const CALLERS: u64 = 1_000;

const MINUTE: i64 = 60_000;

/// A request and its expected answer.
struct Case {
    event: String,
    status: u64,
    is_right: Box<dyn Fn(&Value) -> bool>,
}

fn case(event: String, status: u64, is_right: impl Fn(&Value) -> bool + 'static) -> Case {
    Case { event, status, is_right: Box::new(is_right) }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mirror = PathBuf::from(arguments.next().expect("the path of the mirror's binary"));
    let cloudwatch = arguments.next().expect("the URL of ministack");
    let hour: i64 = arguments.next().and_then(|hour| hour.parse().ok()).expect("an hour");
    let variables = [("AWS_ENDPOINT_URL", cloudwatch.as_str()), ("MIRROR_API_KEY", "soak-key")];
    if !outlives_a_panic(&variables) {
        return ExitCode::FAILURE;
    }
    let mut function = Function::start(&mirror, &variables, None);
    let begun = Instant::now();
    let mut tally: Vec<(&str, u64, u64, Vec<Duration>)> = Vec::new();
    let mut warm = (0, 0);
    let (mut most_memory, mut most_descriptors) = (0, 0);
    println!("| requests | wrong | memory, KiB | open files and connections |\n|---|---|---|---|");
    for number in 0..REQUESTS {
        let (kind, case) = choose(number, hour);
        let (answer, took) = function.invoke(&case.event);
        let (status, body) = status_and_body(&answer);
        let has_key = String::from_utf8_lossy(&answer).contains("soak-key");
        let is_wrong = status != case.status || !has_key || !(case.is_right)(&body);
        if is_wrong {
            eprintln!("{kind}: {status} {body}\n    to {:.300}", case.event);
        }
        let row = match tally.iter_mut().find(|row| row.0 == kind) {
            Some(row) => row,
            None => {
                tally.push((kind, 0, 0, Vec::new()));
                tally.last_mut().expect("just added")
            }
        };
        row.1 += 1;
        row.2 += u64::from(is_wrong);
        row.3.push(took);
        let sent = number + 1;
        if sent % 10_000 == 0 || sent == 1 {
            let (memory, descriptors) = (function.memory().now, function.descriptors());
            let wrong: u64 = tally.iter().map(|row| row.2).sum();
            println!("| {sent} | {wrong} | {memory} | {descriptors} |");
            if sent == WARM {
                warm = (memory, descriptors);
            }
            if sent > WARM {
                most_memory = most_memory.max(memory);
                most_descriptors = most_descriptors.max(descriptors);
            }
        }
    }
    println!(
        "\n| requests | how many | wrong | median | 99 of 100 within |\n|---|---|---|---|---|"
    );
    for (kind, count, wrong, durations) in &mut tally {
        durations.sort_unstable();
        let at = |share: usize| durations[(durations.len() - 1) * share / 100];
        println!("| {kind} | {count} | {wrong} | {:.2?} | {:.2?} |", at(50), at(99));
    }
    let wrong: u64 = tally.iter().map(|row| row.2).sum();
    let is_flat = most_memory <= warm.0 + SLACK && most_descriptors <= warm.1;
    println!(
        "\n{REQUESTS} requests in {:.0?}; {wrong} wrong answers; memory and descriptors {}",
        begun.elapsed(),
        if is_flat { "flat" } else { "NOT FLAT" }
    );
    if wrong == 0 && is_flat { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether a function that panics answers that request with an error, and serves the next one.
fn outlives_a_panic(variables: &[(&str, &str)]) -> bool {
    let here = std::env::current_exe().expect("a path");
    let mut function =
        Function::start(&here.with_file_name("examples").join("panicking"), variables, None);
    let request = event("/api/connection", &json!({"connectionDetails": {}}));
    let answers = [(); 2].map(|()| status_and_body(&function.invoke(&request).0));
    let [(first, error), (second, body)] = &answers;
    let is_right = (*first, &error["_type"], &error["summary"])
        == (500, &json!("RemoteMirrorError"), &json!("The mirror failed"))
        && (*second, &body["status"]) == (200, &json!("OK"));
    println!("a panic: {first} {error}, and then {second} {body}\n");
    is_right
}

fn is_error(body: &Value, kind: &str, words: &str) -> bool {
    body["_type"] == kind && body["details"].as_str().is_some_and(|text| text.contains(words))
}

/// The request with this number: twenty kinds in turn.
fn choose(number: u64, hour: i64) -> (&'static str, Case) {
    const REMOTE: &str = "RemoteMirrorError";
    const STORE: &str = "MetricStoreConnectionError";
    let round = number / 20;
    let caller = round % CALLERS;
    let post = |path: &str, details: Value, query: Value| {
        event(path, &json!({"connectionDetails": details, "query": query}))
    };
    let seeded = || json!({"seed": number});
    let start = 1_504_400_400_000 + number as i64;
    let range = json!({"startTime": start, "endTime": start + 3_600_000});
    let keys = |region: &str| {
        json!({"accessKeyId": format!("AKIA{caller:016}"), "secretAccessKey": format!("secret-{caller}"),
               "region": region, "cacheSeconds": if number.is_multiple_of(2) { 0 } else { 30 }})
    };
    let named = |namespace: &str| json!([{"key": "Namespace", "value": {"value": namespace}}]);
    let hourly = |namespace: &str| {
        json!({"conditions": named(namespace), "metricField": "M",
               "startTime": hour, "endTime": hour + 60 * MINUTE,
               "aggregation": {"method": "MAX", "bucketSizeMillis": MINUTE}})
    };
    match number % 20 {
        0..=7 => (
            "random points",
            case(post("/api/metric", seeded(), range), 200, move |body| {
                let points = body["telemetry"]["points"].as_array();
                points.is_some_and(|points| {
                    points.len() == 50
                        && (0_i64..).zip(points).all(|(index, point)| {
                            point[1] == start + index * 72_000
                                && point[0]
                                    .as_f64()
                                    .is_some_and(|value| (0.0..100.0).contains(&value))
                        })
                })
            }),
        ),
        8 => (
            "random connection test",
            case(post("/api/connection", seeded(), json!(null)), 200, |body| {
                body["status"] == "OK"
            }),
        ),
        9 => (
            "random field names",
            case(post("/api/field/name", seeded(), range), 200, |body| {
                body["fields"].as_array().is_some_and(|fields| fields.len() == 3)
            }),
        ),
        10 => {
            let mut query = range;
            query["field"] = json!({"fieldName": "field1", "fieldType": "STRING"});
            (
                "random field values",
                case(post("/api/field/value", seeded(), query), 200, |body| {
                    body["values"].as_array().is_some_and(|values| values.len() == 2)
                }),
            )
        }
        11..=13 => (
            "CloudWatch points",
            case(post("/api/metric", keys("eu-west-1"), hourly("Soak")), 200, move |body| {
                let points: Vec<Value> = (0..60)
                    .map(|index| {
                        let time = hour + index * MINUTE;
                        json!([index as f64 * 1.5, time, time + MINUTE])
                    })
                    .collect();
                body["telemetry"]["points"] == json!(points)
            }),
        ),
        14 => {
            let query =
                json!({"conditions": named("Soak"), "startTime": hour, "endTime": hour + MINUTE});
            (
                "CloudWatch field names",
                case(post("/api/field/name", keys("eu-west-1"), query), 200, |body| {
                    body["fields"].to_string().contains("MetricName")
                }),
            )
        }
        15 => {
            // A different region for every number.
            let mut region = "eu-".to_owned();
            for digit in round.to_string().bytes() {
                let _ = region.write_char((digit - b'0' + b'a').into());
            }
            region.push_str("-1");
            (
                "CloudWatch in a made-up region",
                case(post("/api/metric", keys(&region), hourly("Soak")), 500, |body| {
                    body["_type"] == "MetricNotFoundError"
                }),
            )
        }
        16 => match round % 4 {
            0 => (
                "a mistake: no JSON",
                case(
                    event("/api/metric", &json!(0)).replace("\"body\":\"0\"", "\"body\":\"{\""),
                    500,
                    |body| is_error(body, REMOTE, "the body: expected JSON"),
                ),
            ),
            1 => (
                "a mistake: no range",
                case(post("/api/metric", seeded(), json!({})), 500, |body| {
                    is_error(
                        body,
                        REMOTE,
                        "query.startTime: expected epoch milliseconds, found nothing",
                    )
                }),
            ),
            2 => (
                "a mistake: a path",
                case(event("/api/metrics", &json!({})), 404, |body| {
                    is_error(body, REMOTE, "expected /api/connection")
                }),
            ),
            _ => (
                "a mistake: half a credential",
                case(post("/api/metric", json!({"accessKeyId": "a"}), range), 500, |body| {
                    is_error(body, REMOTE, "secretAccessKey")
                }),
            ),
        },
        17 => (
            "a mistake: the function's own role",
            case(
                post("/api/connection", json!({"source": "cloudwatch"}), json!(null)),
                200,
                |body| body["status"] == "FAILURE" && is_error(&body["error"], STORE, "own role"),
            ),
        ),
        18 => {
            let mut query = range;
            query["field"] = json!({"fieldName": "field3", "fieldType": "NUMBER"});
            (
                "a mistake: values of numbers",
                case(post("/api/field/value", seeded(), query), 500, |body| {
                    body["_type"] == "UnsupportedFieldTypeError"
                }),
            )
        }
        _ if round.is_multiple_of(50) => (
            "a mistake: a body that is too large",
            case(event("/api/metric", &json!("x".repeat(1 << 20))), 413, |body| {
                is_error(body, REMOTE, "expected at most 262144 bytes")
            }),
        ),
        _ => {
            let mut details = keys("eu-west-1");
            details["roleArn"] = json!("arn:aws:iam::123456789012:role/reader");
            (
                "CloudWatch of another account, by a role",
                case(post("/api/metric", details, hourly("Soak")), 500, |body| {
                    body["_type"] == "MetricNotFoundError"
                }),
            )
        }
    }
}
