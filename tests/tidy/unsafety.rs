//! Unsafety: where `unsafe` may stand.

use crate::{
    source,
    tree::{File, Tree},
};

/// Folders of the crates that carry a C interface.
const INTERFACES: [&str; 4] =
    ["plugins/abi/", "plugins/sdk/", "plugins/host/", "tests/plugins/misbehaving/"];
/// Folders of the crates that need it for a foreign library, or to break memory, in one file each.
const FOREIGN: [&str; 3] = ["plugins/vad/", "plugins/whisper/", "tests/plugins/poison/"];

/// Finds crate roots that leave `unsafe` open, outside the crates that need it.
pub(crate) fn roots(tree: &Tree) -> Vec<String> {
    let root = |path: &str| path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
    let closed = |file: &File| {
        let masked = source::masked(&file.text);
        ["#![forbid(unsafe_code)]", "#![deny(unsafe_code)]"].iter().any(|it| masked.contains(it))
    };
    let exempt = |path: &str| INTERFACES.iter().chain(&FOREIGN).any(|it| path.starts_with(it));
    let roots = tree.rust().filter(|file| root(&file.path) && !exempt(&file.path));
    let open = roots.filter(|file| !closed(file));
    open.map(|file| format!("{} does not have `#![forbid(unsafe_code)]`", file.path)).collect()
}

/// Finds `unsafe` code in crates that may have none, and in more than one file of those that may have
/// one.
pub(crate) fn blocks(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    let mut files: Vec<(&str, Vec<&str>)> =
        FOREIGN.iter().map(|folder| (*folder, Vec::new())).collect();
    for file in tree.rust().filter(|file| is_unsafe(&file.text)) {
        let path = file.path.as_str();
        if INTERFACES.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        match files.iter_mut().find(|(folder, _)| path.starts_with(folder)) {
            Some((_, files)) => files.push(path),
            None => findings.push(format!("{path} has unsafe code")),
        }
    }
    for (folder, files) in files.iter().filter(|(_, files)| files.len() > 1) {
        findings
            .push(format!("{folder} has unsafe code in more than one file: {}", files.join(", ")));
    }
    findings
}

/// Tells whether there is unsafe code; the attribute `#[unsafe(…)]` and the name of the lint are none.
fn is_unsafe(text: &str) -> bool {
    let masked = source::masked(text);
    source::words(&masked).any(|(at, word)| {
        word == "unsafe" && !masked[at + word.len()..].trim_start().starts_with('(')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finds, holds, passes};

    const BLOCK: &str = "fn a() { unsafe { b() } }";

    #[test]
    fn every_crate_root_closes_unsafe_code() {
        holds(roots);
        finds(roots, &[("api/src/lib.rs", "//! Api.\n")], &["api/src/lib.rs"]);
        finds(roots, &[("daemon/src/main.rs", "// #![forbid(unsafe_code)]\n")], &["daemon"]);
        let closed = "//! A.\n#![forbid(unsafe_code)]\n";
        passes(
            roots,
            &[("a/src/lib.rs", closed), ("a/src/b.rs", ""), ("plugins/abi/src/lib.rs", "")],
        );
    }

    #[test]
    fn unsafe_code_stands_only_where_c_is() {
        holds(blocks);
        finds(blocks, &[("api/src/a.rs", BLOCK)], &["api/src/a.rs"]);
        finds(blocks, &[("a.rs", "unsafe impl Send for A {}")], &["a.rs"]);
        let two = [("plugins/vad/src/a.rs", BLOCK), ("plugins/vad/tests/b.rs", BLOCK)];
        finds(blocks, &two, &["plugins/vad/", "src/a.rs", "tests/b.rs"]);
        passes(blocks, &[("plugins/host/src/a.rs", BLOCK), ("plugins/vad/src/a.rs", BLOCK)]);
        passes(blocks, &[("a.rs", "// unsafe {}\n#[unsafe(no_mangle)]\n#![forbid(unsafe_code)]")]);
    }
}
