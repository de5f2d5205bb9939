//! Recordings of noise whose text is known: the words of the recogniser `org.scribed.test.recogniser`
//! follow from the samples, and are computed here once more, by its definition alone.

use scribed_tests::audio::{RATE, wav};

/// Samples of a chunk: 100 ms.
const WINDOW: usize = RATE / 10;
/// Chunks of each recording.
pub(crate) const CHUNKS: usize = 20;
/// The alphabet of the recogniser, one word for each value of four bits.
const WORDS: &str = "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa";

/// Numbers that look random and are the same for the same seed (xorshift64*).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Begins with a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Begins with a seed of its own, or that of `SCRIBED_TESTS_SEED`; prints it.
    pub(crate) fn printed(test: &str) -> Self {
        let named = std::env::var("SCRIBED_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = named.unwrap_or_else(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            since.map_or(1, |since| u64::from(since.subsec_nanos()))
        });
        crate::say(&format!("{test}: SCRIBED_TESTS_SEED={seed}"));
        Self::new(seed)
    }

    /// Returns the next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a number below a limit.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// Makes a recording of its own for each seed, and the text of each of its chunks.
pub(crate) fn recording(seed: u64) -> (Vec<u8>, Vec<String>) {
    let mut random = Random::new(seed);
    let sample = |_| i16::from_le_bytes(random.next().to_le_bytes()[..2].try_into().unwrap());
    let samples: Vec<i16> = (0..WINDOW * CHUNKS).map(sample).collect();
    (wav(&samples), samples.chunks(WINDOW).map(words).collect())
}

/// Returns the words of a chunk: FNV-1a of its samples, four bits a word, highest first.
fn words(samples: &[i16]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in samples.iter().flat_map(|sample| sample.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let digits = format!("{hash:016x}");
    let word = |digit: char| WORDS.split(' ').nth(digit.to_digit(16).unwrap() as usize).unwrap();
    digits.chars().map(word).collect::<Vec<_>>().join(" ")
}
