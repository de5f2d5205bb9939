//! The rules of captions, held against many generated transcripts; and what its neighbours' tests
//! build their words with.

use scribed_plugin::{prelude::*, testing};
use serde_json::json;

use crate::{
    RenderCaptions,
    token::{self, Token},
};

/// Makes a word at 1,000 Hz, so that frames are milliseconds.
pub(crate) fn word(text: &str, start: i64, end: i64) -> Word {
    Word { text: text.to_owned(), start, end, probability: 0.9 }
}

/// Makes a segment at 1,000 Hz.
pub(crate) fn segment(text: &str, start: i64, end: i64, words: &[Word]) -> Segment {
    Segment {
        start,
        end,
        text: text.to_owned(),
        words: words.to_vec(),
        avg_log_prob: -0.2,
        no_speech_prob: 0.0,
        temperature: 0.0,
        flags: Vec::new(),
    }
}

/// Makes tokens of words with times in milliseconds.
pub(crate) fn timed(words: &[(&str, u64, u64)]) -> Vec<Token> {
    let frame = |ms: u64| i64::try_from(ms).expect("a test is short");
    let words: Vec<Word> = words.iter().map(|(t, s, e)| word(t, frame(*s), frame(*e))).collect();
    let mut chunk = Segments::empty(0, 1_000, 0, 0);
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    chunk.segments = vec![segment(&texts.join(" "), 0, 0, &words)];
    let mut tokens = Vec::new();
    token::append(&mut tokens, &chunk, 42);
    tokens
}

/// Makes tokens of a text without times.
pub(crate) fn tokens_of(text: &str, max_chars: usize) -> Vec<Token> {
    let mut chunk = Segments::empty(0, 1_000, 0, 10_000);
    chunk.segments = vec![segment(text, 0, 10_000, &[])];
    let mut tokens = Vec::new();
    token::append(&mut tokens, &chunk, max_chars);
    tokens
}

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The upper half is the better one.
        let half = u32::try_from(self.0 >> 32).expect("32 bits");
        half % limit
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        let count = u32::try_from(things.len()).expect("few");
        things[self.below(count) as usize]
    }
}

/// How a generated person speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// As people do.
    Calm,
    /// Hundreds of words a second, as hallucinations are.
    Frantic,
    /// With times that overlap, stand still or go back, no words, odd characters, endless words.
    Broken,
}

/// Makes a transcript of some chunks; returns it with its words in order.
fn generate(seed: u64, manner: Manner) -> (Vec<Segments>, Vec<Word>) {
    let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9).wrapping_add(1));
    let rate = numbers.pick(&[8_000, 16_000, 22_050, 44_100, 48_000]);
    let mut at = i64::from(numbers.below(rate * 3));
    let (mut chunks, mut all) = (Vec::new(), Vec::new());
    for number in 0..=numbers.below(4) {
        let mut chunk = Segments::empty(number, rate, at, at);
        for _ in 0..numbers.below(6) {
            let start = at;
            let count = 1 + numbers.below(18);
            let words: Vec<Word> = (0..count)
                .map(|place| generate_word(&mut numbers, manner, rate, &mut at, place + 1 == count))
                .collect();
            let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            let kept =
                if manner == Manner::Broken && numbers.chance(40) { &[][..] } else { &words };
            chunk.segments.push(segment(&texts.join(" "), start, at, kept));
            all.extend(words);
            if numbers.chance(30) {
                at += i64::from(numbers.below(rate * 4));
            }
        }
        chunk.end = at;
        chunks.push(chunk);
    }
    (chunks, all)
}

fn generate_word(n: &mut Numbers, manner: Manner, rate: u32, at: &mut i64, last: bool) -> Word {
    let letters = match manner {
        Manner::Broken if n.chance(5) => 43 + n.below(200),
        _ => 1 + n.below(12),
    };
    let alphabet: Vec<char> = match manner {
        Manner::Broken => "aé漢😀&<>-\"'{}1".chars().collect(),
        _ => "aeinorst".chars().collect(),
    };
    let mut text: String = (0..letters).map(|_| n.pick(&alphabet)).collect();
    if manner == Manner::Broken && n.chance(10) {
        text.push_str("-->");
    }
    if last {
        text.push('.');
    } else if n.chance(12) {
        text.push(',');
    }
    let ms = |ms: u32| i64::from(ms) * i64::from(rate) / 1_000;
    let (gap, length) = match manner {
        Manner::Calm => (ms(n.below(120)), ms(250 + n.below(400))),
        Manner::Frantic => (0, ms(n.below(12))),
        Manner::Broken => (ms(n.below(400)) - ms(250), ms(n.below(900))),
    };
    let start = *at + gap;
    *at =
        if manner == Manner::Broken { (start + length).max(*at - ms(100)) } else { start + length };
    Word { text, start, end: *at, probability: 0.5 }
}

