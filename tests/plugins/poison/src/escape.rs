//! Attempts of a stage to reach what it was not given; each is harmless where it succeeds.

use std::fs::{self, File};
use std::io;
use std::net::UdpSocket;
use std::os::unix::fs::{MetadataExt as _, chown};

use rustix::process::{
    Pid, Resource, Signal, getppid, getrlimit, kill_process, prlimit, test_kill_process,
};

/// The program that runs: a file that it could change, were it let.
const PROGRAM: &str = "/proc/self/exe";

/// One attempt; what the kernel answers is its error.
type Attempt = fn() -> io::Result<()>;

/// Tries everything; returns what was tried and how it went: `socket refused, …, thread allowed`.
pub(crate) fn tried(fork: Attempt, clone3: Attempt) -> String {
    let tries: [(&str, Attempt); 10] = [
        ("socket", socket),
        ("file", file),
        ("mode", mode),
        ("owner", owner),
        ("look", look),
        ("signal", signal),
        ("limit", limit),
        ("process", fork),
        ("clone3", clone3),
        ("thread", thread),
    ];
    tries.map(|(what, attempt)| format!("{what} {}", told(&attempt()))).join(", ")
}

fn told(attempt: &io::Result<()>) -> String {
    use rustix::io::Errno;
    match attempt {
        Ok(()) => "allowed".to_owned(),
        Err(error) => match Errno::from_io_error(error) {
            Some(Errno::PERM) => "refused".to_owned(),
            Some(Errno::NOSYS) => "unknown".to_owned(),
            _ => error.to_string(),
        },
    }
}

fn socket() -> io::Result<()> {
    UdpSocket::bind("127.0.0.1:0").map(drop)
}

fn file() -> io::Result<()> {
    File::open("/etc/passwd").map(drop)
}

/// Gives the program the mode that it has.
fn mode() -> io::Result<()> {
    fs::set_permissions(PROGRAM, fs::metadata(PROGRAM)?.permissions())
}

/// Gives the program the owner that it has.
fn owner() -> io::Result<()> {
    let known = fs::metadata(PROGRAM)?;
    chown(PROGRAM, Some(known.uid()), Some(known.gid()))
}

fn daemon() -> io::Result<Pid> {
    getppid().ok_or_else(|| io::Error::other("there is no parent"))
}

/// Looks whether the daemon is there, by a signal that is none.
fn look() -> io::Result<()> {
    Ok(test_kill_process(daemon()?)?)
}

/// Sends the daemon a signal that it does not mind.
fn signal() -> io::Result<()> {
    Ok(kill_process(daemon()?, Signal::WINCH)?)
}

/// Takes core files from the daemon, as this process makes none either.
fn limit() -> io::Result<()> {
    prlimit(Some(daemon()?), Resource::Core, getrlimit(Resource::Core))?;
    Ok(())
}

fn thread() -> io::Result<()> {
    let thread = std::thread::Builder::new().spawn(|| ())?;
    thread.join().map_err(|_| io::Error::other("it panicked"))
}
