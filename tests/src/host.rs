//! A server on loopback, as somebody else would run it: it has recordings, or wants to be called.

use std::collections::BTreeMap;
use std::io::{Read as _, Result, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::daemon::Setup;

/// What somebody asks of the server.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// What follows the question mark; may be empty.
    pub query: String,
    /// Headers by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// What was sent along.
    pub body: Vec<u8>,
    /// First byte that is wanted, where not all are.
    pub from: Option<usize>,
    /// How many requests there were, with this one.
    pub number: usize,
}

/// A server on loopback; it ends with the test.
#[derive(Debug, Clone)]
pub struct Host {
    port: u16,
}

impl Host {
    /// Starts a server that answers one request on each connection.
    ///
    /// # Panics
    /// Panics where there is no port.
    pub fn start(answer: impl Fn(&mut TcpStream, &Asked) -> Result<()> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let port = listener.local_addr().expect("it is bound").port();
        std::thread::spawn(move || {
            for (stream, number) in listener.incoming().flatten().zip(1..) {
                // Who goes while it is answered has what it wanted.
                serve(stream, number, &answer).ok();
            }
        });
        Self { port }
    }

    /// Returns the URL of a path, which may have a query.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Lets a daemon ask this server and nobody else that is not public.
    pub fn allowed(&self, setup: Setup) -> Setup {
        setup
            .variable("SCRIBED_OUTBOUND__ALLOWED_NETWORKS", "[\"127.0.0.1\"]")
            .variable("SCRIBED_OUTBOUND__PORTS", format!("[80, 443, {}]", self.port))
    }
}

fn serve(
    mut stream: TcpStream,
    number: usize,
    answer: &impl Fn(&mut TcpStream, &Asked) -> Result<()>,
) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let mut asked = parse(&String::from_utf8_lossy(&head), number);
    let length = asked.headers.get("content-length").and_then(|length| length.parse().ok());
    asked.body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut asked.body)?;
    answer(&mut stream, &asked)
}

fn parse(head: &str, number: usize) -> Asked {
    let mut words = head.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: BTreeMap<_, _> = headers.collect();
    let range = headers.get("range").and_then(|range| range.strip_prefix("bytes="));
    let from = range.and_then(|range| range.strip_suffix('-')?.parse().ok());
    let (path, query, body) = (path.to_owned(), query.to_owned(), Vec::new());
    Asked { method, path, query, headers, body, from, number }
}

/// Answers with a status and nothing else.
///
/// # Errors
/// Where nobody listens any more.
pub fn say(stream: &mut TcpStream, status: u16) -> Result<()> {
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(head.as_bytes())
}

/// Answers with a file, or says that it does and sends its beginning.
///
/// # Errors
/// Where nobody listens any more.
pub fn give(stream: &mut TcpStream, file: &[u8], most: usize) -> Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: {}\r\n\r\n", file.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&file[..most])
}
