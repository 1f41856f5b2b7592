//! The thread as a whole: that it ends, when it should, with the last state.

mod allocations;
mod edits;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Instant;

use jiff::tz::TimeZone;

use super::*;
use crate::discover;
use crate::engine;
use crate::format::Rules;
use crate::hub::{Hub, HubSettings, StateReader};
use crate::model::agent::AgentLevel;
use crate::model::state::State;

fn scope(path: PathBuf) -> Scope {
    let request = Request { named: vec![path], auto_discover: false };
    let found = discover::discover(&request, &discover::current_folder()).unwrap();
    Scope { request, found, sessions: None }
}

fn engine(scope: &Scope) -> Engine {
    Engine::new(engine::EngineSettings {
        agents: AgentLevel::Off,
        tasks: scope.found.tasks.clone(),
        sources: scope.found.sources.clone(),
        zone: TimeZone::UTC,
        rules: Rules::default(),
        emit_history: true,
        reads_once: false,
        source_text: true,
        redact: true,
        infer: false,
    })
}

/// A hub whose states are read.
fn read_hub() -> (Hub, StateReader) {
    let hub = Hub::new(HubSettings::default());
    let reader = hub.read_states();
    (hub, reader)
}

#[test]
fn once_ends_with_a_state() {
    let (hub, _reader) = read_hub();
    let folder = tempfile::tempdir().unwrap();
    let (sender, states) = mpsc::sync_channel(8);
    let publish = move |update: Update| {
        sender.send(update.snapshot.is_some_and(|snapshot| snapshot.made().is_some())).unwrap();
        ControlFlow::Continue(Vec::new())
    };
    let settings = ReaderSettings { once: true, ..ReaderSettings::default() };
    let asked = scope(folder.path().join("p.txt"));
    let engine = engine(&asked);
    run(asked, HashMap::new(), engine, &TailHandle::new(), settings, hub.state_demand(), Box::new(publish));
    assert_eq!(states.iter().filter(|is_state| *is_state).count(), 1);
}

#[test]
fn a_checkpoint_precedes_the_first_event() {
    let (hub, _reader) = read_hub();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.log");
    std::fs::write(&path, "[US-001] Starting...\n").unwrap();
    let (sender, updates) = mpsc::sync_channel(8);
    let sink = move |update: Update| {
        sender.send((update.checkpoint.is_some(), !update.events.is_empty())).unwrap();
        ControlFlow::Continue(Vec::new())
    };
    let settings = ReaderSettings { once: true, checkpoints: true, ..ReaderSettings::default() };
    let asked = scope(path);
    let engine = engine(&asked);
    run(asked, HashMap::new(), engine, &TailHandle::new(), settings, hub.state_demand(), Box::new(sink));
    let order: Vec<(bool, bool)> = updates.iter().filter(|(checkpoint, events)| *checkpoint || *events).collect();
    assert_eq!(order.first(), Some(&(true, false)), "{order:?}");
    assert!(order.iter().any(|(_, events)| *events), "{order:?}");
}

#[test]
fn stop_is_prompt_and_sends_the_last_state() {
    let (hub, _reader) = read_hub();
    let folder = tempfile::tempdir().unwrap();
    let asked = scope(folder.path().join("p.txt"));
    let engine = engine(&asked);
    let handle = TailHandle::new();
    let (sender, states) = mpsc::sync_channel(8);
    std::thread::scope(|scope| {
        let thread = handle.clone();
        scope.spawn(move || {
            let publish = move |update: Update| {
                sender.send(update.snapshot.is_some_and(|snapshot| snapshot.made().is_some())).unwrap();
                ControlFlow::Continue(Vec::new())
            };
            run(asked, HashMap::new(), engine, &thread, ReaderSettings::default(), hub.state_demand(), Box::new(publish));
        });
        assert_eq!(states.recv_timeout(Duration::from_secs(10)), Ok(true));
        let stopped = Instant::now();
        handle.stop();
        assert_eq!(states.recv_timeout(Duration::from_secs(10)), Ok(true));
        assert_eq!(states.recv_timeout(Duration::from_secs(10)), Err(mpsc::RecvTimeoutError::Disconnected));
        assert!(stopped.elapsed() < Duration::from_secs(1), "{:?}", stopped.elapsed());
    });
}

#[test]
fn nobody_listening_ends_it() {
    let (hub, _reader) = read_hub();
    let folder = tempfile::tempdir().unwrap();
    let publish = |_| ControlFlow::Break(());
    let asked = scope(folder.path().join("p.txt"));
    let engine = engine(&asked);
    run(asked, HashMap::new(), engine, &TailHandle::new(), ReaderSettings::default(), hub.state_demand(), Box::new(publish));
}

#[test]
fn a_state_is_made_when_somebody_reads_states() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.log");
    std::fs::write(&path, "[US-001] Starting...\n").unwrap();
    let asked = scope(path);
    let engine = engine(&asked);
    let (handle, hub) = (TailHandle::new(), Hub::new(HubSettings::default()));
    let woken = handle.clone();
    hub.state_demand().wake_with(move || woken.wake());
    let (sender, states) = mpsc::sync_channel(8);
    std::thread::scope(|scope| {
        let (thread, demand, publisher) = (handle.clone(), hub.state_demand(), hub.clone());
        scope.spawn(move || {
            let publish = move |update: Update| {
                let stories = |state: &State| state.tasks.iter().map(|task| task.all_stories().count()).sum::<usize>();
                match update.snapshot {
                    Some(DueSnapshot::Made(state)) => {
                        sender.send((None, Some(stories(&state)))).unwrap();
                        publisher.set_state(state);
                    }
                    Some(DueSnapshot::Outline(state)) => sender.send((Some(stories(&state)), None)).unwrap(),
                    Some(DueSnapshot::Unwanted) => sender.send((None, None)).unwrap(),
                    None => {}
                }
                ControlFlow::Continue(Vec::new())
            };
            run(asked, HashMap::new(), engine, &thread, ReaderSettings::default(), demand, Box::new(publish));
        });
        let next = || states.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(next(), (Some(0), None), "the first one is only an outline");
        let reader = hub.read_states();
        assert_eq!(next(), (None, Some(1)), "nothing has changed, but nobody had it");
        drop(reader);
        handle.stop();
        assert_eq!(next(), (None, None));
    });
}
