//! The CQL store on a real database, named by `SCRIBED_TEST_CASSANDRA` (`host:port`, several with
//! commas).
//!
//! Without it nothing is tested here, and one line says so.
#![expect(clippy::unwrap_used, reason = "the steps that tests share stop at the first surprise")]

mod follow_ups;
mod hosts;
mod logins;
mod nodes;
mod pool;
mod proxy;
mod schema;
mod security;
mod silence;
mod submissions;
mod supply;

use std::io::Write as _;

use scribed_store::conformance::Bench;

scribed_store::store_conformance!(bench());

/// Returns an empty store, if there is a database.
async fn bench() -> Option<Bench> {
    let place = pool::empty().await?;
    Some(Bench::sharing(place.store(), place))
}

#[test]
fn the_suite_says_when_it_is_skipped() {
    if pool::addresses().is_none() {
        // Past the capture of the test harness: whoever reads the log must see it.
        let line = format!("SKIPPED suite cql: {} is not set\n", pool::VARIABLE);
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}
