//! Pages: which part of a list is asked for, and how it is answered.

use serde::Serialize;

use crate::validate::{Checks, Fields};

/// A wish for a page, as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    page: Option<u64>,
    size: Option<u64>,
}

impl Wish {
    /// Reads `page` and `size`; both start at 1.
    pub(super) fn read(checks: &mut Checks, fields: &Fields<'_>) -> Option<Self> {
        let page = fields.optional_int(checks, "page", 1);
        let size = fields.optional_int(checks, "size", 1);
        // At least 1, so never negative.
        let whole = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        Some(Self { page: whole(page.ok()?), size: whole(size.ok()?) })
    }

    /// Returns whether the client leaves it to us.
    pub(super) fn is_empty(self) -> bool {
        self.page.is_none() && self.size.is_none()
    }

    /// Fills in what was not said and cuts the size to `most`.
    pub(super) fn slice(self, default: u32, most: u32) -> Slice {
        let most = most.max(1);
        let size = self.size.map_or(default, |size| u32::try_from(size).unwrap_or(u32::MAX));
        Slice { page: self.page.unwrap_or(1), size: size.clamp(1, most) }
    }
}

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    /// From 1.
    page: u64,
    /// Entries of a full page.
    pub(super) size: u32,
}

impl Slice {
    /// Returns how many entries come before it.
    pub(super) fn offset(self) -> u64 {
        (self.page - 1).saturating_mul(u64::from(self.size))
    }

    /// Makes the answer.
    pub(super) fn answer<T>(self, total: u64, entries: Vec<T>) -> Page<T> {
        let size = u64::from(self.size);
        let pages = total.div_ceil(size);
        Page { number: self.page, size, total, pages, transcriptions: entries }
    }
}

/// One page; the member is called `transcriptions` whatever it holds.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    #[serde(rename = "page")]
    number: u64,
    size: u64,
    total: u64,
    pages: u64,
    transcriptions: Vec<T>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_filled_in_and_what_is_too_much_is_cut() {
        let nothing = Wish { page: None, size: None };
        assert_eq!(nothing.slice(50, 100), Slice { page: 1, size: 50 });
        let much = Wish { page: Some(3), size: Some(u64::MAX) };
        assert_eq!(much.slice(50, 100), Slice { page: 3, size: 100 });
        assert_eq!(much.slice(50, 100).offset(), 200);
    }

    #[test]
    fn a_page_beyond_the_end_of_time_does_not_overflow() {
        let far = Wish { page: Some(u64::MAX), size: Some(7) };
        assert_eq!(far.slice(1, 9).offset(), u64::MAX);
    }

    #[test]
    fn an_empty_list_has_no_pages() {
        let slice = Wish { page: None, size: None }.slice(50, 50);
        assert_eq!(slice.answer::<u8>(0, Vec::new()).pages, 0);
        assert_eq!(slice.answer::<u8>(51, Vec::new()).pages, 2);
    }
}
