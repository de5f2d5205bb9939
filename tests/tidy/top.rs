//! The top: what a visitor sees first; and no path of the machine that anything was written on.

use crate::tree::Tree;

/// All that stands at the top, but for hidden files.
const SHOWN: [&str; 12] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "api",
    "daemon",
    "deploy",
    "pipeline",
    "plugins",
    "schemas",
    "tests",
];
/// What Cargo builds; it may be there or not.
const BUILT: &str = "target";
/// Folders of one machine. In two parts, so that this file has none.
const MACHINE: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
/// Folder of people; a name in `<…>` or `$…` stands for anybody.
const PEOPLE: &str = concat!("/ho", "me/");

/// Finds what is missing at the top, and what does not belong there.
pub(crate) fn names(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    let shown = |name: &&String| !name.starts_with('.') && name.as_str() != BUILT;
    for name in tree.top.iter().filter(shown) {
        if !SHOWN.contains(&name.as_str()) {
            findings.push(format!("`{name}` does not belong at the top"));
        }
    }
    for name in SHOWN {
        if !tree.top.iter().any(|there| there == name) {
            findings.push(format!("`{name}` is missing at the top"));
        }
    }
    findings
}

/// Finds paths of the machine that a file was written on.
pub(crate) fn machine_paths(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (at, line) in file.text.lines().enumerate() {
            if let Some(path) = machine_path(line) {
                findings.push(format!("{}:{} names {path}", file.path, at + 1));
            }
        }
    }
    findings
}

/// Returns the folder of a machine that a line names. A path begins at its first slash, so that what
/// stands inside an address or a longer path is none.
fn machine_path(line: &str) -> Option<&'static str> {
    let begins = |at: usize| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '>'))
    };
    let named = |path: &str| line.match_indices(path).any(|(at, _)| begins(at));
    let somebody = line.match_indices(PEOPLE).any(|(at, _)| {
        let name = line[at + PEOPLE.len()..].chars().next();
        begins(at) && name.is_some_and(char::is_alphanumeric)
    });
    let machine = MACHINE.into_iter().find(|path| named(path));
    machine.or_else(|| somebody.then_some(PEOPLE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finds, holds, passes};

    #[test]
    fn the_top_shows_what_it_should() {
        holds(names);
        let all: Vec<(&str, &str)> = SHOWN.iter().map(|name| (*name, "")).collect();
        let with = |name| [all.clone(), vec![(name, "")]].concat();
        passes(names, &with("target/debug/x"));
        passes(names, &with(".ci/run"));
        finds(names, &with("notes.md"), &["`notes.md`", "does not belong"]);
        for name in SHOWN {
            let without: Vec<_> = all.iter().copied().filter(|(there, _)| *there != name).collect();
            finds(names, &without, &[name, "missing"]);
        }
    }

    #[test]
    fn nothing_names_the_machine_that_it_was_written_on() {
        holds(machine_paths);
        for folder in [MACHINE[0], MACHINE[1]] {
            let line = format!("\ncd {folder}scribed\n");
            finds(machine_paths, &[("a.sh", &line)], &["a.sh:2", folder]);
        }
        let mine = format!("// see \"{PEOPLE}alice/x\"");
        finds(machine_paths, &[("a.rs", &mine)], &["a.rs:1", PEOPLE]);
        let url = format!("https://example.com{}x $HOME {PEOPLE}<name> ~/.cargo", MACHINE[0]);
        passes(machine_paths, &[("a.md", &url)]);
    }
}
