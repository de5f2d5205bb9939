//! Installs clients into the target folder; what is there already is used again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use scribed_tests::build;
use scribed_tests::cluster::skip;
use sha2::{Digest as _, Sha256};

/// Returns a Python that has the packages of a list of requirements; an error says why there is none.
pub(crate) fn python(requirements: &Path) -> Result<PathBuf, String> {
    let version = ran(Command::new("python3").args(["-c", "import sys; print(sys.version)"]))?;
    let key = [fs::read(requirements).unwrap(), version.into_bytes()];
    let folder = placed(&key, |half| {
        ran(Command::new("python3").args(["-m", "venv"]).arg(half))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        ran(Command::new(half.join("bin/python")).args(pip).arg(requirements))
    })?;
    Ok(folder.join("bin/python"))
}

/// Returns a Python that has a package which is built with tools of its own time; an error says why there is
/// none.
///
/// Of the packages that it names none is installed but what the tools bring.
pub(crate) fn old_python(tools: &Path, package: &Path) -> Result<PathBuf, String> {
    let version = ran(Command::new("python3").args(["-c", "import sys; print(sys.version)"]))?;
    let key = [fs::read(tools).unwrap(), fs::read(package).unwrap(), version.into_bytes()];
    let folder = placed(&key, |half| {
        ran(Command::new("python3").args(["-m", "venv"]).arg(half))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let install = |more: &[&str], list: &Path| {
            ran(Command::new(half.join("bin/python")).args(pip).args(more).arg("-r").arg(list))
        };
        install(&[], tools)?;
        install(&["--no-build-isolation", "--no-deps"], package)
    })?;
    Ok(folder.join("bin/python"))
}

/// Returns a folder with the packages for Node that a folder names and locks; an error says why there is
/// none.
pub(crate) fn node(files: &Path) -> Result<PathBuf, String> {
    let version = ran(Command::new("node").arg("--version"))?;
    let lock = files.join("package-lock.json");
    let key = [fs::read(&lock).unwrap(), version.into_bytes()];
    placed(&key, |half| {
        fs::create_dir_all(half).unwrap();
        for file in ["package.json", "package-lock.json"] {
            fs::copy(files.join(file), half.join(file)).unwrap();
        }
        let flags = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
        ran(Command::new("npm").args(flags).current_dir(half))
    })
}

/// Makes a folder that appears whole or not at all, whoever else is at it.
fn placed(
    key: &[Vec<u8>],
    install: impl FnOnce(&Path) -> Result<String, String>,
) -> Result<PathBuf, String> {
    let key = hex::encode(&Sha256::digest(key.concat())[..8]);
    let folder = build::folder().join(format!("client-{key}"));
    if folder.exists() {
        return Ok(folder);
    }
    let half = folder.with_extension(std::process::id().to_string());
    let made =
        install(&half).and_then(|_| fs::rename(&half, &folder).map_err(|error| error.to_string()));
    fs::remove_dir_all(&half).ok();
    // Somebody else may have been faster.
    if folder.exists() { Ok(folder) } else { made.map(|()| folder) }
}

/// Says that a client could not be installed.
pub(crate) fn skipped(client: &str, why: &str) {
    let reason = why.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    skip(client, &format!("it cannot be installed: {}", reason.trim()));
}

/// Runs a command, and returns everything that it said, as an error where it failed.
pub(crate) fn ran(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}
