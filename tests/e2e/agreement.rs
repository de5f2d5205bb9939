//! One recording and all who show its text: the same words everywhere, at the same times.
//!
//! What `scribed transcribe` writes as JSON is the measure: it has every word with its times, to the
//! millisecond. The others show fewer digits, or the times of some words only; those must be the same.

use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use reqwest::Method;
use scribed_tests::audio::recording;
use scribed_tests::client::send;
use scribed_tests::{Client, Daemon, Job, Program, say, text};
use serde_json::Value;

use crate::revai::with_key;

/// How far a time may be off that has no more than so many digits: half of the last one, and what a
/// binary fraction adds.
const MILLISECOND: f64 = 0.000_6;
const HUNDREDTH: f64 = 0.005_1;
/// How long a cue is shown at least; a longer one is shown exactly with its words.
const SHORTEST_CUE: f64 = 1.0;
/// How long before its first word a cue may come so that it stays long enough.
const LEAD: f64 = 0.5;

const BETA: &str = "/revspeech/v1beta";
const V1: &str = "/speechtotext/v1";

/// Whoever shows the text of a job.
type Reader = fn(&Shown) -> Vec<Piece>;

/// All of them. Who comes to serve another document adds a line.
const READERS: &[(&str, Reader)] = &[
    ("/transcript", pages),
    ("/transcript/export txt", |shown| plain(&shown.export("txt"))),
    ("/transcript/export doc", |shown| document(shown.export("doc"))),
    ("Rev.ai v1beta JSON", |shown| elements(&shown.revai(BETA, "transcript", REVAI_JSON))),
    ("Rev.ai v1 JSON", |shown| elements(&shown.revai(V1, "transcript", REVAI_JSON))),
    ("Rev.ai v1beta text", |shown| lines(&shown.revai(BETA, "transcript", "text/plain"))),
    ("Rev.ai v1 text", |shown| lines(&shown.revai(V1, "transcript", "text/plain"))),
    ("Rev.ai v1beta SRT", |shown| cues(&shown.revai(BETA, "captions", "application/x-subrip"))),
    ("Rev.ai v1 SRT", |shown| cues(&shown.revai(V1, "captions", "application/x-subrip"))),
    ("Rev.ai v1beta VTT", |shown| cues(&shown.revai(BETA, "captions", "text/vtt"))),
    ("Rev.ai v1 VTT", |shown| cues(&shown.revai(V1, "captions", "text/vtt"))),
    ("cielo24 transcript", |shown| plain(&shown.cielo24("get_transcript", PLAIN))),
    ("cielo24 list of words", |shown| tokens(&shown.cielo24("get_elementlist", ""))),
    ("cielo24 SRT", |shown| cues(&shown.cielo24("get_caption", "&caption_format=SRT"))),
    ("cielo24 VTT", |shown| cues(&shown.cielo24("get_caption", "&caption_format=WEB_VTT"))),
    ("scribed transcribe srt", |shown| cues(&shown.transcribe("srt"))),
    ("scribed transcribe vtt", |shown| cues(&shown.transcribe("vtt"))),
    ("scribed transcribe txt", |shown| plain(&shown.transcribe("txt"))),
];
const PLAIN: &str = "&create_paragraphs=false";
const REVAI_JSON: &str = "application/vnd.rev.transcript.v1.0+json";

/// A job that is done, and the recording that it is of.
struct Shown {
    web: Client,
    /// The same account with an API key.
    keyed: Client,
    job: Job,
    file: PathBuf,
}

impl Shown {
    fn export(&self, format: &str) -> Vec<u8> {
        self.web.export(self.job, format).status(200).body
    }

    fn revai(&self, prefix: &str, what: &str, accept: &str) -> Vec<u8> {
        let path = format!("{prefix}/jobs/{}/{what}", self.job.0);
        send(self.keyed.request(Method::GET, &path).header("Accept", accept)).status(200).body
    }

    fn cielo24(&self, what: &str, more: &str) -> Vec<u8> {
        let (token, id) = (self.keyed.token(), self.job.0);
        let path = format!("/api/job/{what}?v=1&api_token={token}&job_id={id:032x}{more}");
        self.keyed.with_token("").get(&path).status(200).body
    }

    fn transcribe(&self, format: &str) -> Vec<u8> {
        transcribe(&self.file, format)
    }
}

