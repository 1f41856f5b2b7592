//! What the engine's histories do not reach.

use super::*;

#[test]
fn what_is_known_counts_on_when_there_is_no_room_for_more() {
    let mut source = Source::default();
    let item = |n: usize| Item::new(Key(n as u64), StatementForm::Line, 0, CountedKind::StoryStarted);
    for n in 0..KEYS {
        assert!(!source.has_no_room(item(n).slot));
        source.append(item(n), Duration::ZERO);
    }
    assert!(!source.is_full());
    assert!(source.has_no_room(item(KEYS).slot) && source.is_full());
    assert!(!source.has_no_room(item(7).slot));
    assert_eq!(source.append(item(7), Duration::ZERO), Some(2));
}
