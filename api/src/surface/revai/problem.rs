//! Problems: why a request is refused, as problem documents (RFC 7807).
//!
//! ```text
//! 400 {title, type, parameter, parameters}      404 {title, type}      401 {title}
//! 409 {title, type, detail, current_value, allowed_values}             others {title, detail}
//! ```
//!
//! The document names the faults of a request `parameter`, a client reads `parameters`: both are sent.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};
use warp::reply::Response;

use super::dialect::Dialect;
use crate::answer::{self, Refusal, Success};

/// Where the vendor describes its errors; clients compare the whole.
const ERRORS: &str = "https://www.rev.ai/api/v1/errors";

/// What handlers of this surface return.
pub(super) type Answer<T = Success> = Result<T, Problem>;

/// Why a request is refused.
#[derive(Debug)]
pub(crate) enum Problem {
    /// For a reason that every surface knows.
    Refused(Refusal),
    /// 400: what is wrong with which parameter.
    Parameters(Parameters),
    /// 404: there is none, or it is somebody else's.
    NoSuchJob,
    /// 406: none of the forms that are made is accepted.
    NotAcceptable {
        /// What the client accepts.
        accepts: String,
        /// The forms that are made.
        allowed: &'static [&'static str],
    },
    /// 409: the job's state does not allow it.
    State {
        /// Its state.
        current: &'static str,
        /// Those that would do.
        allowed: &'static [&'static str],
        /// What cannot be done, as `obtain the transcript`.
        to: &'static str,
    },
    /// 415: the body is of a kind that is not taken.
    MediaType,
}

impl<E: Into<Refusal>> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl Problem {
    /// Refuses one parameter.
    pub(super) fn parameter(name: &str, message: impl Into<String>) -> Self {
        let mut parameters = Parameters::default();
        parameters.fault(name, message);
        Self::Parameters(parameters)
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Refused(Refusal::Invalid(_)) | Self::Parameters(_) => StatusCode::BAD_REQUEST,
            Self::Refused(refusal) => refusal.status(),
            Self::NoSuchJob => StatusCode::NOT_FOUND,
            Self::NotAcceptable { .. } => StatusCode::NOT_ACCEPTABLE,
            Self::State { .. } => StatusCode::CONFLICT,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    /// Returns the members of the document.
    fn members(&self, dialect: Dialect) -> Value {
        match self {
            Self::Refused(refusal) => refused(refusal, dialect),
            Self::Parameters(parameters) => parameters.members(),
            Self::NoSuchJob => {
                json!({"title": "could not find job", "type": format!("{ERRORS}/job-not-found")})
            }
            Self::NotAcceptable { accepts, allowed } => json!({
                "title": "Format is not supported",
                "type": format!("{ERRORS}/unsupported-transcript-format"),
                "detail": format!("Unsupported value {accepts}"),
                "allowed_values": allowed,
            }),
            Self::State { current, allowed, to } => json!({
                "title": "Job is in invalid state",
                "type": format!("{ERRORS}/invalid-job-state"),
                "detail": format!("Job is in invalid state to {to}"),
                "current_value": current,
                "allowed_values": allowed,
            }),
            Self::MediaType => json!({
                "title": "Unsupported Media Type",
                "detail": "A job is submitted as multipart/form-data or application/json.",
            }),
        }
    }
}

/// Shapes a refusal that every surface knows.
fn refused(refusal: &Refusal, dialect: Dialect) -> Value {
    let status = refusal.status();
    let reason = status.canonical_reason().unwrap_or("Error");
    match refusal {
        Refusal::Unauthorized(_) => json!({"title": dialect.denied()}),
        Refusal::Forbidden(text) | Refusal::NotFound(text) => json!({"title": text}),
        Refusal::WrongMethod(_) => json!({"title": reason}),
        Refusal::Malformed(text) => {
            let mut parameters = Parameters::default();
            parameters.fault("body", text);
            parameters.members()
        }
        Refusal::Invalid(faults) => {
            let mut parameters = Parameters::default();
            for fault in faults {
                parameters.fault(&fault.place(), fault.text());
            }
            parameters.members()
        }
        other => json!({"title": reason, "detail": other.detail()}),
    }
}

/// What is wrong with the parameters of a request, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(BTreeMap<String, Vec<String>>);

impl Parameters {
    /// Notes a fault.
    pub(super) fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.0.entry(name.to_owned()).or_default().push(message.into());
    }

    /// Returns what was read, or every fault.
    pub(super) fn finish<T>(self, read: T) -> Answer<T> {
        if self.0.is_empty() { Ok(read) } else { Err(Problem::Parameters(self)) }
    }

    /// Returns the names of what is wrong.
    #[cfg(test)]
    pub(super) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    fn members(&self) -> Value {
        json!({
            "title": "Your request parameters didn't validate",
            "type": format!("{ERRORS}/invalid-parameters"),
            "parameter": self.0,
            "parameters": self.0,
        })
    }
}

/// Makes HTTP of an answer of this surface.
pub(crate) fn respond(dialect: Dialect, answer: Answer) -> Response {
    let problem = match answer {
        Ok(success) => return answer::respond(Ok(success)),
        Err(problem) => problem,
    };
    let status = problem.status();
    let mut document: Map<String, Value> = match problem.members(dialect) {
        Value::Object(members) => members,
        other => Map::from_iter([("title".to_owned(), other)]),
    };
    if dialect == Dialect::V1 {
        document.insert("status".to_owned(), status.as_u16().into());
    }
    let header = match &problem {
        Problem::Refused(refusal) => refusal.header(),
        _ => None,
    };
    answer::problem(status, &Value::Object(document), header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::Fault;

    fn document(dialect: Dialect, problem: &Problem) -> Value {
        let mut members = problem.members(dialect);
        members["status"] = problem.status().as_u16().into();
        members
    }

    #[test]
    fn a_refused_token_has_a_title_and_nothing_else() {
        let refused = || Problem::from(Refusal::Unauthorized("Invalid or expired token"));
        let title = "Authorization has been denied for this request";
        assert_eq!(document(Dialect::V1Beta, &refused()), json!({"title": title, "status": 401}));
        let stopped = format!("{title}.");
        assert_eq!(document(Dialect::V1, &refused()), json!({"title": stopped, "status": 401}));
    }

    #[test]
    fn faults_of_the_shared_parts_become_parameters() {
        let fault = Fault::value(&["header", "Idempotency-Key"], "it is empty");
        let shown = document(Dialect::V1, &Problem::from(Refusal::invalid(fault)));
        assert_eq!(shown["status"], 400);
        assert_eq!(shown["parameters"], json!({"Idempotency-Key": ["Value error, it is empty"]}));
        assert_eq!(shown["parameter"], shown["parameters"]);
    }

    #[test]
    fn what_is_our_fault_keeps_its_status() {
        let shown = document(Dialect::V1, &Problem::from(Refusal::Full));
        assert_eq!(
            (&shown["status"], &shown["title"]),
            (&json!(507), &json!("Insufficient Storage"))
        );
    }
}
