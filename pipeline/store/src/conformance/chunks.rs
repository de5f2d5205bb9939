//! Promises about the text of jobs.

use scribed_schemas::audio::{MediaFacts, Warning};
use scribed_schemas::id::JobId;
use scribed_schemas::transcript::{FlagReason, QualityFlag};

use super::{Bench, at, chunk, claim_at};
use crate::store::{FactsNote, PutChunk};

/// Stores the chunk of a number under its own text.
async fn put(bench: &Bench, id: JobId, fence: i64, number: u32) -> PutChunk {
    let chunk = chunk(number, &format!("text {number}"));
    bench.store.put_chunk(id, fence, chunk, at(20)).await.unwrap()
}

/// Every member of a chunk is stored, flags and words too.
pub async fn a_chunk_comes_back_as_it_was_stored(bench: &Bench) {
    let job = bench.claimed(1).await;
    let mut made = chunk(0, "Grüße, \u{1f3a4} \"quoted\"\nand a second line");
    made.language = Some("de".to_owned());
    made.segments[0].avg_log_prob = -0.123_456_79;
    let flag = QualityFlag { reason: FlagReason::LowLogProb, value: -1.5, limit: -1.0 };
    made.segments[0].flags.push(flag);
    let put = bench.store.put_chunk(job.id, job.fence, made.clone(), at(20)).await.unwrap();
    assert_eq!(put, PutChunk::Stored);
    assert_eq!(bench.store.chunks(job.id, 0, 10).await.unwrap(), [made]);
    assert_eq!(bench.job(job.id).await.updated, at(20));
}

/// What is behind a gap is stored and not yet readable; filling the gap shows all of it.
pub async fn chunks_are_readable_up_to_the_first_gap(bench: &Bench) {
    let job = bench.claimed(1).await;
    for (number, ready) in [(1, 0), (0, 2), (4, 2), (3, 2), (2, 5)] {
        put(bench, job.id, job.fence, number).await;
        assert_eq!(bench.job(job.id).await.ready_chunks, ready, "after chunk {number}");
        let readable = bench.store.chunks(job.id, 0, 100).await.unwrap();
        let numbers: Vec<u32> = readable.iter().map(|chunk| chunk.chunk).collect();
        assert_eq!(numbers, (0..ready).collect::<Vec<_>>(), "after chunk {number}");
    }
}

/// A worker that resumes learns of every stored chunk, also of those that cannot be read yet.
pub async fn all_stored_chunks_are_listed(bench: &Bench) {
    let job = bench.claimed(1).await;
    for number in [5, 0, 2] {
        put(bench, job.id, job.fence, number).await;
    }
    assert_eq!(bench.store.stored_chunks(job.id).await.unwrap(), [0, 2, 5]);
    assert_eq!(bench.store.stored_chunks(JobId(404)).await.unwrap(), Vec::<u32>::new());
}

/// What was stored first stays, whoever comes later with another text.
pub async fn the_first_write_of_a_chunk_wins(bench: &Bench) {
    let job = bench.claimed(1).await;
    put(bench, job.id, job.fence, 0).await;
    let before = bench.job(job.id).await;
    let other = bench.store.put_chunk(job.id, job.fence, chunk(0, "other"), at(30)).await;
    assert_eq!(other.unwrap(), PutChunk::Different);
    assert_eq!(bench.store.chunks(job.id, 0, 1).await.unwrap(), [chunk(0, "text 0")]);
    assert_eq!(bench.job(job.id).await, before);
}

/// A repeat of the same text is told apart from another text, whatever its probabilities are.
pub async fn the_same_text_again_is_the_same(bench: &Bench) {
    let job = bench.claimed(1).await;
    put(bench, job.id, job.fence, 0).await;
    assert_eq!(put(bench, job.id, job.fence, 0).await, PutChunk::Same);
    let mut surer = chunk(0, "text 0");
    surer.segments[0].avg_log_prob = -0.01;
    let put = bench.store.put_chunk(job.id, job.fence, surer, at(30)).await.unwrap();
    assert_eq!(put, PutChunk::Same);
    assert_eq!(bench.store.chunks(job.id, 0, 1).await.unwrap(), [chunk(0, "text 0")]);
}

/// A chunk without speech is a chunk.
pub async fn an_empty_chunk_is_stored_like_any_other(bench: &Bench) {
    let job = bench.claimed(1).await;
    let silent = scribed_schemas::transcript::Segments::empty(0, 16_000, 0, 480_000);
    let put = bench.store.put_chunk(job.id, job.fence, silent.clone(), at(20)).await.unwrap();
    assert_eq!(put, PutChunk::Stored);
    assert_eq!(bench.store.chunks(job.id, 0, 1).await.unwrap(), [silent]);
    assert_eq!(bench.job(job.id).await.description, "");
}

