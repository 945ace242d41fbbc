//! Answers, kept for a moment: what several panels ask at once costs one call. GetMetricData is
//! paid by the metric, and is nearly all that a mirror costs.

use std::num::NonZeroUsize;

use super::keep::Keep;
use super::question::{Question, Subject};
use super::session::Caller;
use super::sets::Sets;
use crate::telemetry::{Bucket, Telemetry};

/// So many answers are kept.
const MOST_ANSWERS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// So many bytes are kept in all of them and their questions.
const MOST_BYTES: usize = 4 << 20;

/// Keeps answers, each for the caller alone who asked.
pub(super) struct Answers(Keep<(Caller, Question), Telemetry>);

impl Default for Answers {
    fn default() -> Self {
        Answers(Keep::new(MOST_ANSWERS, MOST_BYTES))
    }
}

impl Answers {
    /// What this caller was answered to this question at most its `cache` before `now`, in
    /// epoch milliseconds.
    pub(super) fn find(&self, asked: &(Caller, Question), now: i64) -> Option<Telemetry> {
        self.0.get(asked, now)
    }

    /// Keeps an answer that was had at `now`, in epoch milliseconds. One that is partial may be
    /// whole the next time, so it is not kept.
    pub(super) fn keep(&self, asked: (Caller, Question), answer: &Telemetry, now: i64) {
        let life = i64::try_from(asked.1.cache.as_millis()).unwrap_or(i64::MAX);
        let bytes = weight(&asked.1) + answer.points.count() * size_of::<Bucket>();
        if life > 0 && !answer.is_partial && bytes <= MOST_BYTES {
            self.0.put(asked, answer.clone(), bytes, now, now.saturating_add(life));
        }
    }
}

/// About how many bytes a question takes.
fn weight(question: &Question) -> usize {
    let texts = |texts: &[String]| -> usize {
        texts.iter().map(|text| text.len() + size_of::<String>()).sum()
    };
    let subject = match &question.subject {
        Subject::Expression(expression) => expression.text.len(),
        Subject::Metrics(Sets { namespaces, names, accounts, dimensions }) => {
            let dimensions: usize =
                dimensions.iter().map(|(name, values)| name.len() + texts(values)).sum();
            texts(namespaces) + texts(names) + texts(accounts) + dimensions
        }
    };
    size_of::<(Caller, Question)>() + subject
}
