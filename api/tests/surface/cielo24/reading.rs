//! Reading: transcripts, captions, lists of elements and of jobs, and deletion.

use scribed_schemas::job::JobState;
use serde_json::{Value, json};

use super::{User, house, number};
use crate::reply::Reply;

async fn ask(user: &User<'_>, call: &str, id: &str, more: &str) -> Reply {
    let more = if more.is_empty() { String::new() } else { format!("&{more}") };
    user.get(&format!("job/{call}"), &format!("job_id={id}{more}")).send().await
}

#[tokio::test]
async fn a_transcript_has_paragraphs_with_their_times() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    house.work();
    let id = user.transcribed("Hello, there. Again.\nBye!\n", json!({})).await;
    let text = ask(&user, "get_transcript", &id, "").await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    let lines: Vec<String> = text.text().lines().map(str::to_owned).collect();
    let clocks: Vec<&String> = lines.iter().filter(|line| line.starts_with("[00:0")).collect();
    assert_eq!((clocks.len(), lines[0].len()), (2, "[00:00:00.000]".len()), "{lines:?}");
    assert_eq!((lines[1].as_str(), lines[2].as_str()), ("Hello, there. Again.", ""));
    let plain =
        "timecode_every_paragraph=false&newlines_after_paragraph=1&newlines_after_sentence=1";
    let text = ask(&user, "get_transcript", &id, plain).await.text();
    assert_eq!(text, "Hello, there.\nAgain.\nBye!\n");
    for (more, words) in [
        ("mask_profanity=true", "mask_profanity"),
        ("file_format=html", "file_format"),
        ("timecode_interval=100", "timecode_interval"),
        ("create_paragraphs=perhaps", "create_paragraphs"),
    ] {
        ask(&user, "get_transcript", &id, more).await.is_error("INVALID_OPTION", words);
    }
    let many = ask(&user, "get_transcript", &id, "newlines_after_paragraph=11").await;
    many.is_error("INVALID_QUERY", "newlines_after_paragraph must be 10 at most.");
}

#[tokio::test]
async fn captions_come_in_the_formats_that_are_made() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    house.work();
    let id = user.transcribed("words\n", json!({})).await;
    for format in ["SRT", "WEB_VTT", "DFXP"] {
        let reply = ask(&user, "get_caption", &id, &format!("caption_format={format}")).await;
        let kind = reply.header("content-type");
        assert_eq!((reply.status, kind), (200, "text/plain; charset=utf-8"), "{}", reply.text());
        assert!(reply.text().contains("words"), "{}", reply.text());
    }
    let query = "caption_format=SRT&line_ending_format=WINDOWS&utf8_mark=true&build_url=false";
    let reply = ask(&user, "get_caption", &id, query).await.text();
    assert!(reply.starts_with('\u{feff}') && reply.contains("\r\n"), "{reply:?}");
    assert!(!reply.replace("\r\n", "").contains('\n'), "{reply:?}");
    for format in ["ECHO", "QT", "SAMI", "SBV", "SCC", "TPM", "TRANSCRIPT", "TWX"] {
        let refused = ask(&user, "get_caption", &id, &format!("caption_format={format}")).await;
        refused.is_error("INVALID_OPTION", "in the formats SRT, WEB_VTT, DFXP.");
    }
    for (more, kind, words) in [
        ("", "MISSING_PARAMETER", "caption_format"),
        ("caption_format=srt", "INVALID_OPTION", "SRT, WEB_VTT, DFXP"),
        ("caption_format=SRT&build_url=true", "INVALID_OPTION", "build_url"),
        ("caption_format=SRT&lines_per_caption=1", "INVALID_OPTION", "lines_per_caption"),
        ("caption_format=SRT&line_ending_format=MAC", "INVALID_OPTION", "UNIX, WINDOWS, OSX"),
        ("caption_format=DFXP&dfxp_header=%3Chead%2F%3E", "INVALID_OPTION", "dfxp_header"),
        ("caption_format=SRT&iwp_name=SPEAKER_ID", "ITEM_NOT_FOUND", "iwp_name"),
        ("caption_format=SRT&elementlist_version=2014", "ITEM_NOT_FOUND", "elementlist_version"),
    ] {
        ask(&user, "get_caption", &id, more).await.is_error(kind, words);
    }
}

