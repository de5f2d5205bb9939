//! `org.scribed.render-doc`: a transcript as a Word document (`docx`, Office Open XML).
//!
//! Title, date and length come first, then one paragraph for each chunk with its time mark, then a
//! table of the passages that the recogniser doubts.
//!
//! - [`clean`]: what XML cannot carry is taken out before anything else.
//! - [`page`]: what the document looks like.
//!
//! The text of a recording is held until it ends, since a document is handed over in one piece.

#![forbid(unsafe_code)]

mod clean;
mod page;

use scribed_plugin::prelude::*;

use self::page::{Flagged, Page, Paragraph};

/// Media type of the document (ECMA-376 part 1).
const MEDIA_TYPE: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/// Options of the document.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name of the recording.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub title: Option<String>,
    /// When the recording was submitted, RFC 3339.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub created: Option<String>,
    /// Length of the recording, in seconds.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub duration_secs: Option<f64>,
    /// Whether text may still be missing, because the job is not finished or gave chunks up.
    #[schemars(extend("x-scribed-job-option" = true))]
    pub partial: bool,
}

/// The stage.
#[derive(Debug)]
pub struct RenderDoc {
    host: Host,
    page: Page,
}

impl Stage for RenderDoc {
    const ID: &'static str = "org.scribed.render-doc";
    const SUMMARY: &'static str = "writes a transcript as a Word document";
    type Config = Config;
    type Accepts = SegmentsKind;
    type Emits = DocumentKind;

    fn open(config: Config, host: Host) -> Result<Self> {
        Ok(Self { host, page: Page::new(&config)? })
    }

    fn process(&mut self, chunk: Segments, _out: &mut Out<'_, DocumentKind>) -> Result<()> {
        let text = clean::text(&chunk.text());
        if !text.is_empty() {
            let start = chunk.segments.first().map_or(chunk.start, |segment| segment.start);
            self.page.paragraphs.push(Paragraph { at_secs: chunk.seconds(start), text });
        }
        for segment in chunk.segments.iter().filter(|segment| !segment.flags.is_empty()) {
            let reasons: Vec<&str> =
                segment.flags.iter().map(|flag| flag.reason.phrase()).collect();
            self.page.flagged.push(Flagged {
                at_secs: chunk.seconds(segment.start),
                text: clean::text(&segment.text),
                reasons: reasons.join("; "),
            });
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Out<'_, DocumentKind>) -> Result<()> {
        if self.host.cancelled() {
            return Err(StageError::Cancelled);
        }
        let bytes = self.page.write()?;
        out.emit(Document { bytes: &bytes, media_type: MEDIA_TYPE, extension: "docx" })
    }

    fn reset(&mut self) -> Result<()> {
        self.page.paragraphs.clear();
        self.page.flagged.clear();
        Ok(())
    }
}

export_stages!(RenderDoc);

#[cfg(test)]
mod tests;
