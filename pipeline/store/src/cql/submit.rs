//! Submissions: several rows in several partitions, in an order that a crash may cut anywhere.
//!
//! ```text
//! key row (whose job it is) ─► only-job row (with a draft) ─► media ─► job ─► open list ─► lists
//! └ only with a key            └ only where one job an owner is the rule
//! ```
//!
//! Each row says enough for whoever comes next to go on: a repeat finds its key and makes the job
//! under the very id that stands there; another submission of an owner that finds the draft of a
//! missing job makes that job first. A job is accepted once it is in the open list; one without an
//! entry was never answered for, and whoever refers to it enters it.

use scribed_schemas::id::{AccountId, JobId, MediaId};
use scribed_schemas::job::Job;
use scribed_schemas::media::Media;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::CqlStore;
use super::failure::{Failure, is_contested};
use super::race::Race;
use super::row::{JobRow, MediaRow, from_json, to_json};
use crate::store::{IdempotencyKey, NewJob, Submitted};
use crate::transition;

/// All that is needed to make a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Draft {
    job: Job,
    media: Option<Media>,
    /// Token of the submission that it is from, as its two halves.
    token: (u64, u64),
}

impl Draft {
    /// Makes the draft of a submission.
    fn of(new: &NewJob) -> Self {
        let token = Uuid::new_v4().as_u64_pair();
        Self { job: transition::submitted(new), media: new.media.clone(), token }
    }

    fn op(&self) -> Uuid {
        Uuid::from_u64_pair(self.token.0, self.token.1)
    }
}

/// What a caller's key says.
#[derive(Debug)]
enum Key {
    /// It is this submission's, under the token of its row.
    Ours(Uuid),
    /// It stands for another submission.
    Conflict,
    /// Its job is there.
    Done(Box<Job>),
}

impl CqlStore {
    /// Creates a job unless its submission came before.
    pub(super) async fn submit_job(&self, mut new: NewJob) -> Result<Submitted, Failure> {
        // Of one host, one submission of a key or of an owner that may have one job at a time.
        let _key_seat = match &new.idempotency {
            Some(name) => Some(self.seats.take("submissions", (new.owner, &name.key)).await),
            None => None,
        };
        let _owner_seat =
            if new.one_active { Some(self.seats.take("only_jobs", new.owner).await) } else { None };
        let key = match new.idempotency.clone() {
            Some(name) => match self.look_at_key(&name, &mut new).await? {
                Some(Key::Conflict) => return Ok(Submitted::Conflict),
                Some(Key::Done(job)) => return self.existing(*job).await,
                Some(Key::Ours(op)) => Some((name, Some(op))),
                None => Some((name, None)),
            },
            None => None,
        };
        if let Some(job) = self.find_job(new.id).await? {
            let by_key = matches!(key, Some((_, Some(_))));
            return self.repeated(job, &new, by_key).await;
        }
        let key = match key {
            Some((name, None)) => match self.take_key(&name, &mut new).await? {
                Key::Conflict => return Ok(Submitted::Conflict),
                Key::Done(job) => return self.existing(*job).await,
                Key::Ours(op) => Some((name, op)),
            },
            Some((name, Some(op))) => Some((name, op)),
            None => None,
        };
        let draft = Draft::of(&new);
        if new.one_active
            && let Some(active) = self.reserve(&draft).await?
        {
            if let Some((name, op)) = key {
                self.free_key(new.owner, &name, op).await;
            }
            return Ok(Submitted::ActiveJob(active));
        }
        self.make(draft, &new, key.is_some()).await
    }

    /// Makes the job of a draft and says whether it is this submission that made it.
    async fn make(&self, draft: Draft, new: &NewJob, by_key: bool) -> Result<Submitted, Failure> {
        let media_is_new = self.add_media_of(&draft).await?;
        let row = self.create_job(&draft).await?;
        let is_ours = row.op == draft.op();
        let job = row.job()?;
        if !is_ours && let Some(media) = media_is_new.filter(|media| job.media != Some(*media)) {
            self.remove_media(media).await?;
        }
        if !is_ours {
            return self.repeated(job, new, by_key).await;
        }
        self.enter(&job).await?;
        Ok(Submitted::Created(job))
    }

    /// Answers a submission whose job is there already: found by its key it is the same submission,
    /// though its recording may have been stored anew; found by its id alone it must look the same.
    async fn repeated(&self, job: Job, new: &NewJob, by_key: bool) -> Result<Submitted, Failure> {
        if !by_key {
            transition::repeated(job.clone(), new)?;
        }
        self.existing(job).await
    }

