//! The batches of one caller in a region that wait for CloudWatch, and who asks for them.
//!
//! A request whose call may start now ([`Limiter`]) makes it itself, at once. Otherwise its batch
//! joins the backlog, in order of arrival. The backlog has one owner, a task that runs while
//! anything waits: as soon as a call may start, it takes the oldest batch and all others that fit
//! one call with it. A batch that is alone gets the permit, and its request makes the call. Several
//! are asked for in a [`shared_call`], a task that belongs to all their requests: it goes on if one
//! of them ends, and is aborted with the last. If CloudWatch refuses what is asked, and the batches
//! differ, they join the backlog again, and half as many share the next call.
//!
//! So nothing waits for others to come, a burst fills the calls by itself, and no caller sees the
//! batches of another.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::batch::Batch;
use super::limiter::{Limiter, MAX_UNDER_WAY, Permit};
use super::shared_call::{self, Failure, Merged, Part, Place};
use crate::cache::BoundedCache;
use crate::cloudwatch::aws::region_client::{Caller, RegionClient};
use crate::error::MirrorError;
use crate::shared::lock;
use crate::time::EpochMillis;

/// The maximum number of callers whose limiter is remembered.
const MAX_CALLERS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// A caller that was quiet for this long starts again at the full rate.
const IDLE_LIFETIME: Duration = Duration::from_secs(900);

/// The maximum number of batches that wait, of all callers.
const MAX_WAITING: usize = 1_000;

/// The maximum size of the batches that wait to share a call, of all callers, in bytes. A batch
/// beyond it waits without its texts, and is asked for alone.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// The maximum number of refused batches to remember.
const MAX_REFUSED: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// A refused batch is asked for alone for this time.
const REFUSED_LIFETIME: Duration = Duration::from_secs(600);

/// The backlogs of all callers, and the room that they share: a permit for each batch that waits,
/// and for each byte of it.
pub(crate) struct Backlogs {
    callers: BoundedCache<Caller, Arc<Backlog>>,
    room: [Arc<Semaphore>; 2],
}

impl Default for Backlogs {
    fn default() -> Self {
        let callers = BoundedCache::new(MAX_CALLERS, usize::MAX);
        let room = [MAX_WAITING, MAX_WAITING_BYTES].map(|most| Arc::new(Semaphore::new(most)));
        Backlogs { callers, room }
    }
}

impl Backlogs {
    /// The backlog of a caller, with at most `rate` calls a second.
    pub(crate) fn of(&self, caller: &Caller, rate: u32, now: EpochMillis) -> Arc<Backlog> {
        let backlog = self.callers.get(caller, now).unwrap_or_else(|| {
            let (waiting, begun, room) = (Mutex::default(), Instant::now(), self.room.clone());
            let refused = BoundedCache::new(MAX_REFUSED, usize::MAX);
            let limiter = Arc::new(Limiter::new(rate));
            Arc::new(Backlog { limiter, waiting, refused, begun, room })
        });
        self.callers.insert(*caller, backlog.clone(), 0, now, IDLE_LIFETIME);
        backlog.limiter.set_max(rate);
        backlog
    }
}

/// One caller's calls of GetMetricData in a region.
pub(crate) struct Backlog {
    pub(super) limiter: Arc<Limiter>,
    /// In order of arrival. `None` if it has no owner, and then nothing waits.
    waiting: Mutex<Option<VecDeque<Waiting>>>,
    /// The digests of batches that CloudWatch refused lately. They share no call.
    refused: BoundedCache<u64, ()>,
    begun: Instant,
    room: [Arc<Semaphore>; 2],
}

/// A batch that waits.
struct Waiting {
    /// `None` if it shares no call.
    batch: Option<Batch>,
    /// The maximum number of batches in its call.
    most: usize,
    /// Whether it has been in a call that was refused. It has waited before, so it comes before those
    /// that have not.
    is_divided: bool,
    client: RegionClient,
    /// Tells its request what comes next. Closed if the request has ended.
    next: oneshot::Sender<Turn<Place>>,
    /// Free again when this is taken from the queue, also if its request has ended long before.
    _room: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

/// How a batch is asked for.
pub(super) enum Turn<T> {
    /// In a call of its own, which starts now.
    Alone(Permit),
    /// In a call with others.
    Shared(T),
}

impl Backlog {
    /// Remembers a batch that CloudWatch refused.
    pub(super) fn refuse(&self, batch: &Batch) {
        self.refused.insert(batch.digest(), (), 0, self.now(), REFUSED_LIFETIME);
    }

    /// The time by the clock that deadlines have, too.
    fn now(&self) -> EpochMillis {
        EpochMillis(0).saturating_add(self.begun.elapsed())
    }

    /// Waits until a batch may be asked for. If others wait with it and `can_share` allows it, it
    /// may be asked for in a call with them. Then this returns after that call, with its part.
    ///
    /// # Errors
    /// Too many batches wait, it was not asked for by the deadline, or the shared call failed.
    pub(super) async fn turn(
        self: &Arc<Self>,
        client: &RegionClient,
        batch: &Batch,
        can_share: bool,
    ) -> Result<Turn<Part>, MirrorError> {
        // Who comes later does not overtake what waits.
        if lock(&self.waiting).is_none()
            && let Some(permit) = self.limiter.try_start()
        {
            return Ok(Turn::Alone(permit));
        }
        let mut most = if can_share && batch.can_share() { usize::MAX } else { 1 };
        let mut is_divided = false;
        loop {
            let begun = Instant::now();
            let turn = client.deadline.bound(self.wait(client, batch, most, is_divided)).await;
            client.usage.record(|counts| counts.queued += begun.elapsed());
            let place = match turn.map_err(|allowed| self.not_asked(client, allowed))?? {
                Turn::Alone(permit) => return Ok(Turn::Alone(permit)),
                Turn::Shared(place) => place,
            };
            match place.part(client).await {
                Ok(part) => return Ok(Turn::Shared(part)),
                Err(Failure::Call(error)) => return Err(error),
                Err(Failure::Refused(error)) => {
                    self.refuse(batch);
                    return Err(error);
                }
                // It halves each time, so this ends.
                Err(Failure::Divide(half)) => (most, is_divided) = (half, true),
            }
        }
    }

