//! The boxes of ISO base media files (MP4, M4A, MOV, 3GP): sound tracks, edit lists, encryption.
//!
//! Box layouts are those of ISO/IEC 14496-12: `tkhd` §8.3.2, `elst` §8.6.6, `mdhd` §8.4.2, `hdlr`
//! §8.4.3, `stsd` §8.5.2; `enca` and `schm` are those of §8.12.

use super::{Edit, Inspection, SoundTrack, View, printable};

/// Boxes looked at in one file; a film has some hundreds before its index ends.
const MAX_BOXES: usize = 20_000;

/// Sample entries of vendors whose samples are always encrypted: Apple `FairPlay`, Audible.
const VENDOR_PROTECTED: [[u8; 4]; 3] = [*b"drms", *b"aavd", *b"p608"];

/// Length told for a file whose own does not matter, in bytes.
const BEYOND_ANY_END: u64 = 1 << 62;

/// One box: its name and where its content lies.
#[derive(Debug, Clone, Copy)]
struct Box4 {
    name: [u8; 4],
    body: u64,
    end: u64,
    /// Where it says that it ends; behind `end` where the file is cut off.
    told: u64,
}

/// Walks the boxes between two places, one level deep.
struct Walk<'a, 'b> {
    view: View<'a>,
    at: u64,
    end: u64,
    steps: &'b mut usize,
}

impl Iterator for Walk<'_, '_> {
    type Item = Box4;

    fn next(&mut self) -> Option<Box4> {
        if self.at.checked_add(8)? > self.end || *self.steps >= MAX_BOXES {
            return None;
        }
        *self.steps += 1;
        let size = u64::from(self.view.u32(self.at)?);
        let name = self.view.bytes::<4>(self.at + 4)?;
        let (header, size) = match size {
            0 => (8, self.end - self.at),
            1 => (16, self.view.u64(self.at + 8)?),
            size => (8, size),
        };
        if size < header {
            return None;
        }
        let told = self.at.checked_add(size)?;
        let end = told.min(self.end);
        let found = Box4 { name, body: (self.at + header).min(end), end, told };
        self.at = end;
        Some(found)
    }
}

fn find(view: View<'_>, parent: Box4, name: [u8; 4], steps: &mut usize) -> Option<Box4> {
    Walk { view, at: parent.body, end: parent.end, steps }.find(|found| found.name == name)
}

/// Looks at the headers of an MP4 family file with the given major brand.
pub(super) fn inspect(view: View<'_>, brand: [u8; 4]) -> Inspection {
    let container = match &brand {
        b"qt  " => "mov",
        [b'3', b'g', ..] => "3gp",
        _ => "mp4",
    };
    let mut inspection = Inspection { container: Some(container), ..Inspection::default() };
    let mut steps = 0;
    let mut moov = None;
    for found in (Walk { view, at: 0, end: view.len(), steps: &mut steps }) {
        match &found.name {
            b"moov" if found.told > found.end => break,
            b"moov" => moov = Some(found),
            _ => {}
        }
        if found.told > found.end {
            inspection.whole_len = Some(found.told);
        }
        // Fragments follow each other to the end; there is nothing more to learn from them.
        if &found.name == b"moof" && moov.is_some() {
            break;
        }
    }
    let Some(moov) = moov else {
        inspection.incomplete = true;
        return inspection;
    };
    // Nobody knows where a fragmented file ends, and its last fragment may be half there.
    if find(view, moov, *b"mvex", &mut steps).is_some() {
        inspection.whole_len = Some(BEYOND_ANY_END);
    }
    // mvhd: version 0 has its time scale after two 32-bit times, version 1 after two 64-bit ones.
    let movie_scale = find(view, moov, *b"mvhd", &mut steps).and_then(|mvhd| scale(view, mvhd));
    let traks: Vec<Box4> = Walk { view, at: moov.body, end: moov.end, steps: &mut steps }
        .filter(|found| &found.name == b"trak")
        .take(256)
        .collect();
    for trak in traks {
        match sound_track(view, trak, movie_scale, &mut steps) {
            Some(track) => inspection.sound.push(track),
            None => inspection.others += 1,
        }
    }
    inspection
}

