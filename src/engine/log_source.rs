//! One source that is read line by line: its parser, and the candidate that may replace its content.

use std::sync::Arc;
use std::time::Duration;

use crate::agent::Allowance;
use crate::clock::{ClockReading, Timestamp};
use crate::fact::Fact;
use crate::file_change::{DetachedId, LineEdit, RereadReason};
use crate::format::{LogParser, ParserConfig, Pause, PlanNames, SourceKind};
use crate::ledger::{LogFile, PARTIAL_LOSS_DELAY, RewriteContext, TOTAL_LOSS_DELAY, Verdict};
use crate::line::{Lines, PartialLine};
use crate::model::Origin;

use super::checkpoint::{LogCheckpoint, RestoredLog};
use super::counting::{CountedFact, UncountedFact, facts_at_eof, oldest_entry_first};
use super::log_counts::{Evaluation, LogCounts};
use super::output::SourceAdvice;
use super::ownership::SharedFileId;
use super::resolve::Resolved;
use super::snapshot::UNKNOWN_LINES;
use super::source_parser::SourceParser;
use super::stream_log::StreamLog;

/// A file that nobody has written to for so long rests: what is probably a record is told.
const IDLE_DELAY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct LogSource {
    pub(super) path: Arc<str>,
    pub(super) file: Option<SharedFileId>,
    /// The name of the file is that of a machine log.
    machine_name: bool,
    parser: SourceParser,
    pub(super) counts: LogCounts,
    /// An edit turned out to be more than that: the file is to be read from its start.
    needs_reread: bool,
    /// Facts at the end of the accepted content that the ledger has not counted.
    uncounted: Vec<UncountedFact>,
    /// The content that replaced the accepted one, until a tick accepts it.
    candidate: Option<Box<CandidateContent>>,
    /// The partial last line, which counts once the candidate is accepted.
    late_partial_line: Option<PartialLine>,
    /// The last change, on the clock of `ClockReading::elapsed`.
    changed: Duration,
    /// What an earlier process knew of the file, until the file is read again.
    restored: Option<RestoredLog>,
    /// The ledger has not counted anything.
    untouched: bool,
    /// The file was there, be it empty.
    was_present: bool,
    /// When the file was last written before it was first read.
    pub(super) written: Option<Timestamp>,
    /// What agents print into it.
    pub(super) stream: StreamLog,
}

/// Content that replaced the accepted one.
#[derive(Debug)]
struct CandidateContent {
    parser: LogParser,
    facts: Vec<Fact>,
    /// What its open last line and entry state, once it was looked at to its end.
    facts_at_eof: Option<Vec<Fact>>,
    partial_line: Option<PartialLine>,
    reason: RereadReason,
    /// Where it differs, when nothing else of it was read.
    edit: Option<LineEdit>,
    /// Since when the file is known not to have merely grown.
    since: Duration,
    /// The file was read to its end.
    complete: bool,
}

impl CandidateContent {
    fn new(parser: LogParser, reason: RereadReason, since: Duration) -> Self {
        let facts = Vec::new();
        CandidateContent { parser, facts, facts_at_eof: None, partial_line: None, reason, edit: None, since, complete: false }
    }
}

impl LogSource {
    pub(super) fn new(path: &str, file: Option<SharedFileId>, machine_name: bool, config: ParserConfig, allowance: Arc<Allowance>) -> Self {
        LogSource {
            path: Arc::from(path),
            file,
            machine_name,
            parser: SourceParser::new(config),
            counts: LogCounts::default(),
            needs_reread: false,
            uncounted: Vec::new(),
            candidate: None,
            late_partial_line: None,
            changed: Duration::ZERO,
            restored: None,
            untouched: true,
            was_present: false,
            written: None,
            stream: StreamLog::new(allowance),
        }
    }

    pub(super) fn parser(&self) -> &LogParser {
        &self.parser
    }

    /// Lines that were understood, and that were not.
    pub(super) fn line_counts(&self) -> (u64, u64) {
        self.parser.line_counts()
    }

