//! What containers say that Symphonia does not pass on.
//!
//! Symphonia takes a sample entry or codec word that it does not know for "not audio", ignores
//! encryption, does not apply the edit lists of MP4 and refuses files that are cut off inside a box.
//! So some headers are walked here too: read-only, bounded in steps and depth, and without any trust
//! in lengths.

mod mkv;
mod mp4;
mod wav;

use scribed_plugin::prelude::*;

/// A track of sound as the container describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SoundTrack {
    /// The container's track id or number.
    pub(crate) id: u32,
    /// The container's own word for the codec: `mp4a`, `samr`, `A_OPUS`, …
    pub(crate) codec: String,
    /// Whether it is to be played unless another is asked for.
    pub(crate) default: bool,
    /// How its samples are encrypted, if they are.
    pub(crate) protection: Option<String>,
    /// The part of the track that is presented.
    pub(crate) edit: Option<Edit>,
}

/// The part of a track that is presented, in ticks of the track's time scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Edit {
    /// Ticks to skip at the start: the encoder's delay.
    pub(crate) skip: i64,
    /// Ticks presented, where it is told.
    pub(crate) length: Option<i64>,
    /// How far off `length` may be by rounding, in ticks.
    pub(crate) precision: i64,
}

/// What the headers say about a recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inspection {
    /// Container as the field names it, where it is one of the families walked here.
    pub(crate) container: Option<&'static str>,
    /// Tracks of sound.
    pub(crate) sound: Vec<SoundTrack>,
    /// Tracks of anything else.
    pub(crate) others: usize,
    /// The walk met the end of the file before the headers were complete.
    pub(crate) incomplete: bool,
    /// Layout told before the reader looks.
    pub(crate) declared: Option<Declared>,
    /// Bytes that the file would have if it were not cut off, where it is or may be.
    pub(crate) whole_len: Option<u64>,
}

/// The layout that a header declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Declared {
    /// Channels.
    pub(crate) channels: u32,
}

impl Inspection {
    /// Returns the track of sound with this id.
    pub(crate) fn track(&self, id: u32) -> Option<&SoundTrack> {
        self.sound.iter().find(|track| track.id == id)
    }
}

/// Looks at the headers of `recording`; a family that is not walked gives an empty answer.
pub(crate) fn inspect(recording: Recording<'_>) -> Inspection {
    let view = View { recording };
    let Some(head) = view.bytes::<12>(0) else { return Inspection::default() };
    if &head[4..8] == b"ftyp" {
        mp4::inspect(view, [head[8], head[9], head[10], head[11]])
    } else if head[..4] == mkv::EBML_MAGIC {
        mkv::inspect(view)
    } else if &head[..4] == b"RIFF" && &head[8..] == b"WAVE" {
        wav::inspect(view)
    } else {
        Inspection::default()
    }
}

/// Random access to a recording in numbers.
#[derive(Clone, Copy)]
struct View<'a> {
    recording: Recording<'a>,
}

impl View<'_> {
    fn len(self) -> u64 {
        self.recording.len()
    }

    /// Returns `N` bytes at `at`, or none where the recording ends before or cannot be read.
    fn bytes<const N: usize>(self, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(at, &mut bytes).then_some(bytes)
    }

    /// Returns a short text at `at`, at most 32 bytes of it.
    fn text(self, at: u64, len: u64) -> Option<String> {
        let mut bytes = [0; 32];
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(bytes.len());
        self.fill(at, &mut bytes[..len]).then(|| printable(&bytes[..len]))
    }

    fn fill(self, at: u64, buf: &mut [u8]) -> bool {
        let mut filled = 0;
        while filled < buf.len() {
            match self.recording.read_at(at.saturating_add(filled as u64), &mut buf[filled..]) {
                Ok(read) if read > 0 => filled += read,
                _ => return false,
            }
        }
        true
    }

    fn u32(self, at: u64) -> Option<u32> {
        self.bytes(at).map(u32::from_be_bytes)
    }

    fn u64(self, at: u64) -> Option<u64> {
        self.bytes(at).map(u64::from_be_bytes)
    }
}

/// Makes a word of foreign bytes fit for a message.
fn printable(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '?' })
        .collect::<String>()
        .trim_end_matches(['?', ' '])
        .to_owned()
}
