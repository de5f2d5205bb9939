//! The Rev.ai surface: jobs with their transcripts and captions, in both forms that its clients speak.
//!
//! One endpoint per file; this listing is the index. Errors are problem documents (RFC 7807). What is
//! the same in both forms is written once; [`Dialect`] holds where they differ. A member that has no
//! value is left out, never null: clients tell by its presence.
//!
//! Sources: the binding description is that of the v1beta jobs endpoint; what it leaves out is as the
//! vendor's clients (`rev_ai` for Python, `revai-node-sdk`) read it.

mod account;
mod callback;
mod captions;
mod delete;
mod details;
mod dialect;
mod formats;
mod list;
mod options;
mod ownership;
mod problem;
mod profanity;
mod source;
mod submit;
mod transcript;
mod view;
mod vocabulary;

pub(crate) use dialect::Dialect;
pub(crate) use problem::respond;

use crate::Api;
use crate::routes::{Route, one_of};

/// Returns the routes of the surface, of both forms.
pub(crate) fn routes(api: &Api) -> Route {
    let of = |dialect| {
        vec![
            details::route(api, dialect),
            transcript::route(api, dialect),
            captions::route(api, dialect),
            list::route(api, dialect),
            submit::route(api, dialect),
            delete::route(api, dialect),
            account::route(api, dialect),
        ]
    };
    one_of(Dialect::ALL.into_iter().flat_map(of).collect())
}
