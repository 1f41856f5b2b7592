//! Counts per source and key: which occurrences are due, which are known, and whether replaced content begins a new run.
//!
//! Facts are counted, never located: a rewritten file has news only where its count of a key exceeds the highest count so far.
//! `task_started` is not counted here: a run emits it once, whichever source states it, and no verdict depends on it.
//!
//! Pure: no file, no clock; `now`, `quiet` and `age` are arguments. `subject` decides which story a key means, `model` what an event says.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::compact_set::CompactSet;
use crate::fact::{CountedKind, Key, StatementForm};
use crate::file_change::{DetachedId, RereadReason};
use crate::seeded_hash::{SeededMap, SeededSet};
use crate::usual_map::{UsualMap, UsualValue};

/// A source that lost some of its facts is accepted after this much quiet: shorter may be a half-finished write.
pub const PARTIAL_LOSS_DELAY: Duration = Duration::from_millis(250);
/// A source that lost all of its facts is accepted after this long: a writer that empties a file is usually about to fill it again.
pub const TOTAL_LOSS_DELAY: Duration = Duration::from_secs(3);
/// A fact that was missing for this long and is appended again is news, not the second half of a rewrite.
pub const REAPPEAR_AFTER: Duration = Duration::from_secs(5);

/// Most different facts that one source may count in one run. With the state of each this is some hundred MiB.
pub const MAX_KEYS: usize = 1_000_000;

/// A [`Key`] in one statement form. Forms are counted separately, because one file may report a result in two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CountKey(u64);

/// One fact, as far as counting is concerned. Without padding: a log full of entries has one for every fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(Rust, packed(4))]
pub struct CountItem {
    pub key: CountKey,
    /// Hash of the opening line of the fact's entry.
    entry_hash: u64,
    /// Repetitions do not count: the kind counts once, or a summary says where things stand.
    once: bool,
}