#[tokio::test]
async fn a_list_of_elements_has_the_words_in_sentences() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    house.work();
    let id = user.transcribed("Hello, there. Again\nand again!\n", json!({"language": "en"})).await;
    let versions = ask(&user, "list_elementlists", &id, "").await.json();
    let version = versions[0]["version"].as_str().unwrap().to_owned();
    assert_eq!(versions[0]["iwp_name"], "FINAL");
    let more = format!("elementlist_version={version}&iwp_name=MECHANICAL");
    let list = ask(&user, "get_elementlist", &id, &more).await;
    assert_eq!(list.status, 200, "{}", list.text());
    let list = list.json();
    assert_eq!((&list["version"], &list["language"]), (&json!(2), &json!("en")));
    let said = |segment: &Value| -> String {
        let sequences = segment["sequences"].as_array().unwrap().iter();
        let tokens = sequences.map(|sequence| {
            let tokens = sequence["tokens"].as_array().unwrap().iter();
            tokens.map(|token| token["display_as"].as_str().unwrap()).collect::<String>()
        });
        tokens.collect::<Vec<_>>().join(" ")
    };
    let segments: Vec<String> = list["segments"].as_array().unwrap().iter().map(said).collect();
    assert_eq!(segments, ["Hello, there.", "Again and again!"]);
}

#[tokio::test]
async fn a_job_that_is_not_done_has_no_text() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({})).await;
    for call in ["get_transcript", "get_elementlist"] {
        ask(&user, call, &id, "").await.is_error("INVALID_QUERY", "The job is Pending;");
    }
    let caption = ask(&user, "get_caption", &id, "caption_format=SRT").await;
    caption.is_error("INVALID_QUERY", "The job is Pending;");
    assert_eq!(ask(&user, "list_elementlists", &id, "").await.json(), json!([]));
    assert_eq!(user.add_media(&id, "words\n").await.status, 200);
    assert_eq!(user.perform(&id, json!({})).await.status, 200);
    let early = ask(&user, "get_transcript", &id, "").await;
    early.is_error("INVALID_QUERY", "The job is In Process;");
}

#[tokio::test]
async fn a_recording_without_speech_has_an_empty_transcript() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    house.work();
    let id = user.transcribed(" \n", json!({})).await;
    let text = ask(&user, "get_transcript", &id, "").await;
    assert_eq!((text.status, text.text().as_str()), (200, ""));
    let list = ask(&user, "get_elementlist", &id, "").await.json();
    assert_eq!(list["segments"], json!([]));
}

#[tokio::test]
async fn jobs_are_listed_newest_first_as_far_as_they_pass_the_filters() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let mut ids = Vec::new();
    for name in ["job_1_a", "job_2_a", "job_3_b"] {
        ids.insert(0, user.new_job(json!({"job_name": name, "external_id": name})).await);
    }
    house.engine.cancel(number(&ids[0])).await.unwrap();
    let list = async |query: &str| {
        let reply = user.get("job/list", query).send().await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        let jobs = reply.json()["ActiveJobs"].as_array().unwrap().clone();
        jobs.iter().map(|job| job["JobId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("").await, ids);
    assert_eq!(list("JobName=job_*_a").await, ids[1..]);
    assert_eq!(list("JobStatus=Media+Failure").await, ids[..1]);
    assert_eq!(list("ExternalId=job_1_a").await, ids[2..]);
    assert_eq!(list("CreationDateTo=2001-01-01&Username=*").await, [] as [String; 0]);
    assert_eq!(list("CreationDateFrom=2001-01-01").await, ids);
    for (query, kind, words) in [
        ("JobStatus=Done", "INVALID_OPTION", "Authorizing, Pending, In Process"),
        ("DueDateFrom=soon", "INVALID_QUERY", "DueDateFrom must be a date"),
        ("Username=another", "ACCOUNT_UNPRIVILEGED", "sub-accounts"),
    ] {
        user.get("job/list", query).send().await.is_error(kind, words);
    }
}

#[tokio::test]
async fn a_deleted_job_is_gone_everywhere_with_its_recording() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({"external_id": "7"})).await;
    assert_eq!(user.add_media(&id, "words\n").await.status, 200);
    assert_eq!(house.files(), 1);
    // It is not done, and is cancelled first.
    let gone = ask(&user, "delete", &id, "").await;
    assert_eq!((gone.status, house.files()), (200, 0), "{}", gone.text());
    assert!(gone.json()["TaskId"].is_string());
    for call in ["info", "delete", "del", "media"] {
        ask(&user, call, &id, "").await.is_error("ITEM_NOT_FOUND", "There is no job");
    }
    let path = format!("/speechtotext/v1/jobs/{}", number(&id));
    assert_eq!(house.get(&path).bearer(&key).send().await.status, 404);
    // Its external id is free again; a job that is done goes by the other name too.
    house.work();
    let id = user.transcribed("words\n", json!({"external_id": "7"})).await;
    assert_eq!(house.job(number(&id)).await.state, JobState::Completed);
    assert_eq!(ask(&user, "del", &id, "").await.status, 200);
    assert_eq!(house.files(), 0);
}
