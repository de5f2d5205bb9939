//! Renderers: a worker gets a text chunk by chunk and makes a document of it.

use scribed_engine::runner::{Document, Watch};
use scribed_schemas::transcript::Segments;
use tokio::sync::mpsc;

use super::Stop;
use super::cut::condemned;
use crate::bulk;
use crate::message::{FromWorker, ToWorker};
use crate::packet::Packet;
use crate::process::Session;

/// Chunks of text that are on their way to the worker.
const UNDER_WAY: usize = 8;
/// Largest document in bytes.
const LARGEST: u64 = 256 << 20;

/// Hands a text over and takes the document.
pub(super) async fn render(
    session: &mut Session,
    mut text: mpsc::Receiver<Segments>,
    watch: &Watch,
) -> Result<Document, Stop> {
    let (mut is_whole, mut under_way) = (false, 0);
    loop {
        // The worker has nothing to do where the text is what is missing.
        session.waits_for_us(!is_whole && under_way == 0);
        let said = tokio::select! {
            biased;
            () = watch.cancel.tripped() => return Err(Stop::Unwanted),
            said = session.next() => said.map_err(Stop::Death)?,
            chunk = text.recv(), if !is_whole && under_way < UNDER_WAY => {
                is_whole = chunk.is_none();
                under_way += usize::from(!is_whole);
                session.say(ToWorker::Text { session: session.id, text: chunk }, None).await;
                continue;
            }
        };
        match said {
            Packet { message: FromWorker::Taken { .. }, .. } if under_way > 0 => under_way -= 1,
            Packet {
                message: FromWorker::Document { media_type, extension, .. },
                file: Some(file),
            } if is_whole => {
                return match bulk::open(&file, LARGEST) {
                    Ok(bytes) => Ok(Document { bytes, media_type, extension }),
                    Err(error) => Err(condemned(session, &error.to_string()).await),
                };
            }
            Packet { message: FromWorker::Failed { error, .. }, .. } => {
                return Err(Stop::Stage(error));
            }
            // A renderer has nothing to report that anybody keeps.
            Packet { message: FromWorker::Facts { .. } | FromWorker::Warning { .. }, .. } => {}
            Packet { message, .. } => {
                let why = format!("a renderer said {message:?}");
                return Err(condemned(session, &why).await);
            }
        }
    }
}
