//! Statements: every text that is sent to the database once it is set up, prepared once.
//!
//! Five ways to send one:
//! - `read`: what is acknowledged is seen; a slow node is helped by a second.
//! - `agreed`: a read that first finishes changes in flight; only after an unknown outcome.
//! - `write`: plain, the same however often it is sent.
//! - `change`: conditional (a lightweight transaction), never repeated by the driver.
//! - `scan`: many rows, page by page.
//!
//! The database names markers; where a row's column and a condition on it meet, markers have names
//! of their own (`:expected` against `:op`).

use scylla::client::execution_profile::ExecutionProfileHandle;
use scylla::client::session::Session;
use scylla::errors::PrepareError;
use scylla::statement::prepared::PreparedStatement;

mod batches;
mod way;

use way::{Way, qualified};

/// How statements are sent; see the module.
#[derive(Debug, Clone)]
pub(super) struct Profiles {
    pub(super) read: ExecutionProfileHandle,
    pub(super) agreed: ExecutionProfileHandle,
    pub(super) write: ExecutionProfileHandle,
    pub(super) change: ExecutionProfileHandle,
    pub(super) scan: ExecutionProfileHandle,
}

/// Declares the statements: name, how it is sent, text.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident: $profile:ident = $text:expr;)+) => {
        /// Every statement, ready to be sent.
        #[derive(Debug)]
        pub(super) struct Statements {
            $($(#[$doc])* pub(super) $name: PreparedStatement,)+
        }

        impl Statements {
            /// Has the database prepare each statement for the tables of `keyspace`.
            ///
            /// # Errors
            ///
            /// When a table is not there or not as it should be, or the database is away.
            pub(super) async fn prepare(
                session: &Session,
                profiles: &Profiles,
                keyspace: &str,
            ) -> Result<Self, PrepareError> {
                $(
                    let text = qualified($text, keyspace);
                    let $name = Way::$profile.prepare(session, profiles, text).await?;
                )+
                Ok(Self { $($name,)+ })
            }
        }

        /// Names, ways and texts, for the tests.
        #[cfg(test)]
        const ALL: &[(&str, Way, &str)] = &[$((stringify!($name), Way::$profile, $text),)+];
    };
}

const JOB: &str = "SELECT DISTINCT id, owner, name, media, pipeline, options, priority, state, \
     error_count, fault, facts, warnings, progress_frames, ready_chunks, stored_end, \
     planned_chunks, chunk_limit_secs, description, lease_holder, lease_until, fence, not_before, \
     created, updated, finished, outbox, awaits, follow_up, op FROM jobs WHERE id = :id";
const ACCOUNT: &str = "SELECT id, username, password_hash, role, active, can_interact, holds_jobs, \
     password_epoch, created, updated, logins, op FROM accounts WHERE id = :id";
const ACCOUNT_NAME: &str = "SELECT account, op FROM account_names WHERE username = :username";
const FAMILY: &str = "SELECT account, current, previous, exchanged, expires, revoked, logins, op \
     FROM refresh_families WHERE id = :id";
const SUBMISSION: &str =
    "SELECT fingerprint, job, op FROM submissions WHERE owner = :owner AND key = :key";
const ONLY_JOB: &str = "SELECT job, draft, op FROM only_jobs WHERE owner = :owner";
const GROUP: &str = "SELECT position FROM consumer_groups WHERE topic = :topic AND name = :name";

