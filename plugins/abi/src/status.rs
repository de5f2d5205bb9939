//! Status codes: how a call ended, and what that lets the host do.

/// The outcome of a call; a plain integer, so that a value from the future is no undefined behaviour.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Status(pub i32);

impl Status {
    /// Done.
    pub const OK: Self = Self(0);
    /// The configuration is refused; the message names the option.
    pub const INVALID_CONFIG: Self = Self(1);
    /// This item is bad, e.g. undecodable; the instance is fine.
    pub const INVALID_INPUT: Self = Self(2);
    /// Something that the stage needs is missing or busy; later it may work.
    pub const UNAVAILABLE: Self = Self(3);
    /// The instance is broken; a new one may work. Unknown values count as this.
    pub const FAILED: Self = Self(4);
    /// The stage saw `cancelled`, or a sink that wants no more.
    pub const CANCELLED: Self = Self(5);
    /// The plugin's barrier caught a panic; only `destroy` may follow.
    pub const PANICKED: Self = Self(6);
    /// A configured limit of the recording is passed: length, channels, rate.
    pub const OVER_LIMIT: Self = Self(7);
    /// The recording has no sound.
    pub const NO_AUDIO: Self = Self(8);
    /// The recording is encrypted.
    pub const PROTECTED: Self = Self(9);
    /// The device does not work any more in this process; another process may have more luck. Since 1.1.
    pub const DEVICE_FAULT: Self = Self(10);
    /// The device has no memory for this now; with less at once it may work. Since 1.1.
    pub const OUT_OF_MEMORY: Self = Self(11);
    /// There is no such device. Since 1.1.
    pub const NO_DEVICE: Self = Self(12);

    /// The greatest code that this version knows.
    pub const LAST: Self = Self::NO_DEVICE;
}
