//! Heads and probes: a worker reads a recording, and chunks come out.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use scribed_engine::runner::{Chunk, Cut, Recording, RunError, Watch};
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
    let mut source = Source::of(recording);
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
        match next(session, &mut source, watch).await? {
            Packet { message: FromWorker::Chunk { number, map, .. }, file: Some(file) }
                if number == count =>
            {
                let samples = bulk::open_samples(&file, CHUNK_SAMPLES);
                let samples = samples.map_err(|error| error.to_string());
                match samples {
                    Ok(samples) if map.is_sound(samples.len()) => {
                        room.send(Chunk { number, samples, map });
                    }
                    Ok(_) => {
                        let why = format!("chunk {number} came with spans that cannot be");
                        return Err(condemned(session, &why).await);
                    }
                    Err(why) => return Err(condemned(session, &why).await),
                }
                count += 1;
            }
            Packet { message: FromWorker::Cut { cut, .. }, .. } if cut.chunks == count => {
                return Ok(cut);
            }
            Packet { message: FromWorker::Failed { error, .. }, .. } => {
                return Err(source.stop(error));
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
    let mut source = Source::of(recording);
    match next(session, &mut source, watch).await?.message {
        FromWorker::Probed { .. } => Ok(()),
        FromWorker::Failed { error, .. } => Err(source.stop(error)),
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
    source: &mut Source,
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
                let (failed, file) = match source.read(offset, length.min(MOST_READ)).await {
                    Ok(file) => (None, file),
                    Err(error) => (Some(error.to_string()), None),
                };
                session.say(ToWorker::Media { request, failed }, file).await;
            }
            _ => return Ok(packet),
        }
    }
}

/// A recording as a worker is given it.
#[derive(Debug)]
struct Source {
    reader: Arc<dyn MediaReader>,
    /// Whether bytes that it has could not be read, so that the worker did lack something.
    is_broken: bool,
}

impl Source {
    fn of(recording: &Recording) -> Self {
        Self { reader: Arc::clone(&recording.reader), is_broken: false }
    }

    /// Reads bytes into a sealed file; none at the end.
    async fn read(&mut self, offset: u64, length: u32) -> std::io::Result<Option<OwnedFd>> {
        let reader = Arc::clone(&self.reader);
        let read = move || {
            let mut bytes = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
            let got = reader.read_at(offset, &mut bytes)?;
            if got == 0 { Ok(None) } else { bulk::seal(&bytes[..got]).map(Some) }
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other);
        let read = read.and_then(|read| read);
        // A worker may ask for what is not there to be able to say that it got nothing.
        self.is_broken |= read.is_err() && offset < self.reader.len();
        read
    }

    /// Returns how a session ends in which a stage failed.
    fn stop(&self, error: RunError) -> Stop {
        if self.is_broken { Stop::Unread(error) } else { Stop::Stage(error) }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use scribed_engine::runner::Reason;

    use super::*;

    /// A recording of ten bytes of which none can be read.
    #[derive(Debug)]
    struct Away;

    impl MediaReader for Away {
        fn len(&self) -> u64 {
            10
        }

        fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the bucket is away"))
        }
    }

    #[tokio::test]
    async fn a_recording_that_cannot_be_read_is_lacking_and_what_it_never_had_is_not() {
        let mut source = Source { reader: Arc::new(Away), is_broken: false };
        let error = || RunError::new("decode", Reason::Unavailable, "cannot read the recording");
        assert!(source.read(10, 1).await.is_err());
        assert!(matches!(source.stop(error()), Stop::Stage(_)));
        assert!(source.read(9, 1).await.is_err());
        assert!(matches!(source.stop(error()), Stop::Unread(_)));
    }
}
