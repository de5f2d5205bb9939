//! The collector: one POST for each batch of spans.

use std::io::Read as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::Url;
use reqwest::blocking::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;

use crate::failure::Failure;

/// Most bytes of an answer that are read.
const ANSWER: u64 = 64 * 1024;

/// A collector of traces.
#[derive(Debug)]
pub(super) struct Collector {
    /// It has a thread and a runtime of its own, and so works while the daemon's starts, is busy, or ends.
    client: Client,
    endpoint: Url,
    headers: HeaderMap,
    /// Why the last post did not arrive.
    trouble: Mutex<String>,
}

impl Collector {
    /// Makes a client; nothing is sent yet.
    pub(super) fn new(
        endpoint: &Url,
        headers: HeaderMap,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        // Where it redirects to, our headers are none of its business.
        let client = Client::builder().timeout(timeout).redirect(Policy::none()).build();
        let client = client
            .map_err(|error| Failure::refused(anyhow!("cannot send traces: {}", chain(&error))))?;
        Ok(Self { client, endpoint: endpoint.clone(), headers, trouble: Mutex::default() })
    }

    /// Returns why the last post did not arrive.
    pub(super) fn trouble(&self) -> String {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, reqwest::Error> {
        let mut post = self.client.post(self.endpoint.clone()).headers(self.headers.clone());
        if let Some(kind) = request.headers().get(CONTENT_TYPE) {
            post = post.header(CONTENT_TYPE, kind);
        }
        let answer = post.body(request.into_body()).send()?;
        let mut response = Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let mut body = Vec::new();
        // An answer that breaks off says less, and nothing else.
        answer.take(ANSWER).read_to_end(&mut body).ok();
        // Status and headers were valid before.
        Ok(response.body(body.into()).unwrap_or_default())
    }
}

#[async_trait]
impl HttpClient for Collector {
    /// Blocks: it is called on the thread that sends, and nowhere else. What the request brings of headers
    /// beside its content type is not sent: those that are configured are all.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.post(request).map_err(reqwest::Error::without_url);
        let trouble = match &answer {
            Ok(answer) if answer.status().is_success() => String::new(),
            Ok(answer) => format!("it answered {}", answer.status()),
            Err(error) => chain(error),
        };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        Ok(answer?)
    }
}

/// Returns an error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
