//! Invalid bodies, paths, methods and ranges. Each has a clear answer, and the next request is served.

use std::sync::atomic::{AtomicBool, Ordering};

use lambda_http::LambdaEvent;
use serde_json::{Value, json};
use stackstate_mirror::time::EpochMillis;

use crate::support::app::{app, app_with, now};
use crate::support::events::{Reply, event, post, serve};

fn metric(query: Value) -> Value {
    json!({"connectionDetails": {}, "query": query})
}

fn range(start: Value, end: Value) -> Value {
    metric(json!({"startTime": start, "endTime": end}))
}

fn with(name: &str, value: Value) -> Value {
    let mut body = range(json!(0), json!(1000));
    body["query"][name] = value;
    body
}

fn condition(value: Value) -> Value {
    with("conditions", json!([{"key": "k", "value": value, "_type": "EqualityCondition"}]))
}

fn with_method(method: Value) -> Value {
    with("aggregation", json!({"method": method, "bucketSizeMillis": 1000}))
}

fn misspelt(member: &str, known: &str) -> String {
    format!("query.{member}: no member has this name; did you mean {known}?")
}

const METHODS: &str = "one of MEAN, PERCENTILE_25, PERCENTILE_50, PERCENTILE_75, PERCENTILE_90, \
     PERCENTILE_95, PERCENTILE_98, PERCENTILE_99, MAX, MIN, SUM, EVENT_COUNT, SUM_NO_ZEROS, \
     EVENT_COUNT_NO_ZEROS";

