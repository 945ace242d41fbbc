//! The *Source* of a graph in CloudWatch's console → its entries ("Dashboard body structure and
//! syntax" and "GetMetricWidgetImage: Metric widget structure and syntax", CloudWatch documentation).
//!
//! What changes the values is read: the metrics and expressions, their ids, statistics, accounts and regions, and
//! which are visible. What changes the picture is ignored, and so are the period and the range, which are the
//! query's. Everything else is an error, because the answer would be another than the graph's.

use std::collections::HashSet;
use std::fmt;

use super::entry::{Entry, MAX_TEXT, Operand, is_sql, reads, refused, searches};
use super::field::{MAX_NAME, MAX_VALUE};
use super::metric::{MAX_DIMENSIONS, Metric, is_account};
use super::selector;
use super::statistic::Statistic;
use crate::error::MirrorError;
use crate::json::{self, Node, Object};
use crate::region::Region;

/// The maximum size of a graph, in bytes.
const MAX_BYTES: usize = 16 << 10;

/// The maximum number of entries ("GetMetricWidgetImage: Metric widget structure and syntax").
const MAX_ENTRIES: usize = 100;

/// The maximum number of SEARCH and SQL together. Each reads any number of metrics.
const MAX_SEARCHES: usize = 10;

/// The members around the properties of a graph on a dashboard.
const OF_WIDGET: [&str; 8] = ["type", "x", "y", "width", "height", "start", "end", "properties"];

/// The members of a graph. All but the first four change only its picture, its period or its range.
const OF_GRAPH: [&str; 25] = [
    "metrics",
    "region",
    "stat",
    "accountId",
    "annotations",
    "end",
    "height",
    "labels",
    "legend",
    "liveData",
    "period",
    "setPeriodToTimeRange",
    "showUnits",
    "singleValueFullPrecision",
    "sparkline",
    "stacked",
    "start",
    "table",
    "theme",
    "timezone",
    "title",
    "trend",
    "view",
    "width",
    "yAxis",
];

/// The members of an entry's options.
const OF_ENTRY: [&str; 10] = [
    "expression",
    "id",
    "stat",
    "visible",
    "accountId",
    "region",
    "period",
    "label",
    "color",
    "yAxis",
];

/// Whether the condition `~` is a graph, or the member of one.
pub(super) fn is_graph(text: &str) -> bool {
    let text = without_mark(text);
    let is_list = |rest: &str| rest.trim_start().starts_with(['[', '{', '"']);
    let is_member = |rest: &str| rest.trim_start().starts_with(':');
    // Metric math begins with [ too.
    text.starts_with('{')
        || text.strip_prefix('[').is_some_and(is_list)
        || text.split_once("\"metrics\"").is_some_and(|(_, rest)| is_member(rest))
}

/// A text without the white space and the byte order mark before it.
fn without_mark(text: &str) -> &str {
    text.trim_start_matches(|first: char| first.is_whitespace() || first == '\u{feff}')
}

/// The entries of a graph's source, and its region if it names one.
///
/// # Errors
/// The source is not valid, or has something that the mirror does not know. The error names its place.
pub(super) fn read(text: &str) -> Result<(Vec<Entry>, Option<Region>), MirrorError> {
    let wrong = |why: &dyn fmt::Display| refused(format_args!("the source of the graph: {why}"));
    if text.len() > MAX_BYTES {
        return Err(wrong(&format_args!(
            "expected at most {MAX_BYTES} bytes, found {}; titles, labels and annotations are ignored, so they \
             can go",
            text.len()
        )));
    }
    // The parser's errors quote nothing.
    let document = json::parse(without_mark(text).as_bytes()).map_err(|error| {
        wrong(&format_args!("expected JSON, all of Source from {{ to }}, found a mistake: {error}"))
    })?;
    if document.is_array() {
        return Err(wrong(&"expected an object, {\"metrics\": […]}, found an array"));
    }
    let mut graph = Graph::default();
    match graph.read(&Node::root(&document)) {
        Ok(()) => Ok((graph.entries, graph.region)),
        Err(MirrorError::Remote { details, .. }) => Err(wrong(&details)),
        Err(other) => Err(other),
    }
}

/// What was read so far.
#[derive(Default)]
struct Graph {
    entries: Vec<Entry>,
    region: Option<Region>,
    /// The place of the first entry that reads data of a region and names none.
    without_region: Option<usize>,
    /// The namespace, name and dimensions of the last metric, to which `.` and `...` refer.
    last: Vec<String>,
}

/// What the entries have in common.
struct Defaults {
    statistic: Statistic,
    account: Option<String>,
    region: Option<Region>,
}

