//! The condition `~`: an expression.

use std::sync::Arc;

use super::conditions::Conditions;
use super::entry::{Entry, MAX_TEXT, Operand, is_sql, refused, searches};
use super::field::Field;
use super::graph;
use super::selector::MetricSelector;
use crate::error::{MirrorError, summarize};
use crate::region::Region;
use crate::time::{EpochMillis, TimeRange};

/// The metric field of an expression, because StackState's dialog asks for one.
pub(crate) const VALUE: &str = "value";

/// The longest period that the mirror takes from an expression, in seconds: 30 days, the longest that
/// CloudWatch's console offers.
const MAX_PERIOD: i64 = 30 * 24 * 60 * 60;

/// Metrics Insights reads no data that is older, in milliseconds: two weeks ("Metrics Insights
/// quotas", CloudWatch user guide).
pub(super) const SQL_RETENTION: i64 = 14 * 24 * 60 * 60 * 1_000;

/// What is asked for instead of a metric: Metrics Insights SQL, a SEARCH, metric math over a SEARCH, or the
/// entries of a graph. It goes to CloudWatch in one call, which returns one series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Expression(Vec<Arc<Entry>>);

impl Expression {
    /// The expression in the conditions of a query, if there is one, and the region that it names.
    ///
    /// # Errors
    /// The query has another condition, which the expression would ignore, the expression is a graph that is
    /// not valid, or SQL asks for data that Metrics Insights does not have.
    pub(crate) fn of_query(
        conditions: &Conditions,
        metric_field: Option<&str>,
        range: TimeRange,
        now: EpochMillis,
    ) -> Result<Option<(Self, Option<Region>)>, MirrorError> {
        let Conditions {
            region,
            selector: MetricSelector { namespaces, names, accounts, dimensions },
            unit,
            statistic,
            high_resolution: _,
            hold: _,
            tags,
            expression,
        } = conditions;
        let Some(text) = expression else { return Ok(None) };
        if !accounts.is_empty() {
            return Err(refused(format_args!(
                "CloudWatch does not restrict an expression to the account of a condition {}; \
                 expected the account as a part of the expression: \
                 :aws.AccountId=\"123456789012\" in a SEARCH, WHERE AWS.AccountId = \
                 '123456789012' in Metrics Insights SQL, or {{\"accountId\": \"123456789012\"}} behind a \
                 metric of a graph",
                Field::AccountId,
            )));
        }
        let ignored = [
            (Field::Namespace.to_string(), !namespaces.is_empty()),
            (Field::MetricName.to_string(), !names.is_empty()),
            (Field::Unit.to_string(), unit.is_some()),
            (Field::Statistic.to_string(), statistic.is_some()),
        ];
        let ignored = ignored.into_iter().filter_map(|(name, is_there)| is_there.then_some(name));
        let dimensions =
            dimensions.iter().map(|(name, _)| Field::Dimension(name.clone()).to_string());
        let tags = tags.iter().map(|(key, _)| Field::Tag(key.clone()).to_string());
        let mut ignored = ignored.chain(dimensions).chain(tags);
        if let Some(name) = ignored.next() {
            return Err(refused(format_args!(
                "an expression ignores {name}; expected {name} as a part of the expression, or \
                 no expression (only {}, {} and {} can be combined with an expression)",
                Field::Region,
                Field::HighResolution,
                Field::HoldSeconds,
            )));
        }
        if let Some(field) = metric_field.filter(|field| !field.is_empty() && *field != VALUE) {
            return Err(refused(format_args!(
                "an expression ignores the metric field, found {field:?}; expected none, or \
                 {VALUE}"
            )));
        }
        if text.trim().is_empty() {
            return Err(refused("expected an expression or a graph, found nothing"));
        }
        let (expression, own_region) = match graph::is_graph(text) {
            true => {
                let (entries, region) = graph::read(text)?;
                (Expression(entries.into_iter().map(Arc::new).collect()), region)
            }
            false if text.chars().count() > MAX_TEXT => {
                return Err(refused(format_args!(
                    "expected an expression of at most {MAX_TEXT} characters, found {}",
                    text.chars().count()
                )));
            }
            false => (Expression::one(text.clone()), None),
        };
        if let (Some(own), Some(other)) = (&own_region, region)
            && own != other
        {
            return Err(refused(format_args!(
                "the graph is for {own}, and the condition {} is {other}; expected the same region in \
                 both, or only one of them",
                Field::Region,
            )));
        }
        if range.end() < expression.earliest(now) {
            return Err(refused(
                "Metrics Insights SQL reads the last two weeks only, and the range ends before them; expected a \
                 later range, or a SEARCH",
            ));
        }
        Ok(Some((expression, own_region)))
    }

    /// The expression with this text, of at most [`MAX_TEXT`] characters.
    pub(super) fn one(text: String) -> Self {
        let (id, operand) = ("q0".to_owned(), Operand::Text(text));
        Expression(vec![Arc::new(Entry { id, name: None, is_shown: true, operand })])
    }

    /// The queries for CloudWatch.
    pub(crate) fn entries(&self) -> &[Arc<Entry>] {
        &self.0
    }

