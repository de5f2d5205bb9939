//! Profanities: hidden wherever this surface shows the text, and nowhere else.

use serde_json::{Value, json};

use super::{JSON, PREFIXES, house, transcribed};

const SPOKEN: &str = "Oh shit, the class!\nFucking hell.\n";

#[tokio::test]
async fn profanities_are_hidden_in_every_form_and_stay_in_what_is_stored() {
    let (house, key) = house().await;
    house.work();
    let id = transcribed(&house, &key, SPOKEN, json!({"filter_profanity": true})).await;
    for prefix in PREFIXES {
        let path = format!("{prefix}/jobs/{id}");
        let get = |end: &str, accept: &str| {
            house.get(&format!("{path}{end}")).bearer(&key).header("Accept", accept).send()
        };
        assert_eq!(get("", "*/*").await.json()["filter_profanity"], true);
        let transcript = get("/transcript", JSON).await.json();
        let values = |value: &Value| -> Vec<Value> {
            let elements = value["elements"].as_array().unwrap();
            let texts = elements.iter().filter(|element| element["type"] == "text");
            texts.map(|element| element["value"].clone()).collect()
        };
        let monologues = transcript["monologues"].as_array().unwrap();
        let said: Vec<Value> = monologues.iter().flat_map(values).collect();
        assert_eq!(said, ["Oh", "s**t", "the", "class", "F*****g", "hell"]);
        let text = get("/transcript", "text/plain").await.text();
        assert!(text.contains("Oh s**t, the class!") && text.contains("F*****g hell."), "{text}");
        for form in ["application/x-subrip", "text/vtt"] {
            let captions = get("/captions", form).await.text();
            assert!(captions.contains("Oh s**t, the class!\nF*****g hell."), "{captions}");
        }
    }

    let token = house.login("somebody").await.json()["access_token"].as_str().unwrap().to_owned();
    let stored = house.get(&format!("/transcript?task_id={id}")).bearer(&token).send().await;
    assert!(stored.text().contains("Oh shit, the class!"), "{}", stored.text());
}

#[tokio::test]
async fn who_does_not_ask_is_shown_what_was_said() {
    let (house, key) = house().await;
    house.work();
    let id = transcribed(&house, &key, SPOKEN, json!({})).await;
    let path = format!("/speechtotext/v1/jobs/{id}");
    for (end, accept) in [("/transcript", "text/plain"), ("/captions", "text/vtt")] {
        let reply = house.get(&format!("{path}{end}")).bearer(&key).header("Accept", accept);
        let text = reply.send().await.text();
        assert!(text.contains("Oh shit, the class!"), "{text}");
    }
}