impl Graph {
    fn read(&mut self, root: &Node<'_>) -> Result<(), MirrorError> {
        let mut graph = root.object()?;
        let dashboard = |node: &Node<'_>| {
            Err::<(), _>(
                node.refused("expected one graph, not all of a dashboard: one element of widgets"),
            )
        };
        graph.member("widgets").optional(dashboard)?;
        if let Some(properties) = graph.member("properties").optional(Node::object)? {
            expect_known(&graph, &OF_WIDGET)?;
            let kind = graph.member("type");
            if kind.value().is_some_and(|kind| kind != "metric") {
                return Err(kind.wrong("\"metric\", because other widgets have no metrics"));
            }
            graph = properties;
        }
        let metrics = graph.member("metrics");
        if metrics.value().is_none() {
            return Err(metrics.refused(
                "expected the metrics of a graph, found none; for a graph of an alarm, open the alarm's metric in \
                 CloudWatch and take its Source",
            ));
        }
        expect_known(&graph, &OF_GRAPH)?;
        let defaults = Defaults {
            statistic: graph.member("stat").optional(statistic)?.unwrap_or(Statistic::Average),
            account: graph.member("accountId").optional(account)?,
            region: graph.member("region").optional(region)?,
        };
        self.region.clone_from(&defaults.region);
        let entries = metrics.items()?;
        if !(1..=MAX_ENTRIES).contains(&entries.len()) {
            let count = entries.len();
            return Err(
                metrics.refused(format_args!("expected 1 to {MAX_ENTRIES} entries, found {count}"))
            );
        }
        for entry in entries {
            self.add(&entry, &defaults)?;
        }
        self.set_ids(&metrics)?;
        self.check(&metrics)
    }

    /// Checks what the entries are together.
    fn check(&self, metrics: &Node<'_>) -> Result<(), MirrorError> {
        if let (Some(region), Some(place)) = (&self.region, self.without_region) {
            return Err(metrics.refused(format_args!(
                "expected a region beside each entry, or one for the whole graph beside metrics; the entry at \
                 [{place}] has none, and another has {region}"
            )));
        }
        let texts = || self.entries.iter().filter_map(|entry| entry.operand.text());
        let queries = texts().filter(|text| is_sql(text)).count();
        let count = queries + texts().map(|text| searches(text).len()).sum::<usize>();
        let bytes: usize = self.entries.iter().map(Entry::bytes).sum();
        let why = match () {
            () if queries > 1 => format!(
                "CloudWatch takes one query in Metrics Insights SQL in a call, found {queries}"
            ),
            () if count > MAX_SEARCHES => {
                format!("expected at most {MAX_SEARCHES} SEARCH and SQL together, found {count}")
            }
            () if bytes > selector::MAX_BYTES => format!(
                "all names and values, with those that . and ... repeat, have {bytes} bytes; expected at most {}",
                selector::MAX_BYTES
            ),
            () if !self.entries.iter().any(|entry| entry.is_shown) => {
                "expected one entry that is visible, found none".to_owned()
            }
            () => return Ok(()),
        };
        Err(metrics.refused(why))
    }

    /// Adds an entry: `[namespace, metric, dimension, value, …, {options}]`, or `[{"expression": …}]`.
    fn add(&mut self, entry: &Node<'_>, defaults: &Defaults) -> Result<(), MirrorError> {
        let mut items: Vec<Node<'_>> = entry.items()?.collect();
        let options = items.last().and_then(|last| last.object().ok());
        items.truncate(items.len() - usize::from(options.is_some()));
        let option = |name| {
            options.map(|options| options.member(name)).filter(|node| node.value().is_some())
        };
        options.map_or(Ok(()), |options| expect_known(&options, &OF_ENTRY))?;
        let own_account = option("accountId");
        let text = option("expression").map(|node| node.parsed(EXPECTED, text)).transpose()?;
        let reads = text.is_none_or(reads);
        match option("region") {
            Some(node) => {
                let own = region(&node)?;
                let known = self.region.get_or_insert_with(|| own.clone());
                if own != *known {
                    return Err(node.wrong(&format!("one region for the whole graph, {known}")));
                }
            }
            None if reads && defaults.region.is_none() => {
                self.without_region.get_or_insert(self.entries.len());
            }
            None => {}
        }
        let operand = match text {
            Some(_) if !items.is_empty() => {
                return Err(entry.refused("expected a metric or an expression, found both"));
            }
            Some(_) if own_account.is_some() && !reads => {
                return Err(entry.refused(
                    "metric math has no account of its own; expected accountId beside the metrics that it names, and \
                     none beside the expression",
                ));
            }
            Some(_) if own_account.is_some() || reads && defaults.account.is_some() => {
                return Err(entry.refused(
                    "CloudWatch does not restrict an expression to an accountId; expected the account as a part of \
                     it: :aws.AccountId=\"123456789012\" in a SEARCH, or WHERE AWS.AccountId = '123456789012' in \
                     SQL; other functions read the account of the connection",
                ));
            }
            Some(text) => Operand::Text(text.to_owned()),
            None => {
                let own = option("stat").map(|node| statistic(&node)).transpose()?;
                let account = match own_account {
                    Some(node) => Some(account(&node)?),
                    None => defaults.account.clone(),
                };
                let metric = self.metric(entry, &items, account)?;
                Operand::Metric(metric, own.unwrap_or_else(|| defaults.statistic.clone()))
            }
        };
        let is_shown = option("visible").map_or(Ok(true), |node| node.boolean())?;
        let id = option("id").map_or(Ok(""), |node| node.parsed(ID, id))?.to_owned();
        if !id.is_empty() && self.entries.iter().any(|known| known.id == id) {
            return Err(entry.refused(format_args!(
                "expected an id of its own, found {id}, which another entry has too"
            )));
        }
        let place = format!("metrics[{}]", self.entries.len());
        let name = Some(if id.is_empty() { place } else { id.clone() });
        self.entries.push(Entry { id, name, is_shown, operand });
        Ok(())
    }

    /// The metric of an entry with these texts. `.` stands for the text at its place in the metric before, and
    /// `...`, which AWS does not document, for all texts there that the entry does not give.
    fn metric(
        &mut self,
        entry: &Node<'_>,
        items: &[Node<'_>],
        account: Option<String>,
    ) -> Result<Metric, MirrorError> {
        let expected = "the text of a namespace, a metric, or a dimension's name or value";
        let mut texts =
            items.iter().map(|item| item.text(expected)).collect::<Result<Vec<_>, _>>()?;
        if let Some(place) = texts.iter().position(|text| *text == REST) {
            let missing = (self.last.len() + 1).checked_sub(texts.len());
            let missing =
                missing.filter(|_| !self.last.is_empty() && !texts[place + 1..].contains(&REST));
            let missing = missing.ok_or_else(|| {
                entry.refused(
                    "expected one ... at most, and a metric before it with as many texts or more",
                )
            })?;
            texts.splice(place..=place, std::iter::repeat_n(SAME, missing));
        }
        let mut expanded = Vec::new();
        for (place, text) in texts.into_iter().enumerate() {
            let same = (text == SAME).then(|| self.last.get(place));
            let text = match same {
                None => text.to_owned(),
                Some(Some(same)) => same.clone(),
                Some(None) => {
                    return Err(entry.refused("the metric before has no text in the place of a ."));
                }
            };
            let is_value = place > 1 && place % 2 == 1;
            let max = if is_value { MAX_VALUE } else { MAX_NAME };
            if !(1..=max).contains(&text.chars().count()) {
                return Err(entry.refused(format_args!("expected texts of 1 to {max} characters")));
            }
            if is_value && text == "*" {
                return Err(entry
                    .refused("a metric of a graph has no wildcards, found *; expected a SEARCH"));
            }
            expanded.push(text);
        }
        self.last = expanded;
        let (pairs, rest) = self.last.get(2..).unwrap_or_default().as_chunks::<2>();
        if pairs.len() > MAX_DIMENSIONS {
            return Err(entry.refused(format_args!("expected at most {MAX_DIMENSIONS} dimensions")));
        }
        let ([namespace, name, ..], []) = (self.last.as_slice(), rest) else {
            return Err(entry.refused(
                "expected a namespace, a metric, and the name and value of each dimension; or an object with an \
                 expression",
            ));
        };
        let mut dimensions: Vec<_> =
            pairs.iter().cloned().map(|[name, value]| (name, value)).collect();
        dimensions.sort();
        if let Some(pair) = dimensions.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(entry.refused(format_args!("expected the dimension {} once", pair[0].0)));
        }
        Ok(Metric { namespace: namespace.clone(), name: name.clone(), dimensions, account })
    }

    /// Gives an id to each entry that has none: one that no text names, neither whole nor as METRICS("m1") does,
    /// which means all metrics that have this text in their ids.
    fn set_ids(&mut self, metrics: &Node<'_>) -> Result<(), MirrorError> {
        let own: HashSet<&str> = self.entries.iter().map(|entry| entry.id.as_str()).collect();
        let texts = || self.entries.iter().filter_map(|entry| entry.operand.text());
        let quoted = texts().flat_map(|text| text.split(['"', '\'']));
        let quoted: HashSet<&str> =
            quoted.filter(|text| (1..=MAX_FREE).contains(&text.len())).collect();
        let is_free = |id: &String| {
            !own.contains(id.as_str())
                && !texts().any(|text| text.contains(id.as_str()))
                && !quoted.iter().any(|text| id.contains(text))
        };
        let ids = |letter| (0..MAX_ENTRIES).map(move |number| format!("{letter}{number}"));
        let missing = self.entries.iter().filter(|entry| entry.id.is_empty()).count();
        let free: Vec<String> =
            ('a'..='z').rev().flat_map(ids).filter(is_free).take(missing).collect();
        if free.len() < missing {
            return Err(metrics
                .refused("expected an id of each entry, because the texts use up all others"));
        }
        let entries = self.entries.iter_mut().filter(|entry| entry.id.is_empty());
        entries.zip(free).for_each(|(entry, id)| entry.id = id);
        Ok(())
    }
}

