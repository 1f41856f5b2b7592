//! A reader that is given what an earlier one had read.

use std::collections::HashMap;
use std::fs;

use super::{NONE, Rig, source};
use crate::tail::checkpoint::FileCheckpoint;
use crate::tail::tracked_files::TrackedFiles;
use crate::tail::wake::TailHandle;

impl Rig {
    fn restart(&mut self, name: &str) -> &mut Rig {
        let checkpoint = self.files.checkpoint(0).map(|(path, checkpoint)| (path, through_json(&checkpoint)));
        self.files =
            TrackedFiles::new(&[source(self.path(name))], &mut checkpoint.into_iter().collect::<HashMap<_, _>>(), &TailHandle::new());
        self
    }
}

fn through_json(checkpoint: &FileCheckpoint) -> FileCheckpoint {
    serde_json::from_slice(&serde_json::to_vec(checkpoint).unwrap()).unwrap()
}

#[test]
fn what_was_read_is_kept_apart_from_what_came() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\nop"));
    rig.poll();
    assert_eq!(rig.restart("p.txt").poll(), ["reread Restored", "lines 1:a 2:b", "restored"]);
    rig.append("p.txt", "en\nc\n");
    assert_eq!(rig.restart("p.txt").poll(), ["reread Restored", "lines 1:a 2:b", "restored", "lines 3:open 4:c"]);
    rig.append("p.txt", "d\n");
    assert_eq!(rig.poll(), ["lines 5:d"]);
    // The same content in another file is what was read, too.
    rig.replace("p.txt", "a\nb\nopen\nc\nd\ne\n");
    assert_eq!(rig.restart("p.txt").poll(), ["reread Restored", "lines 1:a 2:b 3:open 4:c 5:d", "restored", "lines 6:e"]);
}

#[test]
fn what_was_rewritten_is_read_as_a_rewrite() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\n"));
    rig.poll();
    rig.write("p.txt", "x\na\nb\n");
    assert_eq!(rig.restart("p.txt").poll(), ["reread Rewritten", "lines 1:x 2:a 3:b", "done"]);
    rig.replace("p.txt", "y\n");
    assert_eq!(rig.restart("p.txt").poll(), ["reread Replaced", "lines 1:y", "done"]);
    fs::remove_file(rig.path("p.txt")).unwrap();
    assert_eq!(rig.restart("p.txt").poll(), ["missing"]);
    // It is still remembered when it comes back.
    assert_eq!(rig.restart("p.txt").poll(), ["missing"]);
    rig.write("p.txt", "y\nz\n");
    assert_eq!(rig.later(1000).poll(), ["reread Restored", "lines 1:y", "restored", "lines 2:z"]);
}

#[test]
fn a_file_in_the_middle_of_being_read_has_no_checkpoint() {
    let line = "0123456789abcde\n";
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", line.repeat((9 << 20) / 16)));
    let now = rig.now();
    rig.files.poll(0, false, now, &mut |_| {});
    assert_eq!(rig.restart("p.txt").poll().first().map(String::as_str), Some("reread Rewritten"));
}

#[test]
fn rotations_meanwhile_are_found() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "a\nb\n"));
    rig.poll();
    rig.append("a.log", "c\n");
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.write("a.log", "x\n");
    let expected = ["reread RotatedSibling", "lines 1:a 2:b 3:c", "done", "reread Rotated", "lines 1:x", "done"];
    assert_eq!(rig.restart("a.log").poll(), expected);
    // Copied and emptied.
    rig.append("a.log", "y\n");
    fs::copy(rig.path("a.log"), rig.path("a.log.2")).unwrap();
    rig.write("a.log", "");
    let expected = ["reread RotatedSibling", "lines 1:x 2:y", "done", "reread Rotated", "done"];
    assert_eq!(rig.restart("a.log").poll(), expected);
    rig.append("a.log", "z\n");
    assert_eq!(rig.restart("a.log").poll(), ["reread Restored", "restored", "lines 1:z"]);
    assert_eq!(rig.later(60).poll(), NONE);
}

#[test]
fn what_was_rotated_away_is_read_before_another_file_takes_the_name() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "a\n"));
    rig.poll();
    rig.append("a.log", "b\n");
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    assert_eq!(rig.restart("a.log").poll(), ["missing", "reread RotatedSibling", "lines 1:a 2:b", "done"]);
    assert_eq!(rig.later(1000).poll(), NONE);
    // Its writer still has it open, and adds to it; a bridge that is restarted now reads it once more, which is no news.
    rig.append("a.log.1", "c\n");
    assert_eq!(rig.later(1000).poll(), ["reread RotatedSibling", "lines 1:a 2:b 3:c", "done"]);
    assert_eq!(rig.restart("a.log").poll(), ["missing", "reread RotatedSibling", "lines 1:a 2:b 3:c", "done"]);
    // Another generation has come and gone.
    rig.write("a.log.2", "d\n");
    assert_eq!(rig.later(1000).poll(), ["reread RotatedSibling", "lines 1:d", "done"]);
    assert_eq!(rig.later(1000).poll(), NONE);
    rig.append("a.log.2", "e\n");
    rig.write("a.log", "x\n");
    let expected = ["reread RotatedSibling", "lines 1:d 2:e", "done", "reread Rotated", "lines 1:x", "done"];
    assert_eq!(rig.later(1000).poll(), expected);
}
