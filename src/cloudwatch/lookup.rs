//! What conditions mean, by the metrics that CloudWatch lists.
//!
//! Conditions with a `*` or with `Resource` have several interpretations. The first one that
//! matches a listed metric is meant.

use std::sync::Arc;

use super::aws::region_client::RegionClient;
use super::context::RequestContext;
use super::listing::advice;
use super::listing::catalogue::Catalogue;
use super::listing::filter::ListFilter;
use super::listing::found::{self, Found};
use super::query::field::Field;
use super::query::namespaces::RESOURCE;
use super::query::selector::MetricSelector;
use crate::error::MirrorError;

/// The maximum number of metrics to list for lists of fields and values, and for wildcards.
const MAX_METRICS: usize = 100_000;

/// Almost a page of ListMetrics, so that a second one is not read ("ListMetrics", CloudWatch API
/// reference: 500).
const ALMOST_A_PAGE: usize = 499;

/// Which metrics to list.
#[derive(Clone, Copy)]
pub(super) struct Listing<'a> {
    /// Whether to list the metrics of linked accounts.
    pub(super) linked_accounts: bool,
    /// Whether to list only metrics with data in the last three hours.
    pub(super) only_recent: bool,
    /// The dimension that the metrics must have.
    pub(super) dimension: Option<&'a str>,
    /// The maximum number of metrics.
    pub(super) max_metrics: usize,
    /// What the metrics are listed for.
    pub(super) purpose: Purpose,
}

/// What metrics are listed for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For lists of fields and values.
    Lists,
    /// To find the metrics of a query.
    Points,
}

impl Listing<'_> {
    /// All metrics that an interpretation can match, for a list of fields or values.
    pub(super) const ALL: Listing<'static> = Listing {
        linked_accounts: false,
        only_recent: false,
        dimension: None,
        max_metrics: MAX_METRICS,
        purpose: Purpose::Lists,
    };
}

impl RequestContext<'_> {
    /// The interpretation of a selector that matches a listed metric, and a catalogue with all
    /// metrics that match it. One that matches a metric with exactly its dimensions takes
    /// precedence. If none matches, one of the interpretations; its catalogue is partial if not all
    /// metrics were looked at.
    ///
    /// # Errors
    /// CloudWatch does not list metrics, or several dimensions can be meant by `Resource`.
    pub(super) async fn interpret(
        &self,
        client: &RegionClient,
        selector: &MetricSelector,
        listing: Listing<'_>,
    ) -> Result<(Arc<Catalogue>, MetricSelector), MirrorError> {
        let (mut first, mut wider) = (None, None);
        for selector in selector.interpretations() {
            let catalogue = self.listed(client, &selector, listing).await?;
            let selector = found::with_literals(selector, &catalogue);
            if found::has_exact(&selector, &catalogue) {
                return Ok((catalogue, selector));
            }
            let is_match = catalogue.metrics().any(|metric| metric.matches(&selector));
            let place = if is_match { &mut wider } else { &mut first };
            place.get_or_insert((catalogue, selector));
        }
        if let Some(wider) = wider {
            return Ok(wider);
        }
        let selector = selector.with_patterns();
        let ([_], Some(values)) = (selector.namespaces.as_slice(), selector.resource()) else {
            return Ok(first.unwrap_or_default());
        };
        // `Resource` is any dimension with its value, in the first pages of the metrics that match
        // the other conditions.
        let any = selector.clone().without(&Field::Dimension(RESOURCE.to_owned()));
        let some = Listing { max_metrics: found::MAX_LISTED, ..listing };
        let searched = self.listed(client, &any, some).await?;
        let mut names = found::dimensions_with(values, &any, &searched);
        match (names.len(), listing.purpose) {
            (0, _) => Ok((searched, selector)),
            (2.., Purpose::Points) => Err(advice::several_dimensions(names)),
            // The lists show the dimensions to choose from.
            (2.., Purpose::Lists) => Ok((searched, any)),
            (1, _) => {
                let name = names.pop_first().unwrap_or_default();
                let selector = selector.with_resource_as(&name).unwrap_or(selector);
                let catalogue = self.listed(client, &selector, listing).await?;
                let selector = found::with_literals(selector, &catalogue);
                Ok((catalogue, selector))
            }
        }
    }

    async fn listed(
        &self,
        client: &RegionClient,
        selector: &MetricSelector,
        listing: Listing<'_>,
    ) -> Result<Arc<Catalogue>, MirrorError> {
        let Listing { linked_accounts, only_recent, dimension, max_metrics, purpose: _ } = listing;
        let filter = ListFilter::covering(selector, linked_accounts, only_recent);
        self.catalogue(client, filter.with_dimension(dimension), max_metrics).await
    }

    /// Some metrics of a namespace. If it has none, those of a cached list of all namespaces.
    pub(super) async fn others(
        &self,
        client: &RegionClient,
        namespace: &str,
        linked_accounts: bool,
    ) -> Option<Arc<Catalogue>> {
        let any = MetricSelector::default();
        let of_namespace = MetricSelector { namespaces: vec![namespace.to_owned()], ..any.clone() };
        let some = Listing { linked_accounts, max_metrics: ALMOST_A_PAGE, ..Listing::ALL };
        let listed = self.listed(client, &of_namespace, some).await.ok()?;
        let all = ListFilter::covering(&any, linked_accounts, false);
        let cached = || self.cloudwatch.lists.cached(&client.caller, &all, 0, self.now);
        Some(if listed.metrics().next().is_some() { listed } else { cached().unwrap_or(listed) })
    }

    /// The listed metrics that a selector means, and the interpretation that was looked for. Those
    /// of the caller's own account take precedence: the metrics of linked accounts are listed only if
    /// it has none with exactly the selector's dimensions.
    ///
    /// # Errors
    /// Like [`RequestContext::interpret`].
    pub(super) async fn find(
        &self,
        client: &RegionClient,
        selector: &MetricSelector,
        linked_accounts: bool,
    ) -> Result<(Found, MetricSelector), MirrorError> {
        let max_metrics = if selector.has_wildcards() { MAX_METRICS } else { found::MAX_LISTED };
        let own = Listing { max_metrics, purpose: Purpose::Points, ..Listing::ALL };
        let (catalogue, meant) = self.interpret(client, selector, own).await?;
        let found = found::find(&meant, &catalogue);
        match found {
            Found::Wider(_) | Found::Nothing if linked_accounts && selector.accounts.is_empty() => {
                let linked = Listing { linked_accounts: true, ..own };
                let (catalogue, meant) = self.interpret(client, selector, linked).await?;
                Ok((found::find(&meant, &catalogue), meant))
            }
            found => Ok((found, meant)),
        }
    }
}
