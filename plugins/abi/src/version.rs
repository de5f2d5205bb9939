//! Versions of the ABI: which plugins this build can talk to.

use core::fmt;

/// A version of the ABI, the first eight bytes of every plugin's entry for ever.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbiVersion {
    /// Changes when a struct or a rule changes; both sides must agree on it.
    pub major: u32,
    /// Grows with each documented extension or kind; any value is accepted.
    pub minor: u32,
}

/// The version that this crate describes.
pub const CURRENT: AbiVersion = AbiVersion { major: 1, minor: 1 };

impl AbiVersion {
    /// Tells whether a host of this version can load a plugin of the other.
    pub const fn accepts(self, plugin: Self) -> bool {
        self.major == plugin.major
    }
}

impl fmt::Display for AbiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_major_version_must_agree() {
        assert!(CURRENT.accepts(AbiVersion { major: 1, minor: 99 }));
        assert!(!CURRENT.accepts(AbiVersion { major: 2, minor: 0 }));
        assert!(!CURRENT.accepts(AbiVersion { major: 0, minor: 0 }));
    }
}
