//! Recordings in a bucket of S3-compatible storage, so that any host can take any job.
//!
//! An upload goes out in parts while it comes in; a small one in a single request. The object is
//! there when it is complete and not before. What is abandoned is aborted; what a crash leaves is
//! removed by the sweep at a later start, and by a lifecycle rule of the bucket
//! (`AbortIncompleteMultipartUpload`) where there is one.
//!
//! Recordings are read by ranges that grow while reading goes on in order, the next one ahead of its
//! reader. A bucket keeps what was replaced or deleted only when it has versions: reads of an open
//! recording name the version, or else insist on the content that was opened, and fail with
//! `NotFound` when it is gone.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{HttpConnector, SpawnedReqwestConnector};
use object_store::path::Path;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, GetOptions, GetResult, ObjectStore, ObjectStoreExt,
    RetryConfig,
};

use crate::error::{Error, ErrorKind, Result};
use crate::key;
use crate::store::{MediaReader, MediaStore, MediaWriter};

mod bucket;
mod config;
mod failure;
mod io;
mod reader;
mod sweep;
mod window;
mod writer;
mod xml;

pub use config::{Addressing, S3Config};

use bucket::Bucket;
use failure::Failure;
use io::Io;
use reader::{Object, S3Reader};
use writer::S3Writer;

/// Recordings in a bucket. Cheap to clone.
#[derive(Clone)]
pub struct S3Media(Arc<Inner>);

struct Inner {
    store: Arc<AmazonS3>,
    bucket: Bucket,
    config: S3Config,
    /// Last, so that the thread outlives what uses it.
    io: Io,
}

impl fmt::Debug for S3Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Settings hide their secret; the client is not asked, so that it cannot show it.
        f.debug_struct("S3Media").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl S3Media {
    /// Makes the store of a bucket, without a connection. Blocking.
    ///
    /// # Errors
    /// `Misconfigured` when settings do not fit or a file that they name cannot be read.
    pub fn open(config: &S3Config) -> Result<Self> {
        let attempt = || format!("use the bucket {:?} for recordings", config.bucket);
        let refuse =
            |why: String| Failure::new(ErrorKind::Misconfigured, why).while_trying(attempt());
        config.check().map_err(refuse)?;
        let io = Io::start().map_err(|error| Error::caused(attempt(), error))?;
        let connector = SpawnedReqwestConnector::new(io.handle().clone());
        let options = client_options(config).map_err(refuse)?;
        let failed = |error: object_store::Error| Failure::of(&error).while_trying(attempt());
        let client = connector.connect(&options).map_err(failed)?;
        let store = builder(config).map_err(refuse)?;
        let store = store.with_client_options(options).with_http_connector(connector).build();
        let store = Arc::new(store.map_err(failed)?);
        let bucket = Bucket::new(client, Arc::clone(&store), config);
        Ok(Self(Arc::new(Inner { store, bucket, config: config.clone(), io })))
    }

    /// Returns the place of a recording in the bucket.
    fn path(&self, key: &str) -> Path {
        Path::from(format!("{}{key}", self.prefix()))
    }

    /// Returns what all our keys begin with.
    fn prefix(&self) -> String {
        let prefix = &self.0.config.prefix;
        if prefix.is_empty() { String::new() } else { format!("{prefix}/") }
    }

    /// Asks for what is known of an object.
    async fn head(&self, path: &Path) -> std::result::Result<GetResult, Failure> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match self.0.store.get_opts(path, options).await {
            Ok(found) => Ok(found),
            Err(error) => {
                let failure = Failure::of(&error);
                // This answer has no body, so it does not tell a missing bucket from a missing
                // object, nor a wrong key from a missing right.
                let is_vague = matches!(failure.kind, ErrorKind::NotFound | ErrorKind::Denied);
                if is_vague {
                    self.list_one().await?;
                }
                Err(failure)
            }
        }
    }

    /// Asks for one key, which needs that everything is in order.
    async fn list_one(&self) -> std::result::Result<(), Failure> {
        let prefix = self.prefix();
        let mut query = vec![("list-type", "2"), ("max-keys", "1")];
        if !prefix.is_empty() {
            query.push(("prefix", &prefix));
        }
        self.0.bucket.ask_once(&query).await.map(|_| ())
    }
}

#[async_trait]
impl MediaStore for S3Media {
    async fn create(&self, key: &str) -> Result<Box<dyn MediaWriter>> {
        key::check(key)?;
        Ok(Box::new(S3Writer::new(self.clone(), key)))
    }

    async fn open(&self, key: &str) -> Result<Arc<dyn MediaReader>> {
        key::check(key)?;
        let path = self.path(key);
        let found = self.head(&path).await;
        let meta = found.map_err(|failure| failure.while_trying(format!("open {key}")))?.meta;
        let object = Object {
            media: self.clone(),
            key: key.to_owned(),
            path,
            length: meta.size,
            e_tag: meta.e_tag,
            version: meta.version,
        };
        Ok(Arc::new(S3Reader::new(object)))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        key::check(key)?;
        match self.0.store.delete(&self.path(key)).await {
            Ok(()) => Ok(()),
            Err(error) => match Failure::of(&error) {
                Failure { kind: ErrorKind::NotFound, .. } => Ok(()),
                failure => Err(failure.while_trying(format!("delete {key}"))),
            },
        }
    }

