//! What the histories of the engine do not reach.

use super::*;

#[test]
fn known_keys_count_on_when_there_is_no_room_for_new_ones() {
    let mut ledger = SourceLedger::default();
    let item = |n: usize| CountItem::new(Key(n as u64), StatementForm::Line, 0, CountedKind::StoryStarted);
    for n in 0..MAX_KEYS {
        assert!(!ledger.reject_if_full(item(n).key));
        ledger.append(item(n), Duration::ZERO);
    }
    assert!(!ledger.is_full());
    assert!(ledger.reject_if_full(item(MAX_KEYS).key) && ledger.is_full());
    assert!(!ledger.reject_if_full(item(7).key));
    assert_eq!(ledger.append(item(7), Duration::ZERO), Some(2));
}
