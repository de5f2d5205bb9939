//! FLAC, Ogg, MP3 and ADTS, and the tags before and behind them.

use scribed_tests::audio::silence;

use super::{Bomb, bomb};
use crate::ogg::page;

/// Where the length of a FLAC file stands: the last 36 bits of its first block's first 18 bytes.
const FLAC_LENGTH: usize = 8 + 13;

/// Returns a FLAC file with another length in its header.
fn flac_of(mut file: Vec<u8>, samples: u64) -> Vec<u8> {
    let length = samples.to_be_bytes();
    file[FLAC_LENGTH] = file[FLAC_LENGTH] & 0xf0 | length[3] & 0x0f;
    file[FLAC_LENGTH + 1..FLAC_LENGTH + 5].copy_from_slice(&length[4..]);
    file
}

/// Makes a FLAC file with another block before its sound.
fn flac_with(kind: u8, size: u32, body: &[u8]) -> Vec<u8> {
    let mut file = silence::flac(1);
    // Its first block is no longer the last one.
    file[4] = 0;
    let head = [&[0x80 | kind][..], &size.to_be_bytes()[1..], body].concat();
    file.splice(42..42, head);
    file
}

pub(super) fn flacs() -> Vec<Bomb> {
    let huge = 0xff_ffff;
    let picture = [&[0, 0, 0, 3][..], &[0xff; 4], b"image/png", &[0xff; 40]].concat();
    let comments = [&[0xff; 4][..], &[0; 12]].concat();
    let many_comments = [&[0; 4][..], &[0xff; 4], &[0; 56]].concat();
    let rate_1 = {
        let mut file = flac_of(silence::flac(1), (1 << 36) - 1);
        file[18..21].copy_from_slice(&[0, 0, 0x10]);
        file
    };
    vec![
        bomb("samples-2-to-36.flac", flac_of(silence::flac(1), (1 << 36) - 1)),
        bomb("samples-2-to-36-at-1-hz.flac", rate_1),
        bomb("block-16-mb.flac", flac_with(2, huge, &[0; 64])),
        bomb("picture-4-gb.flac", flac_with(6, huge, &picture)),
        bomb("comment-4-gb.flac", flac_with(4, huge, &comments)),
        bomb("comments-4-g.flac", flac_with(4, 64, &many_comments)),
        bomb("seek-points-16-mb.flac", flac_with(3, huge, &[0xff; 64])),
        bomb("sheet-16-mb.flac", flac_with(5, huge, &[0xff; 200])),
    ]
}

/// Makes the pages of an Opus stream with these positions of its packets, 20 ms of silence each.
fn opus(granules: &[u64]) -> Vec<u8> {
    let head = b"OpusHead\x01\x01\0\0\x80\xbb\0\0\0\0\0";
    let tags = b"OpusTags\0\0\0\0\0\0\0\0";
    let mut file = [page(2, 0, 0, head), page(0, 0, 1, tags)].concat();
    for (number, granule) in (2..).zip(granules) {
        let last = if granules.len() + 1 == number as usize { 4 } else { 0 };
        file.extend(page(last, *granule, number, b"\xf8\xff\xfe"));
    }
    file
}

pub(super) fn oggs() -> Vec<Bomb> {
    let steps: Vec<u64> = (1..=12).map(|step| step * 960).collect();
    let jump = [&steps[..6], &[1 << 62]].concat();
    let hours = [&steps[..6], &[100 * 3600 * 48_000]].concat();
    let back = [&steps[..6], &[0, u64::MAX, 1 << 63]].concat();
    let head = b"\x01vorbis\0\0\0\0\x01\x80\x3e\0\0\0\0\0\0\0\xfa\0\0\0\0\0\0\xb8\x01";
    let comments = b"\x03vorbis\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff";
    let vorbis = [page(2, 0, 0, head), page(0, 0, 1, comments)].concat();
    let maker = b"OpusTags\xff\xff\xff\xff\0\0\0\0";
    let tags = [opus(&[])[..47].to_vec(), page(0, 0, 1, maker)].concat();
    let mut segments = opus(&steps);
    segments.extend([&b"OggS\0\0"[..], &[0xff; 8], &[7, 0, 0, 0, 14, 0, 0, 0], &[0; 4]].concat());
    segments.extend([0xff; 256]);
    vec![
        bomb("plain.ogg", opus(&steps)),
        bomb("granule-2-to-62.ogg", opus(&jump)),
        bomb("granule-100-hours.ogg", opus(&hours)),
        bomb("granule-back.ogg", opus(&back)),
        bomb("comments-4-g.ogg", vorbis),
        bomb("maker-4-gb.ogg", tags),
        bomb("segments-255.ogg", segments),
    ]
}

