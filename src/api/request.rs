//! A request's JSON → the model. Members that the API does not define are ignored.

use serde_json::Value;

use super::endpoint::Call;
use crate::error::MirrorError;
use crate::json::{self, Node, Object};
use crate::model::{
    Aggregation, Condition, FieldType, FieldValuesQuery, Filter, Method, MetricQuery, Query, Scalar,
};
use crate::time::{MAX_EPOCH_MILLIS, TimeRange};

/// Parses a body as JSON.
///
/// # Errors
/// The body is empty, is not JSON, or is nested more than 127 levels deep.
pub fn parse(body: &[u8]) -> Result<Value, MirrorError> {
    if body.is_empty() {
        return Err(MirrorError::request("the body: expected a JSON object, found nothing"));
    }
    json::parse(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or_default();
        MirrorError::request(format_args!(
            "the body: expected JSON, found a mistake at line {line}, column {column}: {reason}"
        ))
    })
}

/// The member `connectionDetails` of a request. Errors never quote its values.
///
/// # Errors
/// The document is not an object, or has no object `connectionDetails`.
pub fn connection_details(document: &Value) -> Result<Object<'_>, MirrorError> {
    Node::root(document).object()?.member("connectionDetails").secret().object()
}

/// Reads the query of `call`.
///
/// # Errors
/// A member is missing or is not what the API defines. The error names it.
pub fn query(document: &Value, call: Call) -> Result<Query, MirrorError> {
    let query = || Node::root(document).object()?.member("query").object();
    Ok(match call {
        Call::Connection => Query::Connection,
        Call::FieldNames => Query::FieldNames(filter(&query()?)?),
        Call::FieldValues => Query::FieldValues(field_values(&query()?)?),
        Call::Metrics => Query::Metrics(metrics(&query()?)?),
    })
}

/// The members of a query that the API defines, in all calls.
const QUERY: [&str; 11] = [
    "conditions",
    "startTime",
    "endTime",
    "limit",
    "latestFirst",
    "metricField",
    "aggregation",
    "field",
    "fieldValuePrefix",
    "offset",
    "_type",
];

fn filter(query: &Object) -> Result<Filter, MirrorError> {
    query.expect_names(&QUERY)?;
    let conditions = query.member("conditions").optional(|conditions| {
        conditions.items()?.map(|item| condition(&item.object()?)).collect::<Result<_, _>>()
    })?;
    Ok(Filter {
        conditions: conditions.unwrap_or_default(),
        range: range(query)?,
        limit: query.member("limit").optional(count)?.unwrap_or(usize::MAX),
    })
}

fn range(query: &Object) -> Result<TimeRange, MirrorError> {
    let millis = |name| {
        let node = query.member(name);
        match node.integer("epoch milliseconds")? {
            millis @ 0..=MAX_EPOCH_MILLIS => Ok(millis),
            _ => {
                Err(node
                    .wrong(&format!("epoch milliseconds from 0 to {MAX_EPOCH_MILLIS} (year 9999)")))
            }
        }
    };
    let (start, end) = (millis("startTime")?, millis("endTime")?);
    TimeRange::new(start, end)
        .ok_or_else(|| query.member("endTime").wrong(&format!("startTime ({start}) or later")))
}

fn count(node: &Node) -> Result<usize, MirrorError> {
    let expected = "a whole number, 0 or more";
    usize::try_from(node.integer(expected)?).map_err(|_| node.wrong(expected))
}

fn condition(condition: &Object) -> Result<Condition, MirrorError> {
    condition.expect_names(&["key", "value", "_type"])?;
    choice(&condition.member("_type"), &[("EqualityCondition", ())])?;
    Ok(Condition {
        key: condition.member("key").text("the name of a field")?.to_owned(),
        values: values(&condition.member("value").object()?)?,
    })
}

