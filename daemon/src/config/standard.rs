//! Variables that OpenTelemetry gives every program, and the options that they set here.
//!
//! They are a layer above the files and below our own variables. An empty one says nothing.

use anyhow::anyhow;
use figment::value::{Dict, Value};

use crate::failure::Failure;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const SERVICE: &str = "OTEL_SERVICE_NAME";

/// Returns the options that such variables set: name, key, value.
///
/// # Errors
/// Names the variable that cannot be read, and not its value: it holds secrets.
pub(super) fn options(
    variables: &[(String, String)],
) -> Result<Vec<(String, &'static str, Value)>, Failure> {
    let mut options = Vec::new();
    for (name, value) in variables.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let text = || Value::from(value.trim().to_owned());
        let (key, value) = match name.as_str() {
            ENDPOINT => ("telemetry.traces.endpoint", text()),
            HEADERS => ("telemetry.traces.headers", headers(value)?),
            SERVICE => ("telemetry.traces.service_name", text()),
            _ => continue,
        };
        options.push((name.clone(), key, value));
    }
    Ok(options)
}

/// Reads `name=value,name=value`, in which values may be percent-encoded.
fn headers(list: &str) -> Result<Value, Failure> {
    let refused = || Failure::refused(anyhow!("{HEADERS} is no list of name=value, with commas"));
    let mut headers = Dict::new();
    for pair in list.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(refused)?;
        let value = decoded(value.trim()).ok_or_else(refused)?;
        headers.insert(name.trim().to_owned(), value.into());
    }
    Ok(headers.into())
}

/// Decodes `%20` and the like; a `%` that begins none stands for itself.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        let byte = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use crate::config::{Layers, Settings};
    use crate::failure::Failure;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Failure> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables = variables.iter().map(own).collect();
        Layers { variables, ..Layers::default() }.read()
    }

    #[test]
    fn variables_of_opentelemetry_set_options_and_ours_win() {
        let settings = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://theirs:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=a%20b%3Dc, authorization=Basic 7%"),
            ("OTEL_SERVICE_NAME", ""),
        ]);
        let settings = settings.unwrap();
        let traces = &settings.config.telemetry.traces;
        assert_eq!(traces.endpoint, "http://theirs:4318");
        assert_eq!(traces.service_name, "scribed");
        let header = |name: &str| traces.headers[name].expose().to_owned();
        assert_eq!(header("x-api-key"), "a b=c");
        assert_eq!(header("authorization"), "Basic 7%");
        let all = settings.effective();
        let endpoint = all.iter().find(|one| one.key == "telemetry.traces.endpoint").unwrap();
        assert_eq!(endpoint.origin, "OTEL_EXPORTER_OTLP_ENDPOINT");

        let settings = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://theirs:4318"),
            ("SCRIBED_TELEMETRY__TRACES__ENDPOINT", "http://ours:4318"),
        ]);
        assert_eq!(settings.unwrap().config.telemetry.traces.endpoint, "http://ours:4318");
    }

    #[test]
    fn headers_that_are_none_are_refused_and_not_repeated() {
        let refused = read(&[("OTEL_EXPORTER_OTLP_HEADERS", "geheim")]);
        let said = refused.expect_err("there is no name").to_string();
        assert!(said.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{said}");
        assert!(!said.contains("geheim"), "{said}");
    }
}
