//! The batches of one caller in a region that wait for CloudWatch, and who asks for them.
//!
//! A request whose call may start now ([`Limiter`]) makes it itself, at once. Otherwise its batch
//! joins the backlog, in order of arrival. The backlog has one owner, a task that runs while
//! anything waits: as soon as a call may start, it takes the oldest batch and all others that fit
//! one call with it. A batch that is alone gets the permit, and its request makes the call. Several
//! are asked in one call, a task that belongs to all their requests: it goes on if one of them
//! ends, and is aborted with the last.
//!
//! So nothing waits for others to come, a burst fills the calls by itself, and no caller sees the
//! batches of another.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_cloudwatch::types::{MessageData, MetricDataResult, StatusCode};
use futures_util::FutureExt;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;

use super::batch::{Batch, Merged, place_of};
use super::limiter::{Limiter, MAX_UNDER_WAY, Permit};
use super::plan::MAX_DATAPOINTS;
use super::results::Tries;
use crate::cache::BoundedCache;
use crate::cloudwatch::aws::error::{self, Action};
use crate::cloudwatch::aws::region_client::{Caller, RegionClient};
use crate::error::MirrorError;
use crate::shared::{self, SharedWork, lock};
use crate::time::EpochMillis;
use crate::usage::Attempts;

/// The maximum number of callers whose limiter is remembered.
const MAX_CALLERS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// A caller that was quiet for this long starts again at the full rate.
const IDLE_LIFETIME: Duration = Duration::from_secs(900);

/// The maximum number of batches that wait, of all callers.
const MAX_WAITING: usize = 1_000;

/// The maximum size of the batches that wait to share a call, of all callers, in bytes. A batch
/// beyond it waits without its texts, and is asked alone.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// The maximum number of refused batches to remember.
const MAX_REFUSED: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// A refused batch is asked alone for this time.
const REFUSED_LIFETIME: Duration = Duration::from_secs(600);

/// The maximum number of pages of a shared call. One page has room for all of its datapoints. A
/// batch that is not finished after these is asked alone.
const MAX_PAGES: usize = 5;

/// The maximum number of calls, if CloudWatch refuses some batches of a shared call. The batches that
/// are left then are asked again: what was refused is known, so they no longer share a call with it.
const MAX_CALLS: u32 = 16;

/// The backlogs of all callers, and the room that they share.
pub(crate) struct Backlogs {
    callers: BoundedCache<Caller, Arc<Backlog>>,
    room: Arc<Room>,
}

struct Room {
    batches: Semaphore,
    bytes: Semaphore,
}

impl Default for Backlogs {
    fn default() -> Self {
        let (batches, bytes) = (Semaphore::new(MAX_WAITING), Semaphore::new(MAX_WAITING_BYTES));
        let callers = BoundedCache::new(MAX_CALLERS, usize::MAX);
        Backlogs { callers, room: Arc::new(Room { batches, bytes }) }
    }
}

impl Backlogs {
    /// The backlog of a caller, with at most `rate` calls a second.
    pub(crate) fn of(&self, caller: &Caller, rate: u32, now: EpochMillis) -> Arc<Backlog> {
        let backlog = self.callers.get(caller, now).unwrap_or_else(|| {
            Arc::new(Backlog {
                limiter: Limiter::new(rate),
                waiting: Mutex::default(),
                refused: BoundedCache::new(MAX_REFUSED, usize::MAX),
                begun: Instant::now(),
                room: self.room.clone(),
            })
        });
        self.callers.insert(*caller, backlog.clone(), 0, now, IDLE_LIFETIME);
        backlog.limiter.set_max(rate);
        backlog
    }
}

/// One caller's calls of GetMetricData in a region.
pub(crate) struct Backlog {
    limiter: Limiter,
    /// In order of arrival. `None` if it has no owner, and then nothing waits.
    waiting: Mutex<Option<VecDeque<Waiting>>>,
    /// The digests of batches that CloudWatch refused lately. They share no call.
    refused: BoundedCache<u64, ()>,
    begun: Instant,
    room: Arc<Room>,
}

/// A batch that waits.
struct Waiting {
    /// `None` if it shares no call.
    batch: Option<Batch>,
    client: RegionClient,
    /// Tells its request what comes next. Closed if the request has ended.
    next: oneshot::Sender<Turn<Place>>,
}

