//! The queries of a plan → batches, one after the other, and again if CloudWatch did not finish.

use std::ops::ControlFlow;
use std::sync::Arc;

use aws_sdk_cloudwatch::types::StatusCode;

use super::backlog::{Backlog, Turn};
use super::batch::{Batch, MAX_QUERIES, Query};
use super::plan::{Fold, PointKind};
use super::results::{Results, Tries, Unfinished};
use super::series::Series;
use super::window::Window;
use crate::cloudwatch::aws::error;
use crate::cloudwatch::aws::region_client::RegionClient;
use crate::error::{MirrorError, invalid};

/// The maximum number of queries that one request sends, again for each part of the range, each page
/// and each try. AWS charges for each: this many cost ten cents ("Amazon CloudWatch pricing").
const MAX_ASKED: usize = 10_000;

/// The maximum number of windows in which to look for the latest value of several series.
const MAX_LOOKS: usize = 10;

/// The maximum number of pages in which to look for the latest value of one series. CloudWatch can send a page
/// without datapoints before others.
const MAX_LATEST_PAGES: usize = 3;

/// Adds the results of queries to `series`. With a `backlog`, each batch waits for its turn, and may
/// share a call with those of other requests.
///
/// # Errors
/// The request would cost too much, a call fails, or CloudWatch returns a warning, no result, or
/// only a part of a folded series.
pub(crate) async fn fetch(
    client: &RegionClient,
    backlog: Option<&Arc<Backlog>>,
    queries: &[Query],
    mut series: Series,
) -> Result<Series, MirrorError> {
    let windows = series.plan.windows(queries.len().min(MAX_QUERIES));
    if series.plan.kind == PointKind::Latest {
        return search(client, backlog, queries, &windows, series).await;
    }
    let all = windows.len().saturating_mul(queries.len());
    if all > MAX_ASKED {
        return Err(too_many(&format!(
            "{all} metrics, because the datapoints of {} statistics do not fit a response, and \
             each part of the range is charged again",
            queries.len()
        )));
    }
    for window in windows {
        series = read_window(client, backlog, queries, window, series).await?;
        if series.exceeds_limit() {
            break;
        }
    }
    Ok(series)
}

