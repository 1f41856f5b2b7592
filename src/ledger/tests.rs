//! What the histories of the engine do not reach.

use proptest::prelude::*;

use super::*;

#[test]
fn known_keys_count_on_when_there_is_no_room_for_new_ones() {
    let mut ledger = SourceLedger::default();
    let item = |n: usize| CountItem::new(Key(n as u64), StatementForm::Line, 0, CountedKind::StoryStarted);
    for n in 0..MAX_KEYS {
        assert!(!ledger.reject_if_full(item(n).key));
        ledger.append(LogFile::Attached, item(n), Duration::ZERO);
    }
    assert!(!ledger.is_full());
    assert!(ledger.reject_if_full(item(MAX_KEYS).key) && ledger.is_full());
    assert!(!ledger.reject_if_full(item(7).key));
    assert_eq!(ledger.append(LogFile::Attached, item(7), Duration::ZERO), Some(2));
}

/// Items of a few keys in a few entries; every third kind counts once.
fn items(most: usize) -> impl Strategy<Value = Vec<CountItem>> {
    let item = (0u64..6, 0u64..4).prop_map(|(key, entry)| {
        let kind = if key % 3 == 0 { CountedKind::CriterionDone } else { CountedKind::StoryStarted };
        CountItem::new(Key(key), StatementForm::Entry, entry, kind)
    });
    prop::collection::vec(item, 0..most)
}

proptest! {
    #![proptest_config(crate::property::config(256))]
    #[test]
    fn an_edit_counts_as_the_edited_content_does(
        earlier in items(12), head in items(6), removed in items(4), tail in items(6), added in items(6),
    ) {
        let mut whole = SourceLedger::default();
        whole.commit(&earlier, Duration::ZERO);
        let old = [head.as_slice(), &removed, &tail].concat();
        whole.commit(&old, Duration::from_secs(1));
        let mut edited = whole.clone();
        let edit = ContentEdit { kept: [&head, &tail], removed: &removed, added: &added };
        let new = [head.as_slice(), &added, &tail].concat();
        let counts = ContentCounts::of_items(&new);
        prop_assert_eq!(edited.loses_by(&edit), edited.held.iter().any(|(key, held)| counts.of(key) < held.current));
        let later = Duration::from_secs(2);
        let by_key = |items: &[CountItem], due: Vec<(usize, u32)>| -> Vec<_> {
            let mut due: Vec<_> = due.into_iter().map(|(index, count)| (items[index].key.0, count)).collect();
            due.sort_unstable();
            due
        };
        prop_assert_eq!(by_key(&added, edited.commit_edit(&edit, later)), by_key(&new, whole.commit(&new, later)));
        prop_assert_eq!(edited.held, whole.held);
        prop_assert_eq!(edited.missing_since, whole.missing_since);
        prop_assert_eq!(edited.entry_hashes, whole.entry_hashes);
    }
}
