//! Ids: the numbers of jobs as this surface writes them, 32 lower-case hex digits.
//!
//! The lower half is the number of the job. The upper half of a job's id is 0; of a task's, which of the
//! job's tasks it is.

use scribed_schemas::id::JobId;

/// Hex digits of an id.
const DIGITS: usize = 32;

/// What is done about a job; each has an id of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// It is made.
    New = 1,
    /// It is given its recording.
    AddMedia = 2,
    /// It is ordered.
    PerformTranscription = 3,
    /// It is deleted.
    Delete = 4,
}

/// Writes the id of a job.
pub(super) fn job(id: JobId) -> String {
    format!("{:032x}", number(id))
}

/// Writes the id of a task.
pub(super) fn task(id: JobId, task: Task) -> String {
    format!("{:032x}", (task as u128) << 64 | number(id))
}

/// Numbers of jobs are positive.
fn number(JobId(id): JobId) -> u128 {
    u128::from(id.unsigned_abs())
}

/// Reads the id of a job: as we write it, and in no other way.
pub(super) fn read(text: &str) -> Option<JobId> {
    let is_hex = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != DIGITS || !is_hex {
        return None;
    }
    let number = u128::from_str_radix(text, 16).ok()?;
    let id = i64::try_from(number).ok().filter(|id| *id > 0)?;
    Some(JobId(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_in_one_way_only() {
        let id = JobId(116_345_449_148_416);
        let text = job(id);
        assert_eq!(text, "0000000000000000000069d0c92af000");
        assert_eq!(read(&text), Some(id));
        for wrong in [
            "",
            "0",
            &"0".repeat(32),
            &"f".repeat(32),
            &text[1..],
            &format!("0{text}"),
            &text.to_uppercase(),
            &text.replacen('0', "+", 1),
            &text.replacen('0', " ", 1),
            &task(id, Task::New),
            &format!("{:032x}", 1_u128 << 63),
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn tasks_of_a_job_have_ids_of_their_own() {
        let id = JobId(7);
        assert_eq!(task(id, Task::New), "00000000000000010000000000000007");
        assert_eq!(task(id, Task::Delete), "00000000000000040000000000000007");
        assert_eq!(read(&task(id, Task::AddMedia)), None);
    }
}