    pub(super) fn origin(&self) -> Origin {
        Origin { path: self.path.clone(), kind: self.kind(), written: self.written }
    }

    pub(super) fn kind(&self) -> SourceKind {
        match self.parser.kind() {
            SourceKind::Unknown if self.machine_name => SourceKind::TerminalLog,
            kind => kind,
        }
    }

    /// Whether a program appends to the file, so that its counts go on when the content is replaced.
    pub(super) fn is_machine_log(&self) -> bool {
        self.machine_name || self.parser.kind().is_machine_log() || self.restored.as_ref().is_some_and(|restored| restored.machine)
    }

    /// Whether the file was ever there, be it empty.
    pub(super) fn was_present(&self) -> bool {
        self.was_present
    }

    /// The file is read again from its start: what follows is a candidate until [`LogSource::end_reread`].
    pub(super) fn begin_reread(&mut self, now: Duration, reason: RereadReason) {
        let previous = self.candidate.take();
        let reason = match previous.as_ref().map(|previous| previous.reason) {
            // The old file was found under another name; a later write does not undo that.
            Some(RereadReason::Renamed) => RereadReason::Renamed,
            Some(RereadReason::Rotated) => RereadReason::Rotated,
            Some(RereadReason::Rewritten | RereadReason::Replaced | RereadReason::RotatedSibling | RereadReason::Restored) | None => reason,
        };
        let since = previous.map_or(now, |previous| previous.since);
        let mut parser = self.parser.fresh();
        if !self.parser.is_let_go() {
            parser.keep_verdicts(&self.parser);
        }
        self.needs_reread = false;
        self.candidate = Some(Box::new(CandidateContent::new(parser, reason, since)));
        self.late_partial_line = None;
        self.stream.reset();
        self.changed = now;
    }

    /// The file was edited: judges the lines around the edit, and goes on from the rest as it was.
    pub(super) fn edit(&mut self, now: Duration, reason: RereadReason, edit: LineEdit, lines: &Lines, is_owned: impl FnMut(&Fact) -> bool) {
        self.changed = now;
        let Some((parser, mut facts)) = self.parser.edited(&edit, lines, self.counts.entry_hashes(&edit)) else {
            self.needs_reread = true;
            return;
        };
        facts.retain(is_owned);
        let content = CandidateContent::new(parser, reason, now);
        let (facts_at_eof, edit) = (Some(Vec::new()), Some(edit));
        self.candidate = Some(Box::new(CandidateContent { facts, facts_at_eof, edit, complete: true, ..content }));
    }

    /// How the file is to be read.
    pub(super) fn advice(&self) -> SourceAdvice {
        let is_settled = !self.is_unsettled() && self.is_counted() && self.counts.is_settled();
        let is_known = !self.needs_reread && !self.stream.has_sessions();
        let settled_lines = if is_settled && is_known { self.parser.settled_lines() } else { 0 };
        let take_up = self.parser.is_wanted() || self.needs_reread;
        SourceAdvice { machine_log: self.is_machine_log(), take_up, settled_lines, ..SourceAdvice::default() }
    }

    /// Parses lines. `is_owned` decides which records of a shared log the task owns.
    pub(super) fn read(&mut self, now: Duration, lines: &Lines, is_owned: impl FnMut(&Fact) -> bool) {
        self.changed = now;
        self.was_present = true;
        let mut facts = Vec::new();
        let parser = match &mut self.candidate {
            Some(candidate) => &mut candidate.parser,
            None => &mut self.parser,
        };
        for line in lines.iter() {
            parser.parse_line(line, &mut facts);
            if line.text.starts_with('{') {
                // The initial scan knows of a file that its content is at least as old.
                self.stream.read(line.text, self.written.unwrap_or(Timestamp(0)));
            }
        }
        if self.file.is_some() {
            facts.retain(is_owned);
        }
        match &mut self.candidate {
            Some(candidate) => {
                candidate.partial_line = None;
                candidate.facts_at_eof = None;
                candidate.facts.append(&mut facts);
            }
            None => self.push_uncounted(facts, false),
        }
    }