/// The maximum length of an id that is added.
const MAX_FREE: usize = 3;

/// The text that stands for the one in the same place of the metric before.
const SAME: &str = ".";

/// The text that stands for all others of the metric before.
const REST: &str = "...";

const EXPECTED: &str = "an expression of 1 to 2048 characters";

const ID: &str = "an id: letters, digits and _ after a small letter";

/// A text that can be an expression.
fn text(text: &str) -> Option<&str> {
    (1..=MAX_TEXT).contains(&text.chars().count()).then_some(text)
}

/// A text that can be an id ("MetricDataQuery", CloudWatch API reference).
fn id(text: &str) -> Option<&str> {
    let is_of_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_id =
        text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(is_of_id);
    (is_id && text.len() <= 255).then_some(text)
}

fn statistic(node: &Node<'_>) -> Result<Statistic, MirrorError> {
    node.parsed(Statistic::EXPECTED, Statistic::parse)
}

fn region(node: &Node<'_>) -> Result<Region, MirrorError> {
    node.parsed(Region::EXPECTED, Region::new)
}

fn account(node: &Node<'_>) -> Result<String, MirrorError> {
    node.parsed("an account, twelve digits", |text| is_account(text).then(|| text.to_owned()))
}

/// Fails if a member is none of these.
fn expect_known(object: &Object<'_>, names: &[&str]) -> Result<(), MirrorError> {
    let unknown = |name: &str| !names.contains(&name);
    let Some((name, node)) = object.members().find(|(name, _)| unknown(name)) else {
        return Ok(());
    };
    Err(match names.iter().find(|known| json::is_nearly(name, known)) {
        Some(known) => node.misspelt(known),
        None => node.refused(
            "the mirror does not know what this member means; expected a graph without it",
        ),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::{Value, json};

    use super::*;

    /// What can stand in an entry, or anywhere else in a graph.
    fn part() -> impl Strategy<Value = Value> {
        let text = select(vec![
            ".",
            "...",
            "N",
            "M",
            "A",
            "*",
            "",
            "a1",
            "z0",
            "Sum",
            "us-east-1",
            "m1*2",
        ]);
        let member = (select(OF_ENTRY.to_vec()), text.clone().prop_map(Value::from));
        let options = prop::collection::vec(member, 0..4).prop_map(|members| {
            members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        });
        prop_oneof![
            6 => text.prop_map(Value::from),
            2 => options,
            1 => Just(json!({"expression": "SUM(METRICS('z')) + SEARCH('{N} M', 'Sum')", "visible": false})),
            1 => select(vec![json!(null), json!(1), json!([]), json!({"visible": true})]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever a graph has, it is an error or a few entries with ids of their own, one of them visible.
        #[test]
        fn any_graph_is_read_or_refused(
            entries in prop::collection::vec(prop::collection::vec(part(), 0..6), 0..5),
            name in select(OF_GRAPH.to_vec()),
            value in part(),
        ) {
            for graph in [json!({"metrics": entries}), json!({"metrics": entries, name: value})] {
                match read(&graph.to_string()) {
                    Ok((found, _)) => {
                        prop_assert!(found.len() == entries.len() && found.iter().any(|entry| entry.is_shown));
                        let ids: HashSet<&str> = found.iter().map(|entry| entry.id.as_str()).collect();
                        prop_assert!(ids.len() == found.len() && !ids.contains(""));
                    }
                    Err(MirrorError::Remote { details, .. }) => {
                        prop_assert!(details.starts_with("~: the source of the graph: "), "{}", details);
                    }
                    Err(other) => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }
}
