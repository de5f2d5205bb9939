//! A proxy that can cut a broker half off: connections stay open, and nothing passes any more.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often a connection that is cut off looks whether it still is.
const LOOK: Duration = Duration::from_millis(50);

/// A port of this machine that leads to another one.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    target: Mutex<String>,
    /// Nothing passes.
    is_swallowing: AtomicBool,
    /// The proxy is gone.
    has_ended: AtomicBool,
}

impl Proxy {
    /// Takes a free port; it leads nowhere yet.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || accept(&listener, &shared));
        Self { port, state }
    }

    /// Returns its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns where clients find it.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Names where it leads.
    pub(crate) fn lead_to(&self, target: &str) {
        target.clone_into(&mut self.state.target.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Lets nothing pass from now on, or lets all pass again.
    pub(crate) fn swallow(&self, swallow: bool) {
        self.state.is_swallowing.store(swallow, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.has_ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        TcpStream::connect(self.address()).ok();
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for client in listener.incoming() {
        if state.has_ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        let target = state.target.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A broker that is down refuses, and so its proxy ends the connection.
        let Ok(broker) = TcpStream::connect(target) else { continue };
        let (Ok(back), Ok(forth)) = (broker.try_clone(), client.try_clone()) else { continue };
        for (from, to) in [(client, broker), (back, forth)] {
            let state = Arc::clone(state);
            std::thread::spawn(move || pump(from, to, &state));
        }
    }
}

/// Hands bytes on until either side ends; what is swallowed is lost, as on a line that was cut, and
/// both sides are told only when it is mended.
fn pump(mut from: TcpStream, mut to: TcpStream, state: &State) {
    let mut block = vec![0; 1 << 16];
    while let Ok(read) = from.read(&mut block) {
        let mut is_lost = false;
        while state.is_swallowing.load(Ordering::SeqCst) && !state.has_ended.load(Ordering::SeqCst)
        {
            is_lost = true;
            scribed_tests::pass(LOOK);
        }
        if read == 0 || is_lost || to.write_all(&block[..read]).is_err() {
            break;
        }
    }
    for side in [from, to] {
        side.shutdown(Shutdown::Both).ok();
    }
}
