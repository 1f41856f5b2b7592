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
use crate::model::agent::AgentLevel;

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

#[test]
fn once_ends_with_a_state() {
    let folder = tempfile::tempdir().unwrap();
    let (sender, states) = mpsc::sync_channel(8);
    let publish = move |update: Update| {
        sender.send(update.state.is_some()).unwrap();
        ControlFlow::Continue(Vec::new())
    };
    let settings = ReaderSettings { once: true, ..ReaderSettings::default() };
    let asked = scope(folder.path().join("p.txt"));
    let engine = engine(&asked);
    run(asked, HashMap::new(), engine, &TailHandle::new(), settings, Box::new(publish));
    assert_eq!(states.iter().filter(|is_state| *is_state).count(), 1);
}

#[test]
fn a_checkpoint_precedes_the_first_event() {
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
    run(asked, HashMap::new(), engine, &TailHandle::new(), settings, Box::new(sink));
    let order: Vec<(bool, bool)> = updates.iter().filter(|(checkpoint, events)| *checkpoint || *events).collect();
    assert_eq!(order.first(), Some(&(true, false)), "{order:?}");
    assert!(order.iter().any(|(_, events)| *events), "{order:?}");
}

#[test]
fn stop_is_prompt_and_sends_the_last_state() {
    let folder = tempfile::tempdir().unwrap();
    let asked = scope(folder.path().join("p.txt"));
    let engine = engine(&asked);
    let handle = TailHandle::new();
    let (sender, states) = mpsc::sync_channel(8);
    std::thread::scope(|scope| {
        let thread = handle.clone();
        scope.spawn(move || {
            let publish = move |update: Update| {
                sender.send(update.state.is_some()).unwrap();
                ControlFlow::Continue(Vec::new())
            };
            run(asked, HashMap::new(), engine, &thread, ReaderSettings::default(), Box::new(publish));
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
    let folder = tempfile::tempdir().unwrap();
    let publish = |_| ControlFlow::Break(());
    let asked = scope(folder.path().join("p.txt"));
    let engine = engine(&asked);
    run(asked, HashMap::new(), engine, &TailHandle::new(), ReaderSettings::default(), Box::new(publish));
}