#[tokio::test]
async fn a_bad_body_is_explained() {
    let app = app();
    let millis = "epoch milliseconds";
    let calendar = "epoch milliseconds from 0 to 253402300799999 (year 9999)";
    for (call, body, details) in [
        ("metric", String::new(), "the body: expected a JSON object, found nothing".to_owned()),
        (
            "metric",
            "startTime=0".to_owned(),
            "the body: expected JSON, found a mistake at line 1, column 1: expected value".to_owned(),
        ),
        (
            "metric",
            "[".repeat(100_000),
            "the body: expected JSON, found a mistake at line 1, column 128: recursion limit exceeded".to_owned(),
        ),
        (
            "metric",
            r#"{"connectionDetails": {}"#.to_owned(),
            "the body: expected JSON, found a mistake at line 1, column 24: EOF while parsing an object".to_owned(),
        ),
        ("metric", "[]".to_owned(), "the body: expected an object, found an array".to_owned()),
        ("metric", "null".to_owned(), "the body: expected an object, found null".to_owned()),
        ("metric", "{}".to_owned(), "connectionDetails: expected an object, found nothing".to_owned()),
        ("connection", "{}".to_owned(), "connectionDetails: expected an object, found nothing".to_owned()),
        (
            "metric",
            json!({"connectionDetails": "hush"}).to_string(),
            "connectionDetails: expected an object, found a string (not shown)".to_owned(),
        ),
        (
            "metric",
            json!({"connectionDetails": {"seed": "hush"}, "query": {}}).to_string(),
            "connectionDetails.seed: expected a whole number, found a string (not shown)".to_owned(),
        ),
        ("metric", json!({"connectionDetails": {}}).to_string(), "query: expected an object, found nothing".to_owned()),
        ("field/name", metric(json!([])).to_string(), "query: expected an object, found an array".to_owned()),
        ("metric", metric(json!({})).to_string(), format!("query.startTime: expected {millis}, found nothing")),
        ("metric", range(json!("now"), json!(0)).to_string(), format!("query.startTime: expected {millis}, found \"now\"")),
        ("metric", range(json!(0.5), json!(1)).to_string(), format!("query.startTime: expected {millis}, found 0.5")),
        ("metric", range(json!(0), Value::Null).to_string(), format!("query.endTime: expected {millis}, found null")),
        ("metric", range(json!(-1), json!(0)).to_string(), format!("query.startTime: expected {calendar}, found -1")),
        ("metric", range(json!(0), json!(i64::MAX)).to_string(), format!("query.endTime: expected {calendar}, found {}", i64::MAX)),
        ("metric", range(json!(0), json!(u64::MAX)).to_string(), format!("query.endTime: expected {calendar}, found {}", u64::MAX)),
        ("metric", range(json!(0), json!(1e300)).to_string(), format!("query.endTime: expected {calendar}, found 1e+300")),
        ("metric", range(json!(5), json!(4)).to_string(), "query.endTime: expected startTime (5) or later, found 4".to_owned()),
        ("metric", with("limit", json!(-1)).to_string(), "query.limit: expected a whole number, 0 or more, found -1".to_owned()),
        ("metric", with("limit", json!("all")).to_string(), "query.limit: expected a whole number, 0 or more, found \"all\"".to_owned()),
        ("metric", with("metricField", json!(5)).to_string(), "query.metricField: expected a string, found 5".to_owned()),
        ("metric", with("conditions", json!({})).to_string(), "query.conditions: expected an array, found an object".to_owned()),
        ("metric", with("conditions", json!([5])).to_string(), "query.conditions[0]: expected an object, found 5".to_owned()),
        (
            "metric",
            with("conditions", json!([{"key": "k", "value": {"value": 1}}, {"value": {"value": 1}}])).to_string(),
            "query.conditions[1].key: expected the name of a field, found nothing".to_owned(),
        ),
        (
            "metric",
            with("conditions", json!([{"key": "k", "_type": "RangeCondition"}])).to_string(),
            "query.conditions[0]._type: expected EqualityCondition, found \"RangeCondition\"".to_owned(),
        ),
        ("metric", condition(json!("v")).to_string(), "query.conditions[0].value: expected an object, found \"v\"".to_owned()),
        ("metric", condition(json!({"value": 1, "_type": "StringValue"})).to_string(), "query.conditions[0].value.value: expected a string, found 1".to_owned()),
        ("metric", condition(json!({"value": "1", "_type": "DoubleValue"})).to_string(), "query.conditions[0].value.value: expected a number, found \"1\"".to_owned()),
        ("metric", condition(json!({"value": 1, "_type": "BooleanValue"})).to_string(), "query.conditions[0].value.value: expected true or false, found 1".to_owned()),
        ("metric", condition(json!({"value": "a", "_type": "InSetValue"})).to_string(), "query.conditions[0].value.value: expected an array, found \"a\"".to_owned()),
        (
            "metric",
            condition(json!({"value": ["a", []], "_type": "InSetValue"})).to_string(),
            "query.conditions[0].value.value[1]: expected a string, a number, true or false, found an array".to_owned(),
        ),
        (
            "metric",
            condition(json!({"value": "a", "_type": "RegexValue"})).to_string(),
            "query.conditions[0].value._type: expected one of StringValue, DoubleValue, BooleanValue, InSetValue, found \"RegexValue\"".to_owned(),
        ),
        ("metric", with("aggregation", json!("MEAN")).to_string(), "query.aggregation: expected an object, found \"MEAN\"".to_owned()),
        ("metric", with_method(json!("MEDIAN")).to_string(), format!("query.aggregation.method: expected {METHODS}, found \"MEDIAN\"")),
        ("metric", with_method(Value::Null).to_string(), format!("query.aggregation.method: expected {METHODS}, found null")),
        (
            "metric",
            with("aggregation", json!({"method": "MEAN", "bucketSizeMillis": "1m"})).to_string(),
            "query.aggregation.bucketSizeMillis: expected milliseconds, found \"1m\"".to_owned(),
        ),
        (
            "metric",
            with("aggregation", json!({"method": "MEAN", "bucketSizeMillis": i64::MAX})).to_string(),
            format!("query.aggregation.bucketSizeMillis: expected at most 253402300799999 milliseconds, found {}", i64::MAX),
        ),
        ("field/value", range(json!(0), json!(1)).to_string(), "query.field: expected an object, found nothing".to_owned()),
        ("field/value", with("field", json!({})).to_string(), "query.field.fieldName: expected the name of a field, found nothing".to_owned()),
        (
            "field/value",
            with("field", json!({"fieldName": "f", "fieldType": "DATE"})).to_string(),
            "query.field.fieldType: expected one of STRING, NUMBER, BOOLEAN, DOUBLE, found \"DATE\"".to_owned(),
        ),
        (
            "field/value",
            {
                let mut body = with("field", json!({"fieldName": "f"}));
                body["query"]["offset"] = json!(-5);
                body.to_string()
            },
            "query.offset: expected a whole number, 0 or more, found -5".to_owned(),
        ),
        ("metric", with("agregation", json!({"method": "MEAN"})).to_string(), misspelt("agregation", "aggregation")),
        ("metric", with("Aggregation", json!({"method": "MEAN"})).to_string(), misspelt("Aggregation", "aggregation")),
        ("metric", with("metricfield", json!("m")).to_string(), misspelt("metricfield", "metricField")),
        ("metric", with("metric", json!("m")).to_string(), misspelt("metric", "metricField")),
        ("field/name", with("condition", json!([])).to_string(), misspelt("condition", "conditions")),
        ("field/value", with("fieldValue", json!("p")).to_string(), misspelt("fieldValue", "fieldValuePrefix")),
        (
            "metric",
            with("aggregation", json!({"method": "MEAN", "bucketSize": 60_000})).to_string(),
            misspelt("aggregation.bucketSize", "bucketSizeMillis"),
        ),
        (
            "metric",
            with("aggregation", json!({"methods": "MEAN", "bucketSizeMillis": 60_000})).to_string(),
            misspelt("aggregation.methods", "method"),
        ),
        ("field/value", with("field", json!({"fieldNames": "f"})).to_string(), misspelt("field.fieldNames", "fieldName")),
    ] {
        let answer = serve(&app, &event("POST", &format!("/api/{call}"), body.clone())).await;
        let expected = Reply {
            status: 500,
            key: Some("api_key".to_owned()),
            body: json!({
                "_type": "RemoteMirrorError",
                "summary": "The mirror cannot read this request",
                "details": details,
            }),
        };
        assert_eq!(Reply::of(&answer), expected, "{call} {body:.200}");
    }
    for valid in [
        range(json!(0), json!(1000)),
        // A later StackState may send more. What it means is known only where nothing else has that name.
        with("timeZone", json!("UTC")),
        with("meta", json!("m")),
        with("agregation", Value::Null),
        with(
            "aggregation",
            json!({"method": "MEAN", "bucketSizeMillis": 60_000, "bucketSize": 1, "fill": 0}),
        ),
        condition(json!({"value": true})),
        with("aggregation", json!({"method": "MEAN", "bucketSizeMillis": 253_402_300_799_999_i64})),
    ] {
        assert_eq!(post(&app, "metric", &valid).await.status, 200, "{valid}");
    }
}

