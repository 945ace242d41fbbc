//! The four calls on CloudWatch.

mod candidates;
mod client;
mod fault;
mod period;
mod plan;
mod selection;
mod series;
mod session;
mod statistic;

use std::collections::HashSet;

use aws_sdk_cloudwatch::operation::get_metric_data::builders::GetMetricDataFluentBuilder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    MessageData, Metric as MetricShape, MetricDataQuery, MetricStat, ScanBy, StatusCode,
};

use self::candidates::Found;
pub use self::client::Clients;
use self::fault::Action;
use self::plan::{Fold, Plan};
use self::selection::{Metric, Selection};
use self::series::Series;
use self::session::Session;
use crate::connection::CloudWatch;
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::region::Region;
use crate::telemetry::{
    Field, FieldType, FieldValue, FieldValuesQuery, Filter, Listing, MetricQuery, Telemetry,
};

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

    /// The names that a condition can have with any metric.
    pub(super) async fn field_names(&self, filter: &Filter) -> Result<Listing<Field>, MirrorError> {
        let field = |name: &str| Field { name: name.to_owned(), field_type: FieldType::String };
        let fields = selection::RESERVED.iter().map(|name| field(name)).collect();
        Ok(Listing::page(fields, 0, filter.limit))
    }

    pub(super) async fn field_values(
        &self,
        query: &FieldValuesQuery,
    ) -> Result<Listing<FieldValue>, MirrorError> {
        Err(MirrorError::UnsupportedFieldType(query.field_type))
    }

    /// The points that `query` selects.
    ///
    /// A query goes straight to GetMetricData; only where that has nothing is ListMetrics asked
    /// why.
    pub(super) async fn metrics(&self, query: &MetricQuery) -> Result<Telemetry, MirrorError> {
        let selection = Selection::of(query)?;
        let metrics = selection.metrics();
        let settle = i64::try_from(self.connection.settle.as_millis()).unwrap_or(i64::MAX);
        let plan = Plan::new(query, &selection, metrics.len(), self.now - settle, self.now)?;
        let empty = Series::new(&plan, self.connection.not_a_number);
        if plan.window.count() == 0 {
            return Ok(empty.into_telemetry());
        }
        let session = self.open(selection.region.as_ref()).await?;
        let series = fetch(&session, &plan, &metrics, empty).await?;
        if !series.is_void() {
            return Ok(series.into_telemetry());
        }
        let series = match candidates::look(&session, &selection, &metrics).await? {
            Found::Idle => series,
            Found::Only(metric) => fetch(&session, &plan, &[metric], series).await?,
        };
        Ok(series.into_telemetry())
    }

    /// A session in the region that the query names, or the connection, or the one that the
    /// mirror runs in.
    async fn open(&self, named: Option<&Region>) -> Result<Session, MirrorError> {
        let CloudWatch { identity, region, regions, .. } = self.connection;
        let region = named.or(region.as_ref()).or(regions.first()).or(self.clients.home());
        let region = region.cloned().ok_or_else(|| MirrorError::Connection {
            details: "no region: expected \"region\" in the connection details, such as \
                      \"eu-west-1\", or the condition Region"
                .to_owned(),
        })?;
        self.clients.open(identity, region, self.deadline).await
    }
}

/// Adds to `series` what CloudWatch has of `metrics`.
async fn fetch<'a>(
    session: &Session,
    plan: &Plan,
    metrics: &[Metric],
    mut series: Series<'a>,
) -> Result<Series<'a>, MirrorError> {
    let calls = plan.calls(metrics);
    for span in plan.spans(metrics.len()) {
        for queries in &calls {
            let call = session
                .client
                .get_metric_data()
                .set_metric_data_queries(Some(queries.clone()))
                .start_time(DateTime::from_millis(span.start))
                .end_time(DateTime::from_millis(span.end))
                .scan_by(ScanBy::TimestampAscending)
                .max_datapoints(i32::try_from(plan.page_size()).unwrap_or(i32::MAX));
            read_pages(session, call, plan, &mut series).await?;
        }
        if series.is_full() {
            break;
        }
    }
    Ok(series)
}

/// Adds every page of one call to `series`. The window and the queries stay the same from page
/// to page: CloudWatch's tokens are good for these alone.
async fn read_pages(
    session: &Session,
    call: GetMetricDataFluentBuilder,
    plan: &Plan,
    series: &mut Series<'_>,
) -> Result<(), MirrorError> {
    let mut token: Option<String> = None;
    let mut tokens = HashSet::new();
    let mut incomplete = HashSet::new();
    loop {
        let page = call.clone().set_next_token(token);
        let page = session.ask(Action::GetMetricData, page.send()).await?;
        told(page.messages())?;
        for result in page.metric_data_results() {
            told(result.messages())?;
            let id = result.id().unwrap_or_default();
            match result.status_code() {
                None | Some(StatusCode::Complete) => incomplete.remove(id),
                Some(StatusCode::PartialData) => incomplete.insert(id.to_owned()),
                Some(other) => return Err(failed(other)),
            };
            let Some(statistic) = plan.statistic_of(id) else { continue };
            for (time, value) in result.timestamps().iter().zip(result.values()) {
                if let Ok(time) = time.to_millis() {
                    series.add(statistic, time, *value);
                }
            }
        }
        token = page.next_token;
        match &token {
            None => break,
            // What has arrived shows by itself that there is more.
            Some(_) if plan.fold == Fold::Single && series.is_full() => return Ok(()),
            Some(token) if tokens.insert(token.clone()) => {}
            Some(_) => return series.mark_partial(),
        }
    }
    if incomplete.is_empty() { Ok(()) } else { series.mark_partial() }
}

/// A message of CloudWatch's is a reservation about its answer; StackState's has no place for
/// one beside points.
fn told(messages: &[MessageData]) -> Result<(), MirrorError> {
    let told = |message: &MessageData| {
        format!("{}: {}", message.code().unwrap_or("no code"), message.value().unwrap_or("no text"))
    };
    if messages.is_empty() {
        return Ok(());
    }
    let messages: Vec<String> = messages.iter().map(told).collect();
    Err(MirrorError::Remote {
        summary: "CloudWatch answers with a reservation",
        details: messages.join("; "),
    })
}

fn failed(status: &StatusCode) -> MirrorError {
    let details = match status {
        StatusCode::Forbidden => {
            "CloudWatch forbids this metric to these credentials (status Forbidden); expected an \
             account that shares it"
                .to_owned()
        }
        StatusCode::InternalError => {
            "CloudWatch failed to compute this metric (status InternalError); asking again may help"
                .to_owned()
        }
        other => format!("CloudWatch answers with the status {other}"),
    };
    MirrorError::Connection { details }
}
