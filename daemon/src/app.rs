//! The daemon: built, then running, then stopped.
//!
//! [`App::build`] does everything that can be refused: state folder, secrets, plugins, model, pipelines,
//! database. [`App::start`] opens the door, and [`Running::run`] stays until the end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use scribed_api::{AdminAccount, Api, SurfaceForms};
use scribed_engine::{CallKey, Calls, Clock, Config as EngineConfig, Engine, Parts, SystemClock};
use scribed_media::{Inbox, MediaStore};
use scribed_outbound::Outbound;
use scribed_schemas::id::IdGenerator;
use scribed_store::{FolderLock, SqliteStore, Store};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::backends::{self, Database, Node};
use crate::config::{BusBackend, Config};
use crate::failure::Failure;
use crate::health::{Guardian, Health};
use crate::lifecycle::{Ending, Lifecycle};
use crate::secrets::StoredSecrets;
use crate::stages::Warm;
use crate::state_folder::{StateFolder, private_folder};
use crate::telemetry::Metrics;
use crate::telemetry::traces::Traced;
use crate::workers;

/// How long the end may take beyond requests and chunks: stages that do not stop, news, connections.
const CLOSING: Duration = Duration::from_secs(25);

/// A daemon that could run.
#[derive(Debug)]
pub struct App {
    config: Config,
    folder: StateFolder,
    secrets: StoredSecrets,
    database: Database,
    media: Arc<dyn MediaStore>,
    engine: Engine,
    node: Node,
    ids: Arc<IdGenerator>,
    warm: Option<Warm>,
    metrics: Option<Metrics>,
    lock: FolderLock,
    /// Our name in leases.
    host: String,
}

/// A daemon that answers.
#[derive(Debug)]
pub struct Running {
    listener: TcpListener,
    api: Api,
    engine: Engine,
    database: Database,
    node: Node,
    folder: StateFolder,
    health: Health,
    /// Answers probes until everything is closed.
    guardian: Guardian,
    address: SocketAddr,
    /// Keeps the model loaded, where stages run in this process.
    warm: Option<Warm>,
    /// Keeps a second daemon out, until everything is closed.
    lock: FolderLock,
}

impl App {
    /// Puts the daemon together. Blocks, e.g. while a model is read; connections are made on the
    /// runtime.
    ///
    /// # Errors
    /// Names what cannot be used, why, and what to do.
    pub fn build(config: Config, folder: StateFolder, runtime: &Handle) -> Result<Self, Failure> {
        backends::check(&config)?;
        // Before anything happens that is measured.
        let metrics = config.health.address()?.map(|_| Metrics::start()).transpose()?;
        folder.open()?;
        let lock = SqliteStore::lock(folder.path()).map_err(Failure::refused)?;
        // What an earlier daemon left is no address of ours.
        folder.withdraw().context("cannot remove the old file `listen`")?;
        let host = folder.host().context("cannot tell the name of this daemon")?;
        let secrets = StoredSecrets::open(&secrets_folder(&config, &folder))?;
        for file in &secrets.made {
            tracing::info!(file = %file.display(), "made a secret");
        }
        let (plans, stages) = runtime.block_on(async {
            let stages = workers::load(&config, &folder).await?;
            let plans = stages.plans_or_refuse()?;
            Ok::<_, Failure>((plans, workers::start(&config, &folder, &stages).await?))
        })?;
        let media = backends::media(&config, &folder)?;
        let (database, bus, node) = runtime.block_on(async {
            media.ping().await.map_err(Failure::refused)?;
            let database = Database::open(&config, &folder).await?;
            let bus = backends::bus(&config, &folder, &database).await?;
            let node = database.node(&host).await?;
            Ok::<_, Failure>((database, bus, node))
        })?;
        let ids = Arc::new(IdGenerator::new(node.number));
        let publish = config.engine.publish.unwrap_or(config.bus.backend == BusBackend::Kafka);
        let engine = Engine::new(Parts {
            store: store(&config, &database),
            media: media.clone(),
            inbox: Inbox::new(&config.media),
            outbound: Outbound::new(&config.outbound).map_err(Failure::refused)?,
            calls: Calls {
                forms: Arc::new(SurfaceForms),
                key: Some(CallKey::new(secrets.callback_key.clone())),
            },
            bus,
            runner: stages.runner,
            plans,
            clock: Arc::new(SystemClock),
            ids: ids.clone(),
            config: EngineConfig { publish: Some(publish), ..config.engine.clone() },
            holder: host.clone(),
        });
        Ok(Self {
            config,
            folder,
            secrets,
            database,
            media,
            engine,
            node,
            ids,
            warm: stages.warm,
            metrics,
            lock,
            host,
        })
    }

