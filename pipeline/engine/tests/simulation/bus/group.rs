//! A consumer group: its members, who of them has which partition, and how far each is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Moved, PutOut};
use crate::dice::Dice;
use crate::planted::Planted;

/// A consumer group on one topic.
#[derive(Debug)]
pub(super) struct Group {
    topic: String,
    members: BTreeMap<u64, Member>,
    /// Who has each partition; nobody while there are no members.
    owners: BTreeMap<i32, Option<u64>>,
    committed: BTreeMap<i32, i64>,
}

/// A member.
#[derive(Debug)]
struct Member {
    owner: (String, u32),
    /// Its last sign of life.
    seen: Duration,
    windows: BTreeMap<i32, Window>,
    /// The partition that delivered last.
    turn: i32,
}

/// What is open in a partition.
#[derive(Debug)]
struct Window {
    next: i64,
    open: BTreeSet<i64>,
}

impl Window {
    /// Returns the offset before which nothing is open.
    fn watermark(&self) -> i64 {
        self.open.first().copied().unwrap_or(self.next)
    }
}

impl Group {
    pub(super) fn new(topic: &str, partitions: &[i32]) -> Self {
        Self {
            topic: topic.to_owned(),
            members: BTreeMap::new(),
            owners: partitions.iter().map(|number| (*number, None)).collect(),
            committed: BTreeMap::new(),
        }
    }

    pub(super) fn join(&mut self, member: u64, owner: (String, u32), at: Duration) -> Vec<Moved> {
        let new = Member { owner, seen: at, windows: BTreeMap::new(), turn: -1 };
        self.members.insert(member, new);
        self.balance()
    }

    pub(super) fn leave(&mut self, member: u64) -> Vec<Moved> {
        let mut moved = self.flush(member);
        moved.extend(self.put_out(member));
        moved
    }

    /// Takes a member out; what it acknowledged and did not commit is forgotten.
    pub(super) fn put_out(&mut self, member: u64) -> Vec<Moved> {
        self.members.remove(&member);
        for owner in self.owners.values_mut().filter(|owner| **owner == Some(member)) {
            *owner = None;
        }
        self.balance()
    }

    pub(super) fn members(&self) -> Vec<(u64, (String, u32))> {
        self.members.iter().map(|(id, member)| (*id, member.owner.clone())).collect()
    }

    pub(super) fn show_life(&mut self, member: u64, at: Duration) {
        if let Some(member) = self.members.get_mut(&member) {
            member.seen = at;
        }
    }

    /// Returns how long a member has shown no sign of life.
    pub(super) fn silence(&self, member: u64, at: Duration) -> Duration {
        self.members.get(&member).map_or(Duration::ZERO, |m| at.saturating_sub(m.seen))
    }

    pub(super) fn committed(&self, partition: i32) -> i64 {
        self.committed.get(&partition).copied().unwrap_or(0)
    }

    /// Moves a committed offset on; never back.
    pub(super) fn commit(&mut self, partition: i32, to: i64) -> Option<Moved> {
        let from = self.committed(partition);
        if to <= from {
            return None;
        }
        self.committed.insert(partition, to);
        Some(Moved { topic: self.topic.clone(), partition, from, to })
    }

    /// Commits what a member acknowledged.
    pub(super) fn flush(&mut self, member: u64) -> Vec<Moved> {
        let windows = self.members.get(&member).map(|member| &member.windows);
        let marks = windows.into_iter().flatten().map(|(number, w)| (*number, w.watermark()));
        let marks: Vec<_> = marks.collect();
        marks.into_iter().filter_map(|(number, mark)| self.commit(number, mark)).collect()
    }

