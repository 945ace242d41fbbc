//! One GetMetricData call.

use std::ops::Range;

use aws_sdk_cloudwatch::operation::get_metric_data::builders::GetMetricDataFluentBuilder;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{MetricDataQuery, ScanBy};

use super::plan::Plan;
use super::request::Asked;
use super::window::Window;
use crate::cloudwatch::aws::session::Session;

/// One call: some of the queries of what is asked, for a part of the range.
pub(super) struct Call<'a> {
    pub(super) plan: &'a Plan,
    pub(super) asked: Asked<'a>,
    /// The numbers of the queries.
    pub(super) numbers: Range<usize>,
    pub(super) span: Window,
}

impl Call<'_> {
    /// The request for a page.
    pub(super) fn page(
        &self,
        session: &Session,
        token: Option<String>,
    ) -> GetMetricDataFluentBuilder {
        let queries = self.plan.build(self.asked, self.numbers.clone());
        page(session, queries, self.span, self.plan.page_size(), token)
    }
}

/// The request for a page of at most `size` datapoints. Every page of a call has the same window
/// and queries, because a page token is valid only for these.
pub(super) fn page(
    session: &Session,
    queries: Vec<MetricDataQuery>,
    window: Window,
    size: usize,
    token: Option<String>,
) -> GetMetricDataFluentBuilder {
    session
        .client
        .get_metric_data()
        .set_metric_data_queries(Some(queries))
        .start_time(DateTime::from_millis(window.start))
        .end_time(DateTime::from_millis(window.end))
        .scan_by(ScanBy::TimestampAscending)
        .max_datapoints(i32::try_from(size).unwrap_or(i32::MAX))
        .set_next_token(token)
}
