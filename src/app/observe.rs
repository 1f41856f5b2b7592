//! Reads files for a question, without any output: once, or for as long as the answer takes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::publisher::Publisher;
use super::{TailThread, descriptors, discover, engine_settings};
use crate::config::{Config, ExitWhen};
use crate::engine::Engine;
use crate::error::Error;
use crate::event::Event;
use crate::hub::{Batch, Hub, HubSettings, Snapshot, StartPosition, StateReader};
use crate::tail::wake::TailHandle;

/// Files that are being read.
pub(crate) struct Observed {
    hub: Hub,
    tail: TailThread,
    _states: StateReader,
}

impl Observed {
    /// Reads what these paths hold now.
    ///
    /// # Errors
    ///
    /// One of them is missing, or nothing is found.
    pub(crate) fn once(paths: &[PathBuf]) -> Result<Arc<Snapshot>, Error> {
        Ok(Observed::read_once(paths)?.snapshot())
    }

    /// Reads what these paths hold now, with the log.
    ///
    /// # Errors
    ///
    /// One of them is missing, or nothing is found.
    pub(crate) fn read_once(paths: &[PathBuf]) -> Result<Observed, Error> {
        let mut observed = Observed::start(paths, ExitWhen::Drained)?;
        observed.tail.join()?;
        Ok(observed)
    }

    /// The newest state.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.hub.snapshot()
    }

    /// The events that the log holds, oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        let mut reader = self.hub.subscribe(StartPosition::Oldest);
        let mut events = Vec::new();
        while let Some(batch) = reader.try_next() {
            match batch {
                Batch::Events(entries) => events.extend(entries.iter().map(|entry| entry.event.clone())),
                Batch::Gap { .. } => {}
            }
        }
        events
    }

    /// Reads these paths and goes on; a missing one is waited for.
    ///
    /// # Errors
    ///
    /// Nothing is named and nothing is found.
    pub(crate) fn follow(paths: &[PathBuf]) -> Result<Observed, Error> {
        Observed::start(paths, ExitWhen::Never)
    }

    fn start(paths: &[PathBuf], exit_when: ExitWhen) -> Result<Observed, Error> {
        let config = Config { exit_when, ..Config::watching(paths.to_vec()) };
        let scope = discover(&config, exit_when)?;
        let engine = Engine::new(engine_settings(&config.read, false, &scope.found));
        let hub = Hub::new(HubSettings::default());
        let states = hub.read_states();
        hub.begin_history();
        let publisher =
            Publisher { hub: hub.clone(), stdout: None, store: None, exit_when, log_to_stderr: false, has_state: false, exit: None };
        let tail = TailThread::start(
            engine,
            publisher,
            scope,
            HashMap::new(),
            &config,
            Some(descriptors::divide_limit(0).files),
            TailHandle::new(),
        )?;
        Ok(Observed { _states: states, hub, tail })
    }

    /// A snapshot newer than this version; `None` when the reading has ended.
    pub(crate) async fn snapshot_after(&self, version: u64) -> Option<Arc<Snapshot>> {
        self.hub.snapshot_after(version).await
    }
}
