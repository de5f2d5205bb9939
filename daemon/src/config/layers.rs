//! Layers: where values come from, and the words for those that are wrong.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use figment::error::Kind;
use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::{Config, standard};
use crate::failure::Failure;

/// The file of the machine's administrator, read when it is there.
pub const SYSTEM_FILE: &str = "/etc/scribed/scribed.toml";

/// What environment variables of the configuration begin with.
const PREFIX: &str = "SCRIBED_";

/// What separates section and key in them; variables without it are not configuration.
const SEPARATOR: &str = "__";

/// The sources of a configuration beside its defaults.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The administrator's file; it may be missing.
    pub system: Option<PathBuf>,
    /// Files of `--config`, in order; each must be there.
    pub files: Vec<PathBuf>,
    /// The environment.
    pub variables: Vec<(String, String)>,
    /// Flags that stand for options.
    pub flags: Vec<Flag>,
}

/// A flag that stands for an option.
#[derive(Debug, Clone)]
pub struct Flag {
    /// The flag, as it is typed.
    pub name: &'static str,
    /// The option that it sets, e.g. `http.listen`.
    pub key: &'static str,
    /// What it sets it to.
    pub value: Value,
}

/// A configuration with the memory of where its values came from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The values.
    pub config: Config,
    pub(super) figment: Figment,
}

impl Layers {
    /// Reads all layers.
    ///
    /// # Errors
    /// Names the file, variable or flag, the key, and what is wrong with it.
    pub fn read(&self) -> Result<Settings, Failure> {
        let mut figment = Figment::from(Serialized::defaults(Config::default()));
        for file in self.system.iter().filter(|file| file.exists()).chain(&self.files) {
            figment = figment.merge(Layer::file(file)?);
        }
        for (name, key, value) in standard::options(&self.variables)? {
            figment = figment.merge(Layer { name, values: nested(key, value) });
        }
        let mut variables: Vec<Layer> = self.variables.iter().filter_map(Layer::variable).collect();
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        for layer in variables.into_iter().chain(self.flags.iter().map(Layer::flag)) {
            figment = figment.merge(layer);
        }
        match figment.extract() {
            Ok(config) => Ok(Settings { config, figment }),
            Err(error) => Err(explain(&error)),
        }
    }
}

/// One source of values.
struct Layer {
    /// The file, variable or flag, as messages call it.
    name: String,
    values: Dict,
}

impl Layer {
    fn file(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::refused(anyhow!("cannot read {name}: {error}")))?;
        match toml::from_str(&text) {
            Ok(values) => Ok(Self { name, values }),
            Err(error) => {
                let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or(""));
                let line = before.matches('\n').count() + 1;
                Err(Failure::refused(anyhow!("{name}, line {line}: {}", error.message())))
            }
        }
    }

    fn variable((name, value): &(String, String)) -> Option<Self> {
        let key = name.strip_prefix(PREFIX)?;
        let is_option = key.contains(SEPARATOR) && !key.split(SEPARATOR).any(str::is_empty);
        // A value that is no TOML-like literal is a text; parsing never fails.
        let value: Value = value.parse().unwrap_or_else(|never| match never {});
        let key = key.to_ascii_lowercase().replace(SEPARATOR, ".");
        is_option.then(|| Self { name: name.clone(), values: nested(&key, value) })
    }

    fn flag(flag: &Flag) -> Self {
        Self { name: flag.name.to_owned(), values: nested(flag.key, flag.value.clone()) }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Makes the tables around one value.
fn nested(key: &str, value: Value) -> Dict {
    match key.split_once('.') {
        None => Dict::from([(key.to_owned(), value)]),
        Some((outer, inner)) => Dict::from([(outer.to_owned(), nested(inner, value).into())]),
    }
}

/// Puts what is wrong with a value into a sentence that names key and source.
fn explain(error: &figment::Error) -> Failure {
    let key = error.path.join(".");
    let source = error.metadata.as_ref().map_or("the defaults", |m| m.name.as_ref());
    let wrong = |expected: &str, actual: &dyn std::fmt::Display| {
        anyhow!("`{key}` in {source} must be {}, not {actual}", plain(expected))
    };
    match &error.kind {
        Kind::UnknownField(_, known) => {
            let known = known.join(", ");
            Failure::refused(anyhow!("unknown key `{key}` in {source}"))
                .hint(format!("the keys known there are: {known}"))
        }
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            Failure::refused(wrong(expected, actual))
        }
        Kind::UnknownVariant(actual, known) => {
            Failure::refused(wrong(&format!("one of {}", known.join(", ")), &format!("`{actual}`")))
        }
        Kind::MissingField(field) => {
            let key = if key.is_empty() { field.to_string() } else { format!("{key}.{field}") };
            Failure::refused(anyhow!("`{key}` is missing in {source}"))
        }
        kind => Failure::refused(anyhow!("`{key}` in {source}: {kind}")),
    }
}

