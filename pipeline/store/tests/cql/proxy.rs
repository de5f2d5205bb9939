//! A proxy between store and database that loses what it is told to lose.
//!
//! It speaks enough of the protocol to find frames (native protocol v4 §2: a header of nine bytes whose
//! last four are the length of the body), and can lose the answer to a condition, which is known by
//! the column `[applied]` that it has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Bytes of the header of a frame.
const HEADER: usize = 9;
/// Opcodes of a result and of a batch.
const RESULT: u8 = 0x08;
const BATCH: u8 = 0x0d;

/// What is lost next.
#[derive(Debug, Default)]
struct Orders {
    spared: AtomicU32,
    answers: AtomicU32,
    requests: AtomicU32,
    lost: AtomicU32,
}

/// A running proxy; ends when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    orders: Arc<Orders>,
    task: AbortHandle,
}

impl Proxy {
    /// Starts a proxy before a node.
    pub(crate) async fn before(node: &str) -> Self {
        // The driver asks the node for its address and keeps only the port that it was given.
        let host = node.rsplit_once(':').unwrap().0;
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let orders = Arc::new(Orders::default());
        let task = tokio::spawn(serve(listener, node.to_owned(), Arc::clone(&orders)));
        Self { address, orders, task: task.abort_handle() }
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Passes some answers to conditions on, and loses so many after them; the database has decided
    /// all of them.
    pub(crate) fn lose_answers(&self, spared: u32, lost: u32) {
        self.orders.spared.store(spared, Ordering::SeqCst);
        self.orders.answers.store(lost, Ordering::SeqCst);
    }

    /// Loses the next batches, which the database never sees.
    pub(crate) fn lose_requests(&self, number: u32) {
        self.orders.requests.store(number, Ordering::SeqCst);
    }

    /// Returns how much was lost so far.
    pub(crate) fn lost(&self) -> u32 {
        self.orders.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes connections until the proxy is dropped; they end with it.
async fn serve(listener: TcpListener, node: String, orders: Arc<Orders>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(&node).await.unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let (up, down) = (Arc::clone(&orders), Arc::clone(&orders));
        connections.spawn(pass_on(from_client, to_server, move |header, _| {
            header[4] == BATCH && up.lose(&up.requests)
        }));
        connections.spawn(pass_on(from_server, to_client, move |header, body| {
            header[4] == RESULT && answers_condition(body) && down.lose_answer()
        }));
    }
}

/// Takes one off a number; false when there is none left.
fn take_one(number: &AtomicU32) -> bool {
    let less = |left: u32| left.checked_sub(1);
    number.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
}

impl Orders {
    /// Returns whether an answer is to be lost.
    fn lose_answer(&self) -> bool {
        !take_one(&self.spared) && self.lose(&self.answers)
    }

    /// Returns whether one more is to be lost, and counts it.
    fn lose(&self, orders: &AtomicU32) -> bool {
        let ordered = take_one(orders);
        if ordered {
            self.lost.fetch_add(1, Ordering::SeqCst);
        }
        ordered
    }
}

/// Returns whether a result is that of a condition, and not of having one prepared (kind 4, §4.2.5).
fn answers_condition(body: &[u8]) -> bool {
    const PREPARED: &[u8] = &[0, 0, 0, 4];
    const NAME: &[u8] = b"[applied]";
    !body.starts_with(PREPARED) && body.windows(NAME.len()).any(|window| window == NAME)
}

/// Passes frames on, except those that are lost, until one side goes away.
async fn pass_on(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    lost: impl Fn(&[u8; HEADER], &[u8]) -> bool,
) {
    let mut header = [0; HEADER];
    while from.read_exact(&mut header).await.is_ok() {
        let length = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
        let mut body = vec![0; length as usize];
        if from.read_exact(&mut body).await.is_err() {
            return;
        }
        if lost(&header, &body) {
            continue;
        }
        let written = to.write_all(&header).await.is_ok() && to.write_all(&body).await.is_ok();
        if !written {
            return;
        }
    }
}