/// A cue as a player reads it.
#[derive(Debug)]
struct Shown {
    start_ms: u64,
    end_ms: u64,
    lines: Vec<String>,
}

fn render(format: &str, chunks: Vec<Segments>) -> Vec<Shown> {
    let run = testing::run::<RenderCaptions>(json!({ "format": format }), chunks)
        .expect("every transcript renders");
    let [document] = run.items.as_slice() else { panic!("one document: {:?}", run.items) };
    assert_eq!(document.extension, format);
    let text = String::from_utf8(document.bytes.clone()).expect("captions are UTF-8");
    match format {
        "srt" => read_srt(&text),
        "vtt" => read_vtt(&text),
        _ => read_ttml(&text),
    }
}

fn read_srt(text: &str) -> Vec<Shown> {
    let blocks = text.split_terminator("\n\n").enumerate();
    let shown = blocks.map(|(at, block)| {
        let (number, rest) = block.split_once('\n').expect("a number line");
        assert_eq!(number, (at + 1).to_string());
        read_cue(rest, ',')
    });
    shown.collect()
}

fn read_vtt(text: &str) -> Vec<Shown> {
    let body = text.strip_prefix("WEBVTT\n\n").expect("the header");
    let blocks = body.split_terminator("\n\n").filter(|block| !block.starts_with("NOTE "));
    let mut shown: Vec<Shown> = blocks.map(|block| read_cue(block, '.')).collect();
    for line in shown.iter_mut().flat_map(|cue| &mut cue.lines) {
        assert!(!line.contains(['<', '>']), "{line} has markup");
        *line = line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    }
    shown
}

fn read_ttml(text: &str) -> Vec<Shown> {
    let body = text.split_once("<div>\n").and_then(|(_, rest)| rest.split_once("    </div>"));
    let (body, _) = body.expect("one division");
    let shown = body.lines().map(|line| {
        let cue = line.strip_prefix("      <p begin=\"").and_then(|line| line.strip_suffix("</p>"));
        let (start, rest) = cue.and_then(|cue| cue.split_once("\" end=\"")).expect("times");
        let (end, text) = rest.split_once("\">").expect("a text");
        let line = |line: &str| {
            assert!(!line.contains(['<', '>']), "{line} has markup");
            line.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        };
        let lines = text.split("<br/>").map(line).collect();
        Shown { start_ms: read_clock(start, '.'), end_ms: read_clock(end, '.'), lines }
    });
    shown.collect()
}

fn read_cue(block: &str, mark: char) -> Shown {
    let (times, text) = block.split_once('\n').expect("a time line");
    let (start, end) = times.split_once(" --> ").expect("an arrow");
    assert!(!text.contains("-->"), "{text} can be taken for a time line");
    let lines = text.lines().map(str::to_owned).collect();
    Shown { start_ms: read_clock(start, mark), end_ms: read_clock(end, mark), lines }
}

fn read_clock(text: &str, mark: char) -> u64 {
    let (clock, ms) = text.split_once(mark).expect("thousandths");
    let numbers: Vec<u64> = clock.split(':').map(|part| part.parse().expect("a number")).collect();
    let [hours, minutes, secs] = numbers[..] else { panic!("{text} is no time") };
    ((hours * 60 + minutes) * 60 + secs) * 1_000 + ms.parse::<u64>().expect("a number")
}

/// Holds every rule that a cue must keep, whatever was said.
#[track_caller]
fn check_rules(cues: &[Shown], case: &str) {
    let mut free_ms = 0;
    for cue in cues {
        assert!(cue.start_ms >= free_ms, "{case}: {cue:?} overlaps the one before it");
        assert!(cue.end_ms >= cue.start_ms + 1_000, "{case}: {cue:?} is too short");
        assert!(cue.end_ms <= cue.start_ms + 7_000, "{case}: {cue:?} is too long");
        assert!((1..=2).contains(&cue.lines.len()), "{case}: {cue:?} has too many lines");
        for line in &cue.lines {
            assert!((1..=42).contains(&line.chars().count()), "{case}: {line:?} does not fit");
            assert_eq!(line.trim(), line, "{case}: blanks around a line");
        }
        free_ms = cue.end_ms;
    }
}

