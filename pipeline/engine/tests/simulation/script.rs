//! Scripts: what recordings hold, what stages make of them, and how their jobs must end.
//!
//! A recording is a line that tells of the whole, then a line for each chunk: what the recogniser
//! does with it, how often, and how long that takes in milliseconds.

use crate::dice::Dice;

/// What is in a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) head: Head,
    pub(crate) lines: Vec<Line>,
}

/// What the head makes of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// It cuts it into chunks.
    Fine,
    /// It cannot read it.
    Undecodable,
    /// It finds no sound.
    NoAudio,
    /// It fails so many times, for a reason of its own.
    Fails(u32),
}

/// One chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) verb: Verb,
    /// How often the verb applies before the chunk is recognised.
    pub(crate) times: u32,
    /// How long the recogniser takes, in milliseconds.
    pub(crate) takes: u32,
}

/// What the recogniser does with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// It recognises it.
    Hear,
    /// It fails.
    Fail,
    /// It panics.
    Panic,
    /// It lacks its device.
    Away,
    /// It refuses the chunk, always.
    Refuse,
}

/// All verbs with their words; their places here are their numbers in samples.
const VERBS: [(Verb, &str); 5] = [
    (Verb::Hear, "hear"),
    (Verb::Fail, "fail"),
    (Verb::Panic, "panic"),
    (Verb::Away, "away"),
    (Verb::Refuse, "refuse"),
];

impl Script {
    /// Draws a recording.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let head = match dice.between(0, 19) {
            0 => Head::Undecodable,
            1 => Head::NoAudio,
            2 => Head::Fails(1),
            3 => Head::Fails(3),
            _ => Head::Fine,
        };
        let is_clean = dice.in_thousand(600);
        let count = dice.between(0, 6);
        let lines = (0..count).map(|_| Line::draw(dice, is_clean)).collect();
        Self { head, lines }
    }

    /// Writes the recording.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let head = match self.head {
            Head::Fine => "fine 0".to_owned(),
            Head::Undecodable => "undecodable 0".to_owned(),
            Head::NoAudio => "no-audio 0".to_owned(),
            Head::Fails(times) => format!("fails {times}"),
        };
        let line = |line: &Line| {
            let (_, word) = VERBS.iter().find(|(verb, _)| *verb == line.verb).expect("all listed");
            format!("\n{word} {} {}", line.times, line.takes)
        };
        let lines: String = self.lines.iter().map(line).collect();
        (head + &lines).into_bytes()
    }

    /// Reads a recording.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.lines();
        let head = match lines.next()?.split_once(' ')? {
            ("fine", _) => Head::Fine,
            ("undecodable", _) => Head::Undecodable,
            ("no-audio", _) => Head::NoAudio,
            ("fails", times) => Head::Fails(times.parse().ok()?),
            _ => return None,
        };
        let lines = lines.map(Line::parse).collect::<Option<_>>()?;
        Some(Self { head, lines })
    }

    /// Returns how many chunks there are.
    pub(crate) fn chunks(&self) -> u32 {
        u32::try_from(self.lines.len()).expect("scripts are short")
    }

    /// Returns whether nothing in the recording itself is an obstacle.
    pub(crate) fn is_clean(&self) -> bool {
        self.head == Head::Fine
            && self.lines.iter().all(|line| matches!(line.verb, Verb::Hear | Verb::Away))
    }

    /// Returns whether the head refuses the recording for good.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.head, Head::Undecodable | Head::NoAudio)
    }
}

impl Line {
    fn draw(dice: &mut Dice, is_clean: bool) -> Self {
        let verb = if is_clean || dice.in_thousand(600) {
            Verb::Hear
        } else {
            dice.pick(&[Verb::Fail, Verb::Panic, Verb::Away, Verb::Refuse])
        };
        let takes = if dice.in_thousand(150) { dice.between(8_000, 25_000) } else { 0 };
        let takes = takes + dice.between(100, 3_000);
        let number = |n: u64| u32::try_from(n).expect("they are small");
        Self { verb, times: number(dice.between(1, 3)), takes: number(takes) }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let word = words.next()?;
        let (verb, _) = VERBS.iter().find(|(_, known)| *known == word)?;
        let mut number = || words.next()?.parse().ok();
        Some(Self { verb: *verb, times: number()?, takes: number()? })
    }

    /// Writes the line as the samples of its chunk, exactly.
    #[expect(clippy::cast_precision_loss, reason = "the numbers are far below 2^24")]
    pub(crate) fn samples(&self) -> Vec<f32> {
        let place = VERBS.iter().position(|(verb, _)| *verb == self.verb).expect("all listed");
        vec![place as f32, self.times as f32, self.takes as f32]
    }

    /// Reads the line of a chunk.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the samples were whole numbers"
    )]
    pub(crate) fn of(samples: &[f32]) -> Option<Self> {
        let [place, times, takes] = samples else { return None };
        let (verb, _) = VERBS.get(*place as usize)?;
        Some(Self { verb: *verb, times: *times as u32, takes: *takes as u32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_back_as_it_was_written() {
        let mut dice = Dice::new(1);
        for _ in 0..200 {
            let script = Script::draw(&mut dice);
            assert_eq!(Script::parse(&script.bytes()).as_ref(), Some(&script));
            let again = script.lines.iter().map(|line| Line::of(&line.samples()));
            assert!(again.eq(script.lines.iter().copied().map(Some)));
        }
        assert_eq!(Script::parse(b"fine 0\nshout 1 2"), None);
    }
}
