//! Names that say nothing, and marks of unfinished work.

use crate::{source, tree::Tree};

/// Words that no file, module or type is named by: everything is useful to somebody.
const BANNED: [&str; 8] =
    ["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc"];
/// What may stand before the name of something that is declared.
const DECLARING: [&str; 5] = ["mod", "struct", "enum", "trait", "type"];
/// Marks of unfinished work, in any text. In two parts, so that this file has none.
const MARKS: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("to", "do!"),
    concat!("db", "g!"),
    concat!("unimple", "mented!"),
];
/// Kinds of files that people write.
const WRITTEN: [&str; 10] = ["rs", "toml", "md", "sh", "sql", "c", "h", "py", "yaml", "yml"];

/// Finds files, modules and types whose name says nothing.
pub(crate) fn empty_names(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let steps = file.path.split('/').map(|step| step.split('.').next().unwrap_or_default());
        for step in steps.filter(|step| BANNED.contains(&step.to_lowercase().as_str())) {
            findings.push(format!("{} is named `{step}`", file.path));
        }
    }
    for file in tree.rust() {
        let masked = source::masked(&file.text);
        let words: Vec<&str> = source::words(&masked).map(|(_, word)| word).collect();
        for pair in words.windows(2).filter(|pair| DECLARING.contains(&pair[0])) {
            if parts(pair[1]).iter().any(|part| BANNED.contains(&part.as_str())) {
                findings.push(format!("{} declares `{} {}`", file.path, pair[0], pair[1]));
            }
        }
    }
    findings
}

/// Cuts a name to its words: `LeaseManager` and `lease_manager` to `lease` and `manager`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for letter in name.chars() {
        if letter == '_' || letter.is_uppercase() {
            parts.push(String::new());
        }
        if letter != '_' {
            parts.last_mut().expect("never empty").extend(letter.to_lowercase());
        }
    }
    parts
}

/// Finds marks of unfinished work.
pub(crate) fn unfinished(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| WRITTEN.contains(&file.kind())) {
        for (at, line) in file.text.lines().enumerate() {
            if let Some(mark) = MARKS.iter().find(|mark| line.contains(**mark)) {
                findings.push(format!("{}:{} has {mark}", file.path, at + 1));
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
    fn no_name_is_empty_of_meaning() {
        holds(empty_names);
        finds(empty_names, &[("a/src/utils.rs", "")], &["a/src/utils.rs"]);
        finds(empty_names, &[("helpers/a.md", "")], &["helpers/a.md"]);
        finds(empty_names, &[("a.rs", "pub struct LeaseManager;")], &["struct LeaseManager"]);
        finds(empty_names, &[("a.rs", "mod test_helper {}")], &["mod test_helper"]);
        passes(empty_names, &[("a.rs", "use b::common::C; // struct Helper\nfn utility() {}")]);
    }

    #[test]
    fn nothing_is_left_unfinished() {
        holds(unfinished);
        for mark in MARKS {
            finds(unfinished, &[("a.rs", &format!("fn a() {{\n {mark}(); }}"))], &["a.rs:2", mark]);
        }
        finds(unfinished, &[("b.md", MARKS[0])], &["b.md:1"]);
        passes(unfinished, &[("a.rs", "debug!(todos); mastodon"), ("a.ggml", MARKS[0])]);
    }
}
