//! Which question is asked next, and which others share its call. A question is what one request asks
//! in one call of GetMetricData.
//!
//! Every caller has turns of its own in each region. A question that arrives while a call may start
//! ([`Pace`]) goes out at once, in a call of its own. Otherwise it waits. The question that waits
//! longest has the turn: as soon as a call may start, it takes all others along that wait and fit
//! one call with it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::time::Instant;

use super::call::Call;
use super::pace::{MAX_UNDER_WAY, Pace, Permit};
use super::question::Question;
use super::queue::{Queue, Waiting};
use super::refused::Refused;
use super::room::Room;
use super::shared_call::{Answer, Part, Place, Progress, SharedCall};
use crate::cache::BoundedCache;
use crate::cloudwatch::aws::caller::Caller;
use crate::cloudwatch::aws::error;
use crate::cloudwatch::aws::session::Session;
use crate::error::MirrorError;
use crate::shared;
use crate::time::EpochMillis;

/// The maximum number of callers whose pace is remembered.
const MAX_CALLERS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// A caller that was quiet for this long starts again at the full pace.
const IDLE_LIFETIME: Duration = Duration::from_secs(900);

/// The turns of all callers.
pub(crate) struct AllCalls {
    callers: BoundedCache<Caller, Arc<CallerCalls>>,
    room: Arc<Room>,
}

impl Default for AllCalls {
    fn default() -> Self {
        AllCalls { callers: BoundedCache::new(MAX_CALLERS, usize::MAX), room: Arc::default() }
    }
}

impl AllCalls {
    /// The turns of a caller, at most `rate` calls a second.
    pub(crate) fn of(&self, caller: &Caller, rate: u32, now: EpochMillis) -> Arc<CallerCalls> {
        let calls = self.callers.get(caller, now);
        let calls = calls.unwrap_or_else(|| Arc::new(CallerCalls::new(rate, self.room.clone())));
        self.callers.insert(*caller, calls.clone(), 0, now, IDLE_LIFETIME);
        calls.pace.set_max(rate);
        calls
    }
}

/// One caller's calls of GetMetricData in a region.
pub(crate) struct CallerCalls {
    pace: Arc<Pace>,
    /// Whoever holds it is next. Those who wait for it are in order of arrival.
    turn: tokio::sync::Mutex<()>,
    waiting: Queue,
    refused: Arc<Refused>,
    room: Arc<Room>,
}

/// How a question is asked.
pub(super) enum Turn {
    /// In a call of its own, which starts now.
    Alone(#[expect(dead_code, reason = "its drop ends the call")] Permit),
    /// In a call with others, which has ended.
    Shared(Part),
}

impl CallerCalls {
    fn new(rate: u32, room: Arc<Room>) -> Self {
        CallerCalls {
            pace: Arc::new(Pace::new(rate)),
            turn: tokio::sync::Mutex::default(),
            waiting: Queue::default(),
            refused: Arc::default(),
            room,
        }
    }

    /// A session whose throttled calls slow down this caller.
    pub(crate) fn paced(&self, session: Session) -> Session {
        Session { throttles: Some(self.pace.throttles()), ..session }
    }

    /// Counts a page that is asked for at once.
    pub(super) fn count_page(&self) {
        self.pace.count();
    }

    /// Remembers a call that was asked alone and that CloudWatch refused.
    pub(super) fn note(&self, call: &Call<'_>, error: &MirrorError) {
        if error::is_refused_query(error)
            && let Some(question) = Question::of(call)
        {
            self.refused.add(question.digest());
        }
    }

