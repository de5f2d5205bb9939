//! What a model file must look like before whisper.cpp may read it.
//!
//! whisper.cpp trusts its input: it takes a file that ends early for one whose last weights are zero,
//! and some damaged lengths crash the process. So the layout is walked once from here, which costs
//! milliseconds, because the weights themselves are skipped.
//!
//! ```text
//! magic "lmgg" · 11 × i32 sizes · mel filters · vocabulary · tensors { dims, name, type, data } …
//! ```

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read, Seek},
    path::Path,
};

/// `ggml` as a little-endian word.
const MAGIC: &[u8] = b"lmgg";

/// Sizes in the header, in this order, each with the largest value that makes sense: twice that of
/// `large-v3`, or more.
const SIZES: [(&str, u32); 11] = [
    ("n_vocab", 200_000),
    ("n_audio_ctx", 6_000),
    ("n_audio_state", 8_192),
    ("n_audio_head", 128),
    ("n_audio_layer", 128),
    ("n_text_ctx", 4_096),
    ("n_text_state", 8_192),
    ("n_text_head", 128),
    ("n_text_layer", 128),
    ("n_mels", 512),
    ("ftype", 1_000_000),
];

/// Numbers of ggml's element types with the elements and bytes of one block of each.
const TYPES: [(u32, u64, u64); 12] = [
    (0, 1, 4),      // f32
    (1, 1, 2),      // f16
    (2, 32, 18),    // q4_0
    (3, 32, 20),    // q4_1
    (6, 32, 22),    // q5_0
    (7, 32, 24),    // q5_1
    (8, 32, 34),    // q8_0
    (10, 256, 84),  // q2_K
    (11, 256, 110), // q3_K
    (12, 256, 144), // q4_K
    (13, 256, 176), // q5_K
    (14, 256, 210), // q6_K
];

/// Why a file is not a usable model; a phrase that follows the file's name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfit(pub(crate) String);

/// Walks the file.
///
/// # Errors
/// A phrase for a person: missing, something else, damaged, or cut off.
pub(crate) fn check(path: &Path) -> Result<(), Unfit> {
    let open = || -> io::Result<(File, u64)> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder"));
        }
        Ok((file, metadata.len()))
    };
    let (file, len) = open().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Unfit("does not exist".to_owned()),
        _ => Unfit(format!("cannot be read: {error}")),
    })?;
    let mut walk = Walk { reader: BufReader::new(file), at: 0, len };
    walk.magic()?;
    walk.layout()
}

struct Walk {
    reader: BufReader<File>,
    at: u64,
    len: u64,
}

impl Walk {
    fn magic(&mut self) -> Result<(), Unfit> {
        let mut start = [0; 16];
        let mut filled = 0;
        while let Some(room) = start.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.reader.read(room) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => return Err(Unfit(format!("cannot be read: {error}"))),
            }
        }
        let start = start.get(..filled).unwrap_or_default();
        if start.starts_with(MAGIC) {
            self.skip_to(4)?;
            return Ok(());
        }
        let what = match start {
            [] => "is empty",
            [b'G', b'G', b'U', b'F', ..] => {
                "is a GGUF file; whisper.cpp reads the older ggml format"
            }
            s if s.starts_with(b"version https://") => "is only a Git LFS pointer, not the model",
            [b'P', b'K', ..] => "is a ZIP or PyTorch file; convert it to ggml first",
            s if s.trim_ascii_start().starts_with(b"<") => "is a web page, not a model",
            _ => "is not a ggml file",
        };
        Err(Unfit(what.to_owned()))
    }

    fn layout(&mut self) -> Result<(), Unfit> {
        for (name, most) in SIZES {
            let value = self.word()?;
            if value > most || (value == 0 && name != "ftype") {
                return Err(self.damaged(&format!("{name} is {value}")));
            }
        }
        let (mels, bins) = (self.word()?, self.word()?);
        if mels == 0 || mels > 512 || bins == 0 || bins > 8_192 {
            return Err(self.damaged("the mel filters have no sensible size"));
        }
        self.skip(u64::from(mels) * u64::from(bins) * 4)?;
        let tokens = self.word()?;
        if tokens > 200_000 {
            return Err(self.damaged("the vocabulary has no sensible size"));
        }
        for _ in 0..tokens {
            let len = self.word()?;
            if len > 4_096 {
                return Err(self.damaged("a token is too long"));
            }
            self.skip(u64::from(len))?;
        }
        if self.at == self.len {
            return Err(Unfit("has a vocabulary but no weights; it is made for tests".to_owned()));
        }
        while self.at < self.len {
            self.tensor()?;
        }
        Ok(())
    }

    fn tensor(&mut self) -> Result<(), Unfit> {
        let (dims, name, kind) = (self.word()?, self.word()?, self.word()?);
        if dims > 4 || name > 256 {
            return Err(self.damaged("a tensor has no sensible header"));
        }
        let mut elements = 1_u64;
        for _ in 0..dims {
            let size = self.word()?;
            if size == 0 {
                return Err(self.damaged("a tensor has no elements"));
            }
            elements = elements.saturating_mul(u64::from(size));
        }
        self.skip(u64::from(name))?;
        let Some((_, block, bytes)) = TYPES.iter().find(|(number, ..)| *number == kind) else {
            return Err(self.damaged(&format!("a tensor has the unknown type {kind}")));
        };
        self.skip(elements.div_ceil(*block).saturating_mul(*bytes))
    }

    fn word(&mut self) -> Result<u32, Unfit> {
        if self.at + 4 > self.len {
            return Err(self.cut_off());
        }
        let mut bytes = [0; 4];
        self.reader.read_exact(&mut bytes).map_err(|_| self.cut_off())?;
        self.at += 4;
        Ok(u32::from_le_bytes(bytes))
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Unfit> {
        let target = self.at.saturating_add(bytes);
        if target > self.len {
            return Err(self.cut_off());
        }
        let step = i64::try_from(bytes).map_err(|_| self.cut_off())?;
        self.reader
            .seek_relative(step)
            .map_err(|error| Unfit(format!("cannot be read: {error}")))?;
        self.at = target;
        Ok(())
    }

    fn skip_to(&mut self, at: u64) -> Result<(), Unfit> {
        let moved = self.reader.seek(io::SeekFrom::Start(at));
        moved.map_err(|error| Unfit(format!("cannot be read: {error}")))?;
        self.at = at;
        Ok(())
    }

    fn cut_off(&self) -> Unfit {
        Unfit(format!("is cut off: it ends after {} bytes, in the middle of its content", self.len))
    }

    fn damaged(&self, what: &str) -> Unfit {
        Unfit(format!("is damaged near byte {}: {what}", self.at))
    }
}
