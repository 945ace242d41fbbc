//! The four calls on CloudWatch.

mod answers;
mod assumed;
mod candidates;
mod catalogue;
mod client;
mod conditions;
mod discovery;
mod expression;
mod fault;
mod fetch;
mod grouping;
mod keep;
mod metric;
mod period;
mod plan;
mod question;
mod resource;
mod scope;
mod selection;
mod series;
mod session;
mod sets;
mod shelf;
mod statistic;
mod transport;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Metric as MetricShape, MetricDataQuery, MetricStat};

use self::candidates::Found;
use self::catalogue::Catalogue;
pub use self::client::Clients;
use self::conditions::{Conditions, DIMENSION, RESERVED};
use self::fault::Action;
use self::fetch::fetch;
use self::period::MINUTE;
use self::plan::Plan;
use self::question::{Question, Subject};
use self::scope::Scope;
use self::series::Series;
use self::session::Session;
use self::sets::Sets;
use crate::connection::CloudWatch;
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::region::Region;
use crate::telemetry::{
    Field, FieldType, FieldValue, FieldValuesQuery, Filter, Listing, MetricQuery, Telemetry,
    TimeRange,
};

/// A catalogue for the dialogs has at most so many metrics.
const MOST_LISTED: usize = 100_000;

/// A list shows at most so many fields or values, so that it fits Lambda's 6 MB: a value has up
/// to 1,024 characters. More are grouped, or paged.
const MOST_SHOWN: usize = 5_000;

/// CloudWatch, as one request asks it.
pub struct Store<'a> {
    /// Whom to ask, as whom.
    pub connection: &'a CloudWatch,
    /// Where clients come from.
    pub clients: &'a Clients,
    /// The time by which the request must be answered.
    pub deadline: Deadline,
    /// Epoch milliseconds.
    pub now: i64,
}

