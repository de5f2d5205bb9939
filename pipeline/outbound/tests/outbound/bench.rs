//! A server that answers as a script says, and a sink in memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use scribed_outbound::{Config, Error, ErrorKind, Fetched, Outbound, Resolve, Sink, SinkError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Number of the connection, from 0.
    pub(crate) number: usize,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// Headers by their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// Returns where the range begins that is asked for.
    pub(crate) fn from(&self) -> Option<usize> {
        let range = self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?;
        Some(range.parse().expect("it is a number"))
    }
}

/// What the server does after it was asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    /// What it sends first.
    bytes: Vec<u8>,
    /// How many zeros follow.
    flood: u64,
    /// Whether it is silent then, until the other side goes; else it closes the connection.
    is_silent: bool,
    /// Whether it goes without a goodbye.
    is_gone: bool,
}

impl Reply {
    /// Sends these bytes and closes.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), ..Self::default() }
    }

    /// Answers with a status, headers and a body of the length that the headers say.
    pub(crate) fn new(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status}\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("texts take everything");
        }
        let is_told = head.to_lowercase();
        if !is_told.contains("content-length") && !is_told.contains("transfer-encoding") {
            write!(head, "Content-Length: {}\r\n", body.len()).expect("texts take everything");
        }
        Self::raw([head.as_bytes(), b"\r\n", body].concat())
    }

    /// Answers with a recording.
    pub(crate) fn ok(body: &[u8]) -> Self {
        Self::new("200 OK", &[], body)
    }

    /// Leads elsewhere.
    pub(crate) fn redirect(location: &str) -> Self {
        Self::new("302 Found", &[("Location", location)], b"")
    }

    /// Is silent at the end.
    pub(crate) fn then_silent(self) -> Self {
        Self { is_silent: true, ..self }
    }

    /// Goes without a goodbye at the end.
    pub(crate) fn then_gone(self) -> Self {
        Self { is_gone: true, ..self }
    }

    /// Sends so many zeros at the end.
    pub(crate) fn then_zeros(self, flood: u64) -> Self {
        Self { flood, ..self }
    }

    /// Sends only the beginning.
    pub(crate) fn cut(mut self, length: usize) -> Self {
        self.bytes.truncate(length);
        self
    }

    /// Returns the length of head and body.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// What a server has seen and done.
#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
    sent: AtomicU64,
    left: Notify,
}

/// A server on loopback; it ends with its value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Seen>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Answers every request as the script says.
    pub(crate) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(script, None).await
    }

    /// The same over TLS.
    pub(crate) async fn encrypted(
        acceptor: TlsAcceptor,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(script, Some(acceptor)).await
    }

    /// Answers every request alike.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    async fn listen(
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
        acceptor: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let seen = Arc::new(Seen::default());
        let (shared, script): (_, Script) = (Arc::clone(&seen), Arc::new(script));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                let (seen, script) = (Arc::clone(&shared), Arc::clone(&script));
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    match acceptor {
                        // What the client does not like of a certificate it says itself.
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, number, &seen, &script).await.ok();
                            }
                        }
                        None => drop(serve(stream, number, &seen, &script).await),
                    }
                });
            }
        });
        Self { address, scheme, seen, task }
    }

    /// Returns a URL of this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Returns a URL of this server that names it.
    pub(crate) fn url_of(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme, self.address.port())
    }

    /// Returns every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.seen.asked.lock().expect("no test panics with it").clone()
    }

    /// Returns how many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Returns how many bytes of floods were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.seen.sent.load(Ordering::SeqCst)
    }

    /// Waits until a client has left a silent server.
    pub(crate) async fn left(&self) {
        self.seen.left.notified().await;
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    number: usize,
    seen: &Seen,
    script: &Script,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let mut asked = parse(number, &String::from_utf8_lossy(&head));
    let length = asked.headers.get("content-length").map_or(0, |l| l.parse().expect("a number"));
    asked.body = vec![0; length];
    stream.read_exact(&mut asked.body).await?;
    let reply = script(&asked);
    seen.asked.lock().expect("no test panics with it").push(asked);
    stream.write_all(&reply.bytes).await?;
    let block = vec![0; 64 * 1024];
    let mut left = reply.flood;
    while left > 0 {
        let length = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        stream.write_all(&block[..length]).await?;
        left -= length as u64;
        seen.sent.fetch_add(length as u64, Ordering::SeqCst);
    }
    stream.flush().await?;
    if reply.is_silent {
        // Ends when the client has gone, in whichever way.
        drop(stream.read_u8().await);
        seen.left.notify_one();
    }
    if reply.is_gone { Ok(()) } else { stream.shutdown().await }
}

fn parse(number: usize, head: &str) -> Asked {
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Asked { number, method, path, headers: headers.collect(), body: Vec::new() }
}

/// Keeps what comes in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
    /// The length that was told at each beginning.
    pub(crate) begun: Vec<Option<u64>>,
}

#[async_trait]
impl Sink for Memory {
    async fn begin(&mut self, length: Option<u64>) -> Result<(), SinkError> {
        self.begun.push(length);
        self.bytes.clear();
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), SinkError> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }
}

/// Finds every host at these addresses, one list for each time it is asked; the last one stays.
#[derive(Debug, Default)]
pub(crate) struct Book {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Book {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|a| a.parse().expect("an address")).collect();
        Arc::new(Self { answers: answers.iter().map(parse).collect(), asked: AtomicUsize::new(0) })
    }

    /// Returns how often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolve for Book {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.get(number).or(self.answers.last());
        answer.cloned().ok_or_else(|| io::Error::other("nobody knows it"))
    }
}

/// Settings that allow these servers.
pub(crate) fn config(servers: &[&Server]) -> Config {
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST).to_string();
    Config {
        allowed_networks: vec![loopback.parse().expect("an address")],
        ports: servers.iter().map(|server| server.address.port()).collect(),
        resume_pause_ms: 0,
        ..Config::default()
    }
}

/// Fetches with these settings.
pub(crate) async fn fetch_with(config: &Config, url: &str) -> Result<(Fetched, Memory), Error> {
    let outbound = Outbound::new(config).expect("the settings fit");
    let mut memory = Memory::default();
    outbound.fetch(url, &mut memory).await.map(|fetched| (fetched, memory))
}

/// Fetches a path of a server that is allowed.
pub(crate) async fn fetch(server: &Server, path: &str) -> Result<(Fetched, Memory), Error> {
    fetch_with(&config(&[server]), &server.url(path)).await
}

/// Fetches what cannot be fetched, with these settings.
pub(crate) async fn refused_with(config: &Config, url: &str, kind: ErrorKind) -> Error {
    let error = fetch_with(config, url).await.expect_err("it cannot be fetched");
    assert_eq!(error.kind, kind, "{error}");
    error
}

/// Fetches what cannot be fetched, from a server that is allowed.
pub(crate) async fn refused(server: &Server, kind: ErrorKind) -> Error {
    refused_with(&config(&[server]), &server.url("/a.wav?geheim"), kind).await
}
