//! When each word of a segment was said.
//!
//! The model tells when a segment starts and ends, not its words. Inside, speech is found by its
//! loudness, the time of speech is shared out by the words' likely lengths, and each border is moved
//! to the quietest place nearby. Pauses therefore fall between words, not into them.

/// Samples between two levels: 10 ms.
pub(crate) const HOP: usize = 160;

/// Words are taken to last as long as their letters and a little more; on the recordings of the demo
/// model a letter lasts 67 ms.
const LETTERS_MORE: f32 = 0.3;

/// The pause that a sign announces draws its word out by so many letters (100 ms there).
const LETTERS_BEFORE_PAUSE: f32 = 1.5;

/// A digit is spoken as a word of so many letters more.
const LETTERS_PER_DIGIT: f32 = 3.0;

/// Speech is less than this below the loudest sound of its segment, in dB.
const DEPTH_DB: f32 = 35.0;

/// And at least this above the quietest tenth of it, in dB.
const CLEARANCE_DB: f32 = 4.0;

/// A segment's bounds are moved outwards over speech by at most so many hops: 200 ms.
const REACH: usize = 20;

/// A border between words is moved by at most so many hops: 80 ms.
const SNAP: usize = 8;

/// Moving a border by one hop has to win so much, in dB.
const SNAP_COST_DB: f32 = 0.6;

/// Loudness of a chunk, one level each 10 ms.
#[derive(Debug)]
pub(crate) struct Loudness {
    levels: Vec<f32>,
}

/// A run of hops, the second exclusive.
type Hops = (usize, usize);

impl Loudness {
    /// Measures a chunk.
    #[expect(clippy::cast_precision_loss, reason = "at most 480 samples")]
    pub(crate) fn of(samples: &[f32]) -> Self {
        let count = samples.len().div_ceil(HOP);
        let level = |hop: usize| {
            // 30 ms around the hop, so that the periods of a low voice do not show.
            let from = (hop * HOP).saturating_sub(HOP);
            let window = samples.get(from..samples.len().min(hop * HOP + 2 * HOP));
            let window = window.unwrap_or_default();
            let mut last = window.first().copied().unwrap_or(0.0);
            let mut power = 0.0_f32;
            for &sample in window {
                // As in the vad stage: highs raised, so that consonants count.
                let raised = sample - 0.7 * last;
                last = sample;
                power += raised * raised;
            }
            10.0 * (power / window.len().max(1) as f32 + 1e-10).log10()
        };
        Self { levels: (0..count).map(level).collect() }
    }

    /// Places words between two samples; neither `earliest` nor `latest` is passed.
    ///
    /// Returns one pair of samples for each word, in order, without overlap.
    pub(crate) fn place(
        &self,
        words: &[&str],
        (start, end): (usize, usize),
        (earliest, latest): (usize, usize),
    ) -> Vec<(usize, usize)> {
        if words.is_empty() {
            return Vec::new();
        }
        let earliest_hop = earliest.div_ceil(HOP);
        let latest_hop = (latest / HOP).min(self.levels.len()).max(earliest_hop);
        let start = (start / HOP).clamp(earliest_hop, latest_hop);
        let end = end.div_ceil(HOP).clamp(start, latest_hop);
        let threshold = self.threshold(start, end);
        let (start, end) = self.bounds((start, end), (earliest_hop, latest_hop), threshold);
        if end < start + words.len() {
            return squeezed(words.len(), (start * HOP).max(earliest), (end * HOP).min(latest));
        }
        let borders = self.borders(words, (start, end), threshold);
        let mut placed = Vec::with_capacity(words.len());
        let mut from = start;
        for border in borders.into_iter().chain([end]) {
            let (first, last) = self.trimmed((from, border), threshold);
            placed.push(((first * HOP).max(earliest), (last * HOP).min(latest)));
            from = border;
        }
        placed
    }

    fn level(&self, hop: usize) -> f32 {
        self.levels.get(hop).copied().unwrap_or(-100.0)
    }

