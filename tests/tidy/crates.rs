//! Crates: descriptions, lints, and who may import whom, as data.
//!
//! `.deny.toml` holds the second table against the whole dependency tree; here it is compared with
//! the manifests, so that a violation is found without the network.

use toml::{Table, Value};

use crate::tree::Tree;

/// Each crate of ours, and those of ours that it may depend on. A name that ends in `*` is for all
/// that begin so.
const OURS: &[(&str, &[&str])] = &[
    ("scribed-schemas", &[]),
    ("scribed-abi", &[]),
    ("scribed-plugin", &["scribed-abi", "scribed-schemas"]),
    ("scribed-plugin-host", &["scribed-abi", "scribed-schemas"]),
    ("scribed-stage-*", &["scribed-plugin", "scribed-schemas"]),
    ("scribed-store", &["scribed-schemas"]),
    // The embedded bus stands on the queue of the store.
    ("scribed-bus", &["scribed-schemas", "scribed-store"]),
    ("scribed-media", &["scribed-schemas"]),
    ("scribed-outbound", &["scribed-schemas"]),
    (
        "scribed-engine",
        &[
            "scribed-schemas",
            "scribed-plugin-host",
            "scribed-store",
            "scribed-bus",
            "scribed-media",
            "scribed-outbound",
        ],
    ),
    (
        "scribed-worker",
        &["scribed-schemas", "scribed-plugin-host", "scribed-media", "scribed-engine"],
    ),
    (
        "scribed-api",
        &["scribed-schemas", "scribed-store", "scribed-bus", "scribed-media", "scribed-engine"],
    ),
    ("scribed", &["scribed-*"]),
    // The tests drive the binary; their checker reads what it left in store and bus.
    ("scribed-tests", &["scribed-schemas", "scribed-store", "scribed-bus", "scribed-test-s3"]),
    // The fuzzer stands outside the workspace and has all that it is about.
    ("scribed-fuzz", &["scribed-*"]),
    ("scribed-test-*", &["scribed-abi", "scribed-plugin", "scribed-schemas"]),
];

/// Each crate of theirs that only some of ours may depend on, tests included.
const THEIRS: &[(&str, &[&str])] = &[
    ("scylla", &["scribed-store"]),
    ("rusqlite", &["scribed-store"]),
    ("rdkafka", &["scribed-bus"]),
    ("object_store", &["scribed-media"]),
    ("s3s*", &["scribed-test-s3"]),
    ("warp", &["scribed-api"]),
    // The daemon answers probes beside the API; what asks hosts that users name is a client.
    ("hyper", &["scribed-api", "scribed", "scribed-outbound"]),
    ("tokio-rustls", &["scribed-outbound"]),
    ("rustls-native-certs", &["scribed-outbound"]),
    ("jsonwebtoken", &["scribed-api"]),
    ("argon2", &["scribed-api"]),
    // Signatures of callbacks are made in one place; the tests check them.
    ("hmac", &["scribed-engine", "scribed-tests"]),
    ("libloading", &["scribed-plugin-host"]),
    ("landlock", &["scribed-worker"]),
    ("seccompiler", &["scribed-worker"]),
    ("figment", &["scribed"]),
    // Everything else is instrumented with tracing alone; the tests are a collector.
    ("tracing-opentelemetry", &["scribed"]),
    ("opentelemetry-proto", &["scribed-tests"]),
    ("opentelemetry*", &["scribed"]),
    ("symphonia*", &["scribed-stage-decode"]),
    ("rubato", &["scribed-stage-resample"]),
    ("webrtc-vad", &["scribed-stage-vad"]),
    ("whisper-rs*", &["scribed-stage-whisper"]),
    ("docx-rs", &["scribed-stage-render-doc"]),
];

/// A crate of the project.
#[derive(Debug)]
struct Crate {
    path: String,
    name: String,
    manifest: Table,
}

/// Finds crates that do not say what they are or do not keep the lints of the workspace.
pub(crate) fn manifests(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for Crate { path, manifest, .. } in crates(tree) {
        let package = manifest.get("package").and_then(Value::as_table);
        let description = package.and_then(|package| package.get("description"));
        if description.and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
            findings.push(format!("{path} has no description"));
        }
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        if lints.and_then(Value::as_bool) != Some(true) {
            findings.push(format!("{path} does not have `lints.workspace = true`"));
        }
    }
    findings
}

/// Finds dependencies between crates of ours that the table does not allow.
pub(crate) fn ours(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for Crate { path, name, manifest } in crates(tree) {
        let Some(allowed) = allowed(OURS, &name) else {
            findings.push(format!("{path}: `{name}` stands in no line of the table of imports"));
            continue;
        };
        for dependency in dependencies(&manifest, &["dependencies", "build-dependencies"]) {
            let is_ours = dependency == "scribed" || dependency.starts_with("scribed-");
            if is_ours && !allowed.iter().any(|pattern| matches(pattern, &dependency)) {
                findings.push(format!("{path}: `{name}` may not import `{dependency}`"));
            }
        }
    }
    findings
}

