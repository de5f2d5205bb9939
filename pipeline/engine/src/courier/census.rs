//! The census: how many calls are open, counted a page at a time so that it costs little.

use std::time::Duration;

use scribed_schemas::callback::DeliveryState;
use scribed_schemas::id::JobId;
use tokio::time::Instant;

use super::PAGE;
use crate::engine::Engine;
use crate::measure;

/// How long a count is good.
const FRESH: Duration = Duration::from_secs(60);

/// A count in progress.
#[derive(Debug, Default)]
pub(super) struct Census {
    after: Option<JobId>,
    pending: u32,
    dead: u32,
    /// When the next one begins; none before the first.
    rests_until: Option<Instant>,
}

impl Census {
    /// Counts a page; at the end, records the sum.
    pub(super) async fn go_on(&mut self, engine: &Engine) -> scribed_store::Result<()> {
        if self.rests_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        let page = engine.store().follow_ups(None, self.after, PAGE).await?;
        for id in &page {
            let job = engine.store().job(*id).await?;
            let call = job.and_then(|job| job.follow_up?.delivery);
            match call.map(|call| call.state) {
                Some(DeliveryState::Pending) => self.pending += 1,
                Some(DeliveryState::Dead) => self.dead += 1,
                Some(DeliveryState::Delivered) | None => {}
            }
        }
        self.after = page.last().copied();
        if page.len() < PAGE as usize {
            measure::open_calls(self.pending, self.dead);
            *self = Self { rests_until: Some(Instant::now() + FRESH), ..Self::default() };
        }
        Ok(())
    }
}
