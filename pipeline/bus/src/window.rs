//! The in-flight window: which deliveries of a partition are open, and how far it may be committed.
//!
//! ```text
//! offsets   0 1 2 3 4 5 6 7
//!           ✓ ✓ · ✓ · ✓        ✓ acknowledged, · open
//!               ▲       ▲
//!               │       next: delivered next
//!               watermark: committed; a restart begins here and repeats 3 and 5
//! ```

use std::collections::BTreeSet;

/// Deliveries of one partition between the watermark and the next offset.
#[derive(Debug)]
pub(crate) struct Window {
    /// Offset that is delivered next.
    next: i64,
    /// Delivered and not acknowledged.
    open: BTreeSet<i64>,
    /// Most deliveries that may be open.
    limit: usize,
}

impl Window {
    /// Makes a window that begins at the committed offset.
    pub(crate) fn starting_at(committed: i64, limit: usize) -> Self {
        Self { next: committed, open: BTreeSet::new(), limit: limit.max(1) }
    }

    /// Returns the offset that is delivered next.
    pub(crate) fn next(&self) -> i64 {
        self.next
    }

    /// Returns how many more deliveries may be opened.
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.open.len())
    }

    /// Notes a delivery; offsets come in order, with gaps where a backend has some.
    pub(crate) fn deliver(&mut self, offset: i64) {
        self.open.insert(offset);
        self.next = offset + 1;
    }

    /// Notes an acknowledgement; one of an offset that is not open changes nothing.
    pub(crate) fn ack(&mut self, offset: i64) {
        self.open.remove(&offset);
    }

    /// Returns the offset before which nothing is open.
    pub(crate) fn watermark(&self) -> i64 {
        self.open.first().copied().unwrap_or(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watermark_stops_at_the_first_open_delivery() {
        let mut window = Window::starting_at(10, 8);
        (10..14).for_each(|offset| window.deliver(offset));
        window.ack(11);
        window.ack(13);
        assert_eq!(window.watermark(), 10);
        window.ack(10);
        assert_eq!(window.watermark(), 12);
        window.ack(12);
        assert_eq!(window.watermark(), 14);
    }

    #[test]
    fn an_acknowledgement_that_comes_twice_changes_nothing() {
        let mut window = Window::starting_at(0, 2);
        window.deliver(0);
        window.ack(0);
        window.ack(0);
        window.ack(77);
        assert_eq!((window.watermark(), window.room()), (1, 2));
    }

    #[test]
    fn a_limit_of_nothing_still_lets_one_through() {
        assert_eq!(Window::starting_at(0, 0).room(), 1);
    }
}
