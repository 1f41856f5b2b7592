//! Rewrites, replacements and absence: what is read again, and what is no news.

use std::fs::{self, OpenOptions};
use std::time::{Duration, UNIX_EPOCH};

use super::{NONE, Rig};

#[test]
fn truncated_and_written_again() {
    for (now, expected) in [
        ("x\n", vec!["reread Rewritten", "lines 1:x", "done"]),
        ("longer than before\nx\ny", vec!["reread Rewritten", "lines 1:longer than before 2:x", "done 3|y"]),
        ("a\nB\n", vec!["reread Rewritten", "lines 1:a 2:B", "done"]),
        ("", vec!["reread Rewritten", "done"]),
        ("a\nb\n", vec![]),
        ("a\nb\nc\n", vec!["lines 3:c"]),
    ] {
        let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\n"));
        assert_eq!(rig.poll(), ["lines 1:a 2:b"]);
        rig.write("p.txt", now);
        // A rewrite of the same length within one tick of the file system's clock is found by the second poll.
        assert_eq!([rig.later(10).poll(), rig.later(50).poll()].concat(), expected, "{now:?}");
        assert_eq!(rig.later(60).poll(), NONE);
    }
}

#[test]
fn an_edit_that_puts_its_time_back_is_found() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\n"));
    let before = fs::metadata(rig.path("p.txt")).unwrap().modified().unwrap();
    rig.poll();
    rig.later(60).poll();
    rig.write("p.txt", "a\nB\n");
    OpenOptions::new().write(true).open(rig.path("p.txt")).unwrap().set_modified(before).unwrap();
    assert_eq!(rig.later(60).poll(), ["reread Rewritten", "lines 1:a 2:B", "done"]);
}

#[test]
fn half_a_rewrite_and_the_other_half() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\nc\n"));
    rig.poll();
    rig.write("p.txt", "new\na\n");
    assert_eq!(rig.later(10).poll(), ["reread Rewritten", "lines 1:new 2:a", "done"]);
    rig.append("p.txt", "b\nc\n");
    assert_eq!(rig.later(400).poll(), ["lines 3:b 4:c"]);
}

#[test]
fn atomic_replacements() {
    for (now, expected) in [
        ("a\nb\n", vec![]),
        ("a\nb\nc\nd", vec!["lines 3:c", "partial 4|d"]),
        ("new\na\nb\n", vec!["reread Replaced", "lines 1:new 2:a 3:b", "done"]),
        ("a\nb", vec!["reread Replaced", "lines 1:a", "done 2|b", "partial 2|b"]),
    ] {
        let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\n"));
        rig.poll();
        rig.replace("p.txt", now);
        assert_eq!([rig.later(10).poll_here(), rig.later(250).poll_here(), rig.later(3000).poll_here()].concat(), expected, "{now:?}");
    }
}

#[test]
fn what_was_added_before_the_replacement_is_not_lost() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\n"));
    rig.poll();
    rig.append("p.txt", "b\nopen");
    fs::rename(rig.path("p.txt"), rig.path("p.txt.1")).unwrap();
    rig.write("p.txt", "c\n");
    assert_eq!(rig.later(10).poll(), ["lines 2:b", "partial 3|open", "detached 0", "reread Renamed", "lines 1:c", "done"]);
}

#[test]
fn written_over_and_then_replaced_in_one_poll() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\nc\n"));
    rig.poll();
    rig.write("p.txt", "x\n");
    fs::rename(rig.path("p.txt"), rig.path("p.txt.1")).unwrap();
    rig.write("p.txt", "y\n");
    let expected = ["reread Rewritten", "lines 1:x", "done", "detached 0", "reread Renamed", "lines 1:y", "done"];
    assert_eq!(rig.later(10).poll(), expected);
}

