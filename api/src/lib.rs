//! The HTTP side: documented surfaces over the engine and the store.
//!
//! - [`Api`] is everything that requests need; [`serve`] answers them on a listener.
//! - `surface/` has one folder per documented API and one file per endpoint.
//! - `routes.rs` puts them together; `ENDPOINTS` lists them.
//! - `extract.rs`, `validate.rs`, `limits.rs` read requests; `answer.rs` makes answers.
//! - `callbacks.rs` says what whoever is told of the end of a job hears.
//! - `recording.rs` takes recordings in, for every surface that does.
//! - `auth/` knows who calls, `rate.rs` how often; `server.rs` is the accept loop with its timers and
//!   limits.
//!
//! A rejection of warp means only "not my route". Everything else, also every error, is an answer:
//! caller, query and body reach a handler as `Result` values that it unwraps with `?`.
#![forbid(unsafe_code)]

mod answer;
mod auth;
mod callbacks;
pub mod config;
mod extract;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod idempotency;
mod limits;
mod multipart;
mod ops;
mod rate;
mod recording;
mod recover;
mod routes;
mod server;
mod surface;
mod validate;

use std::sync::Arc;

use scribed_engine::Engine;
use tokio_util::task::TaskTracker;

pub use crate::auth::admin::{ADMIN, AdminAccount, AdminError, ensure_admin};
pub use crate::auth::api_key::FreshKey;
pub use crate::auth::password::{HashError, hash_password};
pub use crate::auth::secret::Secrets;
pub use crate::callbacks::SurfaceForms;
pub use crate::config::Config;
pub use crate::routes::{ENDPOINTS, Endpoint};
pub use crate::server::{count_from_zero, serve};
pub use crate::surface::transcriptions::{password_is_acceptable, username_is_acceptable};

use crate::auth::password::Hasher;
use crate::auth::token::Signer;
use crate::rate::Rates;

/// Shortest key for HS256, in bytes: the size of its hash (RFC 7518 §3.2).
const SHORTEST_KEY: usize = 32;

/// Everything that requests need. A clone is cheap and shares it all.
#[derive(Debug, Clone)]
pub struct Api {
    pub(crate) shared: Arc<Shared>,
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) config: Config,
    pub(crate) secrets: Secrets,
    pub(crate) signer: Signer,
    pub(crate) hasher: Hasher,
    pub(crate) rates: Rates,
    /// Work that goes on when its client has gone, such as submitting what was uploaded whole.
    pub(crate) tasks: TaskTracker,
    /// The descriptions of the surfaces, as JSON.
    pub(crate) descriptions: ops::Descriptions,
}

/// The HTTP side cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The signing key is too short to keep tokens from being forged.
    #[error("the signing key has {0} bytes; it needs at least {SHORTEST_KEY}")]
    ShortKey(usize),
    /// No password can be hashed.
    #[error("passwords cannot be hashed on this machine")]
    Hash(#[from] HashError),
    /// The description of the API that is built in cannot be read.
    #[error("the built-in API description cannot be read")]
    Description(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Api {
    /// Makes the HTTP side of an engine.
    ///
    /// # Errors
    /// When a secret cannot do its work, or passwords cannot be hashed.
    pub fn new(engine: Engine, config: Config, secrets: Secrets) -> Result<Self, SetupError> {
        let key_bytes = secrets.signing_key.expose().len();
        if key_bytes < SHORTEST_KEY {
            return Err(SetupError::ShortKey(key_bytes));
        }
        let signer = Signer::new(&secrets.signing_key, &config.auth);
        let hasher = Hasher::new(config.auth.hash_concurrency)?;
        let rates = Rates::new(&config.limits);
        let descriptions = ops::Descriptions::read().map_err(SetupError::Description)?;
        let tasks = TaskTracker::new();
        let shared = Shared { engine, config, secrets, signer, hasher, rates, tasks, descriptions };
        Ok(Self { shared: Arc::new(shared) })
    }
}