    /// Answers with a job that is there, and makes sure that it will be worked on.
    async fn existing(&self, job: Job) -> Result<Submitted, Failure> {
        self.enter(&job).await?;
        Ok(Submitted::Existing(job))
    }

    /// Enters a job wherever it is looked for, unless it is done.
    async fn enter(&self, job: &Job) -> Result<(), Failure> {
        if job.state.is_terminal() {
            return Ok(());
        }
        self.enter_open(job).await?;
        self.enter_lists(job).await
    }

    /// Writes the row of a job where there is none, and returns what stands there.
    async fn create_job(&self, draft: &Draft) -> Result<JobRow, Failure> {
        let say = &self.db.say;
        self.enter_news(0, &draft.job).await?;
        let new = JobRow::of(&draft.job, 0, draft.op())?;
        let mut race = Race::begin();
        loop {
            match self.db.change(&say.create_job, &new).await {
                Ok(true) => return Ok(new),
                // It is there, perhaps by an earlier try.
                Ok(false) => {
                    let row: Option<JobRow> = self.db.row(&say.job_agreed, (new.id,)).await?;
                    if let Some(row) = row {
                        return Ok(row);
                    }
                    race.lost().await?;
                }
                Err(failure) => race.silent(failure).await?,
            }
        }
    }

    // --- keys -------------------------------------------------------------------------------

    /// Looks whether a key was used before; if its job is still missing, `new` takes its id.
    async fn look_at_key(
        &self,
        name: &IdempotencyKey,
        new: &mut NewJob,
    ) -> Result<Option<Key>, Failure> {
        let statement = &self.db.say.submission;
        let row: Option<(String, i64, Uuid)> =
            self.db.row(statement, (new.owner.0, &name.key)).await?;
        match row {
            Some(row) => self.adopt_key(name, new, row).await,
            None => Ok(None),
        }
    }

    /// Takes a key, or finds out who has it.
    async fn take_key(&self, name: &IdempotencyKey, new: &mut NewJob) -> Result<Key, Failure> {
        let say = &self.db.say;
        let mut race = Race::begin();
        loop {
            let values = (new.owner.0, &name.key, &name.fingerprint, new.id.0, race.op);
            let answer = self.db.change(&say.take_key, values).await;
            match answer {
                Ok(true) => return Ok(Key::Ours(race.op)),
                Ok(false) => {
                    let key = (new.owner.0, &name.key);
                    let row: Option<(String, i64, Uuid)> =
                        self.db.row(&say.submission_agreed, key).await?;
                    match row {
                        Some((_, _, op)) if op == race.op => return Ok(Key::Ours(op)),
                        Some(row) => {
                            if let Some(key) = self.adopt_key(name, new, row).await? {
                                return Ok(key);
                            }
                        }
                        None => {}
                    }
                    race.lost().await?;
                }
                Err(failure) => race.silent(failure).await?,
            }
        }
    }

    /// Goes by the row of a key; none when another changed it meanwhile.
    async fn adopt_key(
        &self,
        name: &IdempotencyKey,
        new: &mut NewJob,
        (fingerprint, id, op): (String, i64, Uuid),
    ) -> Result<Option<Key>, Failure> {
        if !name.agrees_with(&fingerprint) {
            return Ok(Some(Key::Conflict));
        }
        if let Some(job) = self.find_job(JobId(id)).await? {
            return Ok(Some(Key::Done(Box::new(job))));
        }
        // Whoever took the key went away or is at it. Its row gets our token, so that a submission
        // that is refused meanwhile does not free the key under us.
        let race = Race::begin();
        let values = (race.op, new.owner.0, &name.key, op);
        match self.db.change(&self.db.say.take_over_key, values).await {
            Ok(true) => {
                new.id = JobId(id);
                return Ok(Some(Key::Ours(race.op)));
            }
            Ok(false) => {}
            // Whether it happened or not, whoever looks next finds a row to adopt.
            Err(failure) if is_contested(&failure) => {}
            Err(failure) => return Err(failure),
        }
        Ok(None)
    }

    /// Frees a key whose submission was refused. A key that stays is no harm: the same submission may
    /// be repeated under it.
    async fn free_key(&self, owner: AccountId, name: &IdempotencyKey, op: Uuid) {
        let freed = self.db.change(&self.db.say.free_key, (owner.0, &name.key, op)).await;
        if let Err(failure) = freed {
            tracing::debug!(cause = failure.words(), "the key of a refused submission stays");
        }
    }

