//! Conformance: every promise of [`Store`](crate::Store) as a function, for every backend alike.
//!
//! A backend's test file calls [`store_conformance!`](crate::store_conformance) with a way to open
//! a fresh store; each promise becomes one test of its name. A promise added to the list reaches
//! every backend at once. Time is a number here, so leases run out without waiting.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a broken promise is a panic")]

use std::any::Any;
use std::sync::Arc;

use scribed_schemas::account::{Account, Role};
use scribed_schemas::id::{AccountId, JobId, MediaId};
use scribed_schemas::job::{Awaits, Fault, FaultCode, Job, JobOptions, Priority};
use scribed_schemas::media::Media;
use scribed_schemas::time::Timestamp;
use scribed_schemas::transcript::{Segment, Segments, Word};

use crate::error::{ErrorKind, Result};
use crate::store::{
    ClaimRequest, IdempotencyKey, NewJob, QueueMessage, RefreshFamily, RefreshRotation, Store,
    Submitted,
};

pub mod accounts;
pub mod api_keys;
pub mod awaiting;
pub mod chunks;
pub mod deletion;
pub mod follow_ups;
pub mod leases;
pub mod outbox;
pub mod outcomes;
pub mod queue;
pub mod refresh;
pub mod submissions;

/// A fresh store, and what must live as long as it does.
#[derive(Debug)]
pub struct Bench {
    /// The store under test, empty.
    pub store: Arc<dyn Store>,
    _kept: Option<Box<dyn Any + Send + Sync>>,
}

impl Bench {
    /// Takes a store that needs nothing else.
    pub fn new(store: impl Store + 'static) -> Self {
        Self { store: Arc::new(store), _kept: None }
    }

    /// Takes a store that others may use too, and what it needs.
    pub fn sharing(store: Arc<dyn Store>, kept: impl Any + Send + Sync) -> Self {
        Self { store, _kept: Some(Box::new(kept)) }
    }

    /// Takes a store and what it needs, such as its folder.
    pub fn keeping(store: impl Store + 'static, kept: impl Any + Send + Sync) -> Self {
        Self { store: Arc::new(store), _kept: Some(Box::new(kept)) }
    }

    /// Submits a job and returns it.
    pub(crate) async fn submit(&self, new: NewJob) -> Job {
        match self.store.submit(new).await.unwrap() {
            Submitted::Created(job) => job,
            other => panic!("a fresh submission gave {other:?}"),
        }
    }

    /// Submits the job of a number and claims it at second 10 for 30 seconds.
    pub(crate) async fn claimed(&self, number: i64) -> Job {
        let id = self.submit(new_job(number)).await.id;
        self.store.claim_job(id, claim_at(10)).await.unwrap().expect("a queued job")
    }

    /// Returns a job that must be there.
    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.store.job(id).await.unwrap().expect("the job is there")
    }
}

/// Returns the instant `seconds` after the bench began.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp(1_800_000_000_000_000 + seconds * 1_000_000)
}

/// Returns a claim at a second, for the 30 seconds that follow.
pub fn claim_at(seconds: i64) -> ClaimRequest {
    ClaimRequest { holder: "worker-1".to_owned(), now: at(seconds), until: at(seconds + 30) }
}

/// Returns the account of a number.
pub fn account(number: i64) -> Account {
    Account {
        id: AccountId(number),
        username: format!("user-{number}"),
        password_hash: "$argon2id$first".to_owned(),
        role: Role::User,
        active: true,
        can_interact: true,
        holds_jobs: false,
        password_epoch: 0,
        created: at(0),
        updated: at(0),
    }
}

/// Returns the recording of a number; account 1 owns it.
pub fn media(number: i64) -> Media {
    Media {
        id: MediaId(number + 1_000_000),
        owner: AccountId(1),
        key: format!("1/{number}"),
        file_name: "Größe \"1\".wav".to_owned(),
        content_type: "audio/wav".to_owned(),
        size: 1 << 40,
        created: at(0),
    }
}