#[tokio::test]
async fn a_connection_that_cannot_be_read_fails_its_test() {
    let body = json!({"connectionDetails": {"seed": "hush"}});
    let reply = post(&app(), "connection", &body).await;
    let details = "The mirror cannot read this request: connectionDetails.seed: expected a whole \
                   number, found a string (not shown)";
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.body,
        json!({
            "status": "FAILURE",
            "error": {"_type": "MetricStoreConnectionError", "details": details},
            "_type": "TestConnectionResponse",
        })
    );
}

#[tokio::test]
async fn a_body_that_is_not_its_base64_is_explained() {
    let app = app();
    for name in ["function-url", "http-api", "http-api-stage", "rest-api"] {
        let path = format!("{}/events/{name}/metric-raw.json", env!("CARGO_MANIFEST_DIR"));
        let mut bad: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let good = bad.clone();
        bad["isBase64Encoded"] = json!(true);
        let answer = serve(&app, &bad).await;
        assert_eq!(answer["statusCode"], 500, "{name}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        let details = "the body: expected base64, as the event says, found other text";
        assert_eq!(body["details"], details, "{name}");
        assert_eq!(serve(&app, &good).await["statusCode"], 200, "{name}");
    }
}

#[tokio::test]
async fn an_event_that_makes_no_url_is_served() {
    let app = app();
    let body = json!({"connectionDetails": {}}).to_string();
    let long = format!("/{}", "é".repeat(40_000));
    for (path, query, host, status) in [
        ("/api/connection", "a=<b>&\u{7f}\"", "a b", 200),
        ("api/connection", "", "", 200),
        (":99999", "", "", 404),
        ("/api/%zz\\\u{0}", "", "", 404),
        (&long, "", "", 404),
    ] {
        let mut event = event("POST", path, body.as_str());
        event["rawQueryString"] = json!(query);
        event["headers"]["host"] = json!(host);
        event["headers"]["x-forwarded-proto"] = json!("no scheme");
        event["requestContext"]["domainName"] = json!(host);
        assert_eq!(serve(&app, &event).await["statusCode"], status, "{path:.20}");
    }
}

#[tokio::test]
async fn paths_and_methods_are_answered_in_json() {
    let app = app();
    let body = json!({"connectionDetails": {}}).to_string();
    for (method, path, status, allow) in [
        ("POST", "/api/connection", 200, None),
        ("POST", "//api/connection/", 200, None),
        ("POST", "/api/nothing", 404, None),
        ("GET", "/favicon.ico", 404, None),
        ("GET", "/api/metric", 405, Some("POST")),
        ("DELETE", "/api/connection", 405, Some("POST")),
        ("POST", "/", 405, Some("GET")),
    ] {
        let answer = serve(&app, &event(method, path, body.as_str())).await;
        assert_eq!(answer["statusCode"], status, "{method} {path}");
        assert_eq!(answer["headers"]["allow"].as_str(), allow, "{method} {path}");
        assert_eq!(answer["headers"]["content-type"], "application/json", "{method} {path}");
        let reply = Reply::of(&answer);
        assert_eq!(reply.key.as_deref(), Some("api_key"), "{method} {path}");
        let kind = if status == 200 { "TestConnectionResponse" } else { "RemoteMirrorError" };
        assert_eq!(reply.body["_type"], kind, "{method} {path}");
    }
}

/// "Payload format version", API Gateway developer guide: the path of an HTTP API has the stage.
#[tokio::test]
async fn the_stage_of_an_http_api_is_no_part_of_the_path() {
    let body = json!({"connectionDetails": {}}).to_string();
    for (stage, path, status) in [
        ("prod", "/prod/api/connection", 200),
        ("prod", "/api/connection", 200),
        ("prod", "/test/api/connection", 404),
        ("$default", "/$default/api/connection", 404),
    ] {
        let first = json!({
            "version": "1.0", "path": path, "httpMethod": "POST", "body": body,
            "requestContext": {"stage": stage},
        });
        let mut second = event("POST", path, body.as_str());
        second["requestContext"]["stage"] = json!(stage);
        for event in [first, second] {
            let answer = serve(&app(), &event).await;
            assert_eq!(answer["statusCode"], status, "{stage} {path} {}", event["version"]);
        }
    }
}

#[tokio::test]
async fn a_browser_is_told_what_this_is() {
    let reply = Reply::of(&serve(&app(), &event("GET", "/", "")).await);
    assert_eq!((reply.status, reply.key.as_deref()), (200, Some("api_key")));
    let told = ["service", "version", "commit"].map(|name| &reply.body[name]);
    assert_eq!(told, ["stackstate-mirror", env!("CARGO_PKG_VERSION"), "0123456789ab"]);
    assert!(reply.body["next"].as_str().unwrap().contains("press Test Connection"));
}

/// With the headers of a page that reads credentials.
#[tokio::test]
async fn the_page_is_served_if_it_is_on() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src/explore");
    let app = app_with(&[("MIRROR_EXPLORER", "1")], now);
    let mut names = vec!["page.html".to_owned()];
    while let Some(name) = names.pop() {
        let path =
            if name == "page.html" { "/explore".to_owned() } else { format!("/explore/{name}") };
        let answer = serve(&app, &event("GET", &path, "")).await;
        assert_eq!(answer["statusCode"], 200, "{path}");
        let text = answer["body"].as_str().unwrap();
        assert_eq!(text, std::fs::read_to_string(format!("{root}/{name}")).unwrap(), "{path}");
        let kind = match name.rsplit('.').next().unwrap() {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            _ => "image/svg+xml",
        };
        let headers = &answer["headers"];
        assert_eq!(headers["content-type"], kind, "{path}");
        let policy = headers["content-security-policy"].as_str().unwrap();
        for part in ["default-src 'none'; ", "frame-ancestors 'none'; ", "connect-src 'self'; "] {
            assert!(policy.contains(part) && !policy.contains("unsafe"), "{policy}");
        }
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(headers[header], value, "{path}");
        }
        // What it links to is there too.
        if name.starts_with("uplot/") {
            continue;
        }
        for before in ["href=\"explore/", "src=\"explore/", "from \"./"] {
            let links = text.split(before).skip(1).map(|rest| rest.split('"').next().unwrap());
            names.extend(links.map(str::to_owned));
        }
    }
    let answer = serve(&app, &event("GET", "/prod/explore/", "")).await;
    assert_eq!(answer["statusCode"], 404, "no stage of this name");
    let answer = serve(&app, &event("GET", "/explore/", "")).await;
    assert_eq!(
        (&answer["statusCode"], &answer["headers"]["location"]),
        (&json!(308), &json!("../explore"))
    );
}

