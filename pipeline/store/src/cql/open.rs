//! The open list: entries of the jobs that are not done, in the order of claiming.
//!
//! ```text
//! submit: job row ─► entry ─► lists ─► answer        an entry always has its job
//! supply: sleeping entry ─► job row ─► entry awake   of a job that waited for something before
//! claim:  entries of both priorities, all shards, merged by age ─► the job's row decides
//! end:    job row ─► entry removed                   one that stayed is removed when next seen
//! ```
//!
//! A job that still waits for its recording or its order has no entry: however many are abandoned so, no
//! claim walks over them. It is entered by the change that gives it the last thing, and before it: a host
//! that dies in between leaves an entry that others look at a minute later, never a job that nobody finds.
//!
//! An entry is a hint where to look, never the truth about its job. Its `wake` says before which
//! instant there is nothing to claim: the end of a lease, or of a pause. A wrong one costs a look at
//! the job, or makes it wait for the end of the lease that was written there.
//!
//! Removed entries leave graves that a read has to walk over. So this host remembers from where on
//! each shard has living entries, with some slack for jobs whose submission took long or whose host
//! has a slow clock, and looks from the very beginning now and then. So a job that waited for hours
//! before it got its recording is found at once by the host that gave it, and by others a little later.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::try_join_all;
use scribed_schemas::id::JobId;
use scribed_schemas::job::{Job, JobState, Priority};
use scribed_schemas::time::Timestamp;

use super::CqlStore;
use super::failure::Failure;
use super::row::priority_column;
use crate::store::Backlog;

/// Parts of the open list of each priority: it is spread over the nodes, and its partitions stay
/// small (a million waiting jobs are some 20 MiB in each). Changing it needs a migration.
const SHARDS: usize = 4;
/// Entries of the first read of a shard; mostly the first of them may be claimed.
const FIRST_ENTRIES: i32 = 8;
/// Entries of a further read.
const ENTRIES: i32 = 64;
/// Entries of one read where all of a shard are read.
const KEYS: i32 = 2_000;
/// How much earlier than the first living entry a read begins, in microseconds: 10 minutes.
const SLACK: i64 = 600_000_000;
/// Of so many reads of a shard one begins at the very beginning.
const WHOLE_READS: u32 = 32;
/// How long a job is left alone that can neither be claimed nor is done, in microseconds: a minute.
const ASIDE: i64 = 60_000_000;

/// Where the entry of a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    priority: i8,
    shard: i8,
    created: i64,
    pub(super) id: JobId,
}

impl Entry {
    /// Returns where the entry of a job stands.
    pub(super) fn of(job: &Job) -> Self {
        let priority = priority_column(job.priority);
        Self { priority, shard: shard(job.id), created: job.created.0, id: job.id }
    }

    const fn key(&self) -> (i8, i8, i64, i64) {
        (self.priority, self.shard, self.created, self.id.0)
    }
}

/// Returns the shard of a job.
fn shard(id: JobId) -> i8 {
    i8::try_from(mixed(id) % SHARDS as u64).unwrap_or(0)
}