impl Store<'_> {
    /// Tries both rights that the mirror needs.
    ///
    /// # Errors
    /// One is missing, or AWS cannot be asked at all.
    pub(super) async fn test(&self) -> Result<(), MirrorError> {
        let session = self.open(None).await?;
        let metric = MetricShape::builder().namespace("AWS/Usage").metric_name("CallCount");
        let stat = MetricStat::builder().metric(metric.build()).period(60).stat("Sum").build();
        let data = session
            .client
            .get_metric_data()
            .metric_data_queries(MetricDataQuery::builder().id("q0").metric_stat(stat).build())
            .start_time(DateTime::from_millis(self.now - 60_000))
            .end_time(DateTime::from_millis(self.now));
        let list = session.client.list_metrics();
        match tokio::join!(
            session.ask(Action::ListMetrics, list.send()),
            session.ask(Action::GetMetricData, data.send())
        ) {
            (Ok(_), Ok(_)) => Ok(()),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
            (Err(one), Err(other)) if one == other => Err(one),
            (Err(one), Err(other)) => {
                Err(MirrorError::Connection { details: format!("{one}; and {other}") })
            }
        }
    }

    /// The fields that queries may name, and those of the metrics that meet the conditions.
    pub(super) async fn field_names(&self, filter: &Filter) -> Result<Listing<Field>, MirrorError> {
        let conditions = Conditions::read(&filter.conditions)?;
        let mut fields = discovery::reserved(self.connection.linked_accounts);
        let mut is_partial = false;
        if !conditions.sets.namespaces.is_empty() && conditions.expression.is_none() {
            let (catalogue, sets) = self.listed(&conditions, None, filter.range).await?;
            fields.extend(discovery::fields(&catalogue, &sets));
            is_partial = catalogue.is_partial;
        }
        let page = Listing::page(fields, 0, filter.limit.min(MOST_SHOWN));
        Ok(Listing { is_partial: page.is_partial || is_partial, ..page })
    }

    /// The values of a field in the metrics that meet the other conditions.
    pub(super) async fn field_values(
        &self,
        query: &FieldValuesQuery,
    ) -> Result<Listing<FieldValue>, MirrorError> {
        let FieldValuesQuery { filter, field, field_type, prefix, offset } = query;
        if *field_type != FieldType::String {
            return Err(MirrorError::UnsupportedFieldType(*field_type));
        }
        let limit = filter.limit.min(MOST_SHOWN);
        let page = |values: &BTreeSet<&str>| grouping::page(values, prefix, *offset, limit);
        let conditions = Conditions::read(&filter.conditions)?;
        Ok(match field.as_str() {
            "Region" => page(&self.regions().map(Region::as_str).collect()),
            "Statistic" => page(&discovery::STATISTICS.into_iter().collect()),
            "Unit" => page(&discovery::units().iter().copied().collect()),
            "~" => page(&BTreeSet::new()),
            field => {
                let (catalogue, sets) = self.listed(&conditions, Some(field), filter.range).await?;
                let page = page(&discovery::values(&catalogue, &sets, field));
                Listing { is_partial: page.is_partial || catalogue.is_partial, ..page }
            }
        })
    }

    /// The points that `query` selects.
    pub(super) async fn metrics(&self, query: &MetricQuery) -> Result<Telemetry, MirrorError> {
        let (question, region) = Question::read(query, self.connection, self.now)?;
        if question.plan.window.count() == 0 {
            return Ok(Series::new(&question.plan, question.not_a_number).into_telemetry());
        }
        let session = self.open(region.as_ref()).await?;
        let asked = (session.caller, question);
        if let Some(answer) = self.clients.answers.find(&asked, self.now) {
            return Ok(answer);
        }
        let answer = self.answer(&session, &asked.1).await?.into_telemetry();
        self.clients.answers.keep(asked, &answer, self.now);
        Ok(answer)
    }

    async fn answer<'q>(
        &self,
        session: &Session,
        question: &'q Question,
    ) -> Result<Series<'q>, MirrorError> {
        let plan = &question.plan;
        let series = Series::new(plan, question.not_a_number);
        match &question.subject {
            Subject::Expression(expression) => {
                fetch(session, plan, plan.expression(expression), series).await
            }
            Subject::Metrics(selection) => {
                self.find(session, plan, selection.clone(), series).await
            }
        }
    }

    /// The series of the metrics that a selection means: those that it names; where they have no
    /// data and do not exist, the only one that it can mean; where there is none either, those
    /// that it names by `Resource`.
    ///
    /// It goes straight to GetMetricData; only where that has nothing is ListMetrics asked why.
    async fn find<'p>(
        &self,
        session: &Session,
        plan: &'p Plan,
        mut selection: Sets,
        mut series: Series<'p>,
    ) -> Result<Series<'p>, MirrorError> {
        loop {
            let metrics = selection.metrics();
            series = fetch(session, plan, plan.calls(&metrics), series).await?;
            if !series.is_void() {
                return Ok(series);
            }
            let scope = selection.scope(self.connection.linked_accounts);
            let most = candidates::MOST_LOOKED_THROUGH;
            let catalogue = self.catalogue(session, scope, most).await?;
            match (candidates::look(&selection, &catalogue), selection.by_own_resource()) {
                (Found::Idle, _) => return Ok(series),
                (Found::Only(metric), _) => {
                    return fetch(session, plan, plan.calls(&[metric]), series).await;
                }
                (Found::Nothing, Some(own)) => selection = own,
                (found, _) => return Err(candidates::error(&found, &metrics, &session.region)),
            }
        }
    }

    /// A catalogue that has every metric in it which meets the conditions, but for those on
    /// `field`, and what a metric must be to do so. Metrics without data are left out where
    /// the range is not long past.
    async fn listed(
        &self,
        conditions: &Conditions,
        field: Option<&str>,
        range: TimeRange,
    ) -> Result<(Arc<Catalogue>, Sets), MirrorError> {
        const RECENT: i64 = 3 * 60 * MINUTE;
        let session = self.open(conditions.region.as_ref()).await?;
        let mut sets = conditions.sets.clone();
        if let Some(field) = field {
            sets = sets.without(field);
        }
        loop {
            let mut scope = sets.scope(self.connection.linked_accounts);
            scope.recent = range.start() > self.now - RECENT;
            if let Some(field) = field.filter(|field| !RESERVED.contains(field)) {
                scope = scope.with(field.strip_prefix(DIMENSION).unwrap_or(field));
            }
            let catalogue = self.catalogue(&session, scope, MOST_LISTED).await?;
            let own = sets.by_own_resource();
            match own.filter(|_| !catalogue.metrics().any(|metric| sets.admit(&metric))) {
                None => return Ok((catalogue, sets)),
                Some(own) => sets = own,
            }
        }
    }

    /// The metrics of a scope, `most` of them: from the shelf, or else from CloudWatch.
    async fn catalogue(
        &self,
        session: &Session,
        scope: Scope,
        most: usize,
    ) -> Result<Arc<Catalogue>, MirrorError> {
        let shelf = &self.clients.shelf;
        if let Some(catalogue) = shelf.find(&session.caller, &scope, most, self.now) {
            return Ok(catalogue);
        }
        let catalogue = Arc::new(Catalogue::read(session, &scope, most).await?);
        shelf.keep(session.caller, scope, catalogue.clone(), most, self.now);
        Ok(catalogue)
    }

    /// The regions to choose from; the first is asked where nobody names one.
    fn regions(&self) -> impl Iterator<Item = &Region> {
        let CloudWatch { region, regions, .. } = self.connection;
        let named = region.iter().chain(regions);
        named.chain(self.clients.home().filter(|_| region.is_none() && regions.is_empty()))
    }

    /// A session in the region that the query names, or the connection, or the one that the
    /// mirror runs in.
    async fn open(&self, named: Option<&Region>) -> Result<Session, MirrorError> {
        let region = named.or(self.regions().next());
        let region = region.cloned().ok_or_else(|| MirrorError::Connection {
            details: "no region: expected \"region\" in the connection details, such as \
                      \"eu-west-1\", or the condition Region"
                .to_owned(),
        })?;
        self.clients.open(&self.connection.identity, region, self.deadline, self.now).await
    }
}