/// The page tells the source in the mirror's own words, so whoever may call is told. StackState is not.
#[tokio::test]
async fn the_source_is_told_where_the_page_is() {
    let token = "a-token-of-24-characters";
    let keys = json!({"accessKeyId": "test", "secretAccessKey": "secret", "region": "eu-west-1"});
    let with = |more: Value| {
        let mut details = keys.clone();
        details.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        details
    };
    let role = "arn:aws:iam::123456789012:role/mirror";
    let own = json!({"source": "CloudWatch", "region": "us-east-1"});
    for (is_on, is_known, details, told) in [
        (true, true, json!({}), Some("random data")),
        (true, true, keys.clone(), Some("CloudWatch, eu-west-1, access key")),
        (
            true,
            true,
            with(json!({"regions": ["us-east-1", "eu-west-1"], "roleArn": role})),
            Some("CloudWatch, eu-west-1 and 1 more, role arn:aws:iam::123456789012:role/mirror"),
        ),
        (true, true, own.clone(), Some("CloudWatch, us-east-1, own role")),
        (true, true, json!({"source": "cloudwatch"}), Some("CloudWatch, own role")),
        (true, true, json!({"source": "clouds"}), None),
        (true, false, json!({}), None),
        (false, true, json!({}), None),
        (false, true, own, None),
    ] {
        let page = ("MIRROR_EXPLORER", if is_on { "1" } else { "0" });
        let app = app_with(&[("MIRROR_ACCESS_TOKEN", token), page], now);
        let mut details = details;
        if is_known {
            details["accessToken"] = json!(token);
        }
        // A query that is not valid asks nobody, and its error is told with the source.
        let body = json!({"connectionDetails": details, "query": {}}).to_string();
        let answer = serve(&app, &event("POST", "/api/metric", &body)).await;
        let found = answer["headers"].get("x-mirror-source").and_then(Value::as_str);
        assert_eq!(found, told, "{details} {answer}");
    }
}

