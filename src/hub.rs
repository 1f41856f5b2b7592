//! One writer, one bounded log of events, readers with cursors; the newest state beside it.