    /// The file was read to its end.
    pub(super) fn end_reread(&mut self, now: Duration, partial_line: Option<PartialLine>) {
        self.changed = now;
        if let Some(candidate) = &mut self.candidate {
            candidate.partial_line = partial_line;
            candidate.facts_at_eof = None;
            candidate.complete = true;
        }
    }

    /// Counts the partial last line as it is.
    pub(super) fn read_partial_line(&mut self, partial_line: PartialLine) {
        if self.candidate.is_some() {
            self.late_partial_line = Some(partial_line);
        } else {
            self.extract(Pause::None);
            let facts = facts_at_eof(&self.parser, Some(&partial_line));
            self.push_uncounted(facts, true);
        }
    }

    fn push_uncounted(&mut self, facts: Vec<Fact>, provisional: bool) {
        self.uncounted.extend(facts.into_iter().map(|fact| UncountedFact { fact: Box::new(fact), provisional }));
    }

    /// What the plan beside the file names, for the next looks.
    pub(super) fn set_plan(&mut self, plan: Option<&Arc<PlanNames>>) {
        self.parser.set_plan(plan);
        if let Some(candidate) = &mut self.candidate {
            candidate.parser.set_plan(plan);
        }
    }

    /// An open entry in a file that nobody has written to for a while is complete, as far as the initial scan is concerned.
    pub(super) fn pause_since_written(&self, now: Timestamp, live: bool) -> Pause {
        let age = self.written.and_then(|at| now.since(at)).map(Duration::from_millis);
        match age.filter(|_| !live) {
            Some(age) if age >= IDLE_DELAY => Pause::End,
            Some(age) if age >= PARTIAL_LOSS_DELAY => Pause::Quiet,
            Some(_) | None => Pause::None,
        }
    }

    /// Takes the facts that are certain by now, and at a pause those of the open entry. `least` when more is known of the pause than
    /// how long ago the file changed.
    pub(super) fn settle(&mut self, now: Duration, least: Pause) {
        let idle = now.saturating_sub(self.changed);
        let pause = if idle >= IDLE_DELAY {
            Pause::End
        } else if idle >= PARTIAL_LOSS_DELAY {
            Pause::Quiet
        } else {
            Pause::None
        };
        if self.candidate.is_none() && !self.parser.is_let_go() {
            self.extract(pause.max(least));
        }
    }

    /// Keeps the lines in little room while the file rests, as most files do that are found at the start; later at the first tick after
    /// [`IDLE_DELAY`]. `least` as in [`LogSource::settle`].
    pub(super) fn pack_if_idle(&mut self, now: Duration, least: Pause) {
        let is_idle = least != Pause::None || now.saturating_sub(self.changed) >= IDLE_DELAY;
        if is_idle && !self.is_unsettled() && !self.parser.is_let_go() {
            self.parser.pack(UNKNOWN_LINES);
        }
    }

    /// Whether the lines are kept so, or none at all.
    pub(super) fn is_packed(&self) -> bool {
        self.parser.is_packed() || self.parser.is_let_go()
    }

    /// Keeps nothing of a file that is no runner's: nothing in it counts, and nothing looks as if it might. Returns whether that is so.
    pub(super) fn let_go(&mut self, now: ClockReading, live: bool, plan: Option<&Arc<PlanNames>>) -> bool {
        self.settle(now.elapsed, self.pause_since_written(now.wall, live));
        let holds_nothing = self.uncounted.is_empty() && self.counts.is_empty();
        let is_settled = !self.is_unsettled() && !self.parser.is_doubtful() && self.restored.is_none() && self.late_partial_line.is_none();
        let is_foreign = self.parser.kind() == SourceKind::Unknown && !self.machine_name && self.parser.record_like() == 0;
        if !(holds_nothing && is_settled && is_foreign) {
            return false;
        }
        self.parser.let_go(plan);
        true
    }

    pub(super) fn is_let_go(&self) -> bool {
        self.parser.is_let_go()
    }