/// Returns all text without blanks.
fn letters<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.flat_map(str::chars).filter(|letter| !letter.is_whitespace()).collect()
}

#[test]
fn every_transcript_becomes_readable_captions_with_all_its_text() {
    for seed in 0..150 {
        for manner in [Manner::Calm, Manner::Frantic, Manner::Broken] {
            let (chunks, words) = generate(seed, manner);
            let case = format!("{manner:?} {seed}");
            let spoken = letters(words.iter().map(|word| word.text.as_str()));

            for format in ["vtt", "ttml"] {
                let shown = render(format, chunks.clone());
                check_rules(&shown, &case);
                let said = letters(shown.iter().flat_map(|c| &c.lines).map(String::as_str));
                assert_eq!(said, spoken, "{case} as {format}");
            }

            let shown = render("srt", chunks);
            check_rules(&shown, &case);
            let said = letters(shown.iter().flat_map(|c| &c.lines).map(String::as_str));
            // An arrow may be cut by a line end, and is then left as it is.
            assert_eq!(said.replace('→', "-->"), spoken, "{case}");
        }
    }
}

#[test]
fn cues_are_cut_between_words_and_shown_with_them() {
    for seed in 0..150 {
        let (chunks, words) = generate(seed, Manner::Calm);
        let rate = chunks[0].sample_rate;
        let ms = |frame: i64| frame * 1_000 / i64::from(rate);
        let mut words = words.iter();
        for cue in render("vtt", chunks) {
            let shown: Vec<&str> = cue.lines.iter().flat_map(|line| line.split(' ')).collect();
            let spoken: Vec<&Word> = words.by_ref().take(shown.len()).collect();
            let texts: Vec<&str> = spoken.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(shown, texts, "seed {seed}");
            let early = ms(spoken[0].start) - cue.start_ms.cast_signed();
            assert!((-1..=500).contains(&early), "seed {seed}: {cue:?} is {early} ms early");
            let gone = ms(spoken[spoken.len() - 1].end) - cue.end_ms.cast_signed();
            assert!(gone <= 0, "seed {seed}: {cue:?} goes {gone} ms before its last word ends");
        }
        assert_eq!(words.next(), None, "seed {seed}");
    }
}

#[test]
fn calm_speech_is_rarely_cut_inside_a_phrase() {
    let (mut cues, mut torn) = (0, 0);
    for seed in 0..150 {
        for cue in render("srt", generate(seed, Manner::Calm).0) {
            cues += 1;
            let last = cue.lines.last().expect("a line");
            torn += usize::from(!last.ends_with(['.', ',']));
        }
    }
    assert!(torn * 4 < cues, "{torn} of {cues} cues end inside a phrase");
}

#[test]
fn captions_of_two_sentences_read_as_expected() {
    let words = [
        word("Good", 500, 700),
        word("morning,", 700, 1_200),
        word("everybody.", 1_250, 1_900),
        word("The", 2_600, 2_700),
        word("train", 2_700, 3_100),
        word("to", 3_100, 3_200),
        word("the", 3_200, 3_300),
        word("northern", 3_300, 3_800),
        word("harbour", 3_800, 4_300),
        word("is", 4_300, 4_500),
        word("late.", 4_500, 5_000),
    ];
    let mut chunk = Segments::empty(0, 1_000, 500, 5_000);
    let first = segment("Good morning, everybody.", 500, 1_900, &words[..3]);
    let text = "The train to the northern harbour is late.";
    chunk.segments = vec![first, segment(text, 2_600, 5_000, &words[3..])];
    let run = testing::run::<RenderCaptions>(json!({}), [chunk]).expect("it renders");
    let expected = "1\n00:00:00,500 --> 00:00:01,900\nGood morning, everybody.\n\n\
                    2\n00:00:02,600 --> 00:00:05,000\nThe train to the northern harbour is late.\n\n";
    assert_eq!(String::from_utf8_lossy(&run.items[0].bytes), expected);
    assert_eq!(run.items[0].media_type, "application/x-subrip");
}
