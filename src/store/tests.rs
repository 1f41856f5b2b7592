//! The store restores what it wrote, quarantines a damaged file with a notice, and survives a full disk.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;

const NOW: Timestamp = Timestamp(1_770_000_000_000);

fn open(folder: &TempDir) -> (Store, Restored) {
    Store::open(folder.path(), NOW).unwrap()
}

fn numbered(from: u64, count: u64) -> Vec<Event> {
    let event = r#"{"id":"880ddd27-2b52-5602-9886-d4d10a30da36","seq":1,"type":"story_started","timestamp":"2026-03-04T09:11:40.000Z",
        "timestamp_source":"observed","task_id":"shop","run":"a","provenance":"explicit","source":{"path":"progress.txt","line":4},
        "data":{"story_id":"US-1","attempt":1}}"#;
    let event: Event = serde_json::from_str(event).unwrap();
    (from..from + count).map(|seq| Event { seq: Seq(seq), ..event.clone() }).collect()
}

fn published(from: u64, count: u64) -> Vec<Arc<PublishedEvent>> {
    Hub::new(HubSettings::default()).serialized(numbered(from, count))
}

#[test]
fn the_journal_comes_back_without_its_torn_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, restored) = open(&folder);
    let epoch = restored.newest.unwrap().epoch;
    assert_eq!(store.append(&published(1, 3), NOW), None);
    drop(store);
    let mut file = OpenOptions::new().append(true).open(folder.path().join("journal")).unwrap();
    file.write_all(b"{\"id\":\"half").unwrap();
    let (mut store, restored) = open(&folder);
    assert_eq!((restored.newest, restored.events), (Some(Cursor { epoch, seq: Seq(3), check: None }), numbered(1, 3)));
    assert!(restored.notices.is_empty());
    store.append(&published(4, 1), NOW);
    drop(store);
    assert_eq!(open(&folder).1.events, numbered(1, 4));
}

#[test]
fn a_folder_serves_one_bridge() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(&folder);
    match Store::open(folder.path(), NOW) {
        Err(OpenError::Busy(error)) => {
            assert!(error.exit_code() == 2 && error.to_string().contains("another bridge is using it"), "{error}");
        }
        other => panic!("it is in use: {other:?}"),
    }
    drop(store);
    open(&folder);
}

#[test]
fn what_another_version_wrote_is_set_aside_with_a_notice() {
    for (name, content) in [
        ("journal", "{\"journal\":99,\"epoch\":\"0\"}\n{}\n"),
        ("journal", "\0\0\0\n"),
        ("snapshot", "{\"version\":99,\"keep\":{}}"),
        ("snapshot", "{\"version\":1,\"keep\":{\"counts\":{\"se"),
        ("snapshot", ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), content).unwrap();
        let (mut store, restored) = open(&folder);
        let aside = folder.path().join(name).with_extension("unusable");
        assert_eq!(restored.notices.len(), 1, "{content}");
        assert!(
            restored.notices[0].message.contains("set aside") && restored.notices[0].path.as_deref() == aside.to_str(),
            "{:?}",
            restored.notices
        );
        assert_eq!(fs::read_to_string(aside).unwrap(), content);
        assert_eq!(store.append(&published(1, 1), NOW), None);
        drop(store);
        assert_eq!(open(&folder).1.events.len(), 1);
    }
}

#[test]
fn trouble_gives_one_notice() {
    // A device that is always full.
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(&folder);
    store.journal.write_to(full());
    let notice = store.append(&published(1, 1), NOW).expect("the disk is full");
    assert!(notice.kind == NoticeKind::Store && notice.message.contains("No space left"), "{notice:?}");
    assert_eq!(store.append(&published(2, 1), NOW), None);
    let journal = OpenOptions::new().append(true).open(folder.path().join("journal")).unwrap();
    store.journal.write_to(journal);
    // What is small fits now and then.
    for seq in [3, 4] {
        assert_eq!(store.append(&published(seq, 1), NOW), None);
    }
    store.journal.write_to(full());
    assert_eq!(store.append(&published(5, 1), NOW), None);
    drop(store);
    // The hub handles the hole: the events after it are contiguous up to the newest.
    assert_eq!(open(&folder).1.events, numbered(3, 2));
}

