//! Lists of jobs, newest first: one of each owner, and one of all.
//!
//! A list is cut into buckets by the time of submission, so that no partition grows for ever. A page
//! is found by counts: whole buckets are passed over by theirs, and inside one only keys are read.
//! Buckets that nobody adds to any more are counted once; the count stands with the bucket and is
//! void as soon as a job comes late.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::Job;
use scribed_schemas::time::Timestamp;

use super::CqlStore;
use super::failure::Failure;
use crate::store::JobPage;

/// The list of all jobs; no account has this id.
const ALL: i64 = -1;
/// Length of a bucket of the list of all, in microseconds: a day, some 10 MiB at 100,000 jobs.
const DAY: i64 = 86_400_000_000;
/// Length of a bucket of an owner's list: 30 days, so that those who seldom come have few.
const MONTH: i64 = 30 * DAY;
/// The newest buckets, which are counted anew each time.
const GROWING: usize = 2;
/// Jobs of a page that are read at a time.
const AT_ONCE: usize = 16;

/// Returns the bucket of an instant.
fn bucket(created: i64, length: i64) -> i32 {
    let number = created.div_euclid(length);
    i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
}

impl CqlStore {
    /// Enters a job into the lists; a repeat changes nothing.
    pub(super) async fn enter_lists(&self, job: &Job) -> Result<(), Failure> {
        let created = job.created.0;
        tokio::try_join!(
            self.enter_list(job.owner.0, bucket(created, MONTH), job),
            self.enter_list(ALL, bucket(created, DAY), job),
        )?;
        Ok(())
    }

    /// Enters a job into one list.
    async fn enter_list(&self, list: i64, bucket: i32, job: &Job) -> Result<(), Failure> {
        let say = &self.db.say;
        self.db.write(&say.add_listed, (list, bucket, job.created.0, job.id.0)).await?;
        // Second, so that it voids a count of the bucket that missed this job.
        self.db.write(&say.add_bucket, (list, bucket)).await
    }

    /// Removes a job from the lists; a repeat changes nothing.
    pub(super) async fn leave_lists(&self, job: &Job) -> Result<(), Failure> {
        let created = job.created.0;
        tokio::try_join!(
            self.leave_list(job.owner.0, bucket(created, MONTH), job),
            self.leave_list(ALL, bucket(created, DAY), job),
        )?;
        Ok(())
    }

    /// Removes a job from one list.
    async fn leave_list(&self, list: i64, bucket: i32, job: &Job) -> Result<(), Failure> {
        let say = &self.db.say;
        self.db.write(&say.remove_listed, (list, bucket, job.created.0, job.id.0)).await?;
        // Second, so that it voids a count of the bucket that still had this job.
        self.db.write(&say.add_bucket, (list, bucket)).await
    }

    /// Enters a job into the lists when it leaves the queue for the first time: its submission may
    /// have ended before it did that itself.
    pub(super) async fn list_first(&self, job: &Job) {
        if job.fence > 1 {
            return;
        }
        if let Err(failure) = self.enter_lists(job).await {
            tracing::debug!(job = %job.id, cause = failure.words(), "a job is perhaps not listed");
        }
    }

    /// Returns a page of jobs and the number of all.
    pub(super) async fn page(
        &self,
        owner: Option<AccountId>,
        offset: u64,
        limit: u32,
    ) -> Result<JobPage, Failure> {
        let list = owner.map_or(ALL, |owner| owner.0);
        let buckets = self.counted_buckets(list).await?;
        let total = buckets.iter().map(|(_, jobs)| jobs).sum();
        let (mut skip, mut left) = (offset, u64::from(limit));
        let mut ids = Vec::new();
        for (bucket, jobs) in buckets {
            if left == 0 {
                break;
            }
            if skip >= jobs {
                skip -= jobs;
                continue;
            }
            let found = self.ids_of(list, bucket, skip, left).await?;
            left = left.saturating_sub(found.len() as u64);
            skip = 0;
            ids.extend(found);
        }
        let jobs = stream::iter(ids).map(|id| self.find_job(id)).buffered(AT_ONCE);
        let jobs: Vec<Option<Job>> = jobs.try_collect().await?;
        Ok(JobPage { total, jobs: jobs.into_iter().flatten().collect() })
    }

