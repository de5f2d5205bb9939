//! Uploads: good ones, every kind of bad one, and what they leave behind.

use std::sync::Arc;

use scribed_schemas::id::JobId;
use scribed_schemas::job::JobState;
use scribed_store::faulty::{Calls, PlannedFault, When};
use scribed_store::{AccountChange, ErrorKind, FaultyStore, MemoryStore};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::House;
use crate::reply::Reply;
use crate::request::{Request, exchange, field, file};

/// A house with one user, whose token is returned.
async fn house() -> (House, String) {
    let house = House::open().await;
    let token = house.user("somebody").await;
    (house, token)
}

fn upload(house: &House, token: &str) -> Request {
    house.post("/upload-audiofile").bearer(token)
}

#[track_caller]
fn is_missing(reply: &Reply) {
    reply.is_invalid(&[("missing", json!(["body", "audiofile"]))]);
    assert_eq!(reply.only_fault(), "Field required");
}

#[tokio::test]
async fn a_recording_becomes_a_job() {
    let (house, token) = house().await;
    let script = "one\ntwo\n".repeat(40_000);
    let parts = [field("note", "hello"), file("audiofile", "../up/talk.mp3", script.as_bytes())];
    let reply = upload(&house, &token).form(&parts).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let answer = reply.json();
    assert_eq!(answer["message"], "File uploaded successfully");
    assert_eq!(answer["file"], "talk.mp3");
    let job = house.job(JobId(answer["task_id"].as_i64().unwrap())).await;
    assert_eq!(job.name, "talk.mp3");
    let media = house.engine.store().media(job.media.unwrap()).await.unwrap().unwrap();
    assert_eq!(media.key, format!("recordings/{}", media.id));
    assert_eq!((media.size, media.content_type.as_str()), (script.len() as u64, "audio/mpeg"));
    assert_eq!(house.files(), 1);
}

#[tokio::test]
async fn who_may_not_interact_may_not_upload() {
    let (house, token) = house().await;
    let account = house.engine.store().account_by_name("somebody").await.unwrap().unwrap();
    let change = AccountChange { can_interact: Some(false), ..AccountChange::default() };
    house.engine.store().update_account(account.id, change, house.engine.now()).await.unwrap();
    let reply = upload(&house, &token).file("audiofile", "a.mp3", b"words").send().await;
    reply.refuses(
        403,
        "Access restricted. Either your role or can_interact is invalid for the action.",
    );
    assert_eq!(house.files(), 0);
}

#[tokio::test]
async fn a_file_that_is_no_recording_is_refused_with_the_reason_and_not_kept() {
    let (house, token) = house().await;
    for (content, reason) in [
        ("", "the file is empty"),
        ("!no-audio\n", "the file holds no sound"),
        ("!undecodable\n", "the file is not a recording"),
        ("!encrypted\n", "the recording is encrypted"),
        ("!over-limit\n", "the recording is too long"),
    ] {
        let reply =
            upload(&house, &token).file("audiofile", "a.mp3", content.as_bytes()).send().await;
        reply.refuses(400, &format!("Invalid audio file: {reason}"));
    }
    assert_eq!(house.files(), 0);
    let list = house.get("/transcriptions").bearer(&token).send().await.json();
    assert_eq!(list["total"], json!(0));
}

#[tokio::test]
async fn a_form_without_the_file_is_invalid() {
    let (house, token) = house().await;
    is_missing(&upload(&house, &token).send().await);
    is_missing(&upload(&house, &token).form(&[]).send().await);
    is_missing(&upload(&house, &token).form(&[field("note", "x")]).send().await);
    is_missing(&upload(&house, &token).file("file", "a.mp3", b"words").send().await);
    is_missing(&upload(&house, &token).json(&json!({ "audiofile": "words" })).send().await);
    let text = upload(&house, &token).form(&[field("audiofile", "words")]).send().await;
    text.is_invalid(&[("value_error", json!(["body", "audiofile"]))]);
    let expected = "Value error, Expected UploadFile, received: <class 'str'>";
    assert_eq!(text.only_fault(), expected);
    assert_eq!(house.files(), 0);
}

