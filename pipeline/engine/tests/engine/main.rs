//! The engine over memory parts, with a runner that plays what recordings say.

mod callbacks;
mod exports;
mod faults;
mod fetching;
mod intake;
mod jobs;
mod orphans;
mod probes;
mod publishing;
mod stops;
mod trouble;