    /// Joins the backlog, and waits until a call starts, with at most `most` batches.
    async fn wait(
        self: &Arc<Self>,
        client: &RegionClient,
        batch: &Batch,
        most: usize,
        is_divided: bool,
    ) -> Result<Turn<Place>, MirrorError> {
        let [batches, bytes] = self.room.clone();
        let place = batches.try_acquire_owned().map_err(|_| {
            MirrorError::connection(format!(
                "too many queries of this mirror wait for CloudWatch: {}; expected at most \
                 {MAX_WAITING}: send fewer requests at once",
                MAX_WAITING + 1
            ))
        })?;
        let can_share = most > 1 && self.refused.get(&batch.digest(), self.now()).is_none();
        let size = u32::try_from(batch.bytes()).unwrap_or(u32::MAX);
        let bytes = bytes.try_acquire_many_owned(size).ok().filter(|_| can_share);
        let (next, turn) = oneshot::channel();
        let batch = bytes.is_some().then(|| batch.clone());
        let room = (place, bytes);
        let client = client.clone();
        let waiting = Waiting { batch, most, is_divided, client, next, _room: room };
        {
            let mut queue = lock(&self.waiting);
            if queue.is_none() {
                tokio::spawn(self.clone().own());
            }
            let queue = queue.get_or_insert_default();
            let divided = queue.iter().take_while(|waiting| waiting.is_divided).count();
            queue.insert(if is_divided { divided } else { queue.len() }, waiting);
        }
        turn.await.map_err(|_| MirrorError::panicked())
    }

    /// Serves the backlog. If that panics, the requests that wait learn of it, and the next one starts
    /// another owner.
    async fn own(self: Arc<Self>) {
        if AssertUnwindSafe(self.serve()).catch_unwind().await.is_err() {
            *lock(&self.waiting) = None;
        }
    }

    /// Serves the backlog until nothing waits.
    async fn serve(&self) {
        loop {
            let permit = self.limiter.ready().await;
            let (taken, merged) = self.take();
            let Some(first) = taken.first() else { return };
            self.limiter.consume();
            let (client, deadlines) = (&first.client, taken.iter().map(|one| one.client.deadline));
            let latest = deadlines.max_by_key(|deadline| deadline.at()).unwrap_or(client.deadline);
            let client = RegionClient { deadline: latest, ..client.clone() };
            let mut requests = taken.into_iter().map(|waiting| waiting.next);
            // Sending fails only if the request has ended. Its turn is dropped.
            if requests.len() == 1 {
                let _ = requests.next().map(|request| request.send(Turn::Alone(permit)));
                continue;
            }
            let places = shared_call::start(client, merged, self.limiter.clone(), permit);
            for (request, place) in requests.zip(places) {
                let _ = request.send(Turn::Shared(place));
            }
        }
    }

    /// The oldest batch and all that fit one call with it, in order of arrival. If nothing waits, the
    /// owner ends here: under the same lock, so that nobody joins a backlog without an owner.
    fn take(&self) -> (Vec<Waiting>, Merged) {
        let mut lock = lock(&self.waiting);
        let (mut taken, mut left) = (Vec::<Waiting>::new(), VecDeque::new());
        let (mut merged, mut most) = (Merged::default(), usize::MAX);
        let waiting = lock.take().unwrap_or_default().into_iter();
        for waiting in waiting.filter(|waiting| !waiting.next.is_closed()) {
            let can_share = taken.first().is_none_or(|first| first.batch.is_some())
                && taken.len() < waiting.most.min(most);
            let batch = waiting.batch.as_ref().filter(|_| can_share);
            if batch.is_some_and(|batch| merged.add(batch)) || taken.is_empty() {
                most = most.min(waiting.most);
                taken.push(waiting);
            } else {
                left.push_back(waiting);
            }
        }
        *lock = (!taken.is_empty()).then_some(left);
        (taken, merged)
    }

    /// Removes what waits for requests that have ended, and tells one of them why it was not asked for.
    fn not_asked(&self, client: &RegionClient, allowed: Duration) -> MirrorError {
        if let Some(queue) = &mut *lock(&self.waiting) {
            queue.retain(|waiting| !waiting.next.is_closed());
        }
        let (rate, max) = self.limiter.rate_and_max();
        let reason = match self.limiter.has_rate() {
            true => format!(
                "CloudWatch has not answered {MAX_UNDER_WAY} calls yet; a later request may succeed, or \
                 one with a shorter range"
            ),
            false if rate < max => format!(
                "CloudWatch throttles this account's GetMetricData calls, so the mirror starts {rate} a \
                 second instead of {max}; use fewer streams, or a higher quota (AWS console, Service \
                 Quotas)"
            ),
            false => format!(
                "the mirror starts {rate} GetMetricData calls a second for them; use fewer streams, or \
                 a higher callsPerSecond if the account's quota allows it (AWS console, Service Quotas)"
            ),
        };
        MirrorError::connection(format!(
            "CloudWatch in {} was not asked within {} milliseconds, the time limit of this request: other \
             queries with the same credentials were ahead of it, and {reason}",
            client.region,
            allowed.as_millis(),
        ))
    }
}
