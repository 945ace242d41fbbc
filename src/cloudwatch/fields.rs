//! The calls `/api/field/name` and `/api/field/value`.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::listing::catalogue::Catalogue;
use super::listing::filter::ListFilter;
use super::listing::{fields, grouping};
use super::query::conditions::Conditions;
use super::query::field::Field;
use super::query::selector::MetricSelector;
use super::store::Store;
use crate::error::MirrorError;
use crate::model::{self, FieldType, FieldValue, FieldValuesQuery, Filter, Page};
use crate::region::Region;
use crate::time::TimeRange;

/// The maximum number of metrics in a catalogue.
const MAX_METRICS: usize = 100_000;

/// The maximum number of fields or values in an answer, so that it fits Lambda's limit of 6 MB.
/// A value has up to 1,024 characters. More values are grouped or paged.
const MAX_ITEMS: usize = 5_000;

/// If the range begins less than this many milliseconds ago, only metrics with data in the last
/// three hours are listed.
const RECENT: i64 = 3 * 60 * 60 * 1_000;

impl Store<'_> {
    /// The fields that are not dimensions, and, if the conditions name a namespace and have no
    /// expression, the dimensions and names of the metrics that match them.
    ///
    /// # Errors
    /// The conditions are not valid, or CloudWatch does not list metrics.
    pub(crate) async fn field_names(
        &self,
        filter: &Filter,
    ) -> Result<Page<model::Field>, MirrorError> {
        let conditions = Conditions::read(&filter.conditions)?;
        let mut all = fields::reserved(self.config.linked_accounts);
        let mut is_partial = false;
        if !conditions.selector.namespaces.is_empty() && conditions.expression.is_none() {
            let (catalogue, selector) = self.matching(&conditions, None, filter.range).await?;
            all.extend(fields::of_metrics(&catalogue, &selector));
            is_partial = catalogue.is_partial;
        }
        let page = Page::of(all, 0, filter.limit.min(MAX_ITEMS));
        Ok(Page { is_partial: page.is_partial || is_partial, ..page })
    }

    /// The values of a field in the metrics that match the conditions on other fields.
    ///
    /// # Errors
    /// The field has no list of values, the conditions are not valid, or CloudWatch does not
    /// list metrics.
    pub(crate) async fn field_values(
        &self,
        query: &FieldValuesQuery,
    ) -> Result<Page<FieldValue>, MirrorError> {
        let FieldValuesQuery { filter, field, field_type, prefix, offset } = query;
        if *field_type != FieldType::String {
            return Err(MirrorError::UnsupportedFieldType(*field_type));
        }
        let limit = filter.limit.min(MAX_ITEMS);
        let page = |values: &BTreeSet<&str>| grouping::page(values, prefix, *offset, limit);
        let conditions = Conditions::read(&filter.conditions)?;
        Ok(match Field::parse(field) {
            Field::Region => page(&self.regions().map(Region::as_str).collect()),
            Field::Statistic => page(&fields::STATISTICS.into_iter().collect()),
            Field::Unit => page(&fields::units().iter().copied().collect()),
            Field::Expression => page(&BTreeSet::new()),
            field @ (Field::Namespace
            | Field::MetricName
            | Field::AccountId
            | Field::Dimension(_)) => {
                let (catalogue, selector) =
                    self.matching(&conditions, Some(&field), filter.range).await?;
                let page = page(&fields::values(&catalogue, &selector, &field));
                Page { is_partial: page.is_partial || catalogue.is_partial, ..page }
            }
        })
    }

    /// A catalogue with all metrics that match the conditions on fields other than `field`, and
    /// the selector that picks them out of it. The selector is the first interpretation of the
    /// conditions that matches any metric.
    async fn matching(
        &self,
        conditions: &Conditions,
        field: Option<&Field>,
        range: TimeRange,
    ) -> Result<(Arc<Catalogue>, MetricSelector), MirrorError> {
        self.usage.record_namespaces(&conditions.selector.namespaces);
        let session = self.session(conditions.region.as_ref()).await?;
        let selector = conditions.selector.clone();
        let selector = match field {
            Some(field) => selector.without(field),
            None => selector,
        };
        let mut found = None;
        for selector in selector.interpretations() {
            let filter = ListFilter::covering(&selector, self.config.linked_accounts)
                .only_recent(range.start() > self.now.0 - RECENT);
            let filter = match field {
                Some(Field::Dimension(name)) => filter.with_dimension(name),
                _ => filter,
            };
            let catalogue = self.catalogue(&session, filter, MAX_METRICS).await?;
            let is_match = catalogue.metrics().any(|metric| metric.matches(&selector));
            found = Some((catalogue, selector));
            if is_match {
                break;
            }
        }
        Ok(found.unwrap_or_default())
    }
}