pub(super) fn mpegs() -> Vec<Bomb> {
    let frame = |length: usize, at: usize, body: &[u8]| {
        let mut frame = vec![0; length];
        frame[..4].copy_from_slice(b"\xff\xfb\x90\x64");
        frame[at..at + body.len()].copy_from_slice(body);
        frame
    };
    let tag = [b"Xing", &[0, 0, 0, 3][..], &[0xff; 8]].concat();
    let counted = [frame(417, 36, &tag), frame(417, 36, &[])].concat();
    let adts = |length: [u8; 3]| [&b"\xff\xf1\x60"[..], &length, b"\xfc"].concat().repeat(40);
    let id3 = |version: u8, flags: u8, body: &[u8]| {
        [b"ID3", &[version, 0, flags][..], &[0x7f; 4], body].concat()
    };
    let id3_frame = |size: [u8; 4]| [b"APIC", &size[..], &[0; 2], &[0xff; 64]].concat();
    let footer = [b"APETAGEX", &2000_u32.to_le_bytes()[..], &[0xff; 8], &[0, 0, 0, 0x80], &[0; 8]];
    let item = [&[0xff, 0xff, 0xff, 0x7f, 2, 0, 0, 0][..], b"Cover Art (Front)\0"].concat();
    let ape = [&footer.concat()[..], &item, &footer.concat()].concat();
    vec![
        bomb("frames-4-g.mp3", counted),
        bomb("frame-0.aac", adts([0x40, 0, 0x1f])),
        bomb("frame-8191.aac", adts([0x43, 0xff, 0xff])),
        bomb("tag-256-mb.mp3", id3(4, 0, &id3_frame([0x7f; 4]))),
        bomb("tag-frame-4-gb.mp3", id3(3, 0, &id3_frame([0xff; 4]))),
        bomb("tag-frame-16-mb.mp3", id3(2, 0, b"PIC\xff\xff\xff\0PNG\x03\0")),
        bomb("tag-extended.mp3", id3(3, 0x40, &[0xff; 23])),
        bomb("tag-extended-4.mp3", id3(4, 0x40, &[0x7f; 23])),
        // 485: it panicked over these restrictions of a tag.
        bomb("tag-restrictions.mp3", id3(4, 0x40, b"\0\0\0\x07\x01\x10\x01\xff")),
        bomb("tag-restrictions-64.mp3", id3(4, 0x40, b"\0\0\0\x07\x01\x10\x01\x40")),
        bomb("tag-unsynchronised.mp3", id3(4, 0x80, &[0xff; 400])),
        bomb("tag-ape-4-gb.mp3", ape),
    ]
}

/// Hours of sound in few bytes.
pub(super) fn silences() -> Vec<Bomb> {
    let hours = |hours: u64| silence::flac(hours * 3600);
    let claimed = 16_000 * 3600 * 100;
    vec![
        Bomb { most: 2 << 20, ..bomb("10-hours.flac", hours(10)) },
        Bomb { most: 2 << 20, ..bomb("60-hours-told.flac", hours(60)) },
        Bomb { most: 2 << 20, ..bomb("60-hours-not-told.flac", flac_of(hours(60), 0)) },
        Bomb { most: 2 << 20, ..bomb("60-hours-told-100.flac", flac_of(hours(60), claimed)) },
    ]
}
