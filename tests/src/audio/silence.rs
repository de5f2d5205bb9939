//! Silence of any length as FLAC: in a small file, whose frames say "all samples are zero", or in one
//! of the size of a recording, which writes each of them.
//!
//! Numbers of sections are those of RFC 9639.

/// Samples of a frame: the most that every decoder must take (§8.2).
const BLOCK: u64 = 65_535;

/// Rate of the file, in Hz.
const RATE: u64 = 16_000;

/// Makes a small FLAC file of so many seconds of silence, 16 kHz mono.
pub fn flac(seconds: u64) -> Vec<u8> {
    // A constant subframe and its one sample (§9.2.2).
    file(seconds, |_| vec![0, 0, 0])
}

/// Makes the same of 32,000 bytes a second.
pub fn large_flac(seconds: u64) -> Vec<u8> {
    // A verbatim subframe (§9.2.3) and all its samples.
    file(seconds, |samples| {
        let mut subframe = vec![0x02];
        subframe.extend((0..samples).flat_map(|_| [0, 0]));
        subframe
    })
}

/// Makes a file whose frames hold the subframes of so many samples each.
fn file(seconds: u64, subframe: impl Fn(u64) -> Vec<u8>) -> Vec<u8> {
    let samples = seconds * RATE;
    let mut file = Vec::from(*b"fLaC");
    file.extend(stream_info(samples));
    let mut done = 0;
    while done < samples {
        let block = BLOCK.min(samples - done);
        file.extend(frame(done / BLOCK, block, &subframe(block)));
        done += block;
    }
    file
}

/// The one metadata block that there must be (§8.2).
fn stream_info(samples: u64) -> Vec<u8> {
    // Last block, type 0, 34 bytes.
    let mut block = vec![0x80, 0, 0, 34];
    // Smallest and largest block; the last frame of a file may be smaller.
    block.extend([0xff; 4]);
    // Frame sizes are not known.
    block.extend([0; 6]);
    // 20 bits of rate, 3 of channels - 1, 5 of bits - 1, 36 of length.
    let packed = (RATE << 44) | (15 << 36) | samples;
    block.extend(packed.to_be_bytes());
    // No checksum of the samples.
    block.extend([0; 16]);
    block
}

/// One frame (§9).
fn frame(number: u64, samples: u64, subframe: &[u8]) -> Vec<u8> {
    // Fixed block size; its length follows in 16 bits; 16 kHz; mono, 16 bits.
    let mut frame = vec![0xff, 0xf8, 0x75, 0x08];
    frame.extend(coded(number));
    frame.extend(&(samples - 1).to_be_bytes()[6..]);
    frame.push(crc8(&frame));
    frame.extend(subframe);
    let crc = crc16(&frame);
    frame.extend(crc.to_be_bytes());
    frame
}

/// Writes a number as UTF-8 writes a character (§9.1.5).
fn coded(number: u64) -> Vec<u8> {
    let scalar = u32::try_from(number).ok().and_then(char::from_u32);
    let scalar = scalar.expect("a day of silence has fewer frames than the first gap of Unicode");
    scalar.to_string().into_bytes()
}

/// Checks a frame's header (§9.1.8): x^8 + x^2 + x + 1.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { (crc << 1) ^ 0x07 })
    })
}

/// Checks a frame (§9.3): x^16 + x^15 + x^2 + 1.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        let crc = crc ^ (u16::from(*byte) << 8);
        (0..8).fold(crc, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x8005 })
    })
}
