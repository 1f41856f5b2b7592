//! A hub: the events and cards of the whole fleet, in a log like that of one bridge.
//!
//! It keeps nothing that another hub does not have: sequence numbers are those of the stream, so a client may go on at any hub. When the
//! stream is another one than before (made anew, or set back and its numbers given again), the session ends and a new one begins; clients
//! then find that their cursors do not fit, and are told of the gap.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use crate::clock::Timestamp;
use crate::error::{Notice, NoticeKind};
use crate::event::{Event, EventId, Seq};
use crate::fleet::card::Card;
use crate::fleet::names::{StateKey, TaskOrigin};
use crate::fleet::nats::{Delivered, Deliveries, Link, NatsEngine};
use crate::fleet::view::{FleetView, TASKS_PER_BRIDGE, TooManyTasks};
use crate::hub::{Cursor, Hub, HubSettings, TaskRequest};
use crate::model::state::{State, TaskQuery, TaskState};

/// Shortest time between two states.
const STATE_INTERVAL: Duration = Duration::from_millis(250);
/// A state comes at least so often: a bridge that is not heard from changes nothing by itself.
const STATE_MAX_INTERVAL: Duration = Duration::from_secs(5);
/// A client that comes from another hub may have events that have not come here: hubs are behind the stream by milliseconds.
const CATCH_UP: Duration = Duration::from_secs(2);
/// How often it is checked that the stream is still the same one.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Tasks that are shown whole: as many as fit on a few screens.
const WHOLE_TASKS: usize = 20;
/// Tasks besides these that readers have opened, and how long one stays so when nobody asks for it again.
const OPENED_TASKS: usize = 64;
const OPENED_FOR: Duration = Duration::from_secs(60);
/// Milliseconds: no card is on its way for so long, and none is thought silent for it.
const LATE: i64 = 10_000;
/// As many notices as a state shows.
const NOTICES: usize = 20;

/// One stream, read from some time before its end.
pub struct FleetSession {
    pub hub: Hub,
    engine: NatsEngine,
    events: Deliveries,
    cards: Deliveries,
    epoch: String,
    /// The last event that was read, by its number.
    last: Option<(u64, EventId)>,
    /// The number before the first that is read.
    start: u64,
    view: FleetView,
    wholes: HashMap<TaskOrigin, WholeTask>,
    /// When somebody last asked for it.
    opened: HashMap<TaskOrigin, Instant>,
    requests: mpsc::Receiver<TaskRequest>,
    notices: Vec<Notice>,
    server_clock: ServerClock,
    /// The cards that were there at the start have been read: what comes now was taken now.
    has_all_cards: bool,
    is_changed: bool,
    state_at: Instant,
}

/// A task's state, and the card that it was read for.
struct WholeTask {
    task: Option<TaskState>,
    card_at: Timestamp,
}

/// The time of the server, by what it has taken: cards are as old as its clock says.
#[derive(Debug, Default)]
struct ServerClock {
    /// How far it is ahead of ours, in milliseconds.
    ahead: i64,
}

impl ServerClock {
    /// A message comes later than it was taken, so of all differences the largest is nearest to the truth. Only when one that was taken just
    /// now seems to be older than [`LATE`], our clock is ahead of the server's, or was set.
    fn update(&mut self, taken_at: Timestamp, now: Timestamp, is_new: bool) {
        let ahead = taken_at.0.saturating_sub(now.0);
        if ahead > self.ahead || (is_new && ahead < self.ahead - LATE) {
            self.ahead = ahead;
        }
    }

    fn time(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_add(self.ahead))
    }
}

