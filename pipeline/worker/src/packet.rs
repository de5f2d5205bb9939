//! Packets: one message each, with at most one descriptor, over a socket that keeps their borders.
//!
//! The socket is `AF_UNIX`, `SOCK_SEQPACKET`: the kernel frames packets, so no length is believed from
//! the other side, and a descriptor belongs to exactly one packet. A packet is small; what is large
//! travels in a sealed file beside it (see [`bulk`]).
//!
//! ```text
//! byte 0   version of the protocol
//! byte 1   form: 0 JSON follows · 1 JSON is in the file · 2 JSON follows, and the file is the bulk
//! byte 2…  JSON
//! ```

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixDatagram;

use crate::bulk;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;

/// Version of the protocol; both ends are the same binary, so there is exactly one.
const VERSION: u8 = 1;
/// Longest packet in bytes; Linux takes at least 200 KiB with its default buffers.
const LONGEST: usize = 64 * 1024;
/// Where the JSON of a packet is, and what its file is.
const JSON_INLINE: u8 = 0;
const JSON_IN_FILE: u8 = 1;
const FILE_IS_BULK: u8 = 2;

/// A message with what travels beside it.
#[derive(Debug)]
pub(crate) struct Packet<M> {
    pub(crate) message: M,
    /// A sealed file, or the recording.
    pub(crate) file: Option<OwnedFd>,
}

impl<M> From<M> for Packet<M> {
    fn from(message: M) -> Self {
        Self { message, file: None }
    }
}

/// What may be wrong with what the other side says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PacketError {
    /// The socket failed.
    #[error("the socket of a worker failed: {0}")]
    Io(#[from] io::Error),
    /// The other side does not keep the protocol.
    #[error("it broke the protocol: {0}")]
    Broken(String),
}

/// Makes both ends of a connection; neither is inherited by accident.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

/// Makes an end of a connection known to the runtime.
///
/// To tokio it is a socket of datagrams, whose reading and writing are ours.
pub(crate) fn register(socket: OwnedFd) -> io::Result<UnixDatagram> {
    UnixDatagram::from_std(socket.into())
}

/// Sends a message; waits until the other side has read enough.
pub(crate) async fn say<M: Serialize>(socket: &UnixDatagram, packet: Packet<M>) -> io::Result<()> {
    let packet = Encoded::new(packet)?;
    socket.async_io(Interest::WRITABLE, || send(socket.as_fd(), &packet)).await
}

/// Sends a message at once, where there is no runtime yet.
///
/// # Errors
/// The socket failed, or `WouldBlock`: the other side has to read first.
pub(crate) fn say_at_once<M: Serialize>(socket: BorrowedFd<'_>, message: M) -> io::Result<()> {
    send(socket, &Encoded::new(message.into())?)
}

/// Waits for a message of at most `longest` bytes; none at the end of the connection.
///
/// # Cancel safety
/// Cancel safe: a message is taken in the very step that returns it.
pub(crate) async fn hear<M: DeserializeOwned>(
    socket: &UnixDatagram,
    longest: u64,
) -> Result<Option<Packet<M>>, PacketError> {
    let receive = || match receive(socket.as_fd(), longest) {
        Err(PacketError::Io(error)) => Err(error),
        other => Ok(other),
    };
    socket.async_io(Interest::READABLE, receive).await?
}

/// Sends a message; `WouldBlock` when the other side has to read first.
fn send<M: Serialize>(socket: BorrowedFd<'_>, packet: &Encoded<M>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let file = packet.file.as_ref().map(|file| [file.as_fd()]);
    if let Some(file) = &file {
        ancillary.push(SendAncillaryMessage::ScmRights(file));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sendmsg(socket, &[IoSlice::new(&packet.bytes)], &mut ancillary, flags)?;
    Ok(())
}

/// A packet as it is sent.
#[derive(Debug)]
struct Encoded<M> {
    bytes: Vec<u8>,
    file: Option<OwnedFd>,
    message: std::marker::PhantomData<fn(M)>,
}

impl<M: Serialize> Encoded<M> {
    /// Writes a message down; a long one goes into a file of its own.
    fn new(packet: Packet<M>) -> io::Result<Self> {
        let Packet { message, mut file } = packet;
        let json = serde_json::to_vec(&message)?;
        let mut bytes = vec![VERSION, if file.is_some() { FILE_IS_BULK } else { JSON_INLINE }];
        if json.len() + bytes.len() <= LONGEST {
            bytes.extend(json);
        } else if file.is_none() {
            bytes[1] = JSON_IN_FILE;
            file = Some(bulk::seal(&json)?);
        } else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a message is too long"));
        }
        Ok(Self { bytes, file, message: std::marker::PhantomData })
    }
}

