//! What may become of a text: it is readable in order, and never changes.

use scribed_schemas::id::JobId;
use scribed_schemas::transcript::Segments;
use scribed_store::PutChunk;

use super::Checker;

impl Checker {
    /// Sees what came of storing a chunk.
    pub(crate) fn put(&mut self, id: JobId, number: u32, text: &str, came_of_it: PutChunk) {
        let before = self.stored.get(&(id, number));
        let is_right = match came_of_it {
            PutChunk::Stored => before.is_none(),
            PutChunk::Same => before.is_some_and(|before| before == text),
            PutChunk::Different => before.is_some_and(|before| before != text),
        };
        if !is_right {
            let detail =
                format!("chunk {number} of job {id}, {text:?}: {came_of_it:?} with {before:?}");
            self.breaks("d", detail);
        }
        if came_of_it == PutChunk::Stored {
            self.stored.insert((id, number), text.to_owned());
        }
    }

    /// Sees a page of text as a reader gets it.
    pub(crate) fn read(&mut self, id: JobId, from: u32, limit: u32, page: &[Segments]) {
        let due = self.prefix(id).saturating_sub(from).min(limit);
        if u32::try_from(page.len()) != Ok(due) {
            let detail = format!("job {id} from {from}: {} chunks, due were {due}", page.len());
            self.breaks("d", detail);
        }
        for (number, chunk) in (from..).zip(page) {
            let text = chunk.text();
            let stored = self.stored.get(&(id, number)).cloned();
            let before = self.read.entry((id, number)).or_insert_with(|| text.clone()).clone();
            if chunk.chunk != number || text != before || stored.as_ref() != Some(&text) {
                let detail = format!(
                    "chunk {number} of job {id} reads as {} {text:?}, it was {before:?}, \
                     stored was {stored:?}",
                    chunk.chunk
                );
                self.breaks("d", detail);
            }
        }
    }

    /// Returns how many chunks from 0 on are stored without a gap.
    pub(super) fn prefix(&self, id: JobId) -> u32 {
        let numbers = self.stored.range((id, 0)..=(id, u32::MAX)).map(|((_, number), _)| *number);
        (0..).zip(numbers).take_while(|(due, number)| due == number).fold(0, |n, _| n + 1)
    }
}
