//! What a query that found no metric most likely means instead: names that are nearly those of listed
//! metrics, and metric fields that are no metrics.

use std::collections::BTreeSet;

use super::catalogue::Catalogue;
use crate::cloudwatch::query::field::Field;
use crate::cloudwatch::query::namespaces;
use crate::cloudwatch::query::selector::MetricSelector;
use crate::json::is_nearly;

/// The advice for a query whose metrics are not listed, by other metrics. Not all of its namespace need to be
/// known. `None` if nothing is near.
pub(super) fn advice(wanted: &MetricSelector, listed: &Catalogue) -> Option<String> {
    let MetricSelector { namespaces, names, accounts: _, dimensions } = wanted;
    let is_wanted = |name: &str| namespaces.iter().any(|namespace| namespace == name);
    let beside = || listed.metrics().filter(|metric| is_wanted(metric.namespace()));
    let known_names: BTreeSet<&str> = beside().map(|metric| metric.name()).collect();
    let known_dimensions: BTreeSet<&str> =
        beside().flat_map(|metric| metric.dimensions()).map(|(name, _)| name).collect();
    let known = listed.metrics().map(|metric| metric.namespace());
    let known: BTreeSet<&str> = known.chain(namespaces::of_aws()).collect();
    let namespaces = namespaces.iter().filter(|name| !known.contains(name.as_str()));
    let namespaces = namespaces.filter_map(|name| namespace(name, &known)).map(did_you_mean);
    let names = names.iter().filter(|name| !known_names.contains(name.as_str()));
    let names = names.filter_map(|name| match Field::parse(name) {
        Field::Dimension(_) if known_dimensions.contains(name.as_str()) => {
            let example = known_names.first()?;
            Some(format!("{name} is a dimension: select a metric, such as {example}."))
        }
        Field::Dimension(_) => nearest(name, &known_names).map(did_you_mean),
        field => Some(format!("{field} is a field of filters: select a metric.")),
    });
    let dimensions = dimensions.iter().map(|(name, _)| name);
    let dimensions = dimensions.filter(|name| !known_dimensions.contains(name.as_str()));
    let dimensions = dimensions.filter_map(|name| match nearest(name, &known_dimensions) {
        Some(near) => Some(did_you_mean(&Field::Dimension(near.to_owned()).to_string())),
        None => Some(format!("Did you mean the condition {}?", Field::meant_by(name)?)),
    });
    namespaces.chain(names).chain(dimensions).next()
}

fn did_you_mean(name: &str) -> String {
    format!("Did you mean {name}?")
}

/// The namespace that a name may be meant for. People leave `AWS/` out.
fn namespace<'a>(name: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let full = format!("AWS/{name}");
    let short = known.iter().find(|known| full.eq_ignore_ascii_case(known));
    short.copied().or_else(|| nearest(name, known))
}

/// The name that is the same but for case, or else one that is nearly the same. With another number it is
/// another metric: there are counts of 4XX and of 5XX.
fn nearest<'a>(name: &str, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let same = known.iter().find(|known| known.eq_ignore_ascii_case(name));
    let is_near = |known: &&&str| digits(name).eq(digits(known)) && is_nearly(name, known);
    same.or_else(|| known.iter().find(is_near)).copied()
}

fn digits(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::query::metric::Metric;
    use crate::cloudwatch::query::values::Values;

    #[test]
    fn the_nearest_name_is_told() {
        let listed = Catalogue::of([
            Metric::of("AWS/EC2", "CPUUtilization", &[("InstanceId", "i-1")], None),
            Metric::of("AWS/EC2", "NetworkIn", &[("InstanceId", "i-1")], None),
            Metric::of("AWS/EC2", "NetworkOut", &[("AutoScalingGroupName", "web")], None),
            Metric::of("AWS/EC2", "Count2XX", &[("InstanceId", "i-1")], None),
            Metric::of("Shop", "Visitors", &[("Page", "home")], None),
        ]);
        let nothing = Catalogue::of([]);
        for (name, told) in [
            ("holdSeconds", Some("HoldSeconds")),
            ("HoldSecond", Some("HoldSeconds")),
            ("region", Some("Region")),
            ("expression", Some("Expression")),
            ("tag.Environment", Some("Tag.Environment")),
            ("Tags:Environment", Some("Tag.Environment")),
            ("Stage", None),
        ] {
            let wanted = MetricSelector {
                namespaces: vec!["AWS/EC2".to_owned()],
                names: vec!["CPUUtilization".to_owned()],
                accounts: Vec::new(),
                dimensions: vec![(name.to_owned(), Values::exactly(vec!["x".to_owned()]))],
            };
            let told = told.map(|told| format!("Did you mean the condition {told}?"));
            assert_eq!(advice(&wanted, &listed), told, "{name}");
        }
        for (catalogue, namespace, name, dimension, told) in [
            (
                &listed,
                "AWS/EC2",
                "CPUUtilisation",
                "InstanceId",
                Some("Did you mean CPUUtilization?"),
            ),
            (
                &listed,
                "AWS/EC2",
                "cpuutilization",
                "InstanceId",
                Some("Did you mean CPUUtilization?"),
            ),
            (&listed, "AWS/EC2", "NetworkI", "InstanceId", Some("Did you mean NetworkIn?")),
            (&listed, "AWS/EC2", "NetworkIn", "InstanceID", Some("Did you mean InstanceId?")),
            (&listed, "AWS/EC2", "NetworkIn", "InstanceId", None),
            (&listed, "AWS/EC2", "Memory", "InstanceId", None),
            (
                &listed,
                "AWS/EC2",
                "InstanceId",
                "InstanceId",
                Some("InstanceId is a dimension: select a metric, such as CPUUtilization."),
            ),
            (
                &listed,
                "AWS/EC2",
                "Namespace",
                "InstanceId",
                Some("Namespace is a field of filters: select a metric."),
            ),
            (&nothing, "aws/ec2", "CPUUtilization", "InstanceId", Some("Did you mean AWS/EC2?")),
            (&nothing, "ec2", "CPUUtilization", "InstanceId", Some("Did you mean AWS/EC2?")),
            (
                &nothing,
                "AWS/ApplicationElb",
                "RequestCount",
                "LoadBalancer",
                Some("Did you mean AWS/ApplicationELB?"),
            ),
            (&nothing, "AWS/EC2", "CPUUtilization", "InstanceId", None),
            (&nothing, "Shop", "Revenue", "Currency", None),
            (&listed, "shop", "Visitors", "Page", Some("Did you mean Shop?")),
            (&listed, "AWS/EC2", "Visitor", "Page", None),
            (&listed, "AWS/EC2", "Count5XX", "InstanceId", None),
            (&listed, "AWS/EC2", "count2xx", "InstanceId", Some("Did you mean Count2XX?")),
        ] {
            let wanted = MetricSelector {
                namespaces: vec![namespace.to_owned()],
                names: vec![name.to_owned()],
                accounts: Vec::new(),
                dimensions: vec![(dimension.to_owned(), Values::exactly(vec!["x".to_owned()]))],
            };
            assert_eq!(
                advice(&wanted, catalogue).as_deref(),
                told,
                "{namespace} {name} {dimension}"
            );
        }
    }
}
