//! Follows the hub, and carries out what the pure parts decide: one task, and one more for each try.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::bell;
use super::command::HookCommand;
use super::http;
use super::occasion::{Detector, EndSource, Notification, OccasionKind};
use super::outbox::{DeliveryResult, DueDelivery, Outbox, Trouble};
use super::request::Webhook;
use super::saved::SavedNotifications;
use super::signature::SigningSecret;
use crate::backoff;
use crate::clock::Timestamp;
use crate::error::{Notice, NoticeKind};
use crate::hub::{Batch, Cursor, Hub, StartPosition, Subscription};

/// How long what is due at the end of the program may take: a few answers over TLS.
const LAST_TRIES: Duration = Duration::from_secs(8);

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// A command on this machine.
    Command(HookCommand),
    /// Called by HTTP; the secret signs what Standard Webhooks receivers get.
    Webhook(Webhook, Option<SigningSecret>),
    /// The bell of this terminal.
    Bell,
}

/// Replaces the whole of what must survive a restart.
pub type SaveFunction = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send>;

/// All that notifications need.
pub struct Notifier {
    /// The log and the states.
    pub hub: Hub,
    /// Who is told.
    pub receivers: Vec<Receiver>,
    /// What is told.
    pub chosen: Vec<OccasionKind>,
    /// Where ends of runs are taken from.
    pub ends: EndSource,
    /// The address of the page, when there is one.
    pub page: Option<String>,
    /// What an earlier process kept.
    pub saved: Option<Vec<u8>>,
    /// Keeps it; `None` for a run that keeps nothing.
    pub save: Option<SaveFunction>,
    /// Takes what a person must know.
    pub report: Box<dyn Fn(Notice) + Send>,
}

struct Runner {
    notifier: Notifier,
    events: Subscription,
    detector: Detector,
    outbox: Outbox,
    tries: JoinSet<(usize, DeliveryResult)>,
    started: Instant,
    /// News begin after this event, when an earlier process looked at it.
    looked_at: Option<Cursor>,
    /// Version of the last state that was looked at.
    version: u64,
    is_write_reported: bool,
}

impl Notifier {
    /// Tells until the hub is closed, and then what is due.
    pub async fn run(self) {
        let _states = self.hub.read_states();
        let saved = self.saved.as_deref().and_then(SavedNotifications::parse);
        let mut detector = Detector::new(&self.chosen, self.ends);
        let mut outbox = Outbox::new(self.receivers.len());
        let mut looked_at = None;
        if let Some(saved) = saved {
            looked_at = saved.cursor.parse::<Cursor>().ok();
            detector.remember(saved.known);
            for (index, receiver) in self.receivers.iter().enumerate() {
                outbox.restore(index, receiver.saved(&saved.waiting).cloned().unwrap_or_default(), Duration::ZERO);
            }
            saved.collected.into_iter().for_each(|notification| outbox.add(notification, Duration::ZERO));
        }
        let events = self.hub.subscribe(StartPosition::Oldest);
        let (tries, started) = (JoinSet::new(), Instant::now());
        Runner { events, detector, outbox, tries, started, looked_at, version: 0, is_write_reported: false, notifier: self }.run().await;
    }
}

impl Receiver {
    /// What names it from one process to the next.
    fn key(&self) -> String {
        match self {
            Receiver::Command(command) => command.key(),
            Receiver::Webhook(webhook, _) => webhook.key(),
            Receiver::Bell => "bell".to_owned(),
        }
    }

    /// What waits for it. Up to version 1.5.0 a command was known by its name alone.
    fn saved<'s>(&self, waiting: &'s BTreeMap<String, Vec<Notification>>) -> Option<&'s Vec<Notification>> {
        let by_name = match self {
            Receiver::Command(command) => waiting.get(&format!("command {}", command.name())),
            Receiver::Webhook(..) | Receiver::Bell => None,
        };
        waiting.get(&self.key()).or(by_name)
    }

    /// As notices call it: without secrets.
    fn name(&self) -> String {
        match self {
            Receiver::Command(command) => command.name().to_owned(),
            Receiver::Webhook(webhook, _) => webhook.to_string(),
            Receiver::Bell => "the bell".to_owned(),
        }
    }
}

impl Runner {
    async fn run(mut self) {
        loop {
            self.start_tries();
            let due = self.outbox.next_due().map(|due| self.started + due);
            let hub = self.notifier.hub.clone();
            tokio::select! {
                batch = self.events.next() => match batch {
                    Some(batch) => self.take_events(batch),
                    None => break,
                },
                Some(snapshot) = hub.snapshot_after(self.version) => {
                    // The events before it first: they may tell the same, with their ids.
                    while let Some(batch) = self.events.try_next() {
                        self.take_events(batch);
                    }
                    self.take_state(snapshot.version, &snapshot.state);
                }
                Some(result) = self.tries.join_next() => self.take_result(result),
                () = tokio::time::sleep_until(due.unwrap_or(self.started)), if due.is_some() => {}
            }
        }
        self.finish().await;
    }

