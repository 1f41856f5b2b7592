//! What was counted of one log: the facts of its accepted content and of its detached files, and those that wait for the next tick.

use std::collections::HashSet;
use std::time::Duration;

use crate::fact::Fact;
use crate::file_change::{DetachedId, LineEdit};
use crate::format::LogParser;
use crate::ledger::{ContentCounts, CountItem, CountKey, LogFile, RewriteContext, SourceLedger, Verdict};

use super::content_items::ContentItems;
use super::counting::{CountedFact, RedrawFilter, RepeatFilter, Repetition, UncountedFact, count_items};
use super::detached::DetachedLog;
use super::resolve::Resolved;

#[derive(Debug, Default)]
pub(super) struct LogCounts {
    ledger: SourceLedger,
    /// Of the accepted content.
    items: ContentItems,
    /// Files that lost their name and are still read.
    detached: Vec<DetachedLog>,
    /// Facts that were counted early, because their content was about to be replaced; the next tick publishes them.
    unpublished: Vec<CountedFact>,
    repeats: RepeatFilter,
}

/// A content as the ledger sees it, before it is accepted.
pub(super) struct Evaluation {
    pub(super) verdict: Verdict,
    /// With the index of the fact: those of the candidate, then `provisional`.
    items: Vec<(usize, CountItem)>,
    /// Facts at the end of the file that the accepted content held, too.
    provisional: Vec<(CountKey, Fact)>,
    redraws: RedrawFilter,
}

impl LogCounts {
    /// Counts what was appended to one of the files, after what [`LogCounts::queue`] kept.
    pub(super) fn append(
        &mut self,
        file: LogFile,
        uncounted: Vec<UncountedFact>,
        now: Duration,
        mut resolve: impl FnMut(&Fact) -> Resolved,
    ) -> Vec<CountedFact> {
        let LogCounts { ledger, items, detached, unpublished, repeats } = self;
        let repeats = match file {
            LogFile::Attached => Some(repeats),
            LogFile::Detached(id) => detached.iter_mut().find(|log| log.id == id).map(|log| &mut log.repeats),
        };
        let mut counted = std::mem::take(unpublished);
        let Some(repeats) = repeats else { return counted };
        counted.reserve(uncounted.len());
        if file == LogFile::Attached {
            items.reserve(uncounted.len());
        }
        for UncountedFact { fact, provisional } in uncounted {
            let item = match resolve(&fact) {
                Resolved::Countable(item) => item,
                Resolved::StateOnly => {
                    counted.push(CountedFact { fact, count: None });
                    continue;
                }
                Resolved::Ignored => continue,
                Resolved::PreviousRun(item) => {
                    if ledger.append(file, item, now).is_some() {
                        ledger.discount(item);
                    }
                    if file == LogFile::Attached {
                        items.push(fact.line, item);
                    }
                    continue;
                }
            };
            match repeats.classify(item.key, fact.line, provisional) {
                Repetition::First => {}
                Repetition::Completed => {
                    counted.push(CountedFact { fact, count: None });
                    continue;
                }
                Repetition::Redrawn => continue,
            }
            if ledger.reject_if_full(item.key) {
                continue;
            }
            let count = ledger.append(file, item, now);
            if file == LogFile::Attached {
                items.push(fact.line, item);
            }
            counted.push(CountedFact { fact, count });
        }
        items.sort();
        counted
    }

    /// Evaluates an edit of some lines by the facts that they give now, and drops those that are ignored. `None` when the content has
    /// lost something: whether that is a new run is told by the whole content.
    pub(super) fn evaluate_edit(
        &self,
        edit: &LineEdit,
        facts: &mut Vec<Fact>,
        resolve: impl FnMut(&Fact) -> Resolved,
    ) -> Option<Evaluation> {
        let (items, _) = count_items(facts, resolve);
        let added: Vec<CountItem> = items.iter().map(|(_, item)| *item).collect();
        let is_growth = !self.ledger.loses_by(&self.items.content_edit(edit, &added));
        is_growth.then(|| Evaluation { verdict: Verdict::Rewrite, items, provisional: Vec::new(), redraws: RedrawFilter::default() })
    }

    /// Evaluates a content by its facts and those of its open last line and entry, and drops those that are ignored.
    pub(super) fn evaluate(
        &self,
        facts: &mut Vec<Fact>,
        facts_at_eof: &[Fact],
        context: RewriteContext,
        mut resolve: impl FnMut(&Fact) -> Resolved,
    ) -> Evaluation {
        let (mut items, redraws) = count_items(facts, &mut resolve);
        let mut counts = ContentCounts::default();
        items.iter().for_each(|(_, item)| counts.add(*item));
        // A save without a final newline loses nothing: the facts of its open end count if the accepted content held them.
        let mut provisional = Vec::new();
        for fact in facts_at_eof {
            if let Resolved::Countable(item) = resolve(fact)
                && self.ledger.has_lost(&counts, item)
            {
                counts.add(item);
                items.push((facts.len() + provisional.len(), item));
                provisional.push((item.key, fact.clone()));
            }
        }
        Evaluation { verdict: self.ledger.classify(&counts, context), items, provisional, redraws }
    }

