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
