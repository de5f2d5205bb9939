//! Where plugins are looked for.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// File pattern of a folder that is given without one.
const ALL: &str = "*.so";

/// Where to look for plugins, and which content to insist on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// In order, each of: a folder, whose `*.so` are meant; a file pattern with one `*` in its last
    /// part, `/opt/scribed/libacme_*.so`; one file.
    ///
    /// Files of one folder are taken in the order of their names.
    pub folders: Vec<PathBuf>,
    /// SHA-256 in hex by file name; a file of that name with another content is refused.
    pub pins: BTreeMap<String, String>,
}

impl Search {
    /// Looks where the plugins that come with the daemon are, seen from the folder of its binary.
    ///
    /// That is the first of these that has a library: `plugins/*.so`, `../lib/scribed/*.so`,
    /// `libscribed_stage_*.so`. None of them: the first, so that the refusal names it.
    pub fn beside(binary_folder: &Path) -> Self {
        let places = [
            binary_folder.join("plugins"),
            binary_folder.join("../lib/scribed"),
            binary_folder.join("libscribed_stage_*.so"),
        ];
        let found = places.iter().find(|place| files(place).is_ok_and(|files| !files.is_empty()));
        Self { folders: vec![found.unwrap_or(&places[0]).clone()], pins: BTreeMap::new() }
    }
}

/// Lists the libraries that one entry of [`Search::folders`] means, sorted by name.
///
/// # Errors
/// The folder cannot be listed.
pub(crate) fn files(place: &Path) -> io::Result<Vec<PathBuf>> {
    let last = place.file_name().unwrap_or_default().to_string_lossy();
    if last.contains('*') {
        return matching(place.parent().unwrap_or(Path::new("")), &last);
    }
    if fs::metadata(place)?.is_dir() { matching(place, ALL) } else { Ok(vec![place.to_owned()]) }
}

fn matching(folder: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let (before, after) = pattern.split_once('*').unwrap_or((pattern, ""));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let long_enough = name.len() >= before.len() + after.len();
        if long_enough && name.starts_with(before) && name.ends_with(after) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("has one")).expect("created");
            fs::write(path, "").expect("written");
        }
        folder
    }

    #[track_caller]
    fn check(place: &Path, expected: &[&str]) {
        let found = files(place).expect("listed");
        let names = found.iter().map(|path| path.file_name().expect("named").to_string_lossy());
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_place_is_a_folder_a_pattern_or_a_file() {
        let folder = folder_with(&["b.so", "a.so", "a.txt", "c.so.d"]);
        check(folder.path(), &["a.so", "b.so"]);
        check(&folder.path().join("a*"), &["a.so", "a.txt"]);
        check(&folder.path().join("a.so*so"), &[]);
        check(&folder.path().join("a.txt"), &["a.txt"]);
        assert!(files(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn the_first_place_beside_the_binary_that_has_a_library_is_taken() {
        let folder = folder_with(&["bin/scribed", "bin/libscribed_stage_x.so", "bin/other.so"]);
        let bin = folder.path().join("bin");
        assert_eq!(Search::beside(&bin).folders, [bin.join("libscribed_stage_*.so")]);

        let folder = folder_with(&["bin/libscribed_stage_x.so", "lib/scribed/x.so"]);
        let bin = folder.path().join("bin");
        assert_eq!(Search::beside(&bin).folders, [bin.join("../lib/scribed")]);

        let folder = folder_with(&["lib/scribed/x.so", "bin/plugins/y.so"]);
        let bin = folder.path().join("bin");
        assert_eq!(Search::beside(&bin).folders, [bin.join("plugins")]);

        let folder = folder_with(&["bin/scribed"]);
        let bin = folder.path().join("bin");
        assert_eq!(Search::beside(&bin).folders, [bin.join("plugins")]);
    }
}