#[track_caller]
fn refuses(folder: &Path, part: &str) {
    match Store::open(folder, NOW) {
        Err(OpenError::Unusable(error)) => {
            assert!(error.exit_code() == 2 && error.to_string().contains(part), "{error}");
        }
        other => panic!("{} is taken: {other:?}", folder.display()),
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "not a folder").unwrap();
    refuses(&folder.path().join("file/state"), "cannot be used");
}

#[test]
fn what_is_kept_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("a/state");
    drop(Store::open(&state, NOW).unwrap());
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    let (mut store, _) = Store::open(&state, NOW).unwrap();
    store.append(&published(1, 1), NOW);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for entry in fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// A home, a project, `/etc`: to make it private would lock others out.
#[test]
fn a_folder_of_other_things_is_not_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (home, link) = (folder.path().join("home"), folder.path().join("link"));
    fs::create_dir(&home).unwrap();
    std::os::unix::fs::symlink(&home, &link).unwrap();
    fs::write(home.join("diary.txt"), "dear diary\n").unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    for named in [&home, &link, &link.join("")] {
        refuses(named, "holds other things");
        assert_eq!(home.metadata().unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_dir(&home).unwrap().count(), 1, "nothing is made in it");
    }
    // Whoever has it for himself may have it for this, too.
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    drop(Store::open(&home, NOW).unwrap());
}

#[test]
fn nothing_foreign_is_touched() {
    for name in ["journal", "snapshot", "lock", "journal.new", "snapshot.new"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, "dear diary\n").unwrap();
        refuses(folder.path(), "not written by this program");
        assert_eq!(fs::read_to_string(&path).unwrap(), "dear diary\n", "{name}");
        fs::remove_file(&path).unwrap();
        // A link to a file of somebody, a second name of one, a pipe that nobody writes.
        let other = tempfile::tempdir().unwrap();
        let target = other.path().join("target");
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        refuses(folder.path(), "no regular file");
        fs::remove_file(&path).unwrap();
        fs::hard_link(&target, &path).unwrap();
        refuses(folder.path(), "no regular file");
        fs::remove_file(&path).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        refuses(folder.path(), "no regular file");
        assert_eq!(fs::read_to_string(&target).unwrap(), "");
    }
}

#[test]
fn an_epoch_that_would_be_a_frame_is_refused() {
    for epoch in ["a\\nevent: story_completed", "a\\u2028b", "", "a b", &"x".repeat(65)] {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{{\"journal\":1,\"epoch\":\"{epoch}\"}}\n");
        fs::write(folder.path().join("journal"), &text).unwrap();
        refuses(folder.path(), "epoch");
        assert_eq!(fs::read_to_string(folder.path().join("journal")).unwrap(), text);
    }
}

#[test]
fn what_a_killed_process_left_half_written_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(&folder);
    store.append(&published(1, 1), NOW);
    drop(store);
    fs::write(folder.path().join("journal.new"), "{\"journal\":1,\"epo").unwrap();
    fs::write(folder.path().join("snapshot.new"), "").unwrap();
    assert_eq!(open(&folder).1.events, numbered(1, 1));
    assert!(!folder.path().join("snapshot.new").exists());
}

#[test]
fn a_long_journal_is_made_shorter() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(&folder);
    for batch in 0..21 {
        assert_eq!(store.append(&published(1 + batch * 1000, 1000), NOW), None);
    }
    let lines = fs::read(folder.path().join("journal")).unwrap().iter().filter(|byte| **byte == b'\n').count();
    assert!((10_001..=11_001).contains(&lines), "{lines}");
    drop(store);
    let events = open(&folder).1.events;
    assert_eq!((events.first().unwrap().seq, events.last().unwrap().seq), (Seq(11_001), Seq(21_000)));
}
