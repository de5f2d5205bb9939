//! Node numbers: which 7-bit number a host puts into the ids that it makes.
//!
//! A number is leased: one row each, taken by race. A free number is one that nobody ever had, else the
//! one whose lease ran out the longest ago, so that hosts whose clocks disagree hardly ever meet.

use scribed_schemas::time::Timestamp;
use scylla::DeserializeRow;
use uuid::Uuid;

use super::CqlStore;
use super::failure::Failure;
use super::race::Race;
use crate::error::{ErrorKind, Result};

/// Numbers in all: as many as the ids of scribed-schemas have bits for.
const NUMBERS: i8 = i8::MAX;

/// A number as it is stored.
#[derive(Debug, DeserializeRow)]
struct NumberRow {
    number: i8,
    holder: String,
    until: i64,
    op: Uuid,
}

impl CqlStore {
    /// Leases a node number, 0 to 127, until an instant, for ids that no other host makes.
    ///
    /// A holder that has one gets the same again; so `holder` must be of one process at a time. The
    /// lease must be renewed before `until`; it counts by the callers' clocks.
    ///
    /// # Errors
    ///
    /// `Unavailable` when the database is, or when all numbers are held.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have taken a number, which a repeat of the same holder finds.
    pub async fn lease_node(&self, holder: &str, now: Timestamp, until: Timestamp) -> Result<u8> {
        let attempt = || format!("lease a node number for {holder}");
        let leased = self.take_number(holder, now, until).await;
        leased.map_err(|failure| failure.during(attempt()))
    }

    /// Prolongs the lease of a node number.
    ///
    /// A lease that has run out may be renewed as long as nobody else took the number.
    ///
    /// # Errors
    ///
    /// `Fenced` when the number is another's: stop making ids with it. `Unavailable` when the
    /// database is.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may have prolonged the lease.
    pub async fn renew_node(&self, number: u8, holder: &str, until: Timestamp) -> Result<()> {
        let attempt = || format!("renew the lease of node number {number} for {holder}");
        let renewed = self.keep_number(number, holder, until).await;
        renewed.map_err(|failure| failure.during(attempt()))
    }

    async fn take_number(
        &self,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> std::result::Result<u8, Failure> {
        let _seat = self.seats.take("node_numbers", 0).await;
        let say = &self.db.say;
        let mut race = Race::begin();
        loop {
            let rows: Vec<NumberRow> = self.db.few(&say.node_numbers, ()).await?;
            if let Some(row) = rows.iter().find(|row| row.op == race.op) {
                return Ok(row.number.unsigned_abs());
            }
            let (number, taken) = choose(&rows, holder, now)?;
            let answer = if let Some(op) = taken {
                let values = (holder, until.0, race.op, number, op);
                self.db.change(&say.take_node_number, values).await
            } else {
                let values = (number, holder, until.0, race.op);
                self.db.change(&say.first_node_number, values).await
            };
            if race.settled(answer).await? {
                return Ok(number.unsigned_abs());
            }
        }
    }

    async fn keep_number(
        &self,
        number: u8,
        holder: &str,
        until: Timestamp,
    ) -> std::result::Result<(), Failure> {
        let number = i8::try_from(number).map_err(|_| ErrorKind::Fenced)?;
        let _seat = self.seats.take("node_numbers", 0).await;
        let mut race = Race::begin();
        loop {
            let values = (until.0, number, holder);
            match self.db.change(&self.db.say.renew_node_number, values).await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(ErrorKind::Fenced.into()),
                // To be sent twice does no harm.
                Err(failure) => race.silent(failure).await?,
            }
        }
    }
}

/// Chooses a number: the holder's own, else one that nobody had, else the one that is free the
/// longest; with the token of its row, if it has one.
fn choose(
    rows: &[NumberRow],
    holder: &str,
    now: Timestamp,
) -> std::result::Result<(i8, Option<Uuid>), Failure> {
    if let Some(own) = rows.iter().find(|row| row.holder == holder) {
        return Ok((own.number, Some(own.op)));
    }
    let unused = (0..=NUMBERS).find(|number| rows.iter().all(|row| row.number != *number));
    if let Some(number) = unused {
        return Ok((number, None));
    }
    let over = rows.iter().filter(|row| row.until <= now.0).min_by_key(|row| row.until);
    let over = over.ok_or_else(|| {
        let why = "all 128 node numbers are held; stop a host, or wait for a lease to run out";
        Failure::because(ErrorKind::Unavailable, why)
    })?;
    Ok((over.number, Some(over.op)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns rows for all numbers, each held until its own number of microseconds.
    fn full() -> Vec<NumberRow> {
        let row = |number: i8| NumberRow {
            number,
            holder: format!("host-{number}"),
            until: i64::from(number),
            op: Uuid::from_u128(number.unsigned_abs().into()),
        };
        (0..=NUMBERS).map(row).collect()
    }

    #[test]
    fn a_holder_keeps_its_number() {
        let (number, op) = choose(&full(), "host-7", Timestamp(0)).expect("its own");
        assert_eq!((number, op), (7, Some(Uuid::from_u128(7))));
    }

    #[test]
    fn numbers_that_nobody_had_come_first() {
        let mut rows = full();
        rows.remove(100);
        let (number, op) = choose(&rows, "new", Timestamp(1_000)).expect("a number");
        assert_eq!((number, op), (100, None));
    }

    #[test]
    fn what_is_free_the_longest_comes_next_and_what_is_held_never() {
        let mut rows = full();
        rows[0].until = 5;
        let (number, _) = choose(&rows, "new", Timestamp(50)).expect("a number");
        assert_eq!(number, 1);
        let none = choose(&rows, "new", Timestamp(0)).expect_err("all are held");
        assert_eq!(none.kind, ErrorKind::Unavailable);
    }
}
