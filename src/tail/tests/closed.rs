//! Files that are closed between two looks: because too many are open, or because they hold nothing.

use std::fs;

use super::{NONE, Rig};

/// Has read `content` and holds nothing open.
fn parked(name: &str, content: &str) -> Rig {
    let mut rig = Rig::with(name, |rig| rig.write(name, content));
    rig.files = std::mem::replace(&mut rig.files, Rig::new("none").files).with_max_open(0);
    rig.later(100).poll();
    rig.later(100).poll();
    let message = rig.files.close_surplus().expect("it is over the limit");
    assert!(message.contains("room for 0 of 1 watched files") && message.contains("ulimit -n"), "{message}");
    assert_eq!(rig.files.close_surplus(), None, "it is said once");
    rig
}

#[test]
fn a_closed_file_is_read_on_where_it_was_left() {
    let mut rig = parked("p.txt", "a\n");
    assert_eq!(rig.later(1000).poll(), NONE);
    rig.append("p.txt", "b\n");
    assert_eq!(rig.later(1000).poll(), ["lines 2:b"]);
}

#[test]
fn what_became_of_a_closed_file_is_noticed() {
    let mut rig = parked("p.txt", "a\nb\n");
    rig.write("p.txt", "x\n");
    assert_eq!(rig.later(1000).poll(), ["reread Rewritten", "lines 1:x", "done"]);
    let mut rig = parked("p.txt", "a\nb\n");
    rig.replace("p.txt", "x\n");
    assert_eq!(rig.later(1000).poll(), ["reread Replaced", "lines 1:x", "done"]);
    let mut rig = parked("p.txt", "a\n");
    rig.replace("p.txt", "a\nb\n");
    assert_eq!(rig.later(1000).poll(), ["lines 2:b"]);
    let mut rig = parked("p.txt", "a\n");
    fs::remove_file(rig.path("p.txt")).unwrap();
    assert_eq!(rig.later(1000).poll(), ["missing"]);
    rig.write("p.txt", "a\nb\n");
    assert_eq!(rig.later(1000).poll(), ["lines 2:b"]);
}

#[test]
fn a_closed_log_that_is_rotated_loses_nothing() {
    let mut rig = parked("a.log", "a\n");
    rig.append("a.log", "b\n");
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.write("a.log", "x\n");
    let expected = ["reread RotatedSibling", "lines 1:a 2:b", "done", "reread Rotated", "lines 1:x", "done"];
    assert_eq!(rig.later(1000).poll(), expected);
}

#[test]
fn a_file_that_was_let_go_is_read_from_its_start_when_it_changes() {
    let mut rig = Rig::with("n.md", |rig| rig.write("n.md", "a\n"));
    rig.later(100).poll();
    assert!(!rig.files.may_let_go(0, rig.now()), "it has just been written");
    rig.later(70_000).poll();
    assert!(rig.files.may_let_go(0, rig.now()));
    rig.files.let_go(0);
    assert_eq!(rig.later(1000).poll(), NONE);
    rig.append("n.md", "b\n");
    assert_eq!(rig.later(1000).poll(), ["lines 1:a 2:b"]);
    rig.later(70_000).poll();
    rig.files.let_go(0);
    rig.files.take_up(0);
    assert_eq!(rig.later(1000).poll(), ["lines 1:a 2:b"]);
}
