//! Somebody who is called: a server on loopback that answers as a script says, and remembers everything.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use scribed_schemas::callback::{Callback, CallbackStyle};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A call as the receiver heard it.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    /// Headers by their names in lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Heard {
    pub(super) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(super) fn document(&self) -> Value {
        serde_json::from_slice(&self.body).expect("it is JSON")
    }
}

/// What the receiver does with a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reply {
    /// Answers with a status.
    Status(u16),
    /// Is silent until the caller goes.
    Silent,
}

#[derive(Debug, Default)]
struct Seen {
    heard: Mutex<Vec<Heard>>,
    /// Told when there is one more.
    more: Notify,
}

/// A receiver; it ends with its value.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Answers each call by its number, from 0.
    pub(super) async fn start(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", reply).await
    }

    /// Answers every call with a status.
    pub(super) async fn always(status: u16) -> Self {
        Self::start(move |_| Reply::Status(status)).await
    }

    pub(super) async fn start_at(
        address: &str,
        reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (seen, reply) = (Arc::new(Seen::default()), Arc::new(reply));
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, reply) = (Arc::clone(&shared), Arc::clone(&reply));
                // Who goes while it is answered has what it wanted.
                tokio::spawn(async move { serve(stream, &seen, reply.as_ref()).await.ok() });
            }
        });
        Self { address, seen, task }
    }

    /// Returns what a job is told to call here, in our own style.
    pub(super) fn callback(&self) -> Callback {
        Callback {
            url: format!("http://{}/done?token=geheim", self.address),
            style: CallbackStyle::Scribed,
            headers: BTreeMap::new(),
        }
    }

    /// Returns every call so far.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.seen.heard.lock().expect("no test panics with it").clone()
    }

    /// Waits until there were so many calls, and returns all.
    pub(super) async fn until(&self, count: usize) -> Vec<Heard> {
        loop {
            let more = self.seen.more.notified();
            let heard = self.heard();
            if heard.len() >= count {
                return heard;
            }
            more.await;
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: &Seen,
    reply: &(dyn Fn(usize) -> Reply + Send + Sync),
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let mut said = parse(&String::from_utf8_lossy(&head));
    let length = said.headers.get("content-length").map_or(0, |l| l.parse().expect("a number"));
    said.body = vec![0; length];
    stream.read_exact(&mut said.body).await?;
    let number = {
        let mut all = seen.heard.lock().expect("no test panics with it");
        all.push(said);
        all.len() - 1
    };
    seen.more.notify_one();
    match reply(number) {
        Reply::Status(status) => {
            let answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await
        }
        Reply::Silent => stream.read_u8().await.map(drop),
    }
}

fn parse(head: &str) -> Heard {
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Heard { method, path, headers, body: Vec::new() }
}
