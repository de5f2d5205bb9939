//! `scribed callbacks`: calls that nobody has answered yet, also while the daemon runs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::process::ExitCode;

use scribed_outbound::host_of;
use scribed_schemas::callback::{Delivery, DeliveryState, FollowUp};
use scribed_schemas::id::{AccountId, JobId};
use scribed_schemas::job::Job;
use scribed_store::Store;
use serde::Serialize;

use super::{Session, instant, now, runtime};
use crate::cli::{Callbacks, Owed};
use crate::failure::Failure;
use crate::output;

/// Jobs that are listed at once.
const PAGE: u32 = 200;

/// A call as it is printed; of its address only the host is.
#[derive(Debug, Serialize)]
struct Row {
    job: JobId,
    owner: String,
    state: DeliveryState,
    attempts: u32,
    host: String,
    /// When the next try is due; absent when none is.
    next: Option<String>,
    tried: Option<String>,
    failure: Option<String>,
}

/// Lists, or begins anew.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(session: &Session, ask: &Callbacks) -> Result<ExitCode, Failure> {
    runtime()?.block_on(async {
        let database = session.database().await?;
        let done = answer(database.store().as_ref(), ask).await;
        database.close().await;
        done
    })
}

async fn answer(store: &dyn Store, ask: &Callbacks) -> Result<ExitCode, Failure> {
    match ask {
        Callbacks::List { dead, limit, listing } => {
            let rows = rows(store, *dead, *limit).await?;
            if listing.json {
                output::json(&rows)?;
            } else {
                list(&rows);
            }
            Ok(ExitCode::SUCCESS)
        }
        Callbacks::Retry(Owed { jobs, all }) => {
            let jobs = if *all { given_up(store).await? } else { jobs.clone() };
            let mut begun = 0;
            for job in &jobs {
                match retry(store, *job).await? {
                    Ok(()) => {
                        begun += 1;
                        output::line(format!("{job} is called anew"));
                    }
                    Err(why) => output::note(format!("{job} is left as it is: {why}")),
                }
            }
            output::note(format!("began {begun} of {} calls anew", jobs.len()));
            Ok(if begun == jobs.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// An open call of a job.
struct Open {
    job: Job,
    call: Delivery,
}

/// The calls that are open, page by page.
struct Walk<'a> {
    store: &'a dyn Store,
    after: Option<JobId>,
    is_over: bool,
}

impl<'a> Walk<'a> {
    const fn new(store: &'a dyn Store) -> Self {
        Self { store, after: None, is_over: false }
    }

    /// Returns the next ones, perhaps none; nothing at the end.
    async fn next(&mut self) -> Result<Option<Vec<Open>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let ids = self.store.follow_ups(None, self.after, PAGE).await?;
        self.after = ids.last().copied();
        self.is_over = ids.len() < PAGE as usize;
        let mut open = Vec::new();
        for id in ids {
            let Some(job) = self.store.job(id).await? else { continue };
            // What was delivered may still be to be deleted.
            let call = job.follow_up.as_ref().and_then(|follow_up| follow_up.delivery.clone());
            let call = call.filter(|call| call.state != DeliveryState::Delivered);
            open.extend(call.map(|call| Open { job, call }));
        }
        Ok(Some(open))
    }
}

async fn rows(store: &dyn Store, only_dead: bool, limit: u32) -> Result<Vec<Row>, Failure> {
    let (mut walk, mut rows, mut names) = (Walk::new(store), Vec::new(), BTreeMap::new());
    while let Some(open) = walk.next().await? {
        for Open { job, call } in open {
            if only_dead && call.state != DeliveryState::Dead {
                continue;
            }
            if rows.len() >= limit as usize {
                return Ok(rows);
            }
            let owner = owner(store, &mut names, job.owner).await?;
            let callback = job.options.callback.as_ref();
            let is_pending = call.state == DeliveryState::Pending;
            rows.push(Row {
                job: job.id,
                owner,
                state: call.state,
                attempts: call.attempts,
                host: callback.and_then(|callback| host_of(&callback.url)).unwrap_or_default(),
                next: is_pending.then(|| instant(call.due)),
                tried: call.tried.map(instant),
                failure: call.failure,
            });
        }
    }
    Ok(rows)
}

/// Returns the name of an owner, who is looked up once.
async fn owner(
    store: &dyn Store,
    names: &mut BTreeMap<AccountId, String>,
    id: AccountId,
) -> Result<String, Failure> {
    if let Entry::Vacant(unknown) = names.entry(id) {
        let name = store.account(id).await?.map(|account| account.username);
        unknown.insert(name.unwrap_or_default());
    }
    Ok(names.get(&id).cloned().unwrap_or_default())
}

async fn given_up(store: &dyn Store) -> Result<Vec<JobId>, Failure> {
    let (mut walk, mut jobs) = (Walk::new(store), Vec::new());
    while let Some(open) = walk.next().await? {
        let dead = open.into_iter().filter(|open| open.call.state == DeliveryState::Dead);
        jobs.extend(dead.map(|open| open.job.id));
    }
    Ok(jobs)
}

/// Begins anew with a call; says why not where there is none, or somebody is at it.
async fn retry(store: &dyn Store, id: JobId) -> Result<Result<(), String>, Failure> {
    let Some(job) = store.job(id).await? else { return Ok(Err("there is no such job".to_owned())) };
    let Some(FollowUp { steps, delivery: Some(call), .. }) = job.follow_up else {
        return Ok(Err("nobody is to be called for it".to_owned()));
    };
    if call.state == DeliveryState::Delivered {
        return Ok(Err("the call was answered".to_owned()));
    }
    let now = now();
    if call.attempts > 0 && call.failure.is_none() && call.due > now {
        return Ok(Err("a try is under way; look again".to_owned()));
    }
    let anew = Delivery { tried: call.tried, ..Delivery::due_at(now) };
    match store.note_delivery(id, steps, anew).await? {
        Some(_) => Ok(Ok(())),
        None => Ok(Err("a daemon began a try just now; look again".to_owned())),
    }
}

fn list(rows: &[Row]) {
    let row = |row: &Row| {
        let state = match row.state {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "dead",
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            row.job.to_string(),
            row.owner.clone(),
            state.to_owned(),
            row.attempts.to_string(),
            text(&row.next),
            row.host.clone(),
            text(&row.failure),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    output::table(["JOB", "OWNER", "STATE", "TRIES", "NEXT", "HOST", "FAILURE"], &rows);
}
