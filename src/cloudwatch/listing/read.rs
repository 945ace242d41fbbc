//! Sends ListMetrics requests and reads all pages.

use aws_sdk_cloudwatch::operation::list_metrics::builders::ListMetricsFluentBuilder;
use aws_sdk_cloudwatch::types::{DimensionFilter, RecentlyActive};

use super::catalogue::{Catalogue, CatalogueBuilder};
use super::filter::ListFilter;
use crate::cloudwatch::aws::error::Action;
use crate::cloudwatch::aws::session::Session;
use crate::error::MirrorError;

/// What CloudWatch sent for a catalogue larger than this, in bytes, is given back to the system.
const LARGE: usize = 1 << 20;

/// Lists the metrics that `filter` selects. The catalogue is partial if it reaches `max_metrics`
/// or its maximum size, or if the deadline is near.
///
/// # Errors
/// CloudWatch refuses the call, or the first page does not arrive by the deadline.
pub(crate) async fn list_metrics(
    session: &Session,
    filter: &ListFilter,
    max_metrics: usize,
) -> Result<Catalogue, MirrorError> {
    let catalogue = read_pages(session, filter, max_metrics).await?;
    if catalogue.bytes > LARGE {
        // The pages lie below the catalogue in the heap.
        stackstate_mirror_heap::give_back();
    }
    Ok(catalogue)
}

async fn read_pages(
    session: &Session,
    filter: &ListFilter,
    max_metrics: usize,
) -> Result<Catalogue, MirrorError> {
    let earlier = session.with_earlier_deadline();
    let mut catalogue = CatalogueBuilder::default();
    let mut token: Option<String> = None;
    loop {
        let call = request(session, filter, token.clone()).send();
        let page = match token {
            None => session.call(Action::ListMetrics, call).await?,
            Some(_) => match earlier.call(Action::ListMetrics, call).await {
                Err(_) if earlier.deadline.is_over() => break,
                page => page?,
            },
        };
        for (index, metric) in page.metrics().iter().enumerate() {
            if catalogue.is_full(max_metrics) {
                return Ok(catalogue.build_partial(max_metrics));
            }
            let owner = page.owning_accounts().get(index).filter(|_| filter.linked);
            catalogue.add(metric, owner.map(String::as_str));
        }
        match page.next_token {
            None => return Ok(catalogue.build()),
            // A repeated token would make this loop endless.
            next if next == token || catalogue.is_full(max_metrics) => break,
            next => token = next,
        }
    }
    Ok(catalogue.build_partial(max_metrics))
}

fn request(
    session: &Session,
    filter: &ListFilter,
    token: Option<String>,
) -> ListMetricsFluentBuilder {
    let ListFilter { namespace, name, dimensions, account, linked, recent } = filter;
    let dimension = |(name, value): &(String, Option<String>)| {
        DimensionFilter::builder().name(name).set_value(value.clone()).build()
    };
    session
        .client
        .list_metrics()
        .set_namespace(namespace.clone())
        .set_metric_name(name.clone())
        .set_dimensions(Some(dimensions.iter().map(dimension).collect()))
        .set_owning_account(account.clone())
        .set_include_linked_accounts(linked.then_some(true))
        .set_recently_active(recent.then_some(RecentlyActive::Pt3H))
        .set_next_token(token)
}
