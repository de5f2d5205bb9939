//! Serving: what runs in a worker. It loads its plugins, closes the door behind itself, and works on
//! the sessions that the daemon opens, until the daemon is gone.
//!
//! ```text
//! main thread, before there is another: Setup ─► runtime ─► plugins ─► warm stages ─► limits ─► Ready
//! then: socket ─► desk ─► sessions (stages on blocking threads) ─► outgoing ─► socket
//!                  beat every second, whatever the stages do
//! ```

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};
use scribed_engine::runner::{InProcess, Reason, RunError};
use scribed_plugin_host::{Catalog, Instance, Search, exit};
use tokio::net::UnixDatagram;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tracing_subscriber::prelude::*;

use crate::message::{FromWorker, Loaded, Refused, Setup, ToWorker};
use crate::packet::{self, Packet};

mod desk;
mod log;
mod recording;
mod session;

pub(crate) use desk::CHUNK_SAMPLES;
use desk::Desk;
pub(crate) use recording::MOST as MOST_READ;

/// Time from one sign of life to the next.
const BEAT: Duration = Duration::from_secs(1);

/// Longest message of the daemon in bytes; the text of a chunk is the longest.
const LONGEST: u64 = 64 << 20;

/// Where all that a worker says is put.
pub(crate) type Outgoing = UnboundedSender<Packet<FromWorker>>;

/// Serves as a worker of the process `parent`, over the socket that it was started with. Returns only
/// when it cannot work at all; otherwise it ends with the daemon.
///
/// # Errors
/// The socket failed, or the daemon broke the protocol.
pub fn serve(socket: OwnedFd, parent: u32) -> io::Result<()> {
    end_with(parent)?;
    let Some(setup) = first(&socket)? else { return Ok(()) };
    let (outgoing, to_send) = mpsc::unbounded_channel();
    // A second subscriber is a test's own.
    let log = log::Forward::new(outgoing.clone(), setup.level);
    drop(tracing_subscriber::registry().with(log).try_init());
    // A runtime needs sockets of its own, which cannot be had once the door is closed. It starts no thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ready = prepare(&setup, &|step| {
        // Without it a crash is only told less well.
        drop(packet::say_at_once(socket.as_fd(), FromWorker::Begins { step }));
    });
    runtime.block_on(async {
        let socket = Arc::new(packet::register(socket)?);
        let writing = tokio::spawn(write(Arc::clone(&socket), to_send));
        match ready {
            Ok((runner, warm, loaded)) => {
                say(&outgoing, FromWorker::Ready(loaded));
                let desk = Desk::new(runner, setup.limits, outgoing.clone());
                tokio::spawn(beat(desk.clone(), outgoing));
                let ended = read(&socket, &desk).await;
                drop(warm);
                ended
            }
            Err(error) => {
                let code = exit_code(error.reason);
                say(&outgoing, FromWorker::Refused { error });
                drop(outgoing);
                // The reason arrives before the end does.
                writing.await.map_err(io::Error::other)?;
                if let Some(code) = code {
                    std::process::exit(code);
                }
                Ok(())
            }
        }
    })?;
    // What stages still do is of no use to anybody, and they may never end.
    end_now();
    Ok(())
}

/// Returns how a worker ends that does not get ready for this reason, where there is a code for it.
fn exit_code(reason: Reason) -> Option<i32> {
    match reason {
        Reason::DeviceFault => Some(exit::DEVICE_FAULT),
        Reason::OutOfMemory => Some(exit::OUT_OF_MEMORY),
        Reason::NoDevice => Some(exit::NO_DEVICE),
        _ => None,
    }
}

/// Puts a message on its way; when the socket is closed nobody wants it.
pub(crate) fn say(outgoing: &Outgoing, message: FromWorker) {
    drop(outgoing.send(message.into()));
}

/// Makes the process end with its parent, however that ends.
fn end_with(parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let is_there = getppid().map(Pid::as_raw_pid) == i32::try_from(parent).ok();
    if is_there { Ok(()) } else { Err(io::Error::other("the daemon is gone")) }
}

fn end_now() {
    // Not by `exit`, which would wait for what libraries registered.
    if let Err(error) = kill_process(rustix::process::getpid(), Signal::KILL) {
        tracing::debug!(%error, "a worker cannot end itself");
    }
}

/// Waits for the first message.
fn first(socket: &OwnedFd) -> io::Result<Option<Setup>> {
    poll(&mut [PollFd::new(socket, PollFlags::IN)], None)?;
    match packet::receive(socket.as_fd(), LONGEST).map_err(io::Error::other)? {
        None => Ok(None),
        Some(Packet { message: ToWorker::Setup(setup), .. }) => Ok(Some(setup)),
        Some(_) => Err(io::Error::other("the first message is no setup")),
    }
}

/// Loads plugins, opens what stays open, and closes the door; tells of each step before it takes it.
fn prepare(
    setup: &Setup,
    begin: &dyn Fn(String),
) -> Result<(InProcess, Vec<Instance>, Loaded), RunError> {
    let search = Search { folders: setup.folders.clone(), pins: setup.pins.clone() };
    let (catalog, refusals) =
        Catalog::load_telling(&search, |library| begin(format!("loaded {}", library.display())));
    let open = |call: &scribed_engine::runner::StageCall| {
        begin(format!("opened {}", call.stage));
        catalog.open(&call.stage, &call.config, Arc::new(log::Stage::new(&call.stage)))
    };
    let warm = setup.warm.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    begin("set its limits".to_owned());
    let unlimited = setup.limits.apply();
    let loaded = Loaded {
        stages: catalog.stages().cloned().collect(),
        refusals: refusals.iter().map(Refused::from).collect(),
        unlimited,
    };
    Ok((InProcess::new(catalog), warm, loaded))
}

/// Reads what the daemon says until it is gone.
async fn read(socket: &UnixDatagram, desk: &Desk) -> io::Result<()> {
    while let Some(packet) = packet::hear(socket, LONGEST).await.map_err(io::Error::other)? {
        desk.take(packet);
    }
    Ok(())
}

/// Sends what is said, in its order.
async fn write(socket: Arc<UnixDatagram>, mut to_send: UnboundedReceiver<Packet<FromWorker>>) {
    while let Some(packet) = to_send.recv().await {
        if packet::say(&socket, packet).await.is_err() {
            return;
        }
    }
}

/// Says that we are alive, and how far each session is.
async fn beat(desk: Desk, outgoing: Outgoing) {
    let mut ticks = tokio::time::interval(BEAT);
    loop {
        ticks.tick().await;
        say(&outgoing, FromWorker::Beat { progress: desk.progress() });
    }
}

/// Something that is looked up by a number.
#[derive(Debug)]
pub(crate) struct Listed<T>(Mutex<BTreeMap<u64, T>>);

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Listed<T> {
    /// Returns the list; a panic elsewhere cannot have left it half changed.
    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes an error that no stage has said.
pub(crate) fn broken(stage: &str, why: &str) -> RunError {
    RunError::new(stage, Reason::Failed, why)
}