impl CountItem {
    pub fn new(key: Key, form: StatementForm, entry_hash: u64, kind: CountedKind) -> Self {
        // Two forms must not share a count key; any odd multiplier keeps four of them apart.
        let key = CountKey(key.0.wrapping_add((form as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        CountItem { key, entry_hash, once: kind.counts_once() || form == StatementForm::Summary }
    }

    pub fn entry_hash(&self) -> u64 {
        self.entry_hash
    }

    fn entry_fact(&self) -> EntryFact {
        EntryFact::new(self.key, self.entry_hash)
    }
}

/// A fact in its entry: a hash of both, because a log full of entries has one for every fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "SavedEntryFact")]
struct EntryFact(u64);

impl EntryFact {
    fn new(key: CountKey, entry_hash: u64) -> Self {
        // Turned, so that a key and a heading of the same bytes are not 0.
        EntryFact(key.0 ^ entry_hash.rotate_left(32))
    }
}

/// Up to version 1.5.0 the two were saved side by side.
#[derive(Deserialize)]
#[serde(untagged)]
enum SavedEntryFact {
    Both(CountKey, u64),
    Hash(u64),
}

impl From<SavedEntryFact> for EntryFact {
    fn from(saved: SavedEntryFact) -> Self {
        match saved {
            SavedEntryFact::Both(key, entry_hash) => EntryFact::new(key, entry_hash),
            SavedEntryFact::Hash(hash) => EntryFact(hash),
        }
    }
}

type CountMap = SeededMap<CountKey, u32>;
type HeldMap = UsualMap<CountKey, HeldCount>;

/// How often the present generation states a fact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct HeldCount {
    /// Highest count that it may hold without news.
    high_water: u32,
    /// Count in the last accepted content; above `high_water` only for keys that were dropped because of [`MAX_KEYS`].
    current: u32,
}

impl UsualValue for HeldCount {
    const USUAL: HeldCount = HeldCount { high_water: 1, current: 1 };
}

/// The counts of one source: of the file that has the path, and of those that had it before and still belong to the run. A log and its
/// rotated predecessors are one source, because what they state adds up; what several sources state of a run is the same, so that
/// [`RunLedger`] takes the highest count.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "SavedLedger", into = "SavedLedger")]
pub struct SourceLedger {
    /// Counts of the closed generations of this run (machine logs only).
    closed: CountMap,
    /// Counts from before this run began, when the source was not reset with it.
    before_run: CountMap,
    /// Of the present generation. One map, because a log full of entries has a key for every fact.
    held: HeldMap,
    /// Keys with `high_water > current`, and since when; `None` means longer than [`REAPPEAR_AFTER`].
    missing_since: SeededMap<CountKey, Option<Duration>>,
    /// Facts of the last accepted content with their entries.
    entry_hashes: CompactSet<EntryFact>,
    /// Files that lost their name and are still read.
    detached: Vec<DetachedCounts>,
    /// A new key was dropped because of [`MAX_KEYS`].
    full: bool,
}

/// As it is saved: without the files that lost their name, and without times, because the clock of those ends with the process; see
/// [`SourceLedger::restart_missing_timer`].
#[derive(Serialize, Deserialize)]
struct SavedLedger {
    closed: CountMap,
    before_run: CountMap,
    high_water: CountMap,
    current: CountMap,
    missing_since: Vec<CountKey>,
    entry_hashes: CompactSet<EntryFact>,
}

impl From<SourceLedger> for SavedLedger {
    fn from(ledger: SourceLedger) -> Self {
        SavedLedger {
            high_water: ledger.high_water(),
            current: ledger.current(),
            missing_since: ledger.missing_since.into_keys().collect(),
            closed: ledger.closed,
            before_run: ledger.before_run,
            entry_hashes: ledger.entry_hashes,
        }
    }
}

impl From<SavedLedger> for SourceLedger {
    fn from(saved: SavedLedger) -> Self {
        let SavedLedger { closed, before_run, high_water, current, missing_since, entry_hashes } = saved;
        let missing_since = missing_since.into_iter().map(|key| (key, None)).collect();
        let mut ledger = SourceLedger { closed, before_run, missing_since, entry_hashes, ..SourceLedger::default() };
        for (key, high_water) in &high_water {
            ledger.held.set(*key, HeldCount { high_water: *high_water, current: current.get(key).copied().unwrap_or(0) });
        }
        for (key, current) in current.into_iter().filter(|(key, _)| !high_water.contains_key(key)) {
            ledger.held.set(key, HeldCount { high_water: 0, current });
        }
        ledger
    }
}

/// Which file of a source a fact stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFile {
    /// The one that has the path.
    Attached,
    /// One that lost it to another.
    Detached(DetachedId),
}

/// The counts of a file that lost its name to another.
#[derive(Debug, Clone)]
struct DetachedCounts {
    id: DetachedId,
    /// Its content as last read, by what the source held when it lost its name: each save by a new file copies this, which takes a tenth of
    /// the time that gathering the counts alone does.
    held: HeldMap,
    /// `high_water` of its generation at the rotation; `None` before the rotation, while `SourceLedger::high_water` applies to it.
    high_water: Option<CountMap>,
}

/// What a replaced content means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same file, edited: only what exceeds the high-water counts is news.
    Rewrite,
    /// Other content under the same name: a rotation (machine log) or a new run (progress log).
    NewGeneration,
    /// Too early to tell. `hold` when a new run may be about to begin, so that the task's other sources must wait.
    Wait { hold: bool },
}

/// What is known about a rewrite beside its content.
#[derive(Debug, Clone, Copy)]
pub struct RewriteContext {
    pub reason: RereadReason,
    /// A program appends to the file and rotates it.
    pub machine: bool,
    /// The file has the name of a machine log. An agent may save JSON lines over in pieces under a name that does not.
    pub machine_name: bool,
    /// Both contents have a start line and the two differ.
    pub other_start_line: bool,
    /// Time since the last change.
    pub quiet: Duration,
    /// Time since the file stopped being a mere growth.
    pub age: Duration,
}

