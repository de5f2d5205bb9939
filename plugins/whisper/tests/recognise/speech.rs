//! Text, words and times of real recordings.

use scribed_plugin::{
    StageError,
    prelude::{Segments, Span},
    testing::{Chunk, Driver},
};
use scribed_stage_whisper::Whisper;
use serde_json::json;

use crate::recordings::{SPEECH, assert_in_order, errors, options, plain, said, samples, text};

fn recognise(chunk: &Chunk) -> Segments {
    let mut driver = Driver::<Whisper>::open(&options(&json!({}))).unwrap();
    driver.process(chunk).unwrap().remove(0)
}

#[test]
fn short_recordings_are_understood_and_their_words_are_where_they_were_said() {
    let mut driver = Driver::<Whisper>::open(&options(&json!({}))).unwrap();
    let (mut wrong, mut words) = (0, 0);
    for name in SPEECH {
        let document = driver.process(&Chunk::of(samples(name))).unwrap().remove(0);
        assert_in_order(&document);
        assert_eq!(document.language.as_deref(), Some("en"));
        let (reference, heard) = (plain(&text(name)), plain(&document.text()));
        wrong += errors(&reference, &heard);
        words += reference.len();
        let spoken = said(name);
        let found: Vec<_> = document.segments.iter().flat_map(|s| &s.words).collect();
        assert_eq!(found.len(), spoken.len(), "{name}: {}", document.text());
        for (word, (was, start, end)) in found.iter().zip(&spoken) {
            let (from, to) = (document.seconds(word.start), document.seconds(word.end));
            assert!((from - start).abs() < 0.3, "{name}: {was} starts at {from}, not {start}");
            assert!((to - end).abs() < 0.3, "{name}: {was} ends at {to}, not {end}");
        }
        assert!(document.segments.iter().all(|s| s.flags.is_empty()), "{name}");
    }
    assert!(wrong * 100 <= words * 3, "{wrong} of {words} words are wrong");
}

#[test]
fn times_go_through_the_map_of_the_chunk() {
    let name = "01-short-slt";
    let plainly = recognise(&Chunk::of(samples(name)));
    let len = u32::try_from(samples(name).len()).unwrap();
    // The second sentence was said an hour later, in a recording at 48 kHz.
    let seam = u32::try_from(plainly.segments[0].end).unwrap() + 3_200;
    let hour = 3_600 * 48_000;
    let spans = vec![
        Span {
            chunk_start: 0,
            chunk_len: seam,
            source_start: 480,
            source_len: i64::from(seam) * 3,
        },
        Span {
            chunk_start: seam,
            chunk_len: len - seam,
            source_start: hour,
            source_len: i64::from(len - seam) * 3,
        },
    ];
    let chunk = Chunk { number: 7, source_rate: 48_000, spans, ..Chunk::of(samples(name)) };
    let moved = recognise(&chunk);
    assert_in_order(&moved);
    assert_eq!((moved.chunk, moved.sample_rate), (7, 48_000));
    assert_eq!((moved.start, moved.end), (480, hour + i64::from(len - seam) * 3));
    assert_eq!(moved.text(), plainly.text());
    let there = |at: i64| {
        if at <= i64::from(seam) { at * 3 + 480 } else { (at - i64::from(seam)) * 3 + hour }
    };
    for (after, before) in moved.segments.iter().zip(&plainly.segments) {
        for (after, before) in after.words.iter().zip(&before.words) {
            assert_eq!((after.start, after.end), (there(before.start), there(before.end)));
        }
    }
}

#[test]
fn a_word_does_not_stretch_over_silence_that_was_cut_out() {
    let name = "02-short-us-male";
    // Seams every 100 ms, an hour of silence at each.
    let samples = samples(name);
    let spans = (0..samples.len() / 1_600).map(|index| {
        let chunk_start = u32::try_from(index * 1_600).unwrap();
        Span {
            chunk_start,
            chunk_len: 1_600,
            source_start: i64::from(chunk_start) + i64::try_from(index).unwrap() * 57_600_000,
            source_len: 1_600,
        }
    });
    let chunk = Chunk { spans: spans.collect(), ..Chunk::of(samples.clone()) };
    let document = recognise(&chunk);
    assert_in_order(&document);
    let words = document.segments.iter().flat_map(|s| &s.words);
    assert!(words.clone().count() > 5);
    assert!(words.clone().all(|word| word.end - word.start <= 1_600));
}

#[test]
fn nobody_speaking_gives_no_words_without_a_flag() {
    let mut driver = Driver::<Whisper>::open(&options(&json!({ "temperatures": [] }))).unwrap();
    for name in ["12-silence", "13-noise-only"] {
        let document = driver.process(&Chunk::of(samples(name))).unwrap().remove(0);
        let unflagged = document.segments.iter().filter(|s| s.flags.is_empty());
        assert_eq!(unflagged.map(|s| s.text.as_str()).collect::<Vec<_>>(), [""; 0], "{name}");
    }
}

#[test]
fn less_than_a_tenth_of_a_second_gives_an_empty_result() {
    let mut driver = Driver::<Whisper>::open(&options(&json!({}))).unwrap();
    for count in [0, 1, 1_599] {
        let document = driver.process(&Chunk::of(vec![0.1; count])).unwrap().remove(0);
        assert_eq!(document.segments, [], "{count} samples");
        assert_eq!(document.end, i64::try_from(count).unwrap());
    }
    let document = driver.process(&Chunk::of(vec![0.0; 1_600])).unwrap().remove(0);
    assert_eq!(document.text(), "");
}

#[test]
fn a_cancelled_decoding_ends_inside_the_loop_and_the_instance_goes_on() {
    let mut driver = Driver::<Whisper>::open(&options(&json!({}))).unwrap();
    let chunk = Chunk::of(samples("05-short-annie-heldout"));
    let whole = driver.process(&chunk).unwrap();
    let polls = driver.polls();
    // Once for each token, so it is never long until the next time.
    let words = whole[0].segments.iter().flat_map(|s| &s.words).count();
    assert!(polls > words as u64, "asked {polls} times for {words} words");
    driver.cancel_after(polls / 2);
    assert_eq!(driver.process(&chunk), Err(StageError::Cancelled));
    assert!(driver.polls() < 2 * polls, "it went on after it was cancelled");
    driver.cancel_after(u64::MAX);
    assert_eq!(driver.process(&chunk).unwrap(), whole);
}
