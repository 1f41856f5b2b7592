//! The sender against a model of the engine that loses requests and answers, is set back, wiped and frozen, with one or two bridges.

use std::collections::HashSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn id(n: u64) -> EventId {
    EventId(Uuid::from_u128(u128::from(n)))
}

/// One subject of a stream.
#[derive(Debug, Clone, Default)]
struct ModelEngine {
    /// Event, number, bridge.
    messages: Vec<(EventId, u64, usize)>,
    /// The number that the next message gets, less one.
    last_number: u64,
}

impl ModelEngine {
    fn append(&mut self, event: EventId, bridge: usize, expected: u64) -> Result<u64, ()> {
        if self.messages.last().map_or(0, |(_, number, _)| *number) != expected {
            return Err(());
        }
        self.last_number += 1;
        self.messages.push((event, self.last_number, bridge));
        Ok(self.last_number)
    }

    fn ids(&self) -> Vec<EventId> {
        self.messages.iter().map(|(id, _, _)| *id).collect()
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Works,
    LosesRequest,
    LosesAnswer,
}

#[derive(Debug)]
struct ModelBridge {
    number: usize,
    sender: Sender,
    /// The events of the log in order, their `seq` from 1.
    log: Vec<EventId>,
    evicted_to: u64,
    pending: SenderAction,
    troubles: Vec<SenderTrouble>,
}

impl ModelBridge {
    fn new(number: usize) -> Self {
        ModelBridge { number, sender: Sender::new(), log: Vec::new(), evicted_to: 0, pending: SenderAction::Wait, troubles: Vec::new() }
    }

    fn report(&mut self, report: SenderReport) {
        let is_passive = matches!(report, SenderReport::Published { .. });
        let step = self.sender.handle(report);
        self.troubles.extend(step.trouble);
        // What was to be done is still to be done when nothing but the log has changed.
        if !is_passive || step.action != SenderAction::Wait {
            self.pending = step.action;
        }
    }

    fn publish(&mut self, event: EventId) {
        self.log.push(event);
        let newest = Seq(self.log.len() as u64);
        self.report(SenderReport::Published { newest, log_end: newest });
    }

    fn position(&self, event: EventId) -> Option<Seq> {
        let kept = self.log.iter().enumerate().skip(usize::try_from(self.evicted_to).expect("it is small"));
        kept.filter(|(_, known)| **known == event).map(|(index, _)| Seq(index as u64 + 1)).next()
    }

    /// Does what is to be done.
    fn step(&mut self, engine: &mut ModelEngine, network: Network) {
        let action = std::mem::replace(&mut self.pending, SenderAction::Wait);
        match action {
            SenderAction::Wait => {}
            SenderAction::AskTailLater(_) => self.pending = self.sender.retry(),
            SenderAction::AskTail if network != Network::Works => self.report(SenderReport::Failed),
            SenderAction::AskTail => {
                let message = engine.messages.last().map(|(id, number, bridge)| TailMessage {
                    id: *id,
                    number: *number,
                    position: self.position(*id),
                    is_own: *bridge == self.number,
                });
                let knows_suspect = self.sender.suspect().is_some_and(|id| self.position(id).is_some());
                let start = Seq(self.evicted_to);
                self.report(SenderReport::Tail(Tail { message, before_fresh: start, before_run: start, knows_suspect }));
            }
            SenderAction::Send { after, .. } if after.0 < self.evicted_to => self.report(SenderReport::Evicted(Seq(self.evicted_to))),
            SenderAction::Send { after, expected } => {
                let index = usize::try_from(after.0).expect("it is small");
                let Some(event) = self.log.get(index).copied() else { return self.report(SenderReport::NothingToSend) };
                if network == Network::LosesRequest {
                    return self.report(SenderReport::Failed);
                }
                let appended = engine.append(event, self.number, expected);
                match appended {
                    _ if network == Network::LosesAnswer => self.report(SenderReport::Failed),
                    Ok(message) => self.report(SenderReport::Accepted { event: SentEvent { id: event, seq: Seq(after.0 + 1) }, message }),
                    Err(()) => self.report(SenderReport::Conflict),
                }
            }
        }
    }

    /// Runs until nothing is left to do.
    fn settle(&mut self, engine: &mut ModelEngine) {
        for _ in 0..10_000 {
            if self.pending == SenderAction::Wait || (self.sender.suspect().is_some() && self.is_fenced()) {
                return;
            }
            self.step(engine, Network::Works);
        }
        panic!("it goes on for ever: {self:?} {engine:?}");
    }

