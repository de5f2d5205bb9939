//! S14: a daemon loads only plugins that somebody meant.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use scribed_tests::cluster::skip;
use scribed_tests::{Program, build, say};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// The stage of the plugin here.
const STAGE: &str = "org.scribed.test.entry";
/// Somebody who is neither root nor whoever runs the tests.
const STRANGER: u32 = 54_321;

/// A folder for plugins, and the settings that name it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        set_mode(place.folder.path(), 0o755);
        fs::create_dir(place.plugins()).unwrap();
        set_mode(&place.plugins(), 0o755);
        place
    }

    fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// Makes a folder beside that of plugins.
    fn beside(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        set_mode(&folder, 0o755);
        folder
    }

    fn program(&self, pins: &str) -> Program {
        let config = self.folder.path().join("scribed.toml");
        let folders = format!("folders = ['{}']", self.plugins().display());
        fs::write(&config, format!("[plugins]\n{folders}\npins = {{ {pins} }}\n")).unwrap();
        Program::new(&self.folder.path().join("state")).config(&config)
    }

    /// Insists that the plugin is used.
    #[track_caller]
    fn takes(&self, pins: &str) {
        let listed = self.program(pins).run(["plugins", "list"]).code(0);
        assert!(listed.out.contains(STAGE), "{listed:?}");
        self.program(pins).run(["check"]).code(0).says("everything fits");
    }

    /// Insists that the plugin is not used, and that neither a check nor a daemon leaves it at that.
    #[track_caller]
    fn refuses(&self, case: &str, pins: &str, reason: &str) {
        let listed = self.program(pins).run(["plugins", "list"]);
        assert!(!listed.out.contains(STAGE), "{listed:?}");
        self.program(pins).run(["check"]).code(2).says("cannot use plugin").says(reason);
        let daemon = self.program(pins).env("SCRIBED_HTTP__LISTEN", "127.0.0.1:0");
        let run = daemon.run(["run"]).code(2);
        run.says("cannot use plugin").says(reason);
        let words = run.err.lines().find(|line| line.contains("cannot use plugin")).unwrap();
        say(&format!("{case}: {words}"));
    }
}

/// Builds a plugin as a library in a folder.
#[track_caller]
fn build_plugin(file: &Path, options: &[&str]) {
    let output = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-std=gnu11", "-shared", "-fPIC"])
        .args(options)
        .arg("-I")
        .arg(build::root().join("schemas/plugin"))
        .arg("-o")
        .arg(file)
        .arg(build::root().join("tests/plugins/misbehaving/entry.c"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    set_mode(file, 0o644);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn sha256(file: &Path) -> String {
    hex::encode(Sha256::digest(fs::read(file).unwrap()))
}

#[test]
fn a_plugin_that_somebody_meant_is_used_also_through_a_link() {
    let place = Place::new();
    let real = place.beside("real").join("gate.so");
    build_plugin(&real, &[]);
    symlink(&real, place.plugins().join("link.so")).unwrap();
    place.takes("");
    let pin = sha256(&real);
    place.takes(&format!("\"gate.so\" = \"{pin}\", \"link.so\" = \"{pin}\""));
}

#[test]
fn a_folder_that_everybody_may_write_to_is_refused() {
    let place = Place::new();
    build_plugin(&place.plugins().join("gate.so"), &[]);
    set_mode(&place.plugins(), 0o777);
    place.refuses("a world-writable folder", "", "may be written to by everybody (mode 777)");
    set_mode(&place.plugins(), 0o755);
    place.takes("");
    set_mode(place.folder.path(), 0o777);
    place.refuses("a world-writable folder above", "", "above it may be written to by everybody");
    set_mode(place.folder.path(), 0o755);
    set_mode(&place.plugins().join("gate.so"), 0o666);
    place.refuses("a world-writable file", "", "the file may be written to by everybody");
}

#[test]
fn a_link_to_where_everybody_may_write_is_refused() {
    let place = Place::new();
    let open = place.beside("open");
    build_plugin(&open.join("gate.so"), &[]);
    symlink(open.join("gate.so"), place.plugins().join("link.so")).unwrap();
    set_mode(&open, 0o777);
    place.refuses("a link to a world-writable folder", "", "may be written to by everybody");
    // A link on the way is as good as the file: who may change it chooses what is loaded.
    let real = place.beside("real");
    fs::rename(open.join("gate.so"), real.join("gate.so")).unwrap();
    symlink(real.join("gate.so"), open.join("gate.so")).unwrap();
    place.refuses("a link over a world-writable folder", "", "may be written to by everybody");
    set_mode(&open, 0o755);
    place.takes("");
}

#[test]
fn a_file_or_folder_of_somebody_else_is_refused() {
    if !rustix::process::geteuid().is_root() {
        let why = "only root can give a file away; trust.rs of plugins/host tests the rule";
        return skip("plugins of somebody else", why);
    }
    let place = Place::new();
    let file = place.plugins().join("gate.so");
    build_plugin(&file, &[]);
    chown(&file, Some(STRANGER), None).unwrap();
    place.refuses("somebody else's file", "", &format!("the file belongs to user {STRANGER}"));
    chown(&file, Some(0), None).unwrap();
    chown(place.plugins(), Some(STRANGER), None).unwrap();
    place.refuses("somebody else's folder", "", &format!("belongs to user {STRANGER}"));
    chown(place.plugins(), Some(0), None).unwrap();
    place.takes("");
}

#[test]
fn another_content_than_the_pinned_is_refused_under_every_name() {
    let place = Place::new();
    let real = place.beside("real").join("gate.so");
    build_plugin(&real, &[]);
    symlink(&real, place.plugins().join("link.so")).unwrap();
    let pin = sha256(&real);
    build_plugin(&real, &["-DVERSION=TEXT(\"2\")"]);
    for name in ["gate.so", "link.so"] {
        let pins = format!("\"{name}\" = \"{pin}\"");
        place.refuses("another content", &pins, &format!("but {pin} is pinned"));
    }
    place.takes(&format!("\"link.so\" = \"{}\"", sha256(&real)));
}

#[test]
fn another_version_of_the_interface_is_refused() {
    let place = Place::new();
    build_plugin(&place.plugins().join("gate.so"), &["-DMAJOR=2u"]);
    place.refuses("another ABI", "", "the plugin speaks ABI 2.");
}
