//! Datapoints → points: several series folded into one, gaps filled or left, the limit kept.

use super::expression;
use super::plan::{Fold, Plan};
use crate::connection::NotANumber;
use crate::error::MirrorError;
use crate::telemetry::{Bucket, Points, Sample, Telemetry};

/// What has arrived so far, bucket by bucket.
pub(super) struct Series<'a> {
    plan: &'a Plan,
    not_a_number: NotANumber,
    /// One for each period of the plan's window, once there is a datapoint: one folded value a
    /// statistic. CloudWatch keeps no more than 21,600 periods of any length.
    buckets: Vec<Option<[f64; 2]>>,
    /// How many of them there are.
    found: usize,
    /// Whether the store has more than it sent.
    is_partial: bool,
}

impl<'a> Series<'a> {
    pub(super) fn new(plan: &'a Plan, not_a_number: NotANumber) -> Self {
        Series { plan, not_a_number, buckets: Vec::new(), found: 0, is_partial: false }
    }

    /// A datapoint of one of the plan's statistics; `time` is its bucket's start in epoch
    /// milliseconds. What is outside the plan's window was not asked for.
    ///
    /// # Errors
    /// An expression has several datapoints in one bucket.
    pub(super) fn add(
        &mut self,
        statistic: usize,
        time: i64,
        value: f64,
    ) -> Result<(), MirrorError> {
        let window = self.plan.window;
        if !(window.start..window.end).contains(&time) {
            return Ok(());
        }
        let value = match (value.is_finite(), self.not_a_number) {
            (true, _) => value,
            (false, NotANumber::Zero) => 0.0,
            (false, NotANumber::Nothing) => return Ok(()),
        };
        if self.buckets.is_empty() {
            self.buckets = vec![None; window.count()];
        }
        let index = usize::try_from((time - window.start) / window.period).unwrap_or(usize::MAX);
        let Some(bucket) = self.buckets.get_mut(index) else { return Ok(()) };
        if self.plan.is_expression && bucket.is_some() {
            return Err(expression::shorter_period(window.period / 1_000));
        }
        self.found += usize::from(bucket.is_none());
        let first = match self.plan.fold {
            Fold::Single | Fold::Mean | Fold::Sum => 0.0,
            Fold::Max => f64::NEG_INFINITY,
            Fold::Min => f64::INFINITY,
        };
        let folded = &mut bucket.get_or_insert([first; 2])[statistic];
        *folded = match self.plan.fold {
            Fold::Single => value,
            Fold::Mean | Fold::Sum => *folded + value,
            Fold::Max => folded.max(value),
            Fold::Min => folded.min(value),
        };
        Ok(())
    }

    /// Says that the store has more than it sent.
    ///
    /// # Errors
    /// Several series are folded: buckets that lack one of them would be wrong, not missing.
    pub(super) fn mark_partial(&mut self) -> Result<(), MirrorError> {
        self.is_partial = true;
        match self.plan.fold {
            Fold::Single => Ok(()),
            Fold::Mean | Fold::Max | Fold::Min | Fold::Sum => Err(MirrorError::Connection {
                details: "CloudWatch sent only a part of some of the metrics that become one \
                          series; expected fewer metrics, or a shorter range"
                    .to_owned(),
            }),
        }
    }

    /// Whether the store sent all that it has, and that was nothing.
    pub(super) fn is_void(&self) -> bool {
        self.found == 0 && !self.is_partial
    }

    /// Whether there is more than the limit lets through.
    pub(super) fn is_full(&self) -> bool {
        self.found > self.plan.limit
    }

    /// The points. Gaps are filled only where the store sent all that it has.
    pub(super) fn into_telemetry(self) -> Telemetry {
        let Series { plan, not_a_number: _, mut buckets, found: _, mut is_partial } = self;
        let window = plan.window;
        if plan.fills && !is_partial {
            buckets.resize(window.count(), None);
            for bucket in &mut buckets {
                bucket.get_or_insert([0.0, 1.0]);
            }
        }
        let starts = (window.start..).step_by(usize::try_from(window.period).unwrap_or(usize::MAX));
        let mut points = starts
            .zip(buckets)
            .filter_map(|(start, bucket)| bucket.map(|[value, count]| (start, value, count)))
            .map(|(start, value, count)| match plan.fold {
                Fold::Mean => (start, value / count),
                Fold::Single | Fold::Max | Fold::Min | Fold::Sum => (start, value),
            })
            .filter(|(_, value)| value.is_finite());
        let kept = points.by_ref().take(plan.limit);
        let points_kept = if plan.is_raw {
            Points::Raw(kept.map(|(time, value)| Sample { value, time }).collect())
        } else {
            let bucket = |(start, value)| Bucket { value, start, end: start + window.period };
            Points::Aggregated(kept.map(bucket).collect())
        };
        is_partial |= plan.is_cut || points.next().is_some();
        Telemetry { points: points_kept, is_partial }
    }
}
