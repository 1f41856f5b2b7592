//! Counts per source and key, this look against the highest: what is due, what is known, and when a new run began.
//!
//! A run's header (`task_started`) is not counted here: it is said once per run, whoever says it, and weighs in no judgement.
//!
//! The rules and the histories they were proved on stand in the design of the product ("facts are counted, never
//! positions"). Pure: no file, no clock; `now`, `quiet` and `age` are arguments. What a key means is `subject`'s business, what is
//! said about it the `model`'s.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fact::{CountedKind, Key, StatementForm};
use crate::input::{DetachedId, RereadReason};

/// A partial loss, and whatever else could be a half-finished write, is believed after this much quiet.
pub const SETTLE: Duration = Duration::from_millis(250);
/// A total loss is believed after this long: a writer that empties a file is usually about to fill it again.
pub const TOTAL: Duration = Duration::from_secs(3);
/// A fact that was gone for this long and is appended again is news, not the second half of a rewrite.
pub const GONE: Duration = Duration::from_secs(5);

/// Different things that one source may say in one run. With what is shown of each this is some hundred MiB.
pub const KEYS: usize = 1_000_000;

/// A key as one voice of one source counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slot(u64);

/// One fact, as far as counting is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    pub slot: Slot,
    pub key: Key,
    /// Hash of the entry's opening line.
    pub open: u64,
    pub kind: CountedKind,
    /// Saying it twice is the same as saying it once: by its kind, or because a summary says where things stand.
    once: bool,
}

impl Item {
    pub fn new(key: Key, voice: StatementForm, open: u64, kind: CountedKind) -> Self {
        // Voices must not share a slot; any odd multiplier keeps four of them apart.
        let slot = Slot(key.0.wrapping_add((voice as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        Item { slot, key, open, kind, once: kind.counts_once() || voice == StatementForm::Summary }
    }
}

type Counts = HashMap<Slot, u32>;

/// What one source has said.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Source {
    /// Closed generations of this run (machine logs only).
    base: Counts,
    /// Said before this run began, by a source that was not reset with it.
    floor: Counts,
    /// Highest count that the present generation may hold without being news.
    known: Counts,
    /// Count in the last believed content; never above `known`.
    cur: Counts,
    /// `known > cur`, since when believed; `None` for longer than [`GONE`].
    #[serde(with = "long_ago")]
    gone: HashMap<Slot, Option<Duration>>,
    /// Facts with their opening lines in the last believed content.
    opens: HashSet<(Slot, u64)>,
    /// Files that lost their name and are read on.
    #[serde(skip)]
    pasts: Vec<Past>,
    /// Something new was left out because of [`KEYS`].
    #[serde(skip)]
    full: bool,
}

/// A file that lost its name to another.
#[derive(Debug, Clone)]
struct Past {
    id: DetachedId,
    /// Count in what it held when it was last read.
    cur: Counts,
    /// What was known of its generation when that was closed; until then the present one is still its own.
    closed: Option<Counts>,
}

/// What has become of a file that did not simply grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same file, edited: only what exceeds the known counts is news.
    Rewrite,
    /// Other content under the old name: a rotation (machine log) or a new run (progress log).
    NewGeneration,
    /// Too early to tell; `hold` when a new run may be about to begin, so that the task's other sources must wait.
    Wait { hold: bool },
}

/// What is known about a rewritten file beside its content.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    pub why: RereadReason,
    /// A program appends to it and rotates it.
    pub machine: bool,
    /// Its name says so, too. JSON lines under an agent's name may be saved over as an agent does it, in pieces.
    pub machine_name: bool,
    /// Both contents have a start line and they differ.
    pub other_start_line: bool,
    /// Since the last change.
    pub quiet: Duration,
    /// Since it stopped being a mere growth.
    pub age: Duration,
}

impl Source {
    /// Occurrences of this slot in this run.
    fn said(&self, slot: Slot) -> u32 {
        let count = |of: &Counts| of.get(&slot).copied().unwrap_or(0);
        (count(&self.base) + count(&self.known)).saturating_sub(count(&self.floor))
    }

    /// A fact at the end of a file that only grew. Returns how often it has been said when that is more than before.
    pub fn append(&mut self, item: Item, now: Duration) -> Option<u32> {
        let count = self.cur.entry(item.slot).or_default();
        if item.once && *count > 0 {
            return None;
        }
        *count += 1;
        let count = *count;
        if self.opens.len() < KEYS {
            self.opens.insert((item.slot, item.open));
        }
        let known = self.known.entry(item.slot).or_default();
        let long_gone = self.gone.get(&item.slot).is_some_and(|since| since.is_none_or(|since| now.saturating_sub(since) >= GONE));
        if count > *known || (long_gone && !item.once) {
            *known += 1;
            return Some(self.said(item.slot));
        }
        None
    }

