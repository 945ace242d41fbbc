//! Reads JSON member by member, so that an error names the member's full path, what was
//! expected there and what was found.
//!
//! serde's derive does not fit: it accepts an array for a struct, names only the parent of a
//! missing member, and quotes what it found even if that is a secret.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::error::MirrorError;

/// The maximum number of characters that an error quotes from a wrong text.
const MAX_QUOTED: usize = 60;

/// Parses a document.
///
/// `serde_json` has a special name for a member whose text it parses again, with a nesting limit of
/// its own, if its feature `raw_value` is on, as lambda_http has it. So a document could be nested
/// without limit. Here that name is one like any other.
///
/// # Errors
/// The text is not JSON, or is nested more than 127 levels deep.
pub fn parse(text: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice::<Tree>(text).map(|Tree(value)| value)
}

struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut values = Vec::new();
        while let Some(Tree(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Tree(Value::Array(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut map = Map::new();
        while let Some((name, Tree(value))) = members.next_entry::<String, Tree>()? {
            map.insert(name, value);
        }
        Ok(Tree(Value::Object(map)))
    }
}

/// A member of a JSON document, which may be absent. `null` counts as absent.
pub struct Node<'a> {
    object: Object<'a>,
    name: &'a str,
    value: Option<&'a Value>,
}

/// A JSON object in a document. Its path is looked for only if an error names it.
#[derive(Clone, Copy)]
pub struct Object<'a> {
    document: &'a Value,
    members: Option<&'a Map<String, Value>>,
    is_secret: bool,
}

impl<'a> Node<'a> {
    /// The whole document.
    pub fn root(document: &'a Value) -> Self {
        let object = Object { document, members: None, is_secret: false };
        Node { object, name: "", value: Some(document) }
    }

    /// The same value as a secret: errors name only the type of what they find here and below.
    #[must_use]
    pub fn secret(self) -> Self {
        Node { object: Object { is_secret: true, ..self.object }, ..self }
    }

    /// The output of `read`, or `None` if the value is absent.
    pub fn optional<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, MirrorError>,
    ) -> Result<Option<T>, MirrorError> {
        self.value().map(|_| read(self)).transpose()
    }

    /// The value as an object.
    pub fn object(&self) -> Result<Object<'a>, MirrorError> {
        match self.value {
            Some(Value::Object(members)) => Ok(Object { members: Some(members), ..self.object }),
            _ => Err(self.wrong("an object")),
        }
    }

    /// The items of an array.
    pub fn items(&self) -> Result<impl ExactSizeIterator<Item = Node<'a>>, MirrorError> {
        match self.value {
            Some(Value::Array(items)) => {
                let object = self.object;
                Ok(items.iter().map(move |item| Node { object, name: "", value: Some(item) }))
            }
            _ => Err(self.wrong("an array")),
        }
    }

    /// The value as a string. `expected` completes the error "expected …".
    pub fn text(&self, expected: &str) -> Result<&'a str, MirrorError> {
        self.value.and_then(Value::as_str).ok_or_else(|| self.wrong(expected))
    }

    /// The value as a string that `parse` accepts.
    pub fn parsed<T>(
        &self,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, MirrorError> {
        parse(self.text(expected)?).ok_or_else(|| self.wrong(expected))
    }

    /// The value as a number, with or without a fraction. `expected` completes the error
    /// "expected …".
    pub fn number(&self, expected: &str) -> Result<f64, MirrorError> {
        self.value.and_then(Value::as_f64).ok_or_else(|| self.wrong(expected))
    }

    /// The value as `true` or `false`.
    pub fn boolean(&self) -> Result<bool, MirrorError> {
        self.value.and_then(Value::as_bool).ok_or_else(|| self.wrong("true or false"))
    }

    /// The value as a whole number; a fraction of zero is accepted. A number beyond 64 bits
    /// becomes the nearest one that fits. `expected` completes the error "expected …".
    pub fn integer(&self, expected: &str) -> Result<i64, MirrorError> {
        let whole = |number: f64| (number.fract() == 0.0).then_some(number as i64);
        self.value
            .and_then(|value| value.as_i64().or_else(|| value.as_f64().and_then(whole)))
            .ok_or_else(|| self.wrong(expected))
    }

    /// The value, whatever its type; `None` if it is absent.
    pub fn value(&self) -> Option<&'a Value> {
        self.value.filter(|value| !value.is_null())
    }

    /// Where the value is in the document, or would be.
    fn path(&self) -> String {
        let Object { document, members, .. } = self.object;
        let path = match self.value {
            Some(wanted) => path(document, &|value| std::ptr::eq(value, wanted)),
            None => {
                let is_object = |value: &Value| {
                    value
                        .as_object()
                        .zip(members)
                        .is_some_and(|(one, other)| std::ptr::eq(one, other))
                };
                path(document, &is_object).map(|path| format!("{path}.{}", self.name))
            }
        };
        let path = path.unwrap_or_default();
        path.strip_prefix('.').unwrap_or(&path).to_owned()
    }

    /// The error that something is wrong here.
    pub fn refused(&self, why: impl fmt::Display) -> MirrorError {
        let path = self.path();
        let place = if path.is_empty() { "the body" } else { &path };
        MirrorError::request(format_args!("{place}: {why}"))
    }

    /// The error that this member's name is nearly the known name `known`.
    pub fn misspelt(&self, known: &str) -> MirrorError {
        self.refused(format_args!("no member has this name; did you mean {known}?"))
    }

    /// The error that `expected` was expected here.
    pub fn wrong(&self, expected: &str) -> MirrorError {
        let found = match self.value {
            Some(value @ (Value::String(_) | Value::Number(_))) if self.object.is_secret => {
                format!("{} (not shown)", type_of(value))
            }
            Some(value) if self.object.is_secret => type_of(value).to_owned(),
            Some(Value::String(text)) if text.chars().count() > MAX_QUOTED => {
                let beginning: String = text.chars().take(MAX_QUOTED).collect();
                format!("{beginning:?} and {} more characters", text.chars().count() - MAX_QUOTED)
            }
            Some(Value::String(text)) => format!("{text:?}"),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            Some(value) => type_of(value).to_owned(),
            None => "nothing".to_owned(),
        };
        self.refused(format_args!("expected {expected}, found {found}"))
    }
}