/// Reads the time scale of an `mvhd` or `mdhd`: both have it at the same place.
fn scale(view: View<'_>, header: Box4) -> Option<u32> {
    let version = view.bytes::<1>(header.body)?[0];
    view.u32(header.body + if version == 1 { 20 } else { 12 }).filter(|&scale| scale > 0)
}

fn sound_track(
    view: View<'_>,
    trak: Box4,
    movie_scale: Option<u32>,
    steps: &mut usize,
) -> Option<SoundTrack> {
    let mdia = find(view, trak, *b"mdia", steps)?;
    let hdlr = find(view, mdia, *b"hdlr", steps)?;
    if view.bytes::<4>(hdlr.body + 8)? != *b"soun" {
        return None;
    }
    let tkhd = find(view, trak, *b"tkhd", steps)?;
    let [version, .., flags] = view.bytes::<4>(tkhd.body)?;
    // Bit 0 of the flags: the track is enabled.
    let default = flags & 1 == 1;
    let id = view.u32(tkhd.body + if version == 1 { 20 } else { 12 })?;
    let media_scale = find(view, mdia, *b"mdhd", steps).and_then(|mdhd| scale(view, mdhd));
    let (codec, protection) = sample_entry(view, mdia, steps).unwrap_or_default();
    let edit = match (movie_scale, media_scale) {
        (Some(movie), Some(own)) => edit(view, trak, (movie, own), steps),
        _ => None,
    };
    Some(SoundTrack { id, codec, default, protection, edit })
}

/// Reads the codec word of the track's first sample entry and how it is encrypted.
fn sample_entry(view: View<'_>, mdia: Box4, steps: &mut usize) -> Option<(String, Option<String>)> {
    let minf = find(view, mdia, *b"minf", steps)?;
    let stbl = find(view, minf, *b"stbl", steps)?;
    let stsd = find(view, stbl, *b"stsd", steps)?;
    let entry = Walk { view, at: stsd.body + 8, end: stsd.end, steps }.next()?;
    let name = printable(&entry.name);
    if VENDOR_PROTECTED.contains(&entry.name) {
        return Some((name.clone(), Some(name)));
    }
    if &entry.name != b"enca" {
        return Some((name, None));
    }
    // An encrypted entry keeps the codec's word in sinf/frma and the scheme in sinf/schm, behind the
    // 28 bytes of an audio sample entry.
    let inside = Box4 { body: (entry.body + 28).min(entry.end), ..entry };
    let sinf = find(view, inside, *b"sinf", steps);
    let within = |name: [u8; 4], skip: u64, steps: &mut usize| {
        let found = find(view, sinf?, name, steps)?;
        view.text(found.body + skip, 4)
    };
    let codec = within(*b"frma", 0, steps).unwrap_or(name);
    let scheme = within(*b"schm", 4, steps).unwrap_or_else(|| "enca".to_owned());
    Some((codec, Some(scheme)))
}

/// Reads the edit list: the first edit that shows media; several of them keep only the start.
fn edit(view: View<'_>, trak: Box4, scales: (u32, u32), steps: &mut usize) -> Option<Edit> {
    let edts = find(view, trak, *b"edts", steps)?;
    let elst = find(view, edts, *b"elst", steps)?;
    let wide = view.bytes::<1>(elst.body)?[0] == 1;
    let count = view.u32(elst.body + 4)?.min(64);
    let mut shown = None;
    let mut shown_count = 0;
    for number in 0..u64::from(count) {
        let (duration, start) = if wide {
            let at = elst.body + 8 + number * 20;
            (view.u64(at)?, i64::from_be_bytes(view.bytes(at + 8)?))
        } else {
            let at = elst.body + 8 + number * 12;
            let start = i32::from_be_bytes(view.bytes(at + 4)?);
            (u64::from(view.u32(at)?), i64::from(start))
        };
        // A start of -1 is an empty edit: a pause before the sound begins.
        if start >= 0 {
            shown_count += 1;
            shown.get_or_insert((duration, start));
        }
    }
    let (duration, skip) = shown?;
    let (movie, media) = (i128::from(scales.0), i128::from(scales.1));
    let length = i64::try_from(i128::from(duration) * media / movie).ok();
    Some(Edit {
        skip,
        // Fragmented files write 0 here: their length is not known when the header is written.
        length: length.filter(|&length| length > 0 && shown_count == 1),
        precision: i64::try_from(media / movie + 1).unwrap_or(1),
    })
}
