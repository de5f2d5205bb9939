//! Refresh families: one row each, exchanged by race.
//!
//! A family is bound to the `logins` of its account. Ending all logins raises that number and thereby
//! ends every family at once, however many there are, and a new password does it in the very write
//! that changes the password.

use scribed_schemas::id::AccountId;
use scribed_schemas::time::Timestamp;
use scylla::DeserializeRow;
use uuid::Uuid;

use super::CqlStore;
use super::failure::Failure;
use super::race::Race;
use super::ttl::seconds_kept;
use crate::store::{RefreshFamily, RefreshRotation, Rotation};
use crate::transition::{self, FamilyState};

/// A family as it is stored.
#[derive(Debug, DeserializeRow)]
struct FamilyRow {
    account: i64,
    current: String,
    previous: Option<String>,
    exchanged: Option<i64>,
    expires: i64,
    revoked: bool,
    logins: i64,
    op: Uuid,
}

impl FamilyRow {
    /// Returns what the transition works on.
    fn state(self) -> FamilyState {
        FamilyState {
            account: AccountId(self.account),
            current: self.current,
            previous: self.previous.zip(self.exchanged.map(Timestamp)),
            expires: Timestamp(self.expires),
            revoked: self.revoked,
        }
    }
}

impl CqlStore {
    /// Opens a family; a repeat changes nothing.
    pub(super) async fn add_family(&self, family: &RefreshFamily) -> Result<(), Failure> {
        let RefreshFamily { id, account, hash, opened, expires } = family;
        let logins = self.logins(*account).await?;
        let ttl = seconds_kept(Some(*expires), *opened);
        let mut race = Race::begin();
        loop {
            let values = (id, account.0, hash, expires.0, logins, race.op, ttl);
            match self.db.change(&self.db.say.open_family, values).await {
                Ok(_) => return Ok(()),
                Err(failure) => race.silent(failure).await?,
            }
        }
    }

    /// Exchanges a token.
    pub(super) async fn rotate(&self, rotation: &RefreshRotation) -> Result<Rotation, Failure> {
        let _seat = self.seats.take("refresh_families", &rotation.family).await;
        let say = &self.db.say;
        let mut race = Race::begin();
        let mut sent = Rotation::Unknown;
        loop {
            let statement = if race.is_uncertain() { &say.family_agreed } else { &say.family };
            let row: Option<FamilyRow> = self.db.row(statement, (&rotation.family,)).await?;
            let Some(row) = row else {
                return Ok(Rotation::Unknown);
            };
            if row.op == race.op {
                return Ok(sent);
            }
            let (op, logins) = (row.op, row.logins);
            let mut family = row.state();
            if self.logins(family.account).await? != logins {
                return Ok(Rotation::Unknown);
            }
            sent = transition::rotated(&mut family, rotation);
            if sent == Rotation::Unknown {
                return Ok(sent);
            }
            let (previous, exchanged) = family.previous.unzip();
            let values = (
                seconds_kept(Some(family.expires), rotation.now),
                family.account.0,
                &family.current,
                previous,
                exchanged.map(|at| at.0),
                family.expires.0,
                family.revoked,
                logins,
                race.op,
                &rotation.family,
                op,
            );
            let answer = self.db.change(&say.save_family, values).await;
            if race.settled(answer).await? {
                return Ok(sent);
            }
        }
    }
}
