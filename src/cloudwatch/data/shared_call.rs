//! One GetMetricData call for the questions of several requests.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_cloudwatch::types::{MessageData, MetricDataResult, StatusCode};

use super::call;
use super::pace::{Pace, Permit};
use super::plan::MAX_DATAPOINTS;
use super::question::{Question, Unique};
use super::refused::Refused;
use super::request::number_of;
use super::window::Window;
use crate::cloudwatch::aws::error::{self, Action};
use crate::cloudwatch::aws::session::Session;
use crate::error::MirrorError;
use crate::shared::SharedWork;
use crate::usage::{Attempts, Tally};

/// The maximum number of pages of a shared call. One page has room for all of its datapoints. A
/// question that is not finished after these is asked alone.
const MAX_PAGES: u32 = 5;

/// The maximum number of calls, if CloudWatch refuses some questions. The questions that are left then
/// are asked again: what was refused is known, so they no longer share a call with that.
const MAX_CALLS: u32 = 16;

/// What a shared call has for one question.
#[derive(Clone)]
pub(super) enum Answer {
    Part(Part),
    Failed(MirrorError),
    /// The question was not asked, because others were refused.
    AskAgain,
}

/// The part of a response that answers one question.
#[derive(Clone)]
pub(super) struct Part {
    response: Arc<Response>,
    /// The place of each query's results in the response.
    places: Vec<usize>,
    /// The number of queries that AWS charges for and that no other question accounts for.
    pub(super) charged: usize,
}

#[derive(Default)]
struct Response {
    /// Messages about a call for one question. A call with messages for several is divided.
    messages: Vec<MessageData>,
    /// The results of each query, one from each page.
    results: Vec<Vec<MetricDataResult>>,
    pages: usize,
    /// Whether there were more pages.
    is_cut: bool,
}

impl Response {
    /// The parts for the questions.
    fn parts(self, unique: Unique<'_>) -> impl Iterator<Item = Part> {
        let response = Arc::new(self);
        unique.questions.into_iter().map(move |(places, new)| {
            let charged = new * response.pages;
            Part { response: response.clone(), places, charged }
        })
    }
}

impl Part {
    pub(super) fn messages(&self) -> &[MessageData] {
        &self.response.messages
    }

    /// Whether later pages, which were not read, may have more results.
    pub(super) fn is_cut(&self) -> bool {
        let is_complete = |place: &usize| {
            let last = self.response.results[*place].last();
            last.and_then(MetricDataResult::status_code) == Some(&StatusCode::Complete)
        };
        self.response.is_cut && !self.places.iter().all(is_complete)
    }

    /// The results, with the numbers of their queries. The first query has the number `first`.
    pub(super) fn results(
        &self,
        first: usize,
    ) -> impl Iterator<Item = (usize, &MetricDataResult)> + Clone {
        (first..).zip(&self.places).flat_map(|(number, place)| {
            self.response.results[*place].iter().map(move |result| (number, result))
        })
    }
}

/// A call for several questions, while it is under way.
pub(super) struct SharedCall {
    /// The session of the first question, with the latest deadline of all.
    pub(super) session: Session,
    pub(super) window: Window,
    pub(super) questions: Vec<Question>,
    pub(super) progress: Arc<Progress>,
    pub(super) pace: Arc<Pace>,
    pub(super) refused: Arc<Refused>,
    pub(super) permit: Permit,
}

/// The attempts of a shared call so far, for those who wait for it.
#[derive(Default)]
pub(super) struct Progress(Mutex<Arc<Attempts>>);

impl Progress {
    /// The numbers of the latest call.
    pub(super) fn tally(&self) -> Tally {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tally()
    }

    fn begin(&self, attempts: Arc<Attempts>) -> Arc<Attempts> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = attempts.clone();
        attempts
    }
}

/// A question's place in a shared call.
pub(super) struct Place {
    pub(super) call: SharedWork<Arc<Vec<Answer>>>,
    pub(super) progress: Arc<Progress>,
    pub(super) index: usize,
}

