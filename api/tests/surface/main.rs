//! The transcriptions surface over a real listener: every operation and every error of its
//! contract.

mod accounts;
mod document;
mod early;
mod harness;
mod jobs;
mod refresh;
mod reply;
mod request;
mod upload;
mod wire;
mod worker;
