//! A server on a free port over memory parts, with a folder for recordings.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use http::Method;
use scribed_api::{Api, Config, FreshKey, Secrets, hash_password, serve};
use scribed_bus::MemoryBus;
use scribed_engine::testing::{ScriptedRunner, outbound, shapes};
use scribed_engine::{Engine, Parts, PipelineConfig, Plans, StageConfig, SystemClock};
use scribed_media::{Inbox, LocalMedia};
use scribed_schemas::account::{Account, Role};
use scribed_schemas::api_key::{ApiKey, Scopes};
use scribed_schemas::id::{AccountId, ApiKeyId, IdGenerator, JobId};
use scribed_schemas::job::{Job, JobState};
use scribed_schemas::secret::Secret;
use scribed_store::{MemoryStore, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::reply::Reply;
use crate::request::Request;

pub(crate) const KEY: &str = "a signing key for tests of at least 32 bytes";
pub(crate) const ADMIN_TOKEN: &str = "the-admin-token";
pub(crate) const WORKER_TOKEN: &str = "the-worker-token";
pub(crate) const PASSWORD: &str = "Secret-12!";

/// The hash of [`PASSWORD`], made once: it costs its time.
static HASH: LazyLock<String> = LazyLock::new(|| hash_password(PASSWORD).expect("hashing works"));

/// A running server.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Engine,
    pub(crate) runner: Arc<ScriptedRunner>,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    folder: TempDir,
}

impl House {
    /// Opens a server with default settings.
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// Opens a server with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::over(Arc::new(MemoryStore::new()), change).await
    }

    /// Opens a server over another store.
    pub(crate) async fn over(store: Arc<dyn Store>, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.auth.hash_concurrency = 64;
        // All tests have the same address.
        config.limits.account_tries_per_minute = 0;
        config.limits.address_tries_per_minute = 0;
        change(&mut config);
        let folder = tempfile::tempdir().expect("a folder");
        let runner = Arc::new(ScriptedRunner::default());
        let engine = engine(store, folder.path(), &runner);
        let secrets = Secrets {
            signing_key: Secret::new(KEY),
            admin_token: Secret::new(ADMIN_TOKEN),
            worker_token: Secret::new(WORKER_TOKEN),
        };
        let api = Api::new(engine.clone(), config, secrets).expect("the parts are good");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, api, stop.clone()));
        Self { address, engine, runner, stop, serving, folder }
    }

    /// Lets the engine work on jobs.
    pub(crate) fn work(&self) {
        let (engine, stop) = (self.engine.clone(), self.stop.clone());
        tokio::spawn(async move { engine.run(stop).await });
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        Request::new(self.address, Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Request {
        Request::new(self.address, Method::POST, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Request {
        Request::new(self.address, Method::DELETE, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Request {
        Request::new(self.address, Method::PATCH, path)
    }

    /// Makes an account that may do everything and returns its id.
    pub(crate) async fn account(&self, username: &str) -> AccountId {
        let (id, now) = (AccountId(self.engine.new_id()), self.engine.now());
        let account = Account {
            id,
            username: username.to_owned(),
            password_hash: HASH.clone(),
            role: Role::User,
            active: true,
            can_interact: true,
            holds_jobs: false,
            password_epoch: 0,
            created: now,
            updated: now,
        };
        self.engine.store().create_account(account).await.expect("the store takes it");
        id
    }

    pub(crate) async fn login(&self, username: &str) -> Reply {
        let body = json!({ "username": username, "password": PASSWORD });
        self.post("/auth/login").json(&body).send().await
    }

    /// Makes an account, logs in, and returns the access token.
    pub(crate) async fn user(&self, username: &str) -> String {
        self.account(username).await;
        let tokens = self.login(username).await.json();
        tokens["access_token"].as_str().expect("a token").to_owned()
    }

    /// Makes an API key of an account and returns its text.
    pub(crate) async fn api_key(&self, account: AccountId, scopes: Scopes) -> String {
        let fresh = FreshKey::draw();
        let key = ApiKey {
            id: ApiKeyId(self.engine.new_id()),
            account,
            hash: fresh.hash,
            label: String::new(),
            scopes,
            created: self.engine.now(),
            expires: None,
            revoked: None,
        };
        self.engine.store().create_api_key(key).await.expect("the store takes it");
        fresh.text.expose().to_owned()
    }

    /// Uploads a script and returns the id of its job.
    pub(crate) async fn upload(&self, token: &str, script: &str) -> JobId {
        let request = self.post("/upload-audiofile").bearer(token);
        let reply = request.file("audiofile", "talk.mp3", script.as_bytes()).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        JobId(reply.json()["task_id"].as_i64().expect("an integer"))
    }

    /// Reports as an external worker.
    pub(crate) async fn report(&self, body: Value) -> Reply {
        let path = format!("/worker/transcription_status?secret_worker_token={WORKER_TOKEN}");
        self.post(&path).json(&body).send().await
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.engine.store().job(id).await.expect("the store answers").expect("the job is there")
    }

    /// Waits until a job is in a state.
    pub(crate) async fn until(&self, id: JobId, state: JobState) -> Job {
        self.until_met(id, |job| job.state == state).await
    }

    /// Waits until a job meets a condition.
    pub(crate) async fn until_met(&self, id: JobId, is_met: impl Fn(&Job) -> bool) -> Job {
        for _ in 0..1_000 {
            let job = self.job(id).await;
            if is_met(&job) {
                return job;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the job never got there: {:?}", self.job(id).await);
    }

    /// Returns how many files lie in the folder of recordings.
    pub(crate) fn files(&self) -> usize {
        count(self.folder.path())
    }

    /// Waits until the folder of recordings holds so many files.
    pub(crate) async fn until_files(&self, expected: usize) {
        for _ in 0..500 {
            if self.files() == expected {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{} files are left, not {expected}", self.files());
    }
}

fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
}

fn engine(store: Arc<dyn Store>, folder: &Path, runner: &Arc<ScriptedRunner>) -> Engine {
    let mut stages = vec![StageConfig::new("test.cut"), StageConfig::new("test.recognise")];
    let renderer =
        |format: &str| StageConfig::renderer("test.render", format).with("format", format);
    stages.extend(["txt", "docx", "srt", "vtt"].map(renderer));
    let pipeline = PipelineConfig { name: "default".to_owned(), stages };
    let media = LocalMedia::open(folder, &scribed_media::Config::default()).expect("a media store");
    Engine::new(Parts {
        store,
        media: Arc::new(media),
        inbox: Inbox::default(),
        outbound: outbound(),
        bus: Arc::new(MemoryBus::new()),
        runner: runner.clone(),
        plans: Plans::from_shapes(&[pipeline], &shapes()).expect("the pipeline fits"),
        clock: Arc::new(SystemClock),
        ids: Arc::new(IdGenerator::new(0)),
        config: scribed_engine::Config::default(),
        holder: "test".to_owned(),
    })
}