impl FleetSession {
    /// Begins to read, with the newest events that a log holds.
    ///
    /// # Errors
    ///
    /// The engine is away or refuses: in words.
    pub async fn open(engine: NatsEngine, settings: HubSettings) -> Result<FleetSession, String> {
        let log = engine.event_log().await?.ok_or("the stream is gone")?;
        let kept = u64::try_from(settings.events).unwrap_or(u64::MAX);
        let start = log.last.saturating_sub(kept).max(log.first.saturating_sub(1));
        let events = engine.events_from(start + 1).await?;
        let cards = engine.cards().await?;
        let newest = Cursor { epoch: log.epoch.as_str().into(), seq: Seq(start), check: None };
        let hub = Hub::restored(HubSettings { checked_cursors: true, catch_up: CATCH_UP, ..settings }, newest, Vec::new());
        if log.last > start {
            hub.begin_history();
        }
        Ok(FleetSession {
            requests: hub.requests(),
            hub,
            engine,
            events,
            cards,
            epoch: log.epoch,
            last: None,
            start,
            view: FleetView::default(),
            wholes: HashMap::new(),
            opened: HashMap::new(),
            notices: Vec::new(),
            server_clock: ServerClock::default(),
            has_all_cards: false,
            is_changed: true,
            state_at: Instant::now(),
        })
    }

    /// Reads until the stream is another one or breaks. Returns why.
    pub async fn run(mut self) -> String {
        let mut link = self.engine.link();
        let mut checks = tokio::time::interval_at(Instant::now() + CHECK_INTERVAL, CHECK_INTERVAL);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        link.mark_unchanged();
        loop {
            let state_at = self.next_state_at();
            tokio::select! {
                event = self.events.next() => match event {
                    Ok(event) => self.event(event),
                    Err(why) => return why,
                },
                card = self.cards.next() => match card {
                    Ok(card) => self.card(card),
                    Err(why) => return why,
                },
                Some(request) = self.requests.recv() => self.answer(request).await,
                () = tokio::time::sleep_until(state_at) => self.set_state().await,
                _ = checks.tick() => if let Some(why) = self.other_stream().await {
                    return why;
                },
                changed = link.changed() => {
                    let is_up = *link.borrow_and_update() != Link::Down;
                    if changed.is_ok() && is_up && let Some(why) = self.other_stream().await {
                        return why;
                    }
                }
            }
        }
    }

    fn event(&mut self, message: Delivered) {
        let origin = TaskOrigin::of_event_subject(&message.subject);
        let event = serde_json::from_slice::<Event>(&message.payload);
        if let (Some(origin), Ok(event)) = (origin, event) {
            self.last = Some((message.number, event.id));
            // A stream that was set back may give a number again; then the session ends soon.
            if message.number > self.hub.newest().seq.0 {
                self.hub.publish(vec![Event { seq: Seq(message.number), origin: Some(origin.text()), ..event }]);
            }
        } else {
            self.notice(format!("a message of {} is no event, or of another version, and is not shown", message.subject));
        }
        if message.pending == 0 {
            self.hub.end_history();
        }
        self.is_changed = true;
    }

    fn card(&mut self, message: Delivered) {
        self.server_clock.update(message.taken_at, Timestamp::now(), self.has_all_cards);
        self.has_all_cards |= message.pending == 0;
        let Some((origin, StateKey::Card)) = TaskOrigin::of_state_subject(&message.subject) else { return };
        let Some(card) = Card::parse(&message.payload) else {
            return self.notice(format!("the card of {origin} is of another version, and is not shown"));
        };
        let who = origin.who.clone();
        match self.view.update(origin, card, message.taken_at) {
            Ok(()) => self.is_changed = true,
            Err(TooManyTasks) => self.notice(format!("{who} has more than {TASKS_PER_BRIDGE} tasks: the others are not shown")),
        }
    }

    /// Once each.
    fn notice(&mut self, text: String) {
        if self.notices.iter().any(|known| *known.message == text) {
            return;
        }
        self.notices.drain(..(self.notices.len() + 1).saturating_sub(NOTICES));
        self.notices.push(Notice { kind: NoticeKind::Publish, path: None, message: text.into(), at: Timestamp::now() });
    }

    fn next_state_at(&self) -> Instant {
        self.state_at + if self.is_changed { STATE_INTERVAL } else { STATE_MAX_INTERVAL }
    }

    async fn set_state(&mut self) {
        let now = self.server_time();
        self.read_wholes(now).await;
        self.hub.set_state(self.state(&TaskQuery::default(), now));
        self.is_changed = false;
        self.state_at = Instant::now();
    }

