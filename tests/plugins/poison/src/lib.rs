//! A recogniser that takes its process down where the recording says so, and is honest elsewhere.
//!
//! A chunk whose samples are all `KIND × 1000 / 32768` is poison of that kind; any other chunk gets the
//! text of the deterministic recogniser. What each kind does is in [`Poison`].

#![expect(unsafe_code, reason = "breaking memory takes a pointer, and a fork is only made in C")]

mod escape;

use std::hint::black_box;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use scribed_plugin::prelude::*;
use scribed_schemas::transcript::{Segment, Segments};

/// Bytes that a leak takes at once.
const LEAK: usize = 4 << 20;
/// How long a hungry chunk waits for another.
const COMPANY: Duration = Duration::from_millis(300);
/// Bytes that are written past the end of a buffer.
const BEYOND: usize = 1 << 20;

/// Ways to take a process down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Poison {
    /// Writes to where no memory is.
    Segfault,
    /// Aborts.
    Abort,
    /// Panics.
    Panic,
    /// Exits with code 3.
    Exit,
    /// Spins, and never asks whether to stop.
    Spin,
    /// Sleeps for ever.
    Sleep,
    /// Takes 4 MiB each millisecond, and touches it.
    Leak,
    /// Writes over its heap.
    Overwrite,
    /// Says that its device failed.
    Fault,
    /// Ends as a process does whose device failed.
    FaultExit,
    /// Has memory for one such chunk at a time.
    Hungry,
    /// Tries what a worker that is locked in may not do, and tells how it went.
    Escape,
    /// Logs, and does nothing else for ever.
    Babble,
    /// Writes what looks like lines of the daemon to its log, and to standard error.
    Forge,
}

impl Poison {
    /// All kinds; the first is number 1.
    const ALL: [Self; 14] = [
        Self::Segfault,
        Self::Abort,
        Self::Panic,
        Self::Exit,
        Self::Spin,
        Self::Sleep,
        Self::Leak,
        Self::Overwrite,
        Self::Fault,
        Self::FaultExit,
        Self::Hungry,
        Self::Escape,
        Self::Babble,
        Self::Forge,
    ];

    /// Reads the kind out of samples.
    fn of(samples: &[f32]) -> Option<Self> {
        let first = *samples.first()?;
        let is_flat = samples.iter().all(|sample| (sample - first).abs() < 1e-4);
        let number = (first * 32.768).round();
        if !is_flat || (first * 32.768 - number).abs() > 0.01 {
            return None;
        }
        let is_it = |kind: u16| (f32::from(kind) - number).abs() < 0.5;
        (1_u16..).zip(Self::ALL).find_map(|(kind, poison)| is_it(kind).then_some(poison))
    }

    /// Does it; returns the text of the chunk where that is survived.
    fn act(self, host: &Host) -> Result<String> {
        match self {
            Self::Segfault => {
                // SAFETY: none; that is the point.
                unsafe { black_box(std::ptr::without_provenance_mut::<u8>(16)).write(1) };
                Ok(unharmed())
            }
            Self::Abort => std::process::abort(),
            Self::Panic => panic!("the recording told me to"),
            Self::Exit => std::process::exit(3),
            Self::Spin => loop {
                black_box(());
            },
            Self::Sleep => loop {
                std::thread::sleep(Duration::from_secs(3_600));
            },
            Self::Leak => loop {
                std::mem::forget(black_box(vec![1_u8; LEAK]));
                std::thread::sleep(Duration::from_millis(1));
            },
            Self::Overwrite => {
                let mut buffers: Vec<Box<[u8; 64]>> = (0..64).map(|_| Box::new([0; 64])).collect();
                // SAFETY: none; that is the point.
                unsafe { black_box(buffers[32].as_mut_ptr()).write_bytes(0xff, BEYOND) };
                drop(black_box(buffers));
                std::process::abort();
            }
            Self::Fault => Err(StageError::DeviceFault("an illegal address".to_owned())),
            Self::FaultExit => std::process::exit(scribed_plugin::exit::DEVICE_FAULT),
            Self::Hungry => eat().map(|()| unharmed()),
            Self::Escape => Ok(escape::tried(fork, clone3)),
            Self::Babble => loop {
                for _ in 0..100 {
                    host.log(Level::Warn, "and another thing");
                }
                // What it says waits in this process, whose memory is to outlast the patience with it.
                std::thread::sleep(Duration::from_millis(1));
            },
            Self::Forge => {
                host.log(Level::Warn, "said\nERROR forged by a message");
                eprintln!("written\nERROR forged by a write");
                Ok(unharmed())
            }
        }
    }
}