    /// What is missing has been so for a moment only: its writer may be about to write it again.
    pub fn has_just_gone(&mut self, now: Duration) {
        self.gone.values_mut().for_each(|since| *since = Some(now));
    }

    /// Whether something new was left out because there was too much before it.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Whether this is new and must be left out.
    pub fn has_no_room(&mut self, slot: Slot) -> bool {
        let full = self.known.len() + self.base.len() >= KEYS && !self.known.contains_key(&slot);
        self.full |= full;
        full
    }

    /// Takes back the last count of `item` from what this run is told: it belongs to an earlier run.
    pub fn sink(&mut self, item: Item) {
        *self.floor.entry(item.slot).or_default() += 1;
    }

    /// The believed content once held more of this than `counts` does.
    pub fn misses(&self, counts: &Tally, item: Item) -> bool {
        counts.of(item.slot) < self.known.get(&item.slot).copied().unwrap_or(0)
    }

    /// The believed content is now this file's, which is read on beside the one that took its name.
    pub fn retire(&mut self, id: DetachedId) {
        self.pasts.push(Past { id, cur: self.cur.clone(), closed: None });
    }

    /// A fact at the end of a file that lost its name. Returns how often it has been said when that is more than before.
    pub fn late(&mut self, id: DetachedId, item: Item) -> Option<u32> {
        let past = self.pasts.iter_mut().find(|past| past.id == id)?;
        let count = past.cur.entry(item.slot).or_default();
        if item.once && *count > 0 {
            return None;
        }
        *count += 1;
        if past.closed.is_none() && self.known.len() >= KEYS && !self.known.contains_key(&item.slot) {
            self.full = true;
            return None;
        }
        let is_closed = past.closed.is_some();
        let known = past.closed.as_mut().unwrap_or(&mut self.known).entry(item.slot).or_default();
        if *count <= *known {
            return None;
        }
        *known = *count;
        if is_closed {
            *self.base.entry(item.slot).or_default() += 1;
        }
        Some(self.said(item.slot))
    }

    /// A file that lost its name is not read any more.
    pub fn leave(&mut self, id: DetachedId) {
        self.pasts.retain(|past| past.id != id);
    }

    /// Judges content that replaced the believed one.
    pub fn judge(&self, new: &Tally, how: Circumstances) -> Verdict {
        let shared: u64 = new.counts.iter().map(|(slot, n)| u64::from((*n).min(self.known.get(slot).copied().unwrap_or(0)))).sum();
        let total = match sum(&self.cur) {
            0 => sum(&self.known),
            held => held,
        };
        let familiar = new.opens.iter().any(|open| self.opens.contains(open));
        match how.why {
            // A copy of what was read, or a generation that was missed between two looks, which may say the same at another time.
            RereadReason::RotatedSibling => return if 2 * shared > total && familiar { Verdict::Rewrite } else { Verdict::NewGeneration },
            RereadReason::Rotated if how.machine => return Verdict::NewGeneration,
            RereadReason::Rotated | RereadReason::Rewritten | RereadReason::Replaced | RereadReason::Renamed | RereadReason::Restored => {}
        }
        let lost = self.cur.iter().any(|(slot, count)| new.of(*slot) < *count);
        if !lost {
            return Verdict::Rewrite;
        }
        let settled = how.quiet >= SETTLE;
        if new.counts.is_empty() {
            let believed = how.age >= TOTAL || (settled && how.other_start_line);
            return if believed { Verdict::NewGeneration } else { Verdict::Wait { hold: !how.machine } };
        }
        let under_half = 2 * shared < total;
        let moved = how.why == RereadReason::Renamed;
        if shared == 0 || (under_half && !familiar) {
            let patience = if how.machine_name { SETTLE } else { TOTAL };
            let believed = how.age >= patience || (settled && (moved || how.other_start_line));
            return if believed { Verdict::NewGeneration } else { Verdict::Wait { hold: !how.machine && !familiar } };
        }
        if under_half && ((how.machine && moved && how.age >= SETTLE) || (how.other_start_line && settled)) {
            return Verdict::NewGeneration;
        }
        if settled || how.age >= TOTAL { Verdict::Rewrite } else { Verdict::Wait { hold: false } }
    }

