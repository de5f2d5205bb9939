//! Notices: what whoever is named by `callback_url` or `notification_config` is posted.

use scribed_engine::{Call, Method};
use scribed_schemas::callback::Callback;
use scribed_schemas::job::Job;
use serde::Serialize;

use super::dialect::Dialect;
use super::view::View;

/// What is said: the job as its details show it.
#[derive(Debug, Serialize)]
struct Notice {
    job: View,
}

/// Makes the call that tells of the end of a job, with the headers that its submitter wants to see.
pub(crate) fn notice(job: &Job, callback: &Callback, dialect: Dialect) -> Option<Call> {
    let body = serde_json::to_vec(&Notice { job: View::of(job, dialect) }).ok()?;
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    headers.extend(callback.headers.clone());
    Some(Call { method: Method::Post, url: callback.url.clone(), headers, body: body.into() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use scribed_schemas::callback::CallbackStyle;
    use serde_json::{Value, json};

    use super::*;

    fn job() -> Job {
        serde_json::from_value(json!({
            "id": 42, "owner": 1, "name": "talk.mp3", "media": null, "pipeline": "default",
            "options": { "reference": "call 7" }, "priority": "standard", "state": "completed",
            "error_count": 0, "fault": null, "facts": null, "warnings": [], "progress_frames": 0,
            "ready_chunks": 1, "planned_chunks": 1, "chunk_limit_secs": 30, "description": "",
            "lease": null, "fence": 1, "not_before": 0, "created": 0, "updated": 0, "finished": 0
        }))
        .expect("it is a job")
    }

    #[test]
    fn a_receiver_is_posted_the_job_as_its_details_show_it() {
        let callback = Callback {
            url: "https://example.org/done?token=x".to_owned(),
            style: CallbackStyle::RevaiV1,
            headers: BTreeMap::from([("authorization".to_owned(), "Bearer mine".to_owned())]),
        };
        for dialect in Dialect::ALL {
            let call = notice(&job(), &callback, dialect).expect("it can be written");
            let said: Value = serde_json::from_slice(&call.body).expect("it is JSON");
            let details = serde_json::to_value(View::of(&job(), dialect)).expect("it is JSON");
            assert_eq!(said, json!({ "job": details }));
            assert_eq!(said["job"]["status"], "transcribed");
            assert_eq!((call.method, call.url), (Method::Post, callback.url.clone()));
            let header = |name: &str| call.headers.iter().find(|(known, _)| known == name);
            assert_eq!(header("content-type").map(|(_, v)| v.as_str()), Some("application/json"));
            assert_eq!(header("authorization").map(|(_, v)| v.as_str()), Some("Bearer mine"));
        }
    }
}
