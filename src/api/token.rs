//! The access token in a body, without a tree of the rest.
//!
//! Anybody can send a body, and a tree of it takes up to 130 times its length. So the token of a
//! caller is looked up first, and only the body of an admitted caller is parsed as a whole.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::connection::{ACCESS_TOKEN, AWS, normalize};

/// The member of a request that holds the token.
const DETAILS: &str = "connectionDetails";

/// The access token in the connection details of a body, in any spelling, even if other members
/// are not valid. `None` if there is no token, if there are two different ones, or if the body is
/// not a JSON object.
pub fn access_token(body: &[u8]) -> Option<String> {
    let body = str::from_utf8(body).ok()?;
    let mut details = None;
    for_each_member(body, |name, value| {
        if name == DETAILS {
            details = Some(value);
        }
    })?;
    // The different ones, at most two. `None` is one that is no text.
    let mut tokens: Vec<Option<String>> = Vec::new();
    let mut add = |value: &RawValue| {
        let token = serde_json::from_str(value.get()).ok();
        if tokens.len() < 2 && !tokens.contains(&token) {
            tokens.push(token);
        }
    };
    for_each_member(details?.get(), |name, value| match normalize(name).as_str() {
        ACCESS_TOKEN => add(value),
        AWS => {
            // If it is not an object, it has no members.
            let _ = for_each_member(value.get(), |name, value| {
                if normalize(name) == ACCESS_TOKEN {
                    add(value);
                }
            });
        }
        _ => {}
    })?;
    match <[_; 1]>::try_from(tokens) {
        Ok([token]) => token,
        Err(_) => None,
    }
}

/// Calls `each` with the name and the text of every member. `None` if `json` is not an object.
fn for_each_member<'a>(json: &'a str, each: impl FnMut(&str, &'a RawValue)) -> Option<()> {
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.deserialize_map(Members(each)).ok()?;
    reader.end().ok()
}

struct Members<F>(F);

impl<'de, F: FnMut(&str, &'de RawValue)> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &'de RawValue>()? {
            (self.0)(&name, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_in_any_spelling() {
        for (body, token) in [
            (r#"{"connectionDetails": {"accessToken": "a"}}"#, Some("a")),
            (r#"{"connectionDetails": {"ACCESS_TOKEN": "a", "x": [1, {"y": null}]}}"#, Some("a")),
            (r#"{"connectionDetails": {"aws": {"aws_access_token": "a"}}}"#, Some("a")),
            (
                r#"{"connectionDetails": {"accessToken": "a", "aws": {"accessToken": "a"}}}"#,
                Some("a"),
            ),
            (r#"{"connectionDetails": {"accessToken": "\u0061\"\n"}}"#, Some("a\"\n")),
            (r#"{"connectionDetails": {"access\u0054oken": "a", "aws": 5}}"#, Some("a")),
            (
                r#"{"query": [[]], "connectionDetails": {"region": 5, "accessToken": "a"}}"#,
                Some("a"),
            ),
            (r#"{"connectionDetails": 1, "connectionDetails": {"accessToken": "a"}}"#, Some("a")),
            (r#"{"connectionDetails": {"accessToken": "a"}, "connectionDetails": {}}"#, None),
            (r#"{"connectionDetails": {"accessToken": "a", "access_token": "b"}}"#, None),
            (r#"{"connectionDetails": {"accessToken": "a", "access_token": null}}"#, None),
            (r#"{"connectionDetails": {"accessToken": 5}}"#, None),
            (r#"{"connectionDetails": {"accessToken": ["a"]}}"#, None),
            (r#"{"connectionDetails": {"aws": {"aws": {"accessToken": "a"}}}}"#, None),
            (r#"{"connectionDetails": ["accessToken", "a"]}"#, None),
            (r#"{"accessToken": "a"}"#, None),
            (r#"[{"connectionDetails": {"accessToken": "a"}}]"#, None),
            (r#"{"connectionDetails": {"accessToken": "a"}} more"#, None),
            (r#"{"connectionDetails": {"accessToken": "a"}"#, None),
            ("", None),
        ] {
            assert_eq!(access_token(body.as_bytes()).as_deref(), token, "{body}");
        }
        assert_eq!(access_token(b"\xFF"), None);
    }

    #[test]
    fn nesting_has_no_limit() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let body = format!(r#"{{"query": {deep}, "connectionDetails": {{"accessToken": "a"}}}}"#);
        assert_eq!(access_token(body.as_bytes()).as_deref(), Some("a"));
    }
}
