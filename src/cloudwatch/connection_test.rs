//! The call `/api/connection`: tests both permissions that the mirror needs.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Metric, MetricDataQuery, MetricStat};

use super::aws::error::Action;
use super::context::RequestContext;
use crate::error::MirrorError;

impl RequestContext<'_> {
    /// Calls ListMetrics and GetMetricData once.
    ///
    /// # Errors
    /// The credentials lack a permission, or AWS cannot be reached.
    pub(crate) async fn test(&self) -> Result<(), MirrorError> {
        let client = self.client(None).await?;
        let metric = Metric::builder().namespace("AWS/Usage").metric_name("CallCount");
        let stat = MetricStat::builder().metric(metric.build()).period(60).stat("Sum").build();
        let data = client
            .client
            .cloudwatch
            .get_metric_data()
            .metric_data_queries(MetricDataQuery::builder().id("q0").metric_stat(stat).build())
            .start_time(DateTime::from_millis(self.now.0 - 60_000))
            .end_time(DateTime::from_millis(self.now.0));
        let list = client.client.cloudwatch.list_metrics();
        self.usage.record(|counts| counts.metrics_asked += 1);
        match tokio::join!(
            client.call(Action::ListMetrics, client.attempts(None), list.send()),
            client.call(Action::GetMetricData, client.attempts(None), data.send())
        ) {
            (Ok(_), Ok(_)) => Ok(()),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
            (Err(one), Err(other)) if one == other => Err(one),
            (Err(one), Err(other)) => Err(MirrorError::connection(format!("{one}; and {other}"))),
        }
    }
}
