//! The store restores what it wrote, quarantines a damaged file with a notice, and survives a full disk.

use std::fs::OpenOptions;
use std::os::unix::fs::PermissionsExt;

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

#[test]
fn the_journal_comes_back_without_its_torn_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, restored) = open(&folder);
    let epoch = restored.newest.unwrap().epoch;
    assert_eq!(store.append(&numbered(1, 3), NOW), None);
    drop(store);
    let mut file = OpenOptions::new().append(true).open(folder.path().join("journal")).unwrap();
    file.write_all(b"{\"id\":\"half").unwrap();
    let (mut store, restored) = open(&folder);
    assert_eq!((restored.newest, restored.events), (Some(Cursor { epoch, seq: Seq(3) }), numbered(1, 3)));
    assert!(restored.notices.is_empty());
    store.append(&numbered(4, 1), NOW);
    drop(store);
    assert_eq!(open(&folder).1.events, numbered(1, 4));
}

#[test]
fn a_folder_serves_one_bridge() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = open(&folder);
    let error = Store::open(folder.path(), NOW).expect_err("it is in use");
    assert!(error.exit_code() == 2 && error.to_string().contains("another bridge is using it"), "{error}");
    drop(store);
    open(&folder);
}

#[test]
fn what_another_version_wrote_is_set_aside_and_said() {
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
        assert_eq!(store.append(&numbered(1, 1), NOW), None);
        drop(store);
        assert_eq!(open(&folder).1.events.len(), 1);
    }
}

#[test]
fn trouble_is_said_once_until_it_is_over() {
    // A device that is always full.
    let full = Path::new("/dev/full");
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(&folder);
    store.journal.as_mut().unwrap().write_to(File::options().write(true).open(full).unwrap());
    let said = store.append(&numbered(1, 1), NOW).expect("the disk is full");
    assert!(said.kind == NoticeKind::Store && said.message.contains("No space left"), "{said:?}");
    assert_eq!(store.append(&numbered(2, 1), NOW), None);
    let journal = OpenOptions::new().append(true).open(folder.path().join("journal")).unwrap();
    store.journal.as_mut().unwrap().write_to(journal);
    assert_eq!(store.append(&numbered(3, 2), NOW), None);
    drop(store);
    // The hub handles the hole: the events after it are contiguous up to the newest.
    assert_eq!(open(&folder).1.events, numbered(3, 2));
}

#[test]
fn a_folder_that_cannot_be_written_is_said_and_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("file/state");
    fs::write(folder.path().join("file"), "not a folder").unwrap();
    let (mut store, restored) = Store::open(&inside, NOW).unwrap();
    assert!(restored.notices.len() == 1 && restored.newest.is_none(), "{:?}", restored.notices);
    assert_eq!(store.append(&numbered(1, 1), NOW), None);
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    let (_, restored) = Store::open(&closed, NOW).unwrap();
    // The superuser may write everywhere.
    assert_eq!(restored.notices.len(), usize::from(restored.newest.is_none()));
}

#[test]
fn a_long_journal_is_made_shorter() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = open(&folder);
    for batch in 0..21 {
        assert_eq!(store.append(&numbered(1 + batch * 1000, 1000), NOW), None);
    }
    let lines = fs::read(folder.path().join("journal")).unwrap().iter().filter(|byte| **byte == b'\n').count();
    assert!((10_001..=11_001).contains(&lines), "{lines}");
    drop(store);
    let events = open(&folder).1.events;
    assert_eq!((events.first().unwrap().seq, events.last().unwrap().seq), (Seq(11_001), Seq(21_000)));
}