#[tokio::test]
async fn a_second_file_is_refused_by_name() {
    let (house, token) = house().await;
    for second in ["audiofile", "other"] {
        let parts = [file("audiofile", "a.mp3", b"words"), file(second, "b.mp3", b"more")];
        let reply = upload(&house, &token).form(&parts).send().await;
        reply.is_invalid(&[("value_error", json!(["body", second]))]);
        assert!(reply.only_fault().ends_with("received another: b.mp3"), "{}", reply.text());
    }
    house.until_files(0).await;
}

#[tokio::test]
async fn a_form_that_is_broken_is_malformed() {
    let (house, token) = house().await;
    let no_boundary = upload(&house, &token).body("multipart/form-data", "x").send().await;
    no_boundary.refuses(400, "Missing boundary in multipart.");
    for body in ["", "no boundary at all", "--B\r\n", "--B\r\nX\r\n\r\n", "--B\r\nA: b\r\n\r\nopen"]
    {
        let reply =
            upload(&house, &token).body("multipart/form-data; boundary=B", body).send().await;
        reply.refuses(400, "There was an error parsing the body");
    }
    let whole = [file("audiofile", "a.mp3", &vec![b'x'; 100_000]), b"--B--\r\n".to_vec()].concat();
    let cut = upload(&house, &token).body("multipart/form-data; boundary=B", &whole[..90_000]);
    cut.send().await.refuses(400, "There was an error parsing the body");
    house.until_files(0).await;
}

#[tokio::test]
async fn a_recording_over_the_limit_is_cut_early() {
    let house = House::with(|config| config.http.max_upload_bytes = 100_000).await;
    let token = house.user("somebody").await;
    let reason = "The request body is over 100000 bytes.";
    let most = upload(&house, &token).file("audiofile", "a.mp3", &vec![b'x'; 100_000]).send().await;
    assert_eq!(most.status, 200);
    let over = upload(&house, &token).file("audiofile", "a.mp3", &vec![b'x'; 100_001]).send().await;
    over.refuses(413, reason);
    let far =
        upload(&house, &token).file("audiofile", "a.mp3", &vec![b'x'; 2_000_000]).send().await;
    far.refuses(413, reason);
    house.until_files(1).await;
}

