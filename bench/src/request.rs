//! Requests as events of a function URL.

use serde_json::{Value, json};

/// The event of a POST request.
pub fn event(path: &str, body: &Value) -> String {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {
            "content-type": "application/json", "host": "abc.lambda-url.eu-west-1.on.aws",
            "user-agent": "akka-http/10.2.9", "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "anonymous", "apiId": "abc", "stage": "$default",
            "domainName": "abc.lambda-url.eu-west-1.on.aws", "domainPrefix": "abc",
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1",
                     "sourceIp": "203.0.113.24", "userAgent": "akka-http/10.2.9"},
            "requestId": "r", "routeKey": "$default", "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_i64
        },
        "body": body.to_string(), "isBase64Encoded": false
    })
    .to_string()
}

/// A metric query from `start` to `end` in epoch milliseconds. A `bucket` in milliseconds makes it
/// an aggregated one.
pub fn metric(details: Value, start: i64, end: i64, bucket: Option<i64>) -> String {
    let mut query = json!({
        "conditions": [{"key": "Namespace", "value": {"value": "N", "_type": "StringValue"}}],
        "metricField": "M", "startTime": start, "endTime": end, "limit": 2_147_483_647,
    });
    if let Some(bucket) = bucket {
        query["aggregation"] = json!({"method": "MAX", "bucketSizeMillis": bucket});
    }
    event("/api/metric", &json!({"connectionDetails": details, "query": query}))
}

/// Connection details for CloudWatch, without the cache.
pub fn keys() -> Value {
    json!({"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "secret",
           "region": "eu-west-1", "cacheSeconds": 0})
}

/// The status and the body of a function's answer.
pub fn status_and_body(answer: &[u8]) -> (u64, Value) {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let body = answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
    (answer["statusCode"].as_u64().unwrap_or_default(), body.unwrap_or_default())
}
