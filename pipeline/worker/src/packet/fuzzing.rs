//! The fuzzer's door: what must hold of a packet, whatever the other side sends.
#![expect(clippy::missing_panics_doc, reason = "a property panics where it does not hold")]

use std::fmt::Debug;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, memfd_create};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Encoded, LONGEST, Packet, PacketError, decode};
use crate::bulk;
use crate::message::{FromWorker, ToWorker};

/// Longest message that is taken from a file here.
const LONGEST_JSON: u64 = 1 << 20;

/// Holds of a packet in either direction: it is refused, or its message is written again as the same
/// message, within the length of a packet; and a file beside it is read whole, sealed, or not at all.
///
/// The first byte chooses the direction, the second what file comes with the packet, the next two tell
/// its length; what is behind it stands in the file.
pub fn packet(data: &[u8]) {
    let [direction, kind, high, low, rest @ ..] = data else { return };
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
    let (packet, content) = rest.split_at(length);
    let is_sealed = kind % 3 == 1;
    let file = match kind % 3 {
        0 => None,
        1 => Some(bulk::seal(content).expect("memory can be sealed")),
        _ => Some(open_file(content)),
    };
    if direction % 2 == 0 {
        taken::<ToWorker>(packet, file, content, is_sealed);
    } else {
        taken::<FromWorker>(packet, file, content, is_sealed);
    }
}

/// Makes a file that its maker can still change.
fn open_file(content: &[u8]) -> OwnedFd {
    let file = memfd_create("open", MemfdFlags::ALLOW_SEALING).expect("a file of memory");
    let mut file = File::from(file);
    file.write_all(content).expect("memory can be written");
    file.into()
}

fn taken<M>(bytes: &[u8], file: Option<OwnedFd>, content: &[u8], is_sealed: bool)
where
    M: Serialize + DeserializeOwned + Debug,
{
    let came_with_file = file.is_some();
    let packet = match decode::<M>(bytes, file, LONGEST_JSON) {
        Ok(packet) => packet,
        Err(PacketError::Broken(why)) => return assert!(!why.is_empty()),
        Err(error) => panic!("no socket is here: {error}"),
    };
    assert!(came_with_file || packet.file.is_none());
    if let Some(file) = &packet.file {
        bulk_is_whole(file, content, is_sealed);
    }
    written_again(packet);
}

/// Insists that a message that was taken is sent as the same message.
fn written_again<M>(packet: Packet<M>)
where
    M: Serialize + DeserializeOwned + Debug,
{
    let has_file = packet.file.is_some();
    let told = serde_json::to_string(&packet.message).expect("a message can be written");
    let encoded = match Encoded::new(packet) {
        Ok(encoded) => encoded,
        Err(error) => return assert!(has_file && told.len() + 2 > LONGEST, "{error}"),
    };
    assert!(encoded.bytes.len() <= LONGEST);
    let again = decode::<M>(&encoded.bytes, encoded.file, u64::MAX);
    let again = match again {
        Ok(again) => again,
        // A number beyond those of `f32` is read as infinite, which JSON cannot say; the store makes
        // such numbers finite before anybody reads them.
        Err(error) if error.to_string().contains("invalid type: null, expected f32") => return,
        Err(error) => panic!("{error}: {told}"),
    };
    assert_eq!(again.file.is_some(), has_file);
    assert_eq!(serde_json::to_string(&again.message).expect("as before"), told);
}

fn bulk_is_whole(file: &OwnedFd, content: &[u8], is_sealed: bool) {
    let length = content.len();
    let read = bulk::open(file, length as u64);
    assert_eq!(read.is_ok(), is_sealed);
    assert!(bulk::open_samples(file, length).is_err() || is_sealed);
    if is_sealed {
        assert_eq!(read.expect("it is sealed"), content);
        let shorter = length.checked_sub(1).map(|most| bulk::open(file, most as u64));
        assert!(shorter.is_none_or(|read| read.is_err()), "a limit is passed");
    }
    if let Ok(samples) = bulk::open_samples(file, length) {
        assert!(samples.len() * 4 == length && samples.iter().all(|sample| sample.is_finite()));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn kept_inputs_of_the_fuzzer_are_messages_or_refused() {
        scribed_test_properties::replay("packet", super::packet);
    }
}
