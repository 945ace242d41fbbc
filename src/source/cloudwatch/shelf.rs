//! Catalogues, kept for the next questions: StackState's dialogs ask many in a row.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use super::catalogue::Catalogue;
use super::scope::Scope;
use super::session::Caller;

/// So many catalogues are kept; the one that was unused for longest makes room.
const MOST_CATALOGUES: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// So many bytes are kept in all of them; the newest is kept in any case.
const MOST_BYTES: usize = 24 << 20;

/// So long a catalogue serves, in milliseconds: new metrics take CloudWatch longer to list.
const LIFE: i64 = 300_000;

/// So long a partial one serves: long enough for a dialog's next question.
const PARTIAL_LIFE: i64 = 30_000;

/// Keeps catalogues, each for the caller alone who asked for it.
#[derive(Default)]
pub(super) struct Shelf(Mutex<Option<LruCache<(Caller, Scope), Kept>>>);

struct Kept {
    catalogue: Arc<Catalogue>,
    /// How many metrics it might have had.
    most: usize,
    /// Epoch milliseconds.
    until: i64,
}

impl Shelf {
    /// A catalogue that was read for this caller not long before `now`, in epoch milliseconds,
    /// and has all of `scope` in it; or as much of it as `most` metrics would show.
    pub(super) fn find(
        &self,
        caller: &Caller,
        scope: &Scope,
        most: usize,
        now: i64,
    ) -> Option<Arc<Catalogue>> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = shelf.as_mut()?;
        let serves = |(by, of): &(Caller, Scope), kept: &Kept| {
            by == caller
                && kept.until > now
                && match kept.catalogue.is_partial {
                    // It has not all of its own scope, much less of a narrower one.
                    true => of == scope && kept.most >= most,
                    false => of.covers(scope),
                }
        };
        let key = kept.iter().find(|(key, kept)| serves(key, kept)).map(|(key, _)| key.clone())?;
        kept.get(&key).map(|kept| kept.catalogue.clone())
    }

    /// Keeps a catalogue that was read at `now`, in epoch milliseconds, and might have had
    /// `most` metrics.
    pub(super) fn keep(
        &self,
        caller: Caller,
        scope: Scope,
        catalogue: Arc<Catalogue>,
        most: usize,
        now: i64,
    ) {
        let life = if catalogue.is_partial { PARTIAL_LIFE } else { LIFE };
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = shelf.get_or_insert_with(|| LruCache::new(MOST_CATALOGUES));
        kept.put((caller, scope), Kept { catalogue, most, until: now + life });
        let bytes = |kept: &LruCache<_, Kept>| -> usize {
            kept.iter().map(|(_, kept)| kept.catalogue.bytes).sum()
        };
        while kept.len() > 1 && bytes(kept) > MOST_BYTES {
            kept.pop_lru();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(namespace: &str) -> Scope {
        Scope {
            namespace: Some(namespace.to_owned()),
            name: None,
            dimensions: Vec::new(),
            account: None,
            linked: false,
            recent: false,
        }
    }

    fn catalogue(is_partial: bool, bytes: usize) -> Arc<Catalogue> {
        let mut catalogue = Catalogue::default();
        catalogue.is_partial = is_partial;
        catalogue.bytes = bytes;
        Arc::new(catalogue)
    }

    const CALLER: Caller = [1; 32];

    #[test]
    fn a_catalogue_serves_for_its_time() {
        let shelf = Shelf::default();
        shelf.keep(CALLER, scope("whole"), catalogue(false, 0), 100, 1_000);
        shelf.keep(CALLER, scope("part"), catalogue(true, 0), 100, 1_000);
        for (namespace, most, now, found) in [
            ("whole", 100, 1_000 + LIFE - 1, true),
            ("whole", 100, 1_000 + LIFE, false),
            ("whole", 5_000, 1_000, true),
            ("part", 100, 1_000 + PARTIAL_LIFE - 1, true),
            ("part", 100, 1_000 + PARTIAL_LIFE, false),
            ("part", 101, 1_000, false),
        ] {
            let kept = shelf.find(&CALLER, &scope(namespace), most, now);
            assert_eq!(kept.is_some(), found, "{namespace} {most} {now}");
            assert!(shelf.find(&[2; 32], &scope(namespace), most, now).is_none());
        }
    }

    #[test]
    fn a_shelf_has_room_for_so_much() {
        let shelf = Shelf::default();
        for namespace in ["a", "b", "c"] {
            shelf.keep(CALLER, scope(namespace), catalogue(false, MOST_BYTES / 2), 1, 0);
        }
        let is_kept = |namespace| shelf.find(&CALLER, &scope(namespace), 1, 0).is_some();
        assert_eq!(["a", "b", "c"].map(is_kept), [false, true, true]);
        shelf.keep(CALLER, scope("large"), catalogue(false, 2 * MOST_BYTES), 1, 0);
        assert_eq!(["b", "c", "large"].map(is_kept), [false, false, true]);
    }
}
