//! Follows real files in a temporary folder with made-up clock readings: no waiting, every poll is asked for.

mod closed;
mod restart;
mod rewrites;
mod rotation;

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::clock::{ClockReading, Timestamp};
use crate::discover::{Shape, Source, SourceKey};
use crate::engine::Input;
use crate::file_change::LineEdit;
use crate::line::{LineEnd, Lines, SourceId, TaskId};
use crate::tail::tracked_files::TrackedFiles;
use crate::tail::tracked_path::PollResult;
use crate::tail::wake::{Hints, TailHandle};

struct Rig {
    folder: TempDir,
    files: TrackedFiles,
    start: Timestamp,
    elapsed: Duration,
    machine: bool,
}

impl Rig {
    fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    fn with(name: &str, prepare: impl FnOnce(&Rig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path().join(name));
        let rig = Rig {
            folder,
            files: TrackedFiles::new(&[source], &mut HashMap::new(), &TailHandle::new()),
            start: Timestamp::now(),
            elapsed: Duration::ZERO,
            machine: name.ends_with(".log"),
        };
        prepare(&rig);
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Same inode, other content.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn append(&self, name: &str, content: impl AsRef<[u8]>) {
        OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap().write_all(content.as_ref()).unwrap();
    }

    /// Another inode under the name, the old one gone.
    fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write("temporary", content);
        fs::rename(self.path("temporary"), self.path(name)).unwrap();
    }

    fn later(&mut self, milliseconds: u64) -> &mut Self {
        self.elapsed += Duration::from_millis(milliseconds);
        self
    }

    fn now(&self) -> ClockReading {
        ClockReading { elapsed: self.elapsed, wall: Timestamp(self.start.0 + self.elapsed.as_millis() as i64) }
    }

    /// One poll, as short words.
    fn poll(&mut self) -> Vec<String> {
        let now = self.now();
        let mut inputs = Vec::new();
        while let PollResult::More { .. } = self.files.poll(0, self.machine, now, &mut |input| inputs.push(input)) {}
        inputs.iter().filter(|input| !matches!(input, Input::FileModified { .. })).map(word).collect()
    }

    /// As `poll`, without what is said of files that lost their name.
    fn poll_here(&mut self) -> Vec<String> {
        self.poll().into_iter().filter(|word| !word.starts_with("detached") && !word.starts_with("closed")).collect()
    }

    /// As `poll`, but only if the file asks for it by now.
    fn poll_if_due(&mut self) -> Vec<String> {
        if self.files.next_poll(0, None) <= self.elapsed { self.poll() } else { vec!["not due".to_owned()] }
    }

    fn closed(&mut self) -> &mut Self {
        self.files.apply_hints(&Hints { changed: [0].into(), closed: [0].into(), ..Hints::default() });
        self
    }
}

fn source(path: PathBuf) -> Source {
    let shown = path.file_name().unwrap().to_string_lossy().into_owned();
    let shape = Shape::of(&path);
    let key = SourceKey::new(&path, None);
    Source {
        id: SourceId(0),
        task: TaskId(0),
        key,
        shared_path: None,
        path,
        display_path: shown,
        shape,
        named: true,
        machine_name: false,
        confinement: crate::discover::Confinement::Anywhere,
    }
}

fn word(input: &Input) -> String {
    let texts = |lines: &Lines| lines.iter().map(|line| line.text.to_owned()).collect::<Vec<_>>().join(" ");
    match input {
        Input::RereadBegun { reason, .. } => format!("reread {reason:?}"),
        Input::Lines { lines, .. } => {
            let lines =
                lines.iter().map(|line| format!("{}{}{}", line.number, if line.end == LineEnd::Feed { ":" } else { "<" }, line.text));
            format!("lines {}", lines.collect::<Vec<_>>().join(" "))
        }
        Input::Edited { reason, edit, lines, .. } => {
            let LineEdit { first, old_end, new_end, window } = edit;
            format!("edited {reason:?} {first}..{new_end} instead of ..{old_end}, {} lines from {window}", lines.len())
        }
        Input::Document { text, .. } => format!("document {text}"),
        Input::RereadDone { partial: None, .. } => "done".to_owned(),
        Input::RereadDone { partial: Some(partial), .. } => format!("done {}|{}", partial.number, partial.text),
        Input::PartialLine { partial, .. } => format!("partial {}|{}", partial.number, partial.text),
        Input::Missing { .. } => "missing".to_owned(),
        Input::RestoreDone { .. } => "restored".to_owned(),
        Input::Detached { detached, .. } => format!("detached {}", detached.0),
        Input::DetachedLines { detached, lines, .. } => format!("detached {} {}", detached.0, texts(lines)),
        Input::DetachedClosed { detached, still_linked: false, .. } => format!("closed {}", detached.0),
        Input::DetachedClosed { detached, partial, .. } => {
            format!("closed {} with {}", detached.0, partial.as_ref().map_or("no partial line", |partial| &partial.text))
        }
        Input::FileModified { .. } => "modified".to_owned(),
        Input::Notice { notice, .. } => format!("{:?} {}", notice.kind, notice.message),
        Input::ProcessEnded { source, .. } => format!("process ended {}", source.0),
        Input::Agent { input, .. } => format!("agent: {input:?}"),
        Input::InitialScanDone | Input::Finish => "over".to_owned(),
    }
}

