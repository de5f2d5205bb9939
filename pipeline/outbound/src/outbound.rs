//! [`Outbound`]: the one way to an address that a user chose.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::address::Rules;
use crate::config::Config;
use crate::error::{Result, SettingsError};
use crate::resolve::{Resolve, SystemResolver};
use crate::target::Target;

/// The one way to an address that a user chose. Cheap to clone.
///
/// The default one leads nowhere: no port may be asked.
#[derive(Clone)]
pub struct Outbound {
    pub(crate) config: Arc<Config>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) resolver: Arc<dyn Resolve>,
    /// None where nothing is asked.
    pub(crate) encryption: Option<TlsConnector>,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            config: Arc::default(),
            rules: Arc::default(),
            resolver: Arc::new(SystemResolver),
            encryption: None,
        }
    }
}

impl Outbound {
    /// Goes out as the settings say, and finds hosts as the operating system does. Blocking: it reads
    /// the certificates of authorities.
    ///
    /// # Errors
    /// The file of authorities is missing or holds none.
    pub fn new(config: &Config) -> Result<Self, SettingsError> {
        Self::with_resolver(config, Arc::new(SystemResolver))
    }

    /// Goes out as the settings say, and finds hosts in a way of the caller's.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_resolver(
        config: &Config,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, SettingsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let encryption = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities(config)?)
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config.clone()),
            rules: Arc::new(Rules::new(config.allowed_networks.clone(), config.ports.clone())),
            resolver,
            encryption: Some(TlsConnector::from(Arc::new(encryption))),
        })
    }

    /// Looks whether a URL could be asked, as far as its text tells; nothing is connected or resolved.
    ///
    /// # Errors
    /// `UnsupportedUrl`, or `Forbidden` for a port or an address in place of a name.
    pub fn check(&self, url: &str) -> Result<()> {
        Target::parse(url, &self.rules).map(drop)
    }

    /// Returns what may be shown of a URL: scheme, host and path.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn shown(&self, url: &str) -> Result<String> {
        Target::parse(url, &self.rules).map(|target| target.shown())
    }
}

/// Returns the authorities to trust: the system's, and those of the settings.
fn authorities(config: &Config) -> Result<RootCertStore, SettingsError> {
    let mut store = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (taken, _) = store.add_parsable_certificates(found.certs);
    if taken == 0 {
        // A host that fetches nothing over https does not need any.
        let reason = found.errors.first().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(reason, "the system has no certificates of authorities; install them");
    }
    let Some(path) = &config.ca_file else { return Ok(store) };
    let refused = |reason: String| SettingsError::Authorities { path: path.clone(), reason };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| refused(e.to_string()))?;
    let mut is_empty = true;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| refused(error.to_string()))?;
        store.add(certificate).map_err(|error| refused(error.to_string()))?;
        is_empty = false;
    }
    if is_empty { Err(refused("it holds no certificate".to_owned())) } else { Ok(store) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_authorities_without_any_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let refused = || {
            let config = Config { ca_file: Some(path.clone()), ..Config::default() };
            Outbound::new(&config).expect_err("nobody is named there").to_string()
        };
        assert!(refused().contains("ca.pem"));
        std::fs::write(&path, "nothing").unwrap();
        let said = refused();
        assert!(said.contains("outbound.ca_file") && said.contains("no certificate"), "{said}");
    }
}
