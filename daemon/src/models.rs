//! Speech models: where they are, which one serves, and that it says so when it is the demo model.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::Models;

/// File of the model that comes with the source.
pub const DEMO_FILE: &str = "ggml-scribed-demo.en.bin";

/// What is said whenever the demo model serves.
pub const DEMO_WARNING: &str = "the demo model serves: it only understands the 141 words of its own small vocabulary, \
     spoken by speech synthesizers; for anything else, install a ggml Whisper model";

/// Where the demo model lies in the source tree.
const DEMO_IN_SOURCE: &str = "plugins/whisper/models";

/// A model on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Model {
    /// Its name as people know it, e.g. `base.en`.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// Whether it is the demo model.
    pub demo: bool,
}

/// Why there is no model to use.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModelError {
    /// The file that was named is not there.
    #[error("there is no speech model {}", .0.display())]
    NoFile(PathBuf),
    /// No folder has a model of the name.
    #[error("there is no speech model {wish:?}: no file {file} in {}", list(.folders))]
    NoName {
        /// The name.
        wish: String,
        /// The file that would be it.
        file: String,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
    },
    /// More than one is installed and none was named.
    #[error("there are several speech models in {}: {}", .folder.display(), .names.join(", "))]
    Several {
        /// The folder.
        folder: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
    /// There is not one.
    #[error("there is no speech model in {}", list(.0))]
    None(Vec<PathBuf>),
}

impl ModelError {
    /// Returns what to do.
    pub fn hint(&self) -> String {
        match self {
            Self::NoFile(_) => "check `models.default`".to_owned(),
            Self::NoName { folders, .. } | Self::None(folders) => {
                let folder = folders.first().map(|f| f.display().to_string()).unwrap_or_default();
                format!("put a ggml Whisper model, e.g. ggml-base.en.bin, into {folder}")
            }
            Self::Several { names, .. } => {
                let first = names.first().map_or("", String::as_str);
                format!("name one of them, e.g. models.default = \"{first}\"")
            }
        }
    }
}

/// Finds models.
#[derive(Debug, Clone)]
pub struct Finder {
    /// The operator's folder.
    installed: PathBuf,
    /// Folders that come with the program.
    bundled: Vec<PathBuf>,
}

impl Finder {
    /// Makes a finder; `state` is the models' folder in the state folder, `binary` the folder of the
    /// running program.
    pub fn new(config: &Models, state: PathBuf, binary: &Path) -> Self {
        let configured = !config.folder.as_os_str().is_empty();
        let installed = if configured { config.folder.clone() } else { state };
        let beside = [binary.join("models"), binary.join("../lib/scribed/models")];
        // In a source tree the program lies in `target/`, and the demo model beside its plugin.
        let source = binary.ancestors().map(|folder| folder.join(DEMO_IN_SOURCE));
        let source = source.filter(|folder| folder.join(DEMO_FILE).is_file()).take(1);
        let bundled = beside.into_iter().filter(|folder| folder.is_dir()).chain(source).collect();
        Self { installed, bundled }
    }

    /// Finds the model of a wish: a path, a name, or nothing, which is the installed one or else the
    /// demo model.
    ///
    /// # Errors
    /// Says what was looked for where.
    pub fn find(&self, wish: &str) -> Result<Model, ModelError> {
        if wish.is_empty() {
            return self.serving();
        }
        if wish.contains('/') || Path::new(wish).extension().is_some_and(|e| e == "bin") {
            let path = PathBuf::from(wish);
            return model(&path).ok_or(ModelError::NoFile(path));
        }
        let file = format!("ggml-{wish}.bin");
        let folders: Vec<PathBuf> = self.folders().cloned().collect();
        let found = folders.iter().find_map(|folder| model(&folder.join(&file)));
        found.ok_or_else(|| ModelError::NoName { wish: wish.to_owned(), file, folders })
    }

    /// Lists all models, the operator's first.
    pub fn all(&self) -> Vec<Model> {
        self.folders().flat_map(|folder| models(folder)).collect()
    }