/// Returns an id with all its bits mixed (the finaliser of `SplitMix64`): it carries time in its high
/// bits and hardly anything in its low ones.
pub(super) fn mixed(id: JobId) -> u64 {
    let mut mixed = id.0.cast_unsigned();
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl CqlStore {
    /// Enters a job that is not done; a repeat changes nothing that matters. One that waits for
    /// something is entered with its owner only.
    pub(super) async fn enter_open(&self, job: &Job) -> Result<(), Failure> {
        let say = &self.db.say;
        let of_owner = (job.owner.0, job.created.0, job.id.0);
        let of_owner = self.db.write(&say.add_owner_open, of_owner);
        if !job.awaits.is_nothing() {
            return of_owner.await;
        }
        let entry = Entry::of(job);
        self.places.reach(entry);
        tokio::try_join!(self.db.write(&say.add_open, entry.key()), of_owner)?;
        Ok(())
    }

    /// Enters a job that is about to get the last thing it waited for, to be looked at in a minute: it
    /// is woken as soon as it has it.
    pub(super) async fn enter_sleeping(&self, before: &Job, job: &Job) -> Result<(), Failure> {
        if before.awaits.is_nothing() || !job.awaits.is_nothing() {
            return Ok(());
        }
        let entry = Entry::of(job);
        self.places.reach(entry);
        self.set_aside(entry, job.updated).await
    }

    /// Notes in the open list what became of a job: gone, or nothing to claim before an instant.
    ///
    /// A note that fails is made up for by whoever comes across the entry.
    pub(super) async fn note_end(&self, job: &Job) {
        if let Err(failure) = self.update_entry(Entry::of(job), job, Timestamp::default()).await {
            let cause = failure.words();
            tracing::debug!(job = %job.id, cause, "the open list does not know of a change yet");
        }
    }

    /// Brings the entry of a job up to date with its row.
    pub(super) async fn update_entry(
        &self,
        entry: Entry,
        job: &Job,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if job.state.is_terminal() {
            let say = &self.db.say;
            let of_owner = (job.owner.0, job.created.0, job.id.0);
            tokio::try_join!(
                self.db.write(&say.remove_open, entry.key()),
                self.db.write(&say.remove_owner_open, of_owner),
            )?;
            return Ok(());
        }
        let wake = match (job.state, &job.lease) {
            (JobState::InProgress, Some(lease)) => lease.until.0,
            (state, _) if state.is_claimable() => job.not_before.0,
            // Entered by a host that has not given it the last thing yet, and perhaps never will.
            _ => return self.set_aside(entry, now).await,
        };
        self.wake_at(entry, wake).await
    }

    /// Leaves a job alone for a while that can neither be claimed nor is done.
    pub(super) async fn set_aside(&self, entry: Entry, now: Timestamp) -> Result<(), Failure> {
        self.wake_at(entry, now.0.saturating_add(ASIDE)).await
    }

    /// Notes before which instant there is nothing to claim.
    async fn wake_at(&self, entry: Entry, wake: i64) -> Result<(), Failure> {
        let (priority, shard, created, id) = entry.key();
        self.db.write(&self.db.say.wake_open, (wake, priority, shard, created, id)).await
    }

    /// Removes an entry that has no job.
    pub(super) async fn remove_entry(&self, entry: Entry) -> Result<(), Failure> {
        self.db.write(&self.db.say.remove_open, entry.key()).await
    }

    /// Removes the entry of a job from the list of its owner.
    pub(super) async fn remove_owner_entry(&self, job: &Job) -> Result<(), Failure> {
        let of_owner = (job.owner.0, job.created.0, job.id.0);
        self.db.write(&self.db.say.remove_owner_open, of_owner).await
    }
}

/// Entries without a hint that are looked at in each shard when the jobs of a holder are searched.
const UNHINTED: usize = 64;

impl CqlStore {
    /// Returns the jobs that somebody may hold: those whose entry says that they are claimed or pause,
    /// and the oldest of those that seem to wait.
    ///
    /// A claim that broke off before it was noted took one of the oldest, so it is among them, unless
    /// it asked for that very job.
    pub(super) async fn perhaps_held(&self) -> Result<Vec<JobId>, Failure> {
        let mut ids = Vec::new();
        for priority in [Priority::Priority, Priority::Standard].map(priority_column) {
            for shard in (0_i8..).take(SHARDS) {
                let (mut after, mut unhinted) = ((i64::MIN, i64::MIN), 0);
                loop {
                    let values = (priority, shard, after.0, after.1, KEYS);
                    let rows: Vec<(i64, i64, Option<i64>)> =
                        self.db.few(&self.db.say.open_jobs, values).await?;
                    let Some(last) = rows.last().map(|(created, id, _)| (*created, *id)) else {
                        break;
                    };
                    after = last;
                    ids.extend(rows.into_iter().filter_map(|(_, id, wake)| {
                        let hinted = wake.is_some_and(|wake| wake > 0);
                        unhinted += usize::from(!hinted);
                        (hinted || unhinted <= UNHINTED).then_some(JobId(id))
                    }));
                }
            }
        }
        Ok(ids)
    }
}

impl CqlStore {
    /// Counts the entries that may be claimed, of at most `limit` entries.
    pub(super) async fn count_waiting(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Backlog, Failure> {
        let mut backlog = Backlog::default();
        for priority in [Priority::Priority, Priority::Standard].map(priority_column) {
            let shards = (0_i8..).take(SHARDS);
            let counts = shards.map(|shard| self.count_shard(priority, shard, now, limit));
            for of_shard in try_join_all(counts).await? {
                backlog.waiting = backlog.waiting.saturating_add(of_shard.waiting);
                backlog.oldest = backlog.oldest.into_iter().chain(of_shard.oldest).min();
            }
        }
        Ok(Backlog { waiting: backlog.waiting.min(limit), ..backlog })
    }

    async fn count_shard(
        &self,
        priority: i8,
        shard: i8,
        now: Timestamp,
        limit: u32,
    ) -> Result<Backlog, Failure> {
        let (mut backlog, mut looked_at) = (Backlog::default(), 0);
        let mut after = (self.places.begin(priority, shard), i64::MIN);
        while looked_at < limit {
            let values = (priority, shard, after.0, after.1, KEYS);
            let rows: Vec<(i64, i64, Option<i64>)> =
                self.db.few(&self.db.say.open_jobs, values).await?;
            let Some(last) = rows.last().map(|(created, id, _)| (*created, *id)) else { break };
            after = last;
            looked_at += u32::try_from(rows.len()).unwrap_or(limit);
            let awake = rows.iter().filter(|(_, _, wake)| wake.is_none_or(|wake| wake <= now.0));
            for (created, ..) in awake {
                backlog.waiting += 1;
                backlog.oldest.get_or_insert(Timestamp(*created));
            }
        }
        Ok(backlog)
    }
}

/// The entries of one priority that may be claimed, oldest first.
#[derive(Debug)]
pub(super) struct Candidates {
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
    pub(super) async fn open(
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
    pub(super) async fn next(
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

/// From where on each shard has living entries.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<[[Place; SHARDS]; 2]>);

/// From where on one shard has living entries.
#[derive(Debug, Clone, Copy)]
struct Place {
    begin: i64,
    reads: u32,
}

impl Default for Place {
    fn default() -> Self {
        Self { begin: i64::MIN, reads: 0 }
    }
}

impl Places {
    /// Returns after which instant to read.
    fn begin(&self, priority: i8, shard: i8) -> i64 {
        self.with(priority, shard, |place| {
            place.reads = (place.reads + 1) % WHOLE_READS;
            if place.reads == 0 { i64::MIN } else { place.begin }
        })
    }

    /// Notes when the first living entry was made, if there is one.
    fn note(&self, priority: i8, shard: i8, first: Option<i64>, now: Timestamp) {
        let begin = first.unwrap_or(now.0).min(now.0).saturating_sub(SLACK);
        self.with(priority, shard, |place| place.begin = begin);
    }

    /// Makes sure that an entry will be reached.
    fn reach(&self, entry: Entry) {
        self.with(entry.priority, entry.shard, |place| {
            place.begin = place.begin.min(entry.created.saturating_sub(1));
        });
    }

    fn with<T>(&self, priority: i8, shard: i8, look: impl FnOnce(&mut Place) -> T) -> T {
        let mut places: MutexGuard<'_, _> = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (priority, shard) = (usize::from(priority != 0), usize::from(shard.unsigned_abs()));
        look(&mut places[priority][shard % SHARDS])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use scribed_schemas::id::IdGenerator;

    use super::*;

    #[test]
    fn shards_get_about_the_same_of_whatever_ids() {
        let one_a_second = IdGenerator::new(3);
        let ids =
            (0..4_000).map(|n| one_a_second.next(Timestamp(1_800_000_000_000_000 + n * 1_000_000)));
        let mut sizes = BTreeMap::new();
        for id in ids {
            *sizes.entry(shard(JobId(id))).or_insert(0) += 1;
        }
        assert_eq!(sizes.len(), 4);
        assert!(sizes.values().all(|size| (800..1_200).contains(size)), "{sizes:?}");
    }

    #[test]
    fn reads_begin_before_the_first_living_entry_and_whole_now_and_then() {
        let places = Places::default();
        assert_eq!(places.begin(1, 2), i64::MIN);
        places.note(1, 2, Some(5_000 + SLACK), Timestamp(i64::MAX));
        assert_eq!(places.begin(1, 2), 5_000);
        assert_eq!(places.begin(1, 3), i64::MIN, "shards do not meet");
        let entry = Entry { priority: 1, shard: 2, created: 3_000, id: JobId(1) };
        places.reach(entry);
        assert_eq!(places.begin(1, 2), 2_999);
        places.note(1, 2, None, Timestamp(9_000 + SLACK));
        assert_eq!(places.begin(1, 2), 9_000, "an empty shard begins a while ago");
        let whole = (0..WHOLE_READS).filter(|_| places.begin(1, 2) == i64::MIN).count();
        assert_eq!(whole, 1);
    }
}
