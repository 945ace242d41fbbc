//! One request's conversation with CloudWatch in one region.

use std::error::Error;
use std::future::Future;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::http::Response;

use super::fault::{self, Action};
use crate::deadline::Deadline;
use crate::error::MirrorError;
use crate::region::Region;

/// Who asks: the digest of a caller and a region.
pub(super) type Caller = [u8; 32];

/// One request's conversation with CloudWatch in one region.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) caller: Caller,
    pub(super) region: Region,
    pub(super) deadline: Deadline,
}

impl Session {
    /// The same with a sooner deadline, which leaves time to make use of what was found.
    pub(super) fn hurried(&self) -> Self {
        Session { deadline: self.deadline.sooner(), ..self.clone() }
    }

    /// What `call` answers, in time.
    ///
    /// # Errors
    /// CloudWatch refuses, cannot be reached, or has not answered at the deadline.
    pub(super) fn ask<'a, T, E>(
        &'a self,
        action: Action<'a>,
        call: impl Future<Output = Result<T, SdkError<E, Response>>> + 'a,
    ) -> impl Future<Output = Result<T, MirrorError>> + 'a
    where
        T: 'a,
        E: ProvideErrorMetadata + Error + 'static,
    {
        // The SDK's futures have some ten kilobytes each. Boxed at once they are moved once, and
        // those that wait for them stay small.
        let call = Box::pin(call);
        async move {
            let waits_for = || format!("CloudWatch in {} to answer {}", self.region, action.name());
            let answer = self.deadline.bound(waits_for, call).await?;
            answer.map_err(|error| fault::of_call(&error, action, &self.region))
        }
    }
}
