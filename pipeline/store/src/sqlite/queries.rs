//! Queries of jobs and their text: those that must find what they look for by an index.
//!
//! `jobs` and `follow_ups` send them; the tests ask SQLite how it would go about each.

/// The first claimable job; reads one entry of `jobs_claimable` and those before it that wait.
pub(super) const FIRST_CLAIMABLE: &str = "SELECT priority, created, id FROM jobs
     WHERE state IN ('queued', 'processing_error') AND not_before <= ?1
     ORDER BY priority, created, id LIMIT 1";

/// The first job whose lease has run out; reads those entries of `jobs_leased`.
pub(super) const FIRST_LOST: &str = "SELECT priority, created, id FROM jobs
     WHERE state = 'in_progress' AND lease_until <= ?1
     ORDER BY priority, created, id LIMIT 1";

/// How many jobs could be claimed, of the first ?2; reads `jobs_claimable` alone.
pub(super) const COUNT_CLAIMABLE: &str = "SELECT count(*) FROM (SELECT 1 FROM jobs
     WHERE state IN ('queued', 'processing_error') AND not_before <= ?1
     ORDER BY priority, created, id LIMIT ?2)";

/// How many leases have run out, of the first ?2; reads those entries of `jobs_leased`.
pub(super) const COUNT_LOST: &str = "SELECT count(*) FROM (SELECT 1 FROM jobs
     WHERE state = 'in_progress' AND lease_until <= ?1 LIMIT ?2)";

/// When the oldest claimable job of a priority was submitted; reads as [`FIRST_CLAIMABLE`] does.
pub(super) const OLDEST_CLAIMABLE: &str = "SELECT created FROM jobs
     WHERE state IN ('queued', 'processing_error') AND not_before <= ?1 AND priority = ?2
     ORDER BY created, id LIMIT 1";

/// When the oldest job whose lease has run out was submitted; reads those entries of `jobs_leased`.
///
/// The `+` keeps SQLite from walking all jobs by age until it finds one
/// (<https://sqlite.org/optoverview.html> §1).
pub(super) const OLDEST_LOST: &str = "SELECT min(+created) FROM jobs
     WHERE state = 'in_progress' AND lease_until <= ?1";

/// The jobs that a holder has; reads the entries of `jobs_leased`, which are as many as run.
pub(super) const HELD: &str =
    "SELECT * FROM jobs WHERE state = 'in_progress' AND lease_until IS NOT NULL
       AND lease_holder = ?1";

/// A page of all jobs; passes over what comes before it in `jobs_by_created` alone.
///
/// CROSS JOIN keeps SQLite from beginning with the table (<https://sqlite.org/optoverview.html>
/// §7.3).
pub(super) const PAGE_OF_ALL: &str = "SELECT jobs.* FROM
     (SELECT id FROM jobs ORDER BY created DESC, id DESC LIMIT ?1 OFFSET ?2) AS page
     CROSS JOIN jobs ON jobs.id = page.id ORDER BY jobs.created DESC, jobs.id DESC";

/// A page of one owner's jobs; passes over what comes before it in `jobs_by_owner` alone.
pub(super) const PAGE_OF_OWNER: &str = "SELECT jobs.* FROM
     (SELECT id FROM jobs WHERE owner = ?3 ORDER BY created DESC, id DESC LIMIT ?1 OFFSET ?2)
     AS page
     CROSS JOIN jobs ON jobs.id = page.id ORDER BY jobs.created DESC, jobs.id DESC";

/// Jobs of owner ?1 since ?2, behind the instant ?3 and the id ?4; walks `jobs_by_owner` from there.
pub(super) const SINCE: &str = "SELECT * FROM jobs
     WHERE owner = ?1 AND created >= ?2 AND (created, id) < (?3, ?4)
     ORDER BY created DESC, id DESC LIMIT ?5";

