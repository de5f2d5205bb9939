//! The log of clients: what they sent and were answered, what they read, what they saw.
//!
//! One JSON document a line, in the order of happening. A line is written after the fact: what a client
//! does not know to have happened, it does not claim.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use scribed_schemas::job::JobState;
use serde::{Deserialize, Serialize};

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When, in microseconds since the Unix epoch.
    pub at: i64,
    /// What.
    #[serde(flatten)]
    pub said: Said,
}

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Said {
    /// The bus has acknowledged an upload event.
    Sent {
        /// The producer's id of it.
        id: String,
        /// Username of the owner.
        owner: String,
        /// The text of each chunk, where it is known: then the job must end with exactly these.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<Vec<String>>,
    },
    /// An upload was answered with success.
    Accepted {
        /// Number of the job.
        job: i64,
        /// Owner and idempotency key, where it was sent under one: an event of that id is the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        under: Option<(String, String)>,
        /// As above.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<Vec<String>>,
    },
    /// A deletion was answered: the job is gone for good.
    Deleted {
        /// Number of the job.
        job: i64,
    },
    /// A chunk was read.
    Read {
        /// Number of the job.
        job: i64,
        /// Number of the chunk.
        chunk: u32,
        /// Its text.
        text: String,
    },
    /// A job was looked at.
    Seen {
        /// Number of the job.
        job: i64,
        /// Its state.
        state: JobState,
        /// Its fence.
        fence: i64,
    },
    /// A partition of the uploads was looked at.
    Offset {
        /// Its number.
        partition: i32,
        /// What the group reads next; none before its first commit.
        committed: Option<i64>,
    },
}

/// A log that is being written, by any number of threads.
#[derive(Debug)]
pub struct Log {
    file: Mutex<File>,
}

impl Log {
    /// Opens a log; what is there stays.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(path)?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Writes a line.
    ///
    /// # Panics
    /// When it cannot be written: a test without its log proves nothing.
    pub fn say(&self, said: Said) {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let at = since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        let mut line = serde_json::to_vec(&Line { at, said }).expect("a line is plain JSON");
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line).expect("the log can be written");
    }
}

/// Reads a log.
///
/// # Errors
/// The file cannot be read, or a line is not one of a log; the error names it.
pub fn read(path: &Path) -> io::Result<Vec<Line>> {
    let lines = BufReader::new(File::open(path)?).lines();
    let line = |(number, line): (usize, io::Result<String>)| {
        serde_json::from_str(&line?).map_err(|error| {
            let why = format!("{}:{}: {error}", path.display(), number + 1);
            io::Error::new(io::ErrorKind::InvalidData, why)
        })
    };
    lines.enumerate().map(line).collect()
}
