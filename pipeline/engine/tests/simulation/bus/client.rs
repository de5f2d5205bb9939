//! The bus as one host sees it.

use std::sync::Arc;

use async_trait::async_trait;
use scribed_bus::{Browser, Bus, Consumer, Delivery, Error, Message, Result};
use scribed_schemas::event::{DEAD_LETTERS, STATES, TRANSCRIPTS, UPLOADS};

use super::{Moved, Place, PutOut};
use crate::life::{Access, Life};
use crate::planted::Planted;
use crate::weather::Part;

/// The bus as one host sees it.
#[derive(Debug)]
pub(crate) struct SimBus {
    life: Arc<Life>,
}

impl SimBus {
    pub(crate) fn new(life: Arc<Life>) -> Self {
        Self { life }
    }

    /// Makes a call that fails and waits as the weather says.
    async fn around<T: Send>(&self, call: &str, effect: impl FnOnce() -> T + Send) -> Result<T> {
        around(&self.life, call, effect).await
    }
}

async fn around<T: Send>(life: &Life, call: &str, effect: impl FnOnce() -> T + Send) -> Result<T> {
    let lost = |_| Error::new(format!("{call}: this failure was planned"));
    let fate = life.go(Part::Bus, call, Access::Write).await.map_err(lost)?;
    let answer = effect();
    life.come_back(fate, call, Access::Write).await.map_err(lost)?;
    Ok(answer)
}

/// Tells the checker which offsets moved.
pub(crate) fn tell_moved(life: &Life, moved: &[Moved]) {
    for Moved { topic, partition, from, to } in moved {
        life.note(format_args!("{topic}/{partition} is committed from {from} to {to}"));
        life.sim.check(|checker| checker.moved(topic, *partition, *from, *to));
    }
}

#[async_trait]
impl Bus for SimBus {
    async fn publish(&self, topic: &str, message: Message) -> Result<()> {
        let life = &self.life;
        self.around("publish", || {
            let forgets = match topic {
                UPLOADS => life.sim.breaks(Planted::ForgottenEvent),
                DEAD_LETTERS => life.sim.breaks(Planted::ForgottenLetter),
                STATES | TRANSCRIPTS => life.sim.breaks(Planted::ForgottenNews),
                _ => false,
            };
            if forgets && life.sim.roll(|dice| dice.in_thousand(300)) {
                return;
            }
            let (partition, offset) =
                life.sim.broker(|broker| broker.append(topic, message.clone()));
            life.note(format_args!("publishes {topic}/{partition}@{offset}"));
            life.sim.check(|checker| checker.published(topic, partition, offset, &message));
            life.sim.changed.notify_waiters();
        })
        .await
    }

    async fn subscribe(&self, topic: &str, group: &str) -> Result<Box<dyn Consumer>> {
        let life = &self.life;
        let place = self
            .around("subscribe", || {
                let (place, moved) =
                    life.sim.broker(|broker| broker.join(topic, group, life.owner(), life.at()));
                life.note(format_args!("joins {group} as member {}", place.member));
                tell_moved(life, &moved);
                life.sim.changed.notify_waiters();
                // Made inside, so that a lost answer leaves the group again.
                SimConsumer { life: Arc::clone(life), place }
            })
            .await?;
        Ok(Box::new(place))
    }

    async fn browse(&self, topic: &str) -> Result<Box<dyn Browser>> {
        let life = &self.life;
        let all = self.around("browse", || life.sim.broker(|broker| broker.all(topic))).await?;
        Ok(Box::new(SimBrowser(all.into_iter())))
    }
}

/// Reads a topic as it was when it was opened.
#[derive(Debug)]
struct SimBrowser(std::vec::IntoIter<Delivery>);

#[async_trait]
impl Browser for SimBrowser {
    async fn next(&mut self) -> Result<Option<Delivery>> {
        Ok(self.0.next())
    }
}

/// A member of a group.
#[derive(Debug)]
struct SimConsumer {
    life: Arc<Life>,
    place: Place,
}

impl SimConsumer {
    fn put_out(&self) -> Error {
        Error::new(format!("go on as member {} of {}", self.place.member, self.place.group))
    }
}

#[async_trait]
impl Consumer for SimConsumer {
    async fn next(&mut self) -> Result<Delivery> {
        let life = &self.life;
        loop {
            // Made before the look, so what comes between look and wait still wakes.
            let changed = life.sim.changed.notified();
            if !life.is_dead() && life.sim.reaches(Part::Bus, &life.host, life.at()) {
                let next = life.sim.broker(|broker| broker.next(&self.place));
                let (delivery, moved) = next.map_err(|PutOut| self.put_out())?;
                if let Some(delivery) = delivery {
                    let Delivery { topic, partition, offset, .. } = &delivery;
                    life.note(format_args!("gets {topic}/{partition}@{offset}"));
                    tell_moved(life, &moved);
                    return Ok(delivery);
                }
            }
            changed.await;
        }
    }

    async fn ack(&mut self, partition: i32, offset: i64) -> Result<()> {
        let (life, place) = (&self.life, &self.place);
        let count = life.sim.broker(|broker| broker.count(&place.topic));
        if !(0..count).contains(&partition) {
            let topic = &place.topic;
            return Err(Error::new(format!(
                "acknowledge partition {partition} of {topic}: it has {count}, numbered from 0"
            )));
        }
        around(life, "ack", || {
            let moved = life
                .sim
                .roll(|dice| life.sim.broker(|broker| broker.ack(place, partition, offset, dice)));
            life.note(format_args!("acknowledges {}/{partition}@{offset}", place.topic));
            tell_moved(life, &moved);
        })
        .await
    }
}

impl Drop for SimConsumer {
    fn drop(&mut self) {
        // Who dies says no goodbye: the group finds out after a while.
        if self.life.is_dead() {
            return;
        }
        let moved = self.life.sim.broker(|broker| broker.leave(&self.place));
        for Moved { topic, partition, from, to } in &moved {
            self.life.sim.check(|checker| checker.moved(topic, *partition, *from, *to));
        }
        self.life.sim.changed.notify_waiters();
    }
}