/// A mirror without the page says nothing of it, and the networks hold for it too.
#[tokio::test]
async fn the_page_is_off_by_default() {
    for (variables, source, method, path, status) in [
        (&[][..], "203.0.113.24", "GET", "/explore", 404),
        (&[], "203.0.113.24", "POST", "/explore", 404),
        (&[], "203.0.113.24", "GET", "/explore/page.js", 404),
        (&[("MIRROR_EXPLORER", "0")], "203.0.113.24", "GET", "/explore", 404),
        (&[("MIRROR_EXPLORER", "1")], "203.0.113.24", "POST", "/explore", 405),
        (&[("MIRROR_EXPLORER", "1")], "203.0.113.24", "GET", "/explore/mod.rs", 404),
        (
            &[("MIRROR_EXPLORER", "1"), ("MIRROR_ALLOWED_CIDRS", "203.0.113.0/24")],
            "203.0.113.24",
            "GET",
            "/explore",
            200,
        ),
        (
            &[("MIRROR_EXPLORER", "1"), ("MIRROR_ALLOWED_CIDRS", "203.0.113.0/24")],
            "198.51.100.7",
            "GET",
            "/explore",
            401,
        ),
    ] {
        let app = app_with(variables, now);
        let mut event = event(method, path, "");
        event["requestContext"]["http"]["sourceIp"] = json!(source);
        let answer = serve(&app, &event).await;
        assert_eq!(answer["statusCode"], status, "{variables:?} {source} {method} {path}");
    }
}

#[tokio::test]
async fn a_panic_is_an_answer_and_the_next_request_is_served() {
    static BROKEN: AtomicBool = AtomicBool::new(true);
    let now = || if BROKEN.load(Ordering::Relaxed) { panic!("on purpose") } else { EpochMillis(0) };
    let token = "a-token-of-24-characters";
    for variables in [&[][..], &[("MIRROR_ACCESS_TOKEN", token)]] {
        BROKEN.store(true, Ordering::Relaxed);
        let app = app_with(variables, now);
        let mut body = range(json!(0), json!(1000));
        body["connectionDetails"]["accessToken"] = json!(token);
        let reply = post(&app, "metric", &body).await;
        let details = "this is a bug in the mirror; its log shows the place in the code";
        let failed = json!({
            "_type": "RemoteMirrorError", "summary": "The mirror failed", "details": details,
        });
        let key = Some("api_key".to_owned());
        assert_eq!(reply, Reply { status: 500, key, body: failed }, "{variables:?}");
        BROKEN.store(false, Ordering::Relaxed);
        assert_eq!(post(&app, "metric", &body).await.status, 200, "{variables:?}");
    }
}

