//! The tree: the text files of the project, in memory.

use std::{fs, path::Path, sync::OnceLock};

/// Folders that hold no source: what Cargo builds, and what git keeps.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// A project, as far as its text goes.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Every text file, in order of its path.
    pub(crate) files: Vec<File>,
    /// Names of the files and folders at the top.
    pub(crate) top: Vec<String>,
}

/// A text file.
#[derive(Debug)]
pub(crate) struct File {
    /// Path from the top, with `/`.
    pub(crate) path: String,
    /// Content.
    pub(crate) text: String,
}

impl Tree {
    /// Reads the project that this test belongs to, once.
    pub(crate) fn of_the_project() -> &'static Self {
        static READ: OnceLock<Tree> = OnceLock::new();
        READ.get_or_init(|| {
            let root =
                Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the root");
            let mut tree = Self::default();
            for entry in fs::read_dir(root).expect("the root can be read") {
                let name = entry.expect("an entry").file_name();
                tree.top.push(name.to_string_lossy().into_owned());
            }
            tree.top.sort();
            tree.walk(root, "");
            tree.files.sort_by(|a, b| a.path.cmp(&b.path));
            assert!(tree.rust().count() > 50, "this is not the whole project");
            tree
        })
    }

    /// Makes a tree of some files, for trying a check.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            let name = path.split('/').next().unwrap_or_default();
            if !tree.top.iter().any(|known| known == name) {
                tree.top.push(name.to_owned());
            }
            tree.files.push(File { path: (*path).to_owned(), text: (*text).to_owned() });
        }
        tree
    }

    /// Lists the Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.kind() == "rs")
    }

    /// Reads a folder and all below it.
    fn walk(&mut self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).expect("a folder can be read") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().expect("a file has a type");
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
                self.walk(&entry.path(), &format!("{path}/"));
            } else if kind.is_file() {
                let bytes = fs::read(entry.path()).expect("a file can be read");
                // What is not UTF-8 is a recording, a model or a picture.
                if let Ok(text) = String::from_utf8(bytes) {
                    self.files.push(File { path, text });
                }
            }
        }
    }
}

impl File {
    /// Returns what stands behind the last point of the name.
    pub(crate) fn kind(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, kind)| kind)
    }
}
