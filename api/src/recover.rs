//! What no route answers: 404 for an unknown path, 405 for a known one with another method.

use http::Method;
use warp::Filter;
use warp::path::FullPath;

use crate::answer::{Answer, Refusal, respond};
use crate::routes::{ENDPOINTS, Route};
use crate::{Api, ops};

/// The route that matches everything.
pub(crate) fn route(api: &Api) -> Route {
    let surface_on = api.shared.config.surface.transcriptions.enabled;
    warp::path::full().map(move |path: FullPath| respond(refuse(path.as_str(), surface_on))).boxed()
}

/// Returns why a request has no route.
fn refuse(path: &str, surface_on: bool) -> Answer {
    let without_slash = path.strip_suffix('/').filter(|rest| !rest.is_empty() && *rest != "/");
    let path = without_slash.unwrap_or(path);
    let served = ENDPOINTS.iter().filter(|(_, known)| surface_on || ops::PATHS.contains(known));
    let methods: Vec<&str> = served
        .filter(|(_, known)| *known == path)
        .map(|(method, _)| Method::as_str(method))
        .collect();
    if methods.is_empty() {
        return Err(Refusal::NotFound("Not Found"));
    }
    Err(Refusal::WrongMethod(methods.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_path_lists_its_methods_and_an_unknown_one_does_not_exist() {
        let methods = |path| refuse(path, true).unwrap_err();
        assert_eq!(methods("/auth/login/"), Refusal::WrongMethod("POST".to_owned()));
        let both = Refusal::WrongMethod("POST, GET".to_owned());
        assert_eq!(methods("/worker/transcription_status"), both);
        for unknown in ["/auth", "/auth/login//", "//", "/AUTH/login", ""] {
            assert_eq!(methods(unknown), Refusal::NotFound("Not Found"), "{unknown}");
        }
    }

    #[test]
    fn a_surface_that_is_off_has_no_paths() {
        assert_eq!(refuse("/auth/login", false).unwrap_err(), Refusal::NotFound("Not Found"));
        assert_eq!(refuse("/livez", false).unwrap_err(), Refusal::WrongMethod("GET".to_owned()));
    }
}
