//! The daemon `scribed` and its command line: the only crate that knows all others.
//!
//! - [`cli`] is what can be typed; [`commands`] is what then happens, one file per command.
//! - [`config`] composes every crate's settings and knows where each value came from.
//! - [`state_folder`], [`secrets`], [`models`], [`stages`] find and check what a daemon needs.
//! - [`workers`] says where stages run.
//! - [`health`] answers probes and tells systemd; [`doctor`] looks at everything around the daemon.
//! - [`app`] puts it together; [`lifecycle`] ends it in order; [`telemetry`] writes its log
//!   and sends its traces.
//! - [`output`] and [`failure`] are how commands speak.
#![forbid(unsafe_code)]

pub mod app;
pub mod backends;
pub mod cli;
pub mod commands;
pub mod config;
pub mod doctor;
pub mod failure;
pub mod health;
pub mod lifecycle;
pub mod models;
pub mod output;
pub mod secrets;
pub mod stages;
pub mod state_folder;
pub mod telemetry;
pub mod workers;