/// Receives a message; none at the end of the connection, `WouldBlock` when nothing is there.
pub(crate) fn receive<M: DeserializeOwned>(
    socket: BorrowedFd<'_>,
    longest: u64,
) -> Result<Option<Packet<M>>, PacketError> {
    let mut bytes = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let received = match recvmsg(socket, &mut slices, &mut ancillary, flags) {
        Ok(received) => received,
        // A worker that was killed with packets unread.
        Err(rustix::io::Errno::CONNRESET) => return Ok(None),
        Err(error) => return Err(io::Error::from(error).into()),
    };
    let files = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    let file = files.flatten().next();
    if received.bytes == 0 {
        return Ok(None);
    }
    let is_cut = received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
    if is_cut {
        return Err(broken("a packet is longer than any may be"));
    }
    decode(&bytes[..received.bytes], file, longest).map(Some)
}

fn decode<M: DeserializeOwned>(
    bytes: &[u8],
    file: Option<OwnedFd>,
    longest: u64,
) -> Result<Packet<M>, PacketError> {
    let [version, form, json @ ..] = bytes else {
        return Err(broken("a packet has no head"));
    };
    if *version != VERSION {
        return Err(broken(&format!("version {version}, where this is {VERSION}")));
    }
    let unclear = |error: serde_json::Error| broken(&format!("a message is unclear: {error}"));
    match (*form, file) {
        (JSON_INLINE, None) => {
            Ok(Packet { message: serde_json::from_slice(json).map_err(unclear)?, file: None })
        }
        (FILE_IS_BULK, Some(file)) => {
            let message = serde_json::from_slice(json).map_err(unclear)?;
            Ok(Packet { message, file: Some(file) })
        }
        (JSON_IN_FILE, Some(file)) => {
            let json = bulk::open(&file, longest).map_err(|error| broken(&error.to_string()))?;
            Ok(Packet { message: serde_json::from_slice(&json).map_err(unclear)?, file: None })
        }
        (form, file) => {
            let with = if file.is_some() { "with" } else { "without" };
            Err(broken(&format!("a packet of form {form} {with} a file")))
        }
    }
}

fn broken(why: &str) -> PacketError {
    PacketError::Broken(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(message: &str, file: Option<OwnedFd>) -> Packet<String> {
        let (ours, theirs) = pair().unwrap();
        let packet = Encoded::new(Packet { message: message.to_owned(), file }).unwrap();
        send(ours.as_fd(), &packet).unwrap();
        receive(theirs.as_fd(), 8 << 20).unwrap().unwrap()
    }

    #[test]
    fn messages_arrive_whole_whatever_their_length() {
        for length in [0, 1, LONGEST - 4, LONGEST - 3, 5_000_000] {
            let packet = round(&"x".repeat(length), None);
            assert_eq!((packet.message.len(), packet.file.is_some()), (length, false));
        }
    }

    #[test]
    fn a_file_travels_with_its_message() {
        let packet = round("chunk", Some(bulk::seal(b"samples").unwrap()));
        assert_eq!(bulk::open(&packet.file.unwrap(), 7).unwrap(), b"samples");
    }

    #[test]
    fn the_end_of_the_other_side_is_the_end() {
        let (ours, theirs) = pair().unwrap();
        let nothing = receive::<String>(theirs.as_fd(), 9).unwrap_err();
        assert!(matches!(nothing, PacketError::Io(e) if e.kind() == io::ErrorKind::WouldBlock));
        drop(ours);
        assert!(receive::<String>(theirs.as_fd(), 9).unwrap().is_none());
    }

    #[test]
    fn what_is_longer_than_agreed_is_refused() {
        let (ours, theirs) = pair().unwrap();
        let message = "x".repeat(LONGEST);
        send(ours.as_fd(), &Encoded::new(message.into()).unwrap()).unwrap();
        let refused = receive::<String>(theirs.as_fd(), LONGEST as u64).unwrap_err();
        assert!(refused.to_string().contains("are the most"), "{refused}");
    }

    #[test]
    fn what_keeps_no_protocol_is_refused() {
        let file = || Some(bulk::seal(b"\"x\"").unwrap());
        for (bytes, file) in [
            (&b"\x01"[..], None),
            (b"\x02\x00\"x\"", None),
            (b"\x01\x00\"x", None),
            (b"\x01\x00\"x\"", file()),
            (b"\x01\x01", None),
            (b"\x01\x02\"x\"", None),
            (b"\x01\x07\"x\"", None),
        ] {
            let refused = decode::<String>(bytes, file, 9);
            assert!(matches!(refused, Err(PacketError::Broken(_))), "{bytes:?}: {refused:?}");
        }
    }
}
