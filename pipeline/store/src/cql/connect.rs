//! Connections: a session from the settings, and the ways in which statements are sent.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use scylla::client::execution_profile::{ExecutionProfile, ExecutionProfileHandle};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::load_balancing::{DefaultPolicy, LoadBalancingPolicy};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::statement::{Consistency, SerialConsistency};

use super::config::{Agreement, Config, Tls, milliseconds};
use super::failure::Failure;
use super::statements::Profiles;
use crate::error::ErrorKind;

/// Connects to the cluster, without a keyspace.
///
/// # Errors
///
/// `Unavailable` when no node answers, `Denied` when the user is refused, `NotFound` when a file of
/// the settings is missing or unusable.
pub(super) async fn session(config: &Config, profiles: &Profiles) -> Result<Session, Failure> {
    let mut builder = SessionBuilder::new()
        .known_nodes(&config.contact_points)
        .connection_timeout(milliseconds(config.connect_timeout_ms))
        .keyspaces_to_fetch([config.keyspace.clone()])
        .default_execution_profile_handle(profiles.scan.clone());
    if !config.username.is_empty() {
        builder = builder.user(&config.username, password(config)?);
    }
    if let Some(tls) = &config.tls {
        builder = builder.tls_context(Some(Arc::new(encryption(tls)?)));
    }
    Ok(Box::pin(builder.build()).await?)
}

/// Makes the ways in which statements are sent.
pub(super) fn profiles(config: &Config) -> Profiles {
    let (usual, agreed, serial) = match config.agreement {
        Agreement::Datacenter => {
            (Consistency::LocalQuorum, Consistency::LocalSerial, SerialConsistency::LocalSerial)
        }
        Agreement::Cluster => (Consistency::Quorum, Consistency::Serial, SerialConsistency::Serial),
    };
    let balance = balance(config);
    let profile = |consistency, timeout_ms| {
        ExecutionProfile::builder()
            .consistency(consistency)
            .serial_consistency(Some(serial))
            .request_timeout(Some(milliseconds(timeout_ms)))
            .load_balancing_policy(Arc::clone(&balance))
    };
    let speculation = (config.speculate_after_ms > 0).then(|| {
        let retry_interval = milliseconds(config.speculate_after_ms);
        Arc::new(SimpleSpeculativeExecutionPolicy { max_retry_count: 1, retry_interval }) as _
    });
    let handle = |profile: ExecutionProfile| -> ExecutionProfileHandle { profile.into_handle() };
    Profiles {
        read: handle(
            profile(usual, config.read_timeout_ms)
                .speculative_execution_policy(speculation)
                .build(),
        ),
        agreed: handle(profile(agreed, config.lwt_timeout_ms).build()),
        write: handle(profile(usual, config.write_timeout_ms).build()),
        // Whether a condition that timed out held is found out by us, not by sending it again.
        change: handle(
            profile(usual, config.lwt_timeout_ms)
                .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
                .build(),
        ),
        scan: handle(profile(usual, config.scan_timeout_ms).build()),
    }
}

/// Chooses which nodes are asked: those that hold the row, of our datacenter.
fn balance(config: &Config) -> Arc<dyn LoadBalancingPolicy> {
    let policy = DefaultPolicy::builder().token_aware(true);
    match &config.datacenter {
        Some(name) => policy.prefer_datacenter(name.clone()).permit_dc_failover(false).build(),
        None => policy.build(),
    }
}

/// Returns the password, from wherever it is.
fn password(config: &Config) -> Result<String, Failure> {
    let Some(file) = &config.password_file else {
        return Ok(config.password.expose().to_owned());
    };
    let text =
        std::fs::read_to_string(file).map_err(|error| unusable("password_file", file, error))?;
    Ok(text.trim_end().to_owned())
}

/// Makes the encryption of connections; only authorities of the settings are trusted.
fn encryption(tls: &Tls) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let refused = |error: rustls::Error| Failure::because(ErrorKind::NotFound, error);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_root_certificates(authorities(&tls.ca_file)?);
    let (Some(cert_file), Some(key_file)) = (&tls.cert_file, &tls.key_file) else {
        return Ok(builder.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| unusable("tls.key_file", key_file, error))?;
    builder.with_client_auth_cert(certificates("tls.cert_file", cert_file)?, key).map_err(refused)
}

/// Reads the authorities; a file without any is refused, since nobody would be trusted.
fn authorities(file: &Path) -> Result<RootCertStore, Failure> {
    let mut store = RootCertStore::empty();
    for certificate in certificates("tls.ca_file", file)? {
        store.add(certificate).map_err(|error| unusable("tls.ca_file", file, error))?;
    }
    if store.is_empty() {
        return Err(unusable("tls.ca_file", file, "there is no certificate in it"));
    }
    Ok(store)
}

/// Reads the certificates of a file.
fn certificates(setting: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    read.map_err(|error| unusable(setting, file, error))
}

/// Says which file of which setting cannot be used, and why.
fn unusable(setting: &str, file: &Path, why: impl std::fmt::Display) -> Failure {
    let file = file.display();
    Failure::because(ErrorKind::NotFound, format!("cannot use {setting} {file}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words<T>(refused: Result<T, Failure>) -> String {
        refused.err().expect("this cannot be used").words()
    }

    #[test]
    fn a_password_comes_from_its_file_without_the_line_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        std::fs::write(&file, "hunter2\n").expect("a file");
        let config = Config { password_file: Some(file), ..Config::default() };
        assert_eq!(password(&config).expect("a password"), "hunter2");
    }

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("missing");
        let config = Config { password_file: Some(missing.clone()), ..Config::default() };
        assert!(words(password(&config)).contains("missing"));
        let tls = Tls { ca_file: missing, ..Tls::default() };
        assert!(words(encryption(&tls)).contains("tls.ca_file"));
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "no certificate").expect("a file");
        let tls = Tls { ca_file: empty, ..Tls::default() };
        assert!(words(encryption(&tls)).contains("empty.pem"));
    }
}
