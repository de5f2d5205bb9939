//! Where traces go, and how much of them.

use std::collections::BTreeMap;

use anyhow::anyhow;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use scribed_schemas::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Where a collector takes traces, below its URL.
const PATH: &str = "v1/traces";

/// Where traces go, and how much of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// URL of a collector that takes OTLP over HTTP; empty: no traces.
    pub endpoint: String,
    /// Headers that it asks for.
    pub headers: BTreeMap<String, Secret>,
    /// Our name among services.
    pub service_name: String,
    /// Which part of the traces that begin here is sent, from 0 to 1.
    pub sample_ratio: f64,
    /// Spans that may wait to be sent; those beyond are lost.
    pub queue: u32,
    /// Most spans that are sent together.
    pub batch: u32,
    /// How often spans are sent, in milliseconds.
    pub interval_ms: u64,
    /// How long the collector may take for a batch, repeats included, in seconds.
    pub timeout_secs: u64,
    /// How long what is left is sent when the daemon stops, in seconds.
    pub close_secs: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            headers: BTreeMap::new(),
            service_name: "scribed".to_owned(),
            sample_ratio: 1.0,
            queue: 2048,
            batch: 512,
            interval_ms: 5_000,
            timeout_secs: 10,
            close_secs: 3,
        }
    }
}

impl Config {
    /// Looks whether traces could be sent; nothing is connected.
    ///
    /// # Errors
    /// Names the option that is wrong.
    pub fn check(&self) -> Result<(), Failure> {
        self.endpoint()?;
        self.header_map()?;
        self.sample_ratio().map(|_| ())
    }

    /// Returns where traces are posted to; `None`: nowhere.
    ///
    /// # Errors
    /// It is no URL of that kind.
    pub fn endpoint(&self) -> Result<Option<Url>, Failure> {
        if self.endpoint.is_empty() {
            return Ok(None);
        }
        // What is wrong is not repeated: a URL may hold a password.
        let refused = |why: &str| {
            Failure::refused(anyhow!("`telemetry.traces.endpoint` {why}"))
                .hint("the URL of a collector's OTLP over HTTP, such as http://127.0.0.1:4318")
        };
        let mut url = Url::parse(&self.endpoint).map_err(|_| refused("is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("begins with neither http:// nor https://"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            let why = "holds a name, a password or a query; use `telemetry.traces.headers`";
            return Err(refused(why));
        }
        let path = url.path().trim_end_matches('/');
        if !path.ends_with(PATH) {
            let path = format!("{path}/{PATH}");
            url.set_path(&path);
        }
        Ok(Some(url))
    }

    /// Returns the headers of every post.
    ///
    /// # Errors
    /// Names the header that is none.
    pub(super) fn header_map(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let refused =
                || Failure::refused(anyhow!("`telemetry.traces.headers`: {name:?} is no header"));
            let key: HeaderName = name.parse().map_err(|_| refused())?;
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| refused())?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        Ok(headers)
    }

    pub(super) fn sample_ratio(&self) -> Result<f64, Failure> {
        if (0.0..=1.0).contains(&self.sample_ratio) {
            return Ok(self.sample_ratio);
        }
        let ratio = self.sample_ratio;
        Err(Failure::refused(anyhow!(
            "`telemetry.traces.sample_ratio` is {ratio}, which is not from 0 to 1"
        )))
    }

    pub(super) fn queue(&self) -> usize {
        usize::try_from(self.queue.max(1)).unwrap_or(usize::MAX)
    }

    pub(super) fn batch(&self) -> usize {
        usize::try_from(self.batch.max(1)).unwrap_or(usize::MAX).min(self.queue())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn goes_to(endpoint: &str, expected: Option<&str>) {
        let config = Config { endpoint: endpoint.to_owned(), ..Config::default() };
        let url = config.endpoint().ok().flatten().map(String::from);
        assert_eq!(url.as_deref(), expected, "{endpoint}");
    }

    #[test]
    fn an_endpoint_is_a_collector_or_where_it_takes_traces() {
        goes_to("", None);
        goes_to("http://c:4318", Some("http://c:4318/v1/traces"));
        goes_to("http://c:4318/", Some("http://c:4318/v1/traces"));
        goes_to("https://c/otlp", Some("https://c/otlp/v1/traces"));
        goes_to("https://c/otlp/v1/traces", Some("https://c/otlp/v1/traces"));
        for wrong in ["c:4318", "grpc://c:4317", "http://me:secret@c", "http://c?key=secret"] {
            goes_to(wrong, None);
            let config = Config { endpoint: wrong.to_owned(), ..Config::default() };
            let said = config.endpoint().expect_err(wrong).to_string();
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn headers_are_checked_and_never_shown() {
        let with = |name: &str, value: &str| Config {
            headers: BTreeMap::from([(name.to_owned(), Secret::new(value))]),
            ..Config::default()
        };
        let headers = with("x-api-key", "geheim").header_map().unwrap();
        assert_eq!(headers["x-api-key"], "geheim");
        assert!(!format!("{headers:?}").contains("geheim"));
        for (name, value) in [("no header", "geheim"), ("x", "geheim\r\nx: y")] {
            let said = with(name, value).header_map().expect_err(name).to_string();
            assert!(!said.contains("geheim"), "{said}");
        }
    }
}
