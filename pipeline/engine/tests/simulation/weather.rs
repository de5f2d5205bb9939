//! Weather: which parts are away, and what becomes of a call to one.

use std::time::Duration;

use crate::dice::Dice;

/// A part that hosts share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Store,
    Bus,
    Media,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate {
    /// How long it takes until it has its effect.
    pub(crate) before: Duration,
    pub(crate) verdict: Verdict,
    /// How long it takes until its answer is there.
    pub(crate) after: Duration,
}

/// Whether a call fails, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It succeeds.
    Go,
    /// It fails without an effect.
    FailBefore,
    /// It has its effect, and its answer is lost.
    FailAfter,
}

/// A part that cannot be reached for a while.
#[derive(Debug)]
struct Outage {
    part: Part,
    /// The one host that cannot reach it; absent: none can.
    host: Option<String>,
    /// When it is over, in milliseconds.
    until: u64,
}

/// What the parts are like at present.
#[derive(Debug)]
pub(crate) struct Weather {
    outages: Vec<Outage>,
    /// Failures in a thousand calls; none: it is calm.
    roughness: u64,
    /// Slow calls in a thousand.
    slowness: u64,
}

impl Weather {
    /// Draws the weather of a simulation.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let roughness = dice.pick(&[2, 10, 30]);
        Self { outages: Vec::new(), roughness, slowness: dice.pick(&[20, 150, 400]) }
    }

    /// Nothing fails and nothing waits.
    pub(crate) fn calm() -> Self {
        Self { outages: Vec::new(), roughness: 0, slowness: 0 }
    }

    /// Takes a part away until an instant, from one host or from all.
    pub(crate) fn take_away(&mut self, part: Part, host: Option<String>, until: u64) {
        self.outages.push(Outage { part, host, until });
    }

    /// Returns whether a host can reach a part now.
    pub(crate) fn reaches(&self, part: Part, host: &str, now: u64) -> bool {
        let hits = |outage: &Outage| {
            outage.part == part
                && outage.until > now
                && outage.host.as_deref().is_none_or(|only| only == host)
        };
        !self.outages.iter().any(hits)
    }

    /// Returns whether nothing fails any more.
    pub(crate) fn is_calm(&self) -> bool {
        self.roughness == 0
    }

    /// Draws what becomes of a call.
    pub(crate) fn fate(&self, dice: &mut Dice, part: Part, host: &str, now: u64) -> Fate {
        let ms = Duration::from_millis;
        if !self.reaches(part, host, now) {
            let verdict =
                if dice.in_thousand(30) { Verdict::FailAfter } else { Verdict::FailBefore };
            return Fate { before: ms(dice.between(0, 4_000)), verdict, after: Duration::ZERO };
        }
        let verdict = match dice.between(0, 999) {
            n if n < self.roughness / 2 => Verdict::FailBefore,
            n if n < self.roughness => Verdict::FailAfter,
            _ => Verdict::Go,
        };
        let mut wait = || match dice.between(0, 999) {
            // Long enough for a lease to run out.
            0 if !self.is_calm() => ms(dice.between(5_000, 45_000)),
            n if n < self.slowness => ms(dice.between(1, 120)),
            _ => Duration::ZERO,
        };
        Fate { before: wait(), verdict, after: wait() }
    }
}