/// How a batch is asked for.
pub(super) enum Turn<T> {
    /// In a call of its own, which starts now.
    Alone(Permit),
    /// In a call with others.
    Shared(T),
}

/// A batch's place in a call that is under way.
struct Place {
    call: SharedWork<Arc<Vec<Answer>>>,
    attempts: Arc<Attempts>,
    index: usize,
}

/// What a shared call has for one batch. `None` if it was not asked, because others were refused.
type Answer = Option<Result<Part, MirrorError>>;

/// The part of a response that answers one batch.
#[derive(Clone)]
pub(super) struct Part {
    /// Messages about a call for one batch. A call with messages for several is divided.
    pub(super) messages: Vec<MessageData>,
    /// The results with the places of their queries in the batch. Equal queries share them.
    results: Vec<(usize, Arc<MetricDataResult>)>,
    /// Whether later pages, which were not read, may have more results.
    pub(super) is_cut: bool,
    /// The number of queries that AWS charges for and that no other batch accounts for.
    pub(super) charged: usize,
}

impl Part {
    pub(super) fn results(&self) -> impl Iterator<Item = (usize, &MetricDataResult)> + Clone {
        self.results.iter().map(|(place, result)| (*place, &**result))
    }
}

impl Backlog {
    /// The counter of throttled attempts, which slow the limiter down.
    pub(crate) fn throttles(&self) -> Arc<AtomicU32> {
        self.limiter.throttles()
    }

    /// Counts a page that is asked for at once.
    pub(super) fn count_page(&self) {
        self.limiter.count();
    }

    /// Remembers a batch that was asked for alone, if CloudWatch refused it.
    pub(super) fn note(&self, batch: &Batch, error: &MirrorError) {
        if error::is_refused_query(error) && batch.can_share() {
            self.refuse(batch);
        }
    }

    fn refuse(&self, batch: &Batch) {
        self.refused.insert(batch.digest(), (), 0, self.now(), REFUSED_LIFETIME);
    }

    /// The time by the clock that deadlines have, too.
    fn now(&self) -> EpochMillis {
        EpochMillis(0).saturating_add(self.begun.elapsed())
    }

    /// Waits until a batch may be asked for. If others wait with it and `can_share` allows it, it
    /// may be asked for in a call with them, which has ended then.
    ///
    /// # Errors
    /// Too many batches wait, it was not asked for by the deadline, or the shared call failed.
    pub(super) async fn turn(
        self: &Arc<Self>,
        client: &RegionClient,
        batch: &Batch,
        can_share: bool,
    ) -> Result<Turn<Part>, MirrorError> {
        loop {
            // Who comes later does not overtake what waits.
            if lock(&self.waiting).is_none()
                && let Some(permit) = self.limiter.try_start()
            {
                return Ok(Turn::Alone(permit));
            }
            let Place { call, attempts, index } = match self.wait(client, batch, can_share).await? {
                Turn::Alone(permit) => return Ok(Turn::Alone(permit)),
                Turn::Shared(place) => place,
            };
            // The oldest batch's request has the counts of the call.
            if index > 0 {
                client.usage.record(|counts| counts.shared_calls += 1);
            }
            let answers = client.wait(Action::GetMetricData, || attempts.tally(), call).await?;
            let answers = answers.ok_or_else(MirrorError::panicked)?;
            // A shared call answers at least one batch, so this ends.
            if let Some(answer) = answers.get(index).cloned().flatten() {
                return answer.map(Turn::Shared);
            }
        }
    }

    /// Joins the backlog, and waits until a call starts.
    async fn wait(
        self: &Arc<Self>,
        client: &RegionClient,
        batch: &Batch,
        can_share: bool,
    ) -> Result<Turn<Place>, MirrorError> {
        let Ok(_room) = self.room.batches.try_acquire() else { return Err(too_many()) };
        let can_share = can_share
            && batch.can_share()
            && self.refused.get(&batch.digest(), self.now()).is_none();
        let bytes = u32::try_from(batch.bytes()).unwrap_or(u32::MAX);
        let room = can_share.then(|| self.room.bytes.try_acquire_many(bytes).ok()).flatten();
        let (next, turn) = oneshot::channel();
        let batch = room.is_some().then(|| batch.clone());
        self.join(Waiting { batch, client: client.clone(), next });
        let begun = Instant::now();
        let turn = client.deadline.bound(turn).await;
        client.usage.record(|counts| counts.queued += begun.elapsed());
        let turn = turn.map_err(|overdue| self.not_asked(client, overdue.allowed))?;
        turn.map_err(|_| MirrorError::panicked())
    }

