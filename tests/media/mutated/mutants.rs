//! The mutations: what disks, networks, faulty programs and people with bad intent make of a recording.

use std::ops::Range;

use crate::dice::Dice;
use crate::ogg;

/// A recording as it was made.
#[derive(Debug)]
pub(super) struct Original {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// A damaged recording.
#[derive(Debug)]
pub(super) struct Mutant {
    /// Which it is, and what was done to which recording.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// Whether nothing was done to it after all.
    pub(super) unharmed: bool,
}

/// Damages a recording; others are there to take pieces of.
type Mutation = fn(&mut Dice, Vec<u8>, &[Original]) -> Vec<u8>;

/// Every mutation.
const MUTATIONS: [(&str, Mutation); 15] = [
    ("flipped bits", flipped_bits),
    ("flipped bits", flipped_bits),
    ("end cut off", end_cut_off),
    ("head cut off", head_cut_off),
    ("range cut out", range_cut_out),
    ("range filled", range_filled),
    ("range repeated", range_repeated),
    ("ranges swapped", ranges_swapped),
    ("size that lies", size_that_lies),
    ("size that lies", size_that_lies),
    ("number that lies", number_that_lies),
    ("body of another", body_of_another),
    ("piece of another", piece_of_another),
    ("junk put in", junk_put_in),
    ("junk", junk),
];

/// One in so many recordings stays as it was.
const UNHARMED: usize = 10;
/// Bytes at the beginning that are damaged most often, since the headers are there.
const HEAD: usize = 1024;
/// Bytes at the end that are damaged often, since some files have an index there.
const TAIL: usize = 4096;
/// Most bytes of a repeated range, so that damaged files stay small.
const REPEATED: usize = 20_000;
/// Most bytes of junk.
const JUNK: usize = 20_000;

/// What recordings begin with.
const BEGINNINGS: [&[u8]; 12] = [
    b"",
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data",
    b"FORM\0\0\x40\0AIFFCOMM\0\0\0\x12\0\x01",
    b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20\x40\xcf\x40\0\0\0\0\0lpcm",
    b"fLaC\x80\0\0\x22\x10\0\x10\0",
    b"OggS\0\x02\0\0\0\0\0\0\0\0",
    b"\x1a\x45\xdf\xa3\x84\x42\x86\x81\x01\x18\x53\x80\x67",
    b"\0\0\0\x10ftypisom\0\0\x02\0\0\0\x40\0moov",
    b"\xff\xfb\x90\x64",
    b"\xff\xf1\x50\x80\x10\x1f\xfc",
    b"ID3\x04\0\0\0\0\x10\0",
    b"ID3\x03\0\x40\0\0\x10\0",
];

/// Ids of Matroska's elements, each of which has a size behind it.
const ELEMENTS: [&[u8]; 12] = [
    b"\x1a\x45\xdf\xa3",
    b"\x18\x53\x80\x67",
    b"\x11\x4d\x9b\x74",
    b"\x15\x49\xa9\x66",
    b"\x16\x54\xae\x6b",
    b"\x1f\x43\xb6\x75",
    b"\x1c\x53\xbb\x6b",
    b"\x12\x54\xc3\x67",
    b"\x63\xa2",
    b"\x42\x82",
    b"\xa3",
    b"\xae",
];

/// Makes the recording of a number, always the same.
pub(super) fn mutant(seed: u64, number: usize, originals: &[Original]) -> Mutant {
    let mut dice = Dice::new(seed ^ u64::try_from(number).unwrap().wrapping_mul(0x5851_f42d));
    let original = &originals[number % originals.len()];
    let mut bytes = original.bytes.clone();
    let mut done = Vec::new();
    if !number.is_multiple_of(UNHARMED) {
        // One alone or several on top of each other.
        for _ in 0..dice.of(&[1, 1, 1, 2, 4]) {
            let (name, mutate) = dice.of(&MUTATIONS);
            bytes = mutate(&mut dice, bytes, originals);
            done.push(name);
        }
        if dice.below(4) > 0 {
            ogg::mend(&mut bytes);
        }
    }
    let unharmed = bytes == original.bytes;
    let done = if unharmed { "nothing".to_owned() } else { done.join(", ") };
    Mutant { name: format!("{number}: {}: {done}", original.name), bytes, unharmed }
}

/// Chooses a place, most often one in the head or the tail.
fn place(dice: &mut Dice, bytes: &[u8]) -> usize {
    let length = bytes.len();
    match dice.below(4) {
        0 | 1 => dice.below(length.min(HEAD)),
        2 => length - length.min(TAIL) + dice.below(length.min(TAIL)),
        _ => dice.below(length),
    }
}

/// Chooses a range, more often a short one; of nothing it is empty.
fn range(dice: &mut Dice, bytes: &[u8], most: usize) -> Range<usize> {
    let begin = place(dice, bytes);
    begin..begin + dice.length((bytes.len() - begin).min(most))
}

fn flipped_bits(dice: &mut Dice, mut bytes: Vec<u8>, _: &[Original]) -> Vec<u8> {
    for _ in 0..=dice.length(64) {
        let at = place(dice, &bytes);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << dice.below(8);
        }
    }
    bytes
}

