//! A bucket for recordings: an S3 server in the process of the test.

use std::path::PathBuf;

use scribed_test_s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};
use tempfile::TempDir;

use crate::daemon::Setup;
use crate::program::Program;

/// File of the settings of a bucket.
const CONFIG: &str = "bucket.toml";

/// A bucket that is one test's own, and the settings of daemons that use it.
#[derive(Debug)]
pub struct Bucket {
    server: S3Server,
    folder: TempDir,
}

impl Bucket {
    /// Starts a server, and writes settings with some of the test's own among those of `[media.s3]`.
    #[track_caller]
    pub fn new(settings: &str) -> Self {
        let bucket = Self {
            server: S3Server::start(),
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let secret = bucket.folder.path().join("s3-secret");
        std::fs::write(&secret, format!("{SECRET_KEY}\n")).expect("it can be written");
        let config = format!(
            "[media]\nbackend = \"s3\"\n\
             [media.s3]\nbucket = {BUCKET:?}\nprefix = \"recordings-of\"\nendpoint = {endpoint:?}\n\
             access_key_id = {ACCESS_KEY:?}\nsecret_access_key_file = \"{secret}\"\n\
             allow_http = true\npart_mib = 5\n{settings}\n",
            endpoint = bucket.server.endpoint(),
            secret = secret.display(),
        );
        bucket.with_settings(CONFIG, &config);
        bucket
    }

    /// Returns the server, to see what was asked of it and to let it fail.
    pub fn server(&self) -> &S3Server {
        &self.server
    }

    /// Makes a setup of a daemon that uses the bucket.
    pub fn setup(&self) -> Setup {
        Setup::default().argument("--config").argument(self.config().display().to_string())
    }

    /// Makes a run of the program with the bucket and a state folder of its own.
    pub fn program(&self) -> Program {
        Program::new(&self.folder.path().join("operator")).config(&self.config())
    }

    /// Writes further settings beside those of the bucket, and returns their file.
    #[track_caller]
    pub fn with_settings(&self, name: &str, settings: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        std::fs::write(&file, settings).expect("it can be written");
        file
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join(CONFIG)
    }
}