impl SourceLedger {
    fn count_in_run(&self, key: CountKey) -> u32 {
        let count = |of: &CountMap| of.get(&key).copied().unwrap_or(0);
        (count(&self.closed) + self.held(key).high_water).saturating_sub(count(&self.before_run))
    }

    fn held(&self, key: CountKey) -> HeldCount {
        self.held.get(key)
    }

    fn high_water(&self) -> CountMap {
        self.held.iter().filter(|(_, held)| held.high_water > 0).map(|(key, held)| (key, held.high_water)).collect()
    }

    fn current(&self) -> CountMap {
        self.held.iter().filter(|(_, held)| held.current > 0).map(|(key, held)| (key, held.current)).collect()
    }

    /// Counts a fact at the end of a file that only grew. Returns its count in this run when that has risen.
    pub fn append(&mut self, file: LogFile, item: CountItem, now: Duration) -> Option<u32> {
        let (key, held) = (item.key, self.held(item.key));
        let (mut current, mut high_water) = match file {
            LogFile::Attached => (held.current, held.high_water),
            LogFile::Detached(id) => {
                let detached = self.detached.iter().find(|detached| detached.id == id)?;
                let of_closed = |closed: &CountMap| closed.get(&key).copied().unwrap_or(0);
                (detached.held.get(key).current, detached.high_water.as_ref().map_or(held.high_water, of_closed))
            }
        };
        if item.once && current > 0 {
            return None;
        }
        current += 1;
        let mut rises = current > high_water;
        if file == LogFile::Attached {
            if self.entry_hashes.len() < MAX_KEYS {
                self.entry_hashes.insert(item.entry_fact());
            }
            let since = self.missing_since.get(&key);
            let reappeared = since.is_some_and(|since| since.is_none_or(|since| now.saturating_sub(since) >= REAPPEAR_AFTER));
            rises |= reappeared && !item.once;
        }
        high_water += u32::from(rises);
        match file {
            LogFile::Attached => self.held.set(key, HeldCount { high_water, current }),
            LogFile::Detached(id) => {
                let detached = self.detached.iter_mut().find(|detached| detached.id == id)?;
                detached.held.set(key, HeldCount { current, ..detached.held.get(key) });
                match &mut detached.high_water {
                    Some(closed) => {
                        closed.insert(key, high_water);
                        if rises {
                            *self.closed.entry(key).or_default() += 1;
                        }
                    }
                    None => self.held.set(key, HeldCount { high_water, ..held }),
                }
            }
        }
        rises.then(|| self.count_in_run(key))
    }

    /// Dates every loss to `now`: its writer may be about to write the facts again.
    pub fn restart_missing_timer(&mut self, now: Duration) {
        self.missing_since.values_mut().for_each(|since| *since = Some(now));
    }

    /// Keeps what was counted in little room, while the file rests.
    pub fn compact(&mut self) {
        self.held.compact();
        self.entry_hashes.compact();
    }