    /// The file now holds exactly these facts. Returns the places of those that are news, in file order, each with how often it has been said.
    pub fn commit(&mut self, items: &[Item], now: Duration) -> Vec<(usize, u32)> {
        let new = Tally::of_items(items);
        let mut quota: HashMap<Slot, u32> = HashMap::new();
        for (slot, count) in &new.counts {
            let known = self.known.get(slot).copied().unwrap_or(0);
            if *count > known && !(known == 0 && self.has_no_room(*slot)) {
                quota.insert(*slot, count - known);
            }
        }
        let mut news = Vec::new();
        // Which copies are the new ones: those under an opening line that was not there before, else the last ones.
        let (familiar, fresh): (Vec<usize>, Vec<usize>) =
            (0..items.len()).partition(|place| self.opens.contains(&(items[*place].slot, items[*place].open)));
        for place in fresh.into_iter().chain(familiar.into_iter().rev()) {
            if let Some(left) = quota.get_mut(&items[place].slot).filter(|left| **left > 0) {
                *left -= 1;
                news.push(place);
            }
        }
        news.sort_unstable();
        self.gone = self
            .known
            .iter()
            .filter(|(slot, known)| **known > new.of(**slot))
            .map(|(slot, _)| (*slot, self.gone.get(slot).copied().unwrap_or(Some(now))))
            .collect();
        self.cur = new.counts;
        self.opens = new.opens;
        news.into_iter()
            .map(|place| {
                let slot = items[place].slot;
                *self.known.entry(slot).or_default() += 1;
                (place, self.said(slot))
            })
            .collect()
    }

    /// A machine log was rotated: counts go on.
    pub fn rotate(&mut self) {
        for past in self.pasts.iter_mut().filter(|past| past.closed.is_none()) {
            past.closed = Some(self.known.clone());
        }
        for (slot, count) in self.known.drain() {
            *self.base.entry(slot).or_default() += count;
        }
        self.forget_content();
    }

    /// This source was reset for a new run.
    pub fn begin_run(&mut self) {
        self.base.clear();
        self.floor.clear();
        self.known.clear();
        // What is still added to the file of the run before is that run's.
        self.pasts.clear();
        self.forget_content();
    }

    /// Another source said that a new run began: what this one has said so far belongs to the old one.
    pub fn outlive_run(&mut self) {
        self.floor = self.base.clone();
        for (slot, count) in &self.known {
            *self.floor.entry(*slot).or_default() += count;
        }
    }

    fn forget_content(&mut self) {
        self.cur.clear();
        self.gone.clear();
        self.opens.clear();
    }
}

/// Since when something has been missing is told by a clock that ends with the process; see [`Source::has_just_gone`].
mod long_ago {
    use std::collections::HashMap;
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Slot;

    pub fn serialize<S: Serializer>(gone: &HashMap<Slot, Option<Duration>>, to: S) -> Result<S::Ok, S::Error> {
        gone.keys().collect::<Vec<_>>().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<HashMap<Slot, Option<Duration>>, D::Error> {
        Ok(Vec::<Slot>::deserialize(from)?.into_iter().map(|slot| (slot, None)).collect())
    }
}

fn sum(of: &Counts) -> u64 {
    of.values().map(|n| u64::from(*n)).sum()
}

/// The counts of some content.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    counts: Counts,
    opens: HashSet<(Slot, u64)>,
}

impl Tally {
    pub fn of_items(items: &[Item]) -> Self {
        let mut tally = Tally::default();
        for item in items {
            tally.add(*item);
        }
        tally
    }

    pub fn add(&mut self, item: Item) {
        let count = self.counts.entry(item.slot).or_default();
        if *count == 0 || !item.once {
            *count += 1;
        }
        self.opens.insert((item.slot, item.open));
    }

    fn of(&self, slot: Slot) -> u32 {
        self.counts.get(&slot).copied().unwrap_or(0)
    }
}

/// What has been emitted in the present run of a task, over all its sources.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Run {
    emitted: HashMap<Key, u32>,
}

impl Run {
    /// A source has now said this `said` times. Returns the occurrences that are due.
    pub fn offer(&mut self, key: Key, said: u32) -> std::ops::RangeInclusive<u32> {
        let emitted = self.emitted.entry(key).or_default();
        let due = *emitted + 1..=said;
        *emitted = (*emitted).max(said);
        due
    }

    /// One more occurrence, whatever the sources have said.
    pub fn add(&mut self, key: Key) -> u32 {
        let emitted = self.emitted.entry(key).or_default();
        *emitted += 1;
        *emitted
    }

    pub fn count(&self, key: Key) -> u32 {
        self.emitted.get(&key).copied().unwrap_or(0)
    }

    pub fn clear(&mut self) {
        self.emitted.clear();
    }
}