fn values(comparison: &Object) -> Result<Vec<Scalar>, MirrorError> {
    type Read = fn(&Node) -> Result<Vec<Scalar>, MirrorError>;
    const TYPES: [(&str, Read); 4] = [
        ("StringValue", |node| Ok(vec![Scalar::Text(node.text("a string")?.to_owned())])),
        ("DoubleValue", |node| Ok(vec![Scalar::Number(node.number("a number")?)])),
        ("BooleanValue", |node| Ok(vec![Scalar::Boolean(node.boolean()?)])),
        ("InSetValue", |node| node.items()?.map(|item| scalar(&item)).collect()),
    ];
    let value = comparison.member("value");
    match choice(&comparison.member("_type"), &TYPES)? {
        Some(read) => read(&value),
        None => Ok(vec![scalar(&value)?]),
    }
}

fn scalar(node: &Node) -> Result<Scalar, MirrorError> {
    match node.value() {
        Some(Value::String(text)) => Ok(Scalar::Text(text.clone())),
        Some(Value::Bool(boolean)) => Ok(Scalar::Boolean(*boolean)),
        _ => Ok(Scalar::Number(node.number("a string, a number, true or false")?)),
    }
}

fn field_values(query: &Object) -> Result<FieldValuesQuery, MirrorError> {
    // One example in the developer guide says DOUBLE; its definition says NUMBER.
    const TYPES: [(&str, FieldType); 4] = [
        ("STRING", FieldType::String),
        ("NUMBER", FieldType::Number),
        ("BOOLEAN", FieldType::Boolean),
        ("DOUBLE", FieldType::Number),
    ];
    let filter = filter(query)?;
    let field = query.member("field").object()?;
    field.expect_names(&["fieldName", "fieldType", "_type"])?;
    let prefix = query.member("fieldValuePrefix").optional(|node| node.text("a string"))?;
    Ok(FieldValuesQuery {
        filter,
        field: field.member("fieldName").text("the name of a field")?.to_owned(),
        field_type: choice(&field.member("fieldType"), &TYPES)?.unwrap_or(FieldType::String),
        prefix: prefix.unwrap_or_default().to_owned(),
        offset: query.member("offset").optional(count)?.unwrap_or(0),
    })
}

fn metrics(query: &Object) -> Result<MetricQuery, MirrorError> {
    let metric_field = query.member("metricField").optional(|node| node.text("a string"))?;
    let aggregation = query.member("aggregation").optional(|node| aggregation(&node.object()?))?;
    Ok(MetricQuery {
        filter: filter(query)?,
        metric_field: metric_field.map(str::to_owned),
        aggregation,
    })
}

fn aggregation(aggregation: &Object) -> Result<Aggregation, MirrorError> {
    aggregation.expect_names(&["method", "bucketSizeMillis", "_type"])?;
    let method = aggregation.member("method");
    let bucket = aggregation.member("bucketSizeMillis");
    let bucket_millis = bucket.optional(|node| node.integer("milliseconds"))?;
    if bucket_millis > Some(MAX_EPOCH_MILLIS) {
        return Err(bucket.wrong(&format!("at most {MAX_EPOCH_MILLIS} milliseconds")));
    }
    Ok(Aggregation {
        method: choice(&method, &Method::ALL)?
            .ok_or_else(|| method.wrong(&one_of(&Method::ALL)))?,
        bucket_millis: bucket_millis.filter(|millis| *millis > 0),
    })
}

/// The choice that `node` names; `None` if it is absent.
fn choice<T: Copy>(node: &Node, choices: &[(&str, T)]) -> Result<Option<T>, MirrorError> {
    node.optional(|node| {
        let name = node.value().and_then(Value::as_str);
        let found = choices.iter().find(|(known, _)| Some(*known) == name);
        found.map(|(_, choice)| *choice).ok_or_else(|| node.wrong(&one_of(choices)))
    })
}

fn one_of<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    match names.as_slice() {
        [name] => (*name).to_owned(),
        names => format!("one of {}", names.join(", ")),
    }
}
