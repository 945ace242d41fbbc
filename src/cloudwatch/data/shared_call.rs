//! One call of GetMetricData for the batches of several requests.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use aws_sdk_cloudwatch::types::{MetricDataResult, StatusCode};

use super::batch::{Batch, MAX_QUERIES, Query};
use super::limiter::{Limiter, Permit};
use super::plan::MAX_DATAPOINTS;
use super::results::{Tries, reject_warnings};
use crate::cloudwatch::aws::error::{self, Action};
use crate::cloudwatch::aws::region_client::RegionClient;
use crate::cloudwatch::query::selector;
use crate::error::MirrorError;
use crate::shared::{self, SharedWork};
use crate::usage::Attempts;

/// The maximum number of pages. One page has room for all datapoints. A batch that is not finished
/// after these is asked for alone.
const MAX_PAGES: usize = 5;

/// Several batches as one: each different query once.
#[derive(Default)]
pub(super) struct Merged {
    batch: Option<Batch>,
    places: HashMap<Query, usize>,
    /// For each batch, the places of its queries, and how many of them no earlier batch has.
    batches: Vec<(Vec<usize>, usize)>,
    bytes: usize,
}

impl Merged {
    /// Adds a batch, if all still fit one call with one page. The first one always fits: alone, it
    /// can have several pages.
    pub(super) fn add(&mut self, batch: &Batch) -> bool {
        let all = self.batch.get_or_insert_with(|| Batch {
            queries: Vec::new(),
            page_size: MAX_DATAPOINTS,
            ..*batch
        });
        if batch.window != all.window {
            return false;
        }
        let before = all.queries.len();
        let place = |query: &Query| {
            *self.places.entry(query.clone()).or_insert_with(|| {
                all.queries.push(query.clone());
                all.queries.len() - 1
            })
        };
        let places = batch.queries.iter().map(place).collect();
        let (count, bytes) = (all.queries.len(), self.bytes + batch.bytes());
        let fits = count <= MAX_QUERIES
            && count.saturating_mul(all.window.count()) <= MAX_DATAPOINTS
            && bytes <= selector::MAX_BYTES;
        if fits || self.batches.is_empty() {
            self.bytes = bytes;
            self.batches.push((places, count - before));
            return true;
        }
        for query in all.queries.drain(before..) {
            self.places.remove(&query);
        }
        false
    }
}

/// A batch's place in a shared call.
pub(super) struct Place {
    call: SharedWork<Arc<Result<Vec<Part>, Failure>>>,
    attempts: Arc<Attempts>,
    index: usize,
}

/// The part of a response that answers one batch.
#[derive(Clone)]
pub(super) struct Part {
    /// The results with the places of their queries in the batch. Equal queries share them.
    pub(super) results: Vec<(usize, Arc<MetricDataResult>)>,
    /// Whether later pages, which were not read, may have more results.
    pub(super) is_cut: bool,
    /// The number of queries that AWS charges for and that no other batch accounts for.
    pub(super) charged: usize,
}

/// Why a call has no parts.
#[derive(Clone)]
pub(super) enum Failure {
    /// Because of who asks, or when.
    Call(MirrorError),
    /// Because of what is asked for. All batches are equal.
    Refused(MirrorError),
    /// Because of some of the batches. CloudWatch does not say which. The number is how many may
    /// share the next call: it shrinks until a refused batch is alone.
    Divide(usize),
}

impl Place {
    /// Waits for the call, and takes the part of this batch.
    pub(super) async fn part(self, client: &RegionClient) -> Result<Part, Failure> {
        let Place { call, attempts, index } = self;
        // The first batch's request has the counts of the call.
        if index > 0 {
            client.usage.record(|counts| counts.shared_calls += 1);
        }
        let parts = client.wait(Action::GetMetricData, || attempts.tally(), call).await;
        let parts = parts.map_err(Failure::Call)?;
        let parts = parts.ok_or_else(|| Failure::Call(MirrorError::panicked()))?;
        (*parts).as_ref().map(|parts| parts[index].clone()).map_err(Clone::clone)
    }
}

