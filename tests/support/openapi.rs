//! `docs/openapi.yaml`, and what it says of answers and requests.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// The description.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
});

/// The description, in which no object has other members than those that it names. Clients may meet
/// mirrors that have more; an answer of this one is described as a whole.
static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = DOCUMENT.clone();
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    for schema in schemas.values_mut().filter(|schema| schema["type"] == "object") {
        schema["additionalProperties"] = json!(false);
    }
    document
});

/// The maximum length of a body that is validated as a whole, in bytes. A longer one takes seconds.
const MAX_BODY: usize = 200_000;

/// Panics if the description does not say this of the answer to an event.
pub(crate) fn check(event: &Value, answer: &Value) {
    let headers = |name: &str| answer["headers"][name].as_str().map(str::to_owned);
    if headers("content-security-policy").is_some() || answer["statusCode"] == 308 {
        // A file of the page, or the way to it.
        return;
    }
    assert_eq!(headers("content-type").as_deref(), Some("application/json"), "{answer:.200}");
    let text = answer["body"].as_str().unwrap();
    assert!(text.len() < 6_000_000, "it fits Lambda's answer");
    if text.len() > MAX_BODY {
        return;
    }
    let body: Value = serde_json::from_str(text).unwrap();
    let status = answer["statusCode"].to_string();
    let Some(operation) = operation(event) else {
        assert!(["401", "404", "405"].contains(&&*status), "{status}: {body}");
        assert_valid(&STRICT, "/components/schemas/RemoteMirrorError", &body);
        return;
    };
    let pointer = format!("{operation}/responses/{status}");
    let pointer = resolved(&STRICT, &pointer).unwrap_or_else(|| panic!("{pointer}: {body}"));
    let response = STRICT.pointer(&pointer).unwrap();
    let has_key = headers("x-mirror-api-key").is_some();
    if response["headers"]["X-Mirror-Api-Key"].is_object() {
        assert!(has_key, "{pointer} has a key: {answer}");
    } else if status == "401" {
        assert!(!has_key, "{pointer} has no key: {answer}");
    }
    assert_valid(&STRICT, &format!("{pointer}/content/application~1json/schema"), &body);
}

/// Whether the description accepts a request's body at this path.
pub(crate) fn accepts_request(path: &str, body: &Value) -> Result<(), String> {
    let path = path.replace('/', "~1");
    let pointer = format!("/paths/{path}/post/requestBody/content/application~1json/schema");
    validate(&DOCUMENT, &pointer, body)
}

/// Whether a value is what a named schema says.
pub(crate) fn is_a(schema: &str, value: &Value) -> Result<(), String> {
    validate(&DOCUMENT, &format!("/components/schemas/{schema}"), value)
}

/// The pointer to the operation that an event asks for, if there is one.
fn operation(event: &Value) -> Option<String> {
    let context = &event["requestContext"];
    let text = |values: [&Value; 2]| values.into_iter().find_map(Value::as_str).map(str::to_owned);
    let method = text([&context["http"]["method"], &event["httpMethod"]])?;
    let path = text([&event["rawPath"], &event["path"]])?;
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let stage = context["stage"].as_str().filter(|stage| *stage != "$default");
    let paths = [Some(&segments[..]), stage.and_then(|stage| segments.strip_prefix(&[stage]))];
    let path = paths
        .into_iter()
        .flatten()
        .map(|segments| format!("/{}", segments.join("/")))
        .find(|path| DOCUMENT["paths"].get(path).is_some())?;
    let pointer = format!("/paths/{}/{}", path.replace('/', "~1"), method.to_ascii_lowercase());
    DOCUMENT.pointer(&pointer).map(|_| pointer)
}

/// A pointer, or that of the part that it refers to.
fn resolved(document: &Value, pointer: &str) -> Option<String> {
    let part = document.pointer(pointer)?;
    Some(match part["$ref"].as_str() {
        Some(target) => target.trim_start_matches('#').to_owned(),
        None => pointer.to_owned(),
    })
}

fn assert_valid(document: &'static Value, pointer: &str, value: &Value) {
    if let Err(error) = validate(document, pointer, value) {
        panic!("docs/openapi.yaml{pointer}: {error}\n{value:#.2000}");
    }
}

fn validate(document: &'static Value, pointer: &str, value: &Value) -> Result<(), String> {
    static VALIDATORS: LazyLock<Mutex<HashMap<(usize, String), &'static Validator>>> =
        LazyLock::new(Mutex::default);
    let key = (std::ptr::from_ref(document).addr(), pointer.to_owned());
    let validator = *VALIDATORS.lock().unwrap().entry(key).or_insert_with(|| {
        // The references in the schema begin at the top of the document.
        let mut schema = Map::new();
        schema.insert("$ref".to_owned(), json!(format!("#{pointer}")));
        for part in ["components", "paths"] {
            schema.insert(part.to_owned(), document[part].clone());
        }
        let schema = Value::Object(schema);
        let options = jsonschema::options().with_draft(Draft::Draft202012);
        Box::leak(Box::new(options.build(&schema).unwrap()))
    });
    validator.validate(value).map_err(|error| format!("{}: {error:.500}", error.instance_path()))
}