    fn join(self: &Arc<Self>, waiting: Waiting) {
        let mut queue = lock(&self.waiting);
        if let Some(queue) = &mut *queue {
            return queue.push_back(waiting);
        }
        *queue = Some([waiting].into());
        let backlog = self.clone();
        tokio::spawn(async move {
            let owner = AssertUnwindSafe(backlog.serve()).catch_unwind();
            if owner.await.is_err() {
                // The requests that wait learn of it, and the next one starts another owner.
                *lock(&backlog.waiting) = None;
            }
        });
    }

    /// Serves the backlog until nothing waits.
    async fn serve(self: &Arc<Self>) {
        loop {
            let permit = self.limiter.ready().await;
            let mut taken = self.take();
            let Some(first) = taken.pop_front() else { return };
            self.limiter.count();
            if taken.is_empty() {
                // It waits still: between `take` and here nothing else runs.
                let _ = first.next.send(Turn::Alone(permit));
            } else {
                taken.push_front(first);
                self.share(taken, permit);
            }
        }
    }

    /// The oldest batch and all that fit one call with it, in order of arrival. If nothing waits, the
    /// owner ends here: under the same lock, so that nobody joins a backlog without an owner.
    fn take(&self) -> VecDeque<Waiting> {
        let mut lock = lock(&self.waiting);
        let mut queue = lock.take().unwrap_or_default();
        queue.retain(|waiting| !waiting.next.is_closed());
        let can_share = queue.front().is_some_and(|first| first.batch.is_some());
        let mut merged = Merged::default();
        let batches = queue.iter().map(|waiting| waiting.batch.as_ref().filter(|_| can_share));
        let fits = batches.map(|batch| batch.is_some_and(|batch| merged.add(batch).is_some()));
        let fits: Vec<bool> = fits.collect();
        let (mut taken, mut left) = (VecDeque::new(), VecDeque::new());
        for (waiting, fits) in queue.into_iter().zip(fits) {
            let place = if taken.is_empty() || fits { &mut taken } else { &mut left };
            place.push_back(waiting);
        }
        *lock = (!taken.is_empty()).then_some(left);
        taken
    }

    /// Starts a call for several batches, and tells their requests that they are a part of it.
    fn share(self: &Arc<Self>, taken: VecDeque<Waiting>, permit: Permit) {
        let deadlines = taken.iter().map(|waiting| waiting.client.deadline);
        let latest = deadlines.max_by_key(|deadline| deadline.at());
        let (Some(first), Some(deadline)) = (taken.front(), latest) else { return };
        let client = RegionClient { deadline, ..first.client.clone() };
        let attempts = client.attempts(Action::GetMetricData);
        let (batches, requests): (Vec<_>, Vec<_>) =
            taken.into_iter().filter_map(|waiting| Some((waiting.batch?, waiting.next))).unzip();
        let (backlog, counted) = (self.clone(), attempts.clone());
        let call = shared::start(async move {
            let answers = backlog.ask(&client, &counted, &batches).await;
            drop(permit);
            Arc::new(answers)
        });
        for (index, request) in requests.into_iter().enumerate() {
            let (call, attempts) = (call.clone(), attempts.clone());
            let _ = request.send(Turn::Shared(Place { call, attempts, index }));
        }
    }

