//! ListMetrics → a catalogue of metrics, compact enough for a hundred thousand.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_cloudwatch::types::{DimensionFilter, RecentlyActive};

use super::fault::Action;
use super::metric::Metric;
use super::scope::Scope;
use super::session::Session;
use crate::error::MirrorError;

/// What was listed: every text once, and metrics as numbers of texts.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    texts: Vec<Arc<str>>,
    entries: Vec<Entry>,
    /// Name and value of each dimension, entry after entry.
    dimensions: Vec<(u32, u32)>,
    /// About so many bytes it takes.
    pub(super) bytes: usize,
    /// Whether there is more than was listed.
    pub(super) is_partial: bool,
}

#[derive(Debug)]
struct Entry {
    namespace: u32,
    name: u32,
    /// The empty text where the account is not told.
    account: u32,
    /// Where the entry's dimensions end; they begin where those of the one before end.
    dimensions_end: u32,
}

/// One metric of a catalogue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'a> {
    catalogue: &'a Catalogue,
    entry: &'a Entry,
    dimensions: &'a [(u32, u32)],
}

impl<'a> Listed<'a> {
    pub(super) fn namespace(&self) -> &'a str {
        self.catalogue.text(self.entry.namespace)
    }

    pub(super) fn name(&self) -> &'a str {
        self.catalogue.text(self.entry.name)
    }

    /// The account that owns it, where that was asked for.
    pub(super) fn account(&self) -> Option<&'a str> {
        Some(self.catalogue.text(self.entry.account)).filter(|account| !account.is_empty())
    }

    /// Name and value of each dimension, sorted by name.
    pub(super) fn dimensions(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let catalogue = self.catalogue;
        self.dimensions.iter().map(|(name, value)| (catalogue.text(*name), catalogue.text(*value)))
    }

    pub(super) fn dimension(&self, wanted: &str) -> Option<&'a str> {
        self.dimensions().find(|(name, _)| *name == wanted).map(|(_, value)| value)
    }

    pub(super) fn to_metric(self) -> Metric {
        Metric {
            namespace: self.namespace().to_owned(),
            name: self.name().to_owned(),
            dimensions: self
                .dimensions()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            account: self.account().map(str::to_owned),
        }
    }
}

impl Catalogue {
    /// How many metrics it has.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Every metric.
    pub(super) fn metrics(&self) -> impl Iterator<Item = Listed<'_>> {
        let mut start = 0;
        self.entries.iter().map(move |entry| {
            let end = entry.dimensions_end as usize;
            let dimensions = &self.dimensions[start..end];
            start = end;
            Listed { catalogue: self, entry, dimensions }
        })
    }

    fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }

    /// Lists `scope`, until all is read, or `most` metrics, or the deadline is near: then there
    /// is what was found.
    ///
    /// # Errors
    /// CloudWatch does not list metrics, or not a single page of them in time.
    pub(super) async fn read(
        session: &Session,
        scope: &Scope,
        most: usize,
    ) -> Result<Self, MirrorError> {
        let hurried = session.hurried();
        let mut writer = Writer::default();
        let mut token: Option<String> = None;
        loop {
            let call = request(session, scope, token.clone()).send();
            let page = match token {
                None => session.ask(Action::ListMetrics, call).await?,
                Some(_) => match hurried.ask(Action::ListMetrics, call).await {
                    Err(_) if hurried.deadline.is_over() => break,
                    page => page?,
                },
            };
            for (index, metric) in page.metrics().iter().enumerate() {
                let owner = page.owning_accounts().get(index).filter(|_| scope.linked);
                writer.add(metric, owner.map(String::as_str));
            }
            match page.next_token {
                None => return Ok(writer.finish(false)),
                // One that repeats would lead round in a circle.
                next if next == token || writer.is_full(most) => break,
                next => token = next,
            }
        }
        Ok(writer.finish(true))
    }
}

fn request(
    session: &Session,
    scope: &Scope,
    token: Option<String>,
) -> aws_sdk_cloudwatch::operation::list_metrics::builders::ListMetricsFluentBuilder {
    let Scope { namespace, name, dimensions, account, linked, recent } = scope;
    let filter = |(name, value): &(String, Option<String>)| {
        DimensionFilter::builder().name(name).set_value(value.clone()).build()
    };
    session
        .client
        .list_metrics()
        .set_namespace(namespace.clone())
        .set_metric_name(name.clone())
        .set_dimensions(Some(dimensions.iter().map(filter).collect()))
        .set_owning_account(account.clone())
        .set_include_linked_accounts(linked.then_some(true))
        .set_recently_active(recent.then_some(RecentlyActive::Pt3H))
        .set_next_token(token)
}