/// Writes an upload in chunked coding, which states no length.
fn chunked(token: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /upload-audiofile HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: multipart/form-data; boundary=B\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n"
    );
    let mut bytes = head.into_bytes();
    for piece in body.chunks(10_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

#[tokio::test]
async fn an_upload_without_a_stated_length_is_counted() {
    let house = House::with(|config| config.http.max_upload_bytes = 100_000).await;
    let token = house.user("somebody").await;
    let form = |size: usize| {
        [file("audiofile", "a.mp3", &vec![b'x'; size]), b"--B--\r\n".to_vec()].concat()
    };
    let good = exchange(house.address, &chunked(&token, &form(100_000))).await;
    assert_eq!(good.status, 200, "{}", good.text());
    let over = exchange(house.address, &chunked(&token, &form(400_000))).await;
    over.refuses(413, "The request body is over 100000 bytes.");
    house.until_files(1).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing_behind() {
    let (house, token) = house().await;
    let request = upload(&house, &token).file("audiofile", "a.mp3", &vec![b'x'; 3_000_000]);
    let bytes = request.bytes();
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(&bytes[..2_500_000]).await.unwrap();
    house.until_files(1).await;
    drop(stream);
    house.until_files(0).await;
    let list = house.get("/transcriptions").bearer(&token).send().await.json();
    assert_eq!(list["total"], json!(0));
}

#[tokio::test]
async fn an_upload_that_creeps_is_cut_off_and_leaves_nothing_behind() {
    let house = House::with(|config| config.http.body_patience_secs = 1).await;
    let token = house.user("somebody").await;
    let request = upload(&house, &token).file("audiofile", "a.mp3", &vec![b'x'; 200_000]);
    let bytes = request.bytes();
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(&bytes[..100_000]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    Reply::parse(&answer).refuses(408, "The request body came too slowly.");
    house.until_files(0).await;
}

#[tokio::test]
async fn the_same_key_is_the_same_job() {
    let (house, token) = house().await;
    let send = |key: &str, content: &'static [u8]| {
        let request = upload(&house, &token).header("Idempotency-Key", key);
        request.file("audiofile", "a.mp3", content).send()
    };
    let first = send("one", b"words").await;
    let again = send("one", b"words").await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_ne!(send("two", b"words").await.json()["task_id"], first.json()["task_id"]);
    let other = send("one", b"other words").await;
    other.is_invalid(&[("value_error", json!(["header", "Idempotency-Key"]))]);
    send(&"x".repeat(201), b"words")
        .await
        .is_invalid(&[("value_error", json!(["header", "Idempotency-Key"]))]);
    assert_eq!(house.files(), 2, "a repeat keeps no second copy");
    let stranger = house.user("stranger").await;
    let request = upload(&house, &stranger).header("Idempotency-Key", "one");
    let theirs = request.file("audiofile", "a.mp3", b"other words").send().await;
    assert_eq!(theirs.status, 200, "a key is its owner's");
}

#[tokio::test]
async fn an_operator_may_allow_one_job_at_a_time() {
    let house = House::with(|config| config.surface.transcriptions.one_active_job = true).await;
    let token = house.user("somebody").await;
    let first = house.upload(&token, "words\n").await;
    let second = upload(&house, &token).file("audiofile", "b.mp3", b"words").send().await;
    second.refuses(409, &format!("Transcription {first} is not finished yet"));
    assert_eq!(house.files(), 1);
    let path = format!("/transcript/cancel?transcript_id={first}");
    house.post(&path).bearer(&token).send().await;
    house.upload(&token, "words\n").await;
}

#[tokio::test]
async fn file_names_are_only_text() {
    let (house, token) = house().await;
    for (name, shown) in [
        ("../../etc/passwd", "passwd"),
        ("..\\\\..\\\\boot.ini", "boot.ini"),
        ("a\tb", "ab"),
        ("..", ".."),
        ("CON", "CON"),
        ("<script>.mp3", "<script>.mp3"),
        ("naïve 日本.mp3", "naïve 日本.mp3"),
        ("", "recording"),
    ] {
        let reply = upload(&house, &token).file("audiofile", name, b"words").send().await;
        assert_eq!((reply.status, &reply.json()["file"]), (200, &json!(shown)), "{name}");
    }
    assert_eq!(house.files(), 8);
}

fn fault(method: &'static str, when: When, kind: ErrorKind) -> PlannedFault {
    PlannedFault { method, calls: Calls::Nth(1), when, kind }
}

#[tokio::test]
async fn a_store_that_is_full_or_away_says_so_and_nothing_is_kept() {
    for (kind, status) in [(ErrorKind::Full, 507), (ErrorKind::Unavailable, 503)] {
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
        let house = House::over(store.clone(), |_| {}).await;
        let token = house.user("somebody").await;
        store.fail(fault("submit", When::Before, kind));
        let reply = upload(&house, &token).file("audiofile", "a.mp3", b"words").send().await;
        assert_eq!(reply.status, status, "{}", reply.text());
        assert_eq!(house.files(), 0);
        house.upload(&token, "words\n").await;
    }
}

#[tokio::test]
async fn a_job_whose_answer_was_lost_keeps_its_recording() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let house = House::over(store.clone(), |_| {}).await;
    let token = house.user("somebody").await;
    store.fail(fault("submit", When::BeforeReply, ErrorKind::Unavailable));
    let send = || {
        let request = upload(&house, &token).header("Idempotency-Key", "one");
        request.file("audiofile", "a.mp3", b"words").send()
    };
    assert_eq!(send().await.status, 503);
    assert_eq!(house.files(), 1);
    let again = send().await;
    assert_eq!(again.status, 200);
    assert_eq!(house.files(), 1, "the recording is that of the first try");
    house.work();
    let id = JobId(again.json()["task_id"].as_i64().unwrap());
    house.until(id, JobState::Completed).await;
}
