//! Names of static members: the same after a restart, and no two alive under one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Topic and group.
type Place = (String, String);

/// The seats of all members of one bus, counted per topic and group.
#[derive(Debug, Clone, Default)]
pub(super) struct Instances {
    taken: Arc<Mutex<BTreeMap<Place, BTreeSet<u32>>>>,
}

/// The seat of one member; dropping it frees it.
#[derive(Debug)]
pub(super) struct Seat {
    instances: Instances,
    place: Place,
    number: u32,
}

impl Instances {
    /// Takes the lowest free seat in a group, so that a restarted process takes those it had.
    pub(super) fn take(&self, topic: &str, group: &str) -> Seat {
        let place = (topic.to_owned(), group.to_owned());
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers = taken.entry(place.clone()).or_default();
        let number = (0..u32::MAX).find(|number| !numbers.contains(number)).unwrap_or(u32::MAX);
        numbers.insert(number);
        Seat { instances: self.clone(), place, number }
    }
}

impl Seat {
    /// Returns the name of the member on a host; a name as Kafka takes it, if those of its parts are.
    pub(super) fn name(&self, host: &str, topic: &str) -> String {
        format!("{host}.{topic}.{}", self.number)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.instances.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(numbers) = taken.get_mut(&self.place) {
            numbers.remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_used_again_only_when_it_is_free() {
        let instances = Instances::default();
        let first = instances.take("topic", "group");
        let second = instances.take("topic", "group");
        assert_eq!((first.name("h", "t"), second.name("h", "t")), {
            ("h.t.0".to_owned(), "h.t.1".to_owned())
        });
        assert_eq!(instances.take("topic", "another").name("h", "t"), "h.t.0");
        drop(first);
        assert_eq!(instances.take("topic", "group").name("h", "t"), "h.t.0");
    }
}
