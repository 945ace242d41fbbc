//! What one call of GetMetricData is asked for instead of metrics: the entries of an expression or of a graph.

use std::fmt;

use super::field::Field;
use super::metric::Metric;
use super::namespaces;
use super::statistic::Statistic;
use crate::error::{MirrorError, invalid};

/// The maximum length of an expression's text, in characters ("MetricDataQuery", CloudWatch API reference).
pub(super) const MAX_TEXT: usize = 2_048;

/// One query of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    /// The name by which the other entries refer to it, and CloudWatch's results too.
    pub(crate) id: String,
    /// What an error calls it, if it is an entry of a graph.
    pub(crate) name: Option<String>,
    /// Whether CloudWatch returns it.
    pub(crate) is_shown: bool,
    pub(crate) operand: Operand,
}

/// What an entry asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Operand {
    Metric(Metric, Statistic),
    /// Metric math, a SEARCH or SQL, as CloudWatch reads it.
    Text(String),
}

impl Operand {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Operand::Text(text) => Some(text),
            Operand::Metric(..) => None,
        }
    }
}

impl Entry {
    /// The size of its texts, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let operand = match &self.operand {
            Operand::Metric(metric, _) => metric.bytes(),
            Operand::Text(text) => text.len(),
        };
        size_of::<Entry>() + self.id.len() + self.name.as_ref().map_or(0, String::len) + operand
    }

    /// Whether it is a metric of AWS's services.
    pub(crate) fn is_of_aws(&self) -> bool {
        matches!(&self.operand, Operand::Metric(metric, _) if namespaces::is_of_aws(&metric.namespace))
    }
}

/// The error that no expression can be this.
pub(super) fn refused(why: impl fmt::Display) -> MirrorError {
    invalid(format_args!("{}: {why}", Field::Expression))
}

/// Whether a text is Metrics Insights SQL.
pub(super) fn is_sql(text: &str) -> bool {
    let first_word = text.split_ascii_whitespace().next();
    first_word.is_some_and(|word| word.eq_ignore_ascii_case("SELECT"))
}

/// The arguments of each SEARCH in a text, without the texts in quotes: `,,300` for
/// `SEARCH('…', 'Average', 300)`.
pub(super) fn searches(text: &str) -> Vec<String> {
    let code = code(text);
    let arguments = code.split("SEARCH(").skip(1).filter_map(|rest| rest.split(')').next());
    arguments.map(str::to_owned).collect()
}

/// The functions that read other data than the entries of a graph ("Using metric math", CloudWatch user guide).
const READING: [&str; 4] = ["SEARCH(", "DB_PERF_INSIGHTS(", "INSIGHT_RULE_METRIC(", "LAMBDA("];

/// Whether a text reads other data than the entries of a graph.
pub(super) fn reads(text: &str) -> bool {
    let code = code(text);
    is_sql(text) || READING.iter().any(|function| code.contains(function))
}

/// A text in capitals, without white space and what stands in quotes.
fn code(text: &str) -> String {
    let mut quote = None;
    let is_code = |character: &char| match quote {
        None if matches!(character, '\'' | '"') => {
            quote = Some(*character);
            false
        }
        None => !character.is_whitespace(),
        Some(end) => {
            quote = quote.filter(|_| end != *character);
            false
        }
    };
    text.chars().filter(is_code).collect::<String>().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_and_searches_are_found() {
        for (text, sql, found) in [
            ("SELECT AVG(x) FROM y", true, &[][..]),
            (" select AVG(x) FROM y", true, &[]),
            ("SELECTED", false, &[]),
            ("SEARCH('{N} M', 'Sum')", false, &[","]),
            ("SUM(search('a', 'b', 60)) / SUM( SEARCH ( \"(c)\" , 'd' ))", false, &[",,60", ","]),
            ("m1 * 2", false, &[]),
        ] {
            assert_eq!(
                (is_sql(text), searches(text).as_slice()),
                (sql, &found.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }
}
