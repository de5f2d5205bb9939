//! Certificates, made by `openssl`: an authority, and a server that it signed for one name.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

const SETTINGS: &str = "[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:media.test, IP:127.0.0.1
";

/// A folder with the certificates.
#[derive(Debug)]
pub(crate) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes an authority and a server.
    pub(crate) fn make() -> Self {
        let folder = tempfile::tempdir().expect("there is space");
        std::fs::write(folder.path().join("openssl.cnf"), SETTINGS).expect("there is space");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config openssl.cnf";
        openssl(
            folder.path(),
            &format!(
                "req -x509 {key} -extensions authority -keyout ca.key -out ca.pem -days 9 -subj /CN=ca"
            ),
        );
        openssl(
            folder.path(),
            &format!("req -new {key} -keyout server.key -out server.request -subj /CN=server"),
        );
        openssl(
            folder.path(),
            "x509 -req -in server.request -CA ca.pem -CAkey ca.key -set_serial 1 -days 9 -extfile openssl.cnf \
             -extensions server -out server.pem",
        );
        Self { folder }
    }

    /// Returns the file of the authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Returns what a server of that name encrypts with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let file = |name: &str| self.folder.path().join(name);
        let chain = CertificateDer::pem_file_iter(file("server.pem")).expect("it was made");
        let chain = chain.collect::<Result<_, _>>().expect("it is PEM");
        let key = PrivateKeyDer::from_pem_file(file("server.key")).expect("it was made");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("there are some")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("they belong together");
        TlsAcceptor::from(Arc::new(config))
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let made = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    let made = made.expect("openssl is installed, as deploy/prerequisites.sh has it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
