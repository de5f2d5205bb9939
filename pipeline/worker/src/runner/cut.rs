//! Heads and probes: a worker reads a recording, and chunks come out.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use scribed_engine::runner::{Chunk, Cut, Recording, Watch};
use scribed_media::MediaReader;
use tokio::sync::mpsc;

use super::Stop;
use crate::bulk;
use crate::message::{FromWorker, ToWorker};
use crate::packet::Packet;
use crate::process::Session;
use crate::serve::CHUNK_SAMPLES;
use crate::serve::MOST_READ;

/// Takes chunks until the recording is cut.
pub(super) async fn cut(
    session: &mut Session,
    recording: &Recording,
    chunks: &mpsc::Sender<Chunk>,
    watch: &Watch,
) -> Result<Cut, Stop> {
    let mut count = 0;
    loop {
        // Nothing is asked for before there is room for it; the worker's clock stands meanwhile.
        session.waits_for_us(true);
        let room = tokio::select! {
            biased;
            () = watch.cancel.tripped() => return Err(Stop::Unwanted),
            room = chunks.reserve() => room.map_err(|_| Stop::Unwanted)?,
        };
        session.waits_for_us(false);
        session.say(ToWorker::Credit { session: session.id }, None).await;
        match next(session, recording, watch).await? {
            Packet { message: FromWorker::Chunk { number, map, .. }, file: Some(file) }
                if number == count =>
            {
                let samples = bulk::open_samples(&file, CHUNK_SAMPLES);
                let samples = samples.map_err(|error| error.to_string());
                match samples {
                    Ok(samples) => room.send(Chunk { number, samples, map }),
                    Err(why) => return Err(condemned(session, &why).await),
                }
                count += 1;
            }
            Packet { message: FromWorker::Cut { cut, .. }, .. } if cut.chunks == count => {
                return Ok(cut);
            }
            Packet { message: FromWorker::Failed { error, .. }, .. } => {
                return Err(Stop::Stage(error));
            }
            Packet { message, .. } => {
                let why = format!("after {count} chunks it said {message:?}");
                return Err(condemned(session, &why).await);
            }
        }
    }
}

/// Waits until the recording was looked at.
pub(super) async fn probe(
    session: &mut Session,
    recording: &Recording,
    watch: &Watch,
) -> Result<(), Stop> {
    match next(session, recording, watch).await?.message {
        FromWorker::Probed { .. } => Ok(()),
        FromWorker::Failed { error, .. } => Err(Stop::Stage(error)),
        message => Err(condemned(session, &format!("it answered a probe with {message:?}")).await),
    }
}

/// Ends a worker that broke a promise.
pub(super) async fn condemned(session: &mut Session, why: &str) -> Stop {
    session.condemn(&why.chars().take(300).collect::<String>());
    loop {
        if let Err(death) = session.next().await {
            return Stop::Death(death);
        }
    }
}

/// Waits for the next message that is no report and no question; those are dealt with here.
async fn next(
    session: &mut Session,
    recording: &Recording,
    watch: &Watch,
) -> Result<Packet<FromWorker>, Stop> {
    loop {
        let packet = tokio::select! {
            biased;
            () = watch.cancel.tripped() => return Err(Stop::Unwanted),
            packet = session.next() => packet.map_err(Stop::Death)?,
        };
        match packet.message {
            FromWorker::Facts { facts, .. } => watch.findings.facts(facts),
            FromWorker::Warning { warning, .. } => watch.findings.warning(warning),
            FromWorker::Read { request, offset, length, .. } => {
                let read = read(Arc::clone(&recording.reader), offset, length.min(MOST_READ)).await;
                let (failed, file) = match read {
                    Ok(file) => (None, file),
                    Err(error) => (Some(error.to_string()), None),
                };
                session.say(ToWorker::Media { request, failed }, file).await;
            }
            _ => return Ok(packet),
        }
    }
}

/// Reads bytes of a recording into a sealed file; none at its end.
async fn read(
    reader: Arc<dyn MediaReader>,
    offset: u64,
    length: u32,
) -> std::io::Result<Option<OwnedFd>> {
    let read = move || {
        let mut bytes = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
        let got = reader.read_at(offset, &mut bytes)?;
        if got == 0 { Ok(None) } else { bulk::seal(&bytes[..got]).map(Some) }
    };
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}