/// Returns the submission of a number: account 1, made at second 0, ids grow with numbers.
pub fn new_job(number: i64) -> NewJob {
    NewJob {
        id: JobId(number),
        owner: AccountId(1),
        name: format!("recording {number}"),
        media: Some(media(number)),
        awaits: Awaits::default(),
        pipeline: "default".to_owned(),
        options: JobOptions { language: Some("en".to_owned()), ..JobOptions::default() },
        priority: Priority::Standard,
        facts: None,
        chunk_limit_secs: 30,
        idempotency: None,
        one_active: false,
        announced: false,
        now: at(0),
    }
}

/// Returns a caller's key with a fingerprint of its body.
pub fn key(key: &str, fingerprint: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey { key: key.to_owned(), fingerprint: fingerprint.to_owned() })
}

/// Returns a chunk with one segment and its words.
pub fn chunk(number: u32, text: &str) -> Segments {
    let start = i64::from(number) * 480_000;
    let mut chunk = Segments::empty(number, 16_000, start, start + 480_000);
    let words = text.split_whitespace().map(|word| Word {
        text: word.to_owned(),
        start,
        end: start + 16_000,
        probability: 0.875,
    });
    chunk.segments.push(Segment {
        start,
        end: start + 480_000,
        text: text.to_owned(),
        words: words.collect(),
        avg_log_prob: -0.1,
        no_speech_prob: 0.01,
        temperature: 0.0,
        flags: Vec::new(),
    });
    chunk
}

/// Returns a fault of a code.
pub fn fault(code: FaultCode) -> Fault {
    Fault { code, message: "the decoder met a strange packet".to_owned() }
}

