//! Encryption: hosts prove that they are who the URL names.

use scribed_outbound::{Config, Error, ErrorKind, Fetched, Outbound};

use crate::bench::{Asked, Book, Memory, Reply, Server, config};
use crate::certificates::Certificates;

/// Fetches from a server that every name leads to.
async fn fetch(settings: &Config, url: &str) -> Result<Fetched, Error> {
    let book = Book::new(&[&["127.0.0.1"]]);
    let outbound = Outbound::with_resolver(settings, book).expect("the settings fit");
    outbound.fetch(url, &mut Memory::default()).await
}

#[tokio::test]
async fn a_host_is_who_its_certificate_says() {
    let certificates = Certificates::make();
    let server = Server::encrypted(certificates.acceptor(), |_| Reply::ok(b"sound")).await;
    let ca_file = Some(certificates.authority());
    let settings = Config { ca_file, ..config(&[&server]) };
    for host in ["media.test", "media.test.", "MEDIA.test", "127.0.0.1"] {
        let fetched = fetch(&settings, &server.url_of(host, "/")).await;
        assert_eq!(fetched.expect(host).length, 5);
    }
    let error = fetch(&settings, &server.url_of("other.test", "/")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Untrusted, "{error}");
    assert!(!error.kind.is_worth_another_try());
    let error = fetch(&config(&[&server]), &server.url_of("media.test", "/")).await.unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::Untrusted,
        "only the operator's file makes it trusted: {error}"
    );
    assert_eq!(server.asked().len(), 4, "nothing was asked of whom we do not trust");
}

#[tokio::test]
async fn encryption_is_not_given_up_by_a_redirect() {
    let certificates = Certificates::make();
    let open = Server::always(Reply::ok(b"sound")).await;
    let to = open.url("/");
    let closed = Server::encrypted(certificates.acceptor(), move |_| Reply::redirect(&to)).await;
    let ca_file = Some(certificates.authority());
    let settings = Config { ca_file, ..config(&[&open, &closed]) };
    let error = fetch(&settings, &closed.url_of("media.test", "/")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadRedirect, "{error}");
    assert_eq!(open.connections(), 0);
    // The other way is welcome.
    let sound = Server::encrypted(certificates.acceptor(), |_: &Asked| Reply::ok(b"sound")).await;
    let to = sound.url("/");
    let open = Server::start(move |_| Reply::redirect(&to)).await;
    let settings = Config { ca_file: settings.ca_file, ..config(&[&open, &sound]) };
    assert_eq!(fetch(&settings, &open.url("/")).await.unwrap().length, 5);
}

#[tokio::test]
async fn a_host_that_does_not_speak_tls_is_not_reached() {
    let plain = Server::always(Reply::ok(b"sound")).await;
    let url = plain.url("/").replace("http:", "https:");
    let settings = Config { connect_timeout_ms: 200, ..config(&[&plain]) };
    let outbound = Outbound::new(&settings).unwrap();
    let error = outbound.fetch(&url, &mut Memory::default()).await.unwrap_err();
    // It waits for the end of a line, and we for its part of the handshake.
    assert_eq!(error.kind, ErrorKind::TimedOut, "{error}");
}

#[tokio::test]
async fn an_end_without_goodbye_is_no_end() {
    let certificates = Certificates::make();
    // The length is not told, so only the goodbye of the encryption tells an end from a cut.
    let head = "HTTP/1.1 200 OK\r\n\r\nsound";
    let server = Server::encrypted(certificates.acceptor(), move |asked: &Asked| {
        let reply = Reply::raw(head);
        if asked.path == "/cut" { reply.then_gone() } else { reply }
    });
    let server = server.await;
    let settings = Config { ca_file: Some(certificates.authority()), ..config(&[&server]) };
    assert_eq!(fetch(&settings, &server.url_of("media.test", "/")).await.unwrap().length, 5);
    let error = fetch(&settings, &server.url_of("media.test", "/cut")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::BrokenOff, "{error}");
}
