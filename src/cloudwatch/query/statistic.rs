//! CloudWatch's statistics ("CloudWatch statistics definitions", CloudWatch user guide).

use std::fmt;

use crate::model::Method;

/// How CloudWatch aggregates the samples of a period.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Statistic {
    Average,
    Maximum,
    Minimum,
    SampleCount,
    Sum,
    /// A statistic that needs all samples, such as a percentile or a trimmed mean.
    Extended(String),
}

impl Statistic {
    /// Completes the error "expected …".
    pub(crate) const EXPECTED: &'static str = "one of CloudWatch's statistics: Average, Maximum, \
         Minimum, SampleCount, Sum, IQM, a percentile such as p99.9, or one of TM, WM, TC, TS and \
         PR with bounds such as TM(10%:90%)";

    /// The statistic with this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "Average" => Statistic::Average,
            "Maximum" => Statistic::Maximum,
            "Minimum" => Statistic::Minimum,
            "SampleCount" => Statistic::SampleCount,
            "Sum" => Statistic::Sum,
            _ if is_extended(name) => Statistic::Extended(name.to_owned()),
            _ => return None,
        })
    }

    /// The name, if this is a percentile, such as `p99.9`.
    pub(crate) fn percentile(&self) -> Option<&str> {
        match self {
            Statistic::Extended(name) if name.starts_with('p') => Some(name),
            _ => None,
        }
    }
}

impl From<Method> for Statistic {
    fn from(method: Method) -> Self {
        match method {
            Method::Mean => Statistic::Average,
            Method::Percentile(percent) => Statistic::Extended(format!("p{percent}")),
            Method::Max => Statistic::Maximum,
            Method::Min => Statistic::Minimum,
            Method::Sum | Method::SumNoZeros => Statistic::Sum,
            Method::EventCount | Method::EventCountNoZeros => Statistic::SampleCount,
        }
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Statistic::Average => "Average",
            Statistic::Maximum => "Maximum",
            Statistic::Minimum => "Minimum",
            Statistic::SampleCount => "SampleCount",
            Statistic::Sum => "Sum",
            Statistic::Extended(name) => name,
        })
    }
}

fn is_extended(name: &str) -> bool {
    if name == "IQM" {
        return true;
    }
    if let Some(bounds) = name.get(2..).and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')')) {
        return match &name[..2] {
            "TM" | "WM" | "TC" | "TS" => are_bounds(bounds, true) || are_bounds(bounds, false),
            "PR" => are_bounds(bounds, false),
            _ => false,
        };
    }
    ["tm", "wm", "tc", "ts", "p"]
        .iter()
        .filter_map(|kind| name.strip_prefix(kind))
        .any(|percent| number(percent).is_some_and(|percent| percent <= 100.0))
}

/// `low:high`. One of them may be missing. Both are in percent, or neither is.
fn are_bounds(bounds: &str, percent: bool) -> bool {
    let Some((low, high)) = bounds.split_once(':') else { return false };
    let bound = |text: &str| match (text, percent) {
        ("", _) => Some(None),
        (_, false) => number(text).map(Some),
        (_, true) => number(text.strip_suffix('%')?).filter(|bound| *bound <= 100.0).map(Some),
    };
    match (bound(low), bound(high)) {
        (Some(Some(low)), Some(Some(high))) => low < high,
        (Some(low), Some(high)) => low.is_some() || high.is_some(),
        _ => false,
    }
}

/// A number with at most ten decimal places.
fn number(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(fraction) && fraction.len() <= 10).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_checked() {
        for (name, valid) in [
            ("Average", true),
            ("Sum", true),
            ("SampleCount", true),
            ("Maximum", true),
            ("Minimum", true),
            ("IQM", true),
            ("p99.9", true),
            ("p0", true),
            ("p100", true),
            ("p50.0123456789", true),
            ("tm90", true),
            ("tc0.1", true),
            ("ts5", true),
            ("wm98", true),
            ("TM(10%:90%)", true),
            ("WM(:95%)", true),
            ("TC(0.005:0.030)", true),
            ("TS(80%:)", true),
            ("PR(100:2000)", true),
            ("PR(:300)", true),
            ("", false),
            ("average", false),
            ("p", false),
            ("p101", false),
            ("p1.", false),
            ("p-1", false),
            ("p1e1", false),
            ("p50.01234567891", false),
            ("x90", false),
            ("TM", false),
            ("TM()", false),
            ("TM(:)", false),
            ("TM(10%:90)", false),
            ("TM(90%:10%)", false),
            ("TM(10%:10%)", false),
            ("TM(10%:101%)", false),
            ("PR(10%:90%)", false),
            ("XX(1:2)", false),
            ("éé(1:2)", false),
            ("p99;drop", false),
        ] {
            assert_eq!(Statistic::parse(name).is_some(), valid, "{name}");
            if valid {
                assert_eq!(Statistic::parse(name).unwrap().to_string(), name);
            }
        }
    }

    #[test]
    fn only_percentiles_are_percentiles() {
        for (name, is_percentile) in [
            ("p99.9", true),
            ("p0", true),
            ("tm90", false),
            ("IQM", false),
            ("PR(:300)", false),
            ("Average", false),
        ] {
            let percentile = Statistic::parse(name).unwrap();
            let expected = is_percentile.then_some(name);
            assert_eq!(percentile.percentile(), expected, "{name}");
        }
    }
}