    async fn answer(&mut self, request: TaskRequest) {
        let TaskRequest { query, answer } = request;
        let now = self.server_time();
        for origin in query.ids.iter().filter_map(|id| TaskOrigin::of_text(id)) {
            if self.view.taken_at(&origin).is_some() && (self.opened.len() < OPENED_TASKS || self.opened.contains_key(&origin)) {
                self.opened.insert(origin, Instant::now());
            }
        }
        if !query.ids.is_empty() {
            self.read_wholes(now).await;
        }
        // Whoever asked may have gone.
        let _gone = answer.send(self.state(&query, now)).is_err();
    }

    fn state(&self, query: &TaskQuery, now: Timestamp) -> State {
        let whole = |origin: &TaskOrigin| self.wholes.get(origin)?.task.as_ref();
        let state = self.view.state(query, now, self.hub.newest().seq, whole);
        State { notices: self.notices.clone(), ..state }
    }

    fn server_time(&self) -> Timestamp {
        self.server_clock.time(Timestamp::now())
    }

    /// Reads the states of the first tasks and of the opened ones, as far as their cards are newer.
    async fn read_wholes(&mut self, now: Timestamp) {
        // Without the engine each of them would be waited for in vain.
        if *self.engine.link().borrow() == Link::Down {
            return;
        }
        self.opened.retain(|_, at| at.elapsed() < OPENED_FOR);
        let opened = self.opened.keys().filter_map(|origin| Some((origin.clone(), self.view.taken_at(origin)?)));
        let wanted: HashMap<TaskOrigin, Timestamp> = self.view.first(WHOLE_TASKS, now).into_iter().chain(opened).collect();
        self.wholes.retain(|origin, _| wanted.contains_key(origin));
        let outdated = wanted.into_iter().filter(|(origin, at)| self.wholes.get(origin).is_none_or(|whole| whole.card_at < *at));
        let reads = outdated.map(|(origin, card_at)| {
            let engine = &self.engine;
            async move {
                let json = engine.get(&origin, StateKey::State).await.ok().flatten()?;
                let state = serde_json::from_slice::<State>(&json).ok();
                Some((origin, WholeTask { task: state.and_then(|state| state.tasks.into_iter().next()), card_at }))
            }
        });
        let read = join_all(reads).await;
        self.wholes.extend(read.into_iter().flatten());
    }

    /// Whether the stream is not the one that was read so far: why.
    async fn other_stream(&self) -> Option<String> {
        // An engine that does not answer is asked again.
        let Some(log) = self.engine.event_log().await.ok()? else { return Some("the stream is gone".to_owned()) };
        let (last, id) = self.last.map_or((self.start, None), |(number, id)| (number, Some(id)));
        if log.epoch != self.epoch {
            return Some("the stream was made anew".to_owned());
        }
        if log.last < last {
            return Some("the stream was set back".to_owned());
        }
        let id = id.filter(|_| last >= log.first)?;
        match self.engine.id_at(last).await {
            Ok(Some(there)) if there != id => Some("the stream was set back".to_owned()),
            // Deleted by a limit, or not answered.
            Ok(_) | Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_time_is_known_whichever_clock_is_ahead() {
        let mut clock = ServerClock::default();
        let mut read = |taken_at: i64, now: i64, is_new: bool| {
            clock.update(Timestamp(taken_at), Timestamp(now), is_new);
            clock.time(Timestamp(now)).0
        };
        // A card of an hour ago that was there says nothing; one that comes says that our clock is a minute ahead.
        assert_eq!(read(1_000_000, 4_600_000, false), 4_600_000);
        assert_eq!(read(4_540_000, 4_600_000, true), 4_540_000);
        // One that was on its way for 50 ms.
        assert_eq!(read(4_549_950, 4_610_000, true), 4_550_000);
        // Ours is set back by two minutes, and forth again.
        assert_eq!(read(4_560_000, 4_500_000, true), 4_560_000);
        assert_eq!(read(4_570_000, 4_630_000, true), 4_570_000);
    }
}
