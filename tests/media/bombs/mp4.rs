//! MP4: boxes in boxes, and tables with a count before their entries.
//!
//! Layouts are those of ISO/IEC 14496-12.

use super::{Bomb, bomb};

/// Rate of the sound, in Hz.
const RATE: u32 = 4_000;
/// Samples of one byte that are really there: the shortest recording that is taken.
const SAMPLES: u32 = 400;
/// How deep boxes stand in each other, as deep as a kilobyte takes.
const DEPTH: usize = 90;

/// Makes a box.
fn atom(name: [u8; 4], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(8 + body.len()).unwrap();
    [&size.to_be_bytes()[..], &name, body].concat()
}

/// Makes the body of a table: version and flags, then these numbers.
fn table(numbers: &[u32]) -> Vec<u8> {
    let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
    [0; 4].into_iter().chain(numbers).collect()
}

/// Makes zeros with a number at a place.
fn zeros(length: usize, at: usize, numbers: &[u32]) -> Vec<u8> {
    let mut body = vec![0; length];
    for (place, number) in body[at..].chunks_exact_mut(4).zip(numbers) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    body
}

/// What the tables of a track say.
struct Tables {
    /// Durations of samples: how many of which.
    times: Vec<u32>,
    sizes: Vec<u32>,
    chunks: Vec<u32>,
    offsets: Vec<u32>,
    edits: Vec<u32>,
    /// What the samples are.
    entry: Vec<u8>,
    /// Length of the track.
    ticks: u32,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            times: vec![1, SAMPLES, 1],
            sizes: vec![1, SAMPLES],
            chunks: vec![1, 1, SAMPLES, 1],
            offsets: vec![1, 28],
            edits: vec![1, SAMPLES, 0, 0x1_0000],
            entry: sound(),
            ticks: SAMPLES,
        }
    }
}

/// Says that samples are sound of 8 bits.
fn sound() -> Vec<u8> {
    let mut entry = zeros(28, 0, &[0, 1, 0, 0]);
    entry[16..20].copy_from_slice(&[0, 1, 0, 8]);
    entry[24..28].copy_from_slice(&(RATE << 16).to_be_bytes());
    atom(*b"raw ", &entry)
}

/// Says that samples are pictures, made by a program whose name claims so many bytes of the 31 there are.
fn pictures(name: u8) -> Vec<u8> {
    let mut entry = zeros(78, 0, &[0, 1]);
    entry[42] = name;
    atom(*b"avc1", &entry)
}

/// Makes a file with one track, whose samples stand before the index.
fn mp4(tables: &Tables) -> Vec<u8> {
    let description = [table(&[1]), tables.entry.clone()].concat();
    let samples = [
        atom(*b"stsd", &description),
        atom(*b"stts", &table(&tables.times)),
        atom(*b"stsc", &table(&tables.chunks)),
        atom(*b"stsz", &table(&tables.sizes)),
        atom(*b"stco", &table(&tables.offsets)),
    ];
    let information = [atom(*b"smhd", &[0; 8]), atom(*b"stbl", &samples.concat())];
    let mut handler = zeros(25, 0, &[]);
    handler[8..12].copy_from_slice(b"soun");
    let media = [
        atom(*b"mdhd", &zeros(24, 12, &[RATE, tables.ticks])),
        atom(*b"hdlr", &handler),
        atom(*b"minf", &information.concat()),
    ];
    let track = [
        atom(*b"tkhd", &zeros(84, 0, &[7, 0, 0, 1, 0, tables.ticks])),
        atom(*b"edts", &atom(*b"elst", &table(&tables.edits))),
        atom(*b"mdia", &media.concat()),
    ];
    let movie = [
        atom(*b"mvhd", &zeros(100, 12, &[RATE, tables.ticks, 0x1_0000])),
        atom(*b"trak", &track.concat()),
    ];
    let samples = atom(*b"mdat", &[0x80; SAMPLES as usize]);
    [brand(), samples, atom(*b"moov", &movie.concat())].concat()
}

fn brand() -> Vec<u8> {
    atom(*b"ftyp", b"isom\0\0\x02\0isom")
}

pub(super) fn mp4s() -> Vec<Bomb> {
    let most = u32::MAX;
    let plain = Tables::default;
    let days = Tables {
        times: vec![1, most, 1],
        sizes: vec![1, most],
        chunks: vec![1, 1, most, 1],
        ticks: most,
        edits: vec![1, most, 0, 0x1_0000],
        ..plain()
    };
    let nested = (0..DEPTH).fold(Vec::new(), |inside, _| atom(*b"moov", &inside));
    let huge = [&1_u32.to_be_bytes()[..], b"moov", &(u64::MAX >> 1).to_be_bytes(), &[0; 64]];
    let tags = [&0x7fff_ffff_u32.to_be_bytes()[..], b"\xa9nam", &[0xff; 32]].concat();
    let tags = atom(*b"meta", &[vec![0; 4], atom(*b"ilst", &tags)].concat());
    let tags = atom(*b"moov", &atom(*b"udta", &tags));
    vec![
        bomb("plain.mp4", mp4(&plain())),
        bomb("298-hours.mp4", mp4(&days)),
        bomb("stts-count.mp4", mp4(&Tables { times: vec![most, SAMPLES, 1], ..plain() })),
        bomb("stts-samples.mp4", mp4(&Tables { times: vec![1, most, most], ..plain() })),
        bomb("stsz-count.mp4", mp4(&Tables { sizes: vec![0, most, 1, 1], ..plain() })),
        bomb("stsz-samples-of-4-gb.mp4", mp4(&Tables { sizes: vec![most, most], ..plain() })),
        bomb("stsz-samples-of-0.mp4", mp4(&Tables { sizes: vec![0, 0], ..plain() })),
        bomb("stsc-count.mp4", mp4(&Tables { chunks: vec![most, 1, SAMPLES, 1], ..plain() })),
        bomb("stsc-samples.mp4", mp4(&Tables { chunks: vec![1, 1, most, 1], ..plain() })),
        bomb("stco-count.mp4", mp4(&Tables { offsets: vec![most, 28], ..plain() })),
        bomb("stco-beyond.mp4", mp4(&Tables { offsets: vec![1, most], ..plain() })),
        bomb("elst-count.mp4", mp4(&Tables { edits: vec![most, most, 0, 1], ..plain() })),
        bomb("elst-skips-all.mp4", mp4(&Tables { edits: vec![1, 1, most >> 1, 1], ..plain() })),
        // 497: a panic over a name of a program, and one over a brand.
        bomb("pictures-by-128-letters.mp4", mp4(&Tables { entry: pictures(128), ..plain() })),
        bomb("brand-no-text.mp4", atom(*b"ftyp", &[0xff; 12])),
        bomb("nested-90-deep.mp4", [brand(), nested].concat()),
        bomb("moov-of-2-to-63.mp4", [brand(), huge.concat()].concat()),
        bomb("name-of-2-gb.mp4", [brand(), tags].concat()),
    ]
}
