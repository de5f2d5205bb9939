//! Kept inputs: what the fuzzer began with, and what it found that nothing before had shown.

use std::fs;
use std::path::Path;

/// Says which input it was when the property does not hold.
struct Named<'a>(&'a Path);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("fuzz: the property does not hold of {}", self.0.display());
        }
    }
}

/// Holds a property against every kept input of a target.
pub fn replay(target: &str, property: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in &files {
        let bytes = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let named = Named(file);
        property(&bytes);
        drop(named);
    }
    eprintln!("fuzz: {target}: {} kept inputs", files.len());
}