    /// Returns the level that tells speech from pauses in a stretch.
    fn threshold(&self, start: usize, end: usize) -> f32 {
        let mut levels = self.levels.get(start..end).unwrap_or_default().to_vec();
        levels.sort_by(f32::total_cmp);
        let loudest = levels.last().copied().unwrap_or(0.0);
        let quiet = levels.get(levels.len() / 10).copied().unwrap_or(-100.0);
        (quiet + CLEARANCE_DB).max(loudest - DEPTH_DB).min(loudest)
    }

    /// Trims silence off a segment, or reaches out to speech that goes on beyond it.
    fn bounds(&self, (start, end): Hops, (earliest, latest): Hops, threshold: f32) -> Hops {
        let speech = |hop: usize| self.level(hop) >= threshold;
        let (mut from, mut to) = (start, end);
        if speech(from) {
            while from > earliest && start - from < REACH && speech(from - 1) {
                from -= 1;
            }
        }
        if to > from && speech(to - 1) {
            while to < latest && to - end < REACH && speech(to) {
                to += 1;
            }
        }
        self.trimmed((from, to), threshold)
    }

    /// Returns the borders between words.
    #[expect(clippy::cast_precision_loss, reason = "a chunk has 3,000 hops")]
    fn borders(&self, words: &[&str], (start, end): Hops, threshold: f32) -> Vec<usize> {
        let weights: Vec<f32> = words.iter().map(|word| weight(word)).collect();
        let whole: f32 = weights.iter().sum();
        let speech: Vec<usize> = (start..end).filter(|hop| self.level(*hop) >= threshold).collect();
        let mut borders = Vec::with_capacity(words.len());
        let mut said = 0.0;
        let mut last = start;
        for (index, weight) in weights.iter().enumerate().take(words.len() - 1) {
            said += weight;
            let share = nearest(said / whole * speech.len() as f32);
            let guess = speech.get(share).copied().unwrap_or(end);
            let left = words.len() - 1 - index;
            let lowest = last + 1;
            let highest = (end - left).max(lowest);
            let border = self.quietest(guess.clamp(lowest, highest), (lowest, highest));
            borders.push(border);
            last = border;
        }
        borders
    }

    /// Returns the quietest hop near a guess.
    #[expect(clippy::cast_precision_loss, reason = "at most eight")]
    fn quietest(&self, guess: usize, (lowest, highest): Hops) -> usize {
        let from = guess.saturating_sub(SNAP).max(lowest);
        let to = (guess + SNAP).min(highest);
        let cost = |hop: usize| {
            let level = (self.level(hop) + self.level(hop.saturating_sub(1))) / 2.0;
            level + SNAP_COST_DB * hop.abs_diff(guess) as f32
        };
        (from..=to).min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap_or(guess)
    }

    /// Cuts silence off both ends of a run, if anything is left of it.
    fn trimmed(&self, (start, end): Hops, threshold: f32) -> Hops {
        let speech = |hop: &usize| self.level(*hop) >= threshold;
        let first = (start..end).find(speech);
        let last = (start..end).rfind(speech);
        first.zip(last).map_or((start, end), |(first, last)| (first, last + 1))
    }
}

/// Returns the likely length of a word, in letters.
fn weight(word: &str) -> f32 {
    let count = |kind: fn(char) -> bool| {
        let count = word.chars().filter(|c| kind(*c)).count();
        f32::from(u16::try_from(count).unwrap_or(u16::MAX))
    };
    let letters = count(char::is_alphanumeric) + LETTERS_PER_DIGIT * count(char::is_numeric);
    let pause = word.ends_with(['.', ',', '?', '!', ';', ':', '。', '、']);
    letters + LETTERS_MORE + if pause { LETTERS_BEFORE_PAUSE } else { 0.0 }
}

/// More words than hops: they share the time evenly.
fn squeezed(count: usize, start: usize, end: usize) -> Vec<(usize, usize)> {
    let (start, end) = (start.min(end), end.max(start));
    let at = |index: usize| start + (end - start) * index / count.max(1);
    (0..count).map(|index| (at(index), at(index + 1))).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the hops of a chunk"
)]
fn nearest(value: f32) -> usize {
    value.round().max(0.0) as usize
}
