//! Trust: loading a library runs its code, so nobody but root or us may be able to change it.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::process::{getegid, geteuid};
use sha2::{Digest, Sha256};

use crate::Reason;

/// Everybody may write.
const OTHERS_WRITE: u32 = 0o002;

/// Only the owner of a file may rename or remove it.
const STICKY: u32 = 0o1000;

/// The group may write.
const GROUP_WRITE: u32 = 0o020;

/// Who we are, as far as trust goes.
#[derive(Debug, Clone, Copy)]
struct Us {
    user: u32,
    group: u32,
}

/// What a path must fulfil.
#[derive(Debug, Clone, Copy)]
struct Rights {
    owner: u32,
    group: u32,
    mode: u32,
}

/// Most links from one to the next; the kernel follows as many.
const MOST_LINKS: usize = 40;

/// Checks a library, the folders that lead to it, and its content where it is pinned by its name;
/// returns its path without symbolic links.
///
/// # Errors
/// The reason to refuse it.
pub(crate) fn check(path: &Path, pins: &BTreeMap<String, String>) -> Result<PathBuf, Reason> {
    let us = Us { user: geteuid().as_raw(), group: getegid().as_raw() };
    let real = fs::canonicalize(path).map_err(Reason::Unreadable)?;
    let file = fs::metadata(&real).map_err(Reason::Unreadable)?;
    if !file.is_file() {
        return Err(Reason::NotAFile);
    }
    rights(us, "the file", Rights::of(&file))?;
    // The folder where a link lies decides which file is loaded, that of the file which content.
    for link in links(path)? {
        folders(us, &link)?;
    }
    folders(us, &real)?;
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let link_name = path.file_name().unwrap_or_default().to_string_lossy();
    // A pin holds under the name of a link and under that of the file behind it.
    for expected in [&link_name, &name].into_iter().filter_map(|name| pins.get(name.as_ref())) {
        let actual = sha256(&real).map_err(Reason::Unreadable)?;
        if !actual.eq_ignore_ascii_case(expected.trim()) {
            return Err(Reason::Pin { expected: expected.clone(), actual });
        }
    }
    Ok(real)
}

/// Returns the path and what it leads to link by link, without the file at the end.
fn links(path: &Path) -> Result<Vec<PathBuf>, Reason> {
    let mut links = Vec::new();
    let mut at = path.to_owned();
    while let Ok(target) = fs::read_link(&at) {
        if links.len() == MOST_LINKS {
            return Err(Reason::Unreadable(io::ErrorKind::TooManyLinks.into()));
        }
        let next = at.parent().unwrap_or(Path::new("")).join(target);
        links.push(std::mem::replace(&mut at, next));
    }
    Ok(links)
}

/// Checks the folder that a path lies in, and that nobody can put another one in its place.
fn folders(us: Us, path: &Path) -> Result<(), Reason> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let metadata = fs::metadata(folder).map_err(Reason::Unreadable)?;
    rights(us, &format!("its folder {}", folder.display()), Rights::of(&metadata))?;
    let real = fs::canonicalize(folder).map_err(Reason::Unreadable)?;
    for above in real.ancestors().skip(1) {
        let mode = Rights::of(&fs::metadata(above).map_err(Reason::Unreadable)?).mode;
        // In a folder such as /tmp nobody can rename what is another's.
        if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
            let what = format!("the folder {} above it", above.display());
            return Err(Reason::Writable { what, who: "everybody".to_owned(), mode });
        }
    }
    Ok(())
}

impl Rights {
    fn of(metadata: &Metadata) -> Self {
        let mode = metadata.mode() & 0o7777;
        Self { owner: metadata.uid(), group: metadata.gid(), mode }
    }
}

