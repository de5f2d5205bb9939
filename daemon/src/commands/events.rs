//! `scribed events send`: an upload event like a producer's, followed to its text.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use scribed_bus::{Bus, Message};
use scribed_media::MediaStore;
use scribed_schemas::event::{Callback, MediaSource, UPLOAD_SCHEMA, UPLOADS, UploadEvent};
use scribed_schemas::id::AccountId;
use scribed_schemas::job::{Job, JobState, Priority};
use scribed_store::Store;
use tokio::io::AsyncReadExt;

use super::{Session, now, runtime};
use crate::backends;
use crate::cli::{Events, Send};
use crate::failure::Failure;
use crate::output;

/// How often to look how far a job is.
const LOOK: Duration = Duration::from_millis(250);
/// Jobs of an owner among which an event's is looked for, newest first.
const RECENT: u32 = 200;
/// Chunks that are read at once.
const PAGE: u32 = 100;
/// Bytes of a file that are read at once.
const BLOCK: usize = 256 * 1024;

/// Where events go, and where their jobs are seen.
struct Desk {
    store: Arc<dyn Store>,
    media: Arc<dyn MediaStore>,
    bus: Arc<dyn Bus>,
}

/// Sends an event for each recording, and follows them one after the other.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(session: &Session, ask: &Events) -> Result<ExitCode, Failure> {
    let Events::Send(send) = ask;
    if send.id.is_some() && send.media.len() > 1 {
        let why = anyhow!("an id is of one recording, and {} are named", send.media.len());
        return Err(Failure::refused(why).hint("leave --id out, and each gets one"));
    }
    runtime()?.block_on(async {
        let config = &session.settings.config;
        let database = session.database().await?;
        let media = backends::media(config, &session.folder)?;
        let bus = backends::publisher(config, &database).await?;
        let desk = Desk { store: database.store(), media, bus };
        let done = desk.send_all(send).await;
        database.close().await;
        done
    })
}

impl Desk {
    async fn send_all(&self, send: &Send) -> Result<ExitCode, Failure> {
        let owner = self.store.account_by_name(&send.owner).await?;
        let owner = owner.ok_or_else(|| {
            Failure::failed(anyhow!("there is no account {}", send.owner))
                .hint("`scribed account list` lists all")
        })?;
        let mut events = Vec::new();
        for media in &send.media {
            let event = self.event(send, media).await?;
            self.publish(&event).await?;
            output::note(format!("sent {} as event {}", media, event.id));
            events.push(event);
        }
        let mut all_whole = true;
        if !send.no_follow {
            for event in &events {
                all_whole &= self.follow(owner.id, &event.id).await?;
            }
        }
        Ok(if all_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Makes the event of a recording; a file of this machine is stored first.
    async fn event(&self, send: &Send, media: &str) -> Result<UploadEvent, Failure> {
        let id = send.id.clone().unwrap_or_else(|| format!("send-{:032x}", rand::random::<u128>()));
        let file = Path::new(media);
        let source = match media.split_once("://") {
            Some(("file", _)) => MediaSource::File(media.to_owned()),
            Some(("https", _)) => MediaSource::Url(media.to_owned()),
            Some((scheme, _)) => {
                let why = anyhow!("{media}: events name no {scheme} URLs");
                return Err(Failure::refused(why).hint("name a file, file:///… or https://…"));
            }
            None => MediaSource::Key(self.store_file(file).await?),
        };
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(UploadEvent {
            schema: UPLOAD_SCHEMA.to_owned(),
            id,
            owner: send.owner.clone(),
            media: source,
            name,
            language: send.language.clone(),
            pipeline: send.pipeline.clone(),
            priority: if send.urgent { Priority::Priority } else { Priority::Standard },
            reference: send.reference.clone(),
            callback: send.callback.clone().map(|url| Callback { url }),
        })
    }

    /// Copies a file to where recordings are kept, and returns its key.
    async fn store_file(&self, path: &Path) -> Result<String, Failure> {
        let reading = || format!("cannot read {}", path.display());
        let mut file = tokio::fs::File::open(path).await.with_context(reading)?;
        // Two events of one id may name different files, which is for the daemons to tell apart.
        let key = format!("events/{:032x}", rand::random::<u128>());
        let mut writer = self.media.create(&key).await?;
        loop {
            let mut block = Vec::with_capacity(BLOCK);
            let read = file.read_buf(&mut block).await.with_context(reading)?;
            if read == 0 {
                writer.finish().await?;
                return Ok(key);
            }
            writer.write(Bytes::from(block)).await?;
        }
    }

    async fn publish(&self, event: &UploadEvent) -> Result<(), Failure> {
        let payload = serde_json::to_vec(event).context("cannot write the event as JSON")?;
        let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
        let message =
            Message { key: event.owner.clone().into_bytes(), headers, payload, at: now() };
        Ok(self.bus.publish(UPLOADS, message).await?)
    }

    /// Prints the text of an event's job as it appears; returns whether it is whole at the end.
    async fn follow(&self, owner: AccountId, id: &str) -> Result<bool, Failure> {
        let mut seen = 0;
        let mut known: Option<Job> = None;
        loop {
            known = match &known {
                Some(job) => self.store.job(job.id).await?,
                None => self.find(owner, id).await?,
            };
            if let Some(job) = &known {
                if seen == 0 && job.ready_chunks > 0 {
                    output::note(format!("job {}", job.id));
                }
                for chunk in self.store.chunks(job.id, seen, PAGE).await? {
                    seen = chunk.chunk + 1;
                    output::line(chunk.text());
                }
                if job.state.is_terminal() && seen >= job.ready_chunks {
                    return Ok(ended(job));
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn find(&self, owner: AccountId, id: &str) -> Result<Option<Job>, Failure> {
        let page = self.store.jobs(Some(owner), 0, RECENT).await?;
        let of_event = |job: &Job| job.options.upload.as_deref() == Some(id);
        Ok(page.jobs.into_iter().find(of_event))
    }
}

/// Says how a job ended; returns whether its text is whole.
fn ended(job: &Job) -> bool {
    let why = job.fault.as_ref().map_or_else(String::new, |fault| format!(": {}", fault.message));
    output::note(format!("job {} is {}{why}", job.id, job.state.as_str()));
    job.state == JobState::Completed
}
