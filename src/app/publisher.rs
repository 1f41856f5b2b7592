//! Publishes updates, on the thread that looked: stdout first, then the hub, and the state after the events it shows.

use std::io::Stdout;
use std::ops::ControlFlow;

use tokio::sync::oneshot;

use super::{Ended, announce};
use crate::clock::Timestamp;
use crate::config::{Config, Ends};
use crate::error::{Error, Notice};
use crate::hub::Hub;
use crate::model::state::{State, TaskStatus};
use crate::output::ndjson::{Ndjson, Stopped};
use crate::store::Store;
use crate::tail::reader::Update;

/// The one writer of the program.
pub(super) struct Publisher {
    hub: Hub,
    json: Option<Ndjson<Stdout>>,
    store: Option<Store>,
    ends: Ends,
    /// Whether notices and the list of files go to stderr; where a box is drawn, they are its business.
    speaks: bool,
    first: bool,
    /// Who is told why reading was ended from here.
    over: Option<oneshot::Sender<Result<Ended, Error>>>,
}

impl Publisher {
    pub(super) fn new(hub: Hub, store: Option<Store>, config: &Config, speaks: bool) -> Self {
        let json = config.show.json.then(|| Ndjson::new(std::io::stdout()));
        hub.begin_history();
        Publisher { hub, json, store, ends: config.ends, speaks, first: true, over: None }
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Resolves with the reason when the reading is ended from here; fails when the publisher is gone.
    pub(super) fn over(&mut self) -> oneshot::Receiver<Result<Ended, Error>> {
        let (say, over) = oneshot::channel();
        self.over = Some(say);
        over
    }

    /// Takes what a look brought; breaks when the program should end.
    pub(super) fn take(&mut self, update: Update) -> ControlFlow<(), Vec<Notice>> {
        if self.speaks {
            update.notices.iter().for_each(announce::notice);
        }
        // Before anybody else sees them: what a pipe was promised must not be lost, and a pipe that is full stops the reading.
        if let Some(json) = &mut self.json
            && let Err(stopped) = json.write(&update.events)
        {
            return self.end(match stopped {
                Stopped::ReaderGone => Ok(Ended::Done),
                Stopped::Failed(error) => Err(error),
            });
        }
        let mut trouble = Vec::new();
        if !update.events.is_empty() {
            // Before anybody has a cursor of it: what is in the journal is never told twice, and never skipped.
            trouble.extend(self.store.as_mut().and_then(|store| store.append(&update.events, Timestamp::now())));
            self.hub.publish_inline(update.events);
        }
        if let Some(checkpoint) = update.checkpoint {
            trouble.extend(self.store.as_mut().and_then(|store| store.keep(&checkpoint, Timestamp::now())));
        }
        let Some(state) = update.state else { return ControlFlow::Continue(trouble) };
        if std::mem::take(&mut self.first) {
            // The first look is over.
            self.hub.end_history();
            if self.speaks && self.ends != Ends::AtOnce {
                announce::watched(&state);
            }
        }
        let verdict = verdict(&state);
        self.hub.set_state(state);
        // Every event changes the state, so that a state follows it.
        self.hub.wake_deferred();
        match (self.ends, verdict) {
            (Ends::WithTheRun, Some(passed)) => self.end(Ok(Ended::WithTheRun { passed })),
            (Ends::WithTheRun | Ends::Never | Ends::AtOnce, _) => ControlFlow::Continue(trouble),
        }
    }

    fn end(&mut self, why: Result<Ended, Error>) -> ControlFlow<(), Vec<Notice>> {
        // Nobody listens when the program is ending for another reason already.
        let _nobody = self.over.take().is_some_and(|over| over.send(why).is_err());
        ControlFlow::Break(())
    }
}

/// How it all ended, once no task has anything left to do.
fn verdict(state: &State) -> Option<bool> {
    let mut passed = None;
    for task in &state.tasks {
        match task.status {
            // Never begun: a folder taken along, which says nothing about the others.
            TaskStatus::Waiting => {}
            TaskStatus::Running | TaskStatus::Quiet => return None,
            TaskStatus::Passed => passed = Some(passed.unwrap_or(true)),
            TaskStatus::Failed => passed = Some(false),
        }
    }
    passed
}
