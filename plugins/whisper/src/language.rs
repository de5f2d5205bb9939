//! Which language a model is told to expect.

use scribed_plugin::prelude::*;

/// What the model is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// The model knows only English and needs no hint.
    EnglishOnly,
    /// The model finds out, chunk by chunk.
    Auto,
    /// A code that whisper.cpp knows.
    Known(&'static str),
}

impl Language {
    /// Reads the option for a model.
    pub(crate) fn choose(wanted: Option<&str>, multilingual: bool) -> Result<Self> {
        let wanted = wanted.map(|text| text.trim().to_ascii_lowercase()).unwrap_or_default();
        // `en-GB` and `en_US` mean `en` to a model.
        let code = wanted.split(['-', '_']).next().unwrap_or_default();
        if !multilingual {
            return match code {
                "" | "auto" | "en" | "english" => Ok(Self::EnglishOnly),
                other => Err(StageError::InvalidConfig(format!(
                    "language is {other:?}, but this model understands only English; choose \"en\" \
                     or a multilingual model"
                ))),
            };
        }
        if code.is_empty() || code == "auto" {
            return Ok(Self::Auto);
        }
        if code.contains('\0') {
            return Err(StageError::InvalidConfig("language must not contain NUL".to_owned()));
        }
        // whisper.cpp takes the English names of languages too.
        whisper_rs::get_lang_id(code)
            .and_then(whisper_rs::get_lang_str)
            .map(Self::Known)
            .ok_or_else(|| {
                StageError::InvalidConfig(format!(
                    "language {code:?} is not one that Whisper knows; use a code such as \"en\" or \
                     \"de\", or \"auto\""
                ))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_english_model_takes_only_english() {
        for wanted in [None, Some(""), Some("auto"), Some("en"), Some("en-GB"), Some(" EN ")] {
            assert_eq!(Language::choose(wanted, false), Ok(Language::EnglishOnly), "{wanted:?}");
        }
        let error = Language::choose(Some("de"), false).unwrap_err();
        assert!(matches!(&error, StageError::InvalidConfig(m) if m.contains("only English")));
    }

    #[test]
    fn a_multilingual_model_takes_codes_and_names() {
        assert_eq!(Language::choose(None, true), Ok(Language::Auto));
        assert_eq!(Language::choose(Some("auto"), true), Ok(Language::Auto));
        assert_eq!(Language::choose(Some("de-AT"), true), Ok(Language::Known("de")));
        assert_eq!(Language::choose(Some("german"), true), Ok(Language::Known("de")));
        let error = Language::choose(Some("klingon"), true).unwrap_err();
        assert!(matches!(&error, StageError::InvalidConfig(m) if m.contains("klingon")));
    }
}
