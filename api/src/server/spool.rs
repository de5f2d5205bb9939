//! The spool: long answers wait for slow readers on the disk instead of in memory.
//!
//! A client may read as slowly as it likes, as long as it reads. What it has not read yet of a long
//! answer lies in a file without a name, which is gone with the connection, and after a crash too.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use http::header::CONTENT_LENGTH;
use hyper::body::{Body, Bytes};
use tokio_util::io::ReaderStream;
use warp::Reply;
use warp::reply::Response;

use crate::answer::{Refusal, respond};
use crate::config::Http;

/// Bytes that are read from the disk at once. hyper collects up to sixteen such pieces for a connection
/// that does not take them.
const BLOCK: usize = 4 * 1024;

/// Where long answers wait.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    /// Longest answer that waits in memory.
    memory: u64,
}

impl Spool {
    /// Reads the settings.
    pub(super) fn new(http: &Http) -> Self {
        let chosen = &http.spool_folder;
        let folder =
            if chosen.as_os_str().is_empty() { std::env::temp_dir() } else { chosen.clone() };
        Self { folder, memory: u64::from(http.answer_memory_kib) * 1024 }
    }

    /// Puts a long answer on the disk; where that cannot be done it stays in memory.
    pub(super) async fn hold(&self, response: Response) -> Response {
        let Some(length) = response.body().size_hint().exact().filter(|l| *l > self.memory) else {
            return response;
        };
        let (mut head, body) = response.into_parts();
        let Ok(bytes) = whole(body).await else { return respond(Err(Refusal::Internal)) };
        let (folder, answer) = (self.folder.clone(), bytes.clone());
        let written = tokio::task::spawn_blocking(move || write(&folder, &answer)).await;
        let file = match written.map_err(io::Error::other).and_then(|written| written) {
            Ok(file) => file,
            Err(error) => {
                let folder = self.folder.display();
                tracing::warn!(%error, %folder, "a long answer waits in memory, not on the disk");
                return Response::from_parts(head, bytes.into());
            }
        };
        let mut file = tokio::fs::File::from_std(file);
        file.set_max_buf_size(BLOCK);
        head.headers.insert(CONTENT_LENGTH, length.into());
        let pieces = ReaderStream::with_capacity(file, BLOCK);
        Response::from_parts(head, warp::reply::stream(pieces).into_response().into_body())
    }
}

/// Takes a body that is there already.
async fn whole<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Result<Bytes, B::Error> {
    let mut all: Vec<Bytes> = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        all.extend(frame?.into_data().ok());
    }
    // It is one piece, as all answers are.
    Ok(if all.len() == 1 { all.swap_remove(0) } else { all.concat().into() })
}

/// Writes bytes to a file that has no name, and returns it at its beginning.
fn write(folder: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(folder: &Path) -> Spool {
        Spool::new(&Http {
            spool_folder: folder.to_owned(),
            answer_memory_kib: 1,
            ..Http::default()
        })
    }

    async fn held(spool: &Spool, body: &[u8]) -> (Option<u64>, Response) {
        let response = spool.hold(Response::new(Bytes::copy_from_slice(body).into())).await;
        (response.body().size_hint().exact(), response)
    }

    #[tokio::test]
    async fn a_long_answer_is_the_same_from_the_disk_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let body: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let (known, response) = held(&spool(folder.path()), &body).await;
        assert_eq!(known, None, "it is not in memory");
        assert_eq!(response.headers()["content-length"], "100000");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(whole(response.into_body()).await.unwrap(), body);
    }

    #[tokio::test]
    async fn a_short_answer_and_one_without_a_disk_stay_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let (known, _) = held(&spool(folder.path()), &[1; 1_024]).await;
        assert_eq!(known, Some(1_024));
        let (known, response) = held(&spool(&folder.path().join("missing")), &[1; 2_000]).await;
        assert_eq!(known, Some(2_000));
        assert_eq!(whole(response.into_body()).await.unwrap(), vec![1; 2_000]);
    }
}
