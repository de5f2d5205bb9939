//! From samples to words: the same samples give the same words on every host and in every attempt.
//!
//! ```text
//! samples → 16-bit integers → FNV-1a, 64 bits → 16 words, one for each four bits, highest first
//! ```

/// One word for each value of four bits.
const WORDS: [&str; 16] = [
    "alfa", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett",
    "kilo", "lima", "mike", "november", "oscar", "papa",
];
/// The offset basis of FNV-1a with 64 bits.
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
/// Its prime.
const PRIME: u64 = 0x0100_0000_01b3;
/// What a 16-bit sample is divided by to become one in [-1, 1].
const FULL_SCALE: f32 = 32_768.0;

/// Returns the words of some samples.
pub fn words_of(samples: &[f32]) -> String {
    let bytes = samples.iter().flat_map(|sample| integer(*sample).to_le_bytes());
    let hash = bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    let word = |shift: u32| WORDS[usize::from((hash >> shift).to_le_bytes()[0] & 0xf)];
    (0..16).rev().map(|place| word(place * 4)).collect::<Vec<_>>().join(" ")
}

/// Returns the 16-bit sample that a decoder made this one of.
#[expect(clippy::cast_possible_truncation, reason = "held within the range before")]
fn integer(sample: f32) -> i16 {
    (sample * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_changes_the_words() {
        let quiet = words_of(&[0.0; 160]);
        let mut other = [0.0; 160];
        other[159] = 1.0 / FULL_SCALE;
        assert_eq!(quiet.split(' ').count(), 16);
        assert_eq!(quiet, words_of(&[0.0; 160]));
        assert_ne!(quiet, words_of(&other));
    }

    #[test]
    fn the_empty_sound_is_the_basis() {
        // 0xcbf29ce484222325, digit by digit.
        let basis = "mike lima papa charlie juliett mike oscar echo india echo charlie charlie \
                     charlie delta charlie foxtrot";
        assert_eq!(words_of(&[]), basis);
    }
}