    /// The answers to several batches, in their order.
    ///
    /// CloudWatch does not say which query of a call it refuses. So a call that it refuses is
    /// divided and asked again, until only what it refuses fails.
    async fn ask(
        &self,
        client: &RegionClient,
        attempts: &Arc<Attempts>,
        batches: &[Batch],
    ) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(batches.len());
        let mut ranges = vec![(0, batches.len())];
        let mut calls = 0;
        while let Some((start, end)) = ranges.pop() {
            let batches = &batches[start..end];
            if calls == MAX_CALLS {
                answers.extend(batches.iter().map(|_| None));
                continue;
            }
            if calls > 0 {
                self.limiter.count();
            }
            calls += 1;
            let found = self.ask_once(client, attempts, batches).await;
            let is_refused = match &found {
                Ok(parts) => parts.iter().any(|part| !part.messages.is_empty()),
                Err(error) => error::is_refused_query(error),
            };
            let are_equal = batches.windows(2).all(|pair| pair[0].queries == pair[1].queries);
            match found {
                _ if is_refused && !are_equal => {
                    // AWS charges for a response that only has messages, too.
                    let charged = found.iter().flatten().map(|part| part.charged).sum();
                    client.usage.add_metrics_asked(charged);
                    let middle = start + batches.len() / 2;
                    // The first half is asked first, so the answers stay in order.
                    ranges.extend([(middle, end), (start, middle)]);
                    continue;
                }
                Ok(parts) => answers.extend(parts.into_iter().map(|part| Some(Ok(part)))),
                Err(error) => answers.extend(batches.iter().map(|_| Some(Err(error.clone())))),
            }
            if is_refused {
                self.refuse(&batches[0]);
            }
        }
        answers
    }

    /// The parts of one call for several batches. A message ends it: CloudWatch does not say which
    /// batch it is about.
    async fn ask_once(
        &self,
        client: &RegionClient,
        attempts: &Arc<Attempts>,
        batches: &[Batch],
    ) -> Result<Vec<Part>, MirrorError> {
        let mut merged = Merged::default();
        let places: Vec<_> = batches.iter().filter_map(|batch| merged.add(batch)).collect();
        let Some(batch) = merged.into_batch() else { return Ok(Vec::new()) };
        let (mut messages, mut pages, mut has_more) = (Vec::new(), 0, false);
        let mut results = vec![Vec::new(); batch.queries.len()];
        let begin = |is_first: bool| {
            if !is_first {
                self.limiter.count();
            }
            Ok(())
        };
        let mut tries = Tries::first();
        let read = batch.read_pages(client, attempts, MAX_DATAPOINTS, &mut tries, begin, |page| {
            pages += 1;
            has_more = page.next_token.is_some();
            messages.extend(page.messages.unwrap_or_default());
            for result in page.metric_data_results.unwrap_or_default() {
                let place = result.id().and_then(place_of);
                if let Some(results) = place.and_then(|place| results.get_mut(place)) {
                    results.push(Arc::new(result));
                }
            }
            let is_over = pages == MAX_PAGES || !messages.is_empty();
            Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(false) })
        });
        read.await?;
        let is_complete = |place: &usize| {
            let last: Option<&Arc<MetricDataResult>> = results[*place].last();
            last.and_then(|result| result.status_code()) == Some(&StatusCode::Complete)
        };
        let part = |(places, new): (Vec<usize>, usize)| Part {
            messages: messages.clone(),
            is_cut: has_more && !places.iter().all(is_complete),
            results: (0..)
                .zip(&places)
                .flat_map(|(own, place)| results[*place].iter().map(move |one| (own, one.clone())))
                .collect(),
            charged: new * pages,
        };
        Ok(places.into_iter().map(part).collect())
    }

    fn not_asked(&self, client: &RegionClient, allowed: Duration) -> MirrorError {
        let (rate, max) = self.limiter.rate_and_max();
        let (reason, advice) = if self.limiter.is_full() {
            (
                format!("CloudWatch has not answered {MAX_UNDER_WAY} calls yet"),
                "a later request may succeed, or one with a shorter range",
            )
        } else if rate < max {
            (
                format!(
                    "CloudWatch throttles this account's GetMetricData calls, so the mirror starts \
                     {rate} a second instead of {max}"
                ),
                "use fewer streams, or a higher quota (AWS console, Service Quotas)",
            )
        } else {
            (
                format!("the mirror starts {rate} GetMetricData calls a second for them"),
                "use fewer streams, or a higher callsPerSecond if the account's quota allows it (AWS \
                 console, Service Quotas)",
            )
        };
        MirrorError::Connection {
            details: format!(
                "CloudWatch in {} was not asked within {} milliseconds, the time limit of this \
                 request: other queries with the same credentials were ahead of it, and {reason}; {advice}",
                client.region,
                allowed.as_millis(),
            ),
        }
    }
}

fn too_many() -> MirrorError {
    MirrorError::Connection {
        details: format!(
            "too many queries of this mirror wait for CloudWatch: {}; expected at most \
             {MAX_WAITING}: send fewer requests at once",
            MAX_WAITING + 1
        ),
    }
}