    /// Whether nothing was ever counted.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.closed.is_empty() && self.before_run.is_empty()
    }

    /// Whether a new key was dropped because of [`MAX_KEYS`].
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Returns whether `key` is new and must be dropped because of [`MAX_KEYS`].
    pub fn reject_if_full(&mut self, key: CountKey) -> bool {
        let full = self.held.len() + self.closed.len() >= MAX_KEYS && self.held(key).high_water == 0;
        self.full |= full;
        full
    }

    /// Excludes one occurrence from this run's count: it belongs to an earlier run.
    pub fn discount(&mut self, item: CountItem) {
        *self.before_run.entry(item.key).or_default() += 1;
    }

    /// Whether the accepted content once held more of `item` than `counts` does.
    pub fn has_lost(&self, counts: &ContentCounts, item: CountItem) -> bool {
        counts.of(item.key) < self.held(item.key).high_water
    }

    /// The file with the accepted content lost its name and is read on as `id`, beside the file that took the name.
    pub fn detach(&mut self, id: DetachedId) {
        self.detached.push(DetachedCounts { id, held: self.held.clone(), high_water: None });
    }

    /// A detached file is not read any more.
    pub fn close_detached(&mut self, id: DetachedId) {
        self.detached.retain(|detached| detached.id != id);
    }

    /// Decides what a content means that replaced the accepted one.
    pub fn classify(&self, new: &ContentCounts, context: RewriteContext) -> Verdict {
        let common: u64 = new.counts.iter().map(|(key, count)| u64::from((*count).min(self.held(*key).high_water))).sum();
        let total = match self.held.iter().map(|(_, held)| u64::from(held.current)).sum() {
            0 => self.held.iter().map(|(_, held)| u64::from(held.high_water)).sum(),
            current => current,
        };
        let has_known_entry = new.entry_hashes.iter().any(|entry| self.entry_hashes.contains(*entry));
        match context.reason {
            // A copy of what was read, or a generation that nobody read between two polls and that may state the same at another time.
            RereadReason::RotatedSibling if 2 * common > total && has_known_entry => return Verdict::Rewrite,
            RereadReason::RotatedSibling => return Verdict::NewGeneration,
            RereadReason::Rotated if context.machine => return Verdict::NewGeneration,
            RereadReason::Rotated | RereadReason::Rewritten | RereadReason::Replaced | RereadReason::Renamed | RereadReason::Restored => {}
        }
        let lost = self.held.iter().any(|(key, held)| new.of(key) < held.current);
        // A new run may number its stories as the old one did, so that no count falls.
        let restarted = context.other_start_line && total > 0;
        if !lost && !restarted {
            return Verdict::Rewrite;
        }
        let settled = context.quiet >= PARTIAL_LOSS_DELAY;
        if new.counts.is_empty() {
            let certain = context.age >= TOTAL_LOSS_DELAY || (settled && context.other_start_line);
            return if certain { Verdict::NewGeneration } else { Verdict::Wait { hold: !context.machine } };
        }
        let under_half = 2 * common < total;
        let renamed = context.reason == RereadReason::Renamed;
        if common == 0 || ((under_half || restarted) && !has_known_entry) {
            let delay = if context.machine_name { PARTIAL_LOSS_DELAY } else { TOTAL_LOSS_DELAY };
            let certain = context.age >= delay || (settled && (renamed || context.other_start_line));
            return if certain { Verdict::NewGeneration } else { Verdict::Wait { hold: !context.machine && !has_known_entry } };
        }
        let rotated = context.machine && renamed && context.age >= PARTIAL_LOSS_DELAY;
        if under_half && (rotated || (context.other_start_line && settled)) {
            return Verdict::NewGeneration;
        }
        if settled || context.age >= TOTAL_LOSS_DELAY { Verdict::Rewrite } else { Verdict::Wait { hold: false } }
    }

    /// Accepts a content of exactly these facts. Returns the index and the count in this run of each new item, in file order.
    pub fn commit(&mut self, items: &[CountItem], now: Duration) -> Vec<(usize, u32)> {
        let new = ContentCounts::of_items(items);
        let mut excess = CountMap::default();
        for (key, count) in &new.counts {
            let high_water = self.held(*key).high_water;
            if *count > high_water && !(high_water == 0 && self.reject_if_full(*key)) {
                excess.insert(*key, count - high_water);
            }
        }
        let due = self.select_due(items, excess);
        self.missing_since = self
            .held
            .iter()
            .filter(|(key, held)| held.high_water > new.of(*key))
            .map(|(key, _)| (key, self.missing_since.get(&key).copied().unwrap_or(Some(now))))
            .collect();
        let mut held: HeldMap = self.held.iter().map(|(key, held)| (key, HeldCount { current: new.of(key), ..held })).collect();
        for (key, current) in new.counts {
            held.set(key, HeldCount { current, ..held.get(key) });
        }
        self.held = held;
        self.entry_hashes = new.entry_hashes.into();
        self.raise(items, due)
    }

    /// Whether the edited content holds less of anything than the accepted one.
    pub fn loses_by(&self, edit: &ContentEdit<'_>) -> bool {
        edit.counts(|key| self.held(key).current).iter().any(|(key, count)| *count < self.held(*key).current)
    }

    /// As [`SourceLedger::commit`] of the edited content, by what differs: the index into what was added, and the count in this run.
    pub fn commit_edit(&mut self, edit: &ContentEdit<'_>, now: Duration) -> Vec<(usize, u32)> {
        let counts = edit.counts(|key| self.held(key).current);
        let mut excess = CountMap::default();
        for (key, count) in &counts {
            let high_water = self.held(*key).high_water;
            if *count > high_water && !(high_water == 0 && self.reject_if_full(*key)) {
                excess.insert(*key, count - high_water);
            }
        }
        let due = self.select_due(edit.added, excess);
        for (key, count) in counts {
            let held = HeldCount { current: count, ..self.held(key) };
            self.held.set(key, held);
            if held.high_water > count {
                self.missing_since.entry(key).or_insert(Some(now));
            } else {
                self.missing_since.remove(&key);
            }
        }
        for entry in edit.lost_entries() {
            self.entry_hashes.remove(entry);
        }
        for item in edit.added {
            self.entry_hashes.insert(item.entry_fact());
        }
        self.raise(edit.added, due)
    }

    /// Of several equal facts those in an unknown entry are the new ones, else the last ones.
    fn select_due(&self, items: &[CountItem], mut excess: CountMap) -> Vec<usize> {
        let mut due = Vec::new();
        let (in_known_entry, in_new_entry): (Vec<usize>, Vec<usize>) =
            (0..items.len()).partition(|index| self.entry_hashes.contains(items[*index].entry_fact()));
        for index in in_new_entry.into_iter().chain(in_known_entry.into_iter().rev()) {
            if let Some(left) = excess.get_mut(&{ items[index].key }).filter(|left| **left > 0) {
                *left -= 1;
                due.push(index);
            }
        }
        due.sort_unstable();
        due
    }

    /// Raises the high-water counts by the items that are due. Returns their counts in this run.
    fn raise(&mut self, items: &[CountItem], due: Vec<usize>) -> Vec<(usize, u32)> {
        due.into_iter()
            .map(|index| {
                let key = items[index].key;
                let held = self.held(key);
                self.held.set(key, HeldCount { high_water: held.high_water + 1, ..held });
                (index, self.count_in_run(key))
            })
            .collect()
    }

    /// Begins the next generation of a machine log: its counts go on.
    pub fn rotate(&mut self) {
        for detached in self.detached.iter_mut().filter(|detached| detached.high_water.is_none()) {
            let counts = self.held.iter().map(|(key, held)| (key, held.high_water));
            detached.high_water = Some(counts.collect());
        }
        for (key, held) in self.held.iter().filter(|(_, held)| held.high_water > 0) {
            *self.closed.entry(key).or_default() += held.high_water;
        }
        self.forget_content();
    }

    /// Whether anything was counted in this run.
    pub fn has_counted_in_run(&self) -> bool {
        self.closed.keys().copied().chain(self.held.iter().map(|(key, _)| key)).any(|key| self.count_in_run(key) > 0)
    }

    /// Begins a run that this source was reset for.
    pub fn begin_run(&mut self) {
        self.closed.clear();
        self.before_run.clear();
        // A detached file goes on with the run before.
        self.detached.clear();
        self.forget_content();
    }

    /// Begins a run that another source was reset for: all that this source has counted belongs to the run before.
    pub fn carry_over(&mut self) {
        self.before_run = self.closed.clone();
        for (key, held) in self.held.iter() {
            *self.before_run.entry(key).or_default() += held.high_water;
        }
    }

    fn forget_content(&mut self) {
        self.held.clear();
        self.missing_since.clear();
        self.entry_hashes = CompactSet::default();
    }
}

