//! `--publish`: brings what the log of this bridge holds into the engine.
//!
//! One more reader of the log, with a position for each task and no queue: what the engine cannot take waits in the log, and in the files
//! behind it. Every task has its own `Sender`, which decides; here are the connection, the clock and the log that it is asked about.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::clock::Timestamp;
use crate::event::{EventId, Seq};
use crate::fleet::card::{self, Card, DeliveryStatus};
use crate::fleet::names::{StateKey, SubjectToken, TaskOrigin};
use crate::fleet::nats::{AppendError, Link, NatsEngine, RequestFailed};
use crate::fleet::sender::{Sender, SenderAction, SenderReport, SenderTrouble, SentEvent, Tail, TailMessage};
use crate::hub::{Batch, Hub, PublishedEvent, Snapshot, StartPosition, TaskEvents};
use crate::model::state::TaskStatus;

/// Tasks of one bridge: as many as a hub takes of one.
const MAX_TASKS: usize = 1_000;
/// Shortest time between two cards, or two states, of a task that goes on as before.
const UPDATE_INTERVAL: Duration = Duration::from_secs(2);
/// A running task sends a card so often although nothing has changed: the sign of life.
const CARD_INTERVAL: Duration = Duration::from_secs(15);
/// How long the end of the program waits for what is on its way.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Events of other tasks after which the quiet ones learn how far the log goes.
const LOG_END_STEP: u64 = 1_000;
/// An engine that has not been reached for so long is reported.
const OUTAGE: Duration = Duration::from_secs(5);
/// The engine keeps events for so long; older ones are not sent into an empty stream.
const KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

/// What all tasks of this bridge share.
#[derive(Clone)]
struct BridgeContext {
    hub: Hub,
    engine: NatsEngine,
    who: SubjectToken,
}

/// What a task's delivery is to know; the newest value only.
#[derive(Debug, Clone)]
struct TaskFeed {
    newest: Seq,
    log_end: Seq,
    snapshot: Arc<Snapshot>,
    /// When to give up; set once the log is closed.
    deadline: Option<Instant>,
}

/// The deliveries of the tasks that the log and the state have named so far.
struct TaskDeliveries {
    context: BridgeContext,
    feeds: HashMap<String, watch::Sender<TaskFeed>>,
    running: JoinSet<usize>,
    /// The newest event of each task.
    newest: HashMap<String, Seq>,
    log_end: Seq,
    /// The end of the log as all deliveries know it.
    announced: Seq,
}

/// Delivers until the log is closed and everything is in the engine, or [`DRAIN_TIMEOUT`] after the close. Returns how many events are not.
pub async fn run(hub: Hub, engine: NatsEngine, who: SubjectToken) -> usize {
    let outage = tokio::spawn(report_outages(engine.clone()));
    let mut deliveries = TaskDeliveries {
        context: BridgeContext { hub: hub.clone(), engine, who },
        feeds: HashMap::new(),
        running: JoinSet::new(),
        newest: HashMap::new(),
        log_end: Seq(0),
        announced: Seq(0),
    };
    let mut events = hub.subscribe(StartPosition::Oldest);
    let _states = hub.read_states();
    let mut version = hub.snapshot().version;
    let (mut has_events, mut has_states) = (true, true);
    while has_events || has_states {
        tokio::select! {
            batch = events.next(), if has_events => match batch {
                Some(Batch::Events(entries)) => deliveries.announce(&entries),
                // What was evicted is missed by each task for itself.
                Some(Batch::Gap { .. }) => {}
                None => has_events = false,
            },
            newer = hub.snapshot_after(version), if has_states => match newer {
                Some(newer) => {
                    version = newer.version;
                    deliveries.update_state(&newer);
                }
                None => has_states = false,
            },
        }
    }
    let left = deliveries.finish().await;
    outage.abort();
    left
}

