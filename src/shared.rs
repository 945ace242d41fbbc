//! What several requests use at once: locks, and work that they wait for.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::task::JoinSet;

/// Locks `mutex`, also after a panic: no code here leaves what a lock guards half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The output of work, for everybody who has a clone. `None` if the work panicked.
pub(crate) type SharedWork<T> = Shared<BoxFuture<'static, Option<T>>>;

/// Shared work, without keeping it alive.
pub(crate) type WeakWork<T> = WeakShared<BoxFuture<'static, Option<T>>>;

/// Starts work in a task of its own, so that it does not end with the request that started it. It
/// is aborted when its last clone is dropped.
pub(crate) fn start<T>(work: impl Future<Output = T> + Send + 'static) -> SharedWork<T>
where
    T: Clone + Send + Sync + 'static,
{
    let mut task = JoinSet::new();
    task.spawn(work);
    async move { task.join_next().await?.ok() }.boxed().shared()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn work_does_not_end_with_the_first_that_waits() {
        let go = Arc::new(Notify::new());
        let work = start({
            let go = go.clone();
            async move {
                go.notified().await;
                7
            }
        });
        let other = work.clone();
        assert_eq!(work.now_or_never(), None);
        go.notify_one();
        assert_eq!(other.await, Some(7));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_aborted() {
        let alive = Arc::new(());
        let work = start({
            let alive = alive.clone();
            async move {
                std::future::pending::<()>().await;
                drop(alive);
            }
        });
        yield_now().await;
        assert_eq!(Arc::strong_count(&alive), 2);
        drop(work);
        yield_now().await;
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