/// Transcribes a recording on the command line.
fn transcribe(file: &Path, format: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = file.to_str().unwrap();
    Program::new(folder.path()).transcribe([file, "-f", format]).code(0).bytes
}

/// A part of a text as it is shown.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    text: String,
    times: Times,
}

/// What is shown of the times of a piece, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Times {
    Nothing,
    /// Begin and end to the millisecond.
    Milliseconds(f64, f64),
    /// Begin and end to the hundredth.
    Hundredths(f64, f64),
    /// Begin and end of a cue to the millisecond.
    Cue(f64, f64),
    /// The begin, rounded down to whole seconds.
    Clock(f64),
}

/// A word without its marks, with the times that it was spoken.
#[derive(Debug)]
struct Word {
    text: String,
    start: f64,
    end: f64,
}

/// Reads the words of the measure.
fn measure(json: &[u8]) -> Vec<Word> {
    let document: Value = serde_json::from_slice(json).unwrap();
    let segments = document["segments"].as_array().unwrap().iter();
    let words = segments.flat_map(|segment| segment["words"].as_array().unwrap());
    let plain = |word: &Value| {
        let (start, end) = (number(&word["start"]), number(&word["end"]));
        let parts = text::words(word["text"].as_str().unwrap()).into_iter();
        parts.map(move |text| Word { text, start, end }).collect::<Vec<_>>()
    };
    words.flat_map(plain).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn piece(text: impl Into<String>, times: Times) -> Piece {
    Piece { text: text.into(), times }
}

fn pages(shown: &Shown) -> Vec<Piece> {
    let chunks = shown.web.chunks(shown.job).into_iter();
    chunks.map(|chunk| piece(chunk, Times::Nothing)).collect()
}

fn plain(bytes: &[u8]) -> Vec<Piece> {
    vec![piece(utf8(bytes), Times::Nothing)]
}

/// Reads the paragraphs of a Word document that begin with a time.
fn document(bytes: Vec<u8>) -> Vec<Piece> {
    let mut xml = String::new();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    archive.by_name("word/document.xml").unwrap().read_to_string(&mut xml).unwrap();
    let paragraphs = xml.split("</w:p>").filter_map(|paragraph| {
        let texts = paragraph.split("<w:t").skip(1).filter_map(|run| run.split(['>', '<']).nth(1));
        let paragraph: String = texts.collect();
        let paragraph = quick_xml::escape::unescape(&paragraph).unwrap();
        let (clock, text) = paragraph.strip_prefix('[')?.split_once("] ")?;
        Some(piece(text, Times::Clock(seconds(clock))))
    });
    paragraphs.collect()
}

/// Reads the words of a transcript of Rev.ai; marks are no words.
fn elements(bytes: &[u8]) -> Vec<Piece> {
    let transcript: Value = serde_json::from_slice(bytes).unwrap();
    let monologues = transcript["monologues"].as_array().unwrap().iter();
    let elements = monologues.flat_map(|monologue| monologue["elements"].as_array().unwrap());
    let words = elements.filter(|element| element["type"] == "text").map(|word| {
        let times = Times::Hundredths(number(&word["ts"]), number(&word["end_ts"]));
        piece(word["value"].as_str().unwrap(), times)
    });
    words.collect()
}

/// Reads the words of a list of cielo24, whose times are in milliseconds; a mark has a moment of its word's.
fn tokens(bytes: &[u8]) -> Vec<Piece> {
    let list: Value = serde_json::from_slice(bytes).unwrap();
    let members = |value: &Value, name: &str| value[name].as_array().unwrap().clone();
    let segments = members(&list, "segments").into_iter();
    let sequences = segments.flat_map(|segment| members(&segment, "sequences"));
    let words = sequences.map(|sequence| {
        let tokens = members(&sequence, "tokens").into_iter();
        let words = tokens.filter(|token| token["type"] == "word");
        let text: Vec<String> =
            words.map(|word| word["display_as"].as_str().unwrap().to_owned()).collect();
        let seconds = |name: &str| number(&sequence[name]) / 1_000.0;
        piece(text.join(" "), Times::Milliseconds(seconds("start_time"), seconds("end_time")))
    });
    words.collect()
}

/// Reads the lines of a transcript of Rev.ai: `Speaker 0    00:01     text`.
fn lines(bytes: &[u8]) -> Vec<Piece> {
    let line = |line: &str| {
        let rest = line.strip_prefix("Speaker 0    ").unwrap();
        let (clock, text) = rest.split_once("     ").unwrap();
        piece(text, Times::Clock(seconds(clock)))
    };
    utf8(bytes).lines().map(line).collect()
}

/// Reads captions of either kind.
fn cues(bytes: &[u8]) -> Vec<Piece> {
    let mut cues: Vec<Piece> = Vec::new();
    for block in utf8(bytes).split("\n\n") {
        let mut lines = block.lines().skip_while(|line| !line.contains(" --> "));
        let Some((start, end)) = lines.next().and_then(|line| line.split_once(" --> ")) else {
            continue;
        };
        let text = lines.collect::<Vec<_>>().join(" ");
        cues.push(piece(text, Times::Cue(seconds(start), seconds(end))));
    }
    cues
}

/// Reads `1:02:03`, `02:03`, `01:02:03,400` or `01:02:03.400`.
#[track_caller]
fn seconds(clock: &str) -> f64 {
    let plain = clock.replace(',', ".");
    let parts = plain.split(':').map(|part| part.parse::<f64>().unwrap());
    parts.fold(0.0, |seconds, part| seconds * 60.0 + part)
}

/// Insists that pieces hold the words of the measure and nothing else, at their times.
#[track_caller]
fn check(reader: &str, measure: &[Word], pieces: &[Piece]) {
    let mut left = measure;
    for piece in pieces {
        let words = text::words(&piece.text);
        assert!(words.len() <= left.len(), "{reader}: {piece:?} is more than was said");
        let (spoken, rest) = left.split_at(words.len());
        let said: Vec<&str> = spoken.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(words, said, "{reader}: {piece:?}");
        if let [first, ..] = spoken
            && let [.., last] = spoken
        {
            check_times(reader, piece, first.start, last.end);
        }
        left = rest;
    }
    assert!(left.is_empty(), "{reader} lacks {left:?}");
}

/// Insists that what a piece shows are the times of its first and its last word.
#[track_caller]
fn check_times(reader: &str, piece: &Piece, start: f64, end: f64) {
    let near = |shown: f64, real: f64, digit: f64| (shown - real).abs() <= digit;
    let fits = match piece.times {
        Times::Nothing => true,
        Times::Milliseconds(from, to) => {
            near(from, start, MILLISECOND) && near(to, end, MILLISECOND)
        }
        Times::Hundredths(from, to) => near(from, start, HUNDREDTH) && near(to, end, HUNDREDTH),
        // What is rounded to a hundredth before may be a second later than what is not.
        Times::Clock(clock) => (clock - HUNDREDTH..clock + 1.0).contains(&start),
        Times::Cue(from, to) if to - from > SHORTEST_CUE + MILLISECOND => {
            near(from, start, MILLISECOND) && near(to, end, MILLISECOND)
        }
        Times::Cue(from, to) => (start - LEAD..to).contains(&(from + MILLISECOND)),
    };
    assert!(fits, "{reader}: {piece:?} is spoken from {start} to {end}");
}

#[test]
fn a_job_has_the_same_words_at_the_same_times_wherever_it_is_shown() {
    let daemon = Daemon::shared();
    let web = daemon.client();
    let (keyed, _) = with_key(&daemon, &web, &[]);
    // Two voices; and two parts with so much silence between that the second begins a new chunk.
    for name in ["07", "18"] {
        let (file, expected) = recording(name);
        let measure = measure(&transcribe(&file, "json"));
        let spoken = text::words(&expected.text).len();
        assert!(measure.len() * 2 > spoken, "{name}: {measure:?} is no measure");
        let job = web.submit(&file);
        assert_eq!(web.end_of(job), "completed");
        let shown = Shown { web: web.clone(), keyed: keyed.clone(), job, file };
        let mut captions: Option<Vec<Piece>> = None;
        for (reader, read) in READERS {
            let pieces = read(&shown);
            check(&format!("{name}: {reader}"), &measure, &pieces);
            if matches!(pieces[0].times, Times::Cue(..)) {
                let first = captions.get_or_insert_with(|| pieces.clone());
                assert_eq!(*first, pieces, "{name}: captions of {reader} are other ones");
            }
        }
        say(&format!("{name}: {} words agree in {} documents", measure.len(), READERS.len() + 1));
    }
}
