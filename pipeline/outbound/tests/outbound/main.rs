//! What leaves the daemon, against servers of the tests' own on loopback, which the settings allow.

/// A server that answers as a script says, and a sink in memory.
mod bench;
/// Calls: what is said, and what comes of it.
mod calls;
/// Certificates, made by `openssl`.
mod certificates;
/// Every way to fail, with its word.
mod failures;
/// The collection of hostile URLs.
mod hostile;
/// What a transfer may cost.
mod limits;
/// A connection goes to the addresses that were checked.
mod pinning;
/// Redirects.
mod redirects;
/// What is asked, and what comes of it.
mod requests;
/// Transfers that break off.
mod resume;
/// Encryption.
mod tls;
