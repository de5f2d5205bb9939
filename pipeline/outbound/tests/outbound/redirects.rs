//! Redirects: each is a new URL.

use std::net::TcpListener;
use std::sync::Arc;

use scribed_outbound::{Config, ErrorKind, Outbound};

use crate::bench::{Asked, Book, Memory, Reply, Server, config, fetch, fetch_with, refused_with};

#[tokio::test]
async fn redirects_are_followed_to_the_recording() {
    for status in ["301", "302", "303", "307", "308"] {
        let status = format!("{status} Elsewhere");
        let server = Server::start(move |asked: &Asked| match asked.path.as_str() {
            "/a/b" => Reply::new(&status, &[("Location", "../c?d#e")], b"no recording"),
            "/c?d" => Reply::ok(b"sound"),
            other => Reply::new("404 Not Found", &[], other.as_bytes()),
        });
        let server = server.await;
        let (_, memory) = fetch(&server, "/a/b").await.unwrap();
        assert_eq!(memory.bytes, b"sound");
        assert_eq!(server.connections(), 2, "each on a connection of its own");
    }
}

#[tokio::test]
async fn a_redirect_leads_to_another_host_as_a_url_does() {
    let there = Server::always(Reply::ok(b"sound")).await;
    let here = Server::always(Reply::redirect(&there.url("/x"))).await;
    let (_, memory) = fetch_with(&config(&[&here, &there]), &here.url("/")).await.unwrap();
    assert_eq!(memory.bytes, b"sound");
    assert_eq!(there.asked()[0].headers["host"], there.address.to_string());
    // The port of the other one is not allowed.
    refused_with(&config(&[&here]), &here.url("/"), ErrorKind::Forbidden).await;
    assert_eq!(there.connections(), 1);
}

#[tokio::test]
async fn a_redirect_into_a_private_network_is_refused() {
    // This one is on an address that is not allowed, and would answer.
    let canary = TcpListener::bind("127.0.0.2:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let private = format!("http://{}/", canary.local_addr().unwrap());
    for location in [private.as_str(), "http://10.0.0.1/", "//169.254.169.254/", "http://[::1]/"] {
        let server = Server::always(Reply::redirect(location)).await;
        let mut settings = config(&[&server]);
        settings.ports.extend([80, canary.local_addr().unwrap().port()]);
        refused_with(&settings, &server.url("/"), ErrorKind::Forbidden).await;
    }
    assert!(canary.accept().is_err(), "nobody called");
}

#[tokio::test]
async fn a_redirect_to_a_name_is_checked_once_it_is_resolved() {
    let here = Server::start(|asked: &Asked| match asked.headers["host"].as_str() {
        host if host.starts_with("public") => Reply::redirect("http://inside/"),
        _ => Reply::ok(b"secret"),
    });
    let here = here.await;
    let mut settings = config(&[&here]);
    settings.ports.push(80);
    let book = Book::new(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let outbound = Outbound::with_resolver(&settings, Arc::clone(&book) as _).unwrap();
    let fetched = outbound.fetch(&here.url_of("public", "/"), &mut Memory::default()).await;
    assert_eq!(fetched.unwrap_err().kind, ErrorKind::Forbidden);
    assert_eq!((here.connections(), book.asked()), (1, 2));
}

#[tokio::test]
async fn too_many_redirects_are_not_followed() {
    let turning = Server::start(|asked: &Asked| Reply::redirect(&format!("/{}", asked.number)));
    let turning = turning.await;
    let settings = Config { redirects: 3, ..config(&[&turning]) };
    let error = refused_with(&settings, &turning.url("/"), ErrorKind::BadRedirect).await;
    assert!(error.to_string().contains("outbound.redirects"), "{error}");
    assert_eq!(turning.connections(), 4);
    let none = Config { redirects: 0, ..config(&[&turning]) };
    refused_with(&none, &turning.url("/"), ErrorKind::BadRedirect).await;
    assert_eq!(turning.connections(), 5);
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_is_refused() {
    for (location, kind) in [
        (None, ErrorKind::BadRedirect),
        (Some("file:///etc/passwd"), ErrorKind::UnsupportedUrl),
        (Some("http://"), ErrorKind::UnsupportedUrl),
        (Some("http://me:secret@127.0.0.1/"), ErrorKind::UnsupportedUrl),
        (Some("gopher://127.0.0.1/"), ErrorKind::UnsupportedUrl),
    ] {
        let headers: Vec<_> = location.into_iter().map(|to| ("Location", to)).collect();
        let server = Server::always(Reply::new("302 Found", &headers, b"")).await;
        let error = refused_with(&config(&[&server]), &server.url("/"), kind).await;
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
