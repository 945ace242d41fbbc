//! Conditions → the allowed values of each field.

use super::field::Field;
use crate::error::{MirrorError, invalid};
use crate::model::{Condition, Scalar};

/// The maximum number of conditions in a query.
const MAX_CONDITIONS: usize = 100;

/// The maximum number of values in a condition.
const MAX_VALUES: usize = 500;

/// The fields in the conditions of a query, each with its allowed values, which are sorted and never none.
///
/// # Errors
/// There are too many conditions or values, or they can never all hold.
pub(super) fn read(conditions: &[Condition]) -> Result<Vec<(Field, Vec<String>)>, MirrorError> {
    if conditions.len() > MAX_CONDITIONS {
        return Err(invalid(format_args!(
            "the query has {} conditions; expected at most {MAX_CONDITIONS}",
            conditions.len()
        )));
    }
    let mut fields: Vec<(Field, Vec<String>)> = Vec::new();
    for Condition { key, values } in conditions {
        let field = Field::named(key)?;
        let allowed = allowed(key, &field, values)?;
        let Some((_, values)) = fields.iter_mut().find(|(known, _)| *known == field) else {
            fields.push((field, allowed));
            continue;
        };
        values.retain(|value| allowed.binary_search(value).is_ok());
        if values.is_empty() {
            let several = match field.has_one_value() {
                true => "",
                false => ", with several values to select any of them",
            };
            return Err(invalid(format_args!(
                "{key}: the conditions exclude each other, because all must hold; expected one \
                 condition{several}"
            )));
        }
    }
    Ok(fields)
}

/// The distinct values of a condition, sorted, as CloudWatch writes them.
fn allowed(key: &str, field: &Field, values: &[Scalar]) -> Result<Vec<String>, MirrorError> {
    if values.len() > MAX_VALUES {
        return Err(invalid(format_args!(
            "{key}: the condition has {} values; expected at most {MAX_VALUES}",
            values.len()
        )));
    }
    let text = |value: &Scalar| match value {
        Scalar::Text(text) => text.clone(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Boolean(boolean) => boolean.to_string(),
    };
    let mut texts: Vec<String> = values.iter().map(text).collect();
    texts.sort();
    texts.dedup();
    if texts.is_empty() {
        return Err(invalid(format_args!(
            "{key}: the condition has an empty set of values, which selects nothing; expected at \
             least one value"
        )));
    }
    let expected = field.value_lengths();
    let mut lengths = texts.iter().map(|text| text.chars().count());
    match lengths.find(|length| !expected.contains(length)) {
        None => Ok(texts),
        Some(length) => Err(invalid(format_args!(
            "{key}: expected {} to {} characters, found {length}",
            expected.start(),
            expected.end()
        ))),
    }
}
