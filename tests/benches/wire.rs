//! A connection that is kept alive, as lean as can be: what is measured is the daemon, and its
//! client shares the processors with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Longest wait for an answer; only a broken daemon takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A question, as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Question(Vec<u8>);

impl Question {
    /// Makes the question of whoever has a token for a path.
    pub(crate) fn new(token: &str, path: &str) -> Self {
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
        Self(head.into_bytes())
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    /// Connects to a daemon.
    pub(crate) fn open(base: &str) -> Result<Self> {
        let stream = TcpStream::connect(base.trim_start_matches("http://"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let stream = BufReader::with_capacity(64 * 1024, stream);
        Ok(Self { stream, line: String::new(), body: Vec::new() })
    }

    /// Asks, and returns the body of the answer, which must be a good one.
    pub(crate) fn ask(&mut self, Question(question): &Question) -> Result<&[u8]> {
        self.stream.get_mut().write_all(question)?;
        let status = self.next_line()?.to_owned();
        let mut length = None;
        loop {
            let line = self.next_line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            }
        }
        self.body.resize(length.context("the answer does not tell its length")?, 0);
        self.stream.read_exact(&mut self.body)?;
        if !status.starts_with("HTTP/1.1 200 ") {
            bail!("{status}: {}", String::from_utf8_lossy(&self.body));
        }
        Ok(&self.body)
    }

    /// Reads a line of the head, without its end.
    fn next_line(&mut self) -> Result<&str> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            bail!("the daemon closed the connection");
        }
        Ok(self.line.trim_end())
    }
}
