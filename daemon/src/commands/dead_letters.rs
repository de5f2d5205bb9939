//! `scribed dead-letters`: what was given up, looked at and settled, also while daemons run.
//!
//! Everything is read from the topic itself, on every bus alike; nothing is kept anywhere else. A letter
//! that was retried or dropped is settled by a small record in the same topic, and hidden from then on.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use scribed_bus::Bus;
use scribed_schemas::id::IdGenerator;
use scribed_store::Store;

use super::{NODE, Session, runtime};
use crate::backends;
use crate::cli::{Chosen, DeadLetters};
use crate::config::BusBackend;
use crate::failure::Failure;
use crate::output;

mod book;
mod print;
mod settle;

use book::Book;
use settle::{Clerk, Deed};

/// Lists, shows, retries or drops.
///
/// # Errors
/// Says what was attempted and why it failed.
pub(super) fn run(session: &Session, ask: &DeadLetters) -> Result<ExitCode, Failure> {
    if let DeadLetters::Drop { yes: false, .. } = ask {
        let why = anyhow!("nothing was dropped");
        return Err(Failure::refused(why).hint("add --yes if you mean it"));
    }
    runtime()?.block_on(async {
        let config = &session.settings.config;
        // Where Kafka has the letters, they can be read while the database is away.
        let is_apart = config.bus.backend == BusBackend::Kafka;
        if is_apart && !matches!(ask, DeadLetters::Retry(_)) {
            let bus = backends::kafka(config).await?;
            return answer(bus, None, ask).await;
        }
        let database = session.database().await?;
        let bus = backends::publisher(config, &database).await?;
        let done = answer(bus, Some(database.store()), ask).await;
        database.close().await;
        done
    })
}

async fn answer(
    bus: Arc<dyn Bus>,
    store: Option<Arc<dyn Store>>,
    ask: &DeadLetters,
) -> Result<ExitCode, Failure> {
    let book = Book::open(bus.as_ref()).await?;
    match ask {
        DeadLetters::List { reason, settled, limit, skip, listing } => {
            let found = book.newest(reason.as_deref(), *settled, *skip, *limit).await?;
            if listing.json {
                output::json(&found.rows)?;
            } else {
                print::list(&found);
            }
            Ok(ExitCode::SUCCESS)
        }
        DeadLetters::Show { id, raw, listing } => {
            let (letter, settlement) = book.find(id).await?.ok_or_else(|| missing(&[id]))?;
            if *raw {
                output::raw(&letter.delivery.message.payload);
            } else if listing.json {
                output::json(&print::whole(&letter, settlement))?;
            } else {
                print::show(&letter, settlement);
            }
            Ok(ExitCode::SUCCESS)
        }
        DeadLetters::Retry(chosen) => settle(&book, store, chosen, Deed::Retry).await,
        DeadLetters::Drop { chosen, .. } => settle(&book, store, chosen, Deed::Drop).await,
    }
}

/// Settles what was chosen.
async fn settle(
    book: &Book<'_>,
    store: Option<Arc<dyn Store>>,
    chosen: &Chosen,
    deed: Deed,
) -> Result<ExitCode, Failure> {
    let clerk = Clerk { book, store, ids: IdGenerator::new(NODE), by: settle::operator(), deed };
    let unknown = book.unknown(&chosen.ids).await?;
    if !unknown.is_empty() {
        return Err(missing(&unknown));
    }
    let done = clerk.settle(chosen).await?;
    output::note(format!("{} {} of {} letters", deed.word(), done.settled, done.chosen));
    Ok(if done.settled == done.chosen { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn missing(ids: &[&String]) -> Failure {
    let names = ids.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    Failure::failed(anyhow!("there is no dead letter {}", print::plain(&names)))
        .hint("`scribed dead-letters list` lists the newest, with --settled also those done with")
}

#[cfg(test)]
mod tests;