    fn take_events(&mut self, batch: Batch) {
        let Batch::Events(entries) = batch else { return };
        let snapshot = self.notifier.hub.snapshot();
        let mut found = false;
        for entry in &entries {
            let is_new = match &self.looked_at {
                Some(cursor) => *cursor.epoch == *self.notifier.hub.epoch() && entry.event.seq > cursor.seq,
                None => self.events.is_live(entry),
            };
            if !is_new {
                continue;
            }
            if let Some(notification) = self.detector.event(entry, &snapshot.state, Timestamp::now()) {
                self.outbox.add(notification, self.started.elapsed());
                found = true;
            }
        }
        if found {
            self.save();
        }
    }

    fn take_state(&mut self, version: u64, state: &crate::model::state::State) {
        let is_first = std::mem::replace(&mut self.version, version) == 0;
        let found = self.detector.state(state, !is_first);
        let is_found = !found.is_empty();
        found.into_iter().for_each(|notification| self.outbox.add(notification, self.started.elapsed()));
        if is_first || is_found {
            self.save();
        }
    }

    fn start_tries(&mut self) {
        let (attempts, troubles) = self.outbox.due(self.started.elapsed());
        self.report(troubles);
        for DueDelivery { receiver, notification } in attempts {
            let page = self.notifier.page.clone();
            match self.notifier.receivers[receiver].clone() {
                Receiver::Command(command) => {
                    self.tries.spawn(async move { (receiver, command.run(&notification, page.as_deref()).await) });
                }
                Receiver::Webhook(webhook, secret) => {
                    let request = webhook.request(&notification, secret.as_ref(), page.as_deref(), Timestamp::now());
                    self.tries.spawn(async move { (receiver, http::send(request).await) });
                }
                Receiver::Bell => {
                    self.tries.spawn(async move { (receiver, bell::ring(&notification).await) });
                }
            }
        }
    }

    fn take_result(&mut self, result: Result<(usize, DeliveryResult), tokio::task::JoinError>) {
        let Ok((receiver, outcome)) = result else { return };
        let changed = !matches!(outcome, DeliveryResult::Failed { .. });
        let trouble = self.outbox.settle(receiver, outcome, self.started.elapsed(), backoff::random());
        let is_trouble = trouble.is_some();
        self.report(trouble);
        if changed || is_trouble {
            self.save();
        }
    }

    fn report(&mut self, troubles: impl IntoIterator<Item = Trouble>) {
        for Trouble { receiver, message } in troubles {
            let message = format!("{} {message}", self.notifier.receivers[receiver].name());
            (self.notifier.report)(Notice { kind: NoticeKind::Delivery, path: None, message: message.into(), at: Timestamp::now() });
        }
    }

    /// Keeps what a restart needs, when anything is kept.
    fn save(&mut self) {
        let Some(save) = &mut self.notifier.save else { return };
        let mut saved = SavedNotifications::new(self.events.cursor().to_string());
        saved.known = self.detector.known().collect();
        saved.collected = self.outbox.collected().to_vec();
        saved.waiting = self
            .notifier
            .receivers
            .iter()
            .enumerate()
            .map(|(index, receiver)| (receiver.key(), self.outbox.waiting(index).cloned().collect()))
            .collect::<BTreeMap<_, _>>();
        if let Err(error) = save(&saved.to_json())
            && !std::mem::replace(&mut self.is_write_reported, true)
        {
            let message = format!("notifications cannot be kept ({error}): make room; a restart may tell one again, or leave one out");
            (self.notifier.report)(Notice { kind: NoticeKind::Store, path: None, message: message.into(), at: Timestamp::now() });
        }
    }

    /// The log is closed: tells what is due, once, and keeps the rest.
    async fn finish(&mut self) {
        let snapshot = self.notifier.hub.snapshot();
        if snapshot.version > self.version {
            self.take_state(snapshot.version, &snapshot.state);
        }
        let troubles = self.outbox.release(self.started.elapsed());
        self.report(troubles);
        self.save();
        self.start_tries();
        let last_tries = async {
            while let Some(result) = self.tries.join_next().await {
                self.take_result(result);
                self.start_tries();
            }
        };
        let _timed_out = tokio::time::timeout(LAST_TRIES, last_tries).await.is_err();
        if self.notifier.save.is_none() {
            let left: Vec<Trouble> = (0..self.notifier.receivers.len())
                .filter_map(|receiver| {
                    let titles: Vec<String> = self.outbox.waiting(receiver).map(|waiting| format!("{:?}", waiting.title)).collect();
                    (!titles.is_empty())
                        .then(|| Trouble { receiver, message: format!("was not told of {}: the program ends", titles.join(", ")) })
                })
                .collect();
            self.report(left);
        }
    }
}