/// Starts a call for several batches, through the client of the first one. Returns their places, in
/// their order.
pub(super) fn start(
    client: RegionClient,
    merged: Merged,
    limiter: Arc<Limiter>,
    permit: Permit,
) -> impl Iterator<Item = Place> {
    let attempts = client.attempts(Some(limiter.throttles.clone()));
    let counted = attempts.clone();
    let call = shared::start(async move {
        let parts = ask(&client, merged, &limiter, &counted).await;
        drop(permit);
        Arc::new(parts)
    });
    (0..).map(move |index| Place { call: call.clone(), attempts: attempts.clone(), index })
}

async fn ask(
    client: &RegionClient,
    Merged { batch, batches, .. }: Merged,
    limiter: &Limiter,
    attempts: &Arc<Attempts>,
) -> Result<Vec<Part>, Failure> {
    let Some(batch) = batch else { return Ok(Vec::new()) };
    let (mut messages, mut pages, mut has_more) = (Vec::new(), 0, false);
    let mut results = vec![Vec::new(); batch.queries.len()];
    let mut tries = Tries::default();
    let (limiter, begin) = (Some(limiter), || Ok(()));
    let read = batch.read_pages(client, attempts, limiter, &mut tries, begin, |page| {
        pages += 1;
        has_more = page.next_token.is_some();
        messages.extend(page.messages.unwrap_or_default());
        for result in page.metric_data_results.unwrap_or_default() {
            let place = result.id().and_then(|id| batch.place_of(id));
            if let Some(results) = place.and_then(|place| results.get_mut(place)) {
                results.push(Arc::new(result));
            }
        }
        let is_over = pages == MAX_PAGES || !messages.is_empty();
        Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(None) })
    });
    let mut read = read.await.map(|_| ());
    if read.is_ok() && !messages.is_empty() {
        // AWS charges for a response that only has messages, too.
        client.usage.record(|counts| counts.metrics_asked += batch.queries.len() * pages);
        read = reject_warnings(&messages, "", false);
    }
    if let Err(error) = read {
        let are_equal = batches.windows(2).all(|pair| pair[0].0 == pair[1].0);
        return Err(match messages.is_empty() && !error::is_refused_query(&error) {
            true => Failure::Call(error),
            false if are_equal => Failure::Refused(error),
            false => Failure::Divide(batches.len().div_ceil(2)),
        });
    }
    let is_complete = |place: &usize| {
        let last: Option<&Arc<MetricDataResult>> = results[*place].last();
        last.and_then(|result| result.status_code()) == Some(&StatusCode::Complete)
    };
    let part = |(places, new): (Vec<usize>, usize)| Part {
        is_cut: has_more && !places.iter().all(is_complete),
        results: (0..)
            .zip(&places)
            .flat_map(|(own, place)| results[*place].iter().map(move |one| (own, one.clone())))
            .collect(),
        charged: new * pages,
    };
    Ok(batches.into_iter().map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::data::plan::Plan;
    use crate::cloudwatch::query::metric::Metric;

    /// A batch for metrics with these names in this number of minutes.
    fn batch(names: &[String], minutes: i64) -> Batch {
        let metrics: Vec<Arc<Metric>> =
            names.iter().map(|name| Metric::of("", name, &[], None).into()).collect();
        let plan = Plan::of_minutes(minutes);
        let (queries, page_size) = (plan.queries(&metrics), plan.page_size());
        Batch { window: plan.window, queries, page_size, is_latest_first: false }
    }

    #[test]
    fn a_call_has_what_fits() {
        let small = |numbers: std::ops::Range<usize>, minutes| {
            let names: Vec<String> = numbers.map(|number| number.to_string()).collect();
            batch(&names, minutes)
        };
        // Two of these fill a call.
        let large = |letter: &str| {
            let length = selector::MAX_BYTES / 2 - size_of::<Query>();
            batch(&[letter.repeat(length)], 1)
        };
        for (batches, expected) in [
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
            let mut merged = Merged::default();
            let fits: Vec<bool> = batches.iter().map(|batch| merged.add(batch)).collect();
            assert_eq!(fits, expected);
        }
    }
}