statements! {
    // --- accounts ---------------------------------------------------------------------------
    account: read = ACCOUNT;
    account_agreed: agreed = ACCOUNT;
    /// Makes an account where there is none; `logins` stays, since logins may come before it.
    create_account: change = "UPDATE accounts SET username = :username, \
        password_hash = :password_hash, role = :role, active = :active, \
        can_interact = :can_interact, holds_jobs = :holds_jobs, password_epoch = :password_epoch, \
        created = :created, updated = :updated, op = :op WHERE id = :id IF username = NULL";
    save_account: change = "UPDATE accounts SET password_hash = :password_hash, role = :role, \
        active = :active, can_interact = :can_interact, holds_jobs = :holds_jobs, \
        password_epoch = :password_epoch, updated = :updated, logins = :logins, op = :op \
        WHERE id = :id IF op = :expected";
    remove_account: change = "DELETE FROM accounts WHERE id = :id IF op = :expected";
    first_logins: change = "UPDATE accounts SET logins = :logins, op = :op WHERE id = :id \
        IF op = NULL";
    save_logins: change = "UPDATE accounts SET logins = :logins, op = :op WHERE id = :id \
        IF op = :expected";
    account_name: read = ACCOUNT_NAME;
    account_name_agreed: agreed = ACCOUNT_NAME;
    take_name: change = "INSERT INTO account_names (username, account, op) \
        VALUES (:username, :account, :op) IF NOT EXISTS";
    take_over_name: change = "UPDATE account_names SET account = :account, op = :op \
        WHERE username = :username IF op = :expected";
    free_name: change = "DELETE FROM account_names WHERE username = :username IF op = :expected";
    add_account_id: write = "INSERT INTO account_ids (part, id) VALUES (0, :id)";
    account_ids: read = "SELECT id FROM account_ids WHERE part = 0 AND id > :after LIMIT :max";

    // --- refresh families -------------------------------------------------------------------
    family: read = FAMILY;
    family_agreed: agreed = FAMILY;
    open_family: change = "INSERT INTO refresh_families (id, account, current, expires, revoked, \
        logins, op) VALUES (:id, :account, :current, :expires, false, :logins, :op) IF NOT EXISTS \
        USING TTL :ttl";
    /// Says everything again, since what is not written ends with the time of the write before.
    save_family: change = "UPDATE refresh_families USING TTL :ttl SET account = :account, \
        current = :current, previous = :previous, exchanged = :exchanged, expires = :expires, \
        revoked = :revoked, logins = :logins, op = :op WHERE id = :id IF op = :expected";

    // --- API keys ---------------------------------------------------------------------------
    api_key: read = "SELECT hash, id, account, label, scopes, created, expires, revoked \
        FROM api_keys WHERE hash = :hash";
    create_api_key: change = "INSERT INTO api_keys (hash, id, account, label, scopes, created, \
        expires, revoked) VALUES (:hash, :id, :account, :label, :scopes, :created, :expires, \
        :revoked) IF NOT EXISTS USING TTL :ttl";
    revoke_api_key: change = "UPDATE api_keys USING TTL :ttl SET revoked = :now WHERE hash = :hash \
        IF account = :account AND revoked = NULL";
    add_account_api_key: write = "INSERT INTO account_api_keys (account, id, hash) \
        VALUES (:account, :id, :hash) USING TTL :ttl";
    account_api_key: read = "SELECT hash FROM account_api_keys WHERE account = :account \
        AND id = :id";
    account_api_keys: read = "SELECT id, hash FROM account_api_keys WHERE account = :account \
        AND id > :after LIMIT :max";

    // --- media ------------------------------------------------------------------------------
    media: read = "SELECT id, owner, key, file_name, content_type, size, created FROM media \
        WHERE id = :id";
    create_media: change = "INSERT INTO media (id, owner, key, file_name, content_type, size, \
        created) VALUES (:id, :owner, :key, :file_name, :content_type, :size, :created) \
        IF NOT EXISTS";
    remove_media: change = "DELETE FROM media WHERE id = :id IF EXISTS";

    // --- jobs -------------------------------------------------------------------------------
    job: read = JOB;
    job_agreed: agreed = JOB;
    create_job: change = "UPDATE jobs SET owner = :owner, name = :name, media = :media, \
        pipeline = :pipeline, options = :options, priority = :priority, state = :state, \
        error_count = :error_count, fault = :fault, facts = :facts, warnings = :warnings, \
        progress_frames = :progress_frames, ready_chunks = :ready_chunks, \
        stored_end = :stored_end, planned_chunks = :planned_chunks, \
        chunk_limit_secs = :chunk_limit_secs, description = :description, \
        lease_holder = :lease_holder, lease_until = :lease_until, fence = :fence, \
        not_before = :not_before, created = :created, updated = :updated, finished = :finished, \
        outbox = :outbox, awaits = :awaits, follow_up = :follow_up, op = :op WHERE id = :id \
        IF op = NULL";
    save_job: change = "UPDATE jobs SET media = :media, options = :options, priority = :priority, \
        state = :state, error_count = :error_count, fault = :fault, facts = :facts, \
        warnings = :warnings, progress_frames = :progress_frames, planned_chunks = :planned_chunks, \
        lease_holder = :lease_holder, lease_until = :lease_until, fence = :fence, \
        not_before = :not_before, updated = :updated, finished = :finished, \
        outbox = :outbox, awaits = :awaits, follow_up = :follow_up, op = :op WHERE id = :id \
        IF op = :expected";
    /// First half of a stored chunk.
    save_chunk_count: change = "UPDATE jobs SET ready_chunks = :ready_chunks, \
        stored_end = :stored_end, description = :description, updated = :updated, op = :op \
        WHERE id = :id IF op = :expected";
    /// Second half of a stored chunk; never sent alone.
    add_chunk: change = "INSERT INTO jobs (id, number, segments) VALUES (:id, :number, :segments)";
    /// First half of a deletion of chunks.
    touch_job: change = "UPDATE jobs SET op = :op WHERE id = :id IF op = :expected";
    /// Second half of a deletion of chunks; never sent alone.
    remove_chunk: change = "DELETE FROM jobs WHERE id = :id AND number = :number";
    /// What is left of a job without chunks.
    remove_job: change = "DELETE owner, name, media, pipeline, options, priority, state, \
        error_count, fault, facts, warnings, progress_frames, ready_chunks, stored_end, \
        planned_chunks, chunk_limit_secs, description, lease_holder, lease_until, fence, \
        not_before, created, updated, finished, outbox, awaits, follow_up, op FROM jobs \
        WHERE id = :id IF op = :expected";
    /// Agreed, since a chunk is stored or not by what this says.
    chunk: agreed = "SELECT segments FROM jobs WHERE id = :id AND number = :number";
    chunks: documents = "SELECT number, ready_chunks, segments FROM jobs WHERE id = :id \
        AND number >= :low AND number < :high";
    chunk_numbers: scan = "SELECT number FROM jobs WHERE id = :id AND number >= :low";
    next_numbers: agreed = "SELECT number FROM jobs WHERE id = :id AND number >= :low LIMIT 1000";

    // --- submissions ------------------------------------------------------------------------
    submission: read = SUBMISSION;
    submission_agreed: agreed = SUBMISSION;
    take_key: change = "INSERT INTO submissions (owner, key, fingerprint, job, op) \
        VALUES (:owner, :key, :fingerprint, :job, :op) IF NOT EXISTS";
    take_over_key: change = "UPDATE submissions SET op = :op WHERE owner = :owner AND key = :key \
        IF op = :expected";
    free_key: change = "DELETE FROM submissions WHERE owner = :owner AND key = :key \
        IF op = :expected";
    only_job: read = ONLY_JOB;
    only_job_agreed: agreed = ONLY_JOB;
    first_only_job: change = "INSERT INTO only_jobs (owner, job, draft, op) \
        VALUES (:owner, :job, :draft, :op) IF NOT EXISTS";
    remove_only_job: change = "DELETE FROM only_jobs WHERE owner = :owner IF op = :expected";
    next_only_job: change = "UPDATE only_jobs SET job = :job, draft = :draft, op = :op \
        WHERE owner = :owner IF op = :expected";

    // --- what is open -----------------------------------------------------------------------
    open_jobs: read = "SELECT created, id, wake FROM open_jobs WHERE priority = :priority \
        AND shard = :shard AND (created, id) > (:created, :id) LIMIT :max";
    add_open: write = "INSERT INTO open_jobs (priority, shard, created, id, wake) \
        VALUES (:priority, :shard, :created, :id, 0)";
    wake_open: write = "UPDATE open_jobs SET wake = :wake WHERE priority = :priority \
        AND shard = :shard AND created = :created AND id = :id";
    remove_open: write = "DELETE FROM open_jobs WHERE priority = :priority AND shard = :shard \
        AND created = :created AND id = :id";
    owner_open: scan = "SELECT created, id FROM owner_open_jobs WHERE owner = :owner";
    add_owner_open: write = "INSERT INTO owner_open_jobs (owner, created, id) \
        VALUES (:owner, :created, :id)";
    remove_owner_open: write = "DELETE FROM owner_open_jobs WHERE owner = :owner \
        AND created = :created AND id = :id";

    // --- outbox -----------------------------------------------------------------------------
    news: read = "SELECT id, number, at FROM job_news WHERE shard = :shard AND id > :after \
        LIMIT :max";
    add_news: write = "INSERT INTO job_news (shard, id, number, at) \
        VALUES (:shard, :id, :number, :at)";
    remove_news: write = "DELETE FROM job_news WHERE shard = :shard AND id = :id \
        AND number < :end";

    // --- what follows a job -----------------------------------------------------------------
    follow_ups: scan = "SELECT id, step, due FROM follow_ups WHERE shard = :shard \
        AND due <= :latest";
    add_follow_up: write = "INSERT INTO follow_ups (shard, id, step, due) \
        VALUES (:shard, :id, :step, :due)";
    remove_follow_up: write = "DELETE FROM follow_ups WHERE shard = :shard AND id = :id \
        AND step = :step AND due = :due";

    // --- lists ------------------------------------------------------------------------------
    /// The count of the bucket is void from now on, if it had one.
    add_bucket: write = "INSERT INTO job_buckets (list, bucket, jobs) VALUES (:list, :bucket, NULL)";
    count_bucket: write = "UPDATE job_buckets SET jobs = :jobs WHERE list = :list \
        AND bucket = :bucket";
    buckets: scan = "SELECT bucket, jobs FROM job_buckets WHERE list = :list";
    add_listed: write = "INSERT INTO job_lists (list, bucket, created, id) \
        VALUES (:list, :bucket, :created, :id)";
    remove_listed: write = "DELETE FROM job_lists WHERE list = :list AND bucket = :bucket \
        AND created = :created AND id = :id";
    listed_behind: read = "SELECT created, id FROM job_lists WHERE list = :list \
        AND bucket = :bucket AND (created, id) < (:created, :id) LIMIT :max";
    listed: scan = "SELECT id FROM job_lists WHERE list = :list AND bucket = :bucket LIMIT :max";
    listed_count: scan = "SELECT COUNT(*) FROM job_lists WHERE list = :list AND bucket = :bucket";

    // --- queue ------------------------------------------------------------------------------
    append: change = "INSERT INTO messages (topic, block, position, key, headers, payload, at, op) \
        VALUES (:topic, :block, :position, :key, :headers, :payload, :at, :op) IF NOT EXISTS";
    message_op: agreed = "SELECT op FROM messages WHERE topic = :topic AND block = :block \
        AND position = :position";
    messages: documents = "SELECT position, key, headers, payload, at FROM messages \
        WHERE topic = :topic AND block = :block AND position >= :low LIMIT :max";
    last_message: read = "SELECT position FROM messages WHERE topic = :topic AND block = :block \
        ORDER BY position DESC LIMIT 1";
    add_block: write = "INSERT INTO message_blocks (topic, block) VALUES (:topic, :block)";
    last_block: read = "SELECT block FROM message_blocks WHERE topic = :topic LIMIT 1";
    group: read = GROUP;
    group_agreed: agreed = GROUP;
    first_commit: change = "INSERT INTO consumer_groups (topic, name, position) \
        VALUES (:topic, :name, :position) IF NOT EXISTS";
    next_commit: change = "UPDATE consumer_groups SET position = :position WHERE topic = :topic \
        AND name = :name IF position = :expected";

    // --- nodes ------------------------------------------------------------------------------
    node_numbers: agreed = "SELECT number, holder, until, op FROM node_numbers WHERE part = 0";
    first_node_number: change = "INSERT INTO node_numbers (part, number, holder, until, op) \
        VALUES (0, :number, :holder, :until, :op) IF NOT EXISTS";
    take_node_number: change = "UPDATE node_numbers SET holder = :holder, until = :until, \
        op = :op WHERE part = 0 AND number = :number IF op = :expected";
    renew_node_number: change = "UPDATE node_numbers SET until = :until WHERE part = 0 \
        AND number = :number IF holder = :holder";

    // --- whether it works -------------------------------------------------------------------
    probe_read: read = "SELECT op FROM probes WHERE name = :name";
    probe_write: write = "INSERT INTO probes (name, op) VALUES (:name, :op)";
}

#[cfg(test)]
mod tests;
