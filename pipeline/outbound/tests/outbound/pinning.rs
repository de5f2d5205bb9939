//! A connection goes to the addresses that were checked, whatever a name leads to a moment later.

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;

use scribed_outbound::{Config, Error, ErrorKind, Fetched, Outbound};

use crate::bench::{Asked, Book, Memory, Reply, Server, config};

async fn fetch(settings: &Config, book: &Arc<Book>, url: &str) -> Result<Fetched, Error> {
    let outbound = Outbound::with_resolver(settings, Arc::clone(book) as _);
    outbound.expect("the settings fit").fetch(url, &mut Memory::default()).await
}

#[tokio::test]
async fn a_name_is_resolved_once_and_never_again() {
    let server = Server::always(Reply::ok(b"sound")).await;
    // Whoever looked a second time would be led away.
    let book = Book::new(&[&["127.0.0.1"], &["169.254.169.254"]]);
    let url = server.url_of("rebinding.test", "/");
    assert_eq!(fetch(&config(&[&server]), &book, &url).await.unwrap().length, 5);
    assert_eq!((book.asked(), server.connections()), (1, 1));
    let port = server.address.port();
    assert_eq!(server.asked()[0].headers["host"], format!("rebinding.test:{port}"));
    let error = fetch(&config(&[&server]), &book, &url).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden, "{error}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_transfer_that_is_taken_up_again_is_checked_again() {
    let server = Server::start(|asked: &Asked| {
        assert_eq!(asked.number, 0, "there is no second connection");
        let reply = Reply::new("200 OK", &[("ETag", "\"a\"")], b"sound");
        let length = reply.len();
        reply.cut(length - 1)
    });
    let server = server.await;
    let book = Book::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let url = server.url_of("rebinding.test", "/");
    let error = fetch(&config(&[&server]), &book, &url).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden, "{error}");
    assert_eq!((book.asked(), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_name_with_one_forbidden_address_is_forbidden() {
    let server = Server::always(Reply::ok(b"sound")).await;
    for addresses in [["127.0.0.1", "10.0.0.1"], ["::1", "127.0.0.1"], ["8.8.8.8", "0.0.0.0"]] {
        let book = Book::new(&[&addresses]);
        let fetched = fetch(&config(&[&server]), &book, &server.url_of("mixed.test", "/")).await;
        assert_eq!(fetched.unwrap_err().kind, ErrorKind::Forbidden);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_address_that_a_name_leads_to_is_not_told() {
    let book = Book::new(&[&["10.20.30.40"]]);
    let error = fetch(&Config::default(), &book, "http://inside.test/").await.unwrap_err();
    let said = error.to_string();
    assert!(said.contains("private") && !said.contains("10.20"), "{said}");
}

#[tokio::test]
async fn the_next_address_is_tried_where_one_does_not_answer() {
    let server = Server::always(Reply::ok(b"sound")).await;
    let mut settings = config(&[&server]);
    settings.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
    // Nobody listens on the first one, at this port.
    let book = Book::new(&[&["127.0.0.9", "127.0.0.1"]]);
    let fetched = fetch(&settings, &book, &server.url_of("two.test", "/")).await;
    assert_eq!(fetched.unwrap().length, 5);
}

#[tokio::test]
async fn the_checked_address_is_the_one_that_is_called() {
    // Both would answer; only the second is what the name leads to.
    let here = TcpListener::bind("127.0.0.1:0").unwrap();
    here.set_nonblocking(true).unwrap();
    let port = here.local_addr().unwrap().port();
    let there = TcpListener::bind((IpAddr::from([127, 0, 0, 2]), port)).unwrap();
    there.set_nonblocking(true).unwrap();
    let settings = Config {
        allowed_networks: vec!["127.0.0.0/8".parse().unwrap()],
        ports: vec![port],
        idle_timeout_ms: 1,
        ..Config::default()
    };
    let book = Book::new(&[&["127.0.0.2"]]);
    // A name that the machine itself knows as another address.
    let fetched = fetch(&settings, &book, &format!("http://localhost:{port}/")).await;
    assert_eq!(fetched.unwrap_err().kind, ErrorKind::TimedOut);
    assert!(there.accept().is_ok() && here.accept().is_err());
}
