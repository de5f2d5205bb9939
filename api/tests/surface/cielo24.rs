//! The cielo24 surface: jobs that are made, given their recording, ordered and read.

mod accounts;
mod media;
mod orders;
mod reading;
mod refusals;
mod requests;

use scribed_schemas::api_key::Scopes;
use scribed_schemas::callback::CallbackStyle;
use scribed_schemas::id::JobId;
use scribed_schemas::job::{JobState, Priority};
use scribed_store::AccountChange;
use serde_json::{Value, json};

use crate::harness::House;
use crate::reply::Reply;
use crate::request::Request;

/// A user of a house, who calls with a token in the query.
struct User<'a> {
    house: &'a House,
    token: String,
}

/// A house with one user, whose API key is returned.
async fn house() -> (House, String) {
    let house = House::open().await;
    let account = house.account("somebody").await;
    let key = house.api_key(account, Scopes::all()).await;
    (house, key)
}

impl<'a> User<'a> {
    fn of(house: &'a House, token: &str) -> Self {
        Self { house, token: token.to_owned() }
    }

    fn path(&self, call: &str, query: &str) -> String {
        let query = if query.is_empty() { String::new() } else { format!("&{query}") };
        format!("/api/{call}?v=1&api_token={}{query}", self.token)
    }

    fn get(&self, call: &str, query: &str) -> Request {
        self.house.get(&self.path(call, query))
    }

    fn post(&self, call: &str, query: &str) -> Request {
        self.house.post(&self.path(call, query))
    }

    /// Makes a job and returns its id as this surface writes it.
    async fn new_job(&self, body: Value) -> String {
        let reply = self.post("job/new", "").json(&body).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["JobId"].as_str().expect("an id").to_owned()
    }

    async fn add_media(&self, id: &str, script: &str) -> Reply {
        let request = self.post("job/add_media", &format!("job_id={id}"));
        request.body("video/mp4", script.as_bytes()).send().await
    }

    async fn perform(&self, id: &str, more: Value) -> Reply {
        let mut body = json!({
            "job_id": id, "transcription_fidelity": "MECHANICAL", "priority": "STANDARD"
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.post("job/perform_transcription", "").json(&body).send().await
    }

    async fn info(&self, id: &str) -> Value {
        let reply = self.get("job/info", &format!("job_id={id}")).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// Makes a job of a script, orders it, and waits for its text.
    async fn transcribed(&self, script: &str, job: Value) -> String {
        let id = self.new_job(job).await;
        assert_eq!(self.add_media(&id, script).await.status, 200);
        assert_eq!(self.perform(&id, json!({})).await.status, 200);
        self.house.until(number(&id), JobState::Completed).await;
        id
    }

    /// Makes the account hold its jobs, or not.
    async fn holds(&self, holds: bool) {
        let change = AccountChange { holds_jobs: Some(holds), ..AccountChange::default() };
        self.house.change("somebody", change).await;
    }
}

/// Returns the number of a job that is written in hex.
fn number(id: &str) -> JobId {
    JobId(i64::from_str_radix(id, 16).expect("hex digits"))
}

#[tokio::test]
async fn a_job_is_made_given_its_recording_ordered_and_done() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    house.work();
    let id = user
        .new_job(json!({
            "job_name": "talk", "language": "en", "external_id": "12345", "requestor": "anna",
            "reference": "desk 4", "expected_speakers": 2, "is_duplicate": "false"
        }))
        .await;
    let made = user.info(&id).await;
    assert_eq!((&made["JobStatus"], &made["JobName"]), (&json!("Pending"), &json!("talk")));
    assert_eq!((&made["ExternalID"], &made["ExternalId"]), (&json!("12345"), &json!("12345")));
    assert!(made.get("Fidelity").is_none() && made.get("StartDate").is_none(), "{made}");

    let added = user.add_media(&id, "one\ntwo\n").await;
    assert_eq!((added.status, house.files()), (200, 1), "{}", added.text());
    assert_eq!(user.info(&id).await["JobStatus"], "Pending");

    let order = json!({"turnaround_hours": 36, "options": "{\"notes\": \"test\"}"});
    let ordered = user.perform(&id, order).await;
    assert_eq!(ordered.status, 200, "{}", ordered.text());
    let job = house.until(number(&id), JobState::Completed).await;
    assert_eq!(
        (job.priority, job.options.reference.as_deref()),
        (Priority::Priority, Some("desk 4"))
    );
    let done = user.info(&id).await;
    assert_eq!((&done["JobStatus"], &done["JobDifficulty"]), (&json!("Complete"), &json!("Good")));
    assert_eq!((&done["Fidelity"], &done["Priority"]), (&json!("MECHANICAL"), &json!("PRIORITY")));
    assert_eq!(done["Options"], json!({"notes": "test"}));
    assert!(done["CompletedDate"].as_str() >= done["StartDate"].as_str(), "{done}");
}

#[tokio::test]
async fn the_classic_calls_by_get_do_the_same() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    house.work();
    let made = user.get("job/new", "job_name=talk&language=en&external_id=7").send().await;
    let id = made.json()["JobId"].as_str().unwrap().to_owned();
    assert_eq!(user.add_media(&id, "one\n").await.status, 200);
    let options = "options=%7B%22custom_metadata%22%3A%7B%22desk%22%3A%224%22%7D%7D";
    let order = format!("job_id={id}&transcription_fidelity=PREMIUM&{options}");
    let ordered = user.get("job/perform_transcription", &order).send().await;
    assert_eq!(ordered.status, 200, "{}", ordered.text());
    house.until(number(&id), JobState::Completed).await;
    let done = user.info(&id).await;
    assert_eq!((&done["Fidelity"], &done["Priority"]), (&json!("PREMIUM"), &json!("STANDARD")));
    assert_eq!(done["Options"], json!({"custom_metadata": {"desk": "4"}}));
}

#[tokio::test]
async fn ids_are_32_hex_digits_and_each_task_has_its_own() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let made = user.post("job/new", "").json(&json!({})).send().await.json();
    let id = made["JobId"].as_str().unwrap();
    let task = |reply: &Value| reply["TaskId"].as_str().unwrap().to_owned();
    let added = task(&user.add_media(id, "one\n").await.json());
    let ordered = task(&user.perform(id, json!({})).await.json());
    let tasks = [task(&made), added, ordered];
    for one in &tasks {
        assert!(one.len() == 32 && *one != id, "{one}");
        let none = user.get("job/info", &format!("job_id={one}")).send().await;
        none.is_error("ITEM_NOT_FOUND", "There is no job with this job_id.");
    }
    assert!(tasks[0] != tasks[1] && tasks[1] != tasks[2] && tasks[0] != tasks[2]);
}