fn end_cut_off(dice: &mut Dice, mut bytes: Vec<u8>, _: &[Original]) -> Vec<u8> {
    bytes.truncate(place(dice, &bytes));
    bytes
}

fn head_cut_off(dice: &mut Dice, mut bytes: Vec<u8>, _: &[Original]) -> Vec<u8> {
    bytes.drain(..place(dice, &bytes));
    bytes
}

fn range_cut_out(dice: &mut Dice, mut bytes: Vec<u8>, _: &[Original]) -> Vec<u8> {
    bytes.drain(range(dice, &bytes, usize::MAX));
    bytes
}

fn range_filled(dice: &mut Dice, mut bytes: Vec<u8>, _: &[Original]) -> Vec<u8> {
    let range = range(dice, &bytes, usize::MAX);
    bytes[range].fill(dice.of(&[0x00, 0x00, 0xff, 0x7f, 0x80]));
    bytes
}

fn range_repeated(dice: &mut Dice, mut bytes: Vec<u8>, _: &[Original]) -> Vec<u8> {
    let range = range(dice, &bytes, REPEATED);
    let times = if range.len() > HEAD { 1 } else { 1 + dice.below(20) };
    let repeated = bytes[range.clone()].repeat(times);
    bytes.splice(range.end..range.end, repeated);
    bytes
}

fn ranges_swapped(dice: &mut Dice, mut bytes: Vec<u8>, _: &[Original]) -> Vec<u8> {
    let (one, other) = (range(dice, &bytes, usize::MAX), place(dice, &bytes));
    let moved: Vec<u8> = bytes.drain(one).collect();
    let other = other.min(bytes.len());
    bytes.splice(other..other, moved);
    bytes
}

/// Makes a number near a name or an id of the container huge, nothing or negative.
fn size_that_lies(dice: &mut Dice, mut bytes: Vec<u8>, _: &[Original]) -> Vec<u8> {
    let marks = marks(&bytes);
    if marks.is_empty() {
        return bytes;
    }
    let (mark, length) = dice.of(&marks);
    let is_element = is_matroska(&bytes);
    let at = if is_element {
        Some(mark + length)
    } else {
        // Before it in MP4, behind it in all others, and the numbers that follow.
        let offset = dice.of(&[-4, -4, -4, 4, 4, 4, 6, 8, 12, 14, 16, 18, 20, 22, 24, 26]);
        mark.checked_add_signed(offset)
    };
    if let Some(at) = at {
        let value = if is_element { element_size(dice) } else { extreme(dice) };
        write(&mut bytes, at, &value);
    }
    bytes
}

/// Makes any number extreme, most often one of the headers.
fn number_that_lies(dice: &mut Dice, mut bytes: Vec<u8>, _: &[Original]) -> Vec<u8> {
    let at = place(dice, &bytes);
    write(&mut bytes, at - at % dice.of(&[1, 2, 4]), &extreme(dice));
    bytes
}

