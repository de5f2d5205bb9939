//! The elements of Matroska and WebM: document type, sound tracks, encryption.
//!
//! Element ids and meanings are those of RFC 9559; variable-length numbers those of RFC 8794 §4.

use super::{Inspection, SoundTrack, View};

/// First bytes of every EBML document.
pub(super) const EBML_MAGIC: [u8; 4] = [0x1A, 0x45, 0xDF, 0xA3];

const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1F43_B675;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const TRACK_NUMBER: u32 = 0xD7;
const TRACK_TYPE: u32 = 0x83;
const FLAG_DEFAULT: u32 = 0x88;
const CODEC_ID: u32 = 0x86;
const CONTENT_ENCODINGS: u32 = 0x6D80;
const CONTENT_ENCODING: u32 = 0x6240;
const CONTENT_ENCRYPTION: u32 = 0x5035;

/// `TrackType` of sound.
const AUDIO: u64 = 2;

/// Elements looked at in one file.
const MAX_ELEMENTS: usize = 20_000;

/// One element: its id and where its content lies.
#[derive(Debug, Clone, Copy)]
struct Element {
    id: u32,
    body: u64,
    end: u64,
}

/// Walks the elements between two places, one level deep.
struct Walk<'a, 'b> {
    view: View<'a>,
    at: u64,
    end: u64,
    steps: &'b mut usize,
}

impl Iterator for Walk<'_, '_> {
    type Item = Element;

    fn next(&mut self) -> Option<Element> {
        if self.at >= self.end || *self.steps >= MAX_ELEMENTS {
            return None;
        }
        *self.steps += 1;
        let (id, id_len) = number(self.view, self.at, Marker::Keep)?;
        let (size, size_len) = number(self.view, self.at + id_len, Marker::Drop)?;
        let body = self.at + id_len + size_len;
        // A size of all ones is unknown (live streams): the element reaches to the end.
        let unknown = size == (1_u64 << (7 * size_len)) - 1;
        let end = if unknown { self.end } else { body.checked_add(size)?.min(self.end) };
        self.at = end;
        Some(Element { id: u32::try_from(id).ok()?, body: body.min(end), end })
    }
}

/// Whether the length marker belongs to the number (ids) or not (sizes).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Keep,
    Drop,
}

/// Reads a variable-length number and its own length in bytes.
fn number(view: View<'_>, at: u64, marker: Marker) -> Option<(u64, u64)> {
    let first = view.bytes::<1>(at)?[0];
    let len = u64::from(first.leading_zeros()) + 1;
    if len > 8 {
        return None;
    }
    let mut value = u64::from(first);
    if marker == Marker::Drop {
        value &= (1_u64 << (8 - len)) - 1;
    }
    for offset in 1..len {
        value = value << 8 | u64::from(view.bytes::<1>(at + offset)?[0]);
    }
    Some((value, len))
}

/// Reads an unsigned integer element.
fn unsigned(view: View<'_>, element: Element) -> Option<u64> {
    let len = element.end - element.body;
    (len <= 8).then_some(())?;
    (0..len).try_fold(0_u64, |value, offset| {
        Some(value << 8 | u64::from(view.bytes::<1>(element.body + offset)?[0]))
    })
}

/// Looks at the headers of a Matroska or WebM file.
pub(super) fn inspect(view: View<'_>) -> Inspection {
    let mut inspection = Inspection { container: Some("matroska"), ..Inspection::default() };
    let mut steps = 0;
    let top: Vec<Element> =
        Walk { view, at: 0, end: view.len(), steps: &mut steps }.take(4).collect();
    if let Some(ebml) = top.first() {
        let mut walk = Walk { view, at: ebml.body, end: ebml.end, steps: &mut steps };
        let doc_type = walk.find(|element| element.id == DOC_TYPE);
        let doc_type = doc_type.and_then(|found| view.text(found.body, found.end - found.body));
        if doc_type.as_deref() == Some("webm") {
            inspection.container = Some("webm");
        }
    }
    let Some(segment) = top.iter().find(|element| element.id == SEGMENT) else {
        inspection.incomplete = true;
        return inspection;
    };
    let mut walk = Walk { view, at: segment.body, end: segment.end, steps: &mut steps };
    // The tracks come before the first cluster in every file that can be played while it arrives.
    let tracks = walk.find(|element| element.id == TRACKS || element.id == CLUSTER);
    let Some(tracks) = tracks.filter(|element| element.id == TRACKS) else {
        inspection.incomplete = true;
        return inspection;
    };
    let entries: Vec<Element> = Walk { view, at: tracks.body, end: tracks.end, steps: &mut steps }
        .filter(|element| element.id == TRACK_ENTRY)
        .take(256)
        .collect();
    for entry in entries {
        match sound_track(view, entry, &mut steps) {
            Some(track) => inspection.sound.push(track),
            None => inspection.others += 1,
        }
    }
    inspection
}

fn sound_track(view: View<'_>, entry: Element, steps: &mut usize) -> Option<SoundTrack> {
    // A flag that is absent is set.
    let mut track =
        SoundTrack { id: 0, codec: String::new(), default: true, protection: None, edit: None };
    let mut kind = None;
    let children: Vec<Element> =
        Walk { view, at: entry.body, end: entry.end, steps }.take(256).collect();
    for child in children {
        match child.id {
            TRACK_NUMBER => track.id = u32::try_from(unsigned(view, child)?).ok()?,
            TRACK_TYPE => kind = unsigned(view, child),
            FLAG_DEFAULT => track.default = unsigned(view, child) != Some(0),
            CODEC_ID => track.codec = view.text(child.body, child.end - child.body)?,
            CONTENT_ENCODINGS if is_encrypted(view, child, steps) => {
                track.protection = Some("ContentEncryption".to_owned());
            }
            _ => {}
        }
    }
    (kind == Some(AUDIO)).then_some(track)
}

fn is_encrypted(view: View<'_>, encodings: Element, steps: &mut usize) -> bool {
    let all: Vec<Element> = Walk { view, at: encodings.body, end: encodings.end, steps }
        .filter(|element| element.id == CONTENT_ENCODING)
        .take(16)
        .collect();
    all.into_iter().any(|encoding| {
        Walk { view, at: encoding.body, end: encoding.end, steps }
            .any(|element| element.id == CONTENT_ENCRYPTION)
    })
}
