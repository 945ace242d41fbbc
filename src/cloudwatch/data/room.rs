//! The room for questions that wait, of all callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::MirrorError;

/// The maximum number of questions that wait.
const MAX_WAITING: usize = 1_000;

/// The maximum size of the questions that wait to share a call, in bytes.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// The room.
#[derive(Default)]
pub(super) struct Room {
    count: AtomicUsize,
    bytes: AtomicUsize,
}

/// A question's part of the room, which is free again when this is dropped.
pub(super) struct Seat {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    /// A part of the room for one question.
    ///
    /// # Errors
    /// Too many questions wait.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Seat, MirrorError> {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let seat = Seat { room: self.clone(), bytes: 0 };
        if count > MAX_WAITING {
            return Err(MirrorError::Connection {
                details: format!(
                    "too many queries of this mirror wait for CloudWatch: {count}; expected at most \
                     {MAX_WAITING}: send fewer requests at once"
                ),
            });
        }
        Ok(seat)
    }
}

impl Seat {
    /// Whether there is room for a question of this size. Without it, a question waits for a call of
    /// its own.
    pub(super) fn holds(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.room.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= MAX_WAITING_BYTES
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.count.fetch_sub(1, Ordering::Relaxed);
        self.room.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_bounded_in_bytes() {
        let room = Arc::new(Room::default());
        let enter = || room.enter().ok().unwrap_or_else(|| panic!("there is room"));
        let mut large = enter();
        assert!(large.holds(MAX_WAITING_BYTES), "as much as fits");
        let mut small = enter();
        assert!(!small.holds(1));
        drop(large);
        assert!(!enter().holds(MAX_WAITING_BYTES), "the small one still waits");
        drop(small);
        assert!(enter().holds(MAX_WAITING_BYTES), "all room is free again");
    }

    #[test]
    fn the_room_is_bounded_in_number() {
        let room = Arc::new(Room::default());
        let mut seats: Vec<Seat> = (0..MAX_WAITING).map_while(|_| room.enter().ok()).collect();
        assert_eq!(seats.len(), MAX_WAITING);
        let MirrorError::Connection { details } = room.enter().err().unwrap() else { panic!() };
        assert!(details.contains("wait for CloudWatch: 1001; expected at most 1000"), "{details}");
        seats.pop();
        assert!(room.enter().is_ok());
    }
}