impl<'a> Object<'a> {
    /// The member with this name, which may be absent.
    pub fn member(&self, name: &'a str) -> Node<'a> {
        let value = self.members.and_then(|members| members.get(name));
        Node { object: *self, name, value }
    }

    /// Fails if a member has none of these names, but nearly one that is absent, or its beginning, such as
    /// bucketSize. Other members may be anything.
    pub fn expect_names(&self, names: &[&str]) -> Result<(), MirrorError> {
        let unknown = self.members().filter(|(name, _)| !names.contains(name));
        for (name, node) in unknown.filter(|(_, node)| node.value().is_some()) {
            let is_meant = |known: &&&str| {
                let is_beginning = name.len() >= MIN_MISSPELT && known.starts_with(name);
                self.member(known).value().is_none() && (is_beginning || is_nearly(name, known))
            };
            if let Some(known) = names.iter().find(is_meant) {
                return Err(node.misspelt(known));
            }
        }
        Ok(())
    }

    /// All members with their names.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        let object = *self;
        let members = self.members.into_iter().flatten();
        members.map(move |(name, value)| (&**name, Node { object, name, value: Some(value) }))
    }
}

/// Names that are shorter than this are never taken for misspelt ones, in bytes: too many other words are
/// nearly the same.
const MIN_MISSPELT: usize = 5;

/// Whether a name may be meant for a known one: but for case, they are the same, or one letter is missing, added
/// or another, or two are exchanged.
pub fn is_nearly(name: &str, known: &str) -> bool {
    // A longer name costs more to compare, and cannot be nearly the known one.
    name.len().min(known.len()) >= MIN_MISSPELT
        && known.len().abs_diff(name.len()) <= 1
        && strsim::damerau_levenshtein(&name.to_ascii_lowercase(), &known.to_ascii_lowercase()) <= 1
}

/// The path of the first value below `value` that `is_meant` accepts, with a dot before each name.
fn path(value: &Value, is_meant: &dyn Fn(&Value) -> bool) -> Option<String> {
    if is_meant(value) {
        return Some(String::new());
    }
    match value {
        Value::Object(members) => members
            .iter()
            .find_map(|(name, value)| Some(format!(".{name}{}", path(value, is_meant)?))),
        Value::Array(items) => (0_usize..)
            .zip(items)
            .find_map(|(index, item)| Some(format!("[{index}]{}", path(item, is_meant)?))),
        _ => None,
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
    fn an_error_names_the_path_what_was_expected_and_what_was_found() {
        for (found, text) in [
            (json!("now"), r#"a.b: expected a time, found "now""#),
            (
                json!("é".repeat(61)),
                &format!("a.b: expected a time, found {:?} and 1 more characters", "é".repeat(60)),
            ),
            (json!("é".repeat(60)), &format!("a.b: expected a time, found {:?}", "é".repeat(60))),
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
    fn an_error_about_a_secret_names_only_its_type() {
        for (found, shown) in [
            (json!("hush"), "a string (not shown)"),
            (json!(5), "a number (not shown)"),
            (json!(true), "true or false"),
            (json!([]), "an array"),
            (json!({}), "an object"),
        ] {
            let document = json!({"details": {"keys": [found]}});
            let details_node = Node::root(&document).object().unwrap().member("details").secret();
            let keys = details_node.object().unwrap().member("keys");
            let first = keys.items().unwrap().next().unwrap();
            assert_eq!(
                details(first.wrong("a time")),
                format!("details.keys[0]: expected a time, found {shown}")
            );
        }
    }

    #[test]
    fn whole_numbers_are_read_in_every_spelling() {
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
    fn null_and_a_missing_member_are_absent() {
        let document = json!({"null": null});
        let object = Node::root(&document).object().unwrap();
        assert_eq!(object.member("null").optional(|node| node.boolean()), Ok(None));
        assert_eq!(object.member("nothing").optional(|node| node.boolean()), Ok(None));
        let error = object.member("nothing").boolean().unwrap_err();
        assert_eq!(details(error), "nothing: expected true or false, found nothing");
    }
}
