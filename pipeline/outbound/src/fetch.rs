//! Fetching: a recording streams from a URL into a sink, within limits.
//!
//! A transfer that breaks off goes on where it stopped, when the host names what it sends by a strong
//! validator (RFC 9110, section 8.8.1): it is asked for the rest of exactly that, and either sends the
//! rest or, when the recording changed meanwhile, all of the new one; then the sink begins again. Each
//! further connection goes through all the checks of the first.

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{sleep, timeout};

use crate::ask::{Answer, ask, silent};
use crate::connection::answer_failure;
use crate::error::{Cause, ErrorKind, Failure, Result};
use crate::outbound::Outbound;
use crate::target::Target;

mod range;

use range::{ContentRange, Validator};

/// Where a recording goes.
///
/// It sees the whole transfer, so progress is what it sees.
#[async_trait]
pub trait Sink: Send {
    /// The recording begins, with its length in bytes where the host tells it. What was written before
    /// was of another recording, or of another state of it, and is to be forgotten.
    async fn begin(&mut self, length: Option<u64>) -> Result<(), SinkError>;

    /// Takes the next bytes; the transfer waits until it returns.
    async fn write(&mut self, bytes: Bytes) -> Result<(), SinkError>;
}

/// Why a sink does not take a recording; comes back as the cause of an [`Error`](crate::Error).
pub type SinkError = Cause;

/// A recording that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Length in bytes.
    pub length: u64,
    /// Content type as the host says it; may be empty.
    pub content_type: String,
    /// How often the transfer broke off and was taken up again.
    pub resumes: u32,
}

impl Outbound {
    /// Fetches a recording into a sink.
    ///
    /// # Errors
    /// Says what went wrong, and by its kind whether it is worth another try. What the sink has got by
    /// then is no recording.
    ///
    /// # Cancel safety
    /// A dropped call has closed its connection; what the sink has got by then is no recording.
    pub async fn fetch(&self, url: &str, sink: &mut dyn Sink) -> Result<Fetched> {
        let target = Target::parse(url, &self.rules)?;
        let transfer = Transfer::new(self, &target);
        let ended = timeout(self.config.total_timeout(), transfer.run(sink)).await;
        ended.unwrap_or_else(|_| {
            let detail = "it is longer on its way than `outbound.total_timeout_secs`";
            Err(Failure::new(ErrorKind::TimedOut, detail).at(target.shown()))
        })
    }
}

/// A transfer in progress.
#[derive(Debug)]
struct Transfer<'a> {
    outbound: &'a Outbound,
    target: &'a Target,
    /// Whether the sink was told to begin.
    has_begun: bool,
    /// Bytes that the sink has.
    received: u64,
    /// Length of the recording, where it is known.
    length: Option<u64>,
    content_type: String,
    /// What the sink has the beginning of.
    source: Option<Source>,
}

/// One state of a recording.
#[derive(Debug)]
struct Source {
    /// Where the redirects led, without the query, which may be another each time.
    place: String,
    validator: Validator,
}

impl<'a> Transfer<'a> {
    fn new(outbound: &'a Outbound, target: &'a Target) -> Self {
        Self {
            outbound,
            target,
            has_begun: false,
            received: 0,
            length: None,
            content_type: String::new(),
            source: None,
        }
    }

    async fn run(mut self, sink: &mut dyn Sink) -> Result<Fetched> {
        let mut resumes = 0;
        loop {
            let Err(error) = self.go_on(sink).await else {
                let Self { received: length, content_type, .. } = self;
                return Ok(Fetched { length, content_type, resumes });
            };
            let is_kept = self.received == 0 || self.source.is_some();
            let goes_on = self.has_begun && is_kept && error.kind.is_worth_another_try();
            if !goes_on || resumes >= self.outbound.config.resumes {
                return Err(error);
            }
            resumes += 1;
            tracing::debug!(%error, received = self.received, "a transfer is taken up again");
            sleep(self.outbound.config.resume_pause()).await;
        }
    }

