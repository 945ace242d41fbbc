//! The questions of one caller that wait, in order of arrival.

use std::collections::VecDeque;
use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::{Receiver, Sender, channel};

use super::question::{Question, fitting};
use super::shared_call::Place;
use crate::deadline::Deadline;

/// The questions that wait.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Waiting>>,
    next_number: AtomicU64,
}

/// A question that waits.
pub(super) struct Waiting {
    number: u64,
    pub(super) question: Question,
    pub(super) deadline: Deadline,
    /// Tells its request that a call has taken it along.
    pub(super) taken: Sender<Place>,
}

/// A question's place in the queue, which it leaves when this is dropped.
pub(super) struct Ticket<'a> {
    queue: &'a Queue,
    pub(super) number: u64,
    /// The place in the call that has taken the question along.
    pub(super) taken: Receiver<Place>,
}

impl Queue {
    /// Adds a question at the end. Without a question, which cannot share, nobody takes it along.
    pub(super) fn enter(&self, question: Option<Question>, deadline: Deadline) -> Ticket<'_> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let (taken, ticket) = channel();
        if let Some(question) = question {
            self.lock().push_back(Waiting { number, question, deadline, taken });
        }
        Ticket { queue: self, number, taken: ticket }
    }

    /// The question with this number and all that fit one call with it. Empty if it cannot share.
    pub(super) fn take(&self, number: u64) -> Vec<Waiting> {
        let mut waiting = self.lock();
        let index = waiting.iter().position(|waiting| waiting.number == number);
        let Some(first) = index.and_then(|index| waiting.remove(index)) else { return Vec::new() };
        let questions = iter::once(&first).chain(waiting.iter()).map(|waiting| &waiting.question);
        let fits = fitting(questions);
        let (mut taken, mut left) = (vec![first], Vec::new());
        for fits in fits.into_iter().skip(1) {
            let Some(next) = waiting.pop_front() else { break };
            let place = if fits { &mut taken } else { &mut left };
            place.push(next);
        }
        waiting.extend(left);
        taken
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.queue.lock().retain(|waiting| waiting.number != self.number);
    }
}
