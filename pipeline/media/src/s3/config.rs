//! Settings of recordings in a bucket.

use std::path::PathBuf;
use std::time::Duration;

use scribed_schemas::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::key;

/// Smallest part of an upload that S3 takes, other than the last, in MiB.
///
/// This and the next: "Amazon S3 multipart upload limits", Amazon S3 User Guide.
const SMALLEST_PART_MIB: u32 = 5;
/// Largest part, in MiB.
const LARGEST_PART_MIB: u32 = 5 * 1024;

/// Settings of recordings in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct S3Config {
    /// Name of the bucket, which must be there.
    pub bucket: String,
    /// What the keys in the bucket begin with, such as `scribed`; empty: nothing.
    pub prefix: String,
    /// URL of the service, such as `https://minio.example.org:9000`; empty: Amazon's of the region.
    pub endpoint: String,
    /// Region of the bucket; services with one region commonly call it `us-east-1`.
    pub region: String,
    /// Where the bucket stands in URLs.
    pub addressing: Addressing,
    /// Name of the access key; empty: credentials are those that the environment gives by Amazon's own
    /// variables (`AWS_ACCESS_KEY_ID`, web identity, container) or that the machine's role has.
    pub access_key_id: String,
    /// Secret of the access key.
    pub secret_access_key: Secret,
    /// File that holds the secret, instead of `secret_access_key`; blanks at its end do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_access_key_file: Option<PathBuf>,
    /// Whether `http://` endpoints are taken: recordings cross the network readable then.
    pub allow_http: bool,
    /// File of certificates (PEM) of authorities to trust beside the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// How long to wait for a connection, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long a request may take with its body, in milliseconds; a part of an upload is one.
    pub request_timeout_ms: u64,
    /// How often a request is repeated that failed for a passing reason.
    pub retries: u32,
    /// How long after its first try a request is still repeated, in milliseconds.
    pub retry_timeout_ms: u64,
    /// Size of the parts that an upload is sent in, in MiB: 5 to 5,120. S3 takes 10,000 parts.
    pub part_mib: u32,
    /// Parts of an upload that are on their way at the same time. At least 1.
    ///
    /// Each upload in progress holds so many parts and one more in memory.
    pub parts_in_flight: u32,
    /// Most bytes that are read at once, in KiB. At least 64.
    ///
    /// Each open recording holds up to three times as much in memory.
    pub read_window_kib: u32,
    /// Age from which an upload that nobody finished is removed at start, in seconds.
    ///
    /// Hosts that write to the same bucket must not take each other's uploads in progress for remains.
    pub abandoned_after_secs: u64,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            bucket: String::new(),
            prefix: String::new(),
            endpoint: String::new(),
            region: "us-east-1".to_owned(),
            addressing: Addressing::default(),
            access_key_id: String::new(),
            secret_access_key: Secret::default(),
            secret_access_key_file: None,
            allow_http: false,
            ca_file: None,
            connect_timeout_ms: 5_000,
            request_timeout_ms: 60_000,
            retries: 5,
            retry_timeout_ms: 60_000,
            part_mib: 8,
            parts_in_flight: 2,
            read_window_kib: 4_096,
            abandoned_after_secs: 7 * 24 * 60 * 60,
        }
    }
}

/// Where the bucket stands in URLs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressing {
    /// In the path: `https://host/bucket/key`.
    #[default]
    Path,
    /// In the name of the host: `https://bucket.host/key`.
    VirtualHost,
}

