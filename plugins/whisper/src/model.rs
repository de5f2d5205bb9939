//! Models: weights shared by the process, and a pool of states for each.
//!
//! A context holds the weights. A state holds what one decoding needs beside them (key-value caches,
//! buffers, some 100 MB for large models) and takes long to make, so states are handed on from one
//! instance to the next. Weights stay loaded until the file behind their path changes.

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use scribed_plugin::prelude::*;
use whisper_rs::{WhisperContext, WhisperContextParameters, WhisperState};

use crate::{Config, device, ffi, file};

static MODELS: LazyLock<Mutex<HashMap<Key, Arc<Model>>>> = LazyLock::new(Mutex::default);

/// What makes two instances share weights.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    path: PathBuf,
    changed: Option<SystemTime>,
    len: u64,
    /// `None` is the CPU.
    device: Option<u32>,
    flash_attn: bool,
}

/// A loaded model.
#[derive(Debug)]
pub(crate) struct Model {
    context: WhisperContext,
    idle: Mutex<Vec<WhisperState>>,
}

/// A borrowed state; it goes back to the pool when this is dropped.
///
/// It is borrowed for one chunk, so that there are as many states as chunks that are decoded at once,
/// and not as many as open instances.
#[derive(Debug)]
pub(crate) struct Slot {
    model: Arc<Model>,
    state: Option<WhisperState>,
}

impl Model {
    /// Returns the model that the options name, loading it if nobody has.
    ///
    /// # Errors
    /// [`StageError::InvalidConfig`] naming the file, what is wrong with it, and what to do;
    /// [`StageError::NoDevice`] where the GPU is missing that the options name.
    pub(crate) fn shared(config: &Config, host: &Host) -> Result<Arc<Self>> {
        let shown = config.model.display();
        let unfit = |reason: &str| {
            StageError::InvalidConfig(format!(
                "model: the file {shown} {reason}; give the path of a whisper.cpp model (ggml-*.bin), \
                 or get one anew"
            ))
        };
        if config.on_gpu() {
            // whisper.cpp itself would go on without a word, on the processor.
            device::insist(config.gpu_device)?;
        }
        file::check(&config.model).map_err(|error| unfit(&error.0))?;
        let metadata = fs::metadata(&config.model).map_err(|e| unfit(&format!("is gone: {e}")))?;
        let key = Key {
            path: fs::canonicalize(&config.model).unwrap_or_else(|_| config.model.clone()),
            changed: metadata.modified().ok(),
            len: metadata.len(),
            device: config.on_gpu().then_some(config.gpu_device),
            flash_attn: config.flash_attn(),
        };
        // Held while loading, so that two instances do not load the same weights.
        let mut models = locked(&MODELS);
        if let Some(model) = models.get(&key) {
            return Ok(Arc::clone(model));
        }
        models.retain(|known, model| known.path != key.path || Arc::strong_count(model) > 1);
        let context = load(config, host).ok_or_else(|| {
            unfit("is not accepted by whisper.cpp, whose reasons stand in the log before this")
        })?;
        let model = Arc::new(Self { context, idle: Mutex::default() });
        models.insert(key, Arc::clone(&model));
        Ok(model)
    }

    /// The weights and the vocabulary.
    pub(crate) fn context(&self) -> &WhisperContext {
        &self.context
    }

    /// Borrows a state from the pool, or makes one when all are in use.
    ///
    /// # Errors
    /// [`StageError::OutOfMemory`] when there is no memory for one.
    pub(crate) fn slot(self: &Arc<Self>, host: &Host) -> Result<Slot> {
        let idle = locked(&self.idle).pop();
        let state = match idle {
            Some(state) => state,
            None => self.fresh(host)?,
        };
        Ok(Slot { model: Arc::clone(self), state: Some(state) })
    }

    /// Makes a state that nobody has used.
    ///
    /// # Errors
    /// [`StageError::OutOfMemory`] when there is no memory for one.
    pub(crate) fn fresh(&self, host: &Host) -> Result<WhisperState> {
        ffi::with_log(host, || self.context.create_state()).map_err(|_| {
            StageError::OutOfMemory(
                "no memory on the device for another decoder state; use fewer slots or a smaller \
                 model"
                    .to_owned(),
            )
        })
    }
}

impl Slot {
    /// Takes the state out, for one decoding.
    ///
    /// # Errors
    /// As [`Model::slot`], when the last decoding lost it.
    pub(crate) fn take(&mut self, host: &Host) -> Result<WhisperState> {
        match self.state.take() {
            Some(state) => Ok(state),
            None => self.model.fresh(host),
        }
    }

    /// Puts the state back after a decoding.
    pub(crate) fn put(&mut self, state: WhisperState) {
        self.state = Some(state);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            locked(&self.model.idle).push(state);
        }
    }
}

fn load(config: &Config, host: &Host) -> Option<WhisperContext> {
    let mut parameters = WhisperContextParameters::default();
    parameters.use_gpu(config.on_gpu());
    parameters.gpu_device(i32::try_from(config.gpu_device).unwrap_or(i32::MAX));
    parameters.flash_attn(config.flash_attn());
    ffi::with_log(host, || WhisperContext::new_with_params(&config.model, parameters)).ok()
}

/// The data behind these locks is whole between any two statements, so a panic elsewhere is no reason
/// to give up.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