#[tokio::test]
async fn a_body_of_256_kib_is_the_longest() {
    let token = "a-token-of-24-characters";
    let with_token = format!(r#"{{"connectionDetails": {{"accessToken": "{token}", "pad": ""#);
    let without = r#"{"connectionDetails": {"pad": ""#.to_owned();
    for (variables, start, bytes, status) in [
        (&[][..], &without, 256 << 10, 200),
        (&[], &without, (256 << 10) + 1, 413),
        (&[("MIRROR_ACCESS_TOKEN", token)], &with_token, 256 << 10, 200),
        (&[("MIRROR_ACCESS_TOKEN", token)], &with_token, (256 << 10) + 1, 413),
        (&[("MIRROR_ACCESS_TOKEN", token)], &with_token, 4 << 20, 413),
        // A stranger does not learn it.
        (&[("MIRROR_ACCESS_TOKEN", token)], &without, (256 << 10) + 1, 401),
    ] {
        let app = app_with(variables, now);
        let pad = "x".repeat(bytes - start.len() - 3);
        let body = format!("{start}{pad}\"}}}}");
        assert_eq!(body.len(), bytes);
        let reply = Reply::of(&serve(&app, &event("POST", "/api/connection", body)).await);
        assert_eq!(reply.status, status, "{bytes} bytes, {variables:?}");
        if status == 413 {
            let details = format!("the body: expected at most 262144 bytes, found {bytes}");
            assert_eq!(reply.body["details"], details);
        }
    }
}

/// Also with the member that serde_json would parse again.
#[tokio::test]
async fn a_document_is_not_nested_deeper() {
    let app = app();
    let mut text = "0".to_owned();
    for _ in 0..12 {
        let inner = format!("{}{text}{}", "[".repeat(100), "]".repeat(100));
        let name = r"\u0024serde_json::private::RawValue";
        text = format!(r#"{{"{name}":{}}}"#, serde_json::to_string(&inner).unwrap());
        if text.len() > 100_000 {
            break;
        }
        let body = format!(r#"{{"connectionDetails":{{}},"x":{text}}}"#);
        let reply = Reply::of(&serve(&app, &event("POST", "/api/connection", body)).await);
        assert_eq!(reply.status, 200, "it is a member like any other");
    }
    // Its text is not JSON, which nobody notices if nobody parses it.
    let body = r#"{"connectionDetails":{},"x":{"$serde_json::private::RawValue":"["}}"#;
    let reply = Reply::of(&serve(&app, &event("POST", "/api/connection", body)).await);
    assert_eq!(reply.status, 200, "{}", reply.body);
    for (levels, status) in [(126, 200), (127, 500)] {
        let nested = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let body = format!(r#"{{"connectionDetails":{{}},"x":{nested}}}"#);
        let reply = Reply::of(&serve(&app, &event("POST", "/api/metric", body)).await);
        let is_deep = reply.body.to_string().contains("recursion limit exceeded");
        assert_eq!(is_deep, status == 500, "{levels} levels: {}", reply.body);
    }
}

/// Whatever it quotes.
#[tokio::test]
async fn no_error_is_long() {
    let app = app();
    let long = "\u{1}\"x".repeat(20_000);
    let condition = json!({"key": long, "value": {"value": long}});
    let query = |more: Value| {
        let mut query = json!({"startTime": 0, "endTime": 1000});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        query
    };
    for (call, details, query) in [
        ("metric", json!({}), query(json!({"endTime": long}))),
        ("metric", json!({}), query(json!({"aggregation": {"method": long}}))),
        (
            "metric",
            json!({"source": "cloudwatch", "accessKeyId": "a", "secretAccessKey": "b"}),
            query(json!({"conditions": [condition]})),
        ),
        (
            "metric",
            json!({"source": "cloudwatch", "accessKeyId": "a", "secretAccessKey": "b"}),
            query(
                json!({"metricField": long, "conditions": [{"key": "Namespace", "value": {"value": "N"}}, {"key": "MetricName", "value": {"value": "M"}}]}),
            ),
        ),
        ("field/value", json!({}), query(json!({"field": {"fieldName": "f", "fieldType": long}}))),
        (
            "connection",
            json!({long.clone(): 5, "aws": {long.clone(): 5}, "region": long}),
            json!({}),
        ),
    ] {
        let body = json!({"connectionDetails": details, "query": query}).to_string();
        let answer = serve(&app, &event("POST", &format!("/api/{call}"), body)).await;
        let length = answer["body"].to_string().len();
        assert!(length < 2_300, "{call}: {length} bytes");
    }
}

/// The networks are compared with the address that Lambda puts into the event, never with a header.
#[tokio::test]
async fn only_allowed_networks_may_call() {
    let stranger = json!({"connectionDetails": {}});
    for (networks, source, header, status) in [
        ("", json!("203.0.113.24"), "", 200),
        ("203.0.113.0/24", json!("203.0.113.24"), "", 200),
        ("198.51.100.7, 203.0.113.0/24", json!("203.0.113.24"), "", 200),
        ("203.0.113.0/24", json!("198.51.100.7"), "", 401),
        ("203.0.113.0/24", json!("198.51.100.7"), "203.0.113.24", 401),
        ("203.0.113.0/24", json!(null), "203.0.113.24", 401),
        ("203.0.113.0/24", json!("no address"), "203.0.113.24", 401),
        ("2001:db8::/32", json!("2001:db8::7"), "", 200),
        ("2001:db8::/32", json!("2001:db9::7"), "", 401),
    ] {
        let app = app_with(&[("MIRROR_ALLOWED_CIDRS", networks)], now);
        let mut v2 = event("POST", "/api/connection", stranger.to_string());
        v2["requestContext"]["http"]["sourceIp"] = source.clone();
        v2["headers"]["x-forwarded-for"] = json!(header);
        let rest = std::fs::read_to_string(format!(
            "{}/events/rest-api/connection.json",
            env!("CARGO_MANIFEST_DIR")
        ));
        let mut v1: Value = serde_json::from_str(&rest.unwrap()).unwrap();
        v1["requestContext"]["identity"]["sourceIp"] = source.clone();
        v1["headers"]["X-Forwarded-For"] = json!(header);
        for event in [v1, v2] {
            let answer = serve(&app, &event).await;
            assert_eq!(answer["statusCode"], status, "{networks} {source} {header}: {answer}");
            let has_key = answer.to_string().contains("x-mirror-api-key");
            assert_eq!(has_key, status == 200, "{answer}");
        }
    }
}

/// The path of payload 1.0 begins with the base path of a custom domain ("Working with API mappings",
/// API Gateway developer guide), and with what the API has before `{proxy+}`.
#[tokio::test]
async fn a_base_path_is_no_part_of_the_path() {
    let app = app();
    for (resource, path, proxy, status) in [
        ("/{proxy+}", "/mirror/api/connection", "api/connection", 200),
        ("/{proxy+}", "/a/b/api/connection", "api/connection", 200),
        ("/mirror/{proxy+}", "/mirror/api/connection", "api/connection", 200),
        ("/api/connection", "/mirror/api/connection", "", 200),
        ("/api/{proxy+}", "/mirror/api/connection", "connection", 200),
        ("/api/{proxy+}", "/api/connection", "connection", 200),
        ("/{proxy+}", "/mirror/other/connection", "other/connection", 404),
        ("/{proxy+}", "/other/connection", "other/connection", 404),
    ] {
        let mut event = json!({
            "resource": resource, "path": path, "httpMethod": "POST", "headers": {},
            "requestContext": {
                "stage": "prod", "path": path, "identity": {"sourceIp": "203.0.113.24"},
            },
            "body": json!({"connectionDetails": {}}).to_string(), "isBase64Encoded": false,
        });
        event["pathParameters"] = match proxy {
            "" => json!(null),
            proxy => json!({"proxy": proxy}),
        };
        // Not by `serve`, which looks the path up in docs/openapi.yaml.
        let event = LambdaEvent::new(serde_json::from_value(event).unwrap(), Default::default());
        let answer = stackstate_mirror::event::serve(&app, event).await.unwrap();
        let answer = serde_json::to_value(answer).unwrap();
        assert_eq!(answer["statusCode"], status, "{resource} {path}");
    }
}
