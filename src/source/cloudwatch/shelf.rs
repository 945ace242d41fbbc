//! Catalogues, kept for the next questions: StackState's dialogs ask many in a row.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::catalogue::Catalogue;
use super::keep::Keep;
use super::scope::Scope;
use super::session::Caller;

/// So many catalogues are kept.
const MOST_CATALOGUES: NonZeroUsize = NonZeroUsize::new(32).unwrap();

/// So many bytes are kept in all of them.
const MOST_BYTES: usize = 24 << 20;

/// So long a catalogue serves, in milliseconds: new metrics take CloudWatch longer to list.
const LIFE: i64 = 300_000;

/// So long a partial one serves: long enough for a dialog's next question.
const PARTIAL_LIFE: i64 = 30_000;

/// Keeps catalogues, each for the caller alone who asked for it.
pub(super) struct Shelf(Keep<(Caller, Scope), Kept>);

#[derive(Clone)]
struct Kept {
    catalogue: Arc<Catalogue>,
    /// How many metrics it might have had.
    most: usize,
}

impl Default for Shelf {
    fn default() -> Self {
        Shelf(Keep::new(MOST_CATALOGUES, MOST_BYTES))
    }
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
        let serves = |(by, of): &(Caller, Scope), kept: &Kept| {
            by == caller
                && match kept.catalogue.is_partial {
                    // It has not all of its own scope, much less of a narrower one.
                    true => of == scope && kept.most >= most,
                    false => of.covers(scope),
                }
        };
        self.0.find(now, serves).map(|kept| kept.catalogue)
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
        let weight = catalogue.bytes;
        self.0.put((caller, scope), Kept { catalogue, most }, weight, now, now + life);
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

    fn catalogue(is_partial: bool) -> Arc<Catalogue> {
        let mut catalogue = Catalogue::default();
        catalogue.is_partial = is_partial;
        Arc::new(catalogue)
    }

    const CALLER: Caller = [1; 32];

    #[test]
    fn a_catalogue_serves_for_its_time() {
        let shelf = Shelf::default();
        shelf.keep(CALLER, scope("whole"), catalogue(false), 100, 1_000);
        shelf.keep(CALLER, scope("part"), catalogue(true), 100, 1_000);
        for (namespace, most, now, found) in [
            ("whole", 5_000, 1_000, true),
            ("part", 101, 1_000, false),
            ("part", 100, 1_000 + PARTIAL_LIFE - 1, true),
            ("part", 100, 1_000 + PARTIAL_LIFE, false),
            ("whole", 100, 1_000 + LIFE - 1, true),
            ("whole", 100, 1_000 + LIFE, false),
        ] {
            let kept = shelf.find(&CALLER, &scope(namespace), most, now);
            assert_eq!(kept.is_some(), found, "{namespace} {most} {now}");
            assert!(shelf.find(&[2; 32], &scope(namespace), most, now).is_none());
        }
    }
}
