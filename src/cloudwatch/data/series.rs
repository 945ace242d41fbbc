//! Datapoints → points: folds several series into one, fills gaps, applies the limit.

use super::plan::{Fold, Plan, PointKind};
use crate::cloudwatch::query::expression;
use crate::connection::NotANumber;
use crate::error::MirrorError;
use crate::model::{Bucket, Points, RawPoint, Telemetry};

/// The datapoints that have arrived, by bucket.
#[derive(Clone)]
pub(crate) struct Series {
    pub(crate) plan: Plan,
    not_a_number: NotANumber,
    /// One entry for each period of the window: `None` without a datapoint, else the folded value,
    /// and for a mean the number of samples. Empty before the first datapoint. CloudWatch keeps at most
    /// 21,600 periods of any length.
    buckets: Vec<Option<[f64; 2]>>,
    /// The number of buckets with a datapoint.
    found: usize,
    /// The answer to the search for the last bucket with a value before the window, once it was made.
    pub(crate) earlier: Option<Telemetry>,
    /// Whether CloudWatch has more datapoints than it returned.
    pub(super) is_partial: bool,
}

impl Series {
    pub(crate) fn new(plan: Plan, not_a_number: NotANumber) -> Self {
        let (buckets, found, earlier, is_partial) = (Vec::new(), 0, None, false);
        Series { plan, not_a_number, buckets, found, earlier, is_partial }
    }

    /// Adds a datapoint: its value, or the sum and the number of the samples for a mean. `time` is the
    /// start of its bucket in epoch milliseconds. Datapoints outside the window are ignored.
    ///
    /// # Errors
    /// An expression has several datapoints in one bucket.
    pub(super) fn add(&mut self, time: i64, values: [f64; 2]) -> Result<(), MirrorError> {
        let window = self.plan.window;
        if !(window.start..window.end).contains(&time) {
            return Ok(());
        }
        let is_number = |value: &f64| value.is_finite();
        if self.not_a_number == NotANumber::Omit && !values.iter().all(is_number) {
            return Ok(());
        }
        if !values[1].is_finite() {
            // No policy makes a number of samples of it.
            return Ok(());
        }
        let [value, count] = values.map(|value| Some(value).filter(is_number).unwrap_or(0.0));
        if self.plan.fold == Fold::Mean && count == 0.0 {
            // No samples have no mean.
            return Ok(());
        }
        if self.buckets.is_empty() {
            self.buckets = vec![None; window.count()];
        }
        let index = usize::try_from((time - window.start) / window.period).unwrap_or(usize::MAX);
        let Some(bucket) = self.buckets.get_mut(index) else { return Ok(()) };
        if self.plan.fold == Fold::Expression && bucket.is_some() {
            return Err(expression::shorter_period(window.period / 1_000));
        }
        self.found += usize::from(bucket.is_none());
        let first = match self.plan.fold {
            Fold::Single | Fold::Expression | Fold::Mean | Fold::Sum => 0.0,
            Fold::Max => f64::NEG_INFINITY,
            Fold::Min => f64::INFINITY,
        };
        let [folded, counted] = bucket.get_or_insert([first; 2]);
        *folded = match self.plan.fold {
            Fold::Single | Fold::Expression => value,
            Fold::Mean | Fold::Sum => *folded + value,
            Fold::Max => folded.max(value),
            Fold::Min => folded.min(value),
        };
        *counted += count;
        Ok(())
    }

    /// Whether there is a datapoint after the first period. StackState asks again from the last
    /// point of a partial answer, so an answer without a later one would never end.
    pub(super) fn makes_progress(&self) -> bool {
        self.buckets.iter().skip(1).any(Option::is_some)
    }

    /// Whether the first bucket is empty, and what was before it has not been looked for.
    pub(crate) fn lacks_earlier(&self) -> bool {
        self.earlier.is_none() && self.buckets.first().is_none_or(Option::is_none)
    }

    /// Whether CloudWatch returned all its datapoints, and that was nothing. A value before the window counts too.
    pub(crate) fn is_empty(&self) -> bool {
        let has_earlier = self.earlier.as_ref().is_some_and(|earlier| earlier.points.count() > 0);
        self.found == 0 && !has_earlier && !self.is_partial
    }

    /// Whether there are more points than the limit allows.
    pub(super) fn exceeds_limit(&self) -> bool {
        self.found > self.plan.limit
    }

    /// The points. Gaps are filled only if CloudWatch returned all its datapoints.
    pub(crate) fn into_telemetry(self) -> Telemetry {
        let Series { plan, mut buckets, earlier, mut is_partial, .. } = self;
        let window = plan.window;
        let starts = (window.start..).step_by(usize::try_from(window.period).unwrap_or(usize::MAX));
        let value = |[folded, count]: [f64; 2]| {
            let value = match plan.fold {
                Fold::Mean => folded / count,
                Fold::Single | Fold::Expression | Fold::Max | Fold::Min | Fold::Sum => folded,
            };
            Some(value).filter(|value| value.is_finite())
        };
        let last = buckets.iter().rposition(Option::is_some).unwrap_or(0);
        let mut limit = plan.limit;
        match plan.kind {
            PointKind::ZeroFilled { zeros_until, is_cut } => {
                if !is_partial {
                    buckets.resize(window.count(), None);
                    let certain = (zeros_until - window.start) / window.period;
                    let certain = usize::try_from(certain).unwrap_or(0);
                    for bucket in buckets.iter_mut().take(certain.max(last)) {
                        bucket.get_or_insert([0.0, 1.0]);
                    }
                }
                is_partial |= is_cut;
            }
            PointKind::Held(hold) => {
                // CloudWatch can have a datapoint for each bucket after the last one that it returned.
                let known = if is_partial { last } else { window.count() };
                buckets.resize(known.max(buckets.len()), None);
                let mut held = match earlier.map(|earlier| earlier.points) {
                    Some(Points::Aggregated(found)) => {
                        found.last().map(|bucket| (bucket.start, [bucket.value, 1.0]))
                    }
                    Some(Points::Raw(_)) | None => None,
                };
                for (start, bucket) in starts.clone().zip(&mut buckets).take(known) {
                    held = bucket.map(|pair| (start, pair)).or(held);
                    *bucket = held.filter(|(since, _)| start - since <= hold).map(|(_, pair)| pair);
                }
            }
            PointKind::Latest => {
                buckets.iter_mut().take(last).for_each(|bucket| *bucket = None);
                limit = usize::MAX;
            }
            PointKind::Raw | PointKind::Bucket => {}
        }
        let mut values =
            starts.zip(buckets).filter_map(|(start, bucket)| Some((start, value(bucket?)?)));
        let shown = values.by_ref().take(limit);
        let points = if plan.kind == PointKind::Raw {
            Points::Raw(shown.map(|(time, value)| RawPoint { value, time }).collect())
        } else {
            let bucket = |(start, value)| Bucket { value, start, end: start + window.period };
            Points::Aggregated(shown.map(bucket).collect())
        };
        is_partial |= values.next().is_some();
        Telemetry { points, is_partial }
    }
}
