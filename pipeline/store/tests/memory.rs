//! The promises of the store, kept by the memory twin.

use scribed_store::MemoryStore;
use scribed_store::conformance::Bench;

scribed_store::store_conformance!(async { Bench::new(MemoryStore::new()) });
