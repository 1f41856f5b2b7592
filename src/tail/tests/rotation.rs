//! Machine logs: rotated by name, copied and emptied, and written to while nobody knows it yet.

use std::fs::{self, OpenOptions};
use std::io::Write;

use super::{NONE, Rig};

#[test]
fn renamed_and_created_anew() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "head\na\n"));
    rig.poll();
    rig.append("a.log", "b\n");
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    // It begins with all that the old one held, and is another file all the same.
    rig.write("a.log", "head\na\nb\nc\n");
    let expected = ["lines 3:b", "detached 0", "reread Rotated", "lines 1:head 2:a 3:b 4:c", "done"];
    assert_eq!(rig.later(10).poll(), expected);
}

#[test]
fn the_old_descriptor_is_read_on_beside_the_new_file() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "a\n"));
    rig.poll();
    let mut writer = OpenOptions::new().append(true).open(rig.path("a.log")).unwrap();
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.write("a.log", "x\n");
    assert_eq!(rig.later(10).poll(), ["detached 0", "reread Rotated", "lines 1:x", "done"]);
    for piece in ["b\n", "c\nop"] {
        writer.write_all(piece.as_bytes()).unwrap();
        rig.later(1000);
        assert_eq!(rig.poll_if_due(), [format!("detached 0 {}", &piece[..1])]);
    }
    rig.append("a.log", "y\n");
    assert_eq!(rig.later(500).poll(), ["lines 2:y"]);
    assert_eq!(rig.later(1500).poll_if_due(), ["closed 0 with op"]);
    writer.write_all(b"en\n").unwrap();
    assert_eq!(rig.later(1000).poll(), NONE);
}

#[test]
fn an_old_file_that_is_written_over_is_left() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "a\nopen"));
    rig.poll();
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.write("a.log", "x\n");
    rig.later(10).poll();
    fs::write(rig.path("a.log.1"), "other\n").unwrap();
    assert_eq!(rig.later(100).poll(), ["closed 0"]);
}

#[test]
fn copied_and_emptied() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "a\nb\n"));
    rig.poll();
    rig.append("a.log", "c\n");
    fs::copy(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    rig.write("a.log", "x\n");
    let expected = ["reread RotatedSibling", "lines 1:a 2:b 3:c", "done", "reread Rotated", "lines 1:x", "done"];
    assert_eq!(rig.later(10).poll(), expected);
    // Without a copy it is a rewrite as any other.
    rig.write("a.log", "");
    assert_eq!(rig.later(60).poll(), ["reread Rewritten", "done"]);
}

#[test]
fn generations_between_two_polls_are_read_in_order() {
    let mut rig = Rig::with("a.log", |rig| {
        rig.write("a.log", "a\n");
        rig.write("a.log.1", "long ago\n");
    });
    rig.poll();
    fs::rename(rig.path("a.log.1"), rig.path("a.log.3")).unwrap();
    fs::rename(rig.path("a.log"), rig.path("a.log.2")).unwrap();
    rig.write("a.log.1", "b\n");
    rig.write("a.log", "c\n");
    let expected = ["reread RotatedSibling", "lines 1:b", "done", "detached 0", "reread Rotated", "lines 1:c", "done"];
    assert_eq!(rig.later(10).poll(), expected);
    // The next one knows them all.
    fs::rename(rig.path("a.log"), rig.path("a.log.0")).unwrap();
    rig.write("a.log", "d\n");
    assert_eq!(rig.later(10).poll(), ["detached 1", "reread Rotated", "lines 1:d", "done"]);
}

#[test]
fn a_backup_is_a_save_and_an_agents_log_is_never_rotated() {
    let cases = [
        ("a.log", "a.log~", "Replaced"),
        ("a.log", "a.log.bak", "Replaced"),
        ("a.log", "kept.log", "Renamed"),
        ("p.txt", "p.txt.1", "Renamed"),
    ];
    for (name, other, why) in cases {
        let mut rig = Rig::with(name, |rig| rig.write(name, "a\n"));
        rig.poll();
        fs::rename(rig.path(name), rig.path(other)).unwrap();
        rig.write(name, "x\n");
        assert_eq!(rig.later(10).poll_here(), [format!("reread {why}").as_str(), "lines 1:x", "done"], "{other}");
    }
}

#[test]
fn hundreds_of_replacements_hold_few_descriptors() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "a\n"));
    rig.poll();
    let (mut retired, mut left) = (0, 0);
    for round in 0..300 {
        rig.replace("a.log", format!("{round}\n"));
        for word in rig.later(1).poll() {
            retired += usize::from(word.starts_with("detached"));
            left += usize::from(word.starts_with("closed"));
        }
    }
    assert_eq!((retired, retired - left), (300, 8));
}

#[test]
fn generations_that_come_while_the_name_is_free_are_read() {
    let mut rig = Rig::with("a.log", |rig| rig.write("a.log", "a\n"));
    rig.poll();
    fs::rename(rig.path("a.log"), rig.path("a.log.1")).unwrap();
    assert_eq!(rig.later(10).poll(), ["missing"]);
    assert_eq!(rig.later(3000).poll(), ["Vanished is gone; what was read stands, and it is read on when it comes back"]);
    rig.write("a.log.2", "b\n");
    assert_eq!(rig.later(1000).poll(), ["reread RotatedSibling", "lines 1:b", "done"]);
    assert_eq!(rig.later(1000).poll(), NONE);
}
