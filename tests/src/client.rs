//! Somebody who uses the daemon over HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use reqwest::blocking::{Client as Http, RequestBuilder};
use serde_json::{Value, json};

use crate::daemon::Daemon;
use crate::discretion;
use crate::wait::eventually;

/// The password of every account here.
pub(crate) const PASSWORD: &str = "Secret_123";

/// A logged-in account.
#[derive(Debug, Clone)]
pub struct Client {
    http: Http,
    base: String,
    token: String,
    id: i64,
    /// Login name.
    pub name: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// A job of a client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job(pub i64);

impl Answer {
    /// Reads the body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the `detail` of a refusal, as text.
    pub fn detail(&self) -> String {
        match &self.json()["detail"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// Insists on a status.
    #[track_caller]
    #[must_use]
    pub fn status(self, expected: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, expected, "{}", body.chars().take(500).collect::<String>());
        self
    }
}

impl Client {
    /// Registers a new account and logs in; it may not submit yet.
    #[track_caller]
    pub fn register(base: &str) -> Self {
        // Connections are used again, but not when the daemon is about to close them for idleness.
        let http = Http::builder().pool_idle_timeout(Duration::from_secs(5));
        let http = http.timeout(Duration::from_secs(120)).build();
        let http = http.expect("a client without TLS needs nothing");
        let mut client =
            Self { http, base: base.to_owned(), token: String::new(), id: 0, name: fresh_name() };
        let credentials = json!({"username": client.name, "password": PASSWORD});
        let made = client.post_json("/auth/register", &credentials).status(201).json();
        client.id = made["id"].as_i64().expect("an account has a number");
        let tokens = client.post_json("/auth/login", &credentials).status(200).json();
        let [token, renewal] = ["access_token", "refresh_token"]
            .map(|token| tokens[token].as_str().expect("a login gives two tokens"));
        discretion::hide(renewal);
        client.with_token(token)
    }

    /// Lets the account submit recordings.
    #[track_caller]
    pub fn allow(&self, admin_token: &str) {
        let id = self.id;
        let path = format!("/auth/patch?user_id={id}&secret_admin_token={admin_token}");
        let change = self.request(Method::PATCH, &path).json(&json!({"can_interact": true}));
        let _changed = send(change).status(200);
    }

    /// Returns the number of the account.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Returns the access token, for those who speak HTTP themselves.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns a client with another token, which no daemon may log.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        discretion::hide(token);
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Returns this client as it talks to a daemon that was started again elsewhere.
    #[must_use]
    pub fn at(&self, daemon: &Daemon) -> Self {
        self.with_base(daemon.base())
    }

    /// Returns this client as it talks to whoever listens at a URL without a path.
    #[must_use]
    pub fn with_base(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Asks for the name of the account as its daemon has it.
    #[track_caller]
    pub fn username(&self) -> String {
        let info = self.get("/auth/info").status(200).json();
        info["username"].as_str().expect("an account has a name").to_owned()
    }

    /// Returns the first `sent` bytes of an upload that claims to be twice as long.
    pub fn half_an_upload(&self, sent: usize) -> Vec<u8> {
        let head = format!(
            "POST /upload-audiofile HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n\
             --b\r\nContent-Disposition: form-data; name=\"audiofile\"; filename=\"a.wav\"\r\n\r\n",
            self.token,
            sent * 2,
        );
        let mut bytes = head.into_bytes();
        bytes.resize(sent, b'x');
        bytes
    }

    /// Uploads a form with boundary `b` in pieces, without a word of its length, and returns the
    /// answer as it came.
    #[track_caller]
    pub fn upload_unmeasured(&self, form: &[u8]) -> String {
        let mut request = format!(
            "POST /upload-audiofile HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\
             Connection: close\r\n\r\n",
            self.token,
        )
        .into_bytes();
        for piece in form.chunks(10_000) {
            request.extend(format!("{:x}\r\n", piece.len()).into_bytes());
            request.extend([piece, b"\r\n"].concat());
        }
        request.extend(b"0\r\n\r\n");
        let address = self.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the daemon listens");
        // Also of a refused upload everything is taken.
        stream.write_all(&request).expect("the daemon reads on");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the daemon answers and then ends the connection");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Asks for a path.
    pub fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path))
    }