impl Place {
    /// Waits for the call, and takes this question's answer.
    ///
    /// # Errors
    /// The call has not ended by the deadline.
    pub(super) async fn answer(self, session: &Session) -> Result<Answer, MirrorError> {
        let Place { call, progress, index } = self;
        // The first question's request has the counts of the call.
        if index > 0 {
            session.usage.record(|counts| counts.shared_calls += 1);
        }
        let answers = session.wait(Action::GetMetricData, || progress.tally(), call).await?;
        let answer = answers.and_then(|answers| answers.get(index).cloned());
        answer.ok_or_else(MirrorError::panicked)
    }
}

/// What a call for some of the questions had.
enum Outcome {
    Response(Response),
    /// CloudWatch does not accept the call, or has a message about it. It does not say which
    /// question is meant.
    Refused(Response, Option<MirrorError>),
    Failed(MirrorError),
}

impl SharedCall {
    /// The answers, in the order of the questions.
    ///
    /// A call that CloudWatch refuses is divided and asked again, so that only the questions that it
    /// refuses fail.
    pub(super) async fn answers(self) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::with_capacity(self.questions.len());
        let all = 0..self.questions.len();
        let mut parts = vec![all];
        let mut calls = 0;
        while let Some(part) = parts.pop() {
            if calls == MAX_CALLS {
                answers.extend(part.map(|_| Answer::AskAgain));
                continue;
            }
            if calls > 0 {
                self.pace.count();
            }
            calls += 1;
            let questions = &self.questions[part.clone()];
            let are_equal = questions.windows(2).all(|pair| pair[0].queries == pair[1].queries);
            let unique = Unique::of(questions);
            match self.ask(&unique).await {
                Outcome::Refused(response, error) if !are_equal => {
                    if error.is_none() {
                        // AWS charges for a response that only has messages, too.
                        let charged = unique.queries.len() * response.pages;
                        self.session.usage.add_metrics_asked(charged);
                    }
                    let middle = part.start + part.len() / 2;
                    // The first half is asked first, so the answers stay in order.
                    parts.extend([middle..part.end, part.start..middle]);
                }
                Outcome::Refused(response, error) => {
                    self.refused.add(questions[0].digest());
                    answers.extend(response.parts(unique).map(|part| match &error {
                        Some(error) => Answer::Failed(error.clone()),
                        None => Answer::Part(part),
                    }));
                }
                Outcome::Failed(error) => {
                    answers.extend(part.map(|_| Answer::Failed(error.clone())));
                }
                Outcome::Response(response) => {
                    answers.extend(response.parts(unique).map(Answer::Part));
                }
            }
        }
        drop(self.permit);
        answers
    }

    async fn ask(&self, unique: &Unique<'_>) -> Outcome {
        let mut response = Response::default();
        response.results.resize_with(unique.queries.len(), Vec::new);
        let mut token = None;
        for page in 1..=MAX_PAGES {
            if page > 1 {
                self.pace.count();
            }
            response.pages += 1;
            let queries = unique.queries.iter().enumerate();
            let queries = queries.map(|(number, query)| query.build(number, self.window)).collect();
            let request =
                call::page(&self.session, queries, self.window, MAX_DATAPOINTS, token.clone());
            let action = Action::GetMetricData;
            let attempts = self.progress.begin(self.session.attempts(action));
            let page = match self.session.call_counted(action, attempts, request.send()).await {
                Ok(page) => page,
                Err(error) if error::is_refused_query(&error) => {
                    return Outcome::Refused(response, Some(error));
                }
                Err(error) => return Outcome::Failed(error),
            };
            if !page.messages().is_empty() {
                response.messages.extend(page.messages.unwrap_or_default());
                return Outcome::Refused(response, None);
            }
            for result in page.metric_data_results.unwrap_or_default() {
                let place = result.id().and_then(number_of);
                if let Some(results) = place.and_then(|place| response.results.get_mut(place)) {
                    results.push(result);
                }
            }
            response.is_cut = page.next_token.is_some();
            // A repeated token would ask for the same page again.
            if page.next_token.is_none() || page.next_token == token {
                break;
            }
            token = page.next_token;
        }
        Outcome::Response(response)
    }
}
