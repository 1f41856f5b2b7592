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
    assert_eq!(rig.restart("p.txt").look(), ["begin Resumed", "lines 1:a 2:b", "resumed"]);
    rig.append("p.txt", "en\nc\n");
    assert_eq!(rig.restart("p.txt").look(), ["begin Resumed", "lines 1:a 2:b", "resumed", "lines 3:open 4:c"]);
    rig.append("p.txt", "d\n");
    assert_eq!(rig.look(), ["lines 5:d"]);
    // The same content in another file is what was read, too.
    rig.replace("p.txt", "a\nb\nopen\nc\nd\ne\n");
    assert_eq!(rig.restart("p.txt").look(), ["begin Resumed", "lines 1:a 2:b 3:open 4:c 5:d", "resumed", "lines 6:e"]);
}

#[test]
fn what_was_rewritten_is_read_as_a_rewrite() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\n"));
    rig.look();
    rig.write("p.txt", "x\na\nb\n");
    assert_eq!(rig.restart("p.txt").look(), ["begin Rewritten", "lines 1:x 2:a 3:b", "end"]);
    rig.replace("p.txt", "y\n");
    assert_eq!(rig.restart("p.txt").look(), ["begin Replaced", "lines 1:y", "end"]);
    fs::remove_file(rig.path("p.txt")).unwrap();
    assert_eq!(rig.restart("p.txt").look(), ["gone"]);
    // It is still remembered when it comes back.
    assert_eq!(rig.restart("p.txt").look(), ["gone"]);
    rig.write("p.txt", "y\nz\n");
    assert_eq!(rig.later(1000).look(), ["begin Resumed", "lines 1:y", "resumed", "lines 2:z"]);
}

#[test]
fn a_file_in_the_middle_of_being_read_has_no_place() {
    let line = "0123456789abcde\n";
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", line.repeat((9 << 20) / 16)));
    let now = rig.now();
    rig.files.look(0, false, now, &mut |_| {});
    assert_eq!(rig.restart("p.txt").look().first().map(String::as_str), Some("begin Rewritten"));
}

#[test]
fn rotations_meanwhile_are_found() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "a\nb\n"));
    rig.look();
    rig.append("a.log", "c\n");
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.write("a.log", "x\n");
    let expected = ["begin Sibling", "lines 1:a 2:b 3:c", "end", "begin Rotated", "lines 1:x", "end"];
    assert_eq!(rig.restart("a.log").look(), expected);
    // Copied and emptied.
    rig.append("a.log", "y\n");
    fs::copy(rig.path("a.log"), rig.path("a.log.2")).unwrap();
    rig.write("a.log", "");
    let expected = ["begin Sibling", "lines 1:x 2:y", "end", "begin Rotated", "end"];
    assert_eq!(rig.restart("a.log").look(), expected);
    rig.append("a.log", "z\n");
    assert_eq!(rig.restart("a.log").look(), ["begin Resumed", "resumed", "lines 1:z"]);
    assert_eq!(rig.later(60).look(), NONE);
}

#[test]
fn what_was_rotated_away_is_read_before_another_file_takes_the_name() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "a\n"));
    rig.look();
    rig.append("a.log", "b\n");
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    assert_eq!(rig.restart("a.log").look(), ["gone", "begin Sibling", "lines 1:a 2:b", "end"]);
    assert_eq!(rig.later(1000).look(), NONE);
    // Its writer still has it open, and adds to it; a bridge that is restarted now reads it once more, which is no news.
    rig.append("a.log.1", "c\n");
    assert_eq!(rig.later(1000).look(), ["begin Sibling", "lines 1:a 2:b 3:c", "end"]);
    assert_eq!(rig.restart("a.log").look(), ["gone", "begin Sibling", "lines 1:a 2:b 3:c", "end"]);
    // Another generation has come and gone.
    rig.write("a.log.2", "d\n");
    assert_eq!(rig.later(1000).look(), ["begin Sibling", "lines 1:d", "end"]);
    assert_eq!(rig.later(1000).look(), NONE);
    rig.append("a.log.2", "e\n");
    rig.write("a.log", "x\n");
    let expected = ["begin Sibling", "lines 1:d 2:e", "end", "begin Rotated", "lines 1:x", "end"];
    assert_eq!(rig.later(1000).look(), expected);
}
