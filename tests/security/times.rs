//! Times as they were measured: their middle, their slow end, and whether two lots of them are alike.

use std::time::Duration;

/// Below this the series of [`Times::chance_of_likeness`] needs more terms than there are, for a sum
/// that is 1 to twelve digits.
const HARDLY_APART: f64 = 0.2;

/// Some times, in order.
#[derive(Debug, Clone)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Takes times as they came.
    ///
    /// # Panics
    /// Where there are none.
    #[track_caller]
    pub(crate) fn new(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort_unstable();
        Self(times)
    }

    /// Returns the time that so many percent keep to.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }

    /// Returns the time in the middle.
    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// Returns the chance, 0 to 1, that two lots which are of one distribution lie as far apart as
    /// these or further: the two-sample Kolmogorov-Smirnov test with its asymptotic distribution
    /// (N. Smirnov, Table for Estimating the Goodness of Fit of Empirical Distributions, Annals of
    /// Mathematical Statistics 19, 1948).
    #[expect(clippy::cast_precision_loss, reason = "nobody measures 2^53 times")]
    pub(crate) fn chance_of_likeness(&self, other: &Self) -> f64 {
        let (ours, theirs) = (self.0.len() as f64, other.0.len() as f64);
        let apart = self.distance(other) * (ours * theirs / (ours + theirs)).sqrt();
        if apart < HARDLY_APART {
            return 1.0;
        }
        let term = |number: i32| {
            let sign = if number % 2 == 0 { -1.0 } else { 1.0 };
            sign * (-2.0 * (f64::from(number) * apart).powi(2)).exp()
        };
        (2.0 * (1..=100).map(term).sum::<f64>()).clamp(0.0, 1.0)
    }

    /// Returns how far apart the shares are that keep to a time, at the time where they are furthest.
    fn distance(&self, other: &Self) -> f64 {
        let gap = |at: &Duration| (self.share(*at) - other.share(*at)).abs();
        self.0.iter().chain(&other.0).map(gap).fold(0.0, f64::max)
    }

    /// Returns the share of times that keep to one.
    #[expect(clippy::cast_precision_loss, reason = "nobody measures 2^53 times")]
    fn share(&self, most: Duration) -> f64 {
        self.0.partition_point(|time| *time <= most) as f64 / self.0.len() as f64
    }
}

/// Makes a hundred times, a millisecond apart.
fn hundred(first: u64) -> Times {
    Times::new((first..first + 100).rev().map(Duration::from_millis).collect())
}

#[test]
fn a_percentile_is_the_time_that_so_many_keep_to() {
    let times = hundred(1);
    assert_eq!(times.median(), Duration::from_millis(51));
    assert_eq!(times.percentile(99), Duration::from_millis(100));
    assert_eq!(Times::new(vec![Duration::ZERO]).percentile(99), Duration::ZERO);
}

#[test]
fn lots_of_times_are_alike_or_not() {
    assert!(hundred(0).chance_of_likeness(&hundred(0)) > 0.999_999);
    // 20 of 100 lie apart: 2 (e^-4 - e^-16 + …).
    let chance = hundred(0).chance_of_likeness(&hundred(20));
    assert!((0.036_630..0.036_632).contains(&chance), "{chance}");
    assert!(hundred(0).chance_of_likeness(&hundred(100)) < 1e-9);
}