/// The counts of one content.
#[derive(Debug, Default, Clone)]
pub struct ContentCounts {
    counts: CountMap,
    entry_hashes: SeededSet<EntryFact>,
}

impl ContentCounts {
    fn of_items(items: &[CountItem]) -> Self {
        let mut counts = ContentCounts::default();
        for item in items {
            counts.add(*item);
        }
        counts
    }

    pub fn add(&mut self, item: CountItem) {
        let count = self.counts.entry(item.key).or_default();
        if *count == 0 || !item.once {
            *count += 1;
        }
        self.entry_hashes.insert(item.entry_fact());
    }

    fn of(&self, key: CountKey) -> u32 {
        self.counts.get(&key).copied().unwrap_or(0)
    }
}

/// An edit of the accepted content: what it takes out, what it adds, and the others.
#[derive(Debug, Clone, Copy)]
pub struct ContentEdit<'a> {
    pub kept: [&'a [CountItem]; 2],
    pub removed: &'a [CountItem],
    pub added: &'a [CountItem],
}

impl ContentEdit<'_> {
    /// The counts in the edited content of the keys that it takes out or adds, by those before the edit.
    fn counts(&self, current: impl Fn(CountKey) -> u32) -> CountMap {
        let mut counts = CountMap::default();
        for item in self.added {
            let count = counts.entry(item.key).or_insert_with(|| current(item.key));
            *count = if item.once { 1 } else { *count + 1 };
        }
        for item in self.removed {
            if !item.once {
                let count = counts.entry(item.key).or_insert_with(|| current(item.key));
                *count = count.saturating_sub(1);
            } else {
                let key = item.key;
                counts.entry(key).or_insert_with(|| self.keeps(|kept| { kept.key } == key).into());
            }
        }
        counts
    }

    /// Facts with their entries that the edited content has no more.
    fn lost_entries(&self) -> Vec<EntryFact> {
        let added: SeededSet<EntryFact> = self.added.iter().map(CountItem::entry_fact).collect();
        let mut removed: Vec<EntryFact> = self.removed.iter().map(CountItem::entry_fact).collect();
        removed.retain(|entry| !added.contains(entry) && !self.keeps(|kept| kept.entry_fact() == *entry));
        removed
    }

    fn keeps(&self, is_it: impl Fn(&CountItem) -> bool) -> bool {
        self.kept.iter().any(|kept| kept.iter().any(&is_it))
    }
}

/// How often each key was emitted in the present run of a task, over all its sources.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RunLedger {
    emitted: UsualMap<Key, u32>,
}

impl RunLedger {
    /// A source counts `count` occurrences of `key`. Returns the occurrences that are due, and records them as emitted.
    pub fn due(&mut self, key: Key, count: u32) -> std::ops::RangeInclusive<u32> {
        let emitted = self.emitted.get(key);
        self.emitted.set(key, emitted.max(count));
        emitted + 1..=count
    }

    /// Records one more occurrence, whatever the sources count. Returns its number.
    pub fn record(&mut self, key: Key) -> u32 {
        let emitted = self.emitted.get(key) + 1;
        self.emitted.set(key, emitted);
        emitted
    }

    pub fn count(&self, key: Key) -> u32 {
        self.emitted.get(key)
    }

    pub fn clear(&mut self) {
        self.emitted.clear();
    }

    /// See [`SourceLedger::compact`].
    pub fn compact(&mut self) {
        self.emitted.compact();
    }
}
