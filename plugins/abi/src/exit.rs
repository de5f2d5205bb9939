//! Exit codes: how a process ends whose device failed underneath a stage, where the stage has a say in it.
//!
//! Since 1.1. The daemon treats everything in the process as it treats the status of the same name.

/// See [`Status::DEVICE_FAULT`](crate::Status::DEVICE_FAULT).
pub const DEVICE_FAULT: i32 = 81;
/// See [`Status::OUT_OF_MEMORY`](crate::Status::OUT_OF_MEMORY).
pub const OUT_OF_MEMORY: i32 = 82;
/// See [`Status::NO_DEVICE`](crate::Status::NO_DEVICE).
pub const NO_DEVICE: i32 = 83;