    /// The texts of the entries that have one.
    fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|entry| entry.operand.text())
    }

    /// The earliest time that the expression can read data of, in epoch milliseconds.
    pub(crate) fn earliest(&self, now: EpochMillis) -> i64 {
        if self.has_sql() { now.0 - SQL_RETENTION } else { 0 }
    }

    /// The periods that the expression itself sets, in milliseconds: the last argument of each SEARCH
    /// that has one ("CloudWatch search expression syntax", CloudWatch user guide).
    ///
    /// # Errors
    /// One is longer than [`MAX_PERIOD`].
    pub(crate) fn periods(&self) -> Result<Vec<i64>, MirrorError> {
        let is_number =
            |text: &&str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        let searches: Vec<String> = self.texts().flat_map(searches).collect();
        let periods = searches.iter().filter_map(|list| list.split(',').nth(2).filter(is_number));
        let millis = periods.map(|text| match text.parse() {
            Ok(seconds @ ..=MAX_PERIOD) => Ok(seconds * 1_000),
            _ => Err(refused(format_args!(
                "the expression sets a period of {text} seconds; expected at most {MAX_PERIOD}"
            ))),
        });
        millis.collect()
    }

    /// Whether some of the expression is Metrics Insights SQL.
    pub(crate) fn has_sql(&self) -> bool {
        self.texts().any(is_sql)
    }
}

/// What to do about a message of CloudWatch, if the mirror knows. The codes and limits are those
/// of "Metrics Insights quotas" and "CloudWatch search expression syntax", CloudWatch user guide.
pub(crate) fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "MaxMetricsExceeded" => {
            "a SEARCH combines a limited number of metrics, and 500 at most; expected a narrower \
             SEARCH"
        }
        "MaxQueryTimeRangeExceeded" => {
            "Metrics Insights SQL reads the last two weeks only; expected a later range, or a \
             SEARCH"
        }
        "MaxQueryResultsExceeded" => {
            "Metrics Insights SQL returns 500 series at most; expected a query without GROUP BY"
        }
        "MaxMatchingResultsExceeded" => {
            "Metrics Insights SQL reads 10,000 metrics at most; expected a narrower WHERE or SCHEMA, or more \
             conditions on tags or dimensions"
        }
        _ => return None,
    })
}

/// The error of an expression, or of a graph, that returned several series.
pub(crate) fn several_series(labels: &[String], is_graph: bool) -> MirrorError {
    let advice = if is_graph {
        "give all entries but one {\"visible\": false}, or give them ids and combine them in an expression, such \
         as MAX([m1,m2]), or MAX(…) around the one that has several"
    } else {
        "combine them with SUM(…), AVG(…), MAX(…) or MIN(…) around the expression, or remove GROUP BY from Metrics \
         Insights SQL"
    };
    MirrorError::Remote {
        summary: "The expression returned several series",
        details: format!("expected one, found {}: {}; {advice}", labels.len(), summarize(labels)),
    }
}

/// The error of an expression with a period shorter than the query's, or of one that returned several
/// datapoints in one period of the query.
pub(crate) fn shorter_period(period_seconds: i64) -> MirrorError {
    refused(format_args!(
        "the expression sets a period shorter than the query's {period_seconds} seconds, which are \
         its buckets, or what CloudWatch keeps of data of that age; expected an expression without a \
         period, which then has the query's (60 seconds or more, unless the condition {} is true)",
        Field::HighResolution,
    ))
}

/// The error of an expression whose period is longer than the range, so that no bucket is whole.
pub(crate) fn longer_period(period_seconds: i64) -> MirrorError {
    refused(format_args!(
        "the expression sets a period of {period_seconds} seconds, and the range contains no whole \
         one; expected a longer range, or an expression without a period"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_needs_a_range_that_ends_in_the_last_two_weeks() {
        const NOW: EpochMillis = EpochMillis(1_700_000_000_000);
        let earliest = NOW.0 - SQL_RETENTION;
        for (text, end, is_valid) in [
            ("SELECT AVG(Latency) FROM Shop", earliest - 1, false),
            ("SELECT AVG(Latency) FROM Shop", earliest, true),
            ("SELECT AVG(Latency) FROM Shop", earliest + 1, true),
            ("SEARCH('{Shop} Latency', 'Average')", earliest - 1, true),
        ] {
            let conditions =
                Conditions { expression: Some(text.to_owned()), ..Conditions::default() };
            let range = TimeRange::new(0, end).unwrap();
            let found = Expression::of_query(&conditions, None, range, NOW);
            assert_eq!(found.is_ok(), is_valid, "{text} {end}");
        }
    }

    #[test]
    fn the_periods_of_searches_are_found() {
        for (text, periods) in [
            ("SELECT AVG(Latency) FROM Shop", &[][..]),
            ("SEARCH('{Shop} Latency', 'Average')", &[]),
            ("SEARCH('{Shop} Latency', 'Average', 300)", &[300]),
            ("sum( search ( \"{Shop} it's, 60)\" , 'p90' ,3600 ) )", &[3_600]),
            ("SUM(SEARCH('{A}', 'Sum', 60)) / SUM(SEARCH('{B}', 'Sum', 300))", &[60, 300]),
            ("SEARCH('SEARCH(\"x\", \"Sum\", 5)', 'Sum') * 60", &[]),
            ("SEARCH('x', 'Sum', PERIOD(m1))", &[]),
            ("SEARCH('x", &[]),
        ] {
            let found = Expression::one(text.to_owned()).periods().unwrap();
            let expected: Vec<i64> = periods.iter().map(|seconds| seconds * 1_000).collect();
            assert_eq!(found, expected, "{text}");
        }
        for (seconds, is_valid) in [
            ("2592000", true),
            ("2592001", false),
            ("9999999999999999", false),
            ("99999999999999999999", false),
        ] {
            let text = format!("SEARCH('x', 'Sum', {seconds})");
            let found = Expression::one(text).periods();
            assert_eq!(found.is_ok(), is_valid, "{found:?}");
        }
    }
}
