//! The cielo24 surface: a job is made first, is given its recording, and is ordered; then it is worked on.
//!
//! One endpoint per file; this listing is the index. Every error is a 400 with `ErrorType` and
//! `ErrorComment`; a member that has no value is left out, never null. Parameters come in the query, or in
//! a JSON body where a client posts; who calls is said by `api_token` in the query.
//!
//! Sources: the binding description is that of five operations by POST; what it leaves out is as the
//! vendor's wider documentation says, whose clients ask for everything by GET, and as its clients
//! (`cielo24` for Python, and the generated one) read it.

mod add_media_file;
mod add_media_url;
mod authorize;
mod call;
mod callback;
mod delete;
mod display;
mod error;
mod facts;
mod filter;
mod get_caption;
mod get_elementlist;
mod get_transcript;
mod id;
mod info;
mod language;
mod list;
mod list_elementlists;
mod login;
mod logout;
mod media;
mod new;
mod notice;
mod options;
mod order;
mod params;
mod particulars;
mod perform_transcription;
mod verify_key;
mod version;
mod view;

pub(crate) use error::refuse;
pub(crate) use notice::notice;

use crate::Api;
use crate::routes::{Route, one_of};

/// What all paths of the surface begin with.
const PREFIXES: [&str; 2] = ["/api/job", "/api/account"];

/// Returns whether a path belongs to this surface.
pub(crate) fn has(path: &str) -> bool {
    PREFIXES.iter().any(|prefix| {
        let rest = path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Returns the routes of the surface.
pub(crate) fn routes(api: &Api) -> Route {
    one_of(vec![
        info::route(api),
        list::route(api),
        new::route(api),
        add_media_file::route(api),
        add_media_url::route(api),
        perform_transcription::route(api),
        authorize::route(api),
        get_transcript::route(api),
        get_caption::route(api),
        get_elementlist::route(api),
        list_elementlists::route(api),
        media::route(api),
        delete::route(api),
        login::route(api),
        logout::route(api),
        verify_key::route(api),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_the_surface_below_its_prefixes_alone() {
        for path in ["/api/job", "/api/job/new", "/api/account/login", "/api/job/"] {
            assert!(has(path), "{path}");
        }
        for path in ["/api", "/api/jobs", "/api/auth/login", "/api/accounts", "/", "/API/job"] {
            assert!(!has(path), "{path}");
        }
    }
}
