//! What no route answers: 404 for an unknown path, 405 for a known one with another method.
//! Each in the error shape of the surface that the path belongs to.

use http::Method;
use warp::Filter;
use warp::path::FullPath;

use crate::answer::Refusal;
use crate::config::Surfaces;
use crate::routes::{ENDPOINTS, Route};
use crate::surface::cielo24;
use crate::surface::revai::Dialect;
use crate::{Api, ops, surface};

/// The route that matches everything.
pub(crate) fn route(api: &Api) -> Route {
    let surfaces = api.shared.config.surface.clone();
    let answer = move |path: FullPath| {
        let path = path.as_str();
        surface::refuse(path, refuse(path, &surfaces))
    };
    warp::path::full().map(answer).boxed()
}

/// Returns why a request has no route.
fn refuse(path: &str, surfaces: &Surfaces) -> Refusal {
    let without_slash = path.strip_suffix('/').filter(|rest| !rest.is_empty() && *rest != "/");
    let path = without_slash.unwrap_or(path);
    let served = ENDPOINTS.iter().filter(|(_, known)| is_served(known, surfaces));
    let methods: Vec<&str> = served
        .filter(|(_, known)| matches(known, path))
        .map(|(method, _)| Method::as_str(method))
        .collect();
    if methods.is_empty() {
        return Refusal::NotFound("Not Found");
    }
    Refusal::WrongMethod(methods.join(", "))
}

/// Returns whether the surface of an endpoint is on.
fn is_served(endpoint: &str, surfaces: &Surfaces) -> bool {
    if ops::PATHS.contains(&endpoint) {
        return true;
    }
    if cielo24::has(endpoint) {
        return surfaces.cielo24.enabled;
    }
    match Dialect::of(endpoint) {
        Some(_) => surfaces.revai.enabled,
        None => surfaces.transcriptions.enabled,
    }
}

/// Returns whether a path is one of an endpoint's.
fn matches(endpoint: &str, path: &str) -> bool {
    let fits = |(ours, theirs): (&str, &str)| {
        ours == theirs || (ours.starts_with('{') && !theirs.is_empty())
    };
    endpoint.split('/').count() == path.split('/').count()
        && endpoint.split('/').zip(path.split('/')).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surfaces(transcriptions: bool, revai: bool) -> Surfaces {
        let mut surfaces = Surfaces::default();
        surfaces.transcriptions.enabled = transcriptions;
        surfaces.revai.enabled = revai;
        surfaces.cielo24.enabled = false;
        surfaces
    }

    #[test]
    fn a_known_path_lists_its_methods_and_an_unknown_one_does_not_exist() {
        let methods = |path| refuse(path, &surfaces(true, true));
        assert_eq!(methods("/auth/login/"), Refusal::WrongMethod("POST".to_owned()));
        let both = Refusal::WrongMethod("POST, GET".to_owned());
        assert_eq!(methods("/worker/transcription_status"), both);
        let both = Refusal::WrongMethod("GET, DELETE".to_owned());
        assert_eq!(methods("/speechtotext/v1/jobs/any/"), both);
        for unknown in
            ["/auth", "/auth/login//", "//", "/AUTH/login", "", "/speechtotext/v1/jobs/7/x"]
        {
            assert_eq!(methods(unknown), Refusal::NotFound("Not Found"), "{unknown}");
        }
    }

    #[test]
    fn a_surface_that_is_off_has_no_paths() {
        let off = |path| refuse(path, &surfaces(false, true));
        assert_eq!(off("/auth/login"), Refusal::NotFound("Not Found"));
        assert_eq!(off("/livez"), Refusal::WrongMethod("GET".to_owned()));
        let jobs = "/revspeech/v1beta/jobs";
        assert_eq!(off(jobs), Refusal::WrongMethod("POST, GET".to_owned()));
        assert_eq!(refuse(jobs, &surfaces(true, false)), Refusal::NotFound("Not Found"));
        let new = "/api/job/new";
        assert_eq!(off(new), Refusal::NotFound("Not Found"));
        let both = Refusal::WrongMethod("GET, POST".to_owned());
        assert_eq!(refuse(new, &Surfaces::default()), both);
    }
}
