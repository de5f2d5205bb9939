//! Ids: the numbers of jobs as this surface writes them, 32 lower-case hex digits.

use scribed_schemas::id::JobId;

/// Writes the id of a job.
pub(super) fn job(JobId(id): JobId) -> String {
    format!("{:032x}", id.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_32_hex_digits() {
        assert_eq!(job(JobId(116_345_449_148_416)), "0000000000000000000069d0c92af000");
    }
}
