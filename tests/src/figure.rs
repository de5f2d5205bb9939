//! Figures: what a proof counted or measured, for whoever reads the log of a run.

use std::fmt::Display;
use std::io::Write as _;

/// Prints a line past the test harness, which shows what a test that passes prints to nobody.
///
/// # Panics
/// When standard error is closed.
pub fn say(line: &(impl Display + ?Sized)) {
    writeln!(std::io::stderr().lock(), "{line}").expect("standard error is open");
}
