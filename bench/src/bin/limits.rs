//! `make limits`: sends the release binary what uses up most memory and time, with a data limit of
//! 128 MB. Every request must have an answer, in less than a second of CPU time, and leave less
//! than 8 MB behind that the caches do not account for.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use stackstate_mirror_bench::fake_cloudwatch::FakeCloudWatch;
use stackstate_mirror_bench::function::Function;
use stackstate_mirror_bench::request::event;

/// The data limit of the process, in KiB.
const DATA: u64 = 131_072;

/// The maximum CPU time of a request.
const CPU: Duration = Duration::from_secs(1);

/// The maximum memory that a row leaves behind, in KiB, besides what caches may keep.
const LEFT: u64 = 8 << 10;

/// What the cache of lists may keep, in KiB.
const CACHED_LISTS: u64 = 24 << 10;

/// What the client of a caller with a token of 16 KiB may keep, 64 times, in KiB.
const CACHED_CLIENTS: u64 = 2 << 10;

/// The maximum size of Lambda's answer, in bytes ("Lambda quotas", Lambda developer guide).
const ANSWER: usize = 6 << 20;

/// The summary of the answer to a request that panicked.
const PANIC: &[u8] = b"The mirror failed";

const TOKEN: &str = "a-token-of-24-characters";

const MINUTE: i64 = 60_000;

/// The end of the last whole hour.
static END: LazyLock<i64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = i64::try_from(now).expect("a time of this age");
    now - now % (60 * MINUTE)
});

/// Which events, what CloudWatch answers with, and what may come of it.
struct Row {
    name: &'static str,
    /// The statuses that the answers have, in ascending order.
    statuses: &'static [u64],
    is_restricted: bool,
    list: List,
    keeps: u64,
    /// The maximum size of an answer, in bytes.
    answer: usize,
    events: Vec<String>,
}

#[derive(Clone, Copy)]
enum List {
    Small,
    Largest(char),
    Longest(char),
}

fn row(name: &'static str, statuses: &'static [u64], events: Vec<String>) -> Row {
    Row {
        name,
        statuses,
        is_restricted: false,
        list: List::Small,
        keeps: 0,
        answer: ANSWER,
        events,
    }
}