const NONE: [&str; 0] = [];

#[test]
fn appended_lines_come_once() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb\n"));
    assert_eq!(rig.poll(), ["lines 1:a 2:b"]);
    assert_eq!(rig.poll(), NONE);
    rig.append("p.txt", "c\nd");
    assert_eq!(rig.later(10).poll(), ["lines 3:c"]);
    rig.append("p.txt", "d\ne\n");
    assert_eq!(rig.later(10).poll(), ["lines 4:dd 5:e"]);
    assert_eq!(rig.later(60_000).poll(), NONE);
}

/// When the file asks for its next poll, in milliseconds since the start.
fn due_at(rig: &Rig) -> u128 {
    rig.files.next_poll(0, None).as_millis()
}

#[test]
fn only_a_file_whose_changes_nobody_announces_is_rechecked_each_second() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\n"));
    rig.poll();
    assert_eq!(due_at(&rig), 50);
    rig.later(50).poll();
    assert_eq!(due_at(&rig), 10_000, "together with every other file");
    assert_eq!(rig.files.next_poll(0, Some(Duration::from_millis(250))) - rig.elapsed, Duration::from_millis(250));
    rig.append("p.txt", "b\n");
    assert_eq!(rig.closed().later(10).poll(), ["lines 2:b"]);
    rig.later(60).poll();
    assert_eq!(due_at(&rig), 10_000, "a notification came");
    rig.append("p.txt", "c\n");
    assert_eq!(rig.later(10_000).poll_if_due(), ["lines 3:c"]);
    rig.later(60).poll();
    assert_eq!(due_at(&rig), 11_000, "none came");
    rig.closed().later(10).poll();
    assert_eq!(due_at(&rig), 20_000, "it was late");
    rig.append("p.txt", "d\n");
    rig.later(10_000).poll();
    rig.later(61_000).poll();
    assert_eq!(due_at(&rig), 90_000, "nothing has moved for a minute");
}

#[test]
fn a_file_that_comes_into_sight_has_its_time() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\n"));
    let written = fs::metadata(rig.path("p.txt")).unwrap().modified().unwrap();
    let written = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut inputs = Vec::new();
    rig.files.poll(0, false, rig.now(), &mut |input| inputs.push(input));
    assert_eq!(inputs[0], Input::FileModified { source: SourceId(0), at: Timestamp(written) });
}

#[test]
fn a_character_may_come_in_two_writes() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", b"caf\xc3"));
    assert_eq!(rig.poll(), ["lines "]);
    rig.append("p.txt", b"\xa9\n");
    assert_eq!(rig.later(10).poll(), ["lines 1:café"]);
}

#[test]
fn an_open_last_line_counts_when_it_has_stood() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb"));
    assert_eq!(rig.poll(), ["lines 1:a"]);
    assert_eq!(rig.later(2000).poll(), NONE);
    assert_eq!(rig.later(1000).poll_if_due(), ["partial 2|b"]);
    assert_eq!(rig.later(9000).poll(), NONE);
    // Its line end is no news, but the line is told as any other.
    rig.append("p.txt", "\nc");
    assert_eq!(rig.later(10).poll(), ["lines 2:b"]);
    rig.append("p.txt", "d");
    assert_eq!(rig.later(10).poll(), NONE);
    // The writer closed the file.
    assert_eq!(rig.closed().poll(), NONE);
    assert_eq!(rig.later(1900).poll(), NONE);
    assert_eq!(rig.later(100).poll_if_due(), ["partial 3|cd"]);
}

#[test]
fn a_write_after_a_close_keeps_the_line_open() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", ""));
    rig.poll();
    rig.append("p.txt", "a");
    assert_eq!(rig.later(10).closed().poll(), NONE);
    rig.append("p.txt", "b");
    assert_eq!(rig.later(900).poll(), NONE);
    assert_eq!(rig.later(2900).poll(), NONE);
    assert_eq!(rig.later(100).poll(), ["partial 1|ab"]);
}

#[test]
fn a_line_that_stood_before_the_start_counts_at_once() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb"));
    rig.later(5000);
    assert_eq!(rig.poll(), ["lines 1:a", "partial 2|b"]);
}

