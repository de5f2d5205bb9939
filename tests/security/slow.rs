//! S6: clients that take their time cost little: they are let go, others are served meanwhile, and
//! nothing of them stays.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use scribed_tests::{Daemon, Setup, eventually, is_long, say};

use crate::raw::connect;

/// Slow clients of each kind, and so many in the long form.
const EACH: (usize, usize) = (100, 334);
/// Descriptors that may be open at the end and were not at the beginning: those of other clients, and
/// of what the daemon does for itself.
const MORE: usize = 8;

/// How a client is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It sends its head byte by byte.
    Head,
    /// It sends its body byte by byte.
    Body,
    /// It asks for much and reads byte by byte.
    Reader,
}

/// A slow client.
#[derive(Debug)]
struct Slow {
    kind: Kind,
    stream: TcpStream,
    /// Whether the daemon has hung up, as far as it can tell.
    is_over: bool,
}

impl Slow {
    #[track_caller]
    fn begin(base: &str, kind: Kind) -> Self {
        let mut stream = connect(base);
        match kind {
            Kind::Head => stream.write_all(b"GET /livez HTTP/1.1\r\nX-Slow: ").unwrap(),
            Kind::Body => {
                let head =
                    "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n{";
                stream.write_all(head.as_bytes()).unwrap();
            }
            Kind::Reader => {
                // What is on its way to a reader is not kept from it in buffers of the kernel.
                set_socket_recv_buffer_size(&stream, 4_096).unwrap();
                let request = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
                stream.write_all(request.repeat(200).as_bytes()).unwrap();
            }
        }
        stream.set_nonblocking(true).unwrap();
        Self { kind, stream, is_over: false }
    }

    /// Sends or reads one byte.
    fn creep(&mut self) {
        let moved = match self.kind {
            Kind::Reader => self.stream.read(&mut [0]).map(|read| read > 0),
            // Whatever it is told, it does not listen.
            Kind::Head | Kind::Body => match self.stream.read(&mut [0; 4_096]) {
                Ok(0) => Ok(false),
                _ => self.stream.write(b" ").map(|written| written > 0),
            },
        };
        self.is_over = match moved {
            Ok(moved) => !moved,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        };
    }
}

/// Counts the descriptors of a daemon.
fn descriptors(daemon: &Daemon) -> usize {
    fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count()
}

#[test]
fn slow_clients_are_let_go_while_others_are_served() {
    let limits = [
        "header_timeout_secs",
        "body_patience_secs",
        "write_timeout_secs",
        "linger_secs",
        "linger_patience_secs",
    ];
    let setup = Setup::default();
    let setup = limits.iter().fold(setup, |setup, name| setup.option(&format!("http.{name}"), 1));
    let daemon = setup.start();
    let client = daemon.client();
    let before = descriptors(&daemon);
    let kinds = [Kind::Head, Kind::Body, Kind::Reader];
    let begin = |kind: &Kind| Slow::begin(daemon.base(), *kind);
    let each = if is_long() { EACH.1 } else { EACH.0 };
    let mut slow: Vec<Slow> = kinds.iter().cycle().take(kinds.len() * each).map(begin).collect();
    let most = descriptors(&daemon);
    let mut served = 0;
    eventually("the daemon lets go of every slow client", || {
        slow.iter_mut().filter(|client| !client.is_over).for_each(Slow::creep);
        let _served = client.get("/auth/info").status(200);
        served += 1;
        (descriptors(&daemon) <= before + MORE).then_some(())
    });
    say(&format!(
        "{} slow clients; descriptors: {before} before, {most} at most, {} after; {served} requests \
         were answered meanwhile",
        slow.len(),
        descriptors(&daemon)
    ));
    assert!(most > before + MORE, "they were connected: {most} descriptors");
    // Those that send notice it themselves; a reader has much to read before it would.
    eventually("those who send are hung up on", || {
        let senders = slow.iter_mut().filter(|client| client.kind != Kind::Reader);
        let mut open = senders.filter(|client| !client.is_over).peekable();
        let all = open.peek().is_none();
        open.for_each(Slow::creep);
        all.then_some(())
    });
}
