//! What commands print: data on standard output, everything else on standard error.

use std::io::{self, Write};

use serde::Serialize;

/// Prints a line of data; a reader that went away ends the command quietly.
pub fn line(text: impl AsRef<str>) {
    raw(format!("{}\n", text.as_ref()).as_bytes());
}

/// Prints data as it is; a reader that went away ends the command quietly.
pub fn raw(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Prints data as JSON, indented.
///
/// # Errors
/// When the value has no JSON form.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Says something to the person at the terminal.
pub fn note(text: impl std::fmt::Display) {
    let mut err = io::stderr().lock();
    // Nobody is left to be told that standard error is closed.
    writeln!(err, "{text}").ok();
}

/// Prints rows below headings, each column as wide as its widest cell.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let print = |cells: [&str; N]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        line(padded.collect::<Vec<_>>().join("  ").trim_end());
    };
    print(headings);
    for row in rows {
        print(row.each_ref().map(String::as_str));
    }
}