    fn serving(&self) -> Result<Model, ModelError> {
        let mut installed = models(&self.installed);
        if installed.len() > 1 {
            let names = installed.into_iter().map(|model| model.name).collect();
            return Err(ModelError::Several { folder: self.installed.clone(), names });
        }
        let demo = || self.bundled.iter().find_map(|folder| model(&folder.join(DEMO_FILE)));
        let none = || ModelError::None(self.folders().cloned().collect());
        installed.pop().or_else(demo).ok_or_else(none)
    }

    fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.installed).chain(&self.bundled)
    }
}

/// Lists the models of a folder in order of their names.
fn models(folder: &Path) -> Vec<Model> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_model = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("ggml-") && name.ends_with(".bin")
    };
    let mut all: Vec<Model> =
        entries.map(|e| e.path()).filter(is_model).filter_map(|path| model(&path)).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// Looks at a file; none when it is no file.
fn model(path: &Path) -> Option<Model> {
    let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let file = path.file_name()?.to_string_lossy();
    let name = file.strip_suffix(".bin").unwrap_or(&file);
    let name = name.strip_prefix("ggml-").unwrap_or(name).to_owned();
    let demo = file == DEMO_FILE;
    // Stages may be opened elsewhere than where the path was typed.
    let path = fs::canonicalize(path).ok()?;
    Some(Model { name, path, bytes: meta.len(), demo })
}

fn list(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        root: tempfile::TempDir,
    }

    impl Bench {
        fn with(files: &[&str]) -> Self {
            let root = tempfile::tempdir().unwrap();
            for file in files {
                let path = root.path().join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "ggml").unwrap();
            }
            Self { root }
        }

        fn finder(&self) -> Finder {
            let root = self.root.path();
            Finder::new(&Models::default(), root.join("state"), &root.join("target/debug"))
        }

        #[track_caller]
        fn check(&self, wish: &str, expected: &str) {
            let found = self.finder().find(wish).unwrap();
            assert_eq!(found.path, fs::canonicalize(self.root.path().join(expected)).unwrap());
        }
    }

    const DEMO: &str = "plugins/whisper/models/ggml-scribed-demo.en.bin";

    #[test]
    fn the_installed_model_serves_before_the_demo_model() {
        Bench::with(&[DEMO]).check("", DEMO);
        Bench::with(&[DEMO, "state/ggml-tiny.en.bin"]).check("", "state/ggml-tiny.en.bin");
        Bench::with(&[DEMO, "state/notes.txt"]).check("", DEMO);
    }

    #[test]
    fn a_model_is_found_by_name_and_by_path() {
        let bench = Bench::with(&[DEMO, "state/ggml-tiny.en.bin", "else/my.bin"]);
        bench.check("tiny.en", "state/ggml-tiny.en.bin");
        bench.check("scribed-demo.en", DEMO);
        let path = bench.root.path().join("else/my.bin");
        bench.check(path.to_str().unwrap(), "else/my.bin");
        assert!(bench.finder().find("scribed-demo.en").unwrap().demo);
    }

    #[test]
    fn a_missing_model_is_named_with_the_places_that_were_looked_at() {
        let bench = Bench::with(&[]);
        let state = bench.root.path().join("state");
        let missing = bench.finder().find("base").unwrap_err();
        let expected = format!(
            "there is no speech model \"base\": no file ggml-base.bin in {}",
            state.display()
        );
        assert_eq!(missing.to_string(), expected);
        assert_eq!(
            bench.finder().find("").unwrap_err().to_string(),
            format!("there is no speech model in {}", state.display())
        );
        assert_eq!(
            bench.finder().find("/no/such.bin").unwrap_err().to_string(),
            "there is no speech model /no/such.bin"
        );
    }

    #[test]
    fn of_several_installed_models_one_must_be_named() {
        let bench = Bench::with(&["state/ggml-base.bin", "state/ggml-tiny.bin"]);
        let several = bench.finder().find("").unwrap_err();
        assert!(several.to_string().ends_with("base, tiny"), "{several}");
        assert_eq!(several.hint(), "name one of them, e.g. models.default = \"base\"");
    }
}
