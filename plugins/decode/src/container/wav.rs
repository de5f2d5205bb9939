//! The format chunk of RIFF WAVE: channels, before a reader refuses many of them as malformed.

use super::{Declared, Inspection, View};

/// Chunks looked at before the format chunk, which is usually the first.
const MAX_CHUNKS: usize = 64;

/// Looks at the header of a WAVE file.
pub(super) fn inspect(view: View<'_>) -> Inspection {
    Inspection { container: Some("wav"), declared: declared(view), ..Inspection::default() }
}

fn declared(view: View<'_>) -> Option<Declared> {
    let mut at = 12_u64;
    for _ in 0..MAX_CHUNKS {
        let name = view.bytes::<4>(at)?;
        let size = u64::from(u32::from_le_bytes(view.bytes(at + 4)?));
        if &name == b"fmt " {
            // WAVEFORMAT: format tag, channels, both of 16 bits, then the rate.
            let channels = u16::from_le_bytes(view.bytes(at + 10)?);
            return Some(Declared { channels: u32::from(channels) });
        }
        // Chunks begin at even places.
        at = at.checked_add(8 + size + size % 2)?;
    }
    None
}