    // --- one job an owner -------------------------------------------------------------------

    /// Makes the draft the only job of its owner, or returns the one that is in the way.
    async fn reserve(&self, draft: &Draft) -> Result<Option<JobId>, Failure> {
        let (owner, id) = (draft.job.owner, draft.job.id);
        if let Some(open) = self.open_job_of(owner, id).await? {
            return Ok(Some(open));
        }
        let say = &self.db.say;
        let text = to_json(draft)?;
        let mut race = Race::begin();
        loop {
            let statement = if race.is_uncertain() { &say.only_job_agreed } else { &say.only_job };
            let row: Option<(i64, String, Uuid)> = self.db.row(statement, (owner.0,)).await?;
            let answer = match row {
                Some((_, _, op)) if op == race.op => return Ok(None),
                None => {
                    let values = (owner.0, id.0, &text, race.op);
                    self.db.change(&say.first_only_job, values).await
                }
                Some((earlier, draft, op)) => {
                    if earlier != id.0
                        && let Some(open) = self.help(JobId(earlier), &draft).await?
                    {
                        return Ok(Some(open));
                    }
                    let values = (id.0, &text, race.op, owner.0, op);
                    self.db.change(&say.next_only_job, values).await
                }
            };
            if race.settled(answer).await? {
                return Ok(None);
            }
        }
    }

    /// Makes a job from its draft where it is missing; returns it unless it is done.
    async fn help(&self, id: JobId, draft: &str) -> Result<Option<JobId>, Failure> {
        let job = if let Some(job) = self.find_job(id).await? {
            job
        } else {
            let draft: Draft = from_json(draft)?;
            self.add_media_of(&draft).await?;
            self.create_job(&draft).await?.job()?
        };
        if job.state.is_terminal() {
            return Ok(None);
        }
        self.enter(&job).await?;
        Ok(Some(id))
    }

    /// Finds the newest job of an owner that is not done, beside one, and makes sure that it will be
    /// worked on.
    async fn open_job_of(&self, owner: AccountId, beside: JobId) -> Result<Option<JobId>, Failure> {
        let mut ids = Vec::new();
        let take = |(_, id): (i64, i64)| {
            ids.push(JobId(id));
            true
        };
        self.db.while_wanted(&self.db.say.owner_open, (owner.0,), take).await?;
        for id in ids.into_iter().filter(|id| *id != beside) {
            let Some(job) = self.find_job(id).await? else { continue };
            if !job.state.is_terminal() {
                self.enter(&job).await?;
                return Ok(Some(id));
            }
            self.remove_owner_entry(&job).await?;
        }
        Ok(None)
    }

    /// Removes the draft of a job that is about to go, since whoever finds the job missing would make it
    /// again.
    pub(super) async fn forget_draft(&self, job: &Job) -> Result<(), Failure> {
        let say = &self.db.say;
        let row: Option<(i64, String, Uuid)> =
            self.db.row(&say.only_job_agreed, (job.owner.0,)).await?;
        match row {
            Some((id, _, op)) if id == job.id.0 => {
                self.db.change(&say.remove_only_job, (job.owner.0, op)).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    // --- media ------------------------------------------------------------------------------

    /// Records the recording of a draft, if there is one; returns its id if this very call did.
    async fn add_media_of(&self, draft: &Draft) -> Result<Option<MediaId>, Failure> {
        match &draft.media {
            Some(media) => Ok(self.add_media(media).await?.then_some(media.id)),
            None => Ok(None),
        }
    }

    /// Records a recording; returns whether this very call did.
    pub(super) async fn add_media(&self, media: &Media) -> Result<bool, Failure> {
        let row = MediaRow::of(media);
        let mut race = Race::begin();
        loop {
            match self.db.change(&self.db.say.create_media, &row).await {
                // After silence it may have been an earlier try; then the row is not ours to remove.
                Ok(applied) => return Ok(applied && !race.is_uncertain()),
                Err(failure) => race.silent(failure).await?,
            }
        }
    }

    /// Removes a recording that no job refers to, or whose job is about to go.
    pub(super) async fn remove_media(&self, id: MediaId) -> Result<(), Failure> {
        self.db.change(&self.db.say.remove_media, (id.0,)).await.map(drop)
    }

    /// Finds a recording.
    pub(super) async fn find_media(&self, id: MediaId) -> Result<Option<Media>, Failure> {
        let row: Option<MediaRow> = self.db.row(&self.db.say.media, (id.0,)).await?;
        Ok(row.map(MediaRow::media))
    }
}
