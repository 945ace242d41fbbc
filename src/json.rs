//! Reads JSON member by member, so that an error names the member's whole path, what was
//! expected there and what was found instead.
//!
//! Why not serde's derive: it takes an array for an object, says "missing field" of the object
//! around it, and quotes what it found even where that is a secret.

use serde_json::{Map, Value};

use crate::error::MirrorError;

/// At most so many characters of a wrong text are quoted in an error.
const QUOTED: usize = 60;

/// A place in a JSON document and what stands there. `null` is taken for absent.
#[derive(Clone)]
pub struct Node<'a> {
    value: Option<&'a Value>,
    path: String,
    secret: bool,
}

/// A JSON object and where it stands.
#[derive(Clone)]
pub struct Object<'a> {
    members: &'a Map<String, Value>,
    path: String,
    secret: bool,
}

impl<'a> Node<'a> {
    /// The whole document.
    pub fn root(document: &'a Value) -> Self {
        Node { value: Some(document), path: String::new(), secret: false }
    }

    /// The same place; errors describe what they find there and below by its type alone.
    #[must_use]
    pub fn secret(self) -> Self {
        Node { secret: true, ..self }
    }

    /// `None` where nothing stands here, else what `read` makes of it.
    pub fn optional<T>(
        self,
        read: impl FnOnce(Self) -> Result<T, MirrorError>,
    ) -> Result<Option<T>, MirrorError> {
        match self.value {
            None | Some(Value::Null) => Ok(None),
            Some(_) => read(self).map(Some),
        }
    }

    /// An object.
    pub fn object(self) -> Result<Object<'a>, MirrorError> {
        match self.value {
            Some(Value::Object(members)) => {
                Ok(Object { members, path: self.path, secret: self.secret })
            }
            _ => Err(self.wrong("an object")),
        }
    }

    /// The items of an array.
    pub fn items(self) -> Result<impl ExactSizeIterator<Item = Node<'a>>, MirrorError> {
        match self.value {
            Some(Value::Array(items)) => {
                Ok(items.iter().enumerate().map(move |(index, value)| Node {
                    value: Some(value),
                    path: format!("{}[{index}]", self.path),
                    secret: self.secret,
                }))
            }
            _ => Err(self.wrong("an array")),
        }
    }

    /// A string; `expected` says of what.
    pub fn text(self, expected: &str) -> Result<&'a str, MirrorError> {
        self.value.and_then(Value::as_str).ok_or_else(|| self.wrong(expected))
    }

    /// A number with or without a fraction; `expected` says of what.
    pub fn number(self, expected: &str) -> Result<f64, MirrorError> {
        self.value.and_then(Value::as_f64).ok_or_else(|| self.wrong(expected))
    }

    /// `true` or `false`.
    pub fn boolean(self) -> Result<bool, MirrorError> {
        self.value.and_then(Value::as_bool).ok_or_else(|| self.wrong("true or false"))
    }

    /// A whole number, written with a fraction of zero or without; `expected` says of what.
    /// One beyond 64 bits is answered with the nearest that fits.
    pub fn integer(self, expected: &str) -> Result<i64, MirrorError> {
        let whole = |number: f64| (number.fract() == 0.0).then_some(number as i64);
        self.value
            .and_then(|value| value.as_i64().or_else(|| value.as_f64().and_then(whole)))
            .ok_or_else(|| self.wrong(expected))
    }

    /// What stands here, whatever it is.
    pub fn value(&self) -> Option<&'a Value> {
        self.value.filter(|value| !value.is_null())
    }

    /// The error that something else was expected here.
    pub fn wrong(&self, expected: &str) -> MirrorError {
        let place = if self.path.is_empty() { "the body" } else { &self.path };
        let found = match self.value {
            Some(value @ (Value::String(_) | Value::Number(_))) if self.secret => {
                format!("{} (not shown)", type_of(value))
            }
            Some(value) if self.secret => type_of(value).to_owned(),
            Some(Value::String(text)) if text.chars().count() > QUOTED => {
                let beginning: String = text.chars().take(QUOTED).collect();
                format!("{beginning:?} and {} characters more", text.chars().count() - QUOTED)
            }
            Some(Value::String(text)) => format!("{text:?}"),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            Some(value) => type_of(value).to_owned(),
            None => "nothing".to_owned(),
        };
        MirrorError::request(format_args!("{place}: expected {expected}, found {found}"))
    }
}

impl<'a> Object<'a> {
    /// The member of this name, there or not.
    pub fn member(&self, name: &str) -> Node<'a> {
        self.place(name, self.members.get(name))
    }

    /// Every member, with its name.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        self.members.iter().map(|(name, value)| (name.as_str(), self.place(name, Some(value))))
    }

    fn place(&self, name: &str, value: Option<&'a Value>) -> Node<'a> {
        let mut path = String::with_capacity(self.path.len() + 1 + name.len());
        path.push_str(&self.path);
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        Node { value, path, secret: self.secret }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn details(error: MirrorError) -> String {
        match error {
            MirrorError::Remote { details, .. } => details,
            other => panic!("not a request error: {other:?}"),
        }
    }

    #[test]
    fn an_error_names_path_expectation_and_finding() {
        for (found, text) in [
            (json!("now"), r#"a.b: expected a time, found "now""#),
            (
                json!("é".repeat(61)),
                &format!("a.b: expected a time, found {:?} and 1 characters more", "é".repeat(60)),
            ),
            (json!("\n\u{1b}"), r#"a.b: expected a time, found "\n\u{1b}""#),
            (json!(1.5), "a.b: expected a time, found 1.5"),
            (json!(true), "a.b: expected a time, found true"),
            (json!(null), "a.b: expected a time, found null"),
            (json!({}), "a.b: expected a time, found an object"),
            (json!([]), "a.b: expected a time, found an array"),
        ] {
            let document = json!({"a": {"b": found}});
            let a = Node::root(&document).object().unwrap().member("a").object().unwrap();
            assert_eq!(details(a.member("b").integer("a time").unwrap_err()), text);
        }
    }

    #[test]
    fn an_error_about_a_secret_names_its_type_alone() {
        let document = json!({"details": {"keys": ["hush"]}});
        let details_node = Node::root(&document).object().unwrap().member("details").secret();
        let keys = details_node.object().unwrap().member("keys");
        let first = keys.items().unwrap().next().unwrap();
        assert_eq!(
            details(first.integer("a number").unwrap_err()),
            "details.keys[0]: expected a number, found a string (not shown)"
        );
    }

    #[test]
    fn whole_numbers_come_in_every_spelling() {
        for (written, read) in [
            ("5", Some(5)),
            ("5.0", Some(5)),
            ("-5e0", Some(-5)),
            ("1e300", Some(i64::MAX)),
            ("18446744073709551615", Some(i64::MAX)),
            ("-1e300", Some(i64::MIN)),
            ("5.5", None),
            ("\"5\"", None),
        ] {
            let value: Value = serde_json::from_str(written).unwrap();
            assert_eq!(Node::root(&value).integer("a number").ok(), read, "{written}");
        }
    }

    #[test]
    fn null_and_nothing_are_absent() {
        let document = json!({"null": null});
        let object = Node::root(&document).object().unwrap();
        assert_eq!(object.member("null").optional(|node| node.boolean()), Ok(None));
        assert_eq!(object.member("nothing").optional(|node| node.boolean()), Ok(None));
        let error = object.member("nothing").boolean().unwrap_err();
        assert_eq!(details(error), "nothing: expected true or false, found nothing");
    }
}