fn main() -> ExitCode {
    let mirror = PathBuf::from(std::env::args().nth(1).expect("the path of the mirror's binary"));
    let folder = std::env::temp_dir().join(format!("mirror-limits-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let fake = FakeCloudWatch::new(&folder);
    // As many datapoints as a response can have.
    let points = (0..100_800_i32)
        .map(|index| (*END - 70 * 24 * 60 * MINUTE + i64::from(index) * MINUTE, 1.5));
    fake.answer_with(points);
    println!("| what | requests | statuses | most CPU | peak | left behind | |");
    println!("|---|---|---|---|---|---|---|");
    let mut is_good = true;
    for row in rows() {
        is_good &= measure(&mirror, &fake, &row);
    }
    let _ = std::fs::remove_dir_all(&folder);
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Sends the events of a row, prints it, and returns whether it keeps the bounds.
fn measure(mirror: &Path, fake: &FakeCloudWatch, row: &Row) -> bool {
    match row.list {
        List::Small => fake.list(1),
        List::Largest(letter) => fake.list_largest(letter),
        List::Longest(letter) => fake.list_longest(letter),
    }
    let certificate = fake.certificate.to_str().expect("a plain path");
    let mut variables =
        vec![("AWS_ENDPOINT_URL", fake.url.as_str()), ("SSL_CERT_FILE", certificate)];
    variables.extend(row.is_restricted.then_some(("MIRROR_ACCESS_TOKEN", TOKEN)));
    let mut function = Function::start_limited(mirror, &variables, DATA);
    // The first requests of each kind build what stays: clients, connections, buffers.
    for (path, query) in [("connection", Value::Null), ("metric", metric(json!([]), 60))] {
        for details in [random(), keys("warm")] {
            function.try_invoke(&call(path, &details, &query));
        }
    }
    let before = function.memory().own;
    let (mut statuses, mut most, mut longest) = (Vec::new(), Duration::ZERO, 0);
    let mut has_panicked = false;
    for event in &row.events {
        let begun = function.cpu();
        let Some(answer) = function.try_invoke(event) else {
            println!("| {} | | | | | | THE PROCESS ENDED |", row.name);
            return false;
        };
        most = most.max(function.cpu() - begun);
        longest = longest.max(answer.len());
        has_panicked |= answer.windows(PANIC.len()).any(|part| part == PANIC);
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        statuses.push(answer["statusCode"].as_u64().unwrap_or_default());
    }
    statuses.sort_unstable();
    statuses.dedup();
    let memory = function.memory();
    let left = memory.own.saturating_sub(before);
    let problems: Vec<&str> = [
        (most > CPU, "TOO MUCH CPU"),
        (left > LEFT + row.keeps, "TOO MUCH IS LEFT BEHIND"),
        (longest > row.answer, "THE ANSWER IS TOO LONG"),
        (statuses != row.statuses, "OTHER STATUSES THAN EXPECTED"),
        (has_panicked, "A PANIC"),
    ]
    .into_iter()
    .filter_map(|(is_over, text)| is_over.then_some(text))
    .collect();
    println!(
        "| {} | {} | {statuses:?} | {:.0?} | {} KiB | {left} KiB | {} |",
        row.name,
        row.events.len(),
        most,
        memory.peak,
        problems.join(", ")
    );
    problems.is_empty()
}

fn random() -> Value {
    json!({"accessToken": TOKEN})
}

fn keys(id: &str) -> Value {
    json!({"source": "cloudwatch", "accessKeyId": id, "secretAccessKey": "secret", "region": "eu-west-1",
           "cacheSeconds": 0, "accessToken": TOKEN})
}

fn call(path: &str, details: &Value, query: &Value) -> String {
    event(&format!("/api/{path}"), &json!({"connectionDetails": details, "query": query}))
}

/// A query for the metric `N M`, with more conditions, over this number of minutes.
fn metric(more: Value, minutes: i64) -> Value {
    let mut conditions = vec![json!({"key": "Namespace", "value": {"value": "N"}})];
    conditions.extend(more.as_array().expect("an array").iter().cloned());
    json!({"conditions": conditions, "metricField": "M", "field": {"fieldName": "Host"},
           "startTime": *END - minutes * MINUTE, "endTime": *END, "limit": 2_147_483_647,
           "aggregation": {"method": "MAX", "bucketSizeMillis": MINUTE}})
}

/// Queries for graphs: one that repeats the largest metric, and one whose text takes as many ids as it can.
fn graphs() -> [Value; 2] {
    let mut dimensions: Vec<Value> = vec![json!("N"), json!("M")];
    dimensions.extend((0..28).map(|index| {
        json!(format!("{index}{}", "d".repeat(if index % 2 == 0 { 200 } else { 800 })))
    }));
    let mut entries = vec![json!(dimensions)];
    entries.extend(vec![json!(["...", {"visible": false}]); 65]);
    let ids: Vec<String> = ('a'..='z')
        .flat_map(|letter| (0..15).map(move |number| format!("'{letter}{number}'")))
        .collect();
    let mut named = vec![json!(["N", "M"])];
    named.extend(ids.chunks(40).map(|ids| json!([{"expression": ids.join(""), "visible": false}])));
    named.extend(vec![json!(["...", {"visible": false}]); 89]);
    [json!({"metrics": entries}), json!({"metrics": named})].map(|graph| {
        let mut query = metric(json!([]), 60);
        query["conditions"] = json!([{"key": "~", "value": {"value": graph.to_string()}}]);
        query["metricField"] = json!("value");
        query
    })
}

/// The event of a raw body at a call.
fn raw(path: &str, body: &str) -> String {
    let mut event: Value =
        serde_json::from_str(&event(&format!("/api/{path}"), &json!({}))).expect("JSON");
    event["body"] = json!(body);
    event.to_string()
}

/// Events of up to 6 MB whose other parts than the body are large, and bodies in base64.
fn odd_events() -> Vec<String> {
    const LENGTH: usize = 5_900_000;
    let base: Value =
        serde_json::from_str(&event("/api/connection", &json!({"connectionDetails": {}})))
            .expect("JSON");
    let with = |pointer: &str, value: Value| {
        let mut event = base.clone();
        *event.pointer_mut(pointer).expect("a member of the event") = value;
        event.to_string()
    };
    let many = |length: usize| -> Value {
        (0..LENGTH / length).map(|index| (format!("h{index:x}"), json!("v"))).collect()
    };
    let long = "x".repeat(LENGTH);
    let mut events = vec![
        with("/headers", many(16)),
        with("/headers", json!({"x-long": long})),
        with("/rawPath", json!(long)),
        with("/rawQueryString", json!(long)),
        with("/rawQueryString", json!("a=b&".repeat(LENGTH / 4))),
        with("/requestContext/domainName", json!(long)),
        with("/requestContext/stage", json!(long)),
        with("/requestContext/http/method", json!(long)),
        with("/requestContext/http/sourceIp", json!(long)),
        with("/body", json!(long)),
    ];
    for extra in ["cookies", "queryStringParameters", "stageVariables", "pathParameters", "unknown"]
    {
        let mut event = base.clone();
        event[extra] = match extra {
            "cookies" => json!(vec!["a=b"; LENGTH / 6]),
            _ => many(16),
        };
        events.push(event.to_string());
    }
    let mut encoded = base.clone();
    encoded["isBase64Encoded"] = json!(true);
    for body in ["A".repeat(LENGTH), "=".repeat(LENGTH), "W10s".repeat(LENGTH / 4)] {
        encoded["body"] = json!(body);
        events.push(encoded.to_string());
    }
    events
}

const CALLS: [&str; 4] = ["connection", "field/name", "field/value", "metric"];

/// Bodies of this length, each of the four calls: what takes most memory as a tree.
fn bodies(length: usize, details: &Value) -> Vec<String> {
    let repeated = |part: &str| part.repeat(length / part.len());
    let nested = format!("{}0{}", r#"{"":"#.repeat(120), "}".repeat(120));
    let junk = [
        format!("[{}0]", repeated(&format!("{nested},"))),
        format!("[{}0]", repeated("[],")),
        format!("[{}0]", repeated(r#"{"":0},"#)),
        format!("[{}0]", repeated("0,")),
        format!("\"{}\"", repeated("x")),
        format!("\"{}\"", repeated("\\u0001")),
        format!("{}0{}", "[".repeat(length / 2), "]".repeat(length / 2)),
        format!(
            r#"{{{}"z":0}}"#,
            (0..length / 12).map(|n| format!(r#""{n:07}":0,"#)).collect::<String>()
        ),
    ];
    let mut events = Vec::new();
    // What the search for the token looks at: names of members, and tokens.
    let long_name = format!("\"{}\":0,", repeated("İ"));
    for members in [r#""a":0,"#, r#""aws":{},"#, r#""accessToken":"a","#, long_name.as_str()] {
        let members = members.repeat((length / members.len()).max(1));
        for path in CALLS {
            events.push(raw(path, &format!(r#"{{"connectionDetails":{{{members}"z":0}}}}"#)));
        }
    }
    for junk in &junk {
        for path in CALLS {
            let query = r#"{"startTime":0,"endTime":60000,"field":{"fieldName":"f"}"#;
            for body in [
                junk.clone(),
                format!(r#"{{"connectionDetails":{details},"query":{query},"x":{junk}}}}}"#),
                format!(r#"{{"connectionDetails":{{"x":{junk}}},"query":{query}}}}}"#),
                format!(
                    r#"{{"connectionDetails":{details},"query":{query},"conditions":{junk}}}}}"#
                ),
            ] {
                events.push(raw(path, &body));
            }
        }
    }
    events
}

fn rows() -> Vec<Row> {
    let long = |letter: char, length: usize| letter.to_string().repeat(length);
    let set = |count: usize, length: usize| -> Vec<String> {
        (0..count).map(|index| format!("{index:0length$}")).collect()
    };
    let condition = |key: &str, value: Value| json!({"key": key, "value": {"value": value}});
    let any_of = |key: &str, values: Value| json!({"key": key, "value": {"value": values, "_type": "InSetValue"}});
    let dimensions: Vec<Value> =
        (0..29).map(|index| condition(&format!("D{index}"), json!(long('v', 1_024)))).collect();
    let mut beside_a_set = dimensions.clone();
    beside_a_set.push(any_of("S", json!(set(500, 4))));
    let mut long_field = metric(json!([any_of("S", json!(set(500, 4)))]), 60);
    long_field["metricField"] = json!(long('m', 200_000));
    let wildcards =
        json!([any_of("S", json!((0..20).map(|index| format!("{index}*")).collect::<Vec<_>>()))]);
    let lists = |details: &Value| -> Vec<String> {
        let first: String = format!("d000{}", long('x', 251));
        let query = |field: &str| {
            let mut query = metric(json!([]), 60);
            query["field"] = json!({"fieldName": field});
            query
        };
        let mut events: Vec<String> = ["Host", "MetricName", first.as_str()]
            .iter()
            .map(|field| call("field/value", details, &query(field)))
            .collect();
        events.push(call("field/name", details, &query("Host")));
        events
    };
    let callers: Vec<String> = (0..64)
        .map(|index| {
            let mut details = keys(&format!("caller{index}"));
            details["sessionToken"] = json!(long('t', 16_384));
            call("metric", &details, &metric(json!([]), 60))
        })
        .collect();
    let echoes = ["metric", "field/value", "field/name"].map(|path| {
        let mut query = metric(json!([condition(&long('\u{1}', 10_000), json!("x"))]), 60);
        query["aggregation"]["method"] = json!(long('"', 20_000));
        query["field"] = json!({"fieldName": "f", "fieldType": long('\u{1}', 10_000)});
        call(path, &keys("e"), &query)
    });
    let long_tokens: Vec<String> = (0..64)
        .map(|index| {
            let mut details = keys(&format!("caller{index}"));
            details["sessionToken"] = json!(long('t', 240_000));
            call("metric", &details, &metric(json!([]), 60))
        })
        .collect();
    let keyed = keys("a");
    vec![
        Row {
            is_restricted: true,
            ..row("strangers' bodies of 1 MiB", &[401], bodies(1 << 20, &json!({})))
        },
        Row {
            is_restricted: true,
            ..row("strangers' bodies of 4 MiB", &[401], bodies(4 << 20, &json!({})))
        },
        Row {
            is_restricted: true,
            ..row("callers' bodies of 250 KB", &[200, 401, 500], bodies(250_000, &random()))
        },
        row("bodies of 250 KB, random data", &[200, 500], bodies(250_000, &json!({}))),
        row("bodies of 250 KB, CloudWatch", &[200, 500], bodies(250_000, &keyed)),
        Row {
            is_restricted: true,
            ..row("odd events of 6 MB, strangers'", &[401, 404, 405], odd_events())
        },
        row("odd events of 6 MB", &[200, 404, 405, 413, 500], odd_events()),
        row(
            "a metric field of 200 KB beside a set of 500",
            &[500],
            vec![call("metric", &keyed, &long_field)],
        ),
        row(
            "29 dimensions of 1,024 characters beside a set of 500",
            &[500],
            vec![call("metric", &keyed, &metric(json!(beside_a_set), 60))],
        ),
        row(
            "29 dimensions of 1,024 characters",
            &[200],
            vec![call("metric", &keyed, &metric(json!(dimensions), 60))],
        ),
        row(
            "graphs of 16 KiB, of texts that are repeated and of ids that are taken",
            &[200, 500],
            graphs().map(|graph| call("metric", &keyed, &graph)).to_vec(),
        ),
        row(
            "a mean of 500 metrics over 14 days of minutes",
            &[500],
            vec![{
                let mut query = metric(json!([any_of("S", json!(set(500, 4)))]), 14 * 24 * 60);
                query["aggregation"]["method"] = json!("MEAN");
                call("metric", &keyed, &query)
            }],
        ),
        row(
            "100,800 datapoints",
            &[200],
            vec![call("metric", &keyed, &metric(json!([]), 15 * 24 * 60 - 300)); 4],
        ),
        row(
            "100,000 random points",
            &[200],
            vec![call("metric", &random(), &metric(json!([]), 100_000)); 4],
        ),
        Row { keeps: CACHED_CLIENTS, ..row("64 callers with tokens of 16 KiB", &[200], callers) },
        row("64 callers with tokens of 240 KB", &[500], long_tokens),
        Row { answer: 3 << 10, ..row("errors that echo", &[500], echoes.to_vec()) },
        Row {
            list: List::Longest('"'),
            keeps: CACHED_LISTS,
            ..row("lists of 5,000 values of quotes", &[200], lists(&keys("b")))
        },
        Row {
            list: List::Largest('x'),
            keeps: CACHED_LISTS,
            ..row("lists of the largest metrics", &[200], lists(&keys("c")))
        },
        Row {
            list: List::Largest('"'),
            keeps: CACHED_LISTS,
            ..row(
                "a wildcard over the largest metrics",
                &[500],
                vec![call("metric", &keys("d"), &metric(wildcards, 60))],
            )
        },
    ]
}
