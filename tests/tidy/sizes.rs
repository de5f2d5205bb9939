//! Sizes: every file says what it is and fits on a few pages, every function fits on a screen.

use crate::{source, tree::Tree};

/// Most lines in a file.
const FILE_LINES: usize = 600;
/// Most lines in a function, empty ones and comments apart.
const FUNCTION_LINES: usize = 80;

/// Finds Rust files that do not open with a `//!` sentence.
pub(crate) fn headers(tree: &Tree) -> Vec<String> {
    let says = |text: &str| {
        let first = text.lines().next().unwrap_or_default();
        first.strip_prefix("//! ").is_some_and(|sentence| sentence.trim().len() > 10)
    };
    let silent = tree.rust().filter(|file| !says(&file.text));
    silent.map(|file| format!("{} does not open with `//!` and what it is", file.path)).collect()
}

/// Finds Rust files that are too long.
pub(crate) fn files(tree: &Tree) -> Vec<String> {
    let lengths = tree.rust().map(|file| (&file.path, file.text.lines().count()));
    let long = lengths.filter(|(_, lines)| *lines > FILE_LINES);
    long.map(|(path, lines)| format!("{path} has {lines} lines, more than {FILE_LINES}")).collect()
}

/// Finds functions that are too long.
pub(crate) fn functions(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for function in source::functions(&source::masked(&file.text)) {
            let source::Function { name, line, length } = function;
            if length > FUNCTION_LINES {
                let place = format!("{}:{line}", file.path);
                findings.push(format!(
                    "{place} `{name}` has {length} lines, more than {FUNCTION_LINES}"
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finds, holds, passes};

    #[test]
    fn every_file_says_what_it_is() {
        holds(headers);
        finds(headers, &[("a/src/lib.rs", "use std::fmt;\n")], &["a/src/lib.rs"]);
        finds(headers, &[("a/tests/b.rs", "//!\n//! Late.\n")], &["a/tests/b.rs"]);
        passes(headers, &[("a.rs", "//! What it is.\n"), ("b.md", "no Rust")]);
    }

    #[test]
    fn every_file_fits_on_a_few_pages() {
        holds(files);
        finds(files, &[("a.rs", &"\n".repeat(601))], &["a.rs", "601"]);
        passes(files, &[("a.rs", &"\n".repeat(600)), ("b.json", &"\n".repeat(9_000))]);
    }

    #[test]
    fn every_function_fits_on_a_screen() {
        holds(functions);
        let function = |lines: usize| format!("\nfn long() {{\n{}}}\n", "f();\n".repeat(lines));
        finds(functions, &[("a.rs", &function(79))], &["a.rs:2", "`long`", "81"]);
        passes(functions, &[("a.rs", &function(78))]);
    }
}
