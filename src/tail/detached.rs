//! Files whose path another file has taken. They are still read for a while, because their writers may have kept them open.

use std::collections::VecDeque;
use std::fs::File;
use std::time::Duration;

use crate::engine::Input;
use crate::file_change::DetachedId;
use crate::line::Lines;
use crate::tail::read_position::{DrainResult, LastLine, ReadPosition};
use crate::tail::tracked_path::{PollContext, TrackedPath};

/// How long a file without a path is read after its last bytes.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
pub(super) const DRAIN_INTERVAL: Duration = Duration::from_millis(100);
/// Limit per path: a file that is saved a hundred times a second must not hold two hundred descriptors.
const MAX_FILES: usize = 8;

#[derive(Default)]
pub(super) struct DetachedFiles {
    list: VecDeque<DetachedFile>,
    next_id: u32,
    drained_at: Duration,
}

struct DetachedFile {
    id: DetachedId,
    file: File,
    position: ReadPosition,
    /// The file still has another name, so its last line counts without a newline when the file is closed.
    still_linked: bool,
    until: Duration,
}

impl DetachedFiles {
    /// Everything read of the source so far belongs to `file`, which is read up to `position`.
    pub(super) fn detach(
        &mut self,
        file: File,
        position: ReadPosition,
        still_linked: bool,
        tracked: &TrackedPath,
        poll: &mut PollContext<'_>,
    ) {
        let id = DetachedId(self.next_id);
        self.next_id += 1;
        (poll.emit)(Input::Detached { source: tracked.id, at: poll.now, detached: id });
        self.list.push_back(DetachedFile { id, file, position, still_linked, until: poll.now.elapsed + DRAIN_TIMEOUT });
        if self.list.len() > MAX_FILES
            && let Some(oldest) = self.list.pop_front()
        {
            close(oldest, tracked, poll);
        }
    }

    /// Reads what was appended to the detached files, and closes those that have not grown for [`DRAIN_TIMEOUT`].
    pub(super) fn drain(&mut self, tracked: &TrackedPath, poll: &mut PollContext<'_>) {
        if self.list.is_empty() {
            return;
        }
        self.drained_at = poll.now.elapsed;
        for mut detached in std::mem::take(&mut self.list) {
            let id = detached.id;
            let mut emit = |poll: &mut PollContext<'_>, lines: Lines| {
                (poll.emit)(Input::DetachedLines { source: tracked.id, at: poll.now, detached: id, lines });
            };
            // A file that cannot be read any more, or holds other bytes, has nothing to append.
            let drained = detached.position.drain(&detached.file, tracked, poll, &mut emit).unwrap_or(DrainResult::Changed);
            match drained {
                DrainResult::Appended => detached.until = poll.now.elapsed + DRAIN_TIMEOUT,
                DrainResult::Nothing => {}
                DrainResult::Changed => detached.still_linked = false,
            }
            if drained == DrainResult::Changed || detached.until <= poll.now.elapsed {
                close(detached, tracked, poll);
            } else {
                self.list.push_back(detached);
            }
        }
    }

    /// Reads the detached files once more and closes them all.
    pub(super) fn finish(&mut self, tracked: &TrackedPath, poll: &mut PollContext<'_>) {
        self.drain(tracked, poll);
        for detached in self.list.drain(..) {
            close(detached, tracked, poll);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn next_poll(&self) -> Option<Duration> {
        (!self.list.is_empty()).then(|| self.drained_at + DRAIN_INTERVAL)
    }
}

fn close(detached: DetachedFile, tracked: &TrackedPath, poll: &mut PollContext<'_>) {
    let DetachedFile { id, position, still_linked, .. } = detached;
    let was_emitted = position.last_line == LastLine::Emitted(position.splitter.ended());
    let partial = position.splitter.partial().filter(|_| still_linked && !was_emitted);
    (poll.emit)(Input::DetachedClosed { source: tracked.id, at: poll.now, detached: id, still_linked, partial });
}
