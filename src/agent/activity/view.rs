//! What is shown of a session at a moment, and when that changes without a record.

use super::super::session::SessionHead;
use super::super::signal::{FailureKind, LimitKind, TodoEntry};
use super::counters::SessionCounters;
use super::{Activity, OpenCall, TurnState};
use crate::clock::Timestamp;
use crate::fact::Provenance;
use crate::model::agent::{
    AgentChildren, AgentFiles, AgentLimit, AgentPhase, AgentState, AgentTests, AgentTodo, AgentTokens, AgentVerb, AgentWaiting, TodoItem,
    WaitingFor,
};
use crate::model::state::CriterionStatus;

/// Milliseconds without a sign and without an open call after which nothing is known: of 34,000 pauses between a result and the model's
/// next record one in a thousand took 83 s.
const SILENCE: u64 = 3 * 60_000;
/// Milliseconds after a text without a further record: the turn is over, though no record states it.
const SPOKEN: u64 = 60_000;
/// An open call of a tool that ends at once, in a session with a person: half of them end within half a second.
const INSTANT: u64 = 10_000;
/// The longest that an open call counts as work.
const LONGEST_CALL: u64 = 2 * 3_600_000;

/// What a session shows at a moment.
#[derive(Debug, Clone, PartialEq)]
struct ShownPhase {
    phase: AgentPhase,
    since: Timestamp,
    provenance: Provenance,
}

/// Why a session needs a person, in words that are nobody's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentNeed {
    pub reason: String,
    pub since: Timestamp,
}

impl Activity {
    /// The state of the session `head` at `now`.
    pub fn state(&self, head: &SessionHead, now: Timestamp) -> AgentState {
        let shown = self.shown(now);
        let call = self.shown_call().filter(|_| matches!(shown.phase, AgentPhase::Tool | AgentPhase::Waiting));
        let since = head.started.or(self.first).unwrap_or(now);
        let counters = &self.counters;
        AgentState {
            agent: head.kind.name().into(),
            session: head.id.short().into(),
            ours: false,
            headless: self.headless,
            since,
            as_of: self.as_of.unwrap_or(since),
            provenance: shown.provenance,
            basis: head.basis,
            phase: shown.phase,
            phase_since: shown.since,
            verb: call.map(|call| call.start.verb),
            tool: call.and_then(|call| call.start.tool.text()),
            target: call.and_then(|call| call.start.target.as_ref()).map(|target| target.text().clone()),
            command: call.and_then(|call| call.start.command.as_ref()).map(|command| command.text().clone()),
            longer_than_usual: shown.phase == AgentPhase::Tool
                && call.is_some_and(|call| elapsed(call.since, now) > usual_at_most(call.start.verb)),
            waiting: self
                .waiting(now)
                .map(|(wanted, certain, _)| AgentWaiting { wanted, certain })
                .filter(|_| shown.phase == AgentPhase::Waiting),
            retry: self.retry.as_ref().map(|(retry, _)| retry.clone()).filter(|_| shown.phase == AgentPhase::Retrying),
            limit: self.limit_at(now).map(|(kind, resets_at, _)| AgentLimit { kind: kind.name().into(), resets_at }),
            todo: todo_state(counters),
            files: (counters.file_count() > 0).then(|| AgentFiles {
                touched: to_u32(counters.file_count()),
                recent: counters.recent_files().map(|name| name.text().clone()).collect(),
            }),
            tests: counters.tests.map(|(tests, at)| AgentTests { last: tests.result, passed: tests.passed, failed: tests.failed, at }),
            commits: counters.commits.iter().map(|hash| hash.text().clone()).collect(),
            calls: counters.calls,
            failed_calls: counters.failed_calls,
            denials: counters.denials,
            compactions: (counters.compactions > 0).then_some(counters.compactions),
            children: (counters.children > 0).then(|| AgentChildren {
                // Several calls may wait for one.
                active: to_u32(self.open.iter().filter(|call| call.start.delegates.is_some()).count()).min(counters.children),
                total: counters.children,
            }),
            background: (!self.background.is_empty()).then(|| to_u32(self.background.len())),
            tokens: counters.tokens().map(|tokens| AgentTokens {
                input: Some(tokens.input),
                output: Some(tokens.output),
                cache_read: Some(tokens.cache_read),
                cache_write: Some(tokens.cache_write).filter(|count| *count > 0),
                context: tokens.context,
            }),
            cost_usd: counters.cost_usd,
            partial: counters.partial,
            iteration: None,
        }
    }