    /// Opens the door: from here on requests are answered once [`Running::run`] is called.
    ///
    /// # Errors
    /// When the address is taken, or the state cannot be prepared.
    pub async fn start(self) -> Result<Running, Failure> {
        let swept = self.media.sweep().await.context("cannot clean up after an earlier stop")?;
        if swept > 0 {
            tracing::info!(swept, "removed what interrupted uploads had left");
        }
        let store = self.database.store();
        release_former(store.as_ref(), &self.host).await?;
        let places = secrets_folder(&self.config, &self.folder);
        make_admin(store.as_ref(), &self.ids, &self.secrets, &places).await?;
        let mut settings = self.config.api();
        if settings.http.spool_folder.as_os_str().is_empty() {
            settings.http.spool_folder = self.folder.spool();
        }
        private_folder(&settings.http.spool_folder).context("make `http.spool_folder`")?;
        let api = Api::new(self.engine.clone(), settings, self.secrets.api.clone())
            .map_err(Failure::refused)?;
        let health = Health::new(self.engine.clone(), &self.config.health);
        let guardian = self.guard(&health)?;
        let wanted = self.config.http.listen;
        let listener = TcpListener::bind(wanted).await.map_err(|error| {
            Failure::refused(anyhow!("cannot listen on {wanted}: {error}"))
                .hint("name another address by --listen; port 0 takes a free one")
        })?;
        let address = listener.local_addr().context("cannot find out the address in use")?;
        self.folder.announce(address).context("cannot write the file `listen`")?;
        ready(address, &self.folder);
        Ok(Running {
            listener,
            api,
            engine: self.engine,
            database: self.database,
            node: self.node,
            folder: self.folder,
            health,
            guardian,
            address,
            warm: self.warm,
            lock: self.lock,
        })
    }

    /// Begins to answer probes, and to feed the watchdog.
    fn guard(&self, health: &Health) -> Result<Guardian, Failure> {
        let listen = self.config.health.address()?;
        // Requests and chunks end side by side; what is closed afterwards has limits of its own.
        let (requests, chunks) =
            (self.config.http.drain_timeout_secs, self.config.engine.drain_timeout_secs);
        let drain = Duration::from_secs(requests.max(chunks)) + CLOSING;
        Guardian::start(health.clone(), self.metrics.clone(), listen, drain)
    }
}

impl Running {
    /// Serves until a signal, then drains.
    ///
    /// Requests in work and chunks in the recogniser are finished side by side: what a last request
    /// submits is in the store, and the next daemon takes it from there.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub async fn run(self) -> anyhow::Result<Ending> {
        let Self { listener, api, engine, database, node, folder, health, guardian, .. } = self;
        let lifecycle = Lifecycle::default();
        lifecycle.start("http", |stop| scribed_api::serve(listener, api, stop));
        let keeper = engine.clone();
        lifecycle.start("orphans", |stop| async move { keeper.remove_orphans(stop).await });
        lifecycle.start("engine", |stop| async move { engine.run(stop).await });
        lifecycle.start("node number", |stop| node.keep(stop));
        lifecycle.start("health", |stop| health.look(guardian.measures(), stop));
        guardian.serving(self.address);
        let ending = lifecycle.run(|| guardian.draining()).await?;
        if let Err(error) = folder.withdraw() {
            tracing::warn!(%error, "cannot remove the file `listen`");
        }
        if ending != Ending::Cut {
            database.close().await;
            tracing::info!("stopped");
        }
        drop((self.warm, self.lock));
        Ok(ending)
    }
}

/// Returns the store that the engine works with.
fn store(config: &Config, database: &Database) -> Arc<dyn Store> {
    if config.telemetry.traces.endpoint.is_empty() {
        return database.store();
    }
    Arc::new(Traced::new(database.store(), database.system()))
}

/// Makes the administrator's account at first start, and says so.
async fn make_admin(
    store: &dyn Store,
    ids: &IdGenerator,
    secrets: &StoredSecrets,
    folder: &Path,
) -> Result<(), Failure> {
    let password = secrets.admin_password.expose();
    let made = scribed_api::ensure_admin(store, ids, &SystemClock, password).await?;
    if let AdminAccount::Created(_) = made {
        let file = folder.join("admin-password");
        tracing::info!(
            account = scribed_api::ADMIN,
            password_file = %file.display(),
            "made the administrator's account"
        );
    }
    Ok(())
}

/// Returns the folder of secrets.
pub(crate) fn secrets_folder(config: &Config, folder: &StateFolder) -> PathBuf {
    let chosen = &config.state.secrets;
    if chosen.as_os_str().is_empty() { folder.secrets() } else { chosen.clone() }
}

/// Says that the daemon serves, and where.
fn ready(address: SocketAddr, folder: &StateFolder) {
    tracing::info!(
        %address,
        state = %folder.path().display(),
        version = env!("CARGO_PKG_VERSION"),
        "ready"
    );
}

/// Hands back what our former self held when it ended without doing so: nobody else has our name,
/// and the lock of the folder says that it is gone.
async fn release_former(store: &dyn Store, host: &str) -> Result<(), Failure> {
    let released = store.release_holder(host, SystemClock.now()).await;
    let released = released.context("cannot take up the jobs of an earlier run")?;
    if released > 0 {
        tracing::info!(released, "jobs of an earlier run are queued again");
    }
    Ok(())
}
