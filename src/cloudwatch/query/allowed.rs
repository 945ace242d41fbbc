//! Conditions → the allowed values of each field.

use super::error::invalid;
use super::field::Field;
use crate::error::MirrorError;
use crate::model::{Condition, Scalar};

/// The maximum number of conditions in a query.
const MAX_CONDITIONS: usize = 100;

/// The maximum number of values in a condition.
const MAX_VALUES: usize = 500;

/// The allowed values of each field, sorted and never empty.
#[derive(Default)]
pub(super) struct AllowedValues(pub(super) Vec<(Field, Vec<String>)>);

impl AllowedValues {
    /// Reads the conditions of a query.
    ///
    /// # Errors
    /// There are too many conditions or values, or they can never all hold.
    pub(super) fn read(conditions: &[Condition]) -> Result<Self, MirrorError> {
        if conditions.len() > MAX_CONDITIONS {
            return Err(invalid(format_args!(
                "the query has {} conditions; expected at most {MAX_CONDITIONS}",
                conditions.len()
            )));
        }
        let mut fields = AllowedValues::default();
        for Condition { key, values } in conditions {
            fields.narrow(key, texts(key, values)?)?;
        }
        Ok(fields)
    }

    /// Adds a condition: the field's values must also be among `allowed`, which is sorted.
    fn narrow(&mut self, key: &str, allowed: Vec<String>) -> Result<(), MirrorError> {
        let field = Field::named(key)?;
        if allowed.is_empty() {
            return Err(invalid(format_args!(
                "{key}: the condition has an empty set of values, which selects nothing; expected \
                 at least one value"
            )));
        }
        let max = field.max_value_length();
        let lengths = allowed.iter().map(|value| value.chars().count());
        if let Some(length) = lengths.into_iter().find(|length| !(1..=max).contains(length)) {
            return Err(invalid(format_args!(
                "{key}: expected 1 to {max} characters, found {length}"
            )));
        }
        match self.0.iter_mut().find(|(known, _)| *known == field) {
            None => self.0.push((field, allowed)),
            Some((_, values)) => {
                values.retain(|value| allowed.binary_search(value).is_ok());
                if values.is_empty() {
                    let several = match field.has_one_value() {
                        true => "",
                        false => ", with several values to select any of them",
                    };
                    return Err(invalid(format_args!(
                        "{key}: the conditions exclude each other, because all must hold; expected \
                         one condition{several}"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// The distinct values of a condition, sorted, as CloudWatch writes them.
fn texts(key: &str, values: &[Scalar]) -> Result<Vec<String>, MirrorError> {
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
    Ok(texts)
}