    /// When [`Activity::state`] changes next although no record comes.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let after = |since: Timestamp, ms: u64| Timestamp(since.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)).saturating_add(1));
        let mut times = Vec::new();
        if let Some(as_of) = self.as_of {
            times.push(after(as_of, SILENCE));
        }
        for call in &self.open {
            times.extend([
                after(call.since, usual_at_most(call.start.verb)),
                after(call.since, counts_at_most(call.start.verb)),
                after(call.since, INSTANT),
            ]);
        }
        times.extend(self.limit.and_then(|(_, resets_at, _)| resets_at));
        if let TurnState::Spoken(since) = self.turn {
            times.push(after(since, SPOKEN));
        }
        times.into_iter().filter(|at| *at > now).min()
    }

    /// Until when an open call holds off the quiet: three times what nearly all calls of its kind take.
    pub fn busy_until(&self, now: Timestamp) -> Option<Timestamp> {
        let is_at_work = !matches!(self.shown(now).phase, AgentPhase::Ended | AgentPhase::Limited | AgentPhase::Waiting);
        let ends = self
            .open
            .iter()
            .filter(|_| is_at_work)
            .map(|call| Timestamp(call.since.0.saturating_add_unsigned(counts_at_most(call.start.verb))));
        ends.max().filter(|until| *until > now)
    }

    /// Whether a person is needed for certain.
    pub fn need(&self, name: &str, now: Timestamp) -> Option<AgentNeed> {
        if let Some((kind, _, since)) = self.limit_at(now) {
            return Some(AgentNeed { reason: format!("{name} is stopped by its {} limit", kind.name()), since });
        }
        if let Some((wanted, true, since)) = self.waiting(now) {
            let what = match wanted {
                WaitingFor::Permission => "permission",
                WaitingFor::Answer => "an answer",
                WaitingFor::Plan => "a yes to its plan",
            };
            return Some(AgentNeed { reason: format!("{name} waits for {what}"), since });
        }
        if let Some((kind, since)) = self.failure {
            let why = match kind {
                FailureKind::Authentication => "it is not logged in",
                FailureKind::Billing => "of its billing",
                FailureKind::Other => return None,
            };
            return Some(AgentNeed { reason: format!("{name} cannot reach its model because {why}"), since });
        }
        let (tool, count, since) = self.counters.denied_for_good()?;
        let tool = tool.unwrap_or("a tool");
        Some(AgentNeed { reason: format!("{name} was denied {tool} {count} times"), since })
    }

    fn shown(&self, now: Timestamp) -> ShownPhase {
        let explicit = |phase, since| ShownPhase { phase, since, provenance: Provenance::Explicit };
        let derived = |phase, since| ShownPhase { phase, since, provenance: Provenance::Derived };
        let silent = self.as_of.filter(|at| elapsed(*at, now) > SILENCE);
        if let Some((_, _, since)) = self.limit_at(now) {
            return explicit(AgentPhase::Limited, since);
        }
        if let Some(since) = self.ended {
            return explicit(AgentPhase::Ended, since);
        }
        if let Some((_, certain, since)) = self.waiting(now) {
            let provenance = if certain { Provenance::Explicit } else { Provenance::Inferred };
            return ShownPhase { phase: AgentPhase::Waiting, since, provenance };
        }
        if let Some((_, since)) = self.retry.as_ref().filter(|_| silent.is_none()) {
            return explicit(AgentPhase::Retrying, *since);
        }
        if let Some(since) = self.compacting.filter(|_| silent.is_none()) {
            return explicit(AgentPhase::Compacting, since);
        }
        if let Some(call) = self.shown_call() {
            let is_given_up = silent.is_some() && elapsed(call.since, now) > counts_at_most(call.start.verb);
            return match is_given_up {
                true => derived(AgentPhase::Unknown, self.as_of.unwrap_or(call.since)),
                false => explicit(AgentPhase::Tool, call.since),
            };
        }
        let over = |since, provenance| {
            let phase = if self.headless == Some(true) && self.background.is_empty() { AgentPhase::Ended } else { AgentPhase::Idle };
            ShownPhase { phase, since, provenance }
        };
        match (self.turn, silent) {
            (TurnState::Over(since), _) => over(since, Provenance::Derived),
            (TurnState::Spoken(since), _) if elapsed(since, now) > SPOKEN => over(since, Provenance::Inferred),
            (_, Some(as_of)) => derived(AgentPhase::Unknown, as_of),
            (TurnState::Open(since) | TurnState::Spoken(since), None) => derived(AgentPhase::Thinking, since),
            (TurnState::New, None) => derived(AgentPhase::Starting, self.first.unwrap_or(now)),
        }
    }

    /// The limit that still holds.
    pub(super) fn limit_at(&self, now: Timestamp) -> Option<(LimitKind, Option<Timestamp>, Timestamp)> {
        self.limit.filter(|(_, resets_at, _)| resets_at.is_none_or(|at| now < at))
    }

    /// The call that is shown: the last that began.
    fn shown_call(&self) -> Option<&OpenCall> {
        self.open.last()
    }

    /// What a person is waited for, and whether that is certain. Without a person nobody is waited for: the call is denied.
    fn waiting(&self, now: Timestamp) -> Option<(WaitingFor, bool, Timestamp)> {
        if let Some((wanted, since)) = self.asked {
            return Some((wanted, true, since));
        }
        if self.headless == Some(true) {
            return None;
        }
        if let Some(call) = self.open.iter().find(|call| call.start.asks.is_some()) {
            // Where it cannot be told whether there is a person, nothing is certain.
            return call.start.asks.map(|wanted| (wanted, self.headless == Some(false), call.since));
        }
        let call = self.shown_call().filter(|_| self.headless == Some(false))?;
        let is_held = call.start.is_instant && elapsed(call.since, now) > INSTANT;
        is_held.then_some((WaitingFor::Permission, false, call.since))
    }
}

