//! WAV, AIFF and CAF: chunks with a name and a size, whose first ones tell what the samples are.

use super::{Bomb, bomb};

/// Samples that are really there, in bytes.
const SAMPLES: usize = 400;

/// What the format chunk of a WAV file says.
#[derive(Clone, Copy)]
struct Format {
    tag: u16,
    channels: u16,
    rate: u32,
    /// Bytes of a block: one sample of each channel, or what a codec packs together.
    block: u16,
    bits: u16,
}

/// PCM as every program writes it.
const PLAIN: Format = Format { tag: 1, channels: 1, rate: 16_000, block: 2, bits: 16 };

/// Makes a WAV file whose sizes are what they are said to be.
fn wav(format: Format, riff: u32, more: &[u8], data: u32) -> Vec<u8> {
    let Format { tag, channels, rate, block, bits } = format;
    let mut file = [b"RIFF", &riff.to_le_bytes()[..], b"WAVEfmt ", &18_u32.to_le_bytes()].concat();
    file.extend([tag.to_le_bytes(), channels.to_le_bytes()].concat());
    file.extend([rate.to_le_bytes(), rate.saturating_mul(u32::from(block)).to_le_bytes()].concat());
    file.extend([block.to_le_bytes(), bits.to_le_bytes(), [0; 2]].concat());
    file.extend(more);
    file.extend([b"data", &data.to_le_bytes()[..]].concat());
    file.extend([0; SAMPLES]);
    file
}

pub(super) fn wavs() -> Vec<Bomb> {
    let of = |format: Format| wav(format, u32::MAX, &[], u32::MAX);
    let long_list = [b"LIST", &0xffff_fff0_u32.to_le_bytes()[..], b"INFOIART\xff\xff\xff\x7f"];
    let real_sizes = [&[0xff; 8][..], &[0xff; 8], &[0xff; 8], &[0xff; 4]].concat();
    let mut long_file = [b"ds64", &28_u32.to_le_bytes()[..], &real_sizes].concat();
    long_file.extend([0; 8]);
    let mut long_wave = wav(PLAIN, u32::MAX, &long_file, u32::MAX);
    long_wave[..4].copy_from_slice(b"RF64");
    vec![
        bomb("sizes-ffffffff.wav", of(PLAIN)),
        bomb("riff-size-0.wav", wav(PLAIN, 0, &[], 0)),
        bomb("riff-size-negative.wav", wav(PLAIN, 1 << 31, &[], 1 << 31)),
        bomb("ds64-of-ff.wav", long_wave),
        bomb("list-of-4-gb.wav", wav(PLAIN, u32::MAX, &long_list.concat(), u32::MAX)),
        bomb("rate-0.wav", of(Format { rate: 0, ..PLAIN })),
        bomb("rate-1.wav", of(Format { rate: 1, ..PLAIN })),
        bomb("rate-4-ghz.wav", of(Format { rate: u32::MAX, ..PLAIN })),
        bomb("channels-0.wav", of(Format { channels: 0, ..PLAIN })),
        bomb("channels-65535.wav", of(Format { channels: u16::MAX, ..PLAIN })),
        bomb("block-0.wav", of(Format { block: 0, ..PLAIN })),
        bomb("block-65535.wav", of(Format { block: u16::MAX, ..PLAIN })),
        bomb("bits-65535.wav", of(Format { bits: u16::MAX, ..PLAIN })),
        bomb("ms-adpcm-block-0.wav", of(Format { tag: 2, block: 0, bits: 4, ..PLAIN })),
        bomb("ima-adpcm-block-65535.wav", of(Format { tag: 17, block: 65_535, bits: 4, ..PLAIN })),
    ]
}

/// Makes an AIFF file; its rate is a number of 80 bits.
fn aiff(frames: u32, rate: &[u8; 10], channels: u16, size: u32) -> Vec<u8> {
    let mut file = [b"FORM", &size.to_be_bytes()[..], b"AIFFCOMM", &18_u32.to_be_bytes()].concat();
    file.extend(channels.to_be_bytes());
    file.extend(frames.to_be_bytes());
    file.extend(16_u16.to_be_bytes());
    file.extend(rate);
    file.extend([b"SSND", &size.to_be_bytes()[..], &[0; 8]].concat());
    file.extend([0; SAMPLES]);
    file
}

