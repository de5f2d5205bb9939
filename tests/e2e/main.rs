//! The daemon from end to end: the real program over HTTP and on the command line, the demo model, real
//! recordings.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "what helpers of a test cannot do, fails the test")]

/// All who show a text show the same.
mod agreement;
/// A stage that is set aside holds up its own jobs and no others, and comes back when it works.
mod aside;
/// Recordings that cannot be used, or only in part, and what their senders are told.
mod bad_input;
/// Requests that are not in order, and how they are answered.
mod bad_requests;
/// Recordings that an event names by a URL.
mod by_url;
/// Whoever an event names is called when the job has ended.
mod callbacks;
/// A job is stopped by its owner.
mod cancel;
/// Clients of cielo24, with tokens of its login.
mod cielo24;
/// The commands that end by themselves: what they print, and their exit codes.
mod cli;
/// Many hosts, one truth: daemons over a real Kafka and a real Cassandra.
mod cluster;
/// A worker is kept from what it was not given, and ended when it has had enough.
mod confined;
/// What was given up is listed, shown, retried and dropped.
mod dead_letters;
/// Devices fail, or run out of memory, and nobody pays who did nothing.
mod devices;
/// What a daemon makes when it starts on nothing, and what it logs.
mod first_start;
/// How the daemon is, asked by probes and told to systemd.
mod health;
/// A recording goes in, in any container, and text and documents come out.
mod journey;
/// Events that are damaged in every way, among good ones.
mod mutated;
/// Alerts and dashboard name what is measured.
mod observability;
/// One event, many times and in several ways, is one job.
mod once;
/// Text is read while the work goes on.
mod pages;
/// A recogniser that a recording makes fail.
mod poison;
/// The programs of the documentation that send recordings through Kafka.
mod producers;
/// The script that a newcomer runs first.
mod quickstart;
/// The recordings, each for what it is there.
mod recordings;
/// What keeps the daemon from starting, and what it says then.
mod refusals;
/// The daemon is stopped or killed in the middle, and goes on.
mod restart;
/// Clients of Rev.ai, with API keys.
mod revai;
/// Recordings are kept in a bucket, and the bucket has its days.
mod s3;
/// Spans go to a collector, and nothing secret with them.
mod traces;
/// The bus as producers and other programs have it.
mod wire;
/// When each word was spoken.
mod words;
/// Whatever a recording does to the process that works on it, all others go on.
mod workers;
