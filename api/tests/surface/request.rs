//! Requests as a test makes them: plain HTTP/1.1 on a connection of its own.

use std::net::SocketAddr;

use http::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::reply::Reply;

/// A request that is being put together.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    address: SocketAddr,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    /// Whether the answer must fit the description.
    described: bool,
}

impl Request {
    pub(crate) fn new(address: SocketAddr, method: Method, path: &str) -> Self {
        let path = path.to_owned();
        Self { address, method, path, headers: Vec::new(), body: None, described: true }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        if content_type.is_empty() { self } else { self.header("Content-Type", content_type) }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends a form with one file in it.
    pub(crate) fn file(self, part: &str, name: &str, content: &[u8]) -> Self {
        self.form(&[file(part, name, content)])
    }

    /// Sends a form of these parts.
    pub(crate) fn form(self, parts: &[Vec<u8>]) -> Self {
        let body = [parts.concat(), b"--B--\r\n".to_vec()].concat();
        self.body("multipart/form-data; boundary=B", body)
    }

    /// Lets the answer differ from the description.
    pub(crate) fn undescribed(mut self) -> Self {
        self.described = false;
        self
    }

    /// Returns the request as it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.path)];
        lines.push("Host: test\r\nConnection: close".to_owned());
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        lines.extend(self.body.iter().map(|body| format!("Content-Length: {}", body.len())));
        let head = format!("{}\r\n\r\n", lines.join("\r\n"));
        [head.as_bytes(), self.body.as_deref().unwrap_or_default()].concat()
    }

    /// Sends it and returns the answer, which must fit the description.
    pub(crate) async fn send(self) -> Reply {
        let reply = exchange(self.address, &self.bytes()).await;
        if self.described {
            reply.fits(&self.method, self.path.trim_end_matches('/').or_root());
        }
        reply
    }
}

trait OrRoot {
    fn or_root(&self) -> &str;
}

impl OrRoot for str {
    fn or_root(&self) -> &str {
        if self.is_empty() { "/" } else { self }
    }
}

/// A part with a file in it.
pub(crate) fn file(part: &str, name: &str, content: &[u8]) -> Vec<u8> {
    let disposition = format!("name=\"{part}\"; filename=\"{name}\"");
    let head = format!(
        "--B\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: audio/mpeg\r\n\r\n"
    );
    [head.as_bytes(), content, b"\r\n"].concat()
}

/// A part with text in it.
pub(crate) fn field(part: &str, content: &str) -> Vec<u8> {
    format!("--B\r\nContent-Disposition: form-data; name=\"{part}\"\r\n\r\n{content}\r\n").into()
}

/// Sends bytes and reads until the server closes.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    // A server that refuses early may not want all of it; its answer is read all the same.
    let sent = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    assert!(!answer.is_empty(), "no answer; sent: {sent:?}, read: {read:?}");
    Reply::parse(&answer)
}