#[test]
fn gone_and_back() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\n"));
    rig.poll();
    fs::rename(rig.path("p.txt"), rig.path("p.txt.1")).unwrap();
    rig.append("p.txt.1", "b\n");
    assert_eq!(rig.later(10).poll(), ["missing", "lines 2:b"]);
    // Its writer goes on.
    rig.append("p.txt.1", "c\n");
    assert_eq!(rig.later(100).poll_if_due(), ["lines 3:c"]);
    let message = "Vanished is gone; what was read stands, and it is read on when it comes back";
    assert_eq!(rig.later(2000).poll_if_due(), [message]);
    assert_eq!(rig.later(100).poll_if_due(), ["not due"]);
    // With the same content it is no news, with more only the more.
    rig.write("p.txt", "a\nb\nc\n");
    assert_eq!(rig.later(100).poll(), ["lines "]);
    fs::remove_file(rig.path("p.txt")).unwrap();
    assert_eq!(rig.later(100).poll(), ["missing"]);
    rig.write("p.txt", "a\nb\nc\nd\n");
    assert_eq!(rig.later(5000).poll(), ["detached 0", "lines 4:d"]);
    fs::remove_file(rig.path("p.txt")).unwrap();
    assert_eq!(rig.later(100).poll(), ["missing"]);
    // Its new writer may still be busy with the last line.
    rig.write("p.txt", "other\nopen");
    let made_up = UNIX_EPOCH + Duration::from_millis(rig.later(100).now().wall.0 as u64);
    OpenOptions::new().write(true).open(rig.path("p.txt")).unwrap().set_modified(made_up).unwrap();
    assert_eq!(rig.poll_here(), ["reread Replaced", "lines 1:other", "done 2|open"]);
    assert_eq!(rig.later(2900).poll_here(), NONE);
    assert_eq!(rig.later(100).poll(), ["partial 2|open"]);
}

#[test]
fn an_edit_in_the_middle_of_a_big_log_is_found_while_its_writer_never_rests() {
    let content = "0123456789abcde\n".repeat((2 << 20) / 16);
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", &content));
    rig.poll();
    rig.later(1000).poll();
    rig.write("p.txt", content.replacen("\n0", "\nX", 1 << 15).replacen("\nX", "\n0", (1 << 15) - 1));
    let mut inputs: Vec<String> = Vec::new();
    for _ in 0..20 {
        rig.append("p.txt", "more\n");
        inputs.extend(rig.later(20).poll().into_iter().map(|word| word.chars().take(16).collect()));
    }
    assert_eq!(inputs[0], "lines 131073:mor");
    assert_eq!(inputs.iter().filter(|word| *word == "reread Rewritten").count(), 1, "{inputs:?}");
}

#[test]
fn a_writer_that_goes_on_behind_a_hole() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\n"));
    rig.poll();
    // Truncated under a writer that keeps its offset; or cut and stretched to the old size, so that only the bytes tell.
    rig.write("p.txt", "\0\0\0\0c\n");
    assert_eq!([rig.later(10).poll(), rig.later(60).poll()].concat(), ["reread Rewritten", "lines 1:c", "done"]);
    rig.write("p.txt", "\0\0\0\0\0\0");
    assert_eq!([rig.later(60).poll(), rig.later(60).poll()].concat(), ["reread Rewritten", "done"]);
    rig.append("p.txt", "d\n");
    assert_eq!(rig.later(60).poll(), ["lines 1:d"]);
}

#[test]
fn an_encoding_may_change_with_a_save() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\n"));
    rig.poll();
    rig.replace("p.txt", b"\xff\xfea\0\n\0b\0\n\0");
    assert_eq!(rig.later(60).poll_here(), ["reread Replaced", "lines 1:a 2:b", "done"]);
    rig.append("p.txt", b"c\0\n");
    assert_eq!(rig.later(60).poll_here(), NONE);
    rig.append("p.txt", b"\0");
    assert_eq!(rig.later(60).poll_here(), ["lines 3:c"]);
    rig.replace("p.txt", b"\xef\xbb\xbfa\nb\nc\n");
    assert_eq!(rig.later(60).poll_here(), ["reread Replaced", "lines 1:a 2:b 3:c", "done"]);
}

#[test]
fn a_pair_of_line_ends_may_come_in_two_writes() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\r\n"));
    assert_eq!(rig.poll(), ["lines 1:a"]);
    for (piece, expected) in [("b\r", vec![]), ("\nc", vec!["lines 2:b"]), ("\r", vec![]), ("d\r\n", vec!["lines 3<c 3:d"])] {
        rig.append("p.txt", piece);
        assert_eq!(rig.later(60).poll_here(), expected, "{piece:?}");
    }
}
