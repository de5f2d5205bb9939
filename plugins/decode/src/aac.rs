//! HE-AAC: the part of it that every AAC decoder understands.
//!
//! HE-AAC is an AAC-LC stream at half the rate, which holds what is below some 8 kHz, and hints for
//! guessing what is above (SBR) and how it spreads over two channels (PS). For speech the core is
//! what counts. Where a file announces the hints, the decoder refuses it; so the announcement is
//! taken away here. Layout of `AudioSpecificConfig`: ISO/IEC 14496-3 §1.6.2.1.

use symphonia::core::codecs::audio::{AudioCodecParameters, well_known::CODEC_ID_AAC};

/// Audio object types.
const LC: u32 = 2;
const SBR: u32 = 5;
const PS: u32 = 29;

/// Index that says that the rate itself follows, in 24 bits.
const RATE_FOLLOWS: u32 = 15;

/// Rates by index.
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// Returns the parameters of the core alone, if `params` announce HE-AAC.
pub(crate) fn core(params: &AudioCodecParameters) -> Option<AudioCodecParameters> {
    let announced = params.extra_data.as_deref().filter(|_| params.codec == CODEC_ID_AAC)?;
    let (config, rate) = core_config(announced)?;
    let mut params = params.clone();
    params.with_extra_data(config).with_sample_rate(rate);
    Some(params)
}

fn core_config(announced: &[u8]) -> Option<(Box<[u8]>, u32)> {
    let mut bits = Bits { bytes: announced, at: 0 };
    let mut kind = bits.take(5)?;
    let (index, rate) = rate(&mut bits)?;
    let channels = bits.take(4)?;
    if kind == SBR || kind == PS {
        self::rate(&mut bits)?;
        kind = bits.take(5)?;
    }
    // Whether a frame has 960 frames instead of 1,024.
    let short = bits.take(1)?;
    if kind != LC {
        return None;
    }
    let mut core = Writer::default();
    core.put(LC, 5);
    core.put(index, 4);
    if index == RATE_FOLLOWS {
        core.put(rate, 24);
    }
    core.put(channels, 4);
    // No core coder below, no extension.
    core.put(short << 2, 3);
    Some((core.bytes.into_boxed_slice(), rate))
}

fn rate(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    let index = bits.take(4)?;
    let rate = if index == RATE_FOLLOWS {
        bits.take(24)?
    } else {
        *RATES.get(usize::try_from(index).ok()?)?
    };
    Some((index, rate))
}

/// Reads bits, the highest of a byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |value, _| {
            let byte = *self.bytes.get(self.at / 8)?;
            let bit = byte >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }
}

/// Writes bits, the highest of a byte first.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    at: usize,
}

impl Writer {
    fn put(&mut self, value: u32, count: u32) {
        for place in (0..count).rev() {
            if self.at.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(byte) = self.bytes.last_mut() {
                let bit = u8::from(value >> place & 1 == 1);
                *byte |= bit << (7 - self.at % 8);
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_of_he_aac_is_lc_at_its_own_rate() {
        // SBR over a core of 22.05 kHz stereo, to 44.1 kHz: 00101 0111 0010 0100 00010 000 0000000.
        let announced = [0b0010_1011, 0b1001_0010, 0b0000_1000, 0];
        // LC, 22.05 kHz, stereo: 00010 0111 0010 000.
        let wanted: Box<[u8]> = Box::new([0b0001_0011, 0b1001_0000]);
        assert_eq!(core_config(&announced), Some((wanted, 22_050)));
    }

    #[test]
    fn an_announcement_behind_the_core_is_taken_away() {
        // LC, 48 kHz, mono, and the sync word of an extension.
        let announced = [0x11, 0x88, 0x56, 0xe5, 0x80];
        let wanted: Box<[u8]> = Box::new([0x11, 0x88]);
        assert_eq!(core_config(&announced), Some((wanted, 48_000)));
    }

    #[test]
    fn other_kinds_and_cut_off_ones_are_left_alone() {
        // USAC is 42, which is written as 31 and 10 in 6 bits.
        assert_eq!(core_config(&[0b1111_1001, 0b0100_1000, 0, 0, 0]), None);
        assert_eq!(core_config(&[0x12]), None);
    }
}
