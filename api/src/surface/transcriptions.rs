//! The transcriptions surface: accounts, uploads, jobs, their text page by page, and exports.
//!
//! One endpoint per file; this listing is the index. Errors are `{"detail": …}` with the texts that
//! clients of the original service compare.

mod cancel;
mod credentials;
mod export;
mod external;
mod health;
mod info;
mod job_info;
mod list;
mod login;
mod ownership;
mod page;
mod patch;
mod refresh;
mod register;
mod session;
mod transcript;
mod upload;
mod view;
mod worker_get;
mod worker_post;

pub use credentials::{password_is_acceptable, username_is_acceptable};

use crate::Api;
use crate::routes::{Route, one_of};

/// Returns the routes of the surface.
pub(crate) fn routes(api: &Api) -> Route {
    one_of(vec![
        job_info::route(api),
        transcript::route(api),
        list::route(api),
        upload::route(api),
        export::route(api),
        cancel::route(api),
        worker_post::route(api),
        worker_get::route(api),
        login::route(api),
        refresh::route(api),
        register::route(api),
        info::route(api),
        patch::route(api),
        health::route(api),
    ])
}
