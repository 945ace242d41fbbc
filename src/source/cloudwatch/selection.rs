//! The metrics that a query selects.

use super::conditions::Conditions;
use super::metric::refusal;
use super::sets::Sets;
use crate::error::MirrorError;

/// At most so many metrics become one series.
const MOST_METRICS: usize = 500;

/// What conditions and metric field select: every combination of these values. Namespaces and
/// names are not open.
///
/// # Errors
/// No namespace, no metric, or more than [`MOST_METRICS`] of them.
pub(super) fn select(
    conditions: &Conditions,
    metric_field: Option<&str>,
) -> Result<Sets, MirrorError> {
    let sets = conditions.sets.clone();
    if sets.namespaces.is_empty() {
        return Err(refusal("no Namespace: add the condition Namespace, such as AWS/EC2"));
    }
    let sets = Sets { names: chosen(metric_field, sets.names)?, ..sets };
    match sets.count() {
        ..=MOST_METRICS => Ok(sets),
        count => Err(refusal(format_args!(
            "the conditions select {count} metrics; one query takes at most {MOST_METRICS}"
        ))),
    }
}

fn chosen(field: Option<&str>, named: Vec<String>) -> Result<Vec<String>, MirrorError> {
    let field = field.filter(|field| !field.is_empty());
    match (field, named.as_slice()) {
        (None, []) => Err(refusal(
            "no metric: select one as the metric field, or add the condition MetricName, such as \
             CPUUtilization",
        )),
        (None, _) => Ok(named),
        (Some(field), []) => Ok(vec![field.to_owned()]),
        (Some(field), [name]) if name == field => Ok(named),
        (Some(field), names) => Err(refusal(format_args!(
            "the metric field is {field:?} and the condition MetricName is {:?}; expected one of \
             the two, or both alike",
            names.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Condition, Filter, MetricQuery, Scalar, TimeRange, Wanted};

    fn select(metric_field: Option<&str>, conditions: &[(&str, Wanted)]) -> Result<Sets, String> {
        let conditions = conditions
            .iter()
            .map(|(key, wanted)| Condition { key: (*key).to_owned(), wanted: wanted.clone() })
            .collect();
        let range = TimeRange::new(0, 1).unwrap();
        let query = MetricQuery {
            filter: Filter { conditions, range, limit: 1 },
            metric_field: metric_field.map(str::to_owned),
            aggregation: None,
        };
        Conditions::read(&query.filter.conditions)
            .and_then(|conditions| super::select(&conditions, query.metric_field.as_deref()))
            .map_err(|error| match error {
                MirrorError::Remote { details, .. } => details,
                other => panic!("{other:?}"),
            })
    }

    fn text(value: &str) -> Wanted {
        Wanted::One(Scalar::Text(value.to_owned()))
    }

    fn set(values: &[&str]) -> Wanted {
        Wanted::AnyOf(values.iter().map(|value| Scalar::Text((*value).to_owned())).collect())
    }

    fn written(selection: Sets) -> Vec<String> {
        selection.metrics().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn conditions_select_metrics() {
        let namespace = ("Namespace", text("N"));
        for (field, conditions, metrics) in [
            (Some("M"), vec![], vec!["N M"]),
            (None, vec![("MetricName", text("M"))], vec!["N M"]),
            (Some("M"), vec![("MetricName", text("M"))], vec!["N M"]),
            (Some(""), vec![("MetricName", text("M"))], vec!["N M"]),
            (Some("M"), vec![("B", text("2")), ("A", text("1"))], vec!["N M {A=1, B=2}"]),
            (Some("M"), vec![("Dimension.Region", text("r"))], vec!["N M {Region=r}"]),
            (Some("M"), vec![("Dimension.A", text("1")), ("A", text("1"))], vec!["N M {A=1}"]),
            (Some("M"), vec![("A", Wanted::One(Scalar::Number(2.0)))], vec!["N M {A=2}"]),
            (Some("M"), vec![("A", Wanted::One(Scalar::Number(0.5)))], vec!["N M {A=0.5}"]),
            (Some("M"), vec![("A", Wanted::One(Scalar::Boolean(true)))], vec!["N M {A=true}"]),
            (
                Some("M"),
                vec![("AccountId", text("123456789012"))],
                vec!["N M of account 123456789012"],
            ),
            (
                Some("M"),
                vec![("A", set(&["2", "1", "2"])), ("B", set(&["x", "y"]))],
                vec!["N M {A=1, B=x}", "N M {A=1, B=y}", "N M {A=2, B=x}", "N M {A=2, B=y}"],
            ),
            (Some("M"), vec![("A", set(&["1", "2"])), ("A", set(&["2", "3"]))], vec!["N M {A=2}"]),
        ] {
            let mut all = vec![namespace.clone()];
            all.extend(conditions);
            assert_eq!(
                select(field, &all).map(written),
                Ok(metrics.into_iter().map(str::to_owned).collect()),
                "{all:?}"
            );
        }
    }

    #[test]
    fn a_resource_can_stand_for_the_namespaces_own() {
        for (namespace, conditions, metrics) in [
            (
                "AWS/Lambda",
                vec![("Resource", text("f"))],
                Some(vec!["AWS/Lambda M {FunctionName=f}"]),
            ),
            (
                "AWS/SQS",
                vec![("Resource", text("q")), ("A", text("1"))],
                Some(vec!["AWS/SQS M {A=1, QueueName=q}"]),
            ),
            ("AWS/Lambda", vec![("Resource", text("f:v")), ("FunctionName", text("f"))], None),
            ("AWS/Lambda", vec![("FunctionName", text("f"))], None),
            ("AWS/Usage", vec![("Resource", text("r"))], None),
        ] {
            let mut all = vec![("Namespace", text(namespace))];
            all.extend(conditions);
            let own = select(Some("M"), &all).unwrap().by_own_resource().map(written);
            assert_eq!(
                own,
                metrics.map(|all| all.into_iter().map(str::to_owned).collect()),
                "{all:?}"
            );
        }
    }

    #[test]
    fn conditions_that_cannot_be_asked_are_explained() {
        let many: Vec<String> = (0..23).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let dimensions: Vec<String> = (0..31).map(|number| format!("D{number}")).collect();
        for (field, conditions, details) in [
            (Some("M"), vec![], "no Namespace"),
            (None, vec![("Namespace", text("N"))], "no metric"),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("MetricName", text("O"))],
                "the metric field is \"M\" and the condition MetricName is \"O\"",
            ),
            (
                Some("M"),
                vec![("Namespace", set(&[]))],
                "Namespace: a condition on an empty set selects nothing",
            ),
            (
                Some("M"),
                vec![("Namespace", text(""))],
                "Namespace: expected 1 to 255 characters, found 0",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Namespace", text("O"))],
                "Namespace: its conditions exclude one another",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Region", text("x.example.com"))],
                "Region: expected a region such as eu-west-1, found \"x.example.com\"",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Region", set(&["eu-west-1", "eu-west-2"]))],
                "Region: expected one value, found 2",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Unit", text("Furlongs"))],
                "Unit: expected one of CloudWatch's units",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Statistic", text("Median"))],
                "Statistic: expected one of CloudWatch's statistics",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("AccountId", text("1"))],
                "AccountId: expected twelve digits, found \"1\"",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("A", set(&many)), ("B", set(&many))],
                "the conditions select 529 metrics; one query takes at most 500",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("Dimension.", text("x"))],
                "a condition's key",
            ),
            (
                Some("M"),
                vec![("Namespace", text("N")), ("A", set(&["x"; 501]))],
                "A: a set of 501 values; a condition takes at most 500",
            ),
            (Some("M"), vec![("A", text("x")); 101], "101 conditions; one query takes at most 100"),
            (
                Some("M"),
                dimensions.iter().map(|name| (name.as_str(), text("x"))).collect(),
                "conditions on 31 dimensions; a metric has at most 30",
            ),
        ] {
            let error = select(field, &conditions).unwrap_err();
            assert!(error.starts_with(details), "{error}");
        }
    }
}
