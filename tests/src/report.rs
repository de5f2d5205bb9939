//! What a benchmark measured: a table of ratios with their limits.

use std::process::ExitCode;
use std::time::Duration;

/// What was measured so far.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<String>,
    missed: bool,
}

impl Report {
    /// Notes two times and the limit of their ratio.
    pub fn ratio(&mut self, what: &str, ours: Duration, theirs: Duration, limit: f64) {
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        self.row(what, &format!("{ours:.2?}"), &format!("{theirs:.2?}"), ratio, Some(limit));
    }

    /// Notes two times whose ratio is worth knowing and has no limit.
    pub fn information(&mut self, what: &str, ours: Duration, theirs: Duration) {
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        self.row(what, &format!("{ours:.2?}"), &format!("{theirs:.2?}"), ratio, None);
    }

    /// Notes two sizes in KiB and the limit of their ratio.
    #[expect(clippy::cast_precision_loss, reason = "memory of one process")]
    pub fn memory(&mut self, what: &str, ours: u64, theirs: u64, limit: f64) {
        let ratio = ours as f64 / theirs as f64;
        let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
        self.row(what, &mib(ours), &mib(theirs), ratio, Some(limit));
    }

    /// Notes a figure that is compared with nothing, with its unit.
    pub fn figure(&mut self, what: &str, ours: &str) {
        eprintln!("{what}: {ours}");
        self.rows.push(format!("| {what} | {ours} | | | |"));
    }

    /// Notes that a peer is missing.
    pub fn skip(&mut self, what: &str, why: &str) {
        self.rows.push(format!("| {what} | SKIPPED: {why} | | | |"));
    }

    /// Prints a Markdown table; fails when a limit was missed.
    pub fn print(&self) -> ExitCode {
        println!("| what | ours | peer | ratio | limit |\n|---|--:|--:|--:|--:|");
        for row in &self.rows {
            println!("{row}");
        }
        if self.missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn row(&mut self, what: &str, ours: &str, theirs: &str, ratio: f64, limit: Option<f64>) {
        let missed = limit.is_some_and(|limit| ratio > limit);
        self.missed |= missed;
        let verdict = if missed { " MISSED" } else { "" };
        let limit = limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
        eprintln!("{what}: {ours} against {theirs}, ratio {ratio:.2}, limit {limit}{verdict}");
        self.rows.push(format!("| {what} | {ours} | {theirs} | {ratio:.2}{verdict} | {limit} |"));
    }
}
