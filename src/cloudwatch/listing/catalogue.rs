//! The metrics of a list, in a form compact enough for a hundred thousand.

use std::collections::HashMap;
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry::{Occupied, Vacant};

use crate::cloudwatch::query::metric::Metric;
use crate::cloudwatch::query::selector::MetricSelector;

/// The maximum size of a catalogue in bytes. A function of 128 MB caches several.
const MAX_BYTES: usize = 16 << 20;

/// The size of a text in the catalogue besides its characters, in bytes: two pointers, two
/// reference counts and an index.
const TEXT_OVERHEAD: usize = 64;

/// Spreads a digest over all its bits (the factor of the Rust compiler's own hash function).
const DIGEST_FACTOR: u64 = 0x517C_C1B7_2722_0A95;

/// The metrics of a list. Every text is stored once, and metrics refer to texts by index.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    texts: Vec<Arc<str>>,
    entries: Vec<Entry>,
    /// The names and values of dimensions, entry after entry.
    dimensions: Vec<(u32, u32)>,
    /// The approximate size in bytes.
    pub(super) bytes: usize,
    /// Whether CloudWatch has more metrics than were listed.
    pub(crate) is_partial: bool,
    /// Whether it is partial because it is full, so that reading it again gives the same.
    pub(super) is_full: bool,
}

#[derive(Debug)]
struct Entry {
    namespace: u32,
    name: u32,
    /// The empty text if the account is not known.
    account: u32,
    /// The end of the entry's dimensions. They begin at the end of the previous entry's.
    dimensions_end: u32,
}

/// A metric of a catalogue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed<'a> {
    catalogue: &'a Catalogue,
    entry: &'a Entry,
    dimensions: &'a [(u32, u32)],
}

impl<'a> Listed<'a> {
    pub(crate) fn namespace(&self) -> &'a str {
        self.catalogue.text(self.entry.namespace)
    }

    pub(crate) fn name(&self) -> &'a str {
        self.catalogue.text(self.entry.name)
    }

    /// The account that owns the metric, if the list has it.
    pub(crate) fn account(&self) -> Option<&'a str> {
        Some(self.catalogue.text(self.entry.account)).filter(|account| !account.is_empty())
    }

    /// The names and values of the dimensions, sorted by name.
    pub(crate) fn dimensions(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let catalogue = self.catalogue;
        self.dimensions.iter().map(|(name, value)| (catalogue.text(*name), catalogue.text(*value)))
    }

    /// The value of the dimension with this name.
    pub(crate) fn dimension(&self, wanted: &str) -> Option<&'a str> {
        self.dimensions().find(|(name, _)| *name == wanted).map(|(_, value)| value)
    }

    /// Whether the metric has an allowed value for every field of the selector. It may have more
    /// dimensions.
    pub(crate) fn matches(&self, selector: &MetricSelector) -> bool {
        let MetricSelector { namespaces, names, accounts, dimensions } = selector;
        let allows = |values: &[String], value: Option<&str>| {
            values.is_empty() || value.is_some_and(|value| contains(values, value))
        };
        allows(namespaces, Some(self.namespace()))
            && allows(names, Some(self.name()))
            && allows(accounts, self.account())
            && dimensions.iter().all(|(name, values)| {
                self.dimension(name).is_some_and(|value| values.allows(value))
            })
    }

    pub(crate) fn to_metric(self) -> Metric {
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
    /// All metrics.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = Listed<'_>> {
        let mut start = 0;
        self.entries.iter().map(move |entry| {
            let end = entry.dimensions_end as usize;
            let dimensions = &self.dimensions[start..end];
            start = end;
            Listed { catalogue: self, entry, dimensions }
        })
    }

    /// Whether there is an entry at this index, with these texts and dimensions.
    fn is_at(&self, index: usize, texts: [u32; 3], dimensions: &[(u32, u32)]) -> bool {
        let Some(Entry { namespace, name, account, dimensions_end }) = self.entries.get(index)
        else {
            return false;
        };
        let start = index.checked_sub(1).map_or(0, |before| self.entries[before].dimensions_end);
        [*namespace, *name, *account] == texts
            && self.dimensions[start as usize..*dimensions_end as usize] == *dimensions
    }

    fn text(&self, index: u32) -> &str {
        &self.texts[index as usize]
    }

    /// A catalogue of these metrics.
    #[cfg(test)]
    pub(super) fn of(metrics: impl IntoIterator<Item = Metric>) -> Self {
        use aws_sdk_cloudwatch::types::{Dimension, Metric as MetricShape};

        let mut builder = CatalogueBuilder::default();
        for Metric { namespace, name, dimensions, account } in metrics {
            let dimensions = dimensions
                .into_iter()
                .map(|(name, value)| Dimension::builder().name(name).value(value).build());
            let shape = MetricShape::builder()
                .namespace(namespace)
                .metric_name(name)
                .set_dimensions(Some(dimensions.collect()))
                .build();
            builder.add(&shape, account.as_deref());
        }
        builder.build()
    }
}

fn contains(sorted: &[String], value: &str) -> bool {
    sorted.binary_search_by(|known| known.as_str().cmp(value)).is_ok()
}

/// Builds a catalogue.
#[derive(Default)]
pub(super) struct CatalogueBuilder {
    catalogue: Catalogue,
    /// The index of each text.
    indices: HashMap<Arc<str>, u32>,
    /// The index of each entry, and its digest. Pages drift while they are read, so CloudWatch can list a
    /// metric twice.
    listed: HashTable<(u64, usize)>,
}

