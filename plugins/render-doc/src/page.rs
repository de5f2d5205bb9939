//! The page: what the document looks like, by docx-rs.

use std::io::Cursor;

use docx_rs::{
    Docx, LineSpacing, Paragraph as Block, Run, RunFonts, Style, StyleType, Table, TableCell,
    TableRow, WidthType,
};
use scribed_plugin::prelude::*;

use crate::{Config, clean};

/// Title of a recording without a name.
const NO_TITLE: &str = "Transcript";
/// What stands in the document when nothing was said.
const NO_SPEECH: &str = "No speech was found in this recording.";
/// The same while the recording is still being worked on.
const NO_SPEECH_YET: &str = "No speech was found in this recording so far.";
/// What stands in the document while text may be missing.
const PARTIAL: &str = "This transcript is not complete: parts of the recording are still missing.";

/// Style of all paragraphs but title and headings; docx-rs itself adds `Normal`, on which all stand.
const TEXT: &str = "BodyText";
/// Widths of the columns of the table, in twentieths of a point: together the 15 cm between the
/// margins of A4.
const COLUMNS: [usize; 3] = [1_100, 4_704, 2_700];
/// Colour of what stands beside the text.
const GREY: &str = "595959";

/// All that stands in the document.
#[derive(Debug)]
pub(crate) struct Page {
    title: String,
    created: Option<jiff::Timestamp>,
    duration_secs: Option<f64>,
    partial: bool,
    /// The text.
    pub(crate) paragraphs: Vec<Paragraph>,
    /// What should be looked at.
    pub(crate) flagged: Vec<Flagged>,
}

/// One paragraph of text.
#[derive(Debug)]
pub(crate) struct Paragraph {
    /// Where in the recording it begins, in seconds.
    pub(crate) at_secs: f64,
    /// The text, clean and not empty.
    pub(crate) text: String,
}

/// A passage that the recogniser doubts.
#[derive(Debug)]
pub(crate) struct Flagged {
    /// Where in the recording it begins, in seconds.
    pub(crate) at_secs: f64,
    /// The text, clean; may be empty.
    pub(crate) text: String,
    /// Why, in words for a person.
    pub(crate) reasons: String,
}