fn rights(us: Us, what: &str, rights: Rights) -> Result<(), Reason> {
    let Rights { owner, group, mode } = rights;
    let what = what.to_owned();
    if owner != 0 && owner != us.user {
        return Err(Reason::Owner { what, owner, us: us.user });
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(Reason::Writable { what, who: "everybody".to_owned(), mode });
    }
    // A group of our own is common where every user has one (umask 002).
    if mode & GROUP_WRITE != 0 && group != 0 && group != us.group {
        return Err(Reason::Writable { what, who: format!("group {group}"), mode });
    }
    Ok(())
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex::encode(digest.finalize())),
            Ok(read) => digest.update(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const US: Us = Us { user: 1000, group: 1000 };

    #[track_caller]
    fn verdict(owner: u32, group: u32, mode: u32, expected: &str) {
        let result = rights(US, "the file", Rights { owner, group, mode });
        assert_eq!(result.map_or_else(|reason| reason.to_string(), |()| String::new()), expected);
    }

    #[test]
    fn only_root_and_we_may_own_and_write() {
        verdict(1000, 1000, 0o755, "");
        verdict(0, 0, 0o755, "");
        verdict(0, 0, 0o775, "");
        verdict(1000, 1000, 0o775, "");
        verdict(
            1001,
            1000,
            0o755,
            "the file belongs to user 1001, neither to root nor to the daemon's user 1000",
        );
        verdict(1000, 1000, 0o777, "the file may be written to by everybody (mode 777)");
        verdict(1000, 50, 0o775, "the file may be written to by group 50 (mode 775)");
    }

    fn library(folder: &Path) -> PathBuf {
        let path = folder.join("x.so");
        fs::write(&path, "abc").expect("written");
        mode(&path, 0o644);
        mode(folder, 0o755);
        path
    }

    fn none() -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    }

    #[test]
    fn a_file_or_folder_that_all_may_write_to_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = library(folder.path());
        assert!(check(&path, &none()).is_ok());
        mode(&path, 0o666);
        assert!(matches!(check(&path, &none()), Err(Reason::Writable { mode: 0o666, .. })));
        mode(&path, 0o644);
        mode(folder.path(), 0o1777);
        assert!(matches!(check(&path, &none()), Err(Reason::Writable { mode: 0o1777, .. })));
    }

    #[test]
    fn a_link_is_followed_and_its_own_folder_counts_too() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = library(folder.path());
        let links = folder.path().join("links");
        fs::create_dir(&links).expect("created");
        mode(&links, 0o755);
        let link = links.join("y.so");
        symlink(&path, &link).expect("linked");
        let real = fs::canonicalize(&path).expect("real");
        assert_eq!(check(&link, &none()).expect("trusted"), real);
        mode(&links, 0o777);
        assert!(matches!(check(&link, &none()), Err(Reason::Writable { .. })));
    }

    #[test]
    fn every_folder_that_a_chain_of_links_passes_counts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = library(folder.path());
        let [open, own] = ["open", "own"].map(|name| folder.path().join(name));
        for folder in [&open, &own] {
            fs::create_dir(folder).expect("created");
            mode(folder, 0o755);
        }
        symlink("../x.so", open.join("middle.so")).expect("linked");
        let first = own.join("first.so");
        symlink("../open/middle.so", &first).expect("linked");
        assert_eq!(
            check(&first, &none()).expect("trusted"),
            fs::canonicalize(&path).expect("real")
        );
        mode(&open, 0o777);
        let refused = check(&first, &none()).expect_err("open to all").to_string();
        assert!(refused.contains("open") && refused.contains("777"), "{refused}");
        let ring = own.join("ring.so");
        symlink("ring.so", &ring).expect("linked");
        assert!(matches!(check(&ring, &none()), Err(Reason::Unreadable(_))));
    }

    #[test]
    fn no_folder_above_may_be_written_to_by_all_unless_it_is_sticky() {
        let above = tempfile::tempdir().expect("a temporary folder");
        let folder = above.path().join("folder");
        fs::create_dir(&folder).expect("created");
        let path = library(&folder);
        for (bits, trusted) in [(0o755, true), (0o1777, true), (0o777, false), (0o757, false)] {
            mode(above.path(), bits);
            let verdict = check(&path, &none());
            assert_eq!(verdict.is_ok(), trusted, "{bits:o}: {verdict:?}");
        }
        let refused = check(&path, &none()).expect_err("open to all").to_string();
        assert!(
            refused.ends_with(" above it may be written to by everybody (mode 757)"),
            "{refused}"
        );
    }

    #[test]
    fn a_folder_is_no_library_and_a_missing_file_is_unreadable() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(matches!(check(folder.path(), &none()), Err(Reason::NotAFile)));
        let missing = folder.path().join("missing.so");
        assert!(matches!(check(&missing, &none()), Err(Reason::Unreadable(_))));
    }

    #[test]
    fn a_pin_holds_the_content() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = library(folder.path());
        // SHA-256 of "abc", FIPS 180-2 appendix B.1.
        let pin = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        let pins = |name: &str, pin: &str| BTreeMap::from([(name.to_owned(), pin.to_owned())]);
        assert!(check(&path, &pins("x.so", pin)).is_ok());
        assert!(matches!(check(&path, &pins("x.so", "00")), Err(Reason::Pin { .. })));
        assert!(check(&path, &pins("y.so", "00")).is_ok(), "another file is pinned");
        let link = folder.path().join("y.so");
        symlink(&path, &link).expect("linked");
        for name in ["x.so", "y.so"] {
            assert!(matches!(check(&link, &pins(name, "00")), Err(Reason::Pin { .. })), "{name}");
        }
    }
}
