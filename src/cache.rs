//! A cache that is bounded by count, by weight and by age.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use lru::LruCache;

use crate::shared::lock;
use crate::time::EpochMillis;

/// Values by key. Every access evicts what has expired, and an insert evicts the least recently
/// used entries until both limits hold. Nothing is allocated before the first insert.
pub(crate) struct BoundedCache<K, V> {
    max_entries: NonZeroUsize,
    max_weight: usize,
    entries: Mutex<Option<Entries<K, V>>>,
}

type Entries<K, V> = LruCache<K, Entry<V>>;

struct Entry<V> {
    value: V,
    weight: usize,
    inserted: EpochMillis,
    expires: EpochMillis,
}

impl<K: Hash + Eq, V: Clone> BoundedCache<K, V> {
    /// An empty cache. The caller decides what a weight means, such as bytes. The newest entry
    /// stays even if it alone exceeds `max_weight`.
    pub(crate) const fn new(max_entries: NonZeroUsize, max_weight: usize) -> Self {
        BoundedCache { max_entries, max_weight, entries: Mutex::new(None) }
    }

    /// The value of `key`, if it has not expired.
    pub(crate) fn get(&self, key: &K, now: EpochMillis) -> Option<V> {
        let mut lock = lock(&self.entries);
        let entries = evict_expired(lock.as_mut()?, now);
        entries.get(key).map(|entry| entry.value.clone())
    }

    /// A value that has not expired and that `matches` accepts.
    pub(crate) fn find(&self, now: EpochMillis, matches: impl Fn(&K, &V) -> bool) -> Option<V> {
        let mut lock = lock(&self.entries);
        let entries = evict_expired(lock.as_mut()?, now);
        let found = entries.find_and_promote(|(key, entry)| matches(key, &entry.value));
        found.map(|(_, entry)| entry.value.clone())
    }

    /// Inserts a value, which expires `lifetime` from `now`.
    pub(crate) fn insert(
        &self,
        key: K,
        value: V,
        weight: usize,
        now: EpochMillis,
        lifetime: Duration,
    ) {
        let mut lock = lock(&self.entries);
        let entries =
            evict_expired(lock.get_or_insert_with(|| LruCache::sparse(self.max_entries)), now);
        let expires = now.saturating_add(lifetime);
        entries.put(key, Entry { value, weight, inserted: now, expires });
        let total = |entries: &Entries<K, V>| -> usize {
            entries.iter().map(|(_, entry)| entry.weight).sum()
        };
        while entries.len() > 1 && total(entries) > self.max_weight {
            entries.pop_lru();
        }
    }
}

/// An entry can be this much newer than a request. Requests that are served at once each have the time
/// of their own beginning, so a later one may have made the entry. No request takes as long as this.
const MAX_AHEAD: Duration = Duration::from_secs(60);

/// Removes what has expired. If the clock was set back, this also removes the entries that are
/// now from the future: their age is unknown.
fn evict_expired<K: Hash + Eq, V>(
    entries: &mut Entries<K, V>,
    now: EpochMillis,
) -> &mut Entries<K, V> {
    let latest = now.saturating_add(MAX_AHEAD);
    entries.retain(|_, entry| entry.inserted <= latest && now < entry.expires);
    entries
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const MAX_ENTRIES: NonZeroUsize = NonZeroUsize::new(3).unwrap();
    const SECOND: Duration = Duration::from_secs(1);
    const START: EpochMillis = EpochMillis(1_000);

    #[test]
    fn an_entry_expires_and_is_dropped() {
        let cache = BoundedCache::new(MAX_ENTRIES, 100);
        assert!(lock(&cache.entries).is_none());
        let value = Arc::new(1);
        cache.insert("a", value.clone(), 1, START, SECOND);
        for (key, now, found) in [("a", 1_000, true), ("b", 1_000, false), ("a", 1_999, true)] {
            let now = EpochMillis(now);
            assert_eq!(cache.get(&key, now).is_some(), found, "{key} {now:?}");
            let matching = cache.find(now, |known, _| *known == key);
            assert_eq!(matching.is_some(), found, "{key} {now:?}");
        }
        assert_eq!(Arc::strong_count(&value), 2);
        assert_eq!(cache.get(&"another", EpochMillis(2_000)), None);
        assert_eq!(Arc::strong_count(&value), 1, "an access by another key drops it");
    }

    #[test]
    fn a_clock_that_is_set_back_prolongs_nothing() {
        let cache = BoundedCache::new(MAX_ENTRIES, 100);
        cache.insert("a", (), 1, EpochMillis(100_000), SECOND);
        assert_eq!(cache.get(&"a", EpochMillis(39_999)), None);
        assert_eq!(cache.get(&"a", EpochMillis(100_500)), None, "the entry is gone for good");
    }

    #[test]
    fn a_request_that_began_earlier_removes_nothing() {
        let cache = BoundedCache::new(MAX_ENTRIES, 100);
        cache.insert("a", (), 1, EpochMillis(100_000), SECOND);
        cache.insert("b", (), 1, EpochMillis(75_000), SECOND);
        assert!(cache.get(&"a", EpochMillis(75_000)).is_some());
        assert!(cache.get(&"a", EpochMillis(100_500)).is_some());
        assert_eq!(cache.get(&"b", EpochMillis(100_500)), None, "it has expired");
    }

    #[test]
    fn the_least_recently_used_entry_is_evicted() {
        for (used, left) in [("a", "acd"), ("b", "bcd"), ("c", "bcd")] {
            let cache = BoundedCache::new(MAX_ENTRIES, 100);
            for key in ["a", "b", "c"] {
                cache.insert(key, (), 1, START, SECOND);
            }
            cache.get(&used, START);
            cache.insert("d", (), 1, START, SECOND);
            assert_eq!(keys(&cache), left, "{used} was used");
        }
    }

    #[test]
    fn the_weight_is_bounded() {
        let cache = BoundedCache::new(MAX_ENTRIES, 100);
        for (key, weight, left) in
            [("a", 50, "a"), ("b", 50, "ab"), ("c", 1, "bc"), ("d", 999, "d")]
        {
            cache.insert(key, (), weight, START, SECOND);
            assert_eq!(keys(&cache), left, "after {key}");
        }
    }

    fn keys(cache: &BoundedCache<&'static str, ()>) -> String {
        ["a", "b", "c", "d"].into_iter().filter(|key| cache.get(key, START).is_some()).collect()
    }
}
