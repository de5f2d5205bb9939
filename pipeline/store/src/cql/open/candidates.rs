//! Candidates: what a claim finds in the open list, read a few entries at a time.

use std::collections::VecDeque;

use futures_util::future::try_join_all;
use scribed_schemas::id::JobId;
use scribed_schemas::job::Priority;
use scribed_schemas::time::Timestamp;

use super::super::CqlStore;
use super::super::failure::Failure;
use super::super::row::priority_column;
use super::{Entry, SHARDS};

/// Entries of the first read of a shard; mostly the first of them may be claimed.
const FIRST_ENTRIES: i32 = 8;
/// Entries of a further read.
const ENTRIES: i32 = 64;

/// The entries of one priority that may be claimed, oldest first.
#[derive(Debug)]
pub(in super::super) struct Candidates {
    priority: i8,
    now: Timestamp,
    shards: Vec<Shard>,
}

/// What is known of one shard.
#[derive(Debug)]
struct Shard {
    number: i8,
    /// Entries that may be claimed.
    awake: VecDeque<Entry>,
    /// The last entry that was read.
    after: (i64, i64),
    /// Entries of the next read.
    size: i32,
    /// Whether there may be more behind it.
    more: bool,
}

impl Candidates {
    /// Reads the beginnings of all shards of a priority.
    pub(in super::super) async fn open(
        store: &CqlStore,
        priority: Priority,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let priority = priority_column(priority);
        let shards = (0_i8..).take(SHARDS).map(async |number| {
            let after = (store.places.begin(priority, number), i64::MIN);
            let mut shard =
                Shard { number, awake: VecDeque::new(), after, size: FIRST_ENTRIES, more: true };
            let first = shard.fill(store, priority, now).await?;
            store.places.note(priority, number, first, now);
            Ok::<_, Failure>(shard)
        });
        Ok(Self { priority, now, shards: try_join_all(shards).await? })
    }

    /// Takes the oldest entry, or with `among` the first of that shard, counted over those left.
    pub(in super::super) async fn next(
        &mut self,
        store: &CqlStore,
        among: Option<usize>,
    ) -> Result<Option<Entry>, Failure> {
        for shard in &mut self.shards {
            while shard.awake.is_empty() && shard.more {
                shard.fill(store, self.priority, self.now).await?;
            }
        }
        self.shards.retain(|shard| !shard.awake.is_empty());
        let oldest = || {
            let heads = self.shards.iter().enumerate();
            let ages = heads.filter_map(|(i, s)| s.awake.front().map(|e| (e.created, e.id, i)));
            ages.min().map(|(_, _, i)| i)
        };
        let chosen = match among {
            Some(number) if !self.shards.is_empty() => Some(number % self.shards.len()),
            _ => oldest(),
        };
        Ok(chosen.and_then(|i| self.shards.get_mut(i)).and_then(|shard| shard.awake.pop_front()))
    }
}

impl Shard {
    /// Reads on; returns when the first entry that was read was made.
    async fn fill(
        &mut self,
        store: &CqlStore,
        priority: i8,
        now: Timestamp,
    ) -> Result<Option<i64>, Failure> {
        let (created, id) = self.after;
        let size = std::mem::replace(&mut self.size, ENTRIES);
        let values = (priority, self.number, created, id, size);
        // An entry of which only the hint came back from the dead has nothing else, so all is there.
        let rows: Vec<(i64, i64, Option<i64>)> =
            store.db.few(&store.db.say.open_jobs, values).await?;
        self.more = rows.len() == usize::try_from(size).unwrap_or(usize::MAX);
        if let Some((created, id, _)) = rows.last() {
            self.after = (*created, *id);
        }
        let first = rows.first().map(|(created, ..)| *created);
        let awake = rows.into_iter().filter(|(_, _, wake)| wake.unwrap_or(0) <= now.0);
        let number = self.number;
        self.awake.extend(awake.map(|(created, id, _)| Entry {
            priority,
            shard: number,
            created,
            id: JobId(id),
        }));
        Ok(first)
    }
}
