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

/// A pause between segments is looked for so many hops around where the model has it: 400 ms.
const REACH: usize = 40;

/// Shorter pauses are those inside words, before plosives: 80 ms.
const SHORTEST_PAUSE: usize = 8;

/// Shorter sounds are clicks: 30 ms.
const SHORTEST_SOUND: usize = 3;

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

    /// Places words between two samples.
    ///
    /// Returns one pair of samples for each word, in order, without overlap, inside the bounds.
    pub(crate) fn place(
        &self,
        words: &[&str],
        (start, end): (usize, usize),
    ) -> Vec<(usize, usize)> {
        if words.is_empty() {
            return Vec::new();
        }
        let first = (start.div_ceil(HOP)).min(self.levels.len());
        let last = (end / HOP).clamp(first, self.levels.len());
        let speech = self.speech((first, last));
        let (first, last) = speech.trimmed((first, last));
        if last < first + words.len() {
            return squeezed(words.len(), start.max(first * HOP), end);
        }
        let borders = self.borders(words, (first, last), &speech);
        let mut placed = Vec::with_capacity(words.len());
        let mut from = first;
        for border in borders.into_iter().chain([last]) {
            let (first, last) = speech.trimmed((from, border));
            placed.push(((first * HOP).max(start), (last * HOP).min(end)));
            from = border;
        }
        placed
    }

    /// Returns where one segment ends and the next starts, given where the model says so.
    ///
    /// The model is a little off, and a rest of the sentence before would be taken for the first
    /// word of the next; so the longest pause around is looked for.
    pub(crate) fn pause(
        &self,
        (end, start): (usize, usize),
        within: (usize, usize),
    ) -> (usize, usize) {
        let (end, start) = (end.min(start) / HOP, start.max(end).div_ceil(HOP));
        let from = end.saturating_sub(REACH).max(within.0.div_ceil(HOP));
        let to = (start + REACH).min(within.1 / HOP).max(from);
        let speech = self.speech((from, to));
        if let Some((first, last)) = speech.longest_pause() {
            return (first * HOP, last * HOP);
        }
        let quietest = self.quietest(usize::midpoint(end, start), (from, to)) * HOP;
        (quietest, quietest)
    }

    fn level(&self, hop: usize) -> f32 {
        self.levels.get(hop).copied().unwrap_or(-100.0)
    }

    /// Tells speech from pauses in a stretch.
    fn speech(&self, (from, to): Hops) -> Speech {
        let levels = self.levels.get(from..to).unwrap_or_default();
        let mut sorted = levels.to_vec();
        sorted.sort_by(f32::total_cmp);
        let loudest = sorted.last().copied().unwrap_or(0.0);
        let quiet = sorted.get(sorted.len() / 10).copied().unwrap_or(-100.0);
        let threshold = (quiet + CLEARANCE_DB).max(loudest - DEPTH_DB).min(loudest);
        let mut loud: Vec<bool> = levels.iter().map(|level| *level >= threshold).collect();
        // A click is not speech.
        for run in loud.chunk_by_mut(|a, b| a == b) {
            if run.len() < SHORTEST_SOUND {
                run.fill(false);
            }
        }
        Speech { from, loud }
    }

    /// Returns the borders between words.
    #[expect(clippy::cast_precision_loss, reason = "a chunk has 3,000 hops")]
    fn borders(&self, words: &[&str], (start, end): Hops, speech: &Speech) -> Vec<usize> {
        let weights: Vec<f32> = words.iter().map(|word| weight(word)).collect();
        let whole: f32 = weights.iter().sum();
        let speech: Vec<usize> = (start..end).filter(|hop| speech.at(*hop)).collect();
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
            let level = f32::midpoint(self.level(hop), self.level(hop.saturating_sub(1)));
            level + SNAP_COST_DB * hop.abs_diff(guess) as f32
        };
        (from..=to).min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap_or(guess)
    }
}

/// Which hops of a stretch are speech.
struct Speech {
    from: usize,
    loud: Vec<bool>,
}

impl Speech {
    fn at(&self, hop: usize) -> bool {
        hop.checked_sub(self.from).and_then(|index| self.loud.get(index)).is_some_and(|loud| *loud)
    }

    /// Cuts silence off both ends of a run, if anything is left of it.
    fn trimmed(&self, (start, end): Hops) -> Hops {
        let first = (start..end).find(|hop| self.at(*hop));
        let last = (start..end).rfind(|hop| self.at(*hop));
        first.zip(last).map_or((start, end), |(first, last)| (first, last + 1))
    }

    /// Returns the longest pause that is long enough to lie between sentences.
    fn longest_pause(&self) -> Option<Hops> {
        let mut best: Option<Hops> = None;
        let mut at = self.from;
        for run in self.loud.chunk_by(|a, b| a == b) {
            let length = best.map_or(SHORTEST_PAUSE - 1, |(first, last)| last - first);
            if run.first() == Some(&false) && run.len() > length {
                best = Some((at, at + run.len()));
            }
            at += run.len();
        }
        best
    }
}

/// Returns the likely length of a word, in letters. Two letters for one sound count once.
fn weight(word: &str) -> f32 {
    let count = |kind: fn(char) -> bool| {
        let count = word.chars().filter(|c| kind(*c)).count();
        f32::from(u16::try_from(count).unwrap_or(u16::MAX))
    };
    let mut before = ' ';
    let mut shared = 0.0;
    for letter in word.chars().flat_map(char::to_lowercase) {
        let one_sound = matches!((before, letter), ('t' | 's' | 'c' | 'p' | 'w', 'h') | ('c', 'k'));
        if one_sound || (letter == before && letter.is_alphabetic()) {
            shared += 1.0;
        }
        before = letter;
    }
    let letters = count(char::is_alphanumeric) - shared;
    let pause = word.ends_with(['.', ',', '?', '!', ';', ':', '。', '、']);
    letters
        + LETTERS_MORE
        + LETTERS_PER_DIGIT * count(char::is_numeric)
        + if pause { LETTERS_BEFORE_PAUSE } else { 0.0 }
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
