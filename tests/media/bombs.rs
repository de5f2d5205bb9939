//! Small recordings that claim to be huge, and a few that are: each is answered or ends, in little
//! memory, and leaves nothing but itself on the disk.
//!
//! Among them are some that once made the decoder spin or panic, by the number under which that was
//! reported at github.com/pdeljanov/Symphonia.

use std::io::{Cursor, Read, Write};
use std::time::Instant;

use reqwest::Method;
use scribed_tests::{Client, audio, client, is_long, say};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::desk::{Desk, Fate};

mod matroska;
mod mp4;
mod riff;
mod streams;

/// Most bytes of a file that only claims to be large.
const SMALL: usize = 1024;
/// Most memory by which the daemon may grow, in KiB.
const GROWTH_KIB: u64 = 64 * 1024;
/// Most memory of a worker, in KiB: its address space, which is limited by default.
const WORKER_KIB: u64 = 2_048 * 1024;
/// Longest recording that is taken, in seconds: in the short form less than the default, which is
/// that of the long one.
const LONGEST_SECS: (u32, u32) = (2 * 3600, 86_400);
/// Bytes of zeros in the packed form, which packs a thousand of them into one.
const PACKED: usize = 64 << 20;

/// A recording that wants to take more than it is worth.
#[derive(Debug)]
struct Bomb {
    name: &'static str,
    bytes: Vec<u8>,
    /// Most bytes that it may have.
    most: usize,
}

/// Makes one that must be small.
fn bomb(name: &'static str, bytes: Vec<u8>) -> Bomb {
    Bomb { name, bytes, most: SMALL }
}

/// Packs bytes with gzip (RFC 1952): what stands in a ZIP archive, in another frame.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("form", SimpleFileOptions::default()).unwrap();
    archive.write_all(bytes).unwrap();
    let mut archive = ZipArchive::new(archive.finish().unwrap()).unwrap();
    let mut packed = archive.by_index_raw(0).unwrap();
    let mut file = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    packed.read_to_end(&mut file).unwrap();
    file.extend(packed.crc32().to_le_bytes());
    file.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    file
}

/// Makes a form of boundary `b` that uploads a recording.
fn form(recording: &[u8]) -> Vec<u8> {
    let head =
        "--b\r\nContent-Disposition: form-data; name=\"audiofile\"; filename=\"a.wav\"\r\n\r\n";
    [head.as_bytes(), recording, b"\r\n--b--\r\n"].concat()
}

/// Uploads a form that is packed as a whole, which nobody unpacks.
#[track_caller]
fn explode_packed(desk: &Desk, client: &Client, packed: Vec<u8>) {
    const NAME: &str = "packed-form.gz";
    let (cost, bytes, before) = (Cost::begin(desk), packed.len(), desk.stored_bytes());
    let request = client.request(Method::POST, "/upload-audiofile");
    let request = request
        .header("content-type", "multipart/form-data; boundary=b")
        .header("content-encoding", "gzip")
        .body(packed);
    let fate = desk.refusal(NAME, &client::send(request));
    print(NAME, bytes, &cost, &fate);
    assert_eq!(desk.stored_bytes(), before);
}

/// What a bomb costs, from now on.
struct Cost<'a> {
    desk: &'a Desk,
    begin: Instant,
    /// Processor time of all workers before it.
    before: f64,
}

impl<'a> Cost<'a> {
    fn begin(desk: &'a Desk) -> Self {
        Self { desk, begin: Instant::now(), before: desk.workers_secs() }
    }
}

/// Prints a line of the table: the time that a bomb took, and the processor time in workers.
fn print(name: &str, bytes: usize, cost: &Cost<'_>, fate: &Fate) {
    let (time, fate) = (cost.begin.elapsed().as_secs_f64(), fate.to_string());
    let fate: String = fate.chars().take(140).collect();
    let processor = cost.desk.workers_secs() - cost.before;
    say(&format!("bombs: {name:30} {bytes:8} {time:6.2} s {processor:6.2} s {fate}"));
}

/// Uploads a bomb, and looks what it leaves on the disk; returns the most memory of a worker, in KiB.
#[track_caller]
fn explode(desk: &Desk, client: &Client, bomb: &Bomb) -> u64 {
    let Bomb { name, bytes, most } = bomb;
    assert!(bytes.len() <= *most, "{name} has {} bytes", bytes.len());
    let (cost, before) = (Cost::begin(desk), desk.stored_bytes());
    let fate = desk.fate(client, name, bytes.clone());
    print(name, bytes.len(), &cost, &fate);
    let own = if matches!(fate, Fate::Refused(..)) { 0 } else { bytes.len() as u64 };
    let left = desk.stored_bytes().saturating_sub(before);
    assert!(left <= own, "{name} left {left} bytes: {fate}");
    let held = desk.largest_worker_kib();
    assert!(held <= WORKER_KIB, "{name} took {held} KiB: {fate}");
    held
}

#[test]
fn recordings_that_claim_to_be_huge_cost_little() {
    let desk = Desk::start(if is_long() { LONGEST_SECS.1 } else { LONGEST_SECS.0 });
    let small = audio::wav(&[0; audio::RATE / 5]);
    let client = desk.daemon.client();
    // Whatever a daemon takes for its first recording is no growth.
    let first = desk.fate(&client, "first.wav", small.clone());
    assert!(matches!(&first, Fate::Read(state) if state == "completed"), "{first}");
    let before = desk.daemon.peak_memory_kib();

    let kinds = [
        riff::wavs(),
        riff::aiffs(),
        riff::cafs(),
        mp4::mp4s(),
        matroska::matroskas(),
        streams::flacs(),
        streams::oggs(),
        streams::mpegs(),
        streams::silences(),
    ];
    let mut held = 0;
    for bomb in kinds.iter().flatten() {
        held = explode(&desk, &client, bomb).max(held);
    }
    let mut zeros = small.clone();
    zeros.resize(PACKED, 0);
    let packed = gzip(&form(&zeros));
    assert!(packed.len() * 500 < PACKED, "{} bytes", packed.len());
    explode_packed(&desk, &client, packed.clone());
    let packed = Bomb { most: packed.len(), ..bomb("recording.wav.gz", packed) };
    held = explode(&desk, &client, &packed).max(held);

    // The kernel counts only about right.
    let growth = desk.daemon.peak_memory_kib().saturating_sub(before);
    let last = desk.fate(&client, "last.wav", small);
    assert!(matches!(&last, Fate::Read(state) if state == "completed"), "{last}");
    say(&format!(
        "bombs: the daemon held {} MiB and grew by {growth} KiB; the largest worker held {} MiB; \
         workers ended: {:?}; panics in workers: {:?}",
        before / 1024,
        held / 1024,
        desk.ends(),
        desk.panics(),
    ));
    assert!(growth <= GROWTH_KIB, "the daemon grew by {growth} KiB");
    assert!(desk.ends().is_empty(), "{:?}", desk.ends());
    desk.stop();
}
