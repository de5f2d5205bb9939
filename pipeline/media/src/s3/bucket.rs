//! Requests about the bucket that `object_store` has no call for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{HttpClient, HttpRequest, HttpRequestBody};
use url::Url;

use super::config::S3Config;
use super::failure::Failure;
use crate::error::ErrorKind;

/// Pause before the first repetition of a request; each further one doubles it.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest of these pauses.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A bucket as such.
#[derive(Clone)]
pub(super) struct Bucket {
    client: HttpClient,
    /// Where the credentials are.
    store: Arc<AmazonS3>,
    url: String,
    region: String,
    retries: u32,
    retry_timeout: Duration,
}

impl Bucket {
    /// Makes requests with the credentials of a store.
    pub(super) fn new(client: HttpClient, store: Arc<AmazonS3>, config: &S3Config) -> Self {
        Self {
            client,
            store,
            url: config.bucket_url(),
            region: config.region.clone(),
            retries: config.retries,
            retry_timeout: Duration::from_millis(config.retry_timeout_ms),
        }
    }

    /// Asks a question and returns the document of the answer; repeats it when it fails for a passing
    /// reason.
    pub(super) async fn ask(&self, query: &[(&str, &str)]) -> Result<String, Failure> {
        let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
        for _ in 0..self.retries {
            match self.ask_once(query).await {
                Err(failure) if failure.passes() && begun.elapsed() < self.retry_timeout => {}
                answered => return answered,
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        self.ask_once(query).await
    }

    /// Asks a question.
    pub(super) async fn ask_once(&self, query: &[(&str, &str)]) -> Result<String, Failure> {
        let request = self.signed(query).await?;
        let answer = self.client.execute(request).await;
        let (head, body) = answer.map_err(|error| Failure::unanswered(&error))?.into_parts();
        let body = body.bytes().await.map_err(|error| Failure::unanswered(&error))?;
        let body = String::from_utf8_lossy(&body);
        if head.status.is_success() {
            return Ok(body.into_owned());
        }
        Err(Failure::answered(head.status.as_u16(), &body))
    }

    /// Makes a request that the service will believe.
    async fn signed(&self, query: &[(&str, &str)]) -> Result<HttpRequest, Failure> {
        let broken = |why: String| Failure::new(ErrorKind::Misconfigured, why);
        let mut url = Url::parse(&self.url).map_err(|error| broken(error.to_string()))?;
        url.query_pairs_mut().extend_pairs(query);
        let request = http::Request::get(url.as_str()).body(HttpRequestBody::empty());
        let mut request = request.map_err(|error| broken(error.to_string()))?;
        let credential = self.store.credentials().get_credential().await;
        let credential = credential.map_err(|error| no_credentials(&error))?;
        let authorizer = AwsAuthorizer::new(&credential, "s3", &self.region);
        let signed = authorizer.try_authorize(&mut request, None);
        signed.map_err(|error| Failure::of(&error))?;
        Ok(request)
    }
}

/// Says that the environment gives no credentials.
fn no_credentials(error: &object_store::Error) -> Failure {
    let why = Failure::of(error);
    Failure::new(
        why.kind,
        format!("there are no credentials: {why}; set media.s3.access_key_id and its secret"),
    )
}