/// The text of a chunk that nothing happens to.
fn unharmed() -> String {
    "unharmed".to_owned()
}

/// Makes a process, which ends at once.
fn fork() -> io::Result<()> {
    // SAFETY: the child calls nothing but the end.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: it ends the child, and runs nothing before.
        0 => unsafe { libc::_exit(0) },
        _ => Ok(()),
    }
}

/// Makes a call to the kernel that is wrong where it is known.
fn clone3() -> io::Result<()> {
    // SAFETY: without arguments nothing is read or made.
    match unsafe { libc::syscall(libc::SYS_clone3, 0_usize, 0_usize) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Takes memory that there is for one at a time, and waits for company.
fn eat() -> Result<()> {
    static EATERS: AtomicU32 = AtomicU32::new(0);
    EATERS.fetch_add(1, Ordering::SeqCst);
    let begun = Instant::now();
    let mut is_alone = true;
    while is_alone && begun.elapsed() < COMPANY {
        std::thread::sleep(Duration::from_millis(1));
        is_alone = EATERS.load(Ordering::SeqCst) == 1;
    }
    EATERS.fetch_sub(1, Ordering::SeqCst);
    let used_up = || StageError::OutOfMemory("two do not fit".to_owned());
    if is_alone { Ok(()) } else { Err(used_up()) }
}

/// What the device is like.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// While this file is there, the device fails whatever it is given.
    pub broken_while: PathBuf,
}

/// The stage `org.scribed.test.poison`.
pub struct Recogniser {
    config: Config,
    host: Host,
}

impl Stage for Recogniser {
    const ID: &'static str = "org.scribed.test.poison";
    const SUMMARY: &'static str = "takes its process down where the recording says so";
    type Config = Config;
    type Accepts = ChunkKind;
    type Emits = SegmentsKind;

    fn open(config: Config, host: Host) -> Result<Self> {
        Ok(Self { config, host })
    }

    fn process(&mut self, chunk: ChunkBlock<'_>, out: &mut Out<'_, SegmentsKind>) -> Result<()> {
        if self.config.broken_while.exists() {
            return Err(StageError::DeviceFault("it is broken".to_owned()));
        }
        let poison = Poison::of(chunk.samples);
        let text = poison.map_or_else(|| Ok(unharmed()), |poison| poison.act(&self.host))?;
        let map = chunk.map();
        let segment = Segment {
            start: map.start(),
            end: map.end(),
            text,
            words: Vec::new(),
            avg_log_prob: 0.0,
            no_speech_prob: 0.0,
            temperature: 0.0,
            flags: Vec::new(),
        };
        let nothing = Segments::empty(chunk.number, chunk.source_rate, map.start(), map.end());
        out.emit(Segments { segments: vec![segment], ..nothing })
    }
}

scribed_plugin::export_stages!(Recogniser);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poison_is_told_from_noise_and_silence() {
        assert_eq!(Poison::of(&[1_000.0 / 32_768.0; 10]), Some(Poison::Segfault));
        assert_eq!(Poison::of(&[8_000.0 / 32_768.0; 10]), Some(Poison::Overwrite));
        for honest in [&[0.0; 10][..], &[0.5; 10], &[15_000.0 / 32_768.0; 4], &[0.03, 0.2], &[]] {
            assert_eq!(Poison::of(honest), None, "{honest:?}");
        }
    }
}