fn write(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// Makes a number of one to eight bytes that programs do not reckon with.
fn extreme(dice: &mut Dice) -> Vec<u8> {
    let width = dice.of(&[1, 2, 3, 4, 4, 4, 8]);
    let top = 1_u64 << (width * 8 - 1);
    let any = dice.next();
    let small = u64::from(any.to_le_bytes()[0]);
    let value = dice.of(&[
        0,
        1,
        small,
        u64::MAX,
        u64::MAX - 1,
        u64::MAX - small,
        top,
        top - 1,
        top.wrapping_sub(small),
        top >> 1,
        any,
    ]);
    let bytes = value.to_be_bytes();
    let mut number = bytes[8 - width..].to_vec();
    if dice.below(2) == 0 {
        number.reverse();
    }
    number
}

/// Makes a size as Matroska writes it: unknown, nothing, huge, or of one to four bytes.
fn element_size(dice: &mut Dice) -> Vec<u8> {
    let junk = dice.bytes(3);
    dice.of(&[
        &b"\x01\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\x01\xff\xff\xff\xff\xff\xff\xfe",
        b"\x01\x00\x00\xff\xff\xff\xff\xff",
        b"\x08\xff\xff\xff\xff",
        b"\x1f\xff\xff\xfe",
        b"\x01\x00\x00\x00\x00\x00\x00\x00",
        b"\x80",
        b"\x81",
        b"\xff",
        b"\x00",
        &[0x10, junk[0], junk[1], junk[2]],
        &[0x40, junk[0]],
        &[0x80 | junk[0]],
    ])
    .to_vec()
}

fn is_matroska(bytes: &[u8]) -> bool {
    bytes.starts_with(ELEMENTS[0])
}

/// Finds names of four letters, and ids of Matroska's elements, in head and tail.
fn marks(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut marks = Vec::new();
    let head = 0..bytes.len().min(4 * HEAD);
    let tail = head.end.max(bytes.len().saturating_sub(TAIL))..bytes.len();
    let is_matroska = is_matroska(bytes);
    for at in head.chain(tail) {
        let rest = &bytes[at..];
        if is_matroska {
            let element = ELEMENTS.iter().find(|id| rest.starts_with(id));
            marks.extend(element.map(|id| (at, id.len())));
        } else if let Some(name) = rest.get(..4) {
            let is_name = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ');
            marks.extend(is_name.then_some((at, 4)));
        }
    }
    marks
}

fn body_of_another(dice: &mut Dice, mut bytes: Vec<u8>, others: &[Original]) -> Vec<u8> {
    let other = &others[dice.below(others.len())].bytes;
    let head = dice.below(bytes.len().min(4 * HEAD) + 1);
    bytes.truncate(head);
    let anywhere = dice.below(other.len());
    let body = dice.of(&[head, anywhere, 0]).min(other.len());
    bytes.extend(&other[body..]);
    bytes
}

fn piece_of_another(dice: &mut Dice, mut bytes: Vec<u8>, others: &[Original]) -> Vec<u8> {
    let other = &others[dice.below(others.len())].bytes;
    let piece = other[range(dice, other, REPEATED)].to_vec();
    let at = place(dice, &bytes);
    // In the place of as much, or between what is there.
    let replaced = dice.of(&[0, piece.len()]).min(bytes.len() - at);
    bytes.splice(at..at + replaced, piece);
    bytes
}

fn junk_put_in(dice: &mut Dice, mut bytes: Vec<u8>, _: &[Original]) -> Vec<u8> {
    let length = dice.length(JUNK);
    let (at, junk) = (place(dice, &bytes), dice.bytes(length));
    let replaced = dice.of(&[0, length]).min(bytes.len() - at);
    bytes.splice(at..at + replaced, junk);
    bytes
}

/// Replaces everything, but for what recordings begin with.
fn junk(dice: &mut Dice, _: Vec<u8>, _: &[Original]) -> Vec<u8> {
    let mut bytes = dice.of(&BEGINNINGS).to_vec();
    let length = dice.length(JUNK);
    bytes.extend(dice.bytes(length));
    bytes
}
