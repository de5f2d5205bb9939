//! Effective values with their origin, for `scribed check`.

use figment::value::{Dict, Value};
use serde::Serialize;

use super::Settings;

/// One option as it is in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effective {
    /// Its key, e.g. `http.listen`.
    pub key: String,
    /// Its value.
    pub value: serde_json::Value,
    /// The file, variable or flag that set it, or `default`.
    pub origin: String,
}

impl Settings {
    /// Lists every option with its value and origin, in order of keys.
    pub fn effective(&self) -> Vec<Effective> {
        let mut all = Vec::new();
        // As the configuration writes itself, which hides secrets.
        if let Ok(Value::Dict(_, values)) = Value::serialize(&self.config) {
            self.collect("", &values, &mut all);
        }
        all
    }

    /// Returns whether an option has its default.
    pub fn is_default(&self, key: &str) -> bool {
        self.origin(key) == DEFAULT
    }

    fn collect(&self, prefix: &str, values: &Dict, into: &mut Vec<Effective>) {
        for (name, value) in values {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                Value::Dict(_, inner) if !inner.is_empty() => self.collect(&key, inner, into),
                value => {
                    let value = serde_json::to_value(value).unwrap_or_default();
                    let origin = self.origin(&key);
                    into.push(Effective { key, value, origin });
                }
            }
        }
    }

    fn origin(&self, key: &str) -> String {
        let found = self.figment.find_metadata(key);
        // Only the defaults have a place in our own code as their source.
        let set = found.filter(|metadata| metadata.source.is_none());
        set.map_or_else(|| DEFAULT.to_owned(), |metadata| metadata.name.to_string())
    }
}

/// The origin of what nobody set.
const DEFAULT: &str = "default";

#[cfg(test)]
mod tests {
    use crate::config::{Flag, Layers};

    #[test]
    fn every_value_has_the_origin_that_set_it() {
        let layers = Layers {
            variables: vec![("SCRIBED_ENGINE__SLOTS".into(), "3".into())],
            flags: vec![Flag { name: "--listen", key: "http.listen", value: "[::1]:9".into() }],
            ..Layers::default()
        };
        let settings = layers.read().unwrap();
        let all = settings.effective();
        let origin = |key: &str| {
            let found = all.iter().find(|one| one.key == key);
            found.map(|one| format!("{} from {}", one.value, one.origin)).unwrap()
        };
        assert_eq!(origin("engine.slots"), "3 from SCRIBED_ENGINE__SLOTS");
        assert_eq!(origin("http.listen"), "\"[::1]:9\" from --listen");
        assert_eq!(origin("http.max_connections"), "1024 from default");
        assert!(settings.is_default("telemetry.filter"));
    }

    #[test]
    fn secrets_are_not_listed() {
        let layers = Layers {
            variables: vec![("SCRIBED_STORE__CQL__PASSWORD".into(), "geheim".into())],
            ..Layers::default()
        };
        let all = layers.read().unwrap().effective();
        let found = all.iter().find(|one| one.key == "store.cql.password").unwrap();
        assert_eq!(found.origin, "SCRIBED_STORE__CQL__PASSWORD");
        assert_eq!(found.value, "(hidden)");
    }
}
