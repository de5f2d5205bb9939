//! Callbacks: who is to be called once a job is done, in either way that the vendor's clients say it.
//!
//! ```text
//! "callback_url": "https://…"
//! "notification_config": {"url": "https://…", "auth_headers": {"Authorization": "Bearer …"}}
//! ```
//!
//! The vendor shows the former again with the job, to its owner, and the latter never; and so does this.
//! It takes the header `Authorization` alone; here others may be sent too, but none that HTTP or the call
//! itself needs.
//!
//! An address may name a user and a password, as the vendor's may; the call then says them.

use std::collections::BTreeMap;

use scribed_engine::{Outbound, check_header};
use scribed_schemas::callback::{Callback, CallbackStyle};
use scribed_schemas::job::JobOptions;
use serde_json::{Map, Value};

use super::dialect::Dialect;
use super::options::text;
use super::problem::Parameters;

/// The parameter that is shown again; a job keeps it among its particulars when it was used.
const URL: &str = "callback_url";
/// The parameter that is not.
const CONFIG: &str = "notification_config";
const CONFIG_URL: &str = "notification_config.url";
const HEADERS: &str = "notification_config.auth_headers";
/// Longest URL, in characters, as documented.
const LONGEST_URL: usize = 1024;
/// Most headers of one call.
const MOST_HEADERS: usize = 8;
/// Longest name of a header that an error repeats.
const LONGEST_SHOWN: usize = 100;

/// Somebody to be called, and how a submission said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    callback: Callback,
    is_shown: bool,
}

impl Named {
    /// Tells the job.
    pub(super) fn put_into(self, options: &mut JobOptions) {
        options.callback = Some(self.callback);
        if self.is_shown {
            options.particulars.insert(URL.to_owned(), "shown".to_owned());
        }
    }
}

/// Returns the URL that the owner of a job is shown again.
pub(super) fn shown(options: &JobOptions) -> Option<String> {
    let callback = options.callback.as_ref()?;
    options.particulars.contains_key(URL).then(|| callback.url.clone())
}

/// Reads who is to be called.
pub(super) fn read(
    document: &Map<String, Value>,
    dialect: Dialect,
    outbound: &Outbound,
    faults: &mut Parameters,
) -> Option<Named> {
    let style = match dialect {
        Dialect::V1Beta => CallbackStyle::RevaiV1beta,
        Dialect::V1 => CallbackStyle::RevaiV1,
    };
    let url = text(document, URL, faults);
    let config = config(document, faults);
    if url.is_some() && config.is_some() {
        faults.fault(CONFIG, "Only one of callback_url and notification_config may be given");
        return None;
    }
    if let Some(url) = url {
        check_url(URL, &url, outbound, faults);
        let callback = Callback { url, style, headers: BTreeMap::new() };
        return Some(Named { callback, is_shown: true });
    }
    let config = config?;
    let headers = headers(config, faults);
    let Some(url) = config.get("url").and_then(Value::as_str).filter(|url| !url.is_empty()) else {
        faults.fault(CONFIG_URL, "The notification_config.url field is required");
        return None;
    };
    check_url(CONFIG_URL, url, outbound, faults);
    let callback = Callback { url: url.to_owned(), style, headers };
    Some(Named { callback, is_shown: false })
}

/// Returns the members of the second way; without any it asks for nothing.
fn config<'a>(
    document: &'a Map<String, Value>,
    faults: &mut Parameters,
) -> Option<&'a Map<String, Value>> {
    match document.get(CONFIG) {
        None | Some(Value::Null) => None,
        Some(Value::Object(members)) => Some(members).filter(|members| !members.is_empty()),
        Some(_) => {
            faults.fault(CONFIG, "The notification_config field must be an object");
            None
        }
    }
}

/// Refuses a URL that cannot be called, as far as its text tells; what is secret in it is not repeated.
fn check_url(parameter: &str, url: &str, outbound: &Outbound, faults: &mut Parameters) {
    if url.chars().count() > LONGEST_URL {
        faults.fault(parameter, format!("The max length for {parameter} is {LONGEST_URL}"));
    } else if let Err(error) = outbound.check_call(url) {
        let what = error.kind;
        let between = if error.detail.is_empty() { "" } else { ": " };
        let detail = error.detail;
        faults.fault(parameter, format!("This URL cannot be called: {what}{between}{detail}"));
    }
}

/// Reads the headers that the call is to have, by their names in small letters.
fn headers(config: &Map<String, Value>, faults: &mut Parameters) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    let given = match config.get("auth_headers") {
        None | Some(Value::Null) => return headers,
        Some(Value::Object(given)) => given,
        Some(_) => {
            faults.fault(HEADERS, "The auth_headers field must be an object of texts");
            return headers;
        }
    };
    if given.len() > MOST_HEADERS {
        faults.fault(HEADERS, format!("The max number of headers is {MOST_HEADERS}"));
        return headers;
    }
    for (name, value) in given {
        match header(name, value) {
            Ok((name, value)) => {
                if headers.insert(name.clone(), value).is_some() {
                    faults.fault(HEADERS, format!("The header {name} is given twice"));
                }
            }
            Err(why) => faults.fault(HEADERS, why),
        }
    }
    headers
}

