//! The collection of hostile URLs, wherever names lead: nobody is called.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;

use bytes::Bytes;
use scribed_outbound::{Call, Config, ErrorKind, Method, Outbound, Resolve, SystemResolver};

use crate::bench::{Book, Memory};

const URLS: &str = include_str!("../../../../tests/security/hostile-urls.json");
/// URLs that there must be.
const LEAST: usize = 174;

/// Asks for every URL and calls it, and returns how often it was refused for which reason.
async fn ask_all(port: u16, resolver: Arc<dyn Resolve>) -> BTreeMap<&'static str, usize> {
    let listed: Vec<BTreeMap<String, String>> = serde_json::from_str(URLS).expect("it is JSON");
    assert!(listed.len() >= LEAST, "{} URLs", listed.len());
    // The port is not what saves us.
    let settings = Config { ports: vec![80, 443, port], ..Config::default() };
    let outbound = Outbound::with_resolver(&settings, resolver).expect("the settings fit");
    let mut words = BTreeMap::new();
    for entry in listed {
        let url = entry["url"].replace("{port}", &port.to_string());
        let fetched = outbound.fetch(&url, &mut Memory::default()).await;
        let kind = fetched.expect_err(&url).kind;
        let call =
            Call { method: Method::Post, url: url.clone(), headers: vec![], body: Bytes::new() };
        let called = outbound.call(&call).await.expect_err(&url).kind;
        // Only a user that is named may be told from one of something to fetch.
        let is_by_user = kind == ErrorKind::UnsupportedUrl && url.contains('@');
        assert!(called == kind || is_by_user, "{called:?} for {url:?}");
        let refused = [ErrorKind::UnsupportedUrl, ErrorKind::Forbidden, ErrorKind::Unreachable];
        assert!(refused.contains(&called), "{called:?} for {url:?}");
        *words.entry(kind.word()).or_insert(0) += 1;
        let refused = [ErrorKind::UnsupportedUrl, ErrorKind::Forbidden];
        let is_name = ["name_with_private_address", "loopback", "link_local", "confusion"]
            .contains(&entry["kind"].as_str());
        // A name that nobody knows here is not called either.
        let is_unknown = is_name && kind == ErrorKind::Unreachable;
        assert!(refused.contains(&kind) || is_unknown, "{kind:?} for {url:?}");
    }
    words
}

#[tokio::test]
async fn no_hostile_url_is_called() {
    let canary = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0"));
    let canary = canary.expect("a port is free");
    canary.set_nonblocking(true).expect("it can be");
    let port = canary.local_addr().expect("it is bound").port();
    let as_here = ask_all(port, Arc::new(SystemResolver)).await;
    // Where every name leads to the machine itself, or to it as well, all are refused by the rules.
    let here = ask_all(port, Book::new(&[&["127.0.0.1"]])).await;
    let mixed = ask_all(port, Book::new(&[&["93.184.215.14", "::1"]])).await;
    println!("as here: {as_here:?}, every name to this machine: {here:?}");
    assert!(!here.contains_key("unreachable") && here == mixed);
    assert!(canary.accept().is_err(), "somebody called");
}
