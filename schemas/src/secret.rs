//! Text that is never shown: passwords and keys in settings, and the secrets that the daemon makes.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// Text that is never shown: not in logs, not in errors, not in a printed configuration.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text itself, for what has to present or check it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what may be shown.
    const fn shown(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "(hidden)" }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_and_used_and_never_shown() {
        let secret: Secret = serde_json::from_str(r#""hunter2""#).unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(serde_json::to_string(&secret).unwrap(), r#""(hidden)""#);
        assert_eq!(format!("{secret:?}"), r#""(hidden)""#);
    }

    #[test]
    fn that_there_is_none_is_no_secret() {
        assert!(Secret::default().is_empty());
        assert_eq!(serde_json::to_string(&Secret::default()).unwrap(), r#""""#);
    }
}
