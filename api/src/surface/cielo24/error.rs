//! Errors: why a call is refused, in the vendor's words, always with status 400.
//!
//! ```text
//! 400 {"ErrorType": "MISSING_PARAMETER", "ErrorComment": "The parameter job_id is missing."}
//! ```

use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use warp::reply::Response;

use crate::answer::{self, Refusal, Success};

/// What handlers of this surface return.
pub(super) type Answer<T = Success> = Result<T, Error>;

/// The vendor's words for what is wrong, as far as they come up here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name and a password do not belong together.
    LoginInvalid,
    /// The account may not do this.
    AccountUnprivileged,
    /// Who calls is not known.
    BadApiToken,
    /// Something about the call cannot be used.
    InvalidQuery,
    /// A value is none of those that a parameter may have.
    InvalidOption,
    /// A parameter is not there.
    MissingParameter,
    /// A URL cannot be asked.
    InvalidUrl,
    /// There is none, or it is somebody else's.
    ItemNotFound,
    /// The vendor may have such a call; here there is none.
    NotImplemented,
    /// The fault is on this side, or it is too much for now.
    UnhandledError,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::LoginInvalid => "LOGIN_INVALID",
            Self::AccountUnprivileged => "ACCOUNT_UNPRIVILEGED",
            Self::BadApiToken => "BAD_API_TOKEN",
            Self::InvalidQuery => "INVALID_QUERY",
            Self::InvalidOption => "INVALID_OPTION",
            Self::MissingParameter => "MISSING_PARAMETER",
            Self::InvalidUrl => "INVALID_URL",
            Self::ItemNotFound => "ITEM_NOT_FOUND",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::UnhandledError => "UNHANDLED_ERROR",
        }
    }
}

/// Why a call is refused.
#[derive(Debug, PartialEq)]
pub(super) struct Error {
    kind: Kind,
    comment: String,
    /// When to come again, or which methods there are.
    header: Option<(HeaderName, HeaderValue)>,
}

impl Error {
    /// Makes an error.
    pub(super) fn new(kind: Kind, comment: impl Into<String>) -> Self {
        Self { kind, comment: comment.into(), header: None }
    }

    /// The refusal of a call without a parameter that it needs.
    pub(super) fn missing(name: &str) -> Self {
        Self::new(Kind::MissingParameter, format!("The parameter {name} is missing."))
    }

    /// The refusal of something about a call.
    pub(super) fn query(comment: impl Into<String>) -> Self {
        Self::new(Kind::InvalidQuery, comment)
    }

    /// The refusal of a value.
    pub(super) fn option(comment: impl Into<String>) -> Self {
        Self::new(Kind::InvalidOption, comment)
    }

    /// The refusal of a URL in a parameter.
    pub(super) fn url(name: &str, why: &str) -> Self {
        Self::new(Kind::InvalidUrl, format!("The URL in {name} cannot be used: {why}."))
    }

    /// The refusal of an id that names nothing of the caller's.
    pub(super) fn no_such_job() -> Self {
        Self::new(Kind::ItemNotFound, "There is no job with this job_id.")
    }

    /// Makes HTTP of it.
    fn respond(self) -> Response {
        let document = json!({"ErrorType": self.kind.word(), "ErrorComment": self.comment});
        answer::refused(StatusCode::BAD_REQUEST, &document, self.header)
    }
}

impl<E: Into<Refusal>> From<E> for Error {
    fn from(error: E) -> Self {
        let refusal = error.into();
        let kind = match refusal {
            Refusal::Unauthorized(_) => Kind::BadApiToken,
            Refusal::Forbidden(_) => Kind::AccountUnprivileged,
            // All that is looked for by an id is a job.
            Refusal::NotFound(_) => return Self::no_such_job(),
            Refusal::WrongMethod(_)
            | Refusal::Conflict(_)
            | Refusal::Invalid(_)
            | Refusal::Malformed(_)
            | Refusal::TooSlow
            | Refusal::TooLarge(_) => Kind::InvalidQuery,
            Refusal::Busy
            | Refusal::TooOften(_)
            | Refusal::Internal
            | Refusal::Unavailable
            | Refusal::Crowded
            | Refusal::Full => Kind::UnhandledError,
        };
        let header = match refusal {
            Refusal::Unauthorized(_) => None,
            _ => refusal.header(),
        };
        Self { kind, comment: comment(&refusal), header }
    }
}

/// Returns what a refusal says, as one text.
fn comment(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Invalid(faults) => {
            let texts = faults.iter().map(|fault| format!("{}: {}", fault.place(), fault.text()));
            texts.collect::<Vec<_>>().join("; ")
        }
        Refusal::WrongMethod(allowed) => format!("This call is made with {allowed}."),
        other => match other.detail() {
            Value::String(text) => text,
            other => other.to_string(),
        },
    }
}

/// Makes HTTP of an answer of this surface.
pub(super) fn respond(answer: Answer) -> Response {
    answer.map_or_else(Error::respond, |success| answer::respond(Ok(success)))
}

/// Refuses a request that comes to no handler, in the shape of this surface.
pub(crate) fn refuse(refusal: Refusal) -> Response {
    let error = match refusal {
        Refusal::NotFound(_) => Error::new(Kind::NotImplemented, "This server has no such call."),
        refusal => refusal.into(),
    };
    error.respond()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(refusal: Refusal, kind: Kind, comment: &str) {
        let error = Error::from(refusal);
        assert_eq!((error.kind, error.comment.as_str()), (kind, comment));
    }

    #[test]
    fn refusals_that_every_surface_knows_have_the_vendors_words() {
        let token = Refusal::Unauthorized("Invalid or expired token");
        check(token, Kind::BadApiToken, "Invalid or expired token");
        check(Refusal::NotFound("x"), Kind::ItemNotFound, "There is no job with this job_id.");
        let wrong = Refusal::WrongMethod("GET, POST".to_owned());
        check(wrong, Kind::InvalidQuery, "This call is made with GET, POST.");
        check(Refusal::TooLarge(7), Kind::InvalidQuery, "The request body is over 7 bytes.");
        let fault = crate::validate::Fault::value(&["header", "Idempotency-Key"], "it is empty");
        let said = "Idempotency-Key: Value error, it is empty";
        check(Refusal::invalid(fault), Kind::InvalidQuery, said);
    }

    #[test]
    fn every_error_is_a_400_and_says_when_to_come_again() {
        let often = Refusal::TooOften(Duration::from_secs(5));
        for refusal in [often, Refusal::Full, Refusal::Internal, Refusal::Unauthorized("x")] {
            let asks_to_wait = matches!(refusal, Refusal::TooOften(_) | Refusal::Full);
            let response = refuse(refusal);
            assert_eq!(response.status(), 400);
            assert_eq!(response.headers().contains_key("retry-after"), asks_to_wait);
            assert!(!response.headers().contains_key("www-authenticate"));
        }
    }
}
