//! A server of recordings on loopback, as somebody else would run it.

use std::io::{Read as _, Result, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::daemon::Setup;

/// What somebody asks of the server.
#[derive(Debug)]
pub struct Asked {
    /// The path, without its query.
    pub path: String,
    /// First byte that is wanted, where not all are.
    pub from: Option<usize>,
    /// How many requests there were, with this one.
    pub number: usize,
}

/// A server on loopback; it ends with the test.
#[derive(Debug)]
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
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let path = head.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
    let from = head.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-'));
    let from = from.and_then(|from| from.parse().ok());
    answer(&mut stream, &Asked { path, from, number })
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