/// Says what kind of value is expected, in words for people.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        "path string" => "a path",
        other if other.starts_with("struct ") => "a section",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
        layers: Layers,
    }

    impl Bench {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), layers: Layers::default() }
        }

        fn file(mut self, name: &str, text: &str) -> Self {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            self.layers.files.push(path);
            self
        }

        fn variable(mut self, name: &str, value: &str) -> Self {
            self.layers.variables.push((name.into(), value.into()));
            self
        }

        fn flag(mut self, name: &'static str, key: &'static str, value: &str) -> Self {
            self.layers.flags.push(Flag { name, key, value: value.into() });
            self
        }

        fn port(&self) -> u16 {
            self.layers.read().unwrap().config.http.listen.port()
        }

        #[track_caller]
        fn refused(&self, expected: &str) {
            let failure = self.layers.read().expect_err("the configuration must be refused");
            let folder = format!("{}/", self.folder.path().display());
            assert_eq!(failure.to_string().replace(&folder, ""), expected);
            assert_eq!(failure.exit, 2);
        }
    }

    #[test]
    fn later_layers_win() {
        let bench = Bench::new();
        assert_eq!(bench.port(), 8000);
        let bench = bench.file("a.toml", "http.listen = '127.0.0.1:1'");
        assert_eq!(bench.port(), 1);
        let bench = bench.file("b.toml", "[http]\nlisten = '127.0.0.1:2'");
        assert_eq!(bench.port(), 2);
        let bench = bench.variable("SCRIBED_HTTP__LISTEN", "127.0.0.1:3");
        assert_eq!(bench.port(), 3);
        assert_eq!(bench.flag("--listen", "http.listen", "127.0.0.1:4").port(), 4);
    }

    #[test]
    fn the_administrators_file_may_be_missing_and_the_files_asked_for_may_not() {
        let mut bench = Bench::new();
        bench.layers.system = Some("/nowhere/scribed.toml".into());
        assert_eq!(bench.port(), 8000);
        bench.layers.files.push(bench.folder.path().join("none.toml"));
        bench.refused("cannot read none.toml: No such file or directory (os error 2)");
    }

    #[test]
    fn variables_without_two_underscores_are_not_configuration() {
        let bench = Bench::new().variable("SCRIBED_PROFILE", "dev").variable("SCRIBED_TEST_X", "1");
        assert_eq!(bench.port(), 8000);
        let bench = bench.variable("SCRIBED_ENGINE__SLOTS", "3");
        assert_eq!(bench.layers.read().unwrap().config.engine.slots, 3);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_source() {
        Bench::new()
            .file("a.toml", "[http]\nlisen = '127.0.0.1:1'")
            .refused("unknown key `http.lisen` in a.toml");
        Bench::new().file("a.toml", "[htp]\n").refused("unknown key `htp` in a.toml");
        Bench::new()
            .variable("SCRIBED_HTTP__LISEN", "1")
            .refused("unknown key `http.lisen` in SCRIBED_HTTP__LISEN");
        Bench::new()
            .file("a.toml", "[[pipelines]]\nname = 'x'\nstages = [{ use = 'a' }, { uses = 'b' }]")
            .refused("unknown key `pipelines.0.stages.1.uses` in a.toml");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_source() {
        Bench::new()
            .file("a.toml", "engine.slots = 'two'")
            .refused("`engine.slots` in a.toml must be a whole number from 0, not string \"two\"");
        Bench::new().variable("SCRIBED_AUTH__OPEN_REGISTRATION", "maybe").refused(
            "`auth.open_registration` in SCRIBED_AUTH__OPEN_REGISTRATION must be true or false, \
                 not string \"maybe\"",
        );
        Bench::new()
            .file("a.toml", "telemetry.format = 'xml'")
            .refused("`telemetry.format` in a.toml must be one of text, json, not `xml`");
        Bench::new()
            .flag("--listen", "http.listen", "here")
            .refused("`http.listen` in --listen: invalid socket address syntax");
        Bench::new()
            .file("a.toml", "[[pipelines]]\nname = 'x'")
            .refused("`pipelines.0.stages` is missing in a.toml");
    }

    #[test]
    fn a_file_that_is_not_toml_is_named_with_the_line() {
        let bench = Bench::new().file("a.toml", "[http]\n\nlisten = \n");
        let said = bench.layers.read().expect_err("it must be refused").to_string();
        assert!(said.contains("a.toml, line 3: "), "{said}");
    }
}
