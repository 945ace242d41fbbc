//! The calls of one request to CloudWatch in one region.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;

use super::caller::Caller;
use super::error::{self, Action};
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::region::Region;
use crate::usage::{Attempts, Tally, Usage};

/// The client, the region, the deadline and the usage of one request's calls.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) caller: Caller,
    pub(crate) region: Region,
    pub(crate) deadline: Deadline,
    pub(crate) usage: Arc<Usage>,
    /// Counts the throttled attempts of GetMetricData, if the pace of these calls depends on them.
    pub(crate) throttles: Option<Arc<AtomicU32>>,
}

impl Session {
    /// The same session with an earlier deadline, which leaves time to process the results.
    pub(crate) fn with_earlier_deadline(&self) -> Self {
        Session { deadline: self.deadline.earlier(), ..self.clone() }
    }

    /// The output of `call`.
    ///
    /// # Errors
    /// CloudWatch refuses the call, cannot be reached, or has not answered by the deadline.
    pub(crate) fn call<'a, T, E>(
        &'a self,
        action: Action<'a>,
        call: impl Future<Output = Result<T, SdkError<E, Response>>> + Send + 'a,
    ) -> impl Future<Output = Result<T, MirrorError>> + Send + 'a
    where
        T: Send + 'a,
        E: ProvideErrorMetadata + Error + Send + 'static,
    {
        self.call_counted(action, self.attempts(action), call)
    }

    /// The attempts of a call that has not begun.
    pub(crate) fn attempts(&self, action: Action<'_>) -> Arc<Attempts> {
        let throttles = self.throttles.clone().filter(|_| action == Action::GetMetricData);
        Arc::new(Attempts::until(self.deadline.at(), throttles))
    }

    /// The output of `call`, whose attempts others can look at.
    ///
    /// # Errors
    /// Like [`Session::call`].
    pub(crate) fn call_counted<'a, T, E>(
        &'a self,
        action: Action<'a>,
        attempts: Arc<Attempts>,
        call: impl Future<Output = Result<T, SdkError<E, Response>>> + Send + 'a,
    ) -> impl Future<Output = Result<T, MirrorError>> + Send + 'a
    where
        T: Send + 'a,
        E: ProvideErrorMetadata + Error + Send + 'static,
    {
        // The SDK's futures are about ten kilobytes each. Boxing them here avoids further moves,
        // and keeps the futures that await them small.
        let call = Box::pin(call);
        async move {
            self.usage.record(|counts| counts.calls += 1);
            match self.usage.wait(&attempts, self.deadline.bound(call)).await {
                Ok(answer) => answer.map_err(|error| {
                    error::from_call(&error, action, &self.region, attempts.tally())
                }),
                Err(overdue) => {
                    Err(error::overdue(overdue, action, &self.region, attempts.tally()))
                }
            }
        }
    }

    /// The output of a call that another task makes, with these attempts so far.
    ///
    /// # Errors
    /// CloudWatch has not answered by the deadline.
    pub(crate) async fn wait<T>(
        &self,
        action: Action<'_>,
        attempts: impl Fn() -> Tally,
        call: impl Future<Output = T>,
    ) -> Result<T, MirrorError> {
        let output = self.usage.wait(&Arc::default(), self.deadline.bound(call)).await;
        output.map_err(|overdue| error::overdue(overdue, action, &self.region, attempts()))
    }
}