/// Finds dependencies on crates of theirs that the table reserves for another crate.
pub(crate) fn theirs(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    let tables = ["dependencies", "build-dependencies", "dev-dependencies"];
    for Crate { path, name, manifest } in crates(tree) {
        for dependency in dependencies(&manifest, &tables) {
            if let Some(allowed) = allowed(THEIRS, &dependency)
                && !allowed.contains(&name.as_str())
            {
                let owners = allowed.join(", ");
                findings.push(format!("{path}: only {owners} may import `{dependency}`"));
            }
        }
    }
    findings
}

/// Lists the crates; a manifest without a package is that of the workspace.
fn crates(tree: &Tree) -> Vec<Crate> {
    let manifest = |path: &str| path == "Cargo.toml" || path.ends_with("/Cargo.toml");
    let mut crates = Vec::new();
    for file in tree.files.iter().filter(|file| manifest(&file.path)) {
        let manifest: Table =
            file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path));
        let name = manifest.get("package").and_then(|package| package.get("name"));
        if let Some(name) = name.and_then(Value::as_str).map(str::to_owned) {
            crates.push(Crate { path: file.path.clone(), name, manifest });
        }
    }
    crates
}

/// Lists the packages that a manifest depends on, on any platform, by their real names.
fn dependencies(manifest: &Table, tables: &[&str]) -> Vec<String> {
    let platforms = manifest.get("target").and_then(Value::as_table);
    let platforms = platforms.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let mut names = Vec::new();
    for place in std::iter::once(manifest).chain(platforms) {
        let tables = tables.iter().filter_map(|table| place.get(*table)?.as_table());
        for (name, dependency) in tables.flatten() {
            let renamed = dependency.get("package").and_then(Value::as_str);
            names.push(renamed.unwrap_or(name).to_owned());
        }
    }
    names
}

/// Returns the line of a table that a name belongs to; whole names come before patterns.
fn allowed<'a>(table: &[(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    let exact = table.iter().find(|(known, _)| *known == name);
    exact.or_else(|| table.iter().find(|(known, _)| matches(known, name))).map(|line| line.1)
}

/// Tells whether a name is the pattern, or begins as it does when it ends in `*`.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finds, holds, passes};

    /// Makes the manifest of a crate.
    fn manifest(name: &str, rest: &str) -> String {
        format!(
            "[package]\nname = \"{name}\"\ndescription = \"x\"\n[lints]\nworkspace = true\n{rest}"
        )
    }

    #[test]
    fn every_crate_says_what_it_is_and_keeps_the_lints() {
        holds(manifests);
        let without = |cut: &str| manifest("scribed-media", "").replace(cut, "");
        let silent = without("description = \"x\"");
        finds(manifests, &[("a/Cargo.toml", &silent)], &["a/Cargo.toml", "description"]);
        let empty = manifest("scribed-media", "").replace("\"x\"", "\"\"");
        finds(manifests, &[("a/Cargo.toml", &empty)], &["a/Cargo.toml", "description"]);
        let loose = without("[lints]\nworkspace = true");
        finds(manifests, &[("a/Cargo.toml", &loose)], &["a/Cargo.toml", "lints"]);
        passes(manifests, &[("Cargo.toml", "[workspace]\nmembers = []")]);
    }

    #[test]
    fn imports_go_one_way() {
        holds(ours);
        let uses = "[dependencies]\nscribed-store.workspace = true";
        let stage = manifest("scribed-stage-vad", uses);
        finds(ours, &[("a/Cargo.toml", &stage)], &["`scribed-stage-vad`", "`scribed-store`"]);
        let renamed = "[target.'cfg(unix)'.dependencies]\nx = { package = \"scribed-api\" }";
        let engine = manifest("scribed-engine", renamed);
        finds(ours, &[("a/Cargo.toml", &engine)], &["`scribed-engine`", "`scribed-api`"]);
        let builds = manifest("scribed-schemas", "[build-dependencies]\nscribed-abi = \"1\"");
        finds(ours, &[("a/Cargo.toml", &builds)], &["`scribed-schemas`", "`scribed-abi`"]);
        let unknown = manifest("scribed-cache", "");
        finds(ours, &[("a/Cargo.toml", &unknown)], &["`scribed-cache`", "no line"]);
        let tests = manifest("scribed-store", "[dev-dependencies]\nscribed-bus = \"1\"");
        let daemon = manifest("scribed", uses);
        passes(ours, &[("a/Cargo.toml", &tests), ("b/Cargo.toml", &daemon)]);
    }

    #[test]
    fn what_is_reserved_stays_where_it_belongs() {
        holds(theirs);
        for (reserved, owners) in THEIRS {
            let package = reserved.replace('*', "");
            let uses = format!("[dev-dependencies]\n{package} = \"1\"");
            let stranger = manifest("scribed-schemas", &uses);
            finds(theirs, &[("a/Cargo.toml", &stranger)], &[&package, owners[0]]);
            passes(theirs, &[("a/Cargo.toml", &manifest(owners[0], &uses))]);
        }
        let part = manifest("scribed-api", "[dependencies]\nsymphonia-core = \"1\"");
        finds(theirs, &[("a/Cargo.toml", &part)], &["symphonia-core", "scribed-stage-decode"]);
    }
}
