//! Pages of Ogg and their checksums: a damaged page with a wrong one is thrown away by every reader
//! before anything in it is looked at.
//!
//! Numbers of sections are those of RFC 3533.

use std::ops::Range;

/// What a page begins with (§6).
const MAGIC: &[u8; 4] = b"OggS";
/// Length of a page's header without its table of segments.
const HEADER: usize = 27;
/// Where its checksum stands.
const CHECKSUM: Range<usize> = 22..26;

/// Makes a page of one packet that is shorter than 255 bytes.
pub(crate) fn page(flags: u8, granule: u64, number: u32, packet: &[u8]) -> Vec<u8> {
    let mut page = Vec::from(*MAGIC);
    page.extend([0, flags]);
    page.extend(granule.to_le_bytes());
    page.extend(7_u32.to_le_bytes());
    page.extend(number.to_le_bytes());
    page.extend([0; 4]);
    page.extend([1, u8::try_from(packet.len()).unwrap()]);
    page.extend(packet);
    mend(&mut page);
    page
}

/// Gives every page that is still whole the checksum of what it holds.
pub(crate) fn mend(file: &mut [u8]) {
    let mut at = 0;
    while let Some(skip) = file.get(at..).and_then(|rest| rest.windows(4).position(|w| w == MAGIC))
    {
        at += skip;
        let Some(length) = length(&file[at..]) else { return };
        let page = &mut file[at..at + length];
        page[CHECKSUM].fill(0);
        let checksum = checksum(page);
        page[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        at += length;
    }
}

/// Returns the length of the page at the beginning, when it is there whole.
fn length(page: &[u8]) -> Option<usize> {
    let segments = usize::from(*page.get(HEADER - 1)?);
    let table = page.get(HEADER..HEADER + segments)?;
    let length = HEADER + segments + table.iter().map(|size| usize::from(*size)).sum::<usize>();
    (length <= page.len()).then_some(length)
}

/// The checksum of a page: a CRC of 32 bits, highest bit first, that begins with 0.
fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| {
            if crc >> 31 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 }
        })
    })
}

#[test]
fn pages_of_a_real_file_have_the_checksums_that_we_make() {
    let file = std::fs::read(scribed_tests::audio::path("containers/opus.ogg")).unwrap();
    let mut mended = file.clone();
    mended[CHECKSUM].fill(0);
    mend(&mut mended);
    assert!(mended == file);
}