impl TaskDeliveries {
    /// Tells each task of its new events, and the quiet ones now and then how far the log goes.
    fn announce(&mut self, entries: &[Arc<PublishedEvent>]) {
        for entry in entries {
            let end = entry.event.seq;
            self.log_end = end;
            self.newest.insert(entry.event.task_id.to_string(), end);
            if let Some(feed) = self.feeds.get(&*entry.event.task_id) {
                feed.send_modify(|feed| (feed.newest, feed.log_end) = (end, end));
            }
        }
        if self.log_end.0 - self.announced.0 >= LOG_END_STEP {
            self.announced = self.log_end;
            self.feeds.values().for_each(|feed| feed.send_modify(|feed| feed.log_end = self.log_end));
        }
    }

    /// Gives all deliveries the newest state, and begins those of tasks that are new in it.
    fn update_state(&mut self, snapshot: &Arc<Snapshot>) {
        self.feeds.values().for_each(|feed| feed.send_modify(|feed| feed.snapshot = snapshot.clone()));
        for task in snapshot.state.tasks.iter().filter(|task| task.listed) {
            if self.feeds.len() >= MAX_TASKS || self.feeds.contains_key(&*task.task_id) {
                continue;
            }
            let task_id = task.task_id.to_string();
            let newest = self.newest.get(&task_id).copied().unwrap_or_default();
            let feed = watch::Sender::new(TaskFeed { newest, log_end: self.log_end, snapshot: snapshot.clone(), deadline: None });
            let origin = TaskOrigin { who: self.context.who.clone(), task: SubjectToken::of_task(&task_id, &task.root) };
            self.running.spawn(TaskDelivery::new(self.context.clone(), origin, task_id.clone(), feed.subscribe()).run());
            self.feeds.insert(task_id, feed);
        }
    }

    /// Waits for what is on its way. Returns how many events are not in the engine.
    async fn finish(mut self) -> usize {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        self.feeds.values().for_each(|feed| feed.send_modify(|feed| feed.deadline = Some(deadline)));
        let mut left = 0;
        while let Some(ended) = self.running.join_next().await {
            left += ended.unwrap_or_default();
        }
        left
    }
}

