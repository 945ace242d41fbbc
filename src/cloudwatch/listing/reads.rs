//! Lists that are being read. Equal lists that several requests ask for at once are read once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::cache::ListingCache;
use super::catalogue::Catalogue;
use super::filter::ListFilter;
use super::read::list_metrics;
use crate::cloudwatch::aws::caller::Caller;
use crate::cloudwatch::aws::error::Action;
use crate::cloudwatch::aws::session::Session;
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::shared::{self, SharedWork, WeakWork};
use crate::time::EpochMillis;
use crate::usage::Tally;

type Answer = Result<Arc<Catalogue>, MirrorError>;

/// The lists that are being read, for each caller, and the maximum number of metrics of each.
#[derive(Default)]
pub(crate) struct Reads(Mutex<HashMap<(Caller, ListFilter, usize), Read>>);

struct Read {
    answer: WeakWork<Answer>,
    /// The deadline of the request that reads it.
    deadline: Deadline,
}

impl Reads {
    /// The metrics that `filter` lists, at most about `max_metrics`. They are cached.
    ///
    /// # Errors
    /// CloudWatch does not list metrics.
    pub(crate) async fn read(
        &self,
        session: &Session,
        filter: ListFilter,
        max_metrics: usize,
        cache: &Arc<ListingCache>,
        now: EpochMillis,
    ) -> Answer {
        let key = (session.caller, filter, max_metrics);
        loop {
            let (answer, reader) = self.join(session, &key, cache, now);
            let answer = if reader.is_some() {
                session.usage.record(|counts| counts.shared_calls += 1);
                session.wait(Action::ListMetrics, Tally::default, answer).await?
            } else {
                // It ends by the deadline, and knows better why.
                answer.await
            };
            match answer.unwrap_or_else(|| Err(MirrorError::panicked())) {
                // It was read with less time than this request has.
                Err(_) if reader.is_some_and(|deadline| deadline.is_over()) => {}
                answer => return answer,
            }
        }
    }

    /// The answer of a request that reads the same list and has no more time, with its deadline;
    /// otherwise that of this request.
    fn join(
        &self,
        session: &Session,
        key: &(Caller, ListFilter, usize),
        cache: &Arc<ListingCache>,
        now: EpochMillis,
    ) -> (SharedWork<Answer>, Option<Deadline>) {
        let mut reads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reads.retain(|_, read| read.answer.upgrade().is_some_and(|answer| answer.peek().is_none()));
        if let Some(read) = reads.get(key)
            && read.deadline.at() <= session.deadline.at()
            && !read.deadline.is_over()
            && let Some(answer) = read.answer.upgrade()
        {
            return (answer, Some(read.deadline));
        }
        let (session, cache) = (session.clone(), cache.clone());
        let deadline = session.deadline;
        let (caller, filter, max_metrics) = key.clone();
        let answer = shared::start(async move {
            let catalogue = Arc::new(list_metrics(&session, &filter, max_metrics).await?);
            cache.insert(caller, filter, catalogue.clone(), max_metrics, now);
            Ok(catalogue)
        });
        if let Some(weak) = answer.downgrade() {
            reads.insert(key.clone(), Read { answer: weak, deadline });
        }
        (answer, None)
    }
}