/// Reads one header; an error does not repeat its value, which is a secret.
fn header(name: &str, value: &Value) -> Result<(String, String), String> {
    let name = name.to_ascii_lowercase();
    // What is no name may be anything, and of any length.
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_shown = (1..=LONGEST_SHOWN).contains(&name.len()) && name.chars().all(is_letter);
    let what = if is_shown { format!("The header {name}") } else { "A header".to_owned() };
    let value = value.as_str().ok_or_else(|| format!("{what} cannot be sent: it is no text"))?;
    check_header(&name, value).map_err(|why| format!("{what} cannot be sent: {why}"))?;
    Ok((name, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use scribed_engine::testing::outbound;
    use serde_json::json;

    use super::*;

    fn read_all(document: Value) -> (Option<Named>, Parameters) {
        let Value::Object(document) = document else { panic!("options are an object") };
        let mut faults = Parameters::default();
        let named = read(&document, Dialect::V1, &outbound(), &mut faults);
        (named, faults)
    }

    /// Returns what a job is told.
    #[track_caller]
    fn told(document: Value) -> JobOptions {
        let (named, faults) = read_all(document);
        assert_eq!(faults, Parameters::default());
        let mut options = JobOptions::default();
        named.expect("somebody is to be called").put_into(&mut options);
        options
    }

    #[track_caller]
    fn refused(document: &Value, name: &str) -> String {
        let (_, faults) = read_all(document.clone());
        assert_eq!(faults.names(), [name], "{document}");
        format!("{faults:?}")
    }

    #[test]
    fn a_callback_url_is_shown_again_and_what_a_configuration_says_is_not() {
        let url = "https://example.org/done?token=x";
        let options = told(json!({ "callback_url": url }));
        assert_eq!(shown(&options).as_deref(), Some(url));
        let callback = options.callback.expect("it is there");
        assert_eq!((callback.url.as_str(), callback.style), (url, CallbackStyle::RevaiV1));

        let with_user = "https://me:geheim@example.org/";
        let options = told(json!({ "callback_url": with_user }));
        assert_eq!(options.callback.expect("it is there").url, with_user);

        let headers = json!({"Authorization": "Bearer abc", "X-Desk": "7 b"});
        let config = json!({"url": url, "auth_headers": headers});
        let options = told(json!({ "notification_config": config }));
        assert_eq!(shown(&options), None);
        let callback = options.callback.expect("it is there");
        let expected = [("authorization", "Bearer abc"), ("x-desk", "7 b")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(callback.headers, BTreeMap::from(expected));
        let without = json!({"url": url, "auth_headers": null});
        assert!(shown(&told(json!({ "notification_config": without }))).is_none());
    }

    #[test]
    fn each_form_has_its_own_call() {
        let Value::Object(document) = json!({"callback_url": "https://example.org/"}) else {
            panic!("options are an object")
        };
        let mut faults = Parameters::default();
        let named =
            read(&document, Dialect::V1Beta, &outbound(), &mut faults).expect("it is named");
        assert_eq!(named.callback.style, CallbackStyle::RevaiV1beta);
    }

    #[test]
    fn who_asks_for_nobody_gets_nobody() {
        for nothing in [
            json!({}),
            json!({"callback_url": null, "notification_config": null}),
            json!({"callback_url": "", "notification_config": {}}),
        ] {
            let (named, faults) = read_all(nothing.clone());
            assert_eq!((named, faults), (None, Parameters::default()), "{nothing}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_called_is_refused_by_its_parameter() {
        for url in [
            "ftp://example.org/",
            "http://10.0.0.1/done",
            "http://example.org:22/",
            "https://me:geheim@10.0.0.1/",
            "done",
            &format!("https://example.org/{}", "a".repeat(LONGEST_URL)),
        ] {
            let said = refused(&json!({ "callback_url": url }), URL);
            assert!(!said.contains("geheim"), "{said}");
            refused(&json!({ "notification_config": { "url": url } }), CONFIG_URL);
        }
        let said = refused(&json!({"callback_url": "http://10.0.0.1/?sign=geheim"}), URL);
        assert!(said.contains("private") && !said.contains("geheim"), "{said}");
    }

    #[test]
    fn what_is_no_callback_is_refused() {
        let url = "https://example.org/";
        refused(&json!({"callback_url": 7}), URL);
        refused(&json!({ "notification_config": url }), CONFIG);
        refused(&json!({"notification_config": {"auth_headers": {}}}), CONFIG_URL);
        refused(&json!({"notification_config": {"url": ""}}), CONFIG_URL);
        refused(&json!({"notification_config": {"url": 7}}), CONFIG_URL);
        let both = json!({"callback_url": url, "notification_config": {"url": url}});
        refused(&both, CONFIG);
    }

    #[test]
    fn headers_that_cannot_be_chosen_are_refused_without_their_values() {
        let many: Map<String, Value> =
            (0..=MOST_HEADERS).map(|n| (format!("x-{n}"), json!("geheim"))).collect();
        for headers in [
            json!("geheim"),
            json!(["geheim"]),
            json!(many),
            json!({"Host": "geheim"}),
            json!({"webhook-signature": "geheim"}),
            json!({"": "geheim"}),
            json!({"x": " geheim"}),
            json!({"x": "geheim\r\nhost: b"}),
            json!({"x": 7}),
            json!({"x": null}),
            json!({"Authorization": "geheim a", "authorization": "geheim b"}),
        ] {
            let config = json!({"url": "https://example.org/", "auth_headers": headers});
            let said = refused(&json!({ "notification_config": config }), HEADERS);
            assert!(!said.contains("geheim"), "{said}");
        }
    }
}
