//! The API description and the routes list the same endpoints.

use std::collections::BTreeSet;

use scribed_api::ENDPOINTS;
use serde_json::json;

use crate::harness::House;
use crate::reply::DESCRIPTION;
use crate::request::Request;

fn described() -> BTreeSet<(String, String)> {
    let paths = DESCRIPTION["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods");
        methods.keys().map(move |method| (method.to_uppercase(), path.clone()))
    });
    operations.collect()
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
            let request = Request::new(house.address, method.clone(), &path);
            let status = request.send().await.status;
            assert!(!matches!(status, 404 | 405 | 500..), "{method} {path} answers {status}");
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
            let reply = Request::new(house.address, method, path).send().await;
            reply.refuses(405, "Method Not Allowed");
            assert_eq!(reply.header("allow"), allowed.join(", "), "{path}");
        }
    }
}

#[tokio::test]
async fn the_description_is_served_as_json() {
    let house = House::open().await;
    let reply = house.get("/openapi.json").send().await;
    assert_eq!(reply.json(), *DESCRIPTION);
    assert_eq!(reply.json()["openapi"], json!("3.1.0"));
}

#[tokio::test]
async fn an_unknown_path_does_not_exist() {
    let house = House::open().await;
    for path in ["/nothing", "/auth", "/auth/login//", "//", "/auth/login/x", "/Auth/Login"] {
        house.get(path).undescribed().send().await.refuses(404, "Not Found");
    }
}

#[tokio::test]
async fn a_surface_that_is_switched_off_is_gone_and_health_stays() {
    let house = House::with(|config| config.surface.transcriptions.enabled = false).await;
    house.get("/auth/info").undescribed().send().await.refuses(404, "Not Found");
    assert_eq!(house.get("/livez").send().await.text(), "ok");
    assert_eq!(house.get("/readyz").send().await.text(), "ok");
}