/// The next worker goes on after the text that the last one left.
pub async fn text_stays_when_the_lease_changes_hands(bench: &Bench) {
    let first = bench.claimed(1).await;
    put(bench, first.id, first.fence, 0).await;
    let second = bench.store.claim(claim_at(50)).await.unwrap().unwrap();
    assert_eq!((second.id, second.ready_chunks), (first.id, 1));
    assert_eq!(put(bench, second.id, second.fence, 0).await, PutChunk::Same);
    assert_eq!(put(bench, second.id, second.fence, 1).await, PutChunk::Stored);
    assert_eq!(bench.store.chunks(first.id, 0, 9).await.unwrap().len(), 2);
}

/// Pages begin where they are asked to and have at most the length asked for.
pub async fn chunks_are_read_page_by_page(bench: &Bench) {
    let job = bench.claimed(1).await;
    for number in 0..5 {
        put(bench, job.id, job.fence, number).await;
    }
    let numbers = async |from, limit| {
        let page = bench.store.chunks(job.id, from, limit).await.unwrap();
        page.iter().map(|chunk| chunk.chunk).collect::<Vec<_>>()
    };
    assert_eq!(numbers(0, 2).await, [0, 1]);
    assert_eq!(numbers(2, 2).await, [2, 3]);
    assert_eq!(numbers(4, 2).await, [4]);
    assert!(numbers(5, 2).await.is_empty());
    assert!(numbers(0, 0).await.is_empty());
    assert_eq!(numbers(3, u32::MAX).await, [3, 4]);
    assert!(numbers(u32::MAX, u32::MAX).await.is_empty());
}

/// Two jobs have each their own chunk 0.
pub async fn chunks_of_two_jobs_do_not_meet(bench: &Bench) {
    let (one, two) = (bench.claimed(1).await, bench.claimed(2).await);
    put(bench, one.id, one.fence, 0).await;
    assert!(bench.store.chunks(two.id, 0, 9).await.unwrap().is_empty());
    assert_eq!(put(bench, two.id, two.fence, 0).await, PutChunk::Stored);
}

/// The description is the beginning of chunk 0, counted in characters, whenever that comes.
pub async fn the_description_is_the_beginning_of_the_first_chunk(bench: &Bench) {
    let job = bench.claimed(1).await;
    put(bench, job.id, job.fence, 1).await;
    assert_eq!(bench.job(job.id).await.description, "");
    let long = "ä".repeat(300);
    bench.store.put_chunk(job.id, job.fence, chunk(0, &long), at(20)).await.unwrap();
    assert_eq!(bench.job(job.id).await.description, "ä".repeat(256));
}

/// A recogniser may give numbers that JSON does not know; the chunk stays readable.
pub async fn a_chunk_with_odd_numbers_stays_readable(bench: &Bench) {
    let job = bench.claimed(1).await;
    let mut odd = chunk(0, "odd");
    odd.segments[0].avg_log_prob = f32::NEG_INFINITY;
    odd.segments[0].no_speech_prob = f32::NAN;
    bench.store.put_chunk(job.id, job.fence, odd, at(20)).await.unwrap();
    let stored = bench.store.chunks(job.id, 0, 1).await.unwrap();
    let segment = &stored[0].segments[0];
    assert_eq!((segment.avg_log_prob, segment.no_speech_prob), (f32::MIN, 0.0));
}

/// Facts replace facts, warnings replace warnings, and what is absent stays.
pub async fn facts_are_noted_one_by_one(bench: &Bench) {
    let job = bench.claimed(1).await;
    let facts = MediaFacts { container: "mp4".to_owned(), frames: Some(7), ..Default::default() };
    let note = FactsNote { facts: Some(facts.clone()), ..FactsNote::default() };
    bench.store.note_facts(job.id, job.fence, note).await.unwrap();
    let warnings = vec![Warning {
        code: "truncated".to_owned(),
        message: "the recording ends early".to_owned(),
        at_frame: Some(3),
    }];
    let note = FactsNote { warnings: Some(warnings.clone()), ..FactsNote::default() };
    bench.store.note_facts(job.id, job.fence, note).await.unwrap();
    let note = FactsNote { planned_chunks: Some(12), ..FactsNote::default() };
    bench.store.note_facts(job.id, job.fence, note).await.unwrap();
    let stored = bench.job(job.id).await;
    assert_eq!((stored.facts, stored.warnings), (Some(facts), warnings));
    assert_eq!(stored.planned_chunks, Some(12));
}
