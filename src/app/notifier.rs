//! Starts what tells people, and gives it what it keeps.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use super::messages;
use crate::config::{ExitWhen, NotifyConfig};
use crate::error::Notice;
use crate::hub::Hub;
use crate::notifications::{EndSource, Notifier, SaveFunction};
use crate::store::Store;
use crate::tail::wake::TailHandle;

/// How long telling may go on after the end of the run.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// What the store has of an earlier process, and how more is kept.
#[derive(Default)]
pub(super) struct KeptNotifications {
    saved: Option<Vec<u8>>,
    save: Option<SaveFunction>,
}

impl KeptNotifications {
    pub(super) fn new(store: Option<&Store>, saved: Option<Vec<u8>>) -> Self {
        KeptNotifications { saved, save: store.map(|store| Box::new(store.notifications_writer()) as SaveFunction) }
    }
}

/// Of our own files. With `--once` everything is there at the start, so there is nothing to tell.
pub(super) fn spawn(
    config: NotifyConfig,
    exit_when: ExitWhen,
    hub: &Hub,
    address: Option<SocketAddr>,
    tail: TailHandle,
    kept: KeptNotifications,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if config.receivers.is_empty() || exit_when == ExitWhen::Drained {
        return tasks;
    }
    let own_hub = hub.clone();
    // The thread that publishes notices ends before the last ones may come.
    let report = move |notice: Notice| if own_hub.is_closed() { messages::print_notice(&notice) } else { tail.add_notice(notice) };
    let notifier = Notifier {
        hub: hub.clone(),
        receivers: config.receivers,
        chosen: config.chosen,
        ends: EndSource::Events,
        page: address.map(|address| format!("http://{address}/")),
        saved: kept.saved,
        save: kept.save,
        report: Box::new(report),
    };
    tasks.spawn(notifier.run());
    tasks
}

/// Of another bridge, which is followed by its states.
pub(super) fn spawn_remote(config: NotifyConfig, hub: &Hub, page: String) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if config.receivers.is_empty() {
        return tasks;
    }
    let notifier = Notifier {
        hub: hub.clone(),
        receivers: config.receivers,
        chosen: config.chosen,
        ends: EndSource::States,
        page: Some(page),
        saved: None,
        save: None,
        report: Box::new(|notice| messages::print_notice(&notice)),
    };
    tasks.spawn(notifier.run());
    tasks
}
