//! The files of one source that lost their name: what is still appended to them is read and counted beside the file that took the name.

use crate::fact::Fact;
use crate::format::{LogParser, Pause};
use crate::input::DetachedId;
use crate::ledger::{CountKey, SourceLedger};
use crate::line::{Lines, PartialLine};

use super::counting::{CountedFact, facts_at_eof};
use super::resolve::Resolved;

#[derive(Debug, Default)]
pub(super) struct DetachedLogs(Vec<DetachedLog>);

#[derive(Debug)]
struct DetachedLog {
    id: DetachedId,
    parser: LogParser,
    /// Provisional facts that were counted, by their line: each is skipped once when it comes again.
    provisional: Vec<(CountKey, u32)>,
}

impl DetachedLogs {
    pub(super) fn add(&mut self, id: DetachedId, parser: LogParser, provisional: Vec<(CountKey, u32)>) {
        self.0.push(DetachedLog { id, parser, provisional });
    }

    /// Counts appended lines.
    pub(super) fn append(
        &mut self,
        id: DetachedId,
        lines: &Lines,
        ledger: &mut SourceLedger,
        resolve: impl FnMut(&Fact) -> Resolved,
    ) -> Vec<CountedFact> {
        let Some(log) = self.0.iter_mut().find(|log| log.id == id) else { return Vec::new() };
        let mut facts = Vec::new();
        for line in lines.iter() {
            log.parser.parse_line(line, &mut facts);
        }
        log.parser.extract(Pause::None, &mut facts);
        log.count(facts, ledger, resolve)
    }

    /// Ends the reading of a file. `end` when its open last line and entry count, with that line.
    pub(super) fn close(
        &mut self,
        id: DetachedId,
        end: Option<Option<PartialLine>>,
        ledger: &mut SourceLedger,
        resolve: impl FnMut(&Fact) -> Resolved,
    ) -> Vec<CountedFact> {
        let Some(index) = self.0.iter().position(|log| log.id == id) else { return Vec::new() };
        let mut log = self.0.swap_remove(index);
        let counted = match end {
            Some(partial_line) => {
                let facts = facts_at_eof(&log.parser, partial_line.as_ref());
                log.count(facts, ledger, resolve)
            }
            None => Vec::new(),
        };
        ledger.close_detached(id);
        counted
    }
}

impl DetachedLog {
    fn count(&mut self, facts: Vec<Fact>, ledger: &mut SourceLedger, mut resolve: impl FnMut(&Fact) -> Resolved) -> Vec<CountedFact> {
        let mut counted = Vec::with_capacity(facts.len());
        for fact in facts {
            let count = match resolve(&fact) {
                Resolved::Ignored | Resolved::PreviousRun(_) => continue,
                Resolved::StateOnly => None,
                Resolved::Countable(item) => match self.provisional.iter().position(|known| *known == (item.key, fact.line)) {
                    Some(index) => {
                        self.provisional.swap_remove(index);
                        None
                    }
                    None => ledger.append_detached(self.id, item),
                },
            };
            counted.push(CountedFact { fact, count });
        }
        counted
    }
}
