//! Where the test plugins are, and how those in C are built.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use scribed_plugin_host::{Catalog, Refusal, Search};
use tempfile::TempDir;

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the library of lies, which Cargo builds beside this test since it depends on it.
pub(crate) fn misbehaving() -> PathBuf {
    let test = env::current_exe().expect("this test is a file");
    let folder = test.parent().expect("a file is in a folder");
    let library = folder.join("libscribed_test_misbehaving.so");
    assert!(library.is_file(), "{} was not built", library.display());
    library
}

/// Compiles a C file into a library of that name in `folder`; `options` are further arguments.
pub(crate) fn compile(source: &str, folder: &Path, name: &str, options: &[&str]) -> PathBuf {
    let library = folder.join(name);
    let output = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"])
        .args(options)
        .arg("-I")
        .arg(root().join("schemas/plugin"))
        .arg("-o")
        .arg(&library)
        .arg(root().join("tests/plugins").join(source))
        .arg("-lm")
        .output()
        .expect("a C compiler is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}

/// Compiles the decent plugin in C.
pub(crate) fn c_echo(folder: &Path) -> PathBuf {
    compile("c-echo/echo.c", folder, "libscribed_test_c_echo.so", &[])
}

/// Makes a folder that the host trusts.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    set_mode(folder.path(), 0o755);
    folder
}

/// Sets permission bits.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions are set");
}

/// Loads what one place has.
pub(crate) fn load(place: &Path) -> (Catalog, Vec<Refusal>) {
    Catalog::load(&Search { folders: vec![place.to_owned()], ..Search::default() })
}

/// Loads a library that is fine.
#[track_caller]
pub(crate) fn load_good(library: &Path) -> Catalog {
    let (catalog, refusals) = load(library);
    assert!(refusals.is_empty(), "{}", refusals[0]);
    catalog
}