    /// Returns jobs of an owner behind the last one seen, newest first.
    pub(super) async fn list_since(
        &self,
        owner: AccountId,
        since: Timestamp,
        behind: Option<(Timestamp, JobId)>,
        limit: u32,
    ) -> Result<Vec<Job>, Failure> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut last = behind.map_or((i64::MAX, i64::MAX), |(created, id)| (created.0, id.0));
        let span = bucket(since.0, MONTH)..=bucket(last.0, MONTH);
        let mut buckets: Vec<i32> = Vec::new();
        let take = |(bucket, _): (i32, Option<i64>)| {
            buckets.extend(Some(bucket).filter(|bucket| span.contains(bucket)));
            true
        };
        self.db.while_wanted(&self.db.say.buckets, (owner.0,), take).await?;
        let mut jobs: Vec<Job> = Vec::new();
        for bucket in buckets {
            while jobs.len() < wanted {
                let most = i32::try_from(wanted - jobs.len()).unwrap_or(i32::MAX);
                let values = (owner.0, bucket, last.0, last.1, most);
                let rows: Vec<(i64, i64)> = self.db.few(&self.db.say.listed_behind, values).await?;
                let Some(end) = rows.last().copied() else { break };
                last = end;
                let recent = rows.into_iter().filter(|(created, _)| *created >= since.0);
                let found = stream::iter(recent).map(|(_, id)| self.find_job(JobId(id)));
                let found: Vec<Option<Job>> = found.buffered(AT_ONCE).try_collect().await?;
                jobs.extend(found.into_iter().flatten());
                if end.0 < since.0 {
                    return Ok(jobs);
                }
            }
        }
        Ok(jobs)
    }

    /// Returns the buckets of a list, newest first, with the number of jobs in each.
    async fn counted_buckets(&self, list: i64) -> Result<Vec<(i32, u64)>, Failure> {
        let mut buckets: Vec<(i32, Option<i64>)> = Vec::new();
        let take = |row| {
            buckets.push(row);
            true
        };
        self.db.while_wanted(&self.db.say.buckets, (list,), take).await?;
        let counted =
            stream::iter(buckets.into_iter().enumerate()).map(async |(age, (bucket, jobs))| {
                let jobs = match jobs.filter(|_| age >= GROWING) {
                    Some(jobs) => jobs,
                    None => self.count_bucket(list, bucket, age >= GROWING).await?,
                };
                Ok::<_, Failure>((bucket, u64::try_from(jobs).unwrap_or(0)))
            });
        counted.buffered(AT_ONCE).try_collect().await
    }

    /// Counts the jobs of a bucket, for good when it is old.
    async fn count_bucket(&self, list: i64, bucket: i32, is_old: bool) -> Result<i64, Failure> {
        let say = &self.db.say;
        let row: Option<(i64,)> = self.db.row(&say.listed_count, (list, bucket)).await?;
        let jobs = row.map_or(0, |(jobs,)| jobs);
        if is_old {
            self.db.write(&say.count_bucket, (jobs, list, bucket)).await?;
        }
        Ok(jobs)
    }

    /// Returns the ids of jobs of a bucket, newest first, after passing over some.
    async fn ids_of(
        &self,
        list: i64,
        bucket: i32,
        skip: u64,
        limit: u64,
    ) -> Result<Vec<JobId>, Failure> {
        let most = i32::try_from(skip.saturating_add(limit)).unwrap_or(i32::MAX);
        let (mut passed, mut ids) = (0, Vec::new());
        let take = |(id,): (i64,)| {
            if passed < skip {
                passed += 1;
            } else {
                ids.push(JobId(id));
            }
            true
        };
        self.db.while_wanted(&self.db.say.listed, (list, bucket, most), take).await?;
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap() {
        assert_eq!(bucket(0, DAY), 0);
        assert_eq!(bucket(DAY - 1, DAY), 0);
        assert_eq!(bucket(DAY, DAY), 1);
        assert_eq!(bucket(-1, DAY), -1);
        assert_eq!(bucket(i64::MAX, MONTH), 3_558_399);
        assert_eq!(bucket(i64::MAX, 1), i32::MAX);
    }
}
