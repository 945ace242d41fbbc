//! The *Source* of a graph in CloudWatch's console → its entries ("Dashboard body structure and
//! syntax" and "GetMetricWidgetImage: Metric widget structure and syntax", CloudWatch documentation).
//!
//! What changes the values is read: the metrics and expressions, their ids, statistics, accounts and regions, and
//! which are visible. What changes the picture is ignored, and so are the period and the range, which are the
//! query's. Everything else is an error, because the answer would be another than the graph's.

use std::fmt;

use super::entry::{Entry, MAX_TEXT, Operand, is_sql, searches};
use super::error::invalid;
use super::field::Field;
use super::metric::{Metric, is_account};
use super::statistic::Statistic;
use crate::error::MirrorError;
use crate::json::{self, Node, Object};
use crate::region::Region;

/// The maximum size of a graph, in bytes.
const MAX_BYTES: usize = 16 << 10;

/// The maximum number of entries ("GetMetricWidgetImage: Metric widget structure and syntax").
const MAX_ENTRIES: usize = 100;

/// The maximum number of entries with a SEARCH or SQL. Each reads any number of metrics.
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

/// Whether the condition `~` is a graph. No expression begins so.
pub(super) fn is_graph(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// The entries of a graph's source, and its region if it names one.
///
/// # Errors
/// The source is not valid, or has something that the mirror does not know. The error names its place.
pub(super) fn read(text: &str) -> Result<(Vec<Entry>, Option<Region>), MirrorError> {
    let wrong = |why: &dyn fmt::Display| {
        invalid(format_args!("{}: the source of the graph: {why}", Field::Expression))
    };
    if text.len() > MAX_BYTES {
        let length = text.len();
        return Err(wrong(&format_args!("expected at most {MAX_BYTES} bytes, found {length}")));
    }
    let document = json::parse(text.as_bytes()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        wrong(&format_args!("expected JSON, found a mistake in line {line}, column {column}"))
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
    /// The namespace, name and dimensions of the last metric, to which `.` and `...` refer.
    last: Vec<String>,
}

/// What the entries have in common.
struct Defaults {
    statistic: Statistic,
    account: Option<String>,
    has_region: bool,
}

impl Graph {
    fn read(&mut self, root: &Node<'_>) -> Result<(), MirrorError> {
        let mut graph = root.object()?;
        let dashboard = |node: &Node<'_>| {
            Err::<(), _>(node.refused("expected one graph, not all of a dashboard"))
        };
        graph.member("widgets").optional(dashboard)?;
        if let Some(properties) = graph.member("properties").optional(Node::object)? {
            expect_known(&graph, &OF_WIDGET)?;
            let is_metric = |text: &str| (text == "metric").then_some(());
            graph.member("type").optional(|kind| kind.parsed("\"metric\"", is_metric))?;
            graph = properties;
        }
        expect_known(&graph, &OF_GRAPH)?;
        self.expect_region(&graph)?;
        let defaults = Defaults {
            statistic: statistic(&graph.member("stat"))?.unwrap_or(Statistic::Average),
            account: account(&graph.member("accountId"))?,
            has_region: self.region.is_some(),
        };
        let metrics = graph.member("metrics");
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
        self.set_ids();
        let texts = || self.entries.iter().filter_map(|entry| entry.operand.text());
        let count: usize = texts().map(|text| searches(text).len()).sum();
        let queries = texts().filter(|text| is_sql(text)).count();
        if queries > 1 {
            return Err(metrics.refused(format_args!(
                "CloudWatch takes one query in Metrics Insights SQL in a call, found {queries}"
            )));
        }
        if count + queries > MAX_SEARCHES {
            return Err(metrics.refused(format_args!(
                "expected at most {MAX_SEARCHES} SEARCH and SQL together, found {}",
                count + queries
            )));
        }
        match self.entries.iter().any(|entry| entry.is_shown) {
            true => Ok(()),
            false => Err(metrics.refused("expected one entry that is visible, found none")),
        }
    }

    /// Adds an entry: `[namespace, metric, dimension, value, …, {options}]`, or `[{"expression": …}]`.
    fn add(&mut self, entry: &Node<'_>, defaults: &Defaults) -> Result<(), MirrorError> {
        let mut items: Vec<Node<'_>> = entry.items()?.collect();
        let options = items.last().and_then(|last| last.object().ok());
        items.truncate(items.len() - usize::from(options.is_some()));
        let option = |name| {
            options.map(|options| options.member(name)).filter(|node| node.value().is_some())
        };
        if let Some(options) = &options {
            expect_known(options, &OF_ENTRY)?;
            self.expect_region(options)?;
        }
        let own_account = option("accountId");
        let text = option("expression").map(|node| node.parsed(EXPECTED, text)).transpose()?;
        let reads = text.is_none_or(|text| is_sql(text) || !searches(text).is_empty());
        if reads && !defaults.has_region && self.region.is_some() && option("region").is_none() {
            return Err(entry.refused(
                "expected a region, as another entry has one, or one region for the whole graph beside metrics",
            ));
        }
        let operand = match text {
            Some(_) if !items.is_empty() => {
                return Err(entry.refused("expected a metric or an expression, found both"));
            }
            Some(_) if own_account.is_some() || reads && defaults.account.is_some() => {
                return Err(entry.refused(
                    "CloudWatch does not restrict an expression to an accountId; expected the account as a part of \
                     it: :aws.AccountId=\"123456789012\" in a SEARCH, or WHERE AWS.AccountId = '123456789012' in \
                     SQL",
                ));
            }
            Some(text) => Operand::Text(text.to_owned()),
            None => {
                let own = option("stat").map(|node| statistic(&node)).transpose()?.flatten();
                let account = match own_account {
                    Some(node) => account(&node)?,
                    None => defaults.account.clone(),
                };
                let metric = self.metric(entry, &items, account)?;
                Operand::Metric(metric, own.unwrap_or_else(|| defaults.statistic.clone()))
            }
        };
        let is_shown = option("visible").map_or(Ok(true), |node| node.boolean())?;
        let id = option("id").map_or(Ok(""), |node| node.parsed(ID, id))?.to_owned();
        if let Some(known) = self.entries.iter().find(|known| !id.is_empty() && known.id == id) {
            return Err(entry.refused(format_args!("another entry has the id {} too", known.id)));
        }
        let label =
            if id.is_empty() { format!("metrics[{}]", self.entries.len()) } else { id.clone() };
        self.entries.push(Entry { id, label, is_shown, operand });
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
            let max = if place > 1 && place % 2 == 1 { 1_024 } else { 255 };
            if !(1..=max).contains(&text.chars().count()) {
                return Err(entry.refused(format_args!("expected texts of 1 to {max} characters")));
            }
            expanded.push(text);
        }
        self.last = expanded;
        let (pairs, rest) = self.last.get(2..).unwrap_or_default().as_chunks::<2>();
        let ([namespace, name, ..], []) = (self.last.as_slice(), rest) else {
            return Err(entry.refused(
                "expected a namespace, a metric, and the name and value of each dimension; or an object with an \
                 expression",
            ));
        };
        let mut dimensions: Vec<_> =
            pairs.iter().cloned().map(|[name, value]| (name, value)).collect();
        dimensions.sort();
        Ok(Metric { namespace: namespace.clone(), name: name.clone(), dimensions, account })
    }

    /// Reads the region of the graph or of an entry.
    ///
    /// # Errors
    /// It is another than one before: a call has one region.
    fn expect_region(&mut self, object: &Object<'_>) -> Result<(), MirrorError> {
        let node = object.member("region");
        let Some(region) = node.optional(|node| node.parsed(Region::EXPECTED, Region::new))? else {
            return Ok(());
        };
        match self.region.get_or_insert_with(|| region.clone()) {
            known if *known == region => Ok(()),
            known => Err(node.wrong(&format!("one region for the whole graph, {known}"))),
        }
    }

    /// Gives an id to each entry that has none.
    fn set_ids(&mut self) {
        let used: Vec<String> = self.entries.iter().map(|entry| entry.id.clone()).collect();
        // METRICS("m1") means the metrics that have this text in their ids.
        let texts = self.entries.iter().filter_map(|entry| entry.operand.text());
        let named = texts.flat_map(|text| text.split("METRICS(").skip(1));
        let named = named.filter_map(|text| text.trim_start().split(['"', '\'']).nth(1));
        let named: Vec<String> = named.filter(|text| !text.is_empty()).map(str::to_owned).collect();
        let is_free =
            |id: &String| !used.contains(id) && !named.iter().any(|text| id.contains(text));
        let ids = |letter| (0..MAX_ENTRIES).map(move |number| format!("{letter}{number}"));
        let mut free = ('a'..='z').rev().flat_map(ids).filter(is_free);
        for entry in self.entries.iter_mut().filter(|entry| entry.id.is_empty()) {
            entry.id = free.next().unwrap_or_default();
        }
    }
}

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

fn statistic(node: &Node<'_>) -> Result<Option<Statistic>, MirrorError> {
    node.optional(|node| node.parsed(Statistic::EXPECTED, Statistic::parse))
}

fn account(node: &Node<'_>) -> Result<Option<String>, MirrorError> {
    node.optional(|node| {
        node.parsed("an account, twelve digits", |text| is_account(text).then(|| text.to_owned()))
    })
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