impl S3Config {
    /// Refuses settings that cannot work, with a sentence that says which.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.bucket.is_empty() {
            return Err("media.s3.bucket is empty; name the bucket".to_owned());
        }
        if !self.bucket.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
            let bucket = &self.bucket;
            return Err(format!("media.s3.bucket {bucket:?} is no name of a bucket"));
        }
        if !self.prefix.is_empty() && key::check(&self.prefix).is_err() {
            return Err(format!(
                "media.s3.prefix {:?} is no prefix: names of letters, digits, -, _ and ., joined by /",
                self.prefix
            ));
        }
        self.check_endpoint()?;
        self.check_credentials()?;
        if !(SMALLEST_PART_MIB..=LARGEST_PART_MIB).contains(&self.part_mib) {
            return Err(format!(
                "media.s3.part_mib is {}; S3 takes parts of {SMALLEST_PART_MIB} to \
                 {LARGEST_PART_MIB} MiB",
                self.part_mib
            ));
        }
        Ok(())
    }

    fn check_endpoint(&self) -> Result<(), String> {
        if self.region.is_empty() {
            return Err("media.s3.region is empty; name the region, such as us-east-1".to_owned());
        }
        if self.endpoint.is_empty() {
            return Ok(());
        }
        let endpoint = &self.endpoint;
        let url = url::Url::parse(endpoint).ok().filter(url::Url::has_host);
        let url = url.ok_or_else(|| {
            format!("media.s3.endpoint {endpoint:?} is no URL such as https://minio.example.org")
        })?;
        // User names and queries have no meaning there, and might hold secrets that would be shown.
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err("media.s3.endpoint has more than scheme, host, port and path".to_owned());
        }
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.allow_http => Ok(()),
            "http" => Err(format!(
                "media.s3.endpoint {endpoint} is not encrypted; use https://, or set \
                 media.s3.allow_http = true"
            )),
            other => Err(format!("media.s3.endpoint has the scheme {other:?}, not https or http")),
        }
    }

    fn check_credentials(&self) -> Result<(), String> {
        let has_secret = !self.secret_access_key.is_empty();
        let has_file = self.secret_access_key_file.is_some();
        match (self.access_key_id.is_empty(), has_secret, has_file) {
            (_, true, true) => {
                Err("media.s3.secret_access_key and media.s3.secret_access_key_file \
                                    are both set; set one"
                    .to_owned())
            }
            (true, true, false) | (true, false, true) => {
                Err("there is a secret without media.s3.access_key_id".to_owned())
            }
            (false, false, false) => Err("media.s3.access_key_id has no secret; set \
                                          media.s3.secret_access_key_file"
                .to_owned()),
            _ => Ok(()),
        }
    }

    /// Returns the URL of the bucket, without a slash at its end.
    pub(super) fn bucket_url(&self) -> String {
        let endpoint = if self.endpoint.is_empty() {
            format!("https://s3.{}.amazonaws.com", self.region)
        } else {
            self.endpoint.trim_end_matches('/').to_owned()
        };
        match (self.addressing, endpoint.split_once("://")) {
            (Addressing::VirtualHost, Some((scheme, host))) => {
                format!("{scheme}://{}.{host}", self.bucket)
            }
            _ => format!("{endpoint}/{}", self.bucket),
        }
    }

    /// Returns the size of a part, in bytes.
    pub(super) fn part_bytes(&self) -> usize {
        usize::try_from(self.part_mib).unwrap_or(usize::MAX).saturating_mul(1024 * 1024)
    }

    /// Returns how many parts may be on their way.
    pub(super) fn parts(&self) -> usize {
        usize::try_from(self.parts_in_flight.max(1)).unwrap_or(1)
    }

    /// Returns the most bytes that are read at once.
    pub(super) fn window_bytes(&self) -> u64 {
        u64::from(self.read_window_kib.max(64)) * 1024
    }

    /// Returns the age from which unfinished uploads are nobody's.
    pub(super) fn abandoned_after(&self) -> Duration {
        Duration::from_secs(self.abandoned_after_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> S3Config {
        S3Config {
            bucket: "b".to_owned(),
            endpoint: "https://s3.example.org:9000/".to_owned(),
            access_key_id: "A".to_owned(),
            secret_access_key: Secret::new("hunter2"),
            ..S3Config::default()
        }
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut S3Config), names: &str) {
        let mut config = good();
        change(&mut config);
        let words = config.check().expect_err("these settings cannot work");
        assert!(words.contains(names), "{words}");
        assert!(!words.contains("hunter2"), "{words}");
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        good().check().unwrap();
        refused(|c| c.bucket.clear(), "media.s3.bucket");
        refused(|c| c.bucket = "a/b".to_owned(), "media.s3.bucket");
        refused(|c| c.prefix = "/a".to_owned(), "media.s3.prefix");
        refused(|c| c.region.clear(), "media.s3.region");
        refused(|c| c.endpoint = "minio:9000".to_owned(), "media.s3.endpoint");
        refused(|c| c.endpoint = "https://u:hunter2@host".to_owned(), "media.s3.endpoint");
        refused(|c| c.endpoint = "ftp://host".to_owned(), "ftp");
        refused(|c| c.endpoint = "http://host".to_owned(), "media.s3.allow_http");
        refused(|c| c.secret_access_key = Secret::default(), "media.s3.secret_access_key_file");
        refused(|c| c.access_key_id.clear(), "media.s3.access_key_id");
        refused(|c| c.secret_access_key_file = Some("/s".into()), "both set");
        refused(|c| c.part_mib = 4, "media.s3.part_mib");
        refused(|c| c.part_mib = 6_000, "media.s3.part_mib");
    }

    #[test]
    fn the_bucket_stands_in_the_path_or_in_the_name_of_the_host() {
        assert_eq!(good().bucket_url(), "https://s3.example.org:9000/b");
        let by_host = S3Config { addressing: Addressing::VirtualHost, ..good() };
        assert_eq!(by_host.bucket_url(), "https://b.s3.example.org:9000");
        let region = "eu-west-1".to_owned();
        let amazon = S3Config { endpoint: String::new(), region, ..by_host };
        assert_eq!(amazon.bucket_url(), "https://b.s3.eu-west-1.amazonaws.com");
    }

    #[test]
    fn the_secret_is_neither_printed_nor_written() {
        let printed = format!("{:?}", good());
        let written = toml::to_string(&good()).unwrap();
        assert!(!printed.contains("hunter2") && !written.contains("hunter2"));
        assert!(printed.contains("(hidden)") && written.contains("(hidden)"));
    }
}