/// Looks for the latest value, window by window. Returns the series of the first window that has one, else
/// `nothing`: an older value is not the latest one unless all that is later was looked at. So a search that ends
/// before its last window makes the series partial, which is no error.
async fn search(
    client: &RegionClient,
    backlog: Option<&Arc<Backlog>>,
    queries: &[Query],
    windows: &[Window],
    mut nothing: Series,
) -> Result<Series, MirrorError> {
    let asked = || client.usage.record(|counts| counts.metrics_asked);
    for (looks, window) in windows.iter().enumerate() {
        if looks == MAX_LOOKS || asked() + queries.len() > MAX_ASKED {
            nothing.is_partial = true;
            break;
        }
        match read_window(client, backlog, queries, *window, nothing.clone()).await {
            Ok(read) if read.exceeds_limit() || read.is_partial => return Ok(read),
            Ok(_) => {}
            // Pages and tries of this window were more than is left.
            Err(_) if asked() > MAX_ASKED => {
                nothing.is_partial = true;
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(nothing)
}

/// Adds the results of queries for one window to `series`.
async fn read_window(
    client: &RegionClient,
    backlog: Option<&Arc<Backlog>>,
    queries: &[Query],
    window: Window,
    mut series: Series,
) -> Result<Series, MirrorError> {
    let (page_size, is_latest_first) =
        (series.plan.page_size(), series.plan.kind == PointKind::Latest);
    for queries in queries.chunks(MAX_QUERIES) {
        let batch = Batch { window, queries: queries.to_vec(), page_size, is_latest_first };
        series = read(client, backlog, &batch, series).await?;
    }
    Ok(series)
}

fn too_many(asked: &str) -> MirrorError {
    invalid(format_args!(
        "this query would ask CloudWatch for {asked}; expected at most {MAX_ASKED}: longer buckets, a \
         shorter range or fewer metrics"
    ))
}

/// Adds the results of one batch to `series`. A result that CloudWatch did not finish is asked for
/// again, with the whole batch, because its datapoints may be in `series` in part.
async fn read(
    client: &RegionClient,
    backlog: Option<&Arc<Backlog>>,
    batch: &Batch,
    series: Series,
) -> Result<Series, MirrorError> {
    let mut tries = Tries::default();
    let mut can_share = true;
    loop {
        let mut read = series.clone();
        let mut results = Results::new(batch, &mut read);
        let turn = match backlog {
            None => None,
            Some(backlog) => Some(backlog.turn(client, batch, can_share).await?),
        };
        let unfinished = match &turn {
            // The permit lasts until the last page.
            None | Some(Turn::Alone(_)) => {
                read_alone(client, backlog, batch, &mut tries, &mut results).await?
            }
            Some(Turn::Shared(part)) => {
                count_asked(client, part.charged)?;
                results.add(&[], part.results.iter().map(|(place, one)| (*place, &**one)))?;
                match results.unfinished() {
                    _ if results.is_enough() => None,
                    None if part.is_cut => Some(Unfinished::cut()),
                    unfinished => unfinished,
                }
            }
        };
        let Some(unfinished) = unfinished else { return Ok(read) };
        can_share = false;
        if unfinished.status == StatusCode::PartialData {
            // Alone, the batch can have smaller pages, and as many as it needs.
            if matches!(turn, Some(Turn::Shared(_))) {
                continue;
            }
            // A part of a single series can be shown, and StackState asks for the rest. The latest value is
            // all that a search needs.
            let is_enough = read.exceeds_limit() || read.makes_progress();
            if matches!(read.plan.fold, Fold::Single | Fold::Expression) && is_enough {
                read.is_partial = true;
                return Ok(read);
            }
        }
        drop(turn);
        tries.again(client, &unfinished).await?;
    }
}

/// Adds all pages of a batch to `results`. Returns a result that CloudWatch did not finish, if there is
/// one and no page with the rest.
async fn read_alone(
    client: &RegionClient,
    backlog: Option<&Arc<Backlog>>,
    batch: &Batch,
    tries: &mut Tries,
    results: &mut Results<'_>,
) -> Result<Option<Unfinished>, MirrorError> {
    let (metrics, expressions) = batch.charged();
    let begin = || {
        client.usage.record(|counts| counts.expressions_asked += expressions);
        count_asked(client, metrics)
    };
    let limiter = backlog.map(|backlog| &*backlog.limiter);
    let (mut is_enough, mut has_messages) = (false, false);
    let attempts = client.attempts(limiter.map(|limiter| limiter.throttles.clone()));
    let mut count = 0;
    let pages = batch.read_pages(client, &attempts, limiter, tries, begin, |page| {
        count += 1;
        has_messages |= !page.messages().is_empty();
        let found = page.metric_data_results().iter();
        let found = found.filter_map(|result| Some((batch.place_of(result.id()?)?, result)));
        let failed = results.add(page.messages(), found)?;
        let has_more = failed.is_none() && page.next_token.is_some();
        is_enough = has_more && results.is_enough();
        if has_more && !is_enough && count >= MAX_LATEST_PAGES && results.is_search() {
            results.series.is_partial = true;
            is_enough = true;
        }
        Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(failed) })
    });
    let read = pages.await;
    // A shared call could not tell which batch a message is about, so it counts as a refusal.
    if let (Err(error), Some(backlog)) = (&read, backlog)
        && (has_messages || error::is_refused_query(error))
    {
        backlog.refuse(batch);
    }
    let is_cut = read?;
    Ok(match results.unfinished() {
        _ if is_enough => None,
        _ if is_cut => Some(Unfinished::cut()),
        unfinished => unfinished,
    })
}

/// Counts queries for metrics.
fn count_asked(client: &RegionClient, queries: usize) -> Result<(), MirrorError> {
    let asked = client.usage.record(|counts| {
        counts.metrics_asked += queries;
        counts.metrics_asked
    });
    if asked > MAX_ASKED {
        return Err(too_many(&format!(
            "more than {MAX_ASKED} metrics, because each page and each try is charged again"
        )));
    }
    Ok(())
}