    fn keys(&self, folder: &str) -> BoxStream<'static, Result<String>> {
        let (media, prefix) = (self.clone(), self.prefix());
        let attempt = format!("list {folder} in the bucket {:?}", self.0.config.bucket);
        let listed = self.0.store.list(Some(&self.path(folder))).map(move |found| {
            // A list goes on as long as somebody reads it, on a thread that the store keeps.
            let _thread = &media.0.io;
            let found = found.map_err(|error| Failure::of(&error).while_trying(&attempt))?;
            let place = found.location.as_ref();
            Ok(place.strip_prefix(&prefix).unwrap_or(place).to_owned())
        });
        listed.boxed()
    }

    async fn sweep(&self) -> Result<u64> {
        let Inner { bucket, store, config, .. } = self.0.as_ref();
        let attempt = || format!("sweep the bucket {:?}", config.bucket);
        match sweep::sweep(bucket, store, &self.prefix(), config.abandoned_after()).await {
            Ok(removed) => Ok(removed),
            Err(failure) if sweep::is_unlisted(&failure) => {
                tracing::warn!(
                    bucket = config.bucket,
                    %failure,
                    "uploads that nobody finished cannot be listed; give the bucket a lifecycle rule \
                     that aborts them"
                );
                Ok(0)
            }
            Err(failure) => Err(failure.while_trying(attempt())),
        }
    }

    async fn ping(&self) -> Result<()> {
        let asked = self.list_one().await;
        asked.map_err(|failure| {
            failure.while_trying(format!("reach the bucket {:?}", self.0.config.bucket))
        })
    }
}

/// Makes the settings of connections.
fn client_options(config: &S3Config) -> std::result::Result<ClientOptions, String> {
    let mut options = ClientOptions::new()
        .with_allow_http(config.allow_http)
        .with_connect_timeout(Duration::from_millis(config.connect_timeout_ms.max(1)))
        .with_timeout(Duration::from_millis(config.request_timeout_ms.max(1)));
    if let Some(file) = &config.ca_file {
        let unusable = |why: String| format!("media.s3.ca_file {}: {why}", file.display());
        let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
        let authorities = Certificate::from_pem_bundle(&pem);
        let authorities = authorities.map_err(|error| unusable(error.to_string()))?;
        if authorities.is_empty() {
            return Err(unusable("there is no certificate in it".to_owned()));
        }
        for authority in authorities {
            options = options.with_root_certificate(authority);
        }
    }
    Ok(options)
}

/// Makes the settings of a store, but for its connections.
fn builder(config: &S3Config) -> std::result::Result<AmazonS3Builder, String> {
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: bucket::FIRST_PAUSE,
            max_backoff: bucket::LONGEST_PAUSE,
            base: 2.0,
        },
        max_retries: usize::try_from(config.retries).unwrap_or(usize::MAX),
        retry_timeout: Duration::from_millis(config.retry_timeout_ms),
    };
    // Given as if it named the bucket already, so that requests of our own go to the same place.
    let builder = AmazonS3Builder::new()
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_virtual_hosted_style_request(true)
        .with_endpoint(config.bucket_url())
        .with_retry(retry);
    if config.access_key_id.is_empty() {
        return Ok(from_environment(builder));
    }
    let secret = secret(config)?;
    Ok(builder.with_access_key_id(&config.access_key_id).with_secret_access_key(secret))
}

/// Returns the secret of the access key.
fn secret(config: &S3Config) -> std::result::Result<String, String> {
    let Some(file) = &config.secret_access_key_file else {
        return Ok(config.secret_access_key.expose().to_owned());
    };
    let unusable = |why: &dyn fmt::Display| {
        format!("media.s3.secret_access_key_file {}: {why}", file.display())
    };
    let secret = std::fs::read_to_string(file).map_err(|error| unusable(&error))?;
    let secret = secret.trim_end();
    if secret.is_empty() { Err(unusable(&"it is empty")) } else { Ok(secret.to_owned()) }
}

/// Takes credentials, and nothing else, from Amazon's own variables.
fn from_environment(mut builder: AmazonS3Builder) -> AmazonS3Builder {
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
        let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() else { continue };
        if name.starts_with("AWS_") && is_about_credentials(key) {
            builder = builder.with_config(key, value);
        }
    }
    builder
}

fn is_about_credentials(key: AmazonS3ConfigKey) -> bool {
    use AmazonS3ConfigKey as Key;

    matches!(
        key,
        Key::AccessKeyId
            | Key::SecretAccessKey
            | Key::Token
            | Key::WebIdentityTokenFile
            | Key::RoleArn
            | Key::RoleSessionName
            | Key::StsEndpoint
            | Key::ContainerCredentialsRelativeUri
            | Key::ContainerCredentialsFullUri
            | Key::ContainerAuthorizationTokenFile
            | Key::MetadataEndpoint
    )
}
