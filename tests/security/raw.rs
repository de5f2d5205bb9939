//! HTTP as bytes: requests that no client library would send, and answers as they come.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use scribed_tests::{Daemon, eventually};

use crate::slow::{MORE, descriptors};

/// How long a daemon may leave a connection open that it should close; far above its own limits.
const PATIENCE: Duration = Duration::from_secs(120);

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    /// The status; 0 when there is no answer.
    pub(crate) status: u16,
    /// Status line and header lines.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

impl Raw {
    /// Returns the header lines as names in lower case and values.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (String, &str)> {
        self.head.split("\r\n").skip(1).map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_ascii_lowercase(), value.trim())
        })
    }

    /// Returns the value of a header; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Returns the answer without the header that names the second.
    pub(crate) fn without_date(&self) -> Self {
        let lines = self.head.split("\r\n").filter(|line| !line.starts_with("date:"));
        let head = lines.collect::<Vec<_>>().join("\r\n");
        Self { head, ..self.clone() }
    }
}

/// Connects to a daemon.
#[track_caller]
pub(crate) fn connect(base: &str) -> TcpStream {
    let stream = TcpStream::connect(base.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends bytes on a connection of their own and reads until the daemon closes it.
#[track_caller]
pub(crate) fn exchange(base: &str, bytes: &[u8]) -> Vec<u8> {
    exchange_pieces(base, std::iter::once(bytes)).0
}

/// Sends pieces for as long as the daemon takes them, and reads meanwhile until it closes. Returns what
/// was read, and how many bytes could be sent: of a piece that was cut off, none.
#[track_caller]
pub(crate) fn exchange_pieces<'a>(
    base: &str,
    pieces: impl Iterator<Item = &'a [u8]> + Send,
) -> (Vec<u8>, usize) {
    let mut reader = connect(base);
    let mut writer = reader.try_clone().unwrap();
    let mut answer = Vec::new();
    let sent = std::thread::scope(|scope| {
        let sending = scope.spawn(move || {
            let mut sent = 0;
            for piece in pieces {
                // Whoever has been answered may be hung up on.
                if writer.write_all(piece).is_err() {
                    break;
                }
                sent += piece.len();
            }
            sent
        });
        let read = reader.read_to_end(&mut answer);
        // A reset is an end too.
        let waiting =
            |error: std::io::Error| matches!(error.kind(), std::io::ErrorKind::WouldBlock);
        assert!(!read.is_err_and(waiting), "the daemon leaves the connection open: {answer:?}");
        // The writer must not wait for a daemon that has gone.
        reader.shutdown(Shutdown::Both).ok();
        sending.join().unwrap()
    });
    (answer, sent)
}

/// Cuts what came over a connection into answers.
#[track_caller]
pub(crate) fn answers(mut bytes: &[u8]) -> Vec<Raw> {
    let mut answers = Vec::new();
    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let digits = head.strip_prefix("HTTP/1.1 ").or(head.strip_prefix("HTTP/1.0 "));
        let status = digits.and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer: {head:?}"));
        let mut answer = Raw { status, head, body: String::new() };
        bytes = &bytes[end + 4..];
        // An answer without a length ends with the connection; a 1xx has no body.
        let length = answer.header("content-length").parse().unwrap_or(bytes.len());
        let length = if status < 200 { 0 } else { length.min(bytes.len()) };
        answer.body = String::from_utf8_lossy(&bytes[..length]).into_owned();
        bytes = &bytes[length..];
        answers.push(answer);
    }
    assert!(bytes.is_empty(), "something else came: {:?}", String::from_utf8_lossy(bytes));
    answers
}

/// Sends one request and returns its one answer; an empty one when the daemon only hangs up.
#[track_caller]
pub(crate) fn ask(base: &str, bytes: &[u8]) -> Raw {
    only(answers(&exchange(base, bytes)))
}

/// Returns the one answer that there is; an empty one for none.
#[track_caller]
pub(crate) fn only(answers: Vec<Raw>) -> Raw {
    let nothing = Raw { status: 0, head: String::new(), body: String::new() };
    assert!(answers.len() < 2, "one answer at most: {answers:?}");
    answers.into_iter().next().unwrap_or(nothing)
}

/// Makes a request whose connection ends with it; `lines` are further header lines.
pub(crate) fn request(method: &str, target: &str, lines: &[String], body: &[u8]) -> Vec<u8> {
    let lines: String = lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Returns the header line of a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// Requests that lie with the daemon but for their last bytes: so they come at the same time, and what
/// they cost as connections is spent before.
#[derive(Debug)]
pub(crate) struct Held(Vec<(TcpStream, u8)>);

impl Held {
    /// Sends each request but for its last byte on a connection of its own, and waits until the daemon
    /// has all connections.
    #[track_caller]
    pub(crate) fn begin(daemon: &Daemon, requests: impl Iterator<Item = Vec<u8>>) -> Self {
        let before = descriptors(daemon);
        let begin = |bytes: Vec<u8>| {
            let (last, others) = bytes.split_last().unwrap();
            let mut stream = connect(daemon.base());
            stream.write_all(others).unwrap();
            (stream, *last)
        };
        let held: Vec<_> = requests.map(begin).collect();
        let least = (before + held.len()).saturating_sub(MORE);
        eventually("the daemon has taken every connection", || {
            (descriptors(daemon) >= least).then_some(())
        });
        Self(held)
    }

    /// Sends the last bytes, and returns the answers and how long each took from there.
    #[track_caller]
    pub(crate) fn finish(self) -> Vec<(Raw, Duration)> {
        let end = |(mut stream, last): (TcpStream, u8)| {
            let begin = Instant::now();
            stream.write_all(&[last]).unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            (only(answers(&bytes)), begin.elapsed())
        };
        std::thread::scope(|scope| {
            let ends = self.0.into_iter().map(|one| scope.spawn(move || end(one)));
            let ends: Vec<_> = ends.collect();
            ends.into_iter().map(|end| end.join().unwrap()).collect()
        })
    }
}
