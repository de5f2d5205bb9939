//! The promises of the bus, kept by the memory twin.

use std::sync::Arc;

use scribed_bus::conformance::{Bench, WINDOW};
use scribed_bus::{Bus, Config, MemoryBus};

scribed_bus::bus_conformance!(async {
    let config = Config { window: WINDOW, ..Config::default() };
    // What is in memory cannot be opened anew: consumers of the same bus are its restart.
    let bus: Arc<dyn Bus> = Arc::new(MemoryBus::with_config(config));
    Bench::new(move || Arc::clone(&bus))
});