/// Fills a catalogue.
#[derive(Default)]
struct Writer {
    catalogue: Catalogue,
    numbers: HashMap<Arc<str>, u32>,
}

/// A catalogue takes at most so many bytes: a function of 128 MB has to hold a few.
const MOST_BYTES: usize = 16 << 20;

/// What a text takes beside its letters: a pointer to it here and one in the map of numbers,
/// two counts, and the number.
const TEXT_OVERHEAD: usize = 64;

impl Writer {
    fn is_full(&self, most: usize) -> bool {
        self.catalogue.len() >= most || self.catalogue.bytes >= MOST_BYTES
    }

    fn add(&mut self, metric: &aws_sdk_cloudwatch::types::Metric, owner: Option<&str>) {
        let mut dimensions: Vec<(&str, &str)> = metric
            .dimensions()
            .iter()
            .filter_map(|dimension| Some((dimension.name()?, dimension.value()?)))
            .collect();
        dimensions.sort_unstable();
        let mut pairs: Vec<(u32, u32)> = dimensions
            .into_iter()
            .map(|(name, value)| (self.number(name), self.number(value)))
            .collect();
        let entry = Entry {
            namespace: self.number(metric.namespace().unwrap_or_default()),
            name: self.number(metric.metric_name().unwrap_or_default()),
            account: self.number(owner.unwrap_or_default()),
            dimensions_end: (self.catalogue.dimensions.len() + pairs.len()) as u32,
        };
        self.catalogue.bytes += size_of::<Entry>() + size_of_val(&pairs[..]);
        self.catalogue.entries.push(entry);
        self.catalogue.dimensions.append(&mut pairs);
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.catalogue.texts.len() as u32;
        let text: Arc<str> = text.into();
        self.catalogue.bytes += text.len() + TEXT_OVERHEAD;
        self.catalogue.texts.push(text.clone());
        self.numbers.insert(text, number);
        number
    }

    fn finish(self, is_partial: bool) -> Catalogue {
        let Writer { mut catalogue, numbers: _ } = self;
        catalogue.texts.shrink_to_fit();
        catalogue.entries.shrink_to_fit();
        catalogue.dimensions.shrink_to_fit();
        Catalogue { is_partial, ..catalogue }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::types::{Dimension, Metric as MetricShape};

    use super::*;

    fn metric(index: usize) -> MetricShape {
        let dimension =
            |name: &str, value: String| Dimension::builder().name(name).value(value).build();
        MetricShape::builder()
            .namespace(format!("AWS/Service{}", index % 40))
            .metric_name(format!("Metric{}", index % 15))
            .dimensions(dimension("InstanceId", format!("i-{:017x}", index / 15)))
            .dimensions(dimension("Group", format!("group-{}", index % 100)))
            .build()
    }

    #[test]
    fn what_is_listed_can_be_read_again() {
        let mut writer = Writer::default();
        (0..1_000).for_each(|index| {
            writer.add(&metric(index), (index % 2 == 0).then_some("123456789012"))
        });
        let catalogue = writer.finish(false);
        assert_eq!(catalogue.len(), 1_000);
        for (index, listed) in catalogue.metrics().enumerate() {
            let shape = metric(index);
            assert_eq!(Some(listed.namespace()), shape.namespace());
            assert_eq!(Some(listed.name()), shape.metric_name());
            assert_eq!(listed.account(), (index % 2 == 0).then_some("123456789012"));
            assert_eq!(listed.dimension("InstanceId"), shape.dimensions()[0].value());
            assert_eq!(listed.dimension("Nothing"), None);
            let names: Vec<_> = listed.dimensions().map(|(name, _)| name).collect();
            assert_eq!(names, ["Group", "InstanceId"]);
        }
    }

    #[test]
    fn a_hundred_thousand_metrics_are_compact() {
        let mut writer = Writer::default();
        (0..100_000).for_each(|index| writer.add(&metric(index), None));
        assert!(!writer.is_full(100_001));
        assert!(writer.is_full(100_000));
        let bytes = writer.finish(false).bytes;
        assert!(bytes < 5 << 20, "{bytes} bytes");
    }

    #[test]
    fn a_catalogue_is_full_of_bytes_too() {
        let mut writer = Writer::default();
        let mut count = 0;
        while !writer.is_full(usize::MAX) {
            let value = format!("{count:01000}");
            let dimension = Dimension::builder().name("Unique").value(value).build();
            writer.add(&MetricShape::builder().dimensions(dimension).build(), None);
            count += 1;
        }
        assert!((10_000..20_000).contains(&count), "{count} metrics of a kilobyte");
    }
}
