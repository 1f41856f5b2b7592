//! Publishes each update of the tail reader: stdout first, then the journal, then the hub, and the state after its events.

use std::ops::ControlFlow;

use tokio::sync::oneshot;

use super::{ExitReason, messages};
use crate::clock::Timestamp;
use crate::config::ExitWhen;
use crate::error::{Error, Notice};
use crate::hub::Hub;
use crate::model::state::{State, TaskStatus};
use crate::output::{SinkError, StdoutSink};
use crate::store::Store;
use crate::tail::reader::{DueSnapshot, Update};

/// The program's only writer of events and states. The thread that polls the files calls it.
pub(super) struct Publisher {
    pub(super) hub: Hub,
    pub(super) stdout: Option<Box<dyn StdoutSink>>,
    pub(super) store: Option<Store>,
    pub(super) exit_when: ExitWhen,
    /// Whether stderr gets notices and the list of files. The live box shows both itself.
    pub(super) log_to_stderr: bool,
    /// Whether the first state has been published.
    pub(super) has_state: bool,
    /// Receives the reason when this publisher ends the reading.
    pub(super) exit: Option<oneshot::Sender<Result<ExitReason, Error>>>,
}

impl Publisher {
    /// Publishes `update`. Returns the store's new notices, or `Break` when the program must end.
    pub(super) fn publish(&mut self, update: Update) -> ControlFlow<(), Vec<Notice>> {
        if self.log_to_stderr {
            update.notices.iter().for_each(messages::print_notice);
        }
        let events = self.hub.serialized(update.events);
        // Stdout goes first: it must not lose an event, and a full pipe stops the reading here.
        if let Some(sink) = &mut self.stdout
            && let Err(error) = sink.update(&events, update.activities.as_ref(), update.snapshot.as_ref().and_then(DueSnapshot::made))
        {
            return self.end(match error {
                SinkError::ReaderGone => Ok(ExitReason::Done),
                SinkError::Failed(error) => Err(error),
            });
        }
        let mut notices = Vec::new();
        if !events.is_empty() {
            // The journal has each event before a client has its cursor, so that a restart neither repeats nor skips one.
            notices.extend(self.store.as_mut().and_then(|store| store.append(&events, Timestamp::now())));
            self.hub.publish_inline(events);
        }
        if let Some(activities) = update.activities {
            self.hub.set_activities(activities);
        }
        if let Some(checkpoint) = update.checkpoint {
            notices.extend(self.store.as_mut().and_then(|store| store.write_checkpoint(&checkpoint, Timestamp::now())));
        }
        let Some(snapshot) = update.snapshot else {
            return ControlFlow::Continue(notices);
        };
        let result = snapshot.made().and_then(run_result);
        if let DueSnapshot::Made(state) | DueSnapshot::Outline(state) = &snapshot
            && !std::mem::replace(&mut self.has_state, true)
        {
            // The first state follows the first poll of all files.
            self.hub.end_history();
            if self.log_to_stderr && self.exit_when != ExitWhen::Drained {
                messages::print_watched_files(state);
            }
        }
        if let DueSnapshot::Made(state) = snapshot {
            self.hub.set_state(state);
        }
        // Every event changes the state, so a snapshot is due after every `publish_inline`.
        self.hub.wake_deferred();
        match (self.exit_when, result) {
            (ExitWhen::RunCompletes, Some(passed)) => self.end(Ok(ExitReason::RunCompleted { passed })),
            (ExitWhen::RunCompletes | ExitWhen::Never | ExitWhen::Drained, _) => ControlFlow::Continue(notices),
        }
    }

    fn end(&mut self, reason: Result<ExitReason, Error>) -> ControlFlow<(), Vec<Notice>> {
        // The receiver is gone when the program is already ending for another reason.
        let _unheard = self.exit.take().is_some_and(|exit| exit.send(reason).is_err());
        ControlFlow::Break(())
    }
}

/// Whether all tasks passed; `None` while one of them may still change, and when none has begun.
pub(super) fn run_result(state: &State) -> Option<bool> {
    let mut passed = None;
    for task in &state.tasks {
        match task.status {
            // Not begun, for example a discovered folder that nobody works on: it decides nothing.
            TaskStatus::Waiting | TaskStatus::Planned => {}
            TaskStatus::Running => return None,
            TaskStatus::Passed => passed = Some(passed.unwrap_or(true)),
            TaskStatus::Failed | TaskStatus::Ended => passed = Some(false),
        }
    }
    passed
}
