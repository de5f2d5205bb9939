//! What others are told of a job: everything, at least once, and nothing that is not so.

use std::collections::BTreeSet;

use scribed_bus::Message;
use scribed_schemas::event::{
    CHUNK_SCHEMA, ChunkEvent, STATE_SCHEMA, StateEvent, TRANSCRIPT_SCHEMA, TranscriptEvent,
};
use scribed_schemas::id::JobId;
use scribed_schemas::job::{Job, JobState};
use serde_json::{Value, from_value};

use super::Checker;

impl Checker {
    /// Sees that something about a job was published.
    pub(super) fn told_others(&mut self, message: &Message) {
        let wrong = match serde_json::from_slice::<Value>(&message.payload) {
            Ok(document) => self.what_is_wrong(document, &message.payload),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = wrong {
            let text = String::from_utf8_lossy(&message.payload).into_owned();
            self.breaks("i", format!("{why}: {text}"));
        }
    }

    /// Returns what is wrong with news, and remembers them.
    fn what_is_wrong(&mut self, document: Value, payload: &[u8]) -> Option<String> {
        let id = document["id"].as_str().unwrap_or_default().to_owned();
        if let Some(before) = self.news.get(&id) {
            let before = String::from_utf8_lossy(before);
            return (before.as_bytes() != payload).then(|| format!("it was {before}"));
        }
        let schema = document["schema"].as_str().unwrap_or_default().to_owned();
        let wrong = match schema.as_str() {
            STATE_SCHEMA => from_value(document).map(|event| self.wrong_state(&event)),
            CHUNK_SCHEMA => from_value(document).map(|event| self.wrong_chunk(&event)),
            TRANSCRIPT_SCHEMA => from_value(document).map(|event| self.wrong_transcript(&event)),
            _ => Ok(Some("this is no news".to_owned())),
        };
        self.news.insert(id, payload.to_vec());
        wrong.unwrap_or_else(|error| Some(error.to_string()))
    }

    fn wrong_state(&self, event: &StateEvent) -> Option<String> {
        let number = event.id.rsplit(':').next().and_then(|number| number.parse::<usize>().ok())?;
        let was = self.states.get(&event.job).and_then(|states| states.get(number));
        if was != Some(&event.state) {
            return Some(format!("its state number {number} was {was:?}"));
        }
        let job = self.jobs.get(&event.job)?;
        let open = if event.state.is_terminal() { self.untold_text(job) } else { None };
        open.map(|open| format!("its end is told before {open}"))
    }

    fn wrong_chunk(&self, event: &ChunkEvent) -> Option<String> {
        let stored = self.stored.get(&(event.job, event.chunk));
        let is_readable = event.chunk < self.prefix(event.job);
        (stored != Some(&event.text) || !is_readable).then(|| format!("stored is {stored:?}"))
    }

    fn wrong_transcript(&self, event: &TranscriptEvent) -> Option<String> {
        let text = self.text(event.job);
        let state = self.jobs.get(&event.job)?.state;
        let is_right = event.text.as_ref() == Some(&text)
            && event.chunks == self.prefix(event.job)
            && state.is_terminal();
        (!is_right).then(|| format!("the text of the job, which is {state:?}, is {text:?}"))
    }

    /// Returns the whole text of a job: its chunks with an empty line between those that have one.
    fn text(&self, id: JobId) -> String {
        let texts =
            self.stored.range((id, 0)..(id, self.prefix(id))).map(|(_, text)| text.as_str());
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
    }

    /// Returns what nobody was told of a job, in words.
    pub(super) fn untold(&self, job: &Job) -> Option<String> {
        let states = self.states.get(&job.id).map_or(0, Vec::len);
        let mut ids = (0..states).map(|number| format!("{}:state:{number}", job.id));
        let state = ids.find(|id| !self.news.contains_key(id));
        state.or_else(|| self.untold_text(job)).map(|id| format!("nobody was told {id}"))
    }

    fn untold_text(&self, job: &Job) -> Option<String> {
        let id = job.id;
        let mut due: BTreeSet<String> =
            (0..job.ready_chunks).map(|number| format!("{id}:chunk:{number}")).collect();
        if matches!(job.state, JobState::Completed | JobState::CompletedPartially) {
            due.insert(format!("{id}:transcript"));
        }
        due.into_iter().find(|id| !self.news.contains_key(id))
    }
}