#[test]
fn created_later_in_a_missing_folder() {
    let mut rig = Rig::new("a/b/p.txt");
    assert_eq!(rig.poll(), ["missing"]);
    assert_eq!(rig.later(10_000).poll_if_due(), NONE);
    fs::create_dir_all(rig.path("a/b")).unwrap();
    rig.write("a/b/p.txt", "a\n");
    assert_eq!(rig.later(10_000).poll_if_due(), ["lines 1:a"]);
}

#[test]
fn unreadable_is_reported_once_and_tried_again() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\n"));
    fs::set_permissions(rig.path("p.txt"), fs::Permissions::from_mode(0o0)).unwrap();
    if fs::read(rig.path("p.txt")).is_ok() {
        return; // The superuser may read everything.
    }
    let inputs = rig.poll();
    assert!(inputs.len() == 1 && inputs[0].starts_with("Unreadable cannot be read: Permission denied"), "{inputs:?}");
    assert_eq!(rig.later(1000).poll_if_due(), NONE);
    fs::set_permissions(rig.path("p.txt"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(rig.later(1000).poll_if_due(), ["lines 1:a"]);
}

#[test]
fn what_is_no_file_is_refused_until_it_is_one() {
    let mut rig = Rig::with("p.txt", |rig| fs::create_dir(rig.path("p.txt")).unwrap());
    assert_eq!(rig.poll(), ["Unreadable is a folder, not a regular file: give the path of the file itself"]);
    assert_eq!(rig.later(1000).poll_if_due(), NONE);
    fs::remove_dir(rig.path("p.txt")).unwrap();
    rig.write("p.txt", "a\n");
    assert_eq!(rig.later(1000).poll_if_due(), ["lines 1:a"]);
}

#[test]
fn encodings_and_line_ends() {
    let utf16: Vec<u8> = "\u{feff}ü\r\nb\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (content, expected) in [
        (b"\xef\xbb\xbfa\r\nb\r\n".to_vec(), "lines 1:a 2:b"),
        (utf16, "lines 1:ü 2:b"),
        (b"10%\r20%\r\nb\n".to_vec(), "lines 1<10% 1:20% 2:b"),
    ] {
        let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", content));
        assert_eq!(rig.poll(), [expected]);
    }
}

#[test]
fn a_line_that_is_cut_is_noted_once() {
    let long = "x".repeat(3 << 20);
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", format!("{long}\n{long}\nend\n")));
    let inputs = rig.poll();
    assert_eq!(inputs.iter().filter(|word| word.starts_with("LineCut line 1 is longer than 1048576 bytes")).count(), 1);
    assert!(inputs.iter().any(|word| word.ends_with(" 3:end")));
}

#[test]
fn finish_counts_the_open_line_once() {
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", "a\nb"));
    assert_eq!(rig.poll(), ["lines 1:a"]);
    for expected in [vec!["partial 2|b"], vec![]] {
        let (now, mut inputs) = (rig.now(), Vec::new());
        rig.files.finish(now, &mut |input| inputs.push(word(&input)));
        assert_eq!(inputs, expected);
    }
}

#[test]
fn documents_come_whole_whenever_they_changed() {
    let mut rig = Rig::with("prd.json", |rig| rig.write("prd.json", b"\xef\xbb\xbf{1}"));
    assert_eq!(rig.poll(), ["document {1}"]);
    assert_eq!(rig.later(50).poll(), NONE);
    rig.write("prd.json", "{2}");
    assert_eq!([rig.later(10).poll(), rig.later(50).poll()].concat(), ["document {2}"]);
    rig.replace("prd.json", "{2}");
    assert_eq!(rig.later(50).poll(), NONE);
    fs::remove_file(rig.path("prd.json")).unwrap();
    assert_eq!(rig.later(50).poll(), ["missing"]);
    rig.write("prd.json", "{2}");
    assert_eq!(rig.later(50).poll(), ["document {2}"]);
    rig.write("prd.json", vec![b' '; (16 << 20) + 1]);
    let inputs = rig.later(50).poll();
    assert!(inputs.len() == 1 && inputs[0].starts_with("Limit has 16777217 bytes"), "{inputs:?}");
}

#[test]
fn a_big_file_is_read_in_steps() {
    let line = "0123456789abcde\n";
    let mut rig = Rig::with("p.txt", |rig| rig.write("p.txt", line.repeat((9 << 20) / 16)));
    let (now, mut steps, mut lines) = (rig.now(), Vec::new(), 0);
    while let PollResult::More { tick } = rig.files.poll(0, false, now, &mut |input| {
        if let Input::Lines { lines: some, .. } = input {
            lines += some.iter().count();
        }
    }) {
        steps.push(tick);
    }
    assert_eq!((steps, lines), (vec![true, true], (9 << 20) / 16));
    // No tick may come into the middle of a rewrite.
    rig.write("p.txt", "X".repeat(16) + &line.repeat((5 << 20) / 16));
    let now = rig.later(10).now();
    assert_eq!(rig.files.poll(0, false, now, &mut |_| {}), PollResult::More { tick: false });
}
