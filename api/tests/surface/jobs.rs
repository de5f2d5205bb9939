//! Jobs: list, info, text page by page, export, cancel, and whose they are.

use scribed_schemas::id::JobId;
use scribed_schemas::job::JobState;
use serde_json::{Value, json};

use crate::harness::House;
use crate::request::Request;

/// A house in which somebody's job of three chunks is done.
async fn finished() -> (House, String, JobId) {
    let house = House::open().await;
    house.work();
    let token = house.user("somebody").await;
    let job = house.upload(&token, "one fish\ntwo fish\nred fish\n").await;
    house.until(job, JobState::Completed).await;
    (house, token, job)
}

#[tokio::test]
async fn a_job_shows_where_it_stands() {
    let (house, token, job) = finished().await;
    let path = format!("/transcript/info?transcript_id={job}");
    let info = house.get(&path).bearer(&token).send().await.json();
    assert_eq!(info["id"], json!(job));
    assert_eq!(info["current_state"], "completed");
    assert_eq!(info["description"], "one fish");
    assert_eq!(info["chunk_size_secs"], json!(30));
    assert_eq!(info["error_count"], json!(0));
    let length = info["audio_len_secs"].as_f64().unwrap();
    assert!((length - 2.4).abs() < 1e-9, "{length}");
    let account = house.get("/auth/info").bearer(&token).send().await.json();
    assert_eq!(info["creator_id"], account["id"]);
    let list = house.get("/transcriptions").bearer(&token).send().await.json();
    assert_eq!(list["transcriptions"], json!([info]));
}

#[tokio::test]
async fn jobs_are_listed_newest_first_in_pages() {
    let house = House::open().await;
    let token = house.user("somebody").await;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        jobs.push(house.upload(&token, "text").await);
    }
    jobs.reverse();
    let page = |query: &str| house.get(&format!("/transcriptions{query}")).bearer(&token).send();
    let ids = |page: &Value| {
        let entries = page["transcriptions"].as_array().unwrap().clone();
        entries.iter().map(|e| JobId(e["id"].as_i64().unwrap())).collect::<Vec<_>>()
    };
    let all = page("").await.json();
    assert_eq!(ids(&all), jobs);
    assert_eq!((&all["page"], &all["size"]), (&json!(1), &json!(50)));
    assert_eq!((&all["total"], &all["pages"]), (&json!(5), &json!(1)));
    let second = page("?page=2&size=2").await.json();
    assert_eq!(ids(&second), jobs[2..4]);
    assert_eq!(second["pages"], json!(3));
    let beyond = page("?page=9&size=2").await.json();
    assert_eq!((ids(&beyond), &beyond["total"]), (Vec::new(), &json!(5)));
    assert_eq!(ids(&page("?page=99999999999999999999").await.json()), []);
    assert_eq!(ids(&page("?page=1&?size=100000000&skip=0").await.json()), jobs);
    assert_eq!(page("?size=100000000").await.json()["size"], json!(10_000));
}

#[tokio::test]
async fn page_and_size_start_at_one() {
    let house = House::open().await;
    let token = house.user("somebody").await;
    let reply = house.get("/transcriptions?page=0&size=-1").bearer(&token).send().await;
    reply.is_invalid(&[
        ("greater_than_equal", json!(["query", "page"])),
        ("greater_than_equal", json!(["query", "size"])),
    ]);
    assert_eq!(reply.json()["detail"][0]["ctx"], json!({ "ge": 1 }));
    let reply = house.get("/transcript?page=x").bearer(&token).send().await;
    let faults =
        [("int_parsing", json!(["query", "page"])), ("missing", json!(["query", "task_id"]))];
    reply.is_invalid(&faults);
}