impl Page {
    /// Makes a page without text.
    ///
    /// # Errors
    /// [`StageError::InvalidConfig`] naming the option that is wrong.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        let invalid = |text: String| Err(StageError::InvalidConfig(text));
        let created = match config.created.as_deref().map(str::parse).transpose() {
            Ok(created) => created,
            Err(error) => {
                return invalid(format!("created must be a time as RFC 3339 writes it: {error}"));
            }
        };
        if config.duration_secs.is_some_and(|secs| !secs.is_finite() || secs < 0.0) {
            return invalid("duration_secs must be at least 0".to_owned());
        }
        let title = clean::text(config.title.as_deref().unwrap_or_default());
        Ok(Self {
            title: if title.is_empty() { NO_TITLE.to_owned() } else { title },
            created,
            duration_secs: config.duration_secs,
            partial: config.partial,
            paragraphs: Vec::new(),
            flagged: Vec::new(),
        })
    }

    /// Writes the document.
    ///
    /// # Errors
    /// [`StageError::Failed`] when it is larger than its format can hold.
    pub(crate) fn write(&self) -> Result<Vec<u8>> {
        let mut docx = self.body(self.head(styled()));
        if !self.flagged.is_empty() {
            docx = docx
                .add_paragraph(line("Passages to check").style("Heading1"))
                .add_table(self.table());
        }
        let mut bytes = Cursor::new(Vec::new());
        docx.pack(&mut bytes).map_err(|error| {
            StageError::Failed(format!("cannot write the transcript as a document: {error}"))
        })?;
        Ok(bytes.into_inner())
    }

    fn head(&self, mut docx: Docx) -> Docx {
        docx = docx.add_paragraph(line(&self.title).style("Title"));
        if let Some(created) = self.created {
            let stamp = created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            let date = format!("Date: {}", created.strftime("%-d %B %Y, %H:%M UTC"));
            docx = docx.created_at(&stamp).updated_at(&stamp).add_paragraph(grey(&date));
        }
        if let Some(secs) = self.duration_secs {
            docx = docx.add_paragraph(grey(&format!("Duration: {}", clock(secs))));
        }
        if self.partial {
            let run = Run::new().add_text(PARTIAL).italic();
            docx = docx.add_paragraph(Block::new().style(TEXT).add_run(run));
        }
        docx
    }

    fn body(&self, mut docx: Docx) -> Docx {
        if self.paragraphs.is_empty() {
            let nothing = if self.partial { NO_SPEECH_YET } else { NO_SPEECH };
            return docx.add_paragraph(line(nothing).style(TEXT));
        }
        for paragraph in &self.paragraphs {
            let mark = Run::new().add_text(format!("[{}] ", clock(paragraph.at_secs))).color(GREY);
            let text = Run::new().add_text(paragraph.text.as_str());
            docx = docx.add_paragraph(Block::new().style(TEXT).add_run(mark).add_run(text));
        }
        docx
    }

    fn table(&self) -> Table {
        let head = ["Time", "Text", "Why"].map(|name| Run::new().add_text(name).bold());
        let mut rows = vec![row(head)];
        for flagged in &self.flagged {
            let cells = [&clock(flagged.at_secs), &flagged.text, &flagged.reasons];
            rows.push(row(cells.map(|text| Run::new().add_text(text))));
        }
        Table::new(rows).set_grid(COLUMNS.to_vec()).width(COLUMNS.iter().sum(), WidthType::Dxa)
    }
}

/// Begins a document with its styles. Sizes are half points, spacing is twentieths of a point.
fn styled() -> Docx {
    let fonts = RunFonts::new().ascii("Calibri").hi_ansi("Calibri").cs("Calibri");
    let style = |id: &str, name: &str| Style::new(id, StyleType::Paragraph).name(name);
    let space = |before, after| LineSpacing::new().before(before).after(after);
    Docx::new()
        .default_fonts(fonts)
        .default_size(22)
        .add_style(style(TEXT, "Body Text").based_on("Normal").line_spacing(space(0, 120)))
        .add_style(
            style("Title", "Title").based_on("Normal").size(40).bold().line_spacing(space(0, 160)),
        )
        .add_style(
            style("Heading1", "heading 1")
                .based_on("Normal")
                .next(TEXT)
                .size(28)
                .bold()
                .outline_lvl(0)
                .line_spacing(space(360, 120)),
        )
}

fn line(text: &str) -> Block {
    Block::new().add_run(Run::new().add_text(text))
}

fn grey(text: &str) -> Block {
    Block::new().style(TEXT).add_run(Run::new().add_text(text).color(GREY))
}

fn row(cells: [Run; 3]) -> TableRow {
    let mut row = Vec::with_capacity(COLUMNS.len());
    for (run, width) in cells.into_iter().zip(COLUMNS) {
        let cell = TableCell::new().width(width, WidthType::Dxa);
        row.push(cell.add_paragraph(Block::new().add_run(run)));
    }
    TableRow::new(row).cant_split()
}

/// Writes a position as hours, minutes and seconds, rounded down: `0:01:05`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, and no recording is that long"
)]
fn clock(secs: f64) -> String {
    let secs = secs.max(0.0) as u64;
    format!("{}:{:02}:{:02}", secs / 3_600, secs / 60 % 60, secs % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_as_on_a_clock() {
        assert_eq!(clock(0.0), "0:00:00");
        assert_eq!(clock(65.99), "0:01:05");
        assert_eq!(clock(36_000.5), "10:00:00");
        assert_eq!(clock(-1.0), "0:00:00");
    }
}
