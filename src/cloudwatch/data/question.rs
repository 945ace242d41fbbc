//! What one request asks and can ask together with others.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::call::Call;
use super::plan::MAX_DATAPOINTS;
use super::request::{MAX_QUERIES, Query};
use super::window::Window;
use crate::cloudwatch::query::selector;

/// Queries of one window, which one request asks and which can share a call with others.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) window: Window,
    pub(super) queries: Vec<Query>,
}

impl Question {
    /// The call as a question; `None` for an expression, which cannot share a call.
    pub(super) fn of(call: &Call<'_>) -> Option<Self> {
        let Call { plan, asked, numbers, span } = call;
        let queries = plan.shared(*asked, numbers.clone())?;
        Some(Question { window: *span, queries })
    }

    /// The size of its texts, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.queries.iter().map(|query| query.bytes() + size_of::<Query>()).sum()
    }

    /// A number that questions with the same queries have in common, whatever their windows, and
    /// others only by chance.
    pub(super) fn digest(&self) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(&self.queries)
    }
}

/// The queries of several questions. Equal ones are one.
pub(super) struct Unique<'a> {
    pub(super) queries: Vec<&'a Query>,
    /// For each question, the place of each of its queries, and how many no earlier question has.
    pub(super) questions: Vec<(Vec<usize>, usize)>,
}

impl<'a> Unique<'a> {
    pub(super) fn of(questions: &'a [Question]) -> Self {
        let mut unique = Unique { queries: Vec::new(), questions: Vec::new() };
        let mut places = HashMap::new();
        for question in questions {
            let before = unique.queries.len();
            let place = |query| {
                *places.entry(query).or_insert_with(|| {
                    unique.queries.push(query);
                    unique.queries.len() - 1
                })
            };
            let of_question = question.queries.iter().map(place).collect();
            unique.questions.push((of_question, unique.queries.len() - before));
        }
        unique
    }
}

/// Which of the questions that wait fit one call with the first, in order of arrival.
pub(super) fn fitting<'a>(questions: impl Iterator<Item = &'a Question>) -> Vec<bool> {
    let mut queries: HashSet<&Query> = HashSet::new();
    let (mut window, mut bytes) = (None, 0);
    let fits = |question: &'a Question| {
        let window = *window.get_or_insert(question.window);
        if question.window != window {
            return false;
        }
        let new = question.queries.iter().filter(|query| !queries.contains(query)).count();
        let count = queries.len() + new;
        let fits = count <= MAX_QUERIES
            && count.saturating_mul(window.count()) <= MAX_DATAPOINTS
            && bytes + question.bytes() <= selector::MAX_BYTES;
        if fits {
            bytes += question.bytes();
            queries.extend(&question.queries);
        }
        fits
    };
    questions.map(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::data::plan::Plan;
    use crate::cloudwatch::data::request::Asked;
    use crate::cloudwatch::query::metric::Metric;

    /// A question for metrics with these names in this number of minutes.
    fn question(names: &[String], minutes: i64) -> Question {
        let metrics: Vec<Metric> =
            names.iter().map(|name| Metric::of("", name, &[], None)).collect();
        let plan = Plan::of_minutes(minutes);
        let queries = plan.shared(Asked::Metrics(&metrics), 0..metrics.len()).unwrap();
        Question { window: plan.window, queries }
    }

    #[test]
    fn a_call_has_what_fits() {
        let small = |numbers: std::ops::Range<usize>, minutes| {
            let names: Vec<String> = numbers.map(|number| number.to_string()).collect();
            question(&names, minutes)
        };
        // Two of these fill a call.
        let large = |letter: &str| {
            let length = selector::MAX_BYTES / 2 - size_of::<Query>();
            question(&[letter.repeat(length)], 1)
        };
        for (questions, expected) in [
            (vec![small(0..1, 1), small(1..2, 1), small(0..1, 1)], vec![true, true, true]),
            (vec![small(0..1, 1), small(1..2, 2), small(2..3, 1)], vec![true, false, true]),
            (
                vec![small(0..499, 1), small(500..502, 1), small(500..501, 1)],
                vec![true, false, true],
            ),
            (vec![small(0..500, 1), small(0..500, 1), small(499..501, 1)], vec![true, true, false]),
            (
                vec![small(0..99, 1_008), small(90..101, 1_008), small(90..100, 1_008)],
                vec![true, false, true],
            ),
            (vec![large("a"), large("b"), small(0..1, 1)], vec![true, true, false]),
            (vec![large("a"), small(0..1, 1), large("b")], vec![true, true, false]),
        ] {
            assert_eq!(fitting(questions.iter()), expected);
        }
    }
}