/// Returns a queue message of a number.
pub fn message(number: u8) -> QueueMessage {
    QueueMessage {
        key: format!("key-{number}"),
        headers: vec![("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())],
        payload: vec![0, 255, number],
        at: at(i64::from(number)),
    }
}

/// Returns a refresh family of an account whose token is `token-0`, over at second 1,000.
pub fn family(id: &str, account: i64) -> RefreshFamily {
    RefreshFamily {
        id: id.to_owned(),
        account: AccountId(account),
        hash: "token-0".to_owned(),
        opened: at(1),
        expires: at(1_000),
    }
}

/// Returns an exchange at a second, without grace.
pub fn exchange(family: &str, presented: &str, next: &str, seconds: i64) -> RefreshRotation {
    RefreshRotation {
        family: family.to_owned(),
        presented_hash: presented.to_owned(),
        next_hash: next.to_owned(),
        now: at(seconds),
        expires: at(seconds + 1_000),
        grace_since: at(seconds),
    }
}

/// Returns the kind of a result that must be an error.
#[track_caller]
pub fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.expect_err("this call is refused").kind
}

/// Returns the bench of a test, if its backend can be had; for
/// [`store_conformance!`](crate::store_conformance).
pub fn had(bench: impl Into<Option<Bench>>) -> Option<Bench> {
    bench.into()
}

/// Expands to one test per promise, each against the store of a fresh [`Bench`] that `$open`
/// yields: a `Bench`, or an `Option` of one where the backend may be out of reach. A test without
/// one passes without having tested anything, so the suite has to say so by itself.
///
/// `tests/memory.rs` of this crate shows the shortest call.
#[macro_export]
macro_rules! store_conformance {
    (@tests $open:expr; $($area:ident :: $promise:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                if let Some(bench) = $crate::conformance::had($open.await) {
                    $crate::conformance::$area::$promise(&bench).await;
                }
            }
        )+
    };
    ($open:expr) => {
        $crate::store_conformance! { @tests $open;
            accounts::a_fresh_store_answers_a_ping,
            accounts::an_account_comes_back_as_it_was_created,
            accounts::a_name_that_nobody_can_have_is_no_account,
            accounts::a_taken_name_is_a_conflict,
            accounts::names_compare_exactly,
            accounts::accounts_are_listed_by_id_page_by_page,
            accounts::changing_a_missing_account_is_not_found,
            accounts::absent_members_of_a_change_stay,
            accounts::whether_jobs_are_held_changes_like_the_rest,
            accounts::a_new_password_raises_the_epoch_and_ends_every_login,
            accounts::a_change_without_a_password_keeps_logins,
            refresh::tokens_follow_each_other,
            refresh::a_used_token_ends_its_family,
            refresh::a_token_of_long_ago_ends_its_family,
            refresh::of_a_hundred_concurrent_uses_exactly_one_succeeds,
            refresh::within_the_grace_the_predecessor_is_accepted_again,
            refresh::after_the_grace_the_predecessor_ends_the_family,
            refresh::a_family_ends_unless_it_is_used,
            refresh::a_family_that_never_was_is_unknown,
            refresh::opening_a_family_twice_changes_nothing,
            refresh::revoking_ends_the_families_of_one_account_only,
            api_keys::an_api_key_comes_back_as_it_was_created,
            api_keys::creating_an_api_key_twice_changes_nothing,
            api_keys::api_keys_are_listed_by_id_page_by_page,
            api_keys::revoking_ends_one_api_key_for_good,
            api_keys::a_foreign_api_key_is_not_found,
            submissions::a_submitted_job_reads_back_queued,
            submissions::a_job_brings_its_recording,
            submissions::recording_a_recording_twice_changes_nothing,
            submissions::submitting_twice_with_one_key_creates_one_job,
            submissions::one_key_with_another_body_is_a_conflict,
            submissions::one_key_is_one_job_whichever_way_it_comes,
            submissions::keys_of_two_owners_do_not_meet,
            submissions::a_hundred_concurrent_submissions_of_one_key_create_one_job,
            submissions::repeating_a_submission_by_id_is_the_same_job,
            submissions::one_active_refuses_a_second_open_job,
            submissions::jobs_are_listed_newest_first,
            submissions::a_list_counts_the_jobs_of_its_owner,
            submissions::jobs_are_listed_behind_the_last_one_seen,
            submissions::a_list_since_an_instant_ends_there,
            awaiting::a_job_without_its_recording_is_listed_and_not_claimed,
            awaiting::a_repeated_draft_is_the_same_job,
            awaiting::what_a_job_waits_for_comes_in_any_order,
            awaiting::a_job_that_waits_for_a_word_says_so,
            awaiting::a_recording_that_is_given_is_the_jobs,
            awaiting::giving_twice_changes_nothing,
            awaiting::what_a_job_does_not_wait_for_is_left,
            awaiting::giving_a_missing_job_something_is_not_found,
            awaiting::the_order_says_how_urgent_a_job_is,
            awaiting::a_job_that_waited_takes_its_place_by_age,
            awaiting::an_order_keeps_where_the_recording_came_from,
            awaiting::a_job_cancelled_while_it_waits_takes_nothing,
            awaiting::a_recording_stands_for_one_job_of_an_owner,
            awaiting::the_recording_of_a_deleted_job_is_free,
            awaiting::a_job_deleted_without_its_recording_is_gone,
            awaiting::of_a_hundred_who_give_the_same_one_does,
            awaiting::of_several_jobs_one_gets_the_recording,
            awaiting::different_things_at_once_all_count,
            awaiting::abandoned_jobs_hinder_nobody,
            awaiting::a_job_that_waits_is_announced,
            leases::a_claimed_job_is_in_progress_under_a_higher_fence,
            leases::an_empty_store_has_nothing_to_claim,
            leases::urgent_jobs_come_first_then_older_ones,
            leases::the_backlog_is_what_could_be_claimed,
            leases::a_hundred_concurrent_claims_get_a_hundred_jobs,
            leases::an_expired_lease_can_be_taken_over,
            leases::a_lost_job_queues_by_priority_and_age,
            leases::a_renewed_lease_lasts_longer,
            leases::a_late_holder_keeps_a_job_that_nobody_took,
            leases::a_fetched_recording_is_the_jobs_under_its_fence,
            leases::a_stale_holder_is_fenced,
            leases::a_fence_that_was_never_given_is_refused,
            leases::a_job_that_nobody_holds_refuses_writes,
            leases::a_job_is_not_claimed_before_its_time,
            leases::claiming_one_job_takes_that_job,
            leases::a_missing_job_is_not_found,
            leases::the_jobs_of_a_holder_that_is_gone_are_handed_back_at_once,
            chunks::a_chunk_comes_back_as_it_was_stored,
            chunks::chunks_are_readable_up_to_the_first_gap,
            chunks::all_stored_chunks_are_listed,
            chunks::the_first_write_of_a_chunk_wins,
            chunks::the_same_text_again_is_the_same,
            chunks::an_empty_chunk_is_stored_like_any_other,
            chunks::text_stays_when_the_lease_changes_hands,
            chunks::chunks_are_read_page_by_page,
            chunks::chunks_of_two_jobs_do_not_meet,
            chunks::the_description_is_the_beginning_of_the_first_chunk,
            chunks::a_chunk_with_odd_numbers_stays_readable,
            chunks::facts_are_noted_one_by_one,
            outcomes::a_completed_job_is_terminal,
            outcomes::a_partial_job_keeps_its_fault,
            outcomes::a_failed_job_counts_an_error_and_keeps_its_fault,
            outcomes::a_charged_retry_counts_an_error,
            outcomes::an_uncharged_retry_counts_no_error,
            outcomes::a_released_job_is_queued_again,
            outcomes::success_clears_the_fault_of_the_attempt_before,
            outcomes::a_terminal_job_refuses_every_change,
            outcomes::cancelling_without_text_ends_as_cancelled,
            outcomes::cancelling_with_text_ends_as_completed_partially,
            outcomes::cancelling_with_text_behind_a_gap_ends_as_cancelled,
            outcomes::cancelling_fences_the_worker,
            outcomes::cancelling_twice_changes_nothing,
            deletion::a_deleted_job_is_gone_with_all_that_belongs_to_it,
            deletion::deleting_twice_finds_nothing,
            deletion::a_job_that_is_not_done_is_not_deleted,
            deletion::a_job_with_news_is_not_deleted,
            deletion::deleting_one_job_leaves_the_others,
            deletion::the_key_of_a_deleted_job_is_free,
            deletion::a_deleted_job_does_not_come_back,
            deletion::a_long_job_is_deleted_whole,
            outbox::every_change_of_state_waits_to_be_told,
            outbox::what_was_told_stays_told,
            outbox::telling_does_not_hinder_the_holder,
            outbox::news_that_nobody_tells_are_found,
            outbox::news_are_listed_page_by_page,
            outbox::a_job_that_is_not_announced_has_no_news,
            follow_ups::a_job_that_ends_has_a_call_to_be_made,
            follow_ups::a_job_that_goes_on_calls_nobody,
            follow_ups::a_job_that_names_nobody_is_followed_by_nothing,
            follow_ups::a_step_is_taken_once,
            follow_ups::of_a_hundred_who_take_a_step_one_does,
            follow_ups::noting_a_call_changes_nothing_else,
            follow_ups::what_is_due_is_listed_from_its_time_on,
            follow_ups::a_call_that_was_given_up_is_listed_without_an_instant,
            follow_ups::a_deletion_follows_the_call,
            follow_ups::follow_ups_are_listed_page_by_page,
            follow_ups::a_deleted_job_leaves_nothing_to_follow,
            follow_ups::a_job_with_news_has_its_call_beside_them,
            queue::a_message_comes_back_as_it_was_appended,
            queue::offsets_grow_from_zero_in_each_topic,
            queue::a_hundred_concurrent_appends_get_a_hundred_offsets,
            queue::reading_begins_at_an_offset_and_ends_at_the_limit,
            queue::a_group_goes_on_where_it_committed,
            queue::a_commit_never_goes_backwards,
            queue::groups_and_topics_do_not_meet,
        }
    };
}
