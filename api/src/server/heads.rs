//! Heads as they pass: where requests of an HTTP/1 connection begin, and which of them are doubtful.
//!
//! A request that states both `Content-Length` and `Transfer-Encoding` may be read differently by
//! a proxy in front of us, which would take the rest of it for somebody else's request (RFC 9112
//! §6.1, §11.2). hyper drops one of the two before anybody sees the request, so it is looked for
//! here, in the bytes that hyper is about to read. Everything else that is wrong with a head hyper
//! refuses itself.
//!
//! ```text
//!  Head ─ blank line ─► Body(length) ─ so many bytes ─► Head …
//!    └─ chunked, or nothing that hyper would take ─► Lost: no further request is read
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is kept of a header line; the longest that matters is `Transfer-Encoding: …`, and a length
/// has at most twenty digits.
const LINE: usize = 128;

/// Tells the service of a connection that its requests are doubtful; never taken back.
#[derive(Debug, Clone, Default)]
pub(super) struct Doubt(Arc<AtomicBool>);

impl Doubt {
    /// Returns whether a request was doubtful: it, or one before it.
    pub(super) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A watch on the bytes that a client sends.
#[derive(Debug)]
pub(super) struct Heads {
    place: Place,
    doubt: Doubt,
}

/// Where in the stream of requests the next byte belongs.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// In a head, or before one.
    Head(Head),
    /// In a body of which so many bytes, at least one, are to come.
    Body(u64),
    /// Not known. Only one request more is answered: this one.
    Lost,
}

/// The part of a head that has come.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    /// The line in work, without its end and no longer than [`LINE`].
    line: Vec<u8>,
    /// Whether the request line has come.
    begun: bool,
    length: Option<u64>,
    coded: bool,
}

impl Heads {
    /// Watches a connection from its first byte on.
    pub(super) fn new(doubt: Doubt) -> Self {
        Self { place: Place::Head(Head::default()), doubt }
    }

    /// Looks at the next bytes.
    pub(super) fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match &mut self.place {
                Place::Lost => return,
                Place::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= here as u64;
                    bytes = &bytes[here..];
                    if *left == 0 {
                        self.place = Place::Head(Head::default());
                    }
                }
                Place::Head(head) => {
                    let end = bytes.iter().position(|&byte| byte == b'\n');
                    head.keep(&bytes[..end.unwrap_or(bytes.len())]);
                    let Some(end) = end else { return };
                    bytes = &bytes[end + 1..];
                    if let Some(next) = head.end_line(&self.doubt) {
                        self.place = next;
                    }
                }
            }
        }
    }

    /// Returns whether a client may be in the middle of sending something.
    pub(super) fn is_within(&self) -> bool {
        !matches!(&self.place, Place::Head(head) if !head.begun && head.line.is_empty())
    }
}

impl Head {
    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE.saturating_sub(self.line.len()).min(bytes.len());
        self.line.extend_from_slice(&bytes[..room]);
    }

    /// Takes a line that is complete; returns what follows when the head ends with it.
    fn end_line(&mut self, doubt: &Doubt) -> Option<Place> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        // Blank lines before a request count for nothing (RFC 9112 §2.2).
        if !self.begun {
            self.begun = !line.is_empty();
            return None;
        }
        if line.is_empty() {
            return Some(self.end(doubt));
        }
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            return Some(Place::Lost);
        };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.coded = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            // What is no number, or another number than before, hyper refuses.
            let digits = std::str::from_utf8(value.trim_ascii()).unwrap_or_default();
            self.length = Some(digits.parse().unwrap_or(u64::MAX));
        }
        None
    }

    fn end(&self, doubt: &Doubt) -> Place {
        if self.coded && self.length.is_some() {
            doubt.raise();
        }
        match self.length {
            _ if self.coded => Place::Lost,
            None | Some(0) => Place::Head(Self::default()),
            Some(length) => Place::Body(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets bytes pass, whole and one by one, and says whether there is doubt and where they end.
    #[track_caller]
    fn check(sent: &str, doubtful: bool, within: bool) {
        for size in [1, 7, sent.len().max(1)] {
            let doubt = Doubt::default();
            let mut heads = Heads::new(doubt.clone());
            for piece in sent.as_bytes().chunks(size) {
                heads.see(piece);
            }
            let found = (doubt.is_raised(), heads.is_within());
            assert_eq!(found, (doubtful, within), "{sent:?} in pieces of {size}");
        }
    }

    #[test]
    fn a_request_with_a_length_and_a_coding_is_doubtful_in_whatever_form() {
        let lines = ["Content-Length: 2", "Transfer-Encoding: chunked"];
        for (first, second) in [(lines[0], lines[1]), (lines[1], lines[0])] {
            for end in ["\r\n", "\n"] {
                let head = ["POST / HTTP/1.1", first, "X: y", second, "", ""].join(end);
                check(&head, true, true);
                check(&head.to_ascii_uppercase(), true, true);
                check(&format!("{end}{end}{head}"), true, true);
                check(&format!("GET / HTTP/1.1{end}{end}{head}"), true, true);
                let before = format!("POST / HTTP/1.1{end}Content-Length: 3{end}{end}abc");
                check(&format!("{before}{head}"), true, true);
            }
        }
    }

    #[test]
    fn bodies_are_not_taken_for_heads() {
        let head = "POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n";
        let carrier = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", head.len());
        check(&format!("{carrier}{head}"), false, false);
        check("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", false, true);
    }

    #[test]
    fn the_middle_of_a_request_is_told_from_its_end() {
        check("", false, false);
        check("GET / HTTP/1.1\r\nHost: x\r\n\r\n", false, false);
        check("GET / HTTP/1.1\r\nHost: x\r\n", false, true);
        check("G", false, true);
        check("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", false, true);
        check("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", false, false);
        check("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\nabc", false, true);
        check("GET / HTTP/1.1\r\nno header\r\n\r\n", false, true);
    }

    #[test]
    fn a_line_without_end_costs_no_memory() {
        let mut heads = Heads::new(Doubt::default());
        for _ in 0..1_000 {
            heads.see(&[b'x'; 1_000]);
        }
        let Place::Head(head) = &heads.place else { panic!("{heads:?}") };
        assert!(head.line.capacity() <= 2 * LINE, "{}", head.line.capacity());
    }
}
