//! The catalog: every stage that was found and may be used, by id.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    CallError, HostContext, Instance, Reason, Refusal, Search, StageInfo, Status,
    handshake::{self, Offer},
    library, search, trust,
};

/// Stages by id. Cheap to clone; all clones are the same catalog.
#[derive(Debug, Clone, Default)]
pub struct Catalog(Arc<BTreeMap<String, Offer>>);

impl Catalog {
    /// Loads every library of a search; those that may not be used come back as refusals.
    ///
    /// A library is taken whole or not at all. Where two bring a stage of the same id, the earlier
    /// one keeps it and the later one is refused.
    pub fn load(search: &Search) -> (Self, Vec<Refusal>) {
        Self::load_telling(search, |_| {})
    }

    /// As [`load`](Self::load); each library is told before any of its code runs, which may end this
    /// process.
    pub fn load_telling(search: &Search, tell: impl Fn(&Path)) -> (Self, Vec<Refusal>) {
        let mut loading = Loading::default();
        for place in &search.folders {
            match search::files(place) {
                Err(error) => loading.refuse(place, Reason::Unreadable(error)),
                Ok(files) => files.iter().for_each(|file| loading.add(file, search, &tell)),
            }
        }
        (Self(Arc::new(loading.offers)), loading.refusals)
    }

    /// Lists the stages in the order of their ids.
    pub fn stages(&self) -> impl Iterator<Item = &StageInfo> {
        self.0.values().map(|offer| &offer.info)
    }

    /// Looks a stage up.
    pub fn stage(&self, id: &str) -> Option<&StageInfo> {
        self.0.get(id).map(|offer| &offer.info)
    }

    /// Makes an instance of a stage. It may block, e.g. while a model is read.
    ///
    /// # Errors
    /// What the stage says of its configuration, or that there is no such stage.
    pub fn open(
        &self,
        id: &str,
        config: &serde_json::Value,
        context: Arc<dyn HostContext>,
    ) -> Result<Instance, CallError> {
        let offer = self.0.get(id).ok_or_else(|| CallError {
            stage: id.to_owned(),
            status: Status::InvalidConfig,
            message: "no plugin has this stage".to_owned(),
        })?;
        Instance::open(offer, config, context)
    }
}

#[derive(Default)]
struct Loading {
    offers: BTreeMap<String, Offer>,
    refusals: Vec<Refusal>,
    /// Real paths that were looked at, so that a library found in two ways is loaded once.
    seen: BTreeSet<PathBuf>,
}

impl Loading {
    fn refuse(&mut self, path: &Path, reason: Reason) {
        self.refusals.push(Refusal { path: path.to_owned(), reason });
    }

    fn add(&mut self, file: &Path, search: &Search, tell: &impl Fn(&Path)) {
        if let Err(reason) = self.try_add(file, &search.pins, tell) {
            self.refuse(file, reason);
        }
    }

    fn try_add(
        &mut self,
        file: &Path,
        pins: &BTreeMap<String, String>,
        tell: &impl Fn(&Path),
    ) -> Result<(), Reason> {
        let real = trust::check(file, pins)?;
        if !self.seen.insert(real.clone()) {
            return Ok(());
        }
        tell(&real);
        // SAFETY: nobody but root or us can have written this file, as was just checked.
        let entry = unsafe { library::open(&real) }?;
        // SAFETY: the loader found it under the name of an entry, and the library stays loaded.
        let offers = unsafe { handshake::shake(entry, &real) }?;
        if let Some(known) = offers.iter().find_map(|offer| self.offers.get(&offer.info.id)) {
            let (id, first) = (known.info.id.clone(), known.info.library.clone());
            return Err(Reason::Duplicate { id, first });
        }
        tracing::debug!(library = %real.display(), stages = offers.len(), "loaded plugin");
        self.offers.extend(offers.into_iter().map(|offer| (offer.info.id.clone(), offer)));
        Ok(())
    }
}