    /// Opens the next delivery of a member whose logs end where `end` says.
    pub(super) fn next(
        &mut self,
        member: u64,
        limit: usize,
        end: impl Fn(i32) -> i64,
    ) -> Result<Option<(i32, i64)>, PutOut> {
        let Self { members, owners, committed, .. } = self;
        let Member { windows, turn, .. } = members.get_mut(&member).ok_or(PutOut)?;
        let owned = |range| {
            let owners: std::collections::btree_map::Range<'_, i32, Option<u64>> = range;
            owners.filter(|(_, owner)| **owner == Some(member)).map(|(number, _)| *number)
        };
        let later = owned(owners.range(*turn + 1..));
        for partition in later.chain(owned(owners.range(..=*turn))) {
            let window = windows.entry(partition).or_insert_with(|| {
                let next = committed.get(&partition).copied().unwrap_or(0);
                Window { next, open: BTreeSet::new() }
            });
            if window.open.len() < limit && window.next < end(partition) {
                let offset = window.next;
                window.open.insert(offset);
                window.next += 1;
                *turn = partition;
                return Ok(Some((partition, offset)));
            }
        }
        Ok(None)
    }

    /// Takes an acknowledgement; of what a member does not have it changes nothing.
    pub(super) fn ack(&mut self, member: u64, partition: i32, offset: i64) {
        let windows = self.members.get_mut(&member).map(|member| &mut member.windows);
        if let Some(window) = windows.and_then(|windows| windows.get_mut(&partition)) {
            window.open.remove(&offset);
        }
    }

    /// Gives every partition to somebody and moves as few as it can to share them evenly.
    fn balance(&mut self) -> Vec<Moved> {
        let mut moved = Vec::new();
        if self.members.is_empty() {
            return moved;
        }
        let free: Vec<i32> = self.owned_by(None);
        for partition in free {
            let (least, _) = self.extremes();
            self.owners.insert(partition, Some(least));
        }
        loop {
            let (least, most) = self.extremes();
            let (few, many) = (self.owned_by(Some(least)), self.owned_by(Some(most)));
            if many.len() <= few.len() + 1 {
                return moved;
            }
            let partition = *many.last().expect("it has the most");
            moved.extend(self.hand_over(partition, most, least));
        }
    }

    fn owned_by(&self, member: Option<u64>) -> Vec<i32> {
        let owned = self.owners.iter().filter(|(_, owner)| **owner == member);
        owned.map(|(number, _)| *number).collect()
    }

    /// Returns who has the fewest partitions and who has the most.
    fn extremes(&self) -> (u64, u64) {
        let count = |member: &u64| self.owned_by(Some(*member)).len();
        let least = self.members.keys().copied().min_by_key(count);
        let most = self.members.keys().copied().max_by_key(count);
        (least.expect("there are members"), most.expect("there are members"))
    }

    /// Moves a partition; what its former owner acknowledged is committed first.
    fn hand_over(&mut self, partition: i32, from: u64, to: u64) -> Vec<Moved> {
        let moved = self.flush(from);
        self.forget(partition, from);
        self.owners.insert(partition, Some(to));
        moved
    }

    fn forget(&mut self, partition: i32, member: u64) {
        if let Some(member) = self.members.get_mut(&member) {
            member.windows.remove(&partition);
        }
    }

    /// Gives each partition to anybody; some go and come back to whom they were.
    pub(super) fn storm(&mut self, dice: &mut Dice, planted: Option<Planted>) -> Vec<Moved> {
        let ids: Vec<u64> = self.members.keys().copied().collect();
        let mut moved = Vec::new();
        if ids.is_empty() {
            return moved;
        }
        let partitions: Vec<i32> = self.owners.keys().copied().collect();
        for partition in partitions {
            let former = self.owners.get(&partition).copied().flatten();
            if let Some(former) = former {
                // A member that is thrown out of its assignment commits no more.
                if dice.in_thousand(500) {
                    moved.extend(self.flush(former));
                }
                self.forget(partition, former);
            }
            self.owners.insert(partition, Some(dice.pick(&ids)));
            let from = self.committed(partition);
            if planted == Some(Planted::FallingOffset) && from > 0 {
                self.committed.insert(partition, from - 1);
                moved.push(Moved { topic: self.topic.clone(), partition, from, to: from - 1 });
            }
        }
        moved
    }
}