    /// Accepts a content, or an edit of some lines, as evaluated, after any switch of runs: counts it against the high-water counts.
    pub(super) fn commit(
        &mut self,
        mut facts: Vec<Fact>,
        edit: Option<LineEdit>,
        evaluation: Evaluation,
        now: Duration,
    ) -> Vec<CountedFact> {
        let items: Vec<CountItem> = evaluation.items.iter().map(|(_, item)| *item).collect();
        self.repeats.provisional = evaluation.provisional.iter().map(|(key, fact)| (*key, fact.line)).collect();
        facts.extend(evaluation.provisional.into_iter().map(|(_, fact)| fact));
        let mut counts: Vec<Option<u32>> = vec![None; facts.len()];
        let lined = evaluation.items.iter().map(|(index, item)| (facts[*index].line, *item));
        let due = match edit {
            Some(edit) => {
                let due = self.ledger.commit_edit(&self.items.content_edit(&edit, &items), now);
                self.items.edit(&edit, lined.collect());
                due
            }
            None => {
                self.items.replace(lined);
                self.ledger.commit(&items, now)
            }
        };
        for (index, count) in due {
            counts[evaluation.items[index].0] = Some(count);
        }
        self.repeats.redraws = evaluation.redraws;
        let mut counted = self.take_unpublished();
        counted.extend(facts.into_iter().zip(counts).map(|(fact, count)| CountedFact { fact: Box::new(fact), count }));
        counted
    }

    /// Accepts a content whose facts an earlier process has counted.
    pub(super) fn skip_published(&mut self, mut facts: Vec<Fact>, mut resolve: impl FnMut(&Fact) -> Resolved) {
        self.items.forget();
        facts.retain(|fact| !matches!(resolve(fact), Resolved::Ignored));
        self.unpublished.extend(facts.into_iter().map(|fact| CountedFact { fact: Box::new(fact), count: None }));
    }

    /// Keeps counted facts for the next tick.
    pub(super) fn queue(&mut self, counted: Vec<CountedFact>) {
        self.unpublished.extend(counted);
    }

    pub(super) fn take_unpublished(&mut self) -> Vec<CountedFact> {
        std::mem::take(&mut self.unpublished)
    }

    /// Whether counted facts wait for the next tick.
    pub(super) fn has_unpublished(&self) -> bool {
        !self.unpublished.is_empty()
    }

    /// Whether nothing was ever counted.
    pub(super) fn is_empty(&self) -> bool {
        self.unpublished.is_empty() && self.ledger.is_empty()
    }

    /// Whether a fact was dropped because there were too many different ones.
    pub(super) fn is_full(&self) -> bool {
        self.ledger.is_full()
    }

    /// Keeps what was counted in little room, while the file rests.
    pub(super) fn compact(&mut self) {
        self.ledger.compact();
    }

    /// Whether all of the content is known by its lines, and none of its facts may come again.
    pub(super) fn is_settled(&self) -> bool {
        self.items.is_whole() && self.unpublished.is_empty() && self.repeats.provisional.is_empty()
    }

    /// The entries of the lines that an edit replaces.
    pub(super) fn entry_hashes(&self, edit: &LineEdit) -> HashSet<u64> {
        self.items.entry_hashes(edit)
    }

    /// Whether the log has stated anything in the present run.
    pub(super) fn has_counted_in_run(&self) -> bool {
        self.ledger.has_counted_in_run()
    }

    /// Begins a run that this source was reset for.
    pub(super) fn begin_run(&mut self) {
        self.ledger.begin_run();
    }

    /// Begins another generation within the present run.
    pub(super) fn rotate(&mut self) {
        self.ledger.rotate();
    }

    /// Begins a run that another source was reset for: the counts so far, and the queued facts, belong to the run before.
    pub(super) fn carry_over(&mut self) {
        self.ledger.carry_over();
        for counted in &mut self.unpublished {
            counted.count = None;
        }
    }

    /// Another file takes the name: the accepted content, read by `parser`, is the beginning of the detached file `id`.
    pub(super) fn detach(&mut self, id: DetachedId, parser: &LogParser) {
        self.ledger.detach(id);
        let repeats = RepeatFilter { provisional: self.repeats.provisional.clone(), redraws: RedrawFilter::default() };
        self.detached.push(DetachedLog::new(id, parser, repeats));
    }

    /// A file that lost its name, while it is read.
    pub(super) fn detached(&mut self, id: DetachedId) -> Option<&mut DetachedLog> {
        self.detached.iter_mut().find(|log| log.id == id)
    }

    /// A file that lost its name is not read any more.
    pub(super) fn close_detached(&mut self, id: DetachedId) {
        self.ledger.close_detached(id);
        self.detached.retain(|log| log.id != id);
    }

    /// What a restarted engine needs to go on counting.
    pub(super) fn checkpoint(&self) -> (SourceLedger, Vec<(CountKey, u32)>) {
        (self.ledger.clone(), self.repeats.provisional.clone())
    }

    pub(super) fn restore(&mut self, ledger: SourceLedger, provisional: Vec<(CountKey, u32)>) {
        (self.ledger, self.repeats.provisional) = (ledger, provisional);
        self.items.forget();
    }
}
