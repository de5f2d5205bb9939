//! The host against real libraries: a decent one in C, and ones that lie.

mod lifecycle;
mod loading;
mod misbehaving;
mod plugins;
mod recorder;
