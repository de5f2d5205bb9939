//! S6: clients that take their time cost little: they are let go, others are served meanwhile, and
//! nothing of them stays.
//!
//! The short form has limits of a second. The long form has the defaults: a head has 10 s
//! (`http.header_timeout_secs`), and so has a body that comes slower than 1,024 bytes a second
//! (`http.body_patience_secs`), so both are hung up on within 15 s. Who does not read is let go when an
//! answer has waited for `http.write_timeout_secs`, which is 30 s: a reader may be on a bad line, and an
//! answer that waits costs a file at most.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::net::sockopt::set_socket_recv_buffer_size;
use scribed_tests::{Client, Daemon, Setup, eventually, is_long, pass, say};

use crate::raw::connect;
use crate::times::Times;

/// Slow clients of each kind, and so many in the long form.
const EACH: (usize, usize) = (100, 334);
/// Descriptors that may be open at the end and were not at the beginning: those of other clients, and
/// of what the daemon does for itself.
pub(crate) const MORE: usize = 8;
/// Of so many looks at the slow clients, 25 ms apart, one lets each move, and so many in the long form,
/// where each moves about once a second.
const LOOKS: (usize, usize) = (1, 40);
/// When those that send are hung up on at the latest, in the long form.
const LATEST: Duration = Duration::from_secs(15);
/// Requests of another client whose times are taken before, and so many in the long form.
const CALM: (usize, usize) = (20, 400);
/// Pause between two of them: that between two looks.
const PAUSE: Duration = Duration::from_millis(25);
/// How many times longer another client may wait meanwhile, and how much beside, in the long form.
const SLOWER: (u32, Duration) = (2, Duration::from_millis(5));

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
    begun: Instant,
    /// When the daemon hung up, as far as it can tell, counted from the beginning.
    lasted: Option<Duration>,
}

impl Slow {
    #[track_caller]
    fn begin(base: &str, kind: Kind) -> Self {
        let mut stream = connect(base);
        let begun = Instant::now();
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
        Self { kind, stream, begun, lasted: None }
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
        let is_over = match moved {
            Ok(moved) => !moved,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        };
        self.lasted = is_over.then(|| self.begun.elapsed());
    }
}

/// Slow clients, and how often they were looked at.
#[derive(Debug)]
struct Crowd {
    slow: Vec<Slow>,
    /// Of so many looks one lets each move.
    looks: usize,
    looked: usize,
}

impl Crowd {
    /// Lets those move whose turn it is, unless they are over.
    fn creep(&mut self) {
        let turn = self.slow.iter_mut().skip(self.looked % self.looks).step_by(self.looks);
        turn.filter(|client| client.lasted.is_none()).for_each(Slow::creep);
        self.looked += 1;
    }

    /// Returns how long those of a kind lasted; none when one still does.
    fn lasted(&self, kind: Kind) -> Option<Times> {
        let ours = self.slow.iter().filter(|client| client.kind == kind);
        ours.map(|client| client.lasted).collect::<Option<_>>().map(Times::new)
    }
}

/// Asks for something else, and returns how long that took.
#[track_caller]
fn ask(client: &Client) -> Duration {
    let begin = Instant::now();
    let _served = client.get("/auth/info").status(200);
    begin.elapsed()
}

/// Counts the descriptors of a daemon.
pub(crate) fn descriptors(daemon: &Daemon) -> usize {
    fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count()
}

/// Returns a daemon that has the patience of its defaults in the long form, and a second otherwise.
#[track_caller]
fn start() -> Daemon {
    let limits = [
        "header_timeout_secs",
        "body_patience_secs",
        "write_timeout_secs",
        "linger_secs",
        "linger_patience_secs",
    ];
    let limits = if is_long() { &[][..] } else { &limits[..] };
    let second = |setup: Setup, name: &&str| setup.option(&format!("http.{name}"), 1);
    limits.iter().fold(Setup::default(), second).start()
}

#[test]
fn slow_clients_are_let_go_while_others_are_served() {
    let form = |(short, long): (usize, usize)| if is_long() { long } else { short };
    let daemon = start();
    let client = daemon.client();
    let before = descriptors(&daemon);
    let calm = (0..form(CALM)).map(|_| {
        pass(PAUSE);
        ask(&client)
    });
    let calm = Times::new(calm.collect());
    let kinds = [Kind::Head, Kind::Body, Kind::Reader];
    let begin = |kind: &Kind| Slow::begin(daemon.base(), *kind);
    let slow = kinds.iter().cycle().take(kinds.len() * form(EACH)).map(begin).collect();
    let mut crowd = Crowd { slow, looks: form(LOOKS), looked: 0 };
    let mut most = descriptors(&daemon);
    let mut meanwhile = Vec::new();
    eventually("the daemon lets go of every slow client", || {
        crowd.creep();
        meanwhile.push(ask(&client));
        let open = descriptors(&daemon);
        most = most.max(open);
        // They must have been there before they are gone.
        (most > before + MORE && open <= before + MORE).then_some(())
    });
    let after = descriptors(&daemon);
    // Those that send notice it themselves; a reader has much to read before it would.
    let (heads, bodies) = eventually("those who send are hung up on", || {
        crowd.creep();
        crowd.lasted(Kind::Head).zip(crowd.lasted(Kind::Body))
    });
    let (heads, bodies) = (heads.percentile(100), bodies.percentile(100));
    let (served, meanwhile) = (meanwhile.len(), Times::new(meanwhile));
    let (calm, meanwhile) = (calm.percentile(99), meanwhile.percentile(99));
    say(&format!(
        "{} slow clients; the last head was hung up on after {heads:.1?}, the last body after \
         {bodies:.1?}; descriptors: {before} before, {most} at most, {after} after; {served} requests \
         were answered meanwhile, 99 % within {meanwhile:.1?}, {calm:.1?} before",
        crowd.slow.len()
    ));
    if is_long() {
        assert!(heads.max(bodies) <= LATEST, "heads {heads:?}, bodies {bodies:?}");
        let most = calm * SLOWER.0 + SLOWER.1;
        assert!(meanwhile <= most, "others wait {meanwhile:?} instead of {calm:?}");
    }
}
