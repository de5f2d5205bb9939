//! The handshake: everything that a library claims, checked before anything is used.

use std::{fs, path::Path, slice};

use scribed_abi::{
    self as abi, AbiVersion, CURRENT, ErrorBuf, MAX_STAGES, PluginEntry, StageDescriptor, Str,
};

use crate::{Kind, Reason, StageInfo};

/// Longest id, in bytes.
const MAX_ID_BYTES: usize = 128;

/// Longest version or summary, in bytes: they stand in one line.
const MAX_LINE_BYTES: usize = 1_024;

/// Longest schema, in bytes.
const MAX_SCHEMA_BYTES: usize = 1 << 20;

/// `create` of a descriptor.
pub(crate) type Create =
    unsafe extern "C" fn(*const abi::Host, Str, *mut *mut abi::Stage, *mut ErrorBuf) -> abi::Status;

/// A stage whose descriptor holds.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) info: StageInfo,
    pub(crate) create: Create,
}

/// Reads the stages behind an entry.
///
/// # Errors
/// The first thing that is wrong; then nothing of the library is used.
///
/// # Safety
/// `entry` is null or the address of an object that a loaded library exports as its entry. Pointers
/// in it that are not null must be valid, which no check can find out.
pub(crate) unsafe fn shake(
    entry: *const PluginEntry,
    library: &Path,
) -> Result<Vec<Offer>, Reason> {
    let malformed = |what: &str| Reason::Entry(what.to_owned());
    let version = entry.cast::<AbiVersion>();
    if version.is_null() || !version.is_aligned() {
        return Err(malformed("the symbol is misaligned"));
    }
    // SAFETY: aligned, and every entry of every version starts with these eight bytes.
    let plugin = unsafe { version.read() };
    if !CURRENT.accepts(plugin) {
        return Err(Reason::Abi { plugin });
    }
    if !entry.is_aligned() {
        return Err(malformed("the symbol is misaligned"));
    }
    // SAFETY: aligned, and an entry of this version has this layout.
    let PluginEntry { stage_count, stages, .. } = *unsafe { &*entry };
    if stage_count == 0 || stage_count > MAX_STAGES {
        return Err(Reason::Entry(format!("it claims {stage_count} stages")));
    }
    if stages.is_null() || !stages.is_aligned() {
        return Err(malformed("the array of stages is null or misaligned"));
    }
    // SAFETY: the entry claims that so many descriptors are there, static and read-only.
    let stages = unsafe { slice::from_raw_parts(stages, stage_count as usize) };
    let mut offers: Vec<Offer> = Vec::new();
    for (index, descriptor) in stages.iter().enumerate() {
        // SAFETY: texts and functions of a descriptor are static, as the caller promises.
        let offer = unsafe { stage(descriptor, index, library) }?;
        if offers.iter().any(|known| known.info.id == offer.info.id) {
            let id = offer.info.id;
            return Err(Reason::Duplicate { id, first: library.to_owned() });
        }
        offers.push(offer);
    }
    Ok(offers)
}

/// # Safety
/// Pointers of the descriptor that are not null are valid and static.
unsafe fn stage(
    descriptor: &StageDescriptor,
    index: usize,
    library: &Path,
) -> Result<Offer, Reason> {
    let number = format!("number {}", index + 1);
    // SAFETY: as the caller promises.
    let id = unsafe { text(descriptor.id, MAX_ID_BYTES) };
    let id = id.and_then(|id| id_form(id).map(|()| id));
    let id = id.map_err(|what| Reason::Stage { stage: number, what: format!("its id {what}") })?;
    let wrong = |what: String| Reason::Stage { stage: id.to_owned(), what };
    // SAFETY: as the caller promises.
    let version = unsafe { text(descriptor.version, MAX_LINE_BYTES) };
    let version = version.map_err(|what| wrong(format!("its version {what}")))?;
    // SAFETY: as the caller promises.
    let summary = unsafe { text(descriptor.summary, MAX_LINE_BYTES) };
    let summary = summary.map_err(|what| wrong(format!("its summary {what}")))?;
    let (accepts, emits) = kinds(descriptor).map_err(wrong)?;
    let create = descriptor.create.ok_or_else(|| wrong("it has no function create".to_owned()))?;
    let schema = descriptor.config_schema;
    let schema = schema.ok_or_else(|| wrong("it has no function config_schema".to_owned()))?;
    // SAFETY: pure, callable from any thread and without an instance.
    let schema = unsafe { schema() };
    // SAFETY: the text is static.
    let schema = unsafe { text(schema, MAX_SCHEMA_BYTES) };
    let schema = schema.map_err(|what| wrong(format!("the schema of its options {what}")))?;
    let config_schema = schema_form(schema).map_err(wrong)?;
    let info = StageInfo {
        id: id.to_owned(),
        version: version.to_owned(),
        summary: summary.to_owned(),
        config_schema,
        accepts,
        emits,
        flags: descriptor.flags,
        library: fs::canonicalize(library).unwrap_or_else(|_| library.to_owned()),
    };
    Ok(Offer { info, create })
}

/// # Safety
/// A pointer that is not null is valid and static.
unsafe fn text(text: Str, limit: usize) -> Result<&'static str, String> {
    if text.ptr.is_null() {
        return Err("is null".to_owned());
    }
    if text.len == 0 {
        return Err("is empty".to_owned());
    }
    if text.len > limit {
        return Err(format!("claims {} bytes; {limit} are allowed", text.len));
    }
    // SAFETY: as the caller promises.
    unsafe { text.read() }.ok_or_else(|| "is not UTF-8".to_owned())
}

/// Checks for reverse-DNS form in lower case: two or more parts of letters, digits and hyphens.
fn id_form(id: &str) -> Result<(), String> {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let part = |part: &str| !part.is_empty() && part.chars().all(letter);
    if id.split('.').count() >= 2 && id.split('.').all(part) {
        return Ok(());
    }
    Err(format!("{id:?} is not of the form `org.example.name`"))
}

fn kinds(descriptor: &StageDescriptor) -> Result<(Kind, Kind), String> {
    let accepts = Kind::from_abi(descriptor.accepts);
    let accepts = accepts.ok_or_else(|| format!("it accepts unknown {}", descriptor.accepts))?;
    let emits = Kind::from_abi(descriptor.emits);
    let emits = emits.ok_or_else(|| format!("it emits unknown {}", descriptor.emits))?;
    if emits == Kind::Media {
        return Err("it emits MEDIA, which only the daemon has".to_owned());
    }
    Ok((accepts, emits))
}

fn schema_form(schema: &str) -> Result<serde_json::Value, String> {
    let parsed: serde_json::Value = serde_json::from_str(schema)
        .map_err(|error| format!("the schema of its options is not JSON ({error})"))?;
    if parsed.is_object() {
        Ok(parsed)
    } else {
        Err("the schema of its options is not a JSON object".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_reverse_dns_form() {
        for good in ["org.scribed.decode", "com.example.a-b", "x.y2"] {
            assert_eq!(id_form(good), Ok(()), "{good}");
        }
        for bad in ["decode", "org..decode", ".org.x", "org.x.", "Org.X", "org.x y", "org.é"] {
            assert!(id_form(bad).is_err(), "{bad}");
        }
    }
}
