//! How far a recording is: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// Steps of the bar; its length is a recording, whatever that takes.
const STEPS: u64 = 1_000;

/// A plain line is written each time that so many percent are done.
const PLAIN_STEP: u32 = 10;

/// Shows the progress of one recording on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    name: String,
    begin: Instant,
    /// The bar, on a terminal.
    bar: Option<ProgressBar>,
    /// Percent that the last plain line told.
    told: u32,
}

/// How far a recording is, in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pace {
    /// Part that is done, 0 to 1; none while the length is not known.
    done: Option<f64>,
    /// Seconds of audio for each second of time.
    speed: f64,
    /// Seconds left at this speed.
    left: Option<f64>,
}

impl Progress {
    /// Begins with a recording.
    pub(super) fn begin(name: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{prefix} {bar:30} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(name.to_owned());
            bar
        });
        Self { name: name.to_owned(), begin: Instant::now(), bar, told: 0 }
    }

    /// Shows that `position` of `length` seconds are text; a length of 0 is not known.
    pub(super) fn at(&mut self, position: f64, length: f64) {
        let pace = Pace::of(position, length, self.begin.elapsed());
        if let Some(bar) = &self.bar {
            bar.set_position(thousandths(pace.done));
            bar.set_message(pace.to_string());
            return;
        }
        let percent = percent(pace.done);
        if percent >= self.told + PLAIN_STEP && percent < 100 {
            self.told = percent - percent % PLAIN_STEP;
            output::note(format!("{}: {pace}", self.name));
        }
    }

    /// Shows that the recording is done.
    pub(super) fn end(self, length: f64) {
        let elapsed = self.begin.elapsed();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let speed = Pace::of(length, length, elapsed).speed;
        let secs = elapsed.as_secs_f64();
        let name = &self.name;
        output::note(format!(
            "{name}: {length:.1} s of audio in {secs:.1} s, {speed:.1} × real time"
        ));
    }
}

impl Pace {
    fn of(position: f64, length: f64, elapsed: Duration) -> Self {
        let speed = position / elapsed.as_secs_f64().max(0.001);
        let done = (length > 0.0).then(|| (position / length).clamp(0.0, 1.0));
        let left = (length > 0.0 && speed > 0.0).then(|| (length - position).max(0.0) / speed);
        Self { done, speed, left }
    }
}

impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.done.is_some() {
            write!(f, "{} %, ", percent(self.done))?;
        }
        write!(f, "{:.1} × real time", self.speed)?;
        match self.left {
            Some(left) => write!(f, ", {} left", clock(left)),
            None => Ok(()),
        }
    }
}

fn percent(done: Option<f64>) -> u32 {
    u32::try_from(thousandths(done) / 10).unwrap_or(0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product lies between 0 and 1,000"
)]
fn thousandths(done: Option<f64>) -> u64 {
    (done.unwrap_or(0.0).clamp(0.0, 1.0) * 1_000.0) as u64
}

/// Writes seconds as minutes and seconds, with hours where there are any.
fn clock(secs: f64) -> String {
    let secs = Duration::try_from_secs_f64(secs).unwrap_or_default().as_secs();
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{secs:02}")
    } else {
        format!("{minutes}:{secs:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(position: f64, length: f64, elapsed: f64, expected: &str) {
        let pace = Pace::of(position, length, Duration::from_secs_f64(elapsed));
        assert_eq!(pace.to_string(), expected);
    }

    #[test]
    fn progress_tells_percent_speed_and_time_left() {
        check(150.0, 300.0, 10.0, "50 %, 15.0 × real time, 0:10 left");
        check(0.0, 300.0, 10.0, "0 %, 0.0 × real time");
        check(360.0, 36_360.0, 72.0, "0 %, 5.0 × real time, 2:00:00 left");
        check(300.0, 300.0, 20.0, "100 %, 15.0 × real time, 0:00 left");
    }

    #[test]
    fn without_a_length_only_the_speed_is_told() {
        check(30.0, 0.0, 10.0, "3.0 × real time");
    }
}