    /// Waits until a call may be asked. If others wait with it and `can_share` allows it, it may be
    /// asked in a call with theirs.
    ///
    /// # Errors
    /// Too many calls wait, the call was not asked by the deadline, or the shared call failed.
    pub(super) async fn turn(
        &self,
        session: &Session,
        call: &Call<'_>,
        can_share: bool,
    ) -> Result<Turn, MirrorError> {
        loop {
            if let Ok(_turn) = self.turn.try_lock()
                && let Some(permit) = self.pace.try_start()
            {
                return Ok(Turn::Alone(permit));
            }
            let question = Question::of(call)
                .filter(|question| can_share && !self.refused.has(question.digest()));
            let begun = Instant::now();
            let next = session.deadline.bound(self.queue(session, question)).await;
            session.usage.record(|counts| counts.queued += begun.elapsed());
            let place = match next {
                Ok(next) => match next? {
                    Next::Alone(permit) => return Ok(Turn::Alone(permit)),
                    Next::Shared(place) => place,
                },
                Err(overdue) => return Err(self.not_asked(session, overdue.allowed)),
            };
            match place.answer(session).await? {
                Answer::Part(part) => return Ok(Turn::Shared(part)),
                Answer::Failed(error) => return Err(error),
                // A shared call answers at least one question, so this ends.
                Answer::AskAgain => {}
            }
        }
    }

    /// Waits for the turn, or until another question takes this one along.
    async fn queue(
        &self,
        session: &Session,
        question: Option<Question>,
    ) -> Result<Next, MirrorError> {
        let mut seat = self.room.enter()?;
        let question = question.filter(|question| seat.holds(question.bytes()));
        let mut ticket = self.waiting.enter(question, session.deadline);
        let turn = select! {
            biased;
            Ok(place) = &mut ticket.taken => return Ok(Next::Shared(place)),
            turn = self.turn.lock() => turn,
        };
        // Only who has the turn takes others along, so from now on nobody takes this one.
        if let Ok(place) = ticket.taken.try_recv() {
            return Ok(Next::Shared(place));
        }
        let permit = self.pace.start().await;
        let taken = self.waiting.take(ticket.number);
        let next = match taken.len() {
            0 | 1 => Next::Alone(permit),
            _ => Next::Shared(self.share(session, taken, permit)),
        };
        // Whoever has the turn next must find its place.
        drop(turn);
        Ok(next)
    }

    /// Starts a call for several questions, and tells the others that they are a part of it.
    fn share(&self, session: &Session, taken: Vec<Waiting>, permit: Permit) -> Place {
        let latest =
            taken.iter().map(|waiting| waiting.deadline).max_by_key(|deadline| deadline.at());
        let session = Session { deadline: latest.unwrap_or(session.deadline), ..session.clone() };
        let window = taken[0].question.window;
        let (questions, requests): (Vec<_>, Vec<_>) =
            taken.into_iter().map(|waiting| (waiting.question, waiting.taken)).unzip();
        let progress = Arc::new(Progress::default());
        let (pace, refused) = (self.pace.clone(), self.refused.clone());
        let call = SharedCall {
            session,
            window,
            questions,
            progress: progress.clone(),
            pace,
            refused,
            permit,
        };
        let call = shared::start(async move { Arc::new(call.answers().await) });
        let place = |index| Place { call: call.clone(), progress: progress.clone(), index };
        for (index, request) in requests.into_iter().enumerate().skip(1) {
            // A request that has ended meanwhile needs no answer.
            let _ = request.send(place(index));
        }
        place(0)
    }

    fn not_asked(&self, session: &Session, allowed: Duration) -> MirrorError {
        let rate = self.pace.rate();
        let (reason, advice) = if self.pace.is_full() {
            (
                format!("CloudWatch has not answered {MAX_UNDER_WAY} calls yet"),
                "a later request may succeed, or one with a shorter range",
            )
        } else if rate < self.pace.max() {
            (
                format!(
                    "CloudWatch throttles this account's GetMetricData calls, so the mirror starts \
                     {rate} a second instead of {}",
                    self.pace.max()
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
                session.region,
                allowed.as_millis(),
            ),
        }
    }
}

/// What a question that waited does next.
enum Next {
    Alone(Permit),
    Shared(Place),
}
