//! Calls: what is said, and what comes of it.

use std::net::TcpListener;
use std::sync::Arc;

use bytes::Bytes;
use scribed_outbound::{Answered, Call, Config, Error, ErrorKind, Method, Outbound};

use crate::bench::{Book, Reply, Server, config};

fn post(url: &str) -> Call {
    let headers = [("Content-Type", "application/json"), ("X-Mine", "geheim")];
    Call {
        method: Method::Post,
        url: url.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: Bytes::from_static(b"{\"state\":\"completed\"}"),
    }
}

fn get(url: &str) -> Call {
    Call { method: Method::Get, body: Bytes::new(), ..post(url) }
}

async fn call_with(config: &Config, call: &Call) -> Result<Answered, Error> {
    Outbound::new(config).expect("the settings fit").call(call).await
}

/// Calls a server that is allowed.
async fn call(server: &Server, call: &Call) -> Result<Answered, Error> {
    call_with(&config(&[server]), call).await
}

/// Calls in vain; what is said shows nothing that is secret.
async fn failed_with(config: &Config, call: &Call, kind: ErrorKind) -> Error {
    let error = call_with(config, call).await.expect_err("nobody answers");
    let said = error.to_string();
    assert_eq!(error.kind, kind, "{said}");
    assert!(said.starts_with("cannot call ") && !said.contains("geheim"), "{said}");
    error
}

