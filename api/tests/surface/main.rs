//! The surfaces over a real listener: every operation and every error of their contracts.

mod accounts;
mod cielo24;
mod document;
mod early;
mod harness;
mod jobs;
mod refresh;
mod reply;
mod request;
mod revai;
mod upload;
mod wire;
mod worker;