    fn extract(&mut self, pause: Pause) {
        let mut facts = Vec::new();
        self.parser.extract(pause, &mut facts);
        self.push_uncounted(facts, false);
    }

    /// When a tick may accept or settle something although the file does not change; `ticked` is the time of the last tick.
    pub(super) fn deadline(&self, ticked: Duration) -> Option<Duration> {
        match &self.candidate {
            _ if self.needs_reread => Some(self.changed + Duration::from_millis(1)).filter(|time| *time > ticked),
            Some(candidate) if candidate.complete => {
                let settled = [self.changed, candidate.since].map(|since| since + PARTIAL_LOSS_DELAY);
                settled.into_iter().chain([candidate.since + TOTAL_LOSS_DELAY]).filter(|time| *time > ticked).min()
            }
            Some(_) => None,
            None if self.parser.has_pending() => Some(self.changed + PARTIAL_LOSS_DELAY),
            None => self.parser.is_doubtful().then_some(self.changed + IDLE_DELAY),
        }
    }

    /// Whether the next lines were appended to content that the ledger has counted.
    pub(super) fn is_appended_to(&self) -> bool {
        self.candidate.is_none() && !self.untouched
    }

    /// Whether the open entry, or a candidate, may still change what the file states.
    pub(super) fn is_unsettled(&self) -> bool {
        self.candidate.is_some() || self.parser.has_pending()
    }

    /// The facts that the ledger has not counted.
    pub(super) fn uncounted_facts(&self) -> impl Iterator<Item = &Fact> {
        self.uncounted.iter().map(|uncounted| &*uncounted.fact)
    }

    /// Counts what was appended, after what [`LogCounts::queue`] kept.
    pub(super) fn count_appended(&mut self, now: Duration, resolve: impl FnMut(&Fact) -> Resolved) -> Vec<CountedFact> {
        let mut uncounted = std::mem::take(&mut self.uncounted);
        if self.untouched && !uncounted.is_empty() {
            self.untouched = false;
            if self.parser.is_newest_first() {
                oldest_entry_first(&mut uncounted);
            }
        }
        self.counts.append(LogFile::Attached, uncounted, now, resolve)
    }

    /// Evaluates the candidate, once it is complete. Drops its ignored facts for good.
    pub(super) fn evaluate(&mut self, now: Duration, at_once: bool, resolve: impl FnMut(&Fact) -> Resolved) -> Option<Evaluation> {
        let machine = self.is_machine_log();
        let candidate = self.candidate.as_mut().filter(|candidate| candidate.complete)?;
        if let Some(edit) = candidate.edit {
            let evaluation = self.counts.evaluate_edit(&edit, &mut candidate.facts, resolve);
            if evaluation.is_none() {
                self.candidate = None;
                self.needs_reread = true;
            }
            return evaluation;
        }
        let at_eof = match candidate.facts_at_eof.take() {
            Some(facts) => facts,
            None => {
                candidate.parser.extract(Pause::None, &mut candidate.facts);
                facts_at_eof(&candidate.parser, candidate.partial_line.as_ref())
            }
        };
        let restored = self.restored.as_ref().and_then(|restored| restored.start_line.as_ref());
        let start_lines = (self.parser.head().start_line.as_ref().or(restored), candidate.parser.head().start_line.as_ref());
        let context = RewriteContext {
            reason: candidate.reason,
            machine: machine || candidate.parser.kind().is_machine_log(),
            machine_name: self.machine_name,
            other_start_line: matches!(start_lines, (Some(old), Some(new)) if old != new),
            quiet: if at_once { TOTAL_LOSS_DELAY } else { now.saturating_sub(self.changed) },
            age: if at_once { TOTAL_LOSS_DELAY } else { now.saturating_sub(candidate.since) },
        };
        let mut evaluation = self.counts.evaluate(&mut candidate.facts, &at_eof, context, resolve);
        candidate.facts_at_eof = Some(at_eof);
        // No more input will show whether this is a new run: a half-written file must not begin one.
        if at_once && !context.machine && evaluation.verdict == Verdict::NewGeneration {
            evaluation.verdict = Verdict::Rewrite;
        }
        Some(evaluation)
    }

