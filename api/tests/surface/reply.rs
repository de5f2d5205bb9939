//! Answers as a test sees them, checked against the API description as they arrive.

use std::sync::LazyLock;

use http::Method;
use serde_json::{Value, json};

/// The description of the transcriptions surface, read once.
pub(crate) static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| read(include_str!("../../../schemas/openapi/transcriptions.yaml")));
/// That of the Rev.ai surface.
pub(crate) static REVAI: LazyLock<Value> =
    LazyLock::new(|| read(include_str!("../../../schemas/openapi/revai.yaml")));
/// That of the cielo24 surface.
pub(crate) static CIELO24: LazyLock<Value> =
    LazyLock::new(|| read(include_str!("../../../schemas/openapi/cielo24.yaml")));

fn read(text: &str) -> Value {
    serde_yaml_ng::from_str(text).expect("the description is YAML")
}

/// Returns the description of the surface that a path belongs to.
pub(crate) fn description(path: &str) -> &'static Value {
    let is_revai = ["/revspeech/v1beta", "/speechtotext/v1"].iter().any(|p| path.starts_with(p));
    match is_revai {
        true => &REVAI,
        false if is_cielo24(path) => &CIELO24,
        false => &DESCRIPTION,
    }
}

/// Returns whether a path belongs to the cielo24 surface.
pub(crate) fn is_cielo24(path: &str) -> bool {
    ["/api/job/", "/api/account/"].iter().any(|prefix| path.starts_with(prefix))
}

/// Returns whether a path is one that a description writes with names in braces.
pub(crate) fn is_path(described: &str, path: &str) -> bool {
    let (ours, theirs) = (described.split('/'), path.split('/'));
    ours.clone().count() == theirs.clone().count()
        && ours.zip(theirs).all(|(ours, theirs)| ours == theirs || ours.starts_with('{'))
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Reads an answer from the bytes of a connection that was closed behind it.
    #[track_caller]
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).expect("heads are ASCII here");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let headers = lines.map(|line| line.split_once(": ").expect("a header line"));
        Self {
            status: status.parse().expect("a status"),
            headers: headers.map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    /// Returns a header, or "".
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{} with no JSON: {}", self.status, self.text()))
    }

    /// Asserts the status and a `detail` text.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, detail: &str) {
        assert_eq!((self.status, self.json()), (status, json!({ "detail": detail })));
    }

    /// Returns what a refusal of the cielo24 surface is called; "" where it is none.
    pub(crate) fn error_type(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let kind = body["ErrorType"].as_str().filter(|_| self.status == 400);
        kind.unwrap_or_default().to_owned()
    }

    /// Asserts a refusal of the cielo24 surface, with words of its comment.
    #[track_caller]
    pub(crate) fn is_error(&self, kind: &str, words: &str) {
        assert_eq!(self.error_type(), kind, "{} {}", self.status, self.text());
        assert!(self.text().contains(words), "{words:?} is not in {}", self.text());
    }

    /// Asserts a 422 with these kinds and places, in this order.
    #[track_caller]
    pub(crate) fn is_invalid(&self, expected: &[(&str, Value)]) {
        assert_eq!(self.status, 422, "{}", self.text());
        let body = self.json();
        let faults = body["detail"].as_array().expect("a list of faults");
        let kind = |fault: &'_ Value| fault["type"].as_str().unwrap_or_default().to_owned();
        let shown = faults.iter().map(|fault| (kind(fault), fault["loc"].clone()));
        let found: Vec<_> = shown.collect();
        let expected: Vec<_> =
            expected.iter().map(|(k, loc)| ((*k).to_owned(), loc.clone())).collect();
        assert_eq!(found, expected, "{body}");
    }

    /// Returns the text of the only fault of a 422.
    #[track_caller]
    pub(crate) fn only_fault(&self) -> String {
        let body = self.json();
        assert_eq!(body["detail"].as_array().map(Vec::len), Some(1), "{body}");
        body["detail"][0]["msg"].as_str().expect("a text").to_owned()
    }

    /// Asserts that the description allows this answer.
    #[track_caller]
    pub(crate) fn fits(&self, method: &Method, path: &str) {
        let path = path.split('?').next().unwrap_or_default();
        let whole = description(path);
        let paths = whole["paths"].as_object().expect("paths");
        let item = paths.iter().find(|(described, _)| is_path(described, path));
        let item = item.map_or(&Value::Null, |(_, item)| item);
        let operation = &item[method.as_str().to_ascii_lowercase()];
        if operation.is_null() {
            let is_none = if is_cielo24(path) {
                matches!(self.error_type().as_str(), "NOT_IMPLEMENTED" | "INVALID_QUERY")
            } else {
                matches!(self.status, 404 | 405)
            };
            assert!(is_none, "{method} {path} is not described");
            return;
        }
        let response = resolved(whole, &operation["responses"][self.status.to_string()]);
        assert!(
            !response.is_null(),
            "{method} {path} may not answer {}: {}",
            self.status,
            self.text()
        );
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let there = !self.header(&name.to_ascii_lowercase()).is_empty();
            assert!(there || header["required"] != json!(true), "{method} {path} lacks {name}");
        }
        if response["content"].is_null() {
            assert!(self.body.is_empty(), "{method} {path} has a body: {}", self.text());
            return;
        }
        let essence = self.header("content-type").split(';').next().unwrap_or_default();
        let content = response["content"].get(essence);
        let content = content.unwrap_or_else(|| panic!("{method} {path} may not be {essence:?}"));
        let Some(schema) = content.get("schema") else { return };
        let is_json = essence.ends_with("/json") || essence.ends_with("+json");
        let instance = if is_json { self.json() } else { Value::String(self.text()) };
        check(whole, schema, &instance);
    }
}

/// Follows a reference inside a description.
fn resolved<'a>(whole: &'a Value, node: &'a Value) -> &'a Value {
    let Some(place) = node["$ref"].as_str() else { return node };
    whole.pointer(place.trim_start_matches('#')).expect("references lead somewhere")
}

/// Validates a value against a schema of a description.
#[track_caller]
fn check(whole: &Value, schema: &Value, instance: &Value) {
    let mut schema = schema.clone();
    schema["components"] = whole["components"].clone();
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("the description's schemas are schemas");
    let errors: Vec<String> = validator
        .iter_errors(instance)
        .map(|e| format!("{} at {}", e, e.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{instance} does not fit: {errors:?}");
}
