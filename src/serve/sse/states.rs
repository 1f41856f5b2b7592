//! `/stream/state`: whole snapshots for screens. The latest wins, so nothing is replayed and there is nothing to resume.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Instant, Interval};

use super::super::Serving;
use super::{Ending, Feed, Seat, Writing, bye, control, heartbeats, hello};
use crate::clock::Timestamp;
use crate::hub::{Hub, Snapshot};

/// Ten a second, as many as a screen can use, with a little for the way to the client, which may squeeze two together.
const INTERVAL: Duration = Duration::from_millis(105);

pub(super) struct States {
    hub: Hub,
    shown: Arc<Snapshot>,
    /// The first one after a rest goes at once.
    not_before: Instant,
    heartbeats: Interval,
    ending: Ending,
    phase: Phase,
    _seat: Seat,
}

enum Phase {
    /// The greeting is still to be said.
    New(Bytes),
    Following,
    Over,
}

impl States {
    pub(super) fn new(serving: &Serving, seat: Seat) -> Self {
        let shown = serving.hub.snapshot();
        let heartbeat = serving.settings.state_heartbeat;
        States {
            hub: serving.hub.clone(),
            not_before: Instant::now(),
            heartbeats: heartbeats(heartbeat),
            ending: Ending::new(&serving.stopping),
            phase: Phase::New(hello(serving, &shown.cursor, heartbeat)),
            shown,
            _seat: seat,
        }
    }

    async fn follow(&mut self) -> Option<Bytes> {
        tokio::select! {
            biased;
            newer = newer_than(&self.hub, self.shown.version, self.not_before) => match newer {
                Some(newer) => Some(self.show(newer)),
                None => self.last_words(),
            },
            () = self.ending.comes() => self.last_words(),
            _ = self.heartbeats.tick() => Some(self.heartbeat()),
        }
    }

    fn show(&mut self, snapshot: Arc<Snapshot>) -> Bytes {
        self.not_before = Instant::now() + INTERVAL;
        self.shown = snapshot;
        self.shown.frame()
    }

    fn last_words(&mut self) -> Option<Bytes> {
        self.phase = Phase::Over;
        let mut writing = Writing::default();
        let last = self.hub.snapshot();
        if last.version > self.shown.version {
            writing.push(self.show(last));
        }
        writing.push(bye(&self.shown.cursor));
        writing.finish()
    }

    /// An event, not a comment: page code cannot see comments, and must know when to stop calling itself live.
    fn heartbeat(&self) -> Bytes {
        #[derive(Serialize)]
        struct Heartbeat {
            server_time: Timestamp,
        }
        control(&self.shown.cursor, "heartbeat", &Heartbeat { server_time: Timestamp::now() }, None)
    }
}

impl Feed for States {
    async fn next(&mut self) -> Option<Bytes> {
        match &mut self.phase {
            Phase::New(hello) => {
                let mut writing = Writing::default();
                writing.push(std::mem::take(hello));
                self.phase = Phase::Following;
                writing.push(self.show(self.shown.clone()));
                writing.finish()
            }
            Phase::Following => self.follow().await,
            Phase::Over => None,
        }
    }
}

async fn newer_than(hub: &Hub, version: u64, not_before: Instant) -> Option<Arc<Snapshot>> {
    if not_before > Instant::now() {
        tokio::time::sleep_until(not_before).await;
    }
    hub.snapshot_after(version).await
}
