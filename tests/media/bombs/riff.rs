//! WAV, AIFF and CAF: chunks with a name and a size, whose first ones tell what the samples are.

use super::{Bomb, bomb};

/// Bytes of samples that are really there, for a tenth of a second: the shortest recording that is taken.
const SAMPLES: usize = 800;
/// The value of silence in a sample of a WAV file.
const SILENCE: u8 = 0x80;

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
const PLAIN: Format = Format { tag: 1, channels: 1, rate: 8_000, block: 1, bits: 8 };

/// Makes a WAV file whose sizes are what they are said to be.
fn wav(format: Format, riff: u32, more: &[u8], data: u32) -> Vec<u8> {
    let Format { tag, channels, rate, block, bits } = format;
    let mut file = [b"RIFF", &riff.to_le_bytes()[..], b"WAVEfmt ", &18_u32.to_le_bytes()].concat();
    file.extend([tag.to_le_bytes(), channels.to_le_bytes()].concat());
    file.extend([rate.to_le_bytes(), rate.saturating_mul(u32::from(block)).to_le_bytes()].concat());
    file.extend([block.to_le_bytes(), bits.to_le_bytes(), [0; 2]].concat());
    file.extend(more);
    file.extend([b"data", &data.to_le_bytes()[..]].concat());
    file.extend([SILENCE; SAMPLES]);
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
        bomb("plain.wav", wav(PLAIN, 838, &[], 800)),
        bomb("sizes-ffffffff.wav", of(PLAIN)),
        bomb("sizes-7ffff000.wav", wav(PLAIN, 0x7fff_f026, &[], 0x7fff_f000)),
        bomb("sizes-80000000.wav", wav(PLAIN, 0x8000_0026, &[], 0x8000_0000)),
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
    let form = size.saturating_add(46);
    let mut file = [b"FORM", &form.to_be_bytes()[..], b"AIFFCOMM", &18_u32.to_be_bytes()].concat();
    file.extend(channels.to_be_bytes());
    file.extend(frames.to_be_bytes());
    file.extend(8_u16.to_be_bytes());
    file.extend(rate);
    file.extend([b"SSND", &size.to_be_bytes()[..], &[0; 8]].concat());
    file.extend([0; SAMPLES]);
    file
}

pub(super) fn aiffs() -> Vec<Bomb> {
    let (plain, most) = (b"\x40\x0b\xfa\0\0\0\0\0\0\0", u32::MAX - 99);
    vec![
        bomb("plain.aiff", aiff(800, plain, 1, 808)),
        bomb("sizes-ffffffff.aiff", aiff(u32::MAX, plain, 1, u32::MAX)),
        bomb("sizes-ffffff9c.aiff", aiff(most, plain, 1, most)),
        bomb("sizes-7fffffff.aiff", aiff(1 << 31, plain, 1, u32::MAX >> 1)),
        bomb("frames-4-g.aiff", aiff(u32::MAX, plain, 1, 808)),
        bomb("rate-of-2-to-16383.aiff", aiff(800, b"\x7f\xfe\xfa\0\0\0\0\0\0\0", 1, 808)),
        bomb("rate-no-number.aiff", aiff(800, &[0xff; 10], 1, 808)),
        bomb("rate-0.aiff", aiff(800, &[0; 10], 1, 808)),
        bomb("channels-65535.aiff", aiff(800, plain, u16::MAX, 808)),
    ]
}

/// Size of the data chunk of a CAF file: a number of edits, and the samples.
const WHOLE: i64 = 4 + 800;

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
    let plain = Description { rate: 4_000.0, format: *b"lpcm", packet: 2, frames: 1, channels: 1 };
    let packed = Description { format: *b"alac", packet: 0, frames: 0, ..plain };
    let chunk = |name: &[u8; 4], size: i64| [&name[..], &size.to_be_bytes()].concat();
    let many = [i64::MAX / 2, i64::MAX, 0].map(i64::to_be_bytes).concat();
    let packets = [chunk(b"pakt", i64::MAX), many.clone(), vec![0xff; 64]].concat();
    let few_bytes = [chunk(b"pakt", 24 + 64), many, vec![0xff; 64]].concat();
    vec![
        bomb("plain.caf", caf(plain, &[], WHOLE)),
        bomb("data-2-to-62.caf", caf(plain, &[], 1 << 62)),
        bomb("data-unknown.caf", caf(plain, &[], -1)),
        bomb("data-negative.caf", caf(plain, &[], -2)),
        // 489: a table of sizes that no memory has.
        bomb("packets-2-to-62.caf", caf(packed, &packets, WHOLE)),
        bomb("packets-in-64-bytes.caf", caf(packed, &few_bytes, WHOLE)),
        bomb("cookie-2-to-60.caf", caf(packed, &chunk(b"kuki", 1 << 60), WHOLE)),
        bomb("cookie-16-gb.caf", caf(packed, &chunk(b"kuki", 1 << 34), WHOLE)),
        bomb("rate-no-number.caf", caf(Description { rate: f64::NAN, ..plain }, &[], WHOLE)),
        bomb("rate-1e300.caf", caf(Description { rate: 1e300, ..plain }, &[], WHOLE)),
        bomb("packet-0.caf", caf(Description { packet: 0, ..plain }, &[], WHOLE)),
        bomb("packet-4-gb.caf", caf(Description { packet: u32::MAX, ..plain }, &[], WHOLE)),
        bomb("frames-4-g.caf", caf(Description { frames: u32::MAX, ..plain }, &[], WHOLE)),
        bomb("channels-4-g.caf", caf(Description { channels: u32::MAX, ..plain }, &[], WHOLE)),
    ]
}
