//! The calls `/api/field/name` and `/api/field/value`.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_cloudwatch::types::StandardUnit;

use super::context::RequestContext;
use super::listing::catalogue::Catalogue;
use super::listing::{fields, grouping};
use super::lookup::Listing;
use super::query::conditions::Conditions;
use super::query::field::Field;
use super::query::selector::MetricSelector;
use crate::error::MirrorError;
use crate::model::{self, FieldType, FieldValue, FieldValuesQuery, Filter, Page};
use crate::region::Region;

/// The maximum number of fields or values in an answer, so that it fits Lambda's limit of 6 MB.
/// A value has up to 1,024 characters. More values are grouped or paged.
const MAX_ITEMS: usize = 5_000;

impl RequestContext<'_> {
    /// The fields that are not dimensions. If the conditions have an expression, also the field of
    /// its values. Else, if they name a namespace, also the dimensions and names of the metrics
    /// that match them.
    ///
    /// # Errors
    /// The conditions are not valid, or CloudWatch does not list metrics.
    pub(crate) async fn field_names(
        &self,
        filter: &Filter,
    ) -> Result<Page<model::Field>, MirrorError> {
        let conditions = Conditions::read(&filter.conditions, self.regions().next())?;
        let mut all = fields::reserved(self.config.linked_accounts);
        let mut is_partial = false;
        if conditions.expression.is_some() {
            all.push(fields::of_expression());
        } else if !conditions.selector.namespaces.is_empty() {
            let (catalogue, selector) = self.matching(&conditions, None).await?;
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
        let field = Field::named(field)?;
        match (*field_type, &field) {
            (FieldType::String, _) | (FieldType::Boolean, Field::HighResolution) => {}
            (other, _) => return Err(MirrorError::UnsupportedFieldType(other)),
        }
        let limit = filter.limit.min(MAX_ITEMS);
        let page = |values: &BTreeSet<&str>| grouping::page(values, prefix, *offset, limit);
        let conditions = Conditions::read(&filter.conditions, self.regions().next())?;
        Ok(match field {
            Field::Region => page(&self.regions().map(Region::as_str).collect()),
            Field::Statistic => page(&fields::STATISTICS.into_iter().collect()),
            Field::Unit => page(&StandardUnit::values().iter().copied().collect()),
            Field::HighResolution => page(&["false", "true"].into()),
            Field::HoldSeconds | Field::Expression | Field::Tag(_) => page(&BTreeSet::new()),
            field @ (Field::Namespace
            | Field::MetricName
            | Field::AccountId
            | Field::Dimension(_)) => {
                let (catalogue, selector) = self.matching(&conditions, Some(&field)).await?;
                let page = page(&fields::values(&catalogue, &selector, &field));
                // A page behind the end says that it is the last one.
                let is_last = page.items.is_empty() && *offset > 0;
                Page { is_partial: page.is_partial || catalogue.is_partial && !is_last, ..page }
            }
        })
    }

    /// The first interpretation of the conditions on fields other than `field` that matches any
    /// metric, and a catalogue with all metrics that match it.
    async fn matching(
        &self,
        conditions: &Conditions,
        field: Option<&Field>,
    ) -> Result<(Arc<Catalogue>, MetricSelector), MirrorError> {
        self.usage.record_namespaces(&conditions.selector.namespaces);
        let client = self.client(conditions.region.as_ref()).await?;
        let selector = conditions.selector.clone();
        let selector = match field {
            Some(field) => selector.without(field),
            None => selector,
        };
        let listing = Listing {
            linked_accounts: self.config.linked_accounts,
            only_recent: self.config.recently_active_only,
            dimension: match field {
                Some(Field::Dimension(name)) => Some(name),
                _ => None,
            },
            ..Listing::ALL
        };
        self.interpret(&client, &selector, listing).await
    }
}
