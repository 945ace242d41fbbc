//! What is kept for later requests: bounded by count, by weight and by age.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

/// Values by key. The one that was unused for longest makes room; one that is too old is
/// dropped by the next request that looks here. Nothing is allocated before the first is kept.
pub(super) struct Keep<K, V> {
    most: NonZeroUsize,
    most_weight: usize,
    kept: Mutex<Option<LruCache<K, Kept<V>>>>,
}

struct Kept<V> {
    value: V,
    weight: usize,
    /// Epoch milliseconds.
    since: i64,
    /// Epoch milliseconds.
    until: i64,
}

impl<K: Hash + Eq, V: Clone> Keep<K, V> {
    /// Room for so many values, of so much weight in all; the newest is kept in any case.
    pub(super) const fn new(most: NonZeroUsize, most_weight: usize) -> Self {
        Keep { most, most_weight, kept: Mutex::new(None) }
    }

    /// The value of this key, if it is kept at `now`, in epoch milliseconds.
    pub(super) fn get(&self, key: &K, now: i64) -> Option<V> {
        let mut lock = self.lock();
        let kept = young(lock.as_mut()?, now);
        kept.get(key).map(|kept| kept.value.clone())
    }

    /// The first value that serves, of those that are kept at `now`, in epoch milliseconds.
    pub(super) fn find(&self, now: i64, serves: impl Fn(&K, &V) -> bool) -> Option<V> {
        let mut lock = self.lock();
        let kept = young(lock.as_mut()?, now);
        let found = kept.find_and_promote(|(key, kept)| serves(key, &kept.value));
        found.map(|(_, kept)| kept.value.clone())
    }

    /// Keeps a value from `now` until `until`, both in epoch milliseconds.
    pub(super) fn put(&self, key: K, value: V, weight: usize, now: i64, until: i64) {
        let mut lock = self.lock();
        let kept = young(lock.get_or_insert_with(|| LruCache::sparse(self.most)), now);
        kept.put(key, Kept { value, weight, since: now, until });
        let weight = |kept: &LruCache<K, Kept<V>>| -> usize {
            kept.iter().map(|(_, kept)| kept.weight).sum()
        };
        while kept.len() > 1 && weight(kept) > self.most_weight {
            kept.pop_lru();
        }
    }

    /// Whether nothing was ever kept.
    pub(super) fn is_untouched(&self) -> bool {
        self.lock().is_none()
    }

    fn lock(&self) -> MutexGuard<'_, Option<LruCache<K, Kept<V>>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left at `now`. Where the clock was put back, what is from the future goes as well.
fn young<K: Hash + Eq, V>(kept: &mut LruCache<K, Kept<V>>, now: i64) -> &mut LruCache<K, Kept<V>> {
    kept.retain(|_, kept| kept.since <= now && now < kept.until);
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const ROOM: NonZeroUsize = NonZeroUsize::new(3).unwrap();

    #[test]
    fn a_value_is_kept_for_its_time_and_then_dropped() {
        let keep = Keep::new(ROOM, 100);
        assert!(keep.is_untouched());
        let value = Arc::new(1);
        keep.put("a", value.clone(), 1, 1_000, 2_000);
        for (key, now, found) in [("a", 1_000, true), ("b", 1_000, false), ("a", 1_999, true)] {
            assert_eq!(keep.get(&key, now).is_some(), found, "{key} {now}");
            assert_eq!(keep.find(now, |known, _| *known == key).is_some(), found, "{key} {now}");
        }
        assert_eq!(Arc::strong_count(&value), 2);
        assert_eq!(keep.get(&"another", 2_000), None);
        assert_eq!(Arc::strong_count(&value), 1, "looking for another drops it");
    }

    #[test]
    fn a_clock_that_is_put_back_prolongs_nothing() {
        let keep = Keep::new(ROOM, 100);
        keep.put("a", (), 1, 1_000, 2_000);
        assert_eq!(keep.get(&"a", 999), None);
        assert_eq!(keep.get(&"a", 1_500), None, "it is gone for good");
    }

    #[test]
    fn the_unused_makes_room() {
        for (used, kept) in [("a", "acd"), ("b", "bcd"), ("c", "bcd")] {
            let keep = Keep::new(ROOM, 100);
            for key in ["a", "b", "c"] {
                keep.put(key, (), 1, 0, 1);
            }
            keep.get(&used, 0);
            keep.put("d", (), 1, 0, 1);
            let found = ["a", "b", "c", "d"].into_iter().filter(|key| keep.get(key, 0).is_some());
            assert_eq!(found.collect::<String>(), kept, "{used} was used");
        }
    }

    #[test]
    fn weight_is_bounded() {
        let keep = Keep::new(ROOM, 100);
        for (key, weight, kept) in
            [("a", 50, "a"), ("b", 50, "ab"), ("c", 1, "bc"), ("d", 999, "d")]
        {
            keep.put(key, (), weight, 0, 1);
            let found = ["a", "b", "c", "d"].into_iter().filter(|key| keep.get(key, 0).is_some());
            assert_eq!(found.collect::<String>(), kept, "after {key}");
        }
    }
}
