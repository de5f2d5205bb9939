//! Configuration: the file format and the limits of a cue.

use scribed_plugin::prelude::*;

/// Options of the captions.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// File format.
    pub format: Format,
    /// Most characters in a line; at least 8.
    pub max_line_chars: u32,
    /// Most lines in a cue; 1 to 4.
    pub max_lines: u32,
    /// Shortest time a cue is shown, in milliseconds.
    pub min_duration_ms: u32,
    /// Longest time a cue is shown, in milliseconds.
    pub max_duration_ms: u32,
    /// Silence after which a new cue begins, in milliseconds.
    pub pause_ms: u32,
    /// How long before its first word a cue may be shown so that it stays long enough, in
    /// milliseconds.
    pub max_lead_ms: u32,
    /// Whether text may still be missing, because the job is not finished or gave chunks up.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub partial: bool,
    /// Tag of the language spoken, for formats that name it.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub language: Option<String>,
}

/// A file format for captions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `SubRip`.
    Srt,
    /// `WebVTT`.
    Vtt,
    /// TTML, which is also called DFXP.
    Ttml,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            format: Format::Srt,
            // 42 characters, two lines and seven seconds are the limits of the Netflix English
            // Timed Text Style Guide; its shortest cue is 5/6 s, ours is one second.
            max_line_chars: 42,
            max_lines: 2,
            min_duration_ms: 1_000,
            max_duration_ms: 7_000,
            pause_ms: 1_500,
            max_lead_ms: 500,
            partial: false,
            language: None,
        }
    }
}

impl Config {
    /// Checks what serde cannot.
    ///
    /// # Errors
    /// [`StageError::InvalidConfig`] naming the option and what it may be.
    pub fn validate(&self) -> Result<()> {
        let wrong = |text: &str| Err(StageError::InvalidConfig(text.to_owned()));
        if !(8..=1_000).contains(&self.max_line_chars) {
            return wrong("max_line_chars must be 8 to 1000");
        }
        if !(1..=4).contains(&self.max_lines) {
            return wrong("max_lines must be 1 to 4");
        }
        if !(1..=60_000).contains(&self.min_duration_ms) {
            return wrong("min_duration_ms must be 1 to 60000");
        }
        if self.max_duration_ms < self.min_duration_ms {
            return wrong("max_duration_ms must be at least min_duration_ms");
        }
        if self.pause_ms == 0 {
            return wrong("pause_ms must be at least 1");
        }
        Ok(())
    }

    /// Most characters in a line.
    pub(crate) fn max_line_chars(&self) -> usize {
        self.max_line_chars as usize
    }

    /// Most lines in a cue.
    pub(crate) fn max_lines(&self) -> usize {
        self.max_lines as usize
    }
}

impl Format {
    /// Returns media type and file name extension.
    pub(crate) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Srt => ("application/x-subrip", "srt"),
            Self::Vtt => ("text/vtt", "vtt"),
            Self::Ttml => ("application/ttml+xml", "ttml"),
        }
    }
}

#[cfg(test)]
mod tests {
    use scribed_plugin::testing::Driver;
    use serde_json::json;

    use super::*;
    use crate::RenderCaptions;

    #[track_caller]
    fn refuse(config: &serde_json::Value, named: &str) {
        match Driver::<RenderCaptions>::open(config) {
            Err(StageError::InvalidConfig(message)) => {
                assert!(message.contains(named), "{message} does not name {named}");
            }
            Err(other) => panic!("{config}: {other}"),
            Ok(_) => panic!("{config} was accepted"),
        }
    }

    #[test]
    fn impossible_limits_are_refused_by_name() {
        refuse(&json!({ "max_line_chars": 0 }), "max_line_chars");
        refuse(&json!({ "max_lines": 0 }), "max_lines");
        refuse(&json!({ "max_lines": 5 }), "max_lines");
        refuse(&json!({ "min_duration_ms": 0 }), "min_duration_ms");
        refuse(&json!({ "max_duration_ms": 999 }), "max_duration_ms");
        refuse(&json!({ "pause_ms": 0 }), "pause_ms");
        refuse(&json!({ "format": "scc" }), "scc");
        refuse(&json!({ "line": 3 }), "line");
    }
}