#[tokio::test]
async fn a_receiver_is_told_what_there_is_to_say() {
    let server = Server::always(Reply::new("204 No Content", &[], b"")).await;
    let answered = call(&server, &post(&server.url("/done?token=x#y"))).await.unwrap();
    assert!(answered.is_success() && answered.status() == 204);
    let [asked] = &server.asked()[..] else { panic!("it is called once") };
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/done?token=x"));
    assert_eq!(asked.body, post("").body);
    assert_eq!(asked.headers["host"], server.address.to_string());
    assert_eq!(asked.headers["content-type"], "application/json");
    assert_eq!(asked.headers["x-mine"], "geheim");
    assert!(asked.headers["user-agent"].starts_with("scribed/"));
    assert!(!asked.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_get_has_no_body() {
    let server = Server::always(Reply::ok(b"thanks")).await;
    assert!(call(&server, &get(&server.url("/done/7?a=b%20c"))).await.unwrap().is_success());
    let [asked] = &server.asked()[..] else { panic!("it is called once") };
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("GET", "/done/7?a=b%20c"));
    assert!(asked.body.is_empty() && !asked.headers.contains_key("content-length"));
}

#[tokio::test]
async fn a_user_in_the_url_is_a_header_and_shown_to_nobody() {
    let server = Server::always(Reply::ok(b"")).await;
    let url = server.url("/done").replace("//", "//me:geheim%21@");
    call(&server, &post(&url)).await.unwrap();
    let asked = server.asked().remove(0);
    // The user `me` with the password `geheim!`.
    assert_eq!(asked.headers["authorization"], "Basic bWU6Z2VoZWltIQ==");
    assert!(!asked.path.contains("geheim") && !asked.headers["host"].contains("me"));
    // What the submitter says itself counts more.
    let mut own = post(&url);
    own.headers.push(("Authorization".to_owned(), "Bearer mine".to_owned()));
    call(&server, &own).await.unwrap();
    assert_eq!(server.asked()[1].headers["authorization"], "Bearer mine");
    let closed = Config { allowed_networks: Vec::new(), ..config(&[&server]) };
    failed_with(&closed, &post(&url), ErrorKind::Forbidden).await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn every_status_comes_back() {
    for (status, is_success, is_gone) in
        [("200 OK", true, false), ("299 Fine", true, false), ("410 Gone", false, true)]
    {
        let server = Server::always(Reply::new(status, &[], b"words")).await;
        let answered = call(&server, &post(&server.url("/"))).await.unwrap();
        assert_eq!((answered.is_success(), answered.is_gone()), (is_success, is_gone), "{status}");
    }
    for status in ["400 Bad Request", "404 Not Found", "500 Trouble", "503 Service Unavailable"] {
        let server = Server::always(Reply::new(status, &[], b"words")).await;
        let answered = call(&server, &post(&server.url("/"))).await.unwrap();
        assert!(!answered.is_success() && !answered.is_gone(), "{status}");
        assert!(answered.to_string().contains(&status[..3]), "{answered}");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let there = Server::always(Reply::ok(b"")).await;
    let here = Server::always(Reply::redirect(&there.url("/"))).await;
    for call in [post(&here.url("/")), get(&here.url("/"))] {
        let answered = call_with(&config(&[&here, &there]), &call).await.unwrap();
        assert!(!answered.is_success());
        assert!(answered.to_string().contains("302 Found, a redirect"), "{answered}");
    }
    assert_eq!((here.connections(), there.connections()), (2, 0));
}

#[tokio::test]
async fn a_long_answer_is_read_for_a_moment_and_forgotten() {
    let endless = Reply::raw("HTTP/1.1 200 OK\r\n\r\n").then_zeros(1 << 40);
    let server = Server::always(endless).await;
    assert!(call(&server, &post(&server.url("/"))).await.unwrap().is_success());
    // What the kernel holds on both sides is sent as well.
    assert!(server.sent() < 64 * 1024 * 1024, "{}", server.sent());
    // One that breaks off was an answer all the same.
    let short = Server::always(Reply::ok(b"thanks").cut(Reply::ok(b"thanks").len() - 1)).await;
    assert!(call(&short, &post(&short.url("/"))).await.unwrap().is_success());
}

#[tokio::test]
async fn a_receiver_that_is_silent_is_left() {
    let server = Server::always(Reply::default().then_silent()).await;
    let settings = Config { idle_timeout_ms: 50, ..config(&[&server]) };
    let error = failed_with(&settings, &post(&server.url("/?geheim")), ErrorKind::TimedOut).await;
    assert!(error.reason().contains("outbound.idle_timeout_ms"), "{error}");
    assert!(!error.reason().contains("127.0.0.1"), "{error}");
    server.left().await;
}

#[tokio::test]
async fn a_receiver_that_speaks_something_else_did_not_answer() {
    let server = Server::always(Reply::raw("SSH-2.0-OpenSSH_9.6\r\n")).await;
    failed_with(&config(&[&server]), &post(&server.url("/")), ErrorKind::BadAnswer).await;
    let server = Server::always(Reply::default()).await;
    failed_with(&config(&[&server]), &post(&server.url("/")), ErrorKind::BrokenOff).await;
}

#[tokio::test]
async fn the_rules_of_addresses_are_those_of_fetching() {
    let canary = TcpListener::bind("127.0.0.2:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let port = canary.local_addr().unwrap().port();
    let server = Server::always(Reply::ok(b"")).await;
    let mut settings = config(&[&server]);
    settings.ports.push(port);
    failed_with(&settings, &post(&format!("http://127.0.0.2:{port}/")), ErrorKind::Forbidden).await;
    failed_with(&settings, &post("http://127.0.0.1:22/"), ErrorKind::Forbidden).await;
    failed_with(&settings, &post("ftp://127.0.0.1/"), ErrorKind::UnsupportedUrl).await;
    failed_with(&settings, &post("geheim"), ErrorKind::UnsupportedUrl).await;
    // A name is resolved once, and the second answer leads nobody astray.
    let book = Book::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let outbound = Outbound::with_resolver(&settings, Arc::clone(&book) as _).unwrap();
    let url = server.url_of("rebinding.test", "/");
    assert!(outbound.call(&post(&url)).await.unwrap().is_success());
    assert_eq!((book.asked(), server.connections()), (1, 1));
    let error = outbound.call(&post(&url)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden, "{error}");
    assert!(canary.accept().is_err(), "nobody called");
}

#[tokio::test]
async fn an_address_to_be_called_is_looked_at_without_a_connection() {
    let server = Server::always(Reply::ok(b"")).await;
    let outbound = Outbound::new(&config(&[&server])).unwrap();
    let named = server.url("/").replace("//", "//me:geheim@");
    outbound.check_call(&named).unwrap();
    // Tags that are filled in later.
    outbound.check_call(&server.url("/{job_id}?name={job_name}")).unwrap();
    let error = outbound.check_call("http://me:geheim@10.0.0.1/").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden);
    assert!(!error.to_string().contains("geheim"), "{error}");
    let error = outbound.check_call("mailto:geheim@example.org").unwrap_err();
    assert_eq!(error.kind, ErrorKind::UnsupportedUrl);
    assert!(!error.to_string().contains("geheim"), "{error}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_not() {
    let server = Server::always(Reply::ok(b"")).await;
    for (name, value) in [("Host", "other"), ("x y", "z"), ("x", "a\r\nHost: other")] {
        let mut call = post(&server.url("/"));
        call.headers.push((name.to_owned(), value.to_owned()));
        failed_with(&config(&[&server]), &call, ErrorKind::BadHeader).await;
    }
    assert_eq!(server.connections(), 0);
}