pub(super) fn aiffs() -> Vec<Bomb> {
    let plain = b"\x40\x0c\xfa\0\0\0\0\0\0\0";
    vec![
        bomb("sizes-ffffffff.aiff", aiff(u32::MAX, plain, 1, u32::MAX)),
        bomb("sizes-7fffffff.aiff", aiff(1 << 31, plain, 1, u32::MAX >> 1)),
        bomb("rate-of-2-to-16383.aiff", aiff(u32::MAX, &[0x7f; 10], 1, u32::MAX)),
        bomb("rate-no-number.aiff", aiff(u32::MAX, &[0xff; 10], 1, u32::MAX)),
        bomb("rate-0.aiff", aiff(u32::MAX, &[0; 10], 1, u32::MAX)),
        bomb("channels-65535.aiff", aiff(u32::MAX, plain, u16::MAX, u32::MAX)),
    ]
}

/// What the description of a CAF file says.
#[derive(Clone, Copy)]
struct Description {
    rate: f64,
    format: [u8; 4],
    packet: u32,
    frames: u32,
    channels: u32,
}

/// Makes a CAF file with more chunks before its samples.
fn caf(description: Description, more: &[u8], data: i64) -> Vec<u8> {
    let Description { rate, format, packet, frames, channels } = description;
    let mut file = [b"caff\0\x01\0\0desc", &32_i64.to_be_bytes()[..]].concat();
    file.extend(rate.to_be_bytes());
    file.extend(format);
    for number in [0, packet, frames, channels, 16] {
        file.extend(number.to_be_bytes());
    }
    file.extend(more);
    file.extend([b"data", &data.to_be_bytes()[..], &[0; 4]].concat());
    file.extend([0; SAMPLES]);
    file
}

pub(super) fn cafs() -> Vec<Bomb> {
    let plain =
        Description { rate: 16_000.0, format: *b"lpcm", packet: 2, frames: 1, channels: 1 };
    let packed = Description { format: *b"alac", packet: 0, frames: 0, ..plain };
    let chunk = |name: &[u8; 4], size: i64| [&name[..], &size.to_be_bytes()].concat();
    let many = [i64::MAX / 2, i64::MAX, 0].map(i64::to_be_bytes).concat();
    let packets = [chunk(b"pakt", i64::MAX), many.clone(), vec![0xff; 64]].concat();
    let few_bytes = [chunk(b"pakt", 24 + 64), many, vec![0xff; 64]].concat();
    vec![
        bomb("data-2-to-62.caf", caf(plain, &[], 1 << 62)),
        bomb("data-negative.caf", caf(plain, &[], -2)),
        bomb("packets-2-to-62.caf", caf(packed, &packets, -1)),
        bomb("packets-in-64-bytes.caf", caf(packed, &few_bytes, -1)),
        bomb("cookie-2-to-60.caf", caf(packed, &chunk(b"kuki", 1 << 60), -1)),
        bomb("cookie-16-gb.caf", caf(packed, &chunk(b"kuki", 1 << 34), -1)),
        bomb("rate-no-number.caf", caf(Description { rate: f64::NAN, ..plain }, &[], -1)),
        bomb("rate-1e300.caf", caf(Description { rate: 1e300, ..plain }, &[], -1)),
        bomb("packet-0.caf", caf(Description { packet: 0, ..plain }, &[], -1)),
        bomb("packet-4-gb.caf", caf(Description { packet: u32::MAX, ..plain }, &[], -1)),
        bomb("frames-4-g.caf", caf(Description { frames: u32::MAX, ..plain }, &[], -1)),
        bomb("channels-4-g.caf", caf(Description { channels: u32::MAX, ..plain }, &[], -1)),
    ]
}