#[tokio::test]
async fn a_job_of_an_account_that_holds_its_jobs_is_not_touched_before_it_is_authorized() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    user.holds(true).await;
    house.work();
    let id = user.new_job(json!({})).await;
    let held = user.info(&id).await;
    assert_eq!((&held["JobStatus"], held.get("AuthorizationDate")), (&json!("Authorizing"), None));
    assert_eq!(user.add_media(&id, "one\n").await.status, 200);
    assert_eq!(user.info(&id).await["JobStatus"], "Authorizing");
    // Accepted, and starts when it is authorized.
    assert_eq!(user.perform(&id, json!({})).await.status, 200);
    assert_eq!(user.info(&id).await["JobStatus"], "Authorizing");
    assert_eq!(house.job(number(&id)).await.state, JobState::AwaitingAuthorization);
    let job_id = format!("job_id={id}");
    let reply = user.post("job/authorize", &job_id).send().await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    house.until(number(&id), JobState::Completed).await;
    // Once more, and by GET, it has no effect and succeeds.
    let reply = user.get("job/authorize", &job_id).send().await;
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert_eq!(user.info(&id).await["JobStatus"], "Complete");
}

#[tokio::test]
async fn a_job_may_be_authorized_before_anything_else() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    user.holds(true).await;
    house.work();
    let id = user.new_job(json!({})).await;
    let reply = user.post("job/authorize", &format!("job_id={id}")).send().await;
    assert_eq!(reply.status, 200);
    assert_eq!(user.info(&id).await["JobStatus"], "Pending");
    assert_eq!(user.add_media(&id, "one\n").await.status, 200);
    assert_eq!(user.perform(&id, json!({})).await.status, 200);
    house.until(number(&id), JobState::Completed).await;
}

#[tokio::test]
async fn a_callback_is_kept_with_its_job_and_shown_to_nobody() {
    let (house, key) = house().await;
    let user = User::of(&house, &key);
    let id = user.new_job(json!({"job_name": "talk"})).await;
    assert_eq!(user.add_media(&id, "one\n").await.status, 200);
    let url = "https://me:geheim@example.org/done?job={job_id}&desk={desk}";
    let options = json!({"custom_metadata": {"desk": "4"}}).to_string();
    let ordered = user.perform(&id, json!({"callback_url": url, "options": options})).await;
    assert_eq!(ordered.status, 200, "{}", ordered.text());
    let job = house.job(number(&id)).await;
    let callback = job.options.callback.expect("somebody is to be called");
    assert_eq!((callback.url.as_str(), callback.style), (url, CallbackStyle::Cielo24));
    assert_eq!(job.options.particulars["custom_metadata.desk"], "4");
    let info = user.info(&id).await.to_string();
    assert!(!info.contains("geheim") && !info.contains("example.org"), "{info}");
}

#[tokio::test]
async fn a_job_is_seen_on_the_other_surfaces_and_theirs_here() {
    let (house, _) = house().await;
    let login = house.login("somebody").await.json();
    let token = login["access_token"].as_str().unwrap();
    let user = User::of(&house, token);
    let here = user.new_job(json!({"job_name": "talk", "external_id": "7"})).await;
    let there = house.upload(token, "words\n").await;
    let list = house.get("/transcriptions").bearer(token).send().await.json();
    let states: Vec<_> = list["transcriptions"].as_array().unwrap().iter().collect();
    assert_eq!((&states[0]["id"], &states[1]["id"]), (&json!(there.0), &json!(number(&here).0)));
    assert_eq!(states[1]["current_state"], "queued");
    let path = format!("/speechtotext/v1/jobs/{}", number(&here));
    let seen = house.get(&path).bearer(token).send().await.json();
    assert_eq!((&seen["status"], &seen["name"]), (&json!("in_progress"), &json!("talk")));

    let list = user.get("job/list", "").send().await.json();
    assert_eq!(list["Username"], "somebody");
    let jobs = list["ActiveJobs"].as_array().unwrap();
    let there = format!("{:032x}", there.0);
    assert_eq!((&jobs[0]["JobId"], &jobs[1]["JobId"]), (&json!(there), &json!(here)));
    assert_eq!(
        (&jobs[0]["JobStatus"], &jobs[0]["Fidelity"]),
        (&json!("In Process"), &json!("MECHANICAL"))
    );
    assert_eq!(user.info(&there).await["JobName"], "talk.mp3");
}