#[tokio::test]
async fn text_comes_in_order_and_page_by_page() {
    let (house, token, job) = finished().await;
    let page = |query: &str| {
        let path = format!("/transcript?task_id={job}{query}");
        house.get(&path).bearer(&token).send()
    };
    let texts = |page: &Value| {
        let entries = page["transcriptions"].as_array().unwrap().clone();
        entries.iter().map(|e| e["transcription"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = page("&skip=0&limit=100").await.json();
    assert_eq!(texts(&all), ["one fish", "two fish", "red fish"]);
    assert_eq!((&all["size"], &all["total"]), (&json!(10_000), &json!(3)));
    let order: Vec<_> = (0..3).map(|n| all["transcriptions"][n]["chunk_order"].clone()).collect();
    assert_eq!(order, [json!(0), json!(1), json!(2)]);
    assert_eq!(all["transcriptions"][0]["chunk_size_secs"], json!(30));
    let second = page("&page=2&size=2").await.json();
    assert_eq!((texts(&second), &second["pages"]), (vec!["red fish".to_owned()], &json!(2)));
    assert_eq!(second["transcriptions"][0], all["transcriptions"][2], "a chunk keeps its id");
    assert_eq!(page("&page=1").await.json()["size"], json!(50));
    assert_eq!(texts(&page("&page=7&size=2").await.json()), [""; 0]);
}

#[tokio::test]
async fn text_is_readable_while_the_job_runs() {
    let house = House::open().await;
    house.work();
    let token = house.user("somebody").await;
    let job = house.upload(&token, "first\n!wait second\n").await;
    house.until_met(job, |job| job.ready_chunks == 1).await;
    let path = format!("/transcript?task_id={job}");
    let early = house.get(&path).bearer(&token).send().await.json();
    assert_eq!(early["total"], json!(1));
    assert_eq!(early["transcriptions"][0]["transcription"], "first");
    house.runner.release(1);
    house.until(job, JobState::Completed).await;
    let late = house.get(&path).bearer(&token).send().await.json();
    assert_eq!(late["transcriptions"][0], early["transcriptions"][0]);
    assert_eq!(late["transcriptions"][1]["transcription"], "second");
}

#[tokio::test]
async fn an_export_is_the_document_itself() {
    let (house, token, job) = finished().await;
    let export = |format: &str| {
        let path = format!("/transcript/export?task_id={job}&format={format}");
        house.post(&path).bearer(&token).send()
    };
    let text = export("txt").await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert!(text.text().contains("one fish\ntwo fish"), "{}", text.text());
    let account = house.get("/auth/info").bearer(&token).send().await.json()["id"].clone();
    let disposition = text.header("content-disposition");
    assert!(disposition.starts_with(&format!("attachment; filename=\"{account}.txt\"")));
    let word = export("doc").await;
    assert_eq!(
        word.header("content-type"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    );
    let expected =
        format!("attachment; filename=\"{account}.doc\"; filename*=UTF-8''{account}.docx");
    assert_eq!(word.header("content-disposition"), expected);
    let other = export("pdf").await;
    other.is_invalid(&[("literal_error", json!(["query", "format"]))]);
    assert_eq!(other.only_fault(), "Input should be 'doc' or 'txt'");
}

#[tokio::test]
async fn there_is_no_export_before_the_first_chunk_and_an_empty_one_without_speech() {
    let house = House::open().await;
    let token = house.user("somebody").await;
    let job = house.upload(&token, "!silence\n").await;
    let path = format!("/transcript/export?task_id={job}&format=txt");
    let export = || house.post(&path).bearer(&token).send();
    export().await.refuses(
        409,
        "No transcription chunks for this transcription is available right now. Try again later.",
    );
    house.work();
    house.until(job, JobState::Completed).await;
    assert_eq!(export().await.status, 200);
}

#[tokio::test]
async fn cancel_stops_a_job_once() {
    let house = House::open().await;
    house.work();
    let token = house.user("somebody").await;
    let job = house.upload(&token, "first\n!wait second\n").await;
    house.until_met(job, |job| job.ready_chunks == 1).await;
    let path = format!("/transcript/cancel?transcript_id={job}");
    let cancel = || house.post(&path).bearer(&token).send();
    let stopped = cancel().await;
    assert_eq!((stopped.status, stopped.text().as_str()), (200, "OK"));
    assert_eq!(house.job(job).await.state, JobState::CompletedPartially);
    let again = cancel().await;
    again.refuses(409, "You can't cancel a finished job");
    assert_eq!(again.text(), r#"{"detail":"You can't cancel a finished job"}"#);
}

#[tokio::test]
async fn a_job_that_waits_is_cancelled_without_text() {
    let house = House::open().await;
    let token = house.user("somebody").await;
    let job = house.upload(&token, "text").await;
    let path = format!("/transcript/cancel?transcript_id={job}");
    assert_eq!(house.post(&path).bearer(&token).send().await.status, 200);
    let path = format!("/transcript/info?transcript_id={job}");
    let info = house.get(&path).bearer(&token).send().await.json();
    assert_eq!(info["current_state"], "cancelled");
}

/// Every request that names a job.
fn about(house: &House, id: i64) -> [Request; 5] {
    [
        house.get(&format!("/transcript?task_id={id}")),
        house.get(&format!("/transcript/info?transcript_id={id}")),
        house.post(&format!("/transcript/export?task_id={id}&format=txt")),
        house.post(&format!("/transcript/export?task_id={id}&format=doc")),
        house.post(&format!("/transcript/cancel?transcript_id={id}")),
    ]
}

#[tokio::test]
async fn a_foreign_job_does_not_exist() {
    let (house, _, job) = finished().await;
    let stranger = house.user("stranger").await;
    for id in [job.0, 7, 0, -1, i64::MAX] {
        for request in about(&house, id) {
            request.bearer(&stranger).send().await.refuses(404, "Transcription not found");
        }
    }
    let list = house.get("/transcriptions").bearer(&stranger).send().await.json();
    assert_eq!((&list["total"], &list["pages"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn an_id_that_is_no_number_is_invalid() {
    let house = House::open().await;
    let token = house.user("somebody").await;
    let reply = house.get("/transcript/info?transcript_id=abc").bearer(&token).send().await;
    reply.is_invalid(&[("int_parsing", json!(["query", "transcript_id"]))]);
    let reply = house.post("/transcript/cancel").bearer(&token).send().await;
    reply.is_invalid(&[("missing", json!(["query", "transcript_id"]))]);
    let reply = house.post("/transcript/export").bearer(&token).send().await;
    reply.is_invalid(&[
        ("missing", json!(["query", "task_id"])),
        ("missing", json!(["query", "format"])),
    ]);
}

#[tokio::test]
async fn old_clients_may_have_times_without_a_zone() {
    let house = House::with(|config| config.surface.transcriptions.naive_times = true).await;
    house.account("somebody").await;
    let tokens = house.login("somebody").await.json();
    let token = tokens["access_token"].as_str().unwrap();
    let info = house.get("/auth/info").bearer(token).undescribed().send().await.json();
    let date = info["create_date"].as_str().unwrap();
    assert!(date.len() == 26 && !date.ends_with('Z'), "{date}");
}

#[tokio::test]
async fn health_tells_of_the_store() {
    let house = House::open().await;
    assert_eq!(house.get("/").send().await.json(), json!({ "api": true, "database": true }));
}
