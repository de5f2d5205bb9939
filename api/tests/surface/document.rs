//! The descriptions of the surfaces and the routes list the same endpoints.

use std::collections::BTreeSet;

use scribed_api::ENDPOINTS;
use serde_json::json;

use crate::harness::House;
use crate::reply::{CIELO24, DESCRIPTION, REVAI, is_cielo24};
use crate::request::Request;

fn described() -> BTreeSet<(String, String)> {
    let paths =
        [&*DESCRIPTION, &*REVAI, &*CIELO24].map(|whole| whole["paths"].as_object().expect("paths"));
    let operations = paths.into_iter().flatten().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods");
        let methods = methods.keys().filter(|name| *name != "parameters");
        methods.map(move |method| (method.to_uppercase(), path.clone()))
    });
    operations.collect()
}

fn is_revai(path: &str) -> bool {
    ["/revspeech/", "/speechtotext/"].iter().any(|prefix| path.starts_with(prefix))
}

#[test]
fn every_endpoint_is_described_and_nothing_else_is() {
    let served: BTreeSet<(String, String)> =
        ENDPOINTS.iter().map(|(method, path)| (method.to_string(), (*path).to_owned())).collect();
    assert_eq!(served, described());
    assert_eq!(served.len(), ENDPOINTS.len(), "no endpoint is listed twice");
}

#[tokio::test]
async fn every_endpoint_that_is_listed_has_a_route_in_both_slash_forms() {
    let house = House::open().await;
    for (method, path) in ENDPOINTS {
        for path in [(*path).to_owned(), format!("{}/", path.trim_end_matches('/'))] {
            let request = Request::new(house.address, method.clone(), &path.replace("{id}", "7"));
            let reply = request.send().await;
            let status = reply.status;
            assert!(!matches!(status, 404 | 405 | 500..), "{method} {path} answers {status}");
            assert_ne!(reply.error_type(), "NOT_IMPLEMENTED", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_method_that_is_not_listed_is_refused_with_those_that_are() {
    let house = House::open().await;
    for (_, path) in ENDPOINTS {
        let allowed: Vec<&str> =
            ENDPOINTS.iter().filter(|(_, p)| p == path).map(|(m, _)| m.as_str()).collect();
        for method in [http::Method::PUT, http::Method::DELETE, http::Method::GET] {
            if allowed.contains(&method.as_str()) {
                continue;
            }
            let path = path.replace("{id}", "7");
            let reply = Request::new(house.address, method, &path).send().await;
            assert_eq!(reply.header("allow"), allowed.join(", "), "{path}");
            if is_cielo24(&path) {
                reply.is_error("INVALID_QUERY", "This call is made with");
                continue;
            }
            assert_eq!(reply.status, 405, "{path}");
            let place = if is_revai(&path) { "title" } else { "detail" };
            assert_eq!(reply.json()[place], "Method Not Allowed");
        }
    }
}

#[tokio::test]
async fn the_description_is_served_as_json() {
    let house = House::open().await;
    for (path, description) in [
        ("/openapi.json", &*DESCRIPTION),
        ("/openapi/revai.json", &*REVAI),
        ("/openapi/cielo24.json", &*CIELO24),
    ] {
        let reply = house.get(path).send().await;
        assert_eq!(reply.json(), *description);
        assert_eq!(reply.json()["openapi"], json!("3.1.0"));
    }
}

#[tokio::test]
async fn an_unknown_path_does_not_exist() {
    let house = House::open().await;
    for path in ["/nothing", "/auth", "/auth/login//", "//", "/auth/login/x", "/Auth/Login"] {
        house.get(path).undescribed().send().await.refuses(404, "Not Found");
    }
}

#[tokio::test]
async fn an_unknown_path_of_the_revai_surface_is_refused_in_its_shape() {
    let house = House::open().await;
    for path in ["/revspeech/v1beta", "/speechtotext/v1/nothing", "/speechtotext/v1/jobs/7/x"] {
        let reply = house.get(path).undescribed().send().await;
        assert_eq!((reply.status, reply.json()["title"].clone()), (404, json!("Not Found")));
        assert_eq!(reply.header("content-type"), "application/problem+json");
    }
}

#[tokio::test]
async fn an_unknown_call_of_the_cielo24_surface_is_refused_in_its_shape() {
    let house = House::open().await;
    for path in ["/api/job", "/api/job/burn_in_caption", "/api/account/x", "/api/job/new/x"] {
        let reply = house.get(path).undescribed().send().await;
        reply.is_error("NOT_IMPLEMENTED", "This server has no such call.");
    }
    house.get("/api/jobs").undescribed().send().await.refuses(404, "Not Found");
}

#[tokio::test]
async fn the_cielo24_surface_can_be_switched_off_alone() {
    let house = House::with(|config| config.surface.cielo24.enabled = false).await;
    let reply = house.get("/api/job/list").undescribed().send().await;
    reply.is_error("NOT_IMPLEMENTED", "This server has no such call.");
    assert_eq!(house.get("/speechtotext/v1/account").send().await.status, 401);
}

#[tokio::test]
async fn the_revai_surface_can_be_switched_off_alone() {
    let house = House::with(|config| config.surface.revai.enabled = false).await;
    let reply = house.get("/speechtotext/v1/account").undescribed().send().await;
    assert_eq!(reply.status, 404);
    assert_eq!(house.get("/auth/info").send().await.status, 401);
}

#[tokio::test]
async fn a_surface_that_is_switched_off_is_gone_and_health_stays() {
    let house = House::with(|config| config.surface.transcriptions.enabled = false).await;
    house.get("/auth/info").undescribed().send().await.refuses(404, "Not Found");
    assert_eq!(house.get("/livez").send().await.text(), "ok");
    assert_eq!(house.get("/readyz").send().await.text(), "ok");
}
