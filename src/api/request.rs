//! What StackState writes → the model. Members that the API does not define are ignored.

use serde_json::Value;

use super::endpoint::Call;
use crate::error::MirrorError;
use crate::json::{Node, Object};
use crate::telemetry::{
    Aggregation, Condition, FieldType, FieldValuesQuery, Filter, LATEST_MILLIS, Method,
    MetricQuery, Scalar, TimeRange, Wanted,
};

/// A request's body, taken apart: whom to ask, and what.
pub struct Request<'a> {
    /// `connectionDetails`: whom to ask. Errors never quote what is in here.
    pub connection_details: Object<'a>,
    body: Object<'a>,
}

/// What is asked.
#[derive(Debug, PartialEq)]
pub enum Query {
    /// Whether the metric store can be used.
    Connection,
    /// The names of fields.
    FieldNames(Filter),
    /// The values of one field.
    FieldValues(FieldValuesQuery),
    /// Points.
    Metrics(MetricQuery),
}

/// A body as a JSON document.
///
/// # Errors
/// The body is empty, is not JSON, or is nested more than 127 deep.
pub fn parse(body: &[u8]) -> Result<Value, MirrorError> {
    if body.is_empty() {
        return Err(MirrorError::request("the body: expected a JSON object, found nothing"));
    }
    serde_json::from_slice(body)
        .map_err(|error| MirrorError::request(format_args!("the body: expected JSON: {error}")))
}

impl<'a> Request<'a> {
    /// Takes a document apart.
    ///
    /// # Errors
    /// It is no object, or has no `connectionDetails` object.
    pub fn open(document: &'a Value) -> Result<Self, MirrorError> {
        let body = Node::root(document).object()?;
        let connection_details = body.member("connectionDetails").secret().object()?;
        Ok(Request { connection_details, body })
    }

    /// What `call` asks.
    ///
    /// # Errors
    /// A member is missing or is not what the API says; the error names it.
    pub fn query(&self, call: Call) -> Result<Query, MirrorError> {
        let query = || self.body.member("query").object();
        Ok(match call {
            Call::Connection => Query::Connection,
            Call::FieldNames => Query::FieldNames(filter(&query()?)?),
            Call::FieldValues => Query::FieldValues(field_values(&query()?)?),
            Call::Metrics => Query::Metrics(metrics(&query()?)?),
        })
    }
}

fn filter(query: &Object) -> Result<Filter, MirrorError> {
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
    let millis =
        |name| {
            let node = query.member(name);
            match node.clone().integer("epoch milliseconds")? {
                0..=LATEST_MILLIS => node.integer("epoch milliseconds"),
                _ => Err(node
                    .wrong(&format!("epoch milliseconds from 0 to {LATEST_MILLIS} (year 9999)"))),
            }
        };
    let (start, end) = (millis("startTime")?, millis("endTime")?);
    TimeRange::new(start, end)
        .ok_or_else(|| query.member("endTime").wrong(&format!("startTime ({start}) or later")))
}

fn count(node: Node) -> Result<usize, MirrorError> {
    let expected = "a whole number, 0 or more";
    usize::try_from(node.clone().integer(expected)?).map_err(|_| node.wrong(expected))
}

fn condition(condition: &Object) -> Result<Condition, MirrorError> {
    choice(condition.member("_type"), &[("EqualityCondition", ())])?;
    Ok(Condition {
        key: condition.member("key").text("the name of a field")?.to_owned(),
        wanted: wanted(&condition.member("value").object()?)?,
    })
}

fn wanted(comparison: &Object) -> Result<Wanted, MirrorError> {
    type Read = fn(Node) -> Result<Wanted, MirrorError>;
    const TYPES: [(&str, Read); 4] = [
        ("StringValue", |node| Ok(Wanted::One(Scalar::Text(node.text("a string")?.to_owned())))),
        ("DoubleValue", |node| Ok(Wanted::One(Scalar::Number(node.number("a number")?)))),
        ("BooleanValue", |node| Ok(Wanted::One(Scalar::Boolean(node.boolean()?)))),
        ("InSetValue", |node| {
            node.items()?.map(scalar).collect::<Result<_, _>>().map(Wanted::AnyOf)
        }),
    ];
    let value = comparison.member("value");
    match choice(comparison.member("_type"), &TYPES)? {
        Some(read) => read(value),
        None => scalar(value).map(Wanted::One),
    }
}

fn scalar(node: Node) -> Result<Scalar, MirrorError> {
    match node.value() {
        Some(Value::String(text)) => Ok(Scalar::Text(text.clone())),
        Some(Value::Bool(boolean)) => Ok(Scalar::Boolean(*boolean)),
        _ => Ok(Scalar::Number(node.number("a string, a number, true or false")?)),
    }
}

fn field_values(query: &Object) -> Result<FieldValuesQuery, MirrorError> {
    // One example of the developer guide says DOUBLE, its definition says NUMBER.
    const TYPES: [(&str, FieldType); 4] = [
        ("STRING", FieldType::String),
        ("NUMBER", FieldType::Number),
        ("BOOLEAN", FieldType::Boolean),
        ("DOUBLE", FieldType::Number),
    ];
    let field = query.member("field").object()?;
    let prefix = query.member("fieldValuePrefix").optional(|node| node.text("a string"))?;
    Ok(FieldValuesQuery {
        filter: filter(query)?,
        field: field.member("fieldName").text("the name of a field")?.to_owned(),
        field_type: choice(field.member("fieldType"), &TYPES)?.unwrap_or(FieldType::String),
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
    let method = aggregation.member("method");
    let bucket = aggregation.member("bucketSizeMillis");
    let bucket_millis = bucket.clone().optional(|node| node.integer("milliseconds"))?;
    if bucket_millis > Some(LATEST_MILLIS) {
        return Err(bucket.wrong(&format!("at most {LATEST_MILLIS} milliseconds")));
    }
    Ok(Aggregation {
        method: choice(method.clone(), &Method::ALL)?
            .ok_or_else(|| method.wrong(&one_of(&Method::ALL)))?,
        bucket_millis: bucket_millis.filter(|millis| *millis > 0),
    })
}

/// The one of `choices` that is named here; `None` where nothing is.
fn choice<T: Copy>(node: Node, choices: &[(&str, T)]) -> Result<Option<T>, MirrorError> {
    node.optional(|node| {
        let expected = one_of(choices);
        let name = node.clone().text(&expected)?;
        let found = choices.iter().find(|(known, _)| *known == name);
        found.map(|(_, choice)| *choice).ok_or_else(|| node.wrong(&expected))
    })
}

fn one_of<T>(choices: &[(&str, T)]) -> String {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    match names.as_slice() {
        [name] => (*name).to_owned(),
        names => format!("one of {}", names.join(", ")),
    }
}