    fn is_fenced(&self) -> bool {
        matches!(self.sender.phase, SenderPhase::Fenced { .. })
    }
}

/// What happens next in the model.
#[derive(Debug, Clone)]
enum Happening {
    /// The files bring an event; each bridge reads it when its turn comes.
    Written,
    /// A bridge reads the next written event.
    Read(usize),
    /// A bridge does what it has to.
    SenderStep(usize, Network),
    Down(usize),
    Up(usize),
    /// The engine has lost its newest messages, and gives their numbers again.
    SetBack(usize),
    /// The stream is made anew.
    Wiped,
    /// A bridge is killed and started again; its log is the same.
    Restarted(usize),
}

fn happening(bridges: usize, breaks: bool) -> impl Strategy<Value = Happening> {
    let bridge = 0..bridges;
    let network = prop_oneof![4 => Just(Network::Works), 1 => Just(Network::LosesRequest), 1 => Just(Network::LosesAnswer)];
    prop_oneof![
        6 => Just(Happening::Written),
        8 => bridge.clone().prop_map(Happening::Read),
        20 => (bridge.clone(), network).prop_map(|(bridge, network)| Happening::SenderStep(bridge, network)),
        1 => bridge.clone().prop_map(Happening::Down),
        2 => bridge.clone().prop_map(Happening::Up),
        u32::from(breaks) => (0..8_usize).prop_map(Happening::SetBack),
        u32::from(breaks) => Just(Happening::Wiped),
        1 => bridge.prop_map(Happening::Restarted),
    ]
}

/// Lets all that happen, then ends the trouble, and returns what the engine has, what was written, and the bridges.
fn run(bridges: usize, happenings: &[Happening]) -> (ModelEngine, Vec<EventId>, Vec<ModelBridge>) {
    let mut engine = ModelEngine::default();
    let mut written = Vec::new();
    let mut all: Vec<ModelBridge> = (0..bridges).map(ModelBridge::new).collect();
    let read = |bridge: &mut ModelBridge, written: &[EventId]| {
        if let Some(next) = written.get(bridge.log.len()) {
            bridge.publish(*next);
        }
    };
    for happening in happenings {
        match happening {
            Happening::Written => written.push(id(written.len() as u64 + 1)),
            Happening::Read(bridge) => read(&mut all[*bridge], &written),
            Happening::SenderStep(bridge, network) => {
                let bridge = &mut all[*bridge];
                // The delay before the tail is read again is longer than reading the files takes.
                while matches!(bridge.pending, SenderAction::AskTailLater(_)) && bridge.log.len() < written.len() {
                    let (length, action) = (bridge.log.len(), bridge.pending);
                    read(bridge, &written[..=length]);
                    bridge.pending = action;
                }
                bridge.step(&mut engine, *network);
            }
            Happening::Down(bridge) => all[*bridge].report(SenderReport::Down),
            Happening::Up(bridge) => all[*bridge].report(SenderReport::Up),
            Happening::SetBack(count) => {
                let kept = engine.messages.len().saturating_sub(*count);
                engine.messages.truncate(kept);
                engine.last_number = engine.messages.last().map_or(engine.last_number.saturating_sub(*count as u64), |last| last.1);
            }
            Happening::Wiped => engine = ModelEngine::default(),
            Happening::Restarted(bridge) => {
                let number = all.len() + *bridge;
                let old = std::mem::replace(&mut all[*bridge], ModelBridge::new(number));
                old.log.into_iter().for_each(|event| all[*bridge].publish(event));
            }
        }
    }
    for bridge in &mut all {
        while bridge.log.len() < written.len() {
            read(bridge, &written);
        }
    }
    for bridge in &mut all {
        bridge.report(SenderReport::Up);
        bridge.settle(&mut engine);
    }
    (engine, written, all)
}

proptest! {
    #![proptest_config(crate::property::config(256))]
    #[test]
    fn one_bridge_loses_nothing_and_sends_nothing_twice(happenings in prop::collection::vec(happening(1, true), 0..120)) {
        let (engine, written, bridges) = run(1, &happenings);
        prop_assert_eq!(engine.ids(), written);
        prop_assert!(bridges[0].troubles.is_empty() && bridges[0].sender.is_drained());
    }

    #[test]
    fn two_bridges_on_the_same_files_send_each_event_once(happenings in prop::collection::vec(happening(2, false), 0..160)) {
        let (engine, written, _) = run(2, &happenings);
        let distinct: HashSet<EventId> = engine.ids().into_iter().collect();
        prop_assert_eq!(distinct.len(), engine.ids().len(), "twice: {:?}", engine.ids());
        prop_assert_eq!(engine.ids(), written);
    }
}

#[test]
fn a_lost_answer_is_healed_by_the_tail() {
    let (mut engine, mut bridge) = (ModelEngine::default(), ModelBridge::new(0));
    (1..=3).for_each(|n| bridge.publish(id(n)));
    bridge.report(SenderReport::Up);
    bridge.step(&mut engine, Network::Works);
    bridge.step(&mut engine, Network::LosesAnswer);
    assert!(matches!(bridge.pending, SenderAction::AskTailLater(_)), "{bridge:?}");
    bridge.settle(&mut engine);
    assert_eq!(engine.ids(), [id(1), id(2), id(3)]);
}

#[test]
fn two_logs_under_one_name_are_fenced_and_the_stream_stops_growing() {
    let mut engine = ModelEngine::default();
    let (mut first, mut second) = (ModelBridge::new(1), ModelBridge::new(2));
    (1..=3).for_each(|n| first.publish(id(n)));
    (101..=103).for_each(|n| second.publish(id(n)));
    first.report(SenderReport::Up);
    first.settle(&mut engine);
    second.report(SenderReport::Up);
    second.settle(&mut engine);
    assert_eq!(engine.messages.len(), 6, "the later one takes the task over");
    first.publish(id(4));
    first.settle(&mut engine);
    assert_eq!(first.troubles, [SenderTrouble::AnotherLog]);
    for n in 5..20 {
        first.publish(id(n));
        first.pending = first.sender.retry();
        first.step(&mut engine, Network::Works);
    }
    assert_eq!((engine.messages.len(), first.troubles.len()), (6, 1), "one notice, no growth");
    // The other one is stopped and its messages are deleted: this one goes on.
    engine.messages.truncate(3);
    first.pending = first.sender.retry();
    first.step(&mut engine, Network::Works);
    first.settle(&mut engine);
    assert_eq!(engine.ids(), (1..20).map(id).collect::<Vec<_>>());
}

#[test]
fn a_new_run_follows_the_messages_of_an_earlier_one() {
    let mut engine = ModelEngine::default();
    let mut earlier = ModelBridge::new(1);
    earlier.publish(id(1));
    earlier.report(SenderReport::Up);
    earlier.settle(&mut engine);
    let mut later = ModelBridge::new(2);
    later.publish(id(21));
    later.report(SenderReport::Up);
    later.settle(&mut engine);
    assert_eq!((engine.ids(), later.troubles.len()), (vec![id(1), id(21)], 0));
}

#[test]
fn what_left_the_log_unsent_is_reported_as_lost() {
    let (mut engine, mut bridge) = (ModelEngine::default(), ModelBridge::new(0));
    bridge.publish(id(1));
    bridge.report(SenderReport::Up);
    bridge.settle(&mut engine);
    bridge.report(SenderReport::Down);
    (2..=10).for_each(|n| bridge.publish(id(n)));
    bridge.evicted_to = 6;
    bridge.report(SenderReport::Up);
    bridge.settle(&mut engine);
    assert_eq!((bridge.troubles.as_slice(), bridge.sender.lost()), (&[SenderTrouble::Lost(5)][..], 5));
    assert_eq!(engine.ids(), [1, 7, 8, 9, 10].map(id));
}

#[test]
fn events_of_other_tasks_that_leave_the_log_are_no_loss() {
    let (mut engine, mut bridge) = (ModelEngine::default(), ModelBridge::new(0));
    bridge.publish(id(1));
    bridge.report(SenderReport::Up);
    bridge.settle(&mut engine);
    // 2 to 9 are of other tasks.
    bridge.report(SenderReport::Published { newest: Seq(1), log_end: Seq(9) });
    bridge.log.extend((2..=9).map(|n| id(100 + n)));
    bridge.evicted_to = 9;
    bridge.report(SenderReport::Up);
    bridge.step(&mut engine, Network::Works);
    bridge.publish(id(10));
    bridge.settle(&mut engine);
    assert_eq!((engine.ids(), bridge.troubles.len()), (vec![id(1), id(10)], 0));
}