    /// Posts nothing to a path.
    pub fn post(&self, path: &str) -> Answer {
        send(self.request(Method::POST, path))
    }

    /// Posts JSON to a path.
    pub fn post_json(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body))
    }

    /// Makes a request with this client's token, for what has no method here.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    /// Uploads bytes under a file name.
    pub fn upload_bytes(&self, name: &str, bytes: Vec<u8>) -> Answer {
        let part = Part::bytes(bytes).file_name(name.to_owned());
        self.upload_form(Form::new().part("audiofile", part))
    }

    /// Uploads a form as a stream.
    ///
    /// # Panics
    /// When the daemon does not answer.
    #[track_caller]
    pub fn upload_form(&self, form: Form) -> Answer {
        send(self.request(Method::POST, "/upload-audiofile").multipart(form))
    }

    /// Uploads a file, which must be taken.
    #[track_caller]
    pub fn submit(&self, file: &Path) -> Job {
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let bytes = std::fs::read(file).expect("the recording is there");
        let answer = self.upload_bytes(&name, bytes).status(200);
        Job(answer.json()["task_id"].as_i64().expect("an upload gives the number of its job"))
    }

    /// Uploads a file, waits until its job has ended, and returns its text.
    #[track_caller]
    pub fn transcribe(&self, file: &Path) -> String {
        let job = self.submit(file);
        assert_eq!(self.end_of(job), "completed", "{}", file.display());
        self.text(job)
    }

    /// Returns what is known of a job.
    #[track_caller]
    pub fn info(&self, Job(id): Job) -> Value {
        self.get(&format!("/transcript/info?transcript_id={id}")).status(200).json()
    }

    /// Returns the state of a job.
    #[track_caller]
    pub fn state(&self, job: Job) -> String {
        self.info(job)["current_state"].as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a job has ended and returns its state.
    #[track_caller]
    pub fn end_of(&self, job: Job) -> String {
        const ENDS: [&str; 4] =
            ["completed", "completed_partially", "processing_fail", "cancelled"];
        eventually("the job ends", || {
            Some(self.state(job)).filter(|state| ENDS.contains(&state.as_str()))
        })
    }

    /// Returns the chunks of a job that can be read now.
    #[track_caller]
    pub fn chunks(&self, Job(id): Job) -> Vec<String> {
        let page = self.get(&format!("/transcript?task_id={id}")).status(200).json();
        let chunks = page["transcriptions"].as_array().expect("a page has a list");
        for (number, chunk) in chunks.iter().enumerate() {
            assert_eq!(chunk["chunk_order"], json!(number), "chunks come in order without a gap");
        }
        let text = |chunk: &Value| chunk["transcription"].as_str().unwrap_or_default().to_owned();
        chunks.iter().map(text).collect()
    }

    /// Waits until so many chunks of a job can be read, and returns those.
    #[track_caller]
    pub fn chunks_from(&self, job: Job, count: usize) -> Vec<String> {
        eventually("chunks can be read", || {
            Some(self.chunks(job)).filter(|chunks| chunks.len() >= count)
        })
    }

    /// Returns the whole text of a job.
    #[track_caller]
    pub fn text(&self, job: Job) -> String {
        self.chunks(job).join(" ")
    }

    /// Asks for a document of a job.
    pub fn export(&self, Job(id): Job, format: &str) -> Answer {
        self.post(&format!("/transcript/export?task_id={id}&format={format}"))
    }

    /// Cancels a job.
    pub fn cancel(&self, Job(id): Job) -> Answer {
        self.post(&format!("/transcript/cancel?transcript_id={id}"))
    }
}

/// Sends a request.
#[track_caller]
pub fn send(request: RequestBuilder) -> Answer {
    let response = request.send().expect("the daemon answers");
    let status = response.status().as_u16();
    let body = response.bytes().expect("the answer is whole").to_vec();
    Answer { status, body }
}

/// Makes a name that no other test of this run uses; names have letters only.
fn fresh_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
    let letters = number.bytes().map(|digit| char::from(digit - b'0' + b'a'));
    format!("tester{}", letters.collect::<String>())
}
