//! Callbacks and deletions that a submitter asks for: what the job keeps of them, and who sees it.

use scribed_schemas::callback::CallbackStyle;
use serde_json::{Value, json};

use super::{PREFIXES, house, id, post, submitted};

/// Holds what must be seen by nobody else than the submitter.
const URL: &str = "https://example.org/done?token=geheim";

#[tokio::test]
async fn a_callback_url_is_kept_and_shown_again() {
    let (house, key) = house().await;
    let styles = [CallbackStyle::RevaiV1beta, CallbackStyle::RevaiV1];
    for (prefix, style) in PREFIXES.into_iter().zip(styles) {
        let options = json!({"callback_url": URL, "delete_after_seconds": 60});
        let job = submitted(&house, &key, prefix, "words\n", &options).await;
        assert_eq!((&job["callback_url"], &job["delete_after_seconds"]), (&json!(URL), &json!(60)));
        let path = format!("{prefix}/jobs/{}", job["id"].as_str().unwrap());
        assert_eq!(house.get(&path).bearer(&key).send().await.json(), job);
        let listed = house.get(&format!("{prefix}/jobs?limit=1")).bearer(&key).send().await;
        assert_eq!(listed.json()[0], job);

        let kept = house.job(id(&job)).await.options;
        let callback = kept.callback.expect("it is kept");
        assert_eq!((callback.url.as_str(), callback.style), (URL, style));
        assert_eq!(kept.delete_after_secs, Some(60));
    }
}

#[tokio::test]
async fn what_a_configuration_says_is_kept_and_never_shown() {
    let (house, key) = house().await;
    let headers = json!({"Authorization": "Bearer geheim"});
    for prefix in PREFIXES {
        let config = json!({ "url": URL, "auth_headers": headers });
        let body = json!({"media_url": "https://example.org/a.mp3", "notification_config": config});
        let reply = post(&house, &key, prefix).json(&body).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(!reply.text().contains("geheim"), "{}", reply.text());
        let job = reply.json();
        assert_eq!(job.get("callback_url"), None);
        let path = format!("{prefix}/jobs/{}", job["id"].as_str().unwrap());
        assert_eq!(house.get(&path).bearer(&key).send().await.json(), job);

        let kept = house.job(id(&job)).await.options;
        assert!(!format!("{kept:?}").contains("geheim"), "{kept:?}");
        let callback = kept.callback.expect("it is kept");
        assert_eq!(callback.url, URL);
        assert_eq!(callback.headers["authorization"], "Bearer geheim");
    }
}

#[tokio::test]
async fn the_other_surface_shows_no_callback() {
    let (house, key) = house().await;
    let job = submitted(&house, &key, PREFIXES[0], "words\n", &json!({"callback_url": URL})).await;
    let token = house.login("somebody").await.json()["access_token"].as_str().unwrap().to_owned();
    let id = id(&job);
    for path in ["/transcriptions".to_owned(), format!("/transcript/info?transcript_id={id}")] {
        let reply = house.get(&path).bearer(&token).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(reply.text().contains(&id.to_string()) && !reply.text().contains("geheim"));
    }
}

#[tokio::test]
async fn what_asks_for_nobody_and_nothing_is_left_out() {
    let (house, key) = house().await;
    let options = json!({
        "callback_url": "", "notification_config": {}, "delete_after_seconds": null,
        "filter_profanity": false,
    });
    let job = submitted(&house, &key, PREFIXES[1], "words\n", &options).await;
    for name in ["callback_url", "delete_after_seconds", "filter_profanity"] {
        assert_eq!(job.get(name), None::<&Value>, "{name}");
    }
    let kept = house.job(id(&job)).await.options;
    assert!(kept.callback.is_none() && kept.delete_after_secs.is_none(), "{kept:?}");
}