/// Milliseconds that 99 in 100 calls take: Bash of 4,900 that were measured, the others rounded up from their medians and longest.
fn usual_at_most(verb: AgentVerb) -> u64 {
    match verb {
        AgentVerb::Reading | AgentVerb::Searching | AgentVerb::Planning => 10_000,
        AgentVerb::Editing | AgentVerb::Writing => 30_000,
        AgentVerb::Fetching => 60_000,
        AgentVerb::Running | AgentVerb::Testing | AgentVerb::Building | AgentVerb::Linting | AgentVerb::Committing => 400_000,
        AgentVerb::Delegating => 30 * 60_000,
        AgentVerb::Asking => LONGEST_CALL,
    }
}

/// Milliseconds after which an open call is no sign of work any more.
fn counts_at_most(verb: AgentVerb) -> u64 {
    (3 * usual_at_most(verb)).min(LONGEST_CALL)
}

/// The agent's own list, if it keeps one.
fn todo_state(counters: &SessionCounters) -> Option<AgentTodo> {
    let todo: Vec<_> = counters.todo().collect();
    let count = |wanted: CriterionStatus| todo.iter().filter(|(_, status)| *status == wanted).count();
    let text = |item: &TodoEntry| item.text.as_ref().map(|text| text.text().clone());
    (!todo.is_empty()).then(|| AgentTodo {
        done: to_u32(count(CriterionStatus::Done)),
        total: to_u32(todo.len()),
        current: todo.iter().find(|(_, status)| *status == CriterionStatus::InProgress).and_then(|(item, _)| text(item)),
        items: todo.iter().filter_map(|(item, status)| Some(TodoItem { text: text(item)?, status: *status })).collect(),
    })
}

fn elapsed(since: Timestamp, now: Timestamp) -> u64 {
    now.since(since).unwrap_or(0)
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