/// Jobs behind ?1 with news since ?2 or longer that nobody works on.
pub(super) const UNTOLD: &str = "SELECT id FROM jobs
     WHERE has_news = 1 AND state <> 'in_progress' AND id > ?1 AND updated <= ?2
     ORDER BY id LIMIT ?3";

/// Jobs behind ?1 with something that is to follow and is due at ?2; reads those entries of
/// `jobs_follow_up` and sorts them, since few are due and many may be open.
pub(super) const FOLLOW_UPS: &str = "SELECT id FROM jobs INDEXED BY jobs_follow_up
     WHERE follow_up_due IS NOT NULL AND follow_up_due <= ?2 AND id > ?1 ORDER BY id LIMIT ?3";

/// The newest job of an owner that is not done.
pub(super) const ACTIVE: &str = "SELECT id FROM jobs WHERE owner = ?1 AND finished IS NULL
     ORDER BY created DESC, id DESC LIMIT 1";

/// Readable chunks from ?2, before ?3.
pub(super) const CHUNKS: &str = "SELECT segments FROM chunks
     WHERE job = ?1 AND number >= ?2
       AND number < min(?3, (SELECT ready_chunks FROM jobs WHERE id = ?1))
     ORDER BY number";

/// The numbers of stored chunks from ?2 on; reads the key index alone.
pub(super) const NUMBERS: &str =
    "SELECT number FROM chunks WHERE job = ?1 AND number >= ?2 ORDER BY number";

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// Returns how SQLite would run a statement, one line a step.
    fn plan(statement: &str) -> String {
        let mut db = Connection::open_in_memory().unwrap();
        super::super::schema::migrate(&mut db).unwrap();
        let mut explained = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let unbound = vec![rusqlite::types::Null; explained.parameter_count()];
        let unbound = rusqlite::params_from_iter(unbound);
        let steps = explained.query_map(unbound, |row| row.get::<_, String>("detail")).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    }

    #[track_caller]
    fn check(statement: &str, index: &str) {
        let plan = plan(statement);
        assert!(plan.contains(index), "{statement}\n{plan}");
        // A scan is fine where it walks a narrow index in order and stops at a limit.
        let scans =
            plan.lines().filter(|step| step.contains("SCAN jobs") || step.contains("SCAN chunks"));
        for scan in scans {
            assert!(scan.contains("USING COVERING INDEX"), "{statement}\n{plan}");
        }
    }

    #[test]
    fn no_statement_reads_a_whole_table() {
        check(FIRST_CLAIMABLE, "USING COVERING INDEX jobs_claimable");
        check(FIRST_LOST, "USING INDEX jobs_leased (lease_until<?)");
        check(COUNT_CLAIMABLE, "USING COVERING INDEX jobs_claimable");
        check(OLDEST_CLAIMABLE, "USING COVERING INDEX jobs_claimable (priority=?)");
        check(COUNT_LOST, "INDEX jobs_leased (lease_until<?)");
        check(OLDEST_LOST, "USING INDEX jobs_leased (lease_until<?)");
        check(HELD, "USING INDEX jobs_leased");
        check(PAGE_OF_ALL, "USING COVERING INDEX jobs_by_created");
        check(PAGE_OF_OWNER, "USING COVERING INDEX jobs_by_owner (owner=?)");
        check(SINCE, "USING INDEX jobs_by_owner (owner=? AND created>? AND created<?)");
        check(UNTOLD, "USING INDEX jobs_untold (id>?)");
        check(FOLLOW_UPS, "USING COVERING INDEX jobs_follow_up (follow_up_due");
        check(ACTIVE, "USING INDEX jobs_open (owner=?)");
        check(CHUNKS, "(job=? AND number>? AND number<?)");
        check(NUMBERS, "USING COVERING INDEX sqlite_autoindex_chunks_1 (job=? AND number>?)");
    }

    #[test]
    fn claims_need_no_sorting() {
        let plan = plan(FIRST_CLAIMABLE);
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