/// Reports an engine that has not been there for a while.
async fn report_outages(engine: NatsEngine) {
    let mut link = engine.link();
    loop {
        let is_down = *link.borrow_and_update() == Link::Down;
        tokio::select! {
            () = tokio::time::sleep(OUTAGE), if is_down => {
                engine.report("outage", || "nats: no connection; what is new waits here, and is sent once there is one".to_owned());
                if link.changed().await.is_err() {
                    return;
                }
            }
            changed = link.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

/// The delivery of one task.
struct TaskDelivery {
    context: BridgeContext,
    origin: TaskOrigin,
    task_id: String,
    feed: watch::Receiver<TaskFeed>,
    link: watch::Receiver<Link>,
    sender: Sender,
    action: SenderAction,
    /// When an [`SenderAction::AskTailLater`] is due.
    retry_at: Option<Instant>,
    link_now: Link,
    last: Option<(EventId, Seq)>,
    card: SentCard,
    /// Version of the state that was put last, and when the next may be.
    state: (u64, Instant),
}

/// The card that was put last.
struct SentCard {
    /// Without its time.
    content: Option<Card>,
    at: Instant,
}

impl TaskDelivery {
    fn new(context: BridgeContext, origin: TaskOrigin, task_id: String, feed: watch::Receiver<TaskFeed>) -> Self {
        let link = context.engine.link();
        let now = Instant::now();
        TaskDelivery {
            context,
            origin,
            task_id,
            feed,
            link,
            sender: Sender::new(),
            action: SenderAction::Wait,
            retry_at: None,
            link_now: Link::Down,
            last: None,
            card: SentCard { content: None, at: now },
            state: (0, now),
        }
    }

    /// Returns how many events are not in the engine.
    async fn run(mut self) -> usize {
        let mut deadline = None;
        loop {
            self.take_reports();
            deadline = deadline.or(self.feed.borrow().deadline);
            if let Some(deadline) = deadline {
                let is_up = self.link_now != Link::Down;
                if (self.sender.is_drained() && is_up) || Instant::now() >= deadline {
                    // The last sign of life; an engine that is away does without it.
                    let _timed_out = timeout_at(deadline, self.put_last()).await.is_err();
                    return self.undelivered();
                }
            }
            let work = async {
                if self.link_now == Link::Down {
                    self.wait(deadline).await;
                } else if self.is_card_due() {
                    self.put_card(true).await;
                } else if self.is_state_due() {
                    self.put_state().await;
                } else {
                    self.act(deadline).await;
                }
            };
            match deadline {
                Some(deadline) => {
                    // A request that is cut off may have arrived: then fewer are left than said.
                    let _timed_out = timeout_at(deadline, work).await.is_err();
                }
                None => work.await,
            }
        }
    }

    /// Reports what has changed in the log and in the connection.
    fn take_reports(&mut self) {
        let link = *self.link.borrow_and_update();
        if link != self.link_now {
            if self.link_now != Link::Down {
                self.report(SenderReport::Down);
            }
            if link != Link::Down {
                self.report(SenderReport::Up);
            }
            self.link_now = link;
        }
        let (newest, log_end) = {
            let feed = self.feed.borrow_and_update();
            (feed.newest, feed.log_end)
        };
        let step = self.sender.handle(SenderReport::Published { newest, log_end });
        if step.action != SenderAction::Wait {
            self.set_action(step.action);
        }
    }

    fn report(&mut self, report: SenderReport) {
        let step = self.sender.handle(report);
        self.set_action(step.action);
        let origin = &self.origin;
        match step.trouble {
            Some(SenderTrouble::AnotherLog) => self.context.engine.report(&format!("another log {origin}"), || {
                format!("another bridge publishes as {origin}: stop it, or give --as a name of its own here; this one sends nothing of it")
            }),
            Some(SenderTrouble::Lost(count)) => self.context.engine.report(&format!("lost {origin} {count}"), || {
                format!("up to {count} events of {origin} left the log before they could be published; it goes on with the oldest it has")
            }),
            None => {}
        }
    }

    fn set_action(&mut self, action: SenderAction) {
        self.retry_at = match action {
            SenderAction::AskTailLater(delay) => Some(Instant::now() + delay),
            SenderAction::AskTail | SenderAction::Send { .. } | SenderAction::Wait => None,
        };
        self.action = action;
    }

    /// Does one thing, or waits.
    async fn act(&mut self, deadline: Option<Instant>) {
        match self.action {
            SenderAction::AskTail => self.ask_tail().await,
            SenderAction::Send { after, expected } => self.send(after, expected).await,
            SenderAction::AskTailLater(_) if self.retry_at.is_some_and(|at| at <= Instant::now()) => {
                let action = self.sender.retry();
                self.set_action(action);
            }
            SenderAction::AskTailLater(_) | SenderAction::Wait => self.wait(deadline).await,
        }
    }

    /// Until something changes or is due.
    async fn wait(&mut self, deadline: Option<Instant>) {
        let due = [self.retry_at, deadline, Some(self.card.at + UPDATE_INTERVAL), Some(self.state.1)];
        // What may be done by now and is not has no reason to be.
        let now = Instant::now();
        let due = due.into_iter().flatten().filter(|at| *at > now).min().unwrap_or(now + CARD_INTERVAL).min(now + CARD_INTERVAL);
        tokio::select! {
            changed = self.feed.changed() => if changed.is_err() {
                // The owner is gone without an end: there is nothing more to learn.
                sleep_until(due).await;
            },
            // The engine's handle lives as long as this task.
            _ = self.link.changed() => {}
            () = sleep_until(due) => {}
        }
    }

    async fn ask_tail(&mut self) {
        let Ok(message) = self.context.engine.last_event(&self.origin).await else { return self.report(SenderReport::Failed) };
        let TaskEvents { evicted_to, log_end, events } = self.context.hub.task_events(&self.task_id, Seq(0), usize::MAX);
        let position = |id: EventId| events.iter().rev().find(|entry| entry.event.id == id).map(|entry| entry.event.seq);
        let before = |index: usize| events.get(index).map_or(log_end, |entry| Seq(entry.event.seq.0.saturating_sub(1))).max(evicted_to);
        let now = Timestamp::now();
        let is_fresh = |at: Timestamp| now.since(at).is_none_or(|age| age < KEPT_MS);
        let fresh = events.iter().position(|entry| is_fresh(entry.event.timestamp)).unwrap_or(events.len());
        let run_length =
            events.last().map_or(0, |newest| events.iter().rev().take_while(|entry| entry.event.run == newest.event.run).count());
        let tail = Tail {
            message: message.map(|last| TailMessage { id: last.id, number: last.number, position: position(last.id), is_own: last.is_own }),
            before_fresh: before(fresh),
            before_run: before(events.len() - run_length),
            knows_suspect: self.sender.suspect().is_some_and(|id| position(id).is_some()),
        };
        if let Some((id, seq)) = tail.message.and_then(|message| Some((message.id, message.position?))) {
            self.last = Some((id, seq));
        }
        self.report(SenderReport::Tail(tail));
    }

    async fn send(&mut self, after: Seq, expected: u64) {
        let TaskEvents { evicted_to, events, .. } = self.context.hub.task_events(&self.task_id, after, 1);
        if after < evicted_to {
            return self.report(SenderReport::Evicted(evicted_to));
        }
        let Some(next) = events.first() else { return self.report(SenderReport::NothingToSend) };
        let event = SentEvent { id: next.event.id, seq: next.event.seq };
        match self.context.engine.append(&self.origin, next, expected).await {
            Ok(message) => {
                self.last = Some((event.id, event.seq));
                self.report(SenderReport::Accepted { event, message });
            }
            Err(AppendError::Conflict) => self.report(SenderReport::Conflict),
            Err(AppendError::Failed) => self.report(SenderReport::Failed),
        }
    }

    /// The card as it would be sent now.
    fn card(&self, live: bool) -> Option<Card> {
        let feed = self.feed.borrow();
        let task = feed.snapshot.state.tasks.iter().find(|task| *task.task_id == *self.task_id)?;
        let delivery = DeliveryStatus { sent_at: Timestamp(0), live, lost: self.sender.lost(), last: self.last };
        Some(Card::new(task, delivery))
    }

    fn is_card_due(&self) -> bool {
        let Some(card) = self.card(true) else { return false };
        let age = self.card.at.elapsed();
        match &self.card.content {
            None => true,
            Some(sent) if (sent.status, sent.attention) != (card.status, card.attention) => true,
            Some(sent) if *sent != card => age >= UPDATE_INTERVAL,
            Some(_) => age >= CARD_INTERVAL && card.status == TaskStatus::Running,
        }
    }

    async fn put_card(&mut self, live: bool) {
        let Some(card) = self.card(live) else { return };
        let json = Card { sent_at: Timestamp::now(), ..card.clone() }.to_json();
        let put = self.context.engine.put(&self.origin, StateKey::Card, json).await;
        // After a failure as well: the next one is tried when it would be due anyway.
        self.card = SentCard { content: Some(card), at: Instant::now() };
        if put == Err(RequestFailed) {
            self.card.content = None;
            tokio::time::sleep(UPDATE_INTERVAL).await;
        }
    }

    fn is_state_due(&self) -> bool {
        self.state.1 <= Instant::now() && self.feed.borrow().snapshot.version > self.state.0
    }

    async fn put_state(&mut self) {
        let snapshot = self.feed.borrow().snapshot.clone();
        self.state = (snapshot.version, Instant::now() + UPDATE_INTERVAL);
        let index = snapshot.state.tasks.iter().position(|task| *task.task_id == *self.task_id);
        if let Some(json) = index.and_then(|index| card::state_json(&snapshot.state, index))
            && self.context.engine.put(&self.origin, StateKey::State, json).await.is_err()
        {
            // Whatever the newest is by then.
            self.state.0 = 0;
        }
    }

    async fn put_last(&mut self) {
        if self.link_now != Link::Down {
            if self.feed.borrow().snapshot.version > self.state.0 {
                self.put_state().await;
            }
            self.put_card(false).await;
        }
    }

    fn undelivered(&self) -> usize {
        if self.sender.is_drained() {
            return 0;
        }
        self.context.hub.task_events(&self.task_id, self.last.map_or(Seq(0), |(_, seq)| seq), usize::MAX).events.len()
    }
}
