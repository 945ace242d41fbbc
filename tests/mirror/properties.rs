//! Any request: bytes, JSON, and valid requests with changes. The answer is well formed, has the right
//! status and keeps the contract, and nothing panics.

use std::fs;
use std::path::Path;

use futures_util::FutureExt;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};
use stackstate_mirror::app::App;

use crate::support::app::app;
use crate::support::events::{METHODS, Reply, event, serve};
use crate::support::invariants::{CALLS, check};

/// Posts a body to one of the calls, and checks the answer.
fn ask(app: &App, call: usize, body: &[u8]) -> Reply {
    let (path, kind) = CALLS[call];
    let mut event = event("POST", path, "");
    event["body"] = json!(base64::Engine::encode(&base64::prelude::BASE64_STANDARD, body));
    event["isBase64Encoded"] = json!(true);
    let answer = serve(app, &event).now_or_never().expect("random data never waits");
    let reply = Reply::of(&answer);
    let text = answer["body"].as_str().unwrap();
    check(kind, body, reply.status, reply.key.as_deref(), text.as_bytes());
    reply
}

fn any_text() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 12] = [
        "connectionDetails",
        "query",
        "conditions",
        "startTime",
        "endTime",
        "limit",
        "aggregation",
        "field",
        "seed",
        "_type",
        "STRING",
        "MEAN",
    ];
    prop_oneof![select(&KNOWN[..]).prop_map(str::to_owned), any::<String>()]
}

fn any_scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-2_000_i64..2_000_000_000_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    any_scalar().prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((any_text(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A change somewhere in a document.
#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Rename(String),
    Add(String, Value),
}

fn any_change() -> impl Strategy<Value = (Index, Change)> {
    let change = prop_oneof![
        any_json().prop_map(Change::Replace),
        any_scalar().prop_map(Change::Replace),
        Just(Change::Remove),
        any_text().prop_map(Change::Rename),
        (any_text(), any_json()).prop_map(|(name, value)| Change::Add(name, value)),
    ];
    (any::<Index>(), change)
}

/// The JSON pointers of all values in a document.
fn places(document: &Value) -> Vec<String> {
    let below = |name: &str, value: &Value| -> Vec<String> {
        let name = name.replace('~', "~0").replace('/', "~1");
        places(value).into_iter().map(|place| format!("/{name}{place}")).collect()
    };
    let mut all = vec![String::new()];
    match document {
        Value::Object(members) => {
            all.extend(members.iter().flat_map(|(name, value)| below(name, value)));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            all.extend(items.flat_map(|(index, value)| below(&index.to_string(), value)));
        }
        _ => {}
    }
    all
}

fn apply(document: &mut Value, at: &Index, change: Change) {
    let place = at.get(&places(document)).clone();
    let (around, name) = place.rsplit_once('/').unwrap_or_default();
    let name = name.replace("~1", "/").replace("~0", "~");
    match (change, document.pointer_mut(around)) {
        (Change::Remove, Some(Value::Object(members))) => {
            members.remove(&name);
        }
        (Change::Rename(new), Some(Value::Object(members))) => {
            if let Some(value) = members.remove(&name) {
                members.insert(new, value);
            }
        }
        (Change::Add(new, value), Some(Value::Object(members))) => {
            members.insert(new, value);
        }
        (Change::Add(_, value), Some(Value::Array(items))) => items.push(value),
        (Change::Replace(value), _) => *document.pointer_mut(&place).unwrap() = value,
        _ => {}
    }
}

/// The bodies of the events, with the index of their call.
fn examples() -> Vec<(usize, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events/function-url");
    let mut examples = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        let call = CALLS.iter().position(|(path, _)| event["rawPath"] == *path).unwrap();
        if let Ok(body) = serde_json::from_str(event["body"].as_str().unwrap()) {
            examples.push((call, body));
        }
    }
    assert_eq!(examples.len(), 5);
    examples
}

/// Other sources need a network and have their own tests.
fn is_random(body: &Value) -> bool {
    let text = body["connectionDetails"].to_string().to_lowercase();
    !["source", "role", "key", "token"].iter().any(|word| text.contains(word))
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn any_bytes_have_an_answer(call in 0..4_usize, body: Vec<u8>) {
        prop_assert_eq!(ask(&app(), call, &body).status, 500);
    }

    #[test]
    fn any_json_has_an_answer(call in 0..4_usize, details in any_json(), query in any_json(), bare: bool) {
        let body = if bare { query } else { json!({"connectionDetails": details, "query": query}) };
        prop_assume!(is_random(&body));
        ask(&app(), call, body.to_string().as_bytes());
    }

    #[test]
    fn any_change_to_a_valid_request_has_an_answer(
        example in select(examples()),
        changes in prop::collection::vec(any_change(), 0..4),
    ) {
        let (call, mut body) = example;
        for (at, change) in changes {
            apply(&mut body, &at, change);
        }
        prop_assume!(is_random(&body));
        ask(&app(), call, body.to_string().as_bytes());
    }

    #[test]
    fn any_event_has_an_answer(
        method in prop_oneof![Just("POST".to_owned()), Just("GET".to_owned()), any::<String>()],
        path in prop_oneof![select(&CALLS[..]).prop_map(|(path, _)| path.to_owned()), any::<String>()],
        body in any_json(),
        base64: bool,
    ) {
        let mut event = event(&method, &path, body.to_string());
        event["isBase64Encoded"] = json!(base64);
        if let Ok(payload) = serde_json::from_value(event) {
            let event = lambda_http::LambdaEvent::new(payload, Default::default());
            let app = app();
            let answer = stackstate_mirror::event::serve(&app, event);
            let answer = answer.now_or_never().expect("random data never waits").unwrap();
            let reply = Reply::of(&serde_json::to_value(answer).unwrap());
            prop_assert!([200, 404, 405, 500].contains(&reply.status), "{:?}", reply);
            prop_assert_eq!(reply.key.as_deref(), Some("api_key"));
        }
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn any_metric_query_keeps_the_contract(
        start in 0..4_000_000_000_000_i64,
        length in prop_oneof![
            10 => 0..200_i64, 10 => 0..10_000_000_i64, 1 => 0..40_000_000_000_i64
        ],
        limit in prop::option::of(prop_oneof![0..100_i64, 0..=i64::MAX]),
        bucket in prop::option::of(prop_oneof![0..2_000_i64, 0..=100_000_000_i64]),
        method in select(&METHODS[..]),
    ) {
        let mut query = json!({"startTime": start, "endTime": start + length, "limit": limit});
        if let Some(bucket) = bucket {
            query["aggregation"] = json!({"method": method, "bucketSizeMillis": bucket});
        }
        let body = json!({"connectionDetails": {"seed": 1}, "query": query});
        prop_assert_eq!(ask(&app(), 3, body.to_string().as_bytes()).status, 200);
    }
}