    /// Accepts the candidate as evaluated, after any switch of runs.
    pub(super) fn commit(&mut self, evaluation: Evaluation, now: Duration) -> Vec<CountedFact> {
        let Some(candidate) = self.candidate.take().map(|candidate| *candidate) else { return self.counts.take_unpublished() };
        let counted = self.counts.commit(candidate.facts, candidate.edit, evaluation, now);
        self.parser.replace(candidate.parser);
        self.restored = None;
        self.untouched = false;
        self.uncounted.clear();
        if let Some(partial_line) = self.late_partial_line.take() {
            self.read_partial_line(partial_line);
        }
        counted
    }

    /// Accepts the candidate without counting it: an earlier process has counted these facts.
    pub(super) fn skip_published(&mut self, now: Duration, resolve: impl FnMut(&Fact) -> Resolved) {
        let Some(candidate) = self.candidate.take().map(|candidate| *candidate) else { return };
        self.changed = now;
        self.untouched = false;
        self.was_present = true;
        self.parser.replace(candidate.parser);
        let mut facts = candidate.facts;
        let was_settled = self.restored.take().is_some_and(|restored| restored.settled);
        self.parser.extract(if was_settled { Pause::Quiet } else { Pause::None }, &mut facts);
        self.counts.skip_published(facts, resolve);
    }

    /// Whether the ledger has counted all that was read.
    pub(super) fn is_counted(&self) -> bool {
        self.candidate.is_none() && self.uncounted.is_empty() && self.restored.is_none()
    }

    /// Whether content of another generation is a sign of a new run: the counts of a machine log go on, and a log that has stated nothing
    /// in the present run was reset for it.
    pub(super) fn may_begin_run(&self) -> bool {
        !self.is_machine_log() && self.counts.has_counted_in_run()
    }

    /// Whether the plan of the run that this content begins may still be about to come: events carry its name and its titles.
    pub(super) fn may_precede_its_plan(&self, now: Duration) -> bool {
        let is_recent = self.candidate.as_ref().is_some_and(|candidate| now.saturating_sub(candidate.since) < TOTAL_LOSS_DELAY);
        is_recent && self.may_begin_run()
    }

    /// Begins another generation within the present run.
    pub(super) fn begin_generation(&mut self) {
        if self.is_machine_log() {
            self.counts.rotate();
        } else {
            self.counts.begin_run();
        }
    }

    /// Whether the candidate cannot wait for the next tick, because another content is about to replace it.
    pub(super) fn must_commit_early(&self, detached: bool) -> bool {
        let machine = self.is_machine_log();
        let is_followed = |reason| reason == RereadReason::RotatedSibling || (detached && machine);
        self.candidate.as_ref().is_some_and(|candidate| candidate.complete && is_followed(candidate.reason))
    }

    /// Another file takes the name: the accepted content is the beginning of the detached file `id`.
    pub(super) fn detach(&mut self, id: DetachedId) {
        if self.candidate.is_none() {
            self.counts.detach(id, &self.parser);
        }
    }

    /// What a restarted engine needs to go on from here.
    pub(super) fn checkpoint(&self) -> LogCheckpoint {
        let restored = self.restored.clone().unwrap_or_else(|| RestoredLog {
            settled: !self.parser.has_pending(),
            start_line: self.parser.head().start_line.clone(),
            machine: self.parser.kind().is_machine_log(),
        });
        let (ledger, provisional) = self.counts.checkpoint();
        LogCheckpoint { ledger, provisional, restored }
    }

    /// Goes on from a checkpoint. `missing_since` dates its losses; without it they are older than `REAPPEAR_AFTER`.
    pub(super) fn restore(&mut self, checkpoint: LogCheckpoint, missing_since: Option<Duration>) {
        let LogCheckpoint { mut ledger, provisional, restored } = checkpoint;
        if let Some(since) = missing_since {
            ledger.restart_missing_timer(since);
        }
        self.counts.restore(ledger, provisional);
        self.restored = Some(restored);
    }
}
