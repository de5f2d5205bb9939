//! Recordings of noise whose text is known: the words of the recogniser `org.scribed.test.recogniser`
//! follow from the samples, and are computed here once more, by its definition alone.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use crate::audio::{RATE, wav};
use crate::build;

/// Samples of a chunk: 100 ms.
const WINDOW: usize = RATE / 10;
/// Chunks of each recording.
pub const CHUNKS: usize = 20;
/// Words of a chunk.
const WORDS_OF_A_CHUNK: usize = 16;
/// The alphabet of the recogniser, one word for each value of four bits.
const WORDS: &str = "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa";

/// Numbers that look random and are the same for the same seed (xorshift64*).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Begins with a seed of its own, or that of `SCRIBED_TESTS_SEED`; prints it.
    pub fn printed(test: &str) -> Self {
        let named = std::env::var("SCRIBED_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = named.unwrap_or_else(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            since.map_or(1, |since| u64::from(since.subsec_nanos()))
        });
        // Past the test harness, which would keep it to itself.
        let line = format!("{test}: SCRIBED_TESTS_SEED={seed}\n");
        std::io::stderr().lock().write_all(line.as_bytes()).expect("standard error is open");
        Self::new(seed)
    }

    /// Returns the next number.
    #[expect(clippy::should_implement_trait, reason = "there is no end, and nothing to iterate")]
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a number below a limit.
    pub fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).expect("sizes fit into 64 bits");
        usize::try_from(self.next() % limit).expect("it is below a size")
    }

    /// Returns a time below so many milliseconds.
    pub fn millis(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.next() % limit)
    }
}

/// Makes a recording of its own for each seed, and the text of each of its chunks.
pub fn recording(seed: u64) -> (Vec<u8>, Vec<String>) {
    recording_of(seed, CHUNKS)
}

/// Makes such a recording of so many chunks.
pub fn recording_of(seed: u64, chunks: usize) -> (Vec<u8>, Vec<String>) {
    let mut random = Random::new(seed);
    let sample = |_| {
        let [low, high, ..] = random.next().to_le_bytes();
        i16::from_le_bytes([low, high])
    };
    let samples: Vec<i16> = (0..WINDOW * chunks).map(sample).collect();
    (wav(&samples), samples.chunks(WINDOW).map(words).collect())
}

/// Returns the words of a chunk: FNV-1a of its samples, four bits a word, highest first.
fn words(samples: &[i16]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in samples.iter().flat_map(|sample| sample.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let digits = format!("{hash:016x}");
    let word = |digit: char| WORDS.split(' ').nth(digit.to_digit(16)? as usize);
    digits.chars().filter_map(word).collect::<Vec<_>>().join(" ")
}

/// Returns the part of a configuration that names the deterministic recogniser, which takes so long for
/// a chunk.
pub fn pipeline(delay: Duration) -> String {
    let library = build::library("deterministic");
    format!(
        r#"
[plugins]
folders = ["{}"]
[[pipelines]]
name = "default"
stages = [
    {{ use = "org.scribed.decode" }},
    {{ use = "org.scribed.resample" }},
    {{ use = "org.scribed.test.cutter", config = {{ window_ms = 100 }} }},
    {{ use = "org.scribed.test.recogniser", config = {{ delay_ms = {} }} }},
    {{ use = "org.scribed.render-text", format = "txt" }},
]
"#,
        library.display(),
        delay.as_millis()
    )
}

/// Counts in a log how often each text was recognised.
pub fn count_work(log: &str, worked: &mut BTreeMap<String, usize>) {
    for line in log.lines() {
        let Some((_, rest)) = line.split_once("recognised chunk ") else { continue };
        let Some((_, text)) = rest.split_once(": ") else { continue };
        let text = text.split_whitespace().take(WORDS_OF_A_CHUNK).collect::<Vec<_>>().join(" ");
        *worked.entry(text).or_default() += 1;
    }
}