impl CatalogueBuilder {
    /// Whether the catalogue has `max_metrics` metrics or its maximum size.
    pub(super) fn is_full(&self, max_metrics: usize) -> bool {
        self.catalogue.entries.len() >= max_metrics || self.catalogue.bytes >= MAX_BYTES
    }

    /// Adds a metric and the account that owns it, unless the catalogue has it.
    pub(super) fn add(&mut self, metric: &aws_sdk_cloudwatch::types::Metric, owner: Option<&str>) {
        let mut dimensions: Vec<(&str, &str)> = metric
            .dimensions()
            .iter()
            .filter_map(|dimension| Some((dimension.name()?, dimension.value()?)))
            .collect();
        dimensions.sort_unstable();
        let mut pairs: Vec<(u32, u32)> = dimensions
            .into_iter()
            .map(|(name, value)| (self.index(name), self.index(value)))
            .collect();
        let texts = [metric.namespace(), metric.metric_name(), owner];
        let [namespace, name, account] = texts.map(|text| self.index(text.unwrap_or_default()));
        let ids = pairs.iter().flat_map(|(name, value)| [*name, *value]);
        let digest =
            [namespace, name, account].into_iter().chain(ids).fold(0, |digest: u64, id| {
                (digest.rotate_left(5) ^ u64::from(id)).wrapping_mul(DIGEST_FACTOR)
            });
        let texts = [namespace, name, account];
        let is_same = |(known, index): &(u64, usize)| {
            *known == digest && self.catalogue.is_at(*index, texts, &pairs)
        };
        match self.listed.entry(digest, is_same, |(known, _)| *known) {
            Occupied(_) => return,
            Vacant(place) => place.insert((digest, self.catalogue.entries.len())),
        };
        let dimensions_end = (self.catalogue.dimensions.len() + pairs.len()) as u32;
        let entry = Entry { namespace, name, account, dimensions_end };
        self.catalogue.bytes += size_of::<Entry>() + size_of_val(&pairs[..]);
        self.catalogue.entries.push(entry);
        self.catalogue.dimensions.append(&mut pairs);
    }

    fn index(&mut self, text: &str) -> u32 {
        if let Some(index) = self.indices.get(text) {
            return *index;
        }
        let index = self.catalogue.texts.len() as u32;
        let text: Arc<str> = text.into();
        self.catalogue.bytes += text.len() + TEXT_OVERHEAD;
        self.catalogue.texts.push(text.clone());
        self.indices.insert(text, index);
        index
    }

    /// The catalogue, which is full if it has `max_metrics` metrics or its maximum size.
    pub(super) fn build_partial(self, max_metrics: usize) -> Catalogue {
        let is_full = self.is_full(max_metrics);
        Catalogue { is_partial: true, is_full, ..self.build() }
    }

    /// The catalogue, which has all metrics.
    pub(super) fn build(self) -> Catalogue {
        let CatalogueBuilder { mut catalogue, .. } = self;
        catalogue.texts.shrink_to_fit();
        catalogue.entries.shrink_to_fit();
        catalogue.dimensions.shrink_to_fit();
        catalogue
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
    fn listed_metrics_can_be_read_again() {
        let mut builder = CatalogueBuilder::default();
        (0..1_000).for_each(|index| {
            builder.add(&metric(index), (index % 2 == 0).then_some("123456789012"))
        });
        let catalogue = builder.build();
        assert_eq!(catalogue.entries.len(), 1_000);
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
    fn a_metric_that_is_listed_twice_is_one() {
        let mut builder = CatalogueBuilder::default();
        for (index, owner) in
            [(1, None), (2, None), (1, None), (1, Some("123456789012")), (2, None)]
        {
            builder.add(&metric(index), owner);
        }
        assert!(builder.is_full(3) && !builder.is_full(4));
        assert_eq!(builder.build().metrics().count(), 3);
    }

    #[test]
    fn a_hundred_thousand_metrics_are_compact() {
        let mut builder = CatalogueBuilder::default();
        (0..100_000).for_each(|index| builder.add(&metric(index), None));
        assert!(!builder.is_full(100_001));
        assert!(builder.is_full(100_000));
        let bytes = builder.build().bytes;
        assert!(bytes < 5 << 20, "{bytes} bytes");
    }

    #[test]
    fn a_catalogue_can_be_full_of_bytes() {
        let mut builder = CatalogueBuilder::default();
        let mut count = 0;
        while !builder.is_full(usize::MAX) {
            let value = format!("{count:01000}");
            let dimension = Dimension::builder().name("Unique").value(value).build();
            builder.add(&MetricShape::builder().dimensions(dimension).build(), None);
            count += 1;
        }
        assert!((10_000..20_000).contains(&count), "{count} metrics of a kilobyte each");
    }

    #[test]
    fn a_partial_catalogue_is_full_if_it_has_as_many_as_it_may() {
        for (max_metrics, is_full) in [(2, true), (3, false)] {
            let mut builder = CatalogueBuilder::default();
            (0..2).for_each(|index| builder.add(&metric(index), None));
            let catalogue = builder.build_partial(max_metrics);
            assert_eq!((catalogue.is_partial, catalogue.is_full), (true, is_full));
        }
    }
}
