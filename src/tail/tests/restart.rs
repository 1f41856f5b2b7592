//! A reader that is given what an earlier one had read.

use std::collections::HashMap;
use std::fs;

use super::{NONE, Rig, source};
use crate::tail::files::Files;
use crate::tail::memory::Memory;
use crate::tail::wake::Waker;

impl Rig {
    fn restart(&mut self, name: &str) -> &mut Rig {
        let memory = self.files.memory(0).map(|(path, memory)| (path, through_json(&memory)));
        self.files = Files::new(&[source(self.path(name))], &mut memory.into_iter().collect::<HashMap<_, _>>(), &Waker::new());
        self
    }
}

fn through_json(memory: &Memory) -> Memory {
    serde_json::from_slice(&serde_json::to_vec(memory).unwrap()).unwrap()
}

#[test]
fn what_was_read_is_told_apart_from_what_came() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\nop"));
    rig.look();
    assert_eq!(rig.restart("p.txt").look(), ["reread Restored", "lines 1:a 2:b", "restored"]);
    rig.append("p.txt", "en\nc\n");
    assert_eq!(rig.restart("p.txt").look(), ["reread Restored", "lines 1:a 2:b", "restored", "lines 3:open 4:c"]);
    rig.append("p.txt", "d\n");
    assert_eq!(rig.look(), ["lines 5:d"]);
    // The same content in another file is what was read, too.
    rig.replace("p.txt", "a\nb\nopen\nc\nd\ne\n");
    assert_eq!(rig.restart("p.txt").look(), ["reread Restored", "lines 1:a 2:b 3:open 4:c 5:d", "restored", "lines 6:e"]);
}

#[test]
fn what_was_rewritten_is_read_as_a_rewrite() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\n"));
    rig.look();
    rig.write("p.txt", "x\na\nb\n");
    assert_eq!(rig.restart("p.txt").look(), ["reread Rewritten", "lines 1:x 2:a 3:b", "done"]);
    rig.replace("p.txt", "y\n");
    assert_eq!(rig.restart("p.txt").look(), ["reread Replaced", "lines 1:y", "done"]);
    fs::remove_file(rig.path("p.txt")).unwrap();
    assert_eq!(rig.restart("p.txt").look(), ["missing"]);
    // It is still remembered when it comes back.
    assert_eq!(rig.restart("p.txt").look(), ["missing"]);
    rig.write("p.txt", "y\nz\n");
    assert_eq!(rig.later(1000).look(), ["reread Restored", "lines 1:y", "restored", "lines 2:z"]);
}

#[test]
fn a_file_in_the_middle_of_being_read_has_no_place() {
    let line = "0123456789abcde\n";
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", line.repeat((9 << 20) / 16)));
    let now = rig.now();
    rig.files.look(0, false, now, &mut |_| {});
    assert_eq!(rig.restart("p.txt").look().first().map(String::as_str), Some("reread Rewritten"));
}

#[test]
fn rotations_meanwhile_are_found() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "a\nb\n"));
    rig.look();
    rig.append("a.log", "c\n");
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.write("a.log", "x\n");
    let expected = ["reread RotatedSibling", "lines 1:a 2:b 3:c", "done", "reread Rotated", "lines 1:x", "done"];
    assert_eq!(rig.restart("a.log").look(), expected);
    // Copied and emptied.
    rig.append("a.log", "y\n");
    fs::copy(rig.path("a.log"), rig.path("a.log.2")).unwrap();
    rig.write("a.log", "");
    let expected = ["reread RotatedSibling", "lines 1:x 2:y", "done", "reread Rotated", "done"];
    assert_eq!(rig.restart("a.log").look(), expected);
    rig.append("a.log", "z\n");
    assert_eq!(rig.restart("a.log").look(), ["reread Restored", "restored", "lines 1:z"]);
    assert_eq!(rig.later(60).look(), NONE);
}

#[test]
fn what_was_rotated_away_is_read_before_another_file_takes_the_name() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "a\n"));
    rig.look();
    rig.append("a.log", "b\n");
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    assert_eq!(rig.restart("a.log").look(), ["missing", "reread RotatedSibling", "lines 1:a 2:b", "done"]);
    assert_eq!(rig.later(1000).look(), NONE);
    // Its writer still has it open, and adds to it; a bridge that is restarted now reads it once more, which is no news.
    rig.append("a.log.1", "c\n");
    assert_eq!(rig.later(1000).look(), ["reread RotatedSibling", "lines 1:a 2:b 3:c", "done"]);
    assert_eq!(rig.restart("a.log").look(), ["missing", "reread RotatedSibling", "lines 1:a 2:b 3:c", "done"]);
    // Another generation has come and gone.
    rig.write("a.log.2", "d\n");
    assert_eq!(rig.later(1000).look(), ["reread RotatedSibling", "lines 1:d", "done"]);
    assert_eq!(rig.later(1000).look(), NONE);
    rig.append("a.log.2", "e\n");
    rig.write("a.log", "x\n");
    let expected = ["reread RotatedSibling", "lines 1:d 2:e", "done", "reread Rotated", "lines 1:x", "done"];
    assert_eq!(rig.later(1000).look(), expected);
}