    /// Makes one connection, and moves what comes over it.
    async fn go_on(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let mut answer = self.answer().await?;
        let at = answer.target.clone();
        if self.received == 0 {
            self.begin(&answer, sink).await.map_err(|failure| failure.at(at.shown()))?;
        }
        let body = answer.response.body_mut();
        self.stream(body, sink).await.map_err(|failure| failure.at(at.shown()))
    }

    /// Asks for what is still to come; when that cannot be had any more, for everything.
    async fn answer(&mut self) -> Result<Answer> {
        let rest = ask(self.outbound, self.target, &self.range()?).await?;
        if self.received == 0 || self.is_rest(&rest) {
            return Ok(rest);
        }
        self.received = 0;
        self.source = None;
        if rest.response.status() == StatusCode::OK {
            return Ok(rest);
        }
        drop(rest);
        ask(self.outbound, self.target, &HeaderMap::new()).await
    }

    /// Returns the headers that ask for what is still to come.
    fn range(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        if let (Some(source), 1..) = (&self.source, self.received) {
            let range = HeaderValue::try_from(format!("bytes={}-", self.received));
            let range = range.map_err(|error| {
                Failure::caused(ErrorKind::BrokenOff, error).at(self.target.shown())
            })?;
            headers.insert(RANGE, range);
            headers.insert(IF_RANGE, source.validator.value().clone());
        }
        Ok(headers)
    }

    /// Returns whether an answer goes on exactly where the sink is.
    fn is_rest(&self, answer: &Answer) -> bool {
        let headers = answer.response.headers();
        let is_same = self.source.as_ref().is_some_and(|source| {
            source.place == answer.target.place() && source.validator.is_kept_by(headers)
        });
        let range = ContentRange::of(headers);
        answer.response.status() == StatusCode::PARTIAL_CONTENT
            && is_same
            && range.is_some_and(|range| range.goes_on(self.received, self.length))
    }

    /// Notes what is about to come, and tells the sink.
    async fn begin(&mut self, answer: &Answer, sink: &mut dyn Sink) -> Result<(), Failure> {
        let headers = answer.response.headers();
        self.length = answer.response.body().size_hint().exact();
        if self.length.is_some_and(|length| length > self.outbound.config.max_bytes) {
            return Err(self.too_large());
        }
        let content_type = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        content_type.unwrap_or_default().clone_into(&mut self.content_type);
        let place = answer.target.place().to_owned();
        self.source = Validator::of(headers).map(|validator| Source { place, validator });
        self.has_begun = true;
        sink.begin(self.length).await.map_err(not_kept)
    }

    /// Moves a body into the sink until it ends.
    async fn stream(&mut self, body: &mut Incoming, sink: &mut dyn Sink) -> Result<(), Failure> {
        let idle = self.outbound.config.idle_timeout();
        while let Some(frame) = timeout(idle, body.frame()).await.map_err(|_| silent())? {
            // What is no data is a trailer, which says nothing that is wanted.
            let Ok(bytes) = frame.map_err(answer_failure)?.into_data() else { continue };
            self.received += bytes.len() as u64;
            if self.received > self.outbound.config.max_bytes {
                return Err(self.too_large());
            }
            if self.length.is_some_and(|length| self.received > length) {
                return Err(Failure::new(ErrorKind::BadAnswer, "more comes than was announced"));
            }
            sink.write(bytes).await.map_err(not_kept)?;
        }
        match self.length {
            Some(length) if length != self.received => {
                let detail = format!("{} of {length} bytes came", self.received);
                Err(Failure::new(ErrorKind::BrokenOff, detail))
            }
            _ => Ok(()),
        }
    }

    fn too_large(&self) -> Failure {
        let most = self.outbound.config.max_bytes;
        let detail = format!("it has more than {most} bytes (`outbound.max_bytes`)");
        Failure::new(ErrorKind::TooLarge, detail)
    }
}

fn not_kept(error: SinkError) -> Failure {
    Failure::caused(ErrorKind::Sink, error)
}
