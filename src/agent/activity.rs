//! The one reducer: signals → what the agent is doing. Pure; times come as arguments.
//!
//! What is shown is the first of these that holds:
//!
//! | state | begins with | ends with |
//! |---|---|---|
//! | limited | `Limited` | `Turn`, `Call`, `CallEnded`, `Spoke`, `Thought`, and the time at which it resets |
//! | ended | `Ended` | `Turn`, `Call` |
//! | waiting | `Asking`; an open call that asks, in a session with a person | `Answered`, any sign of work |
//! | retrying | `Retry` | any sign of work |
//! | compacting | `Compacting` | `Compacted`, any sign of work |
//! | tool | an open call: the last that began | its `CallEnded`; `Turn`, `TurnEnded`, `TurnAborted`, `TurnFailed` |
//! | thinking | `Turn`, `CallEnded`, `Thought` | `TurnEnded`, `TurnAborted`, `TurnFailed` |
//! | idle, or ended without a person | `TurnEnded`, `TurnAborted`, `TurnFailed`, `Spoke` that ends a turn, or a minute after any `Spoke` | `Turn`, `Call`, `Thought` |
//! | starting | nothing yet | anything |
//! | unknown | three minutes without a sign and without an open call | any sign |

mod counters;
mod view;

use self::counters::SessionCounters;
pub(crate) use self::view::AgentNeed;
use super::signal::{CallId, CallOutcome, CallStart, FailureKind, FileKey, LimitKind, Signal, Stamped};
use crate::clock::Timestamp;
use crate::model::agent::{AgentRetry, WaitingFor};

/// Calls that are open at one time.
const MAX_OPEN: usize = 64;
/// A recorded time further ahead of our clock than this (milliseconds) is not believed.
const CLOCK_TOLERANCE: i64 = 2 * 60 * 1000;

/// What one session is doing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Activity {
    /// The time of the latest record.
    as_of: Option<Timestamp>,
    first: Option<Timestamp>,
    headless: Option<bool>,
    turn: TurnState,
    open: Vec<OpenCall>,
    background: Vec<CallId>,
    asked: Option<(WaitingFor, Timestamp)>,
    retry: Option<(AgentRetry, Timestamp)>,
    limit: Option<(LimitKind, Option<Timestamp>, Timestamp)>,
    compacting: Option<Timestamp>,
    ended: Option<Timestamp>,
    failure: Option<(FailureKind, Timestamp)>,
    spoken: bool,
    counters: SessionCounters,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum TurnState {
    #[default]
    New,
    /// The model works on a prompt or a result.
    Open(Timestamp),
    /// It wrote text; more may follow.
    Spoken(Timestamp),
    Over(Timestamp),
}

#[derive(Debug, Clone)]
struct OpenCall {
    start: CallStart,
    since: Timestamp,
}

impl Activity {
    /// A session of which nothing is known but whether it has a person, and whether its file was joined in its middle.
    pub fn new(headless: Option<bool>, partial: bool) -> Self {
        Activity { headless, counters: SessionCounters::new(partial), ..Activity::default() }
    }

    /// Applies a signal that was read at `now`.
    pub fn apply(&mut self, stamped: Stamped, now: Timestamp) {
        let at = stamped.at.filter(|at| at.0 <= now.0.saturating_add(CLOCK_TOLERANCE)).unwrap_or(now);
        // The order of the file rules, not the times in it.
        self.as_of = Some(self.as_of.map_or(at, |latest| latest.max(at)));
        self.first.get_or_insert(at);
        match stamped.signal {
            Signal::Alive | Signal::ChildAlive => {}
            Signal::Headless(headless) => self.headless = Some(headless),
            Signal::Turn => {
                self.resume();
                self.abort_open();
                self.turn = TurnState::Open(at);
            }
            Signal::Call(start) => self.begin_call(*start, at),
            Signal::CallEnded { call, outcome } => self.end_call(call, &outcome, at),
            Signal::Spoke { ends_turn } => {
                self.spoken = true;
                self.recover();
                self.turn = if ends_turn { TurnState::Over(at) } else { TurnState::Spoken(at) };
            }
            Signal::Thought => self.go_on(at),
            Signal::TurnEnded | Signal::TurnAborted => self.end_turn(at),
            Signal::TurnFailed(kind) => {
                self.end_turn(at);
                self.failure = Some((kind, at));
            }
            Signal::Retry { attempt, max, status, next_at } => {
                let since = self.retry.as_ref().map_or(at, |(_, since)| *since);
                self.retry = Some((AgentRetry { attempt, max, status, next_at }, since));
            }
            Signal::Limited { kind, resets_at } => {
                // One that has reset is another one.
                let since = self.limit_at(at).map_or(at, |(_, _, since)| since);
                self.end_turn(at);
                self.limit = Some((kind, resets_at, since));
            }
            Signal::Compacting => (self.compacting, self.retry) = (Some(at), None),
            Signal::Compacted => {
                self.compacting = None;
                self.counters.compactions += 1;
            }
            Signal::TodoList(items) => self.counters.set_todo(items),
            Signal::TodoItem(item) => self.counters.change_todo(item),
            Signal::Usage(usage) => self.counters.add_usage(usage),
            Signal::TotalUsage(tokens) => self.counters.set_usage(tokens),
            Signal::Asking(wanted) => self.asked = Some((wanted, at)),
            Signal::Answered => self.asked = None,
            Signal::Denied { tool, .. } => self.counters.count_denial(tool, at),
            Signal::BackgroundStarted(id) => self.begin_background(id),
            Signal::BackgroundEnded(id) => self.background.retain(|other| *other != id),
            Signal::ChildWrote(file) => self.counters.count_file(file),
            Signal::Ended => {
                self.end_turn(at);
                self.ended = Some(at);
            }
            Signal::Cost(cost) => self.counters.cost_usd = Some(cost),
        }
    }

    /// When the session's last record was written.
    pub fn as_of(&self) -> Option<Timestamp> {
        self.as_of
    }

    /// When its first record was written that was read.
    pub fn first(&self) -> Option<Timestamp> {
        self.first
    }

    pub fn headless(&self) -> Option<bool> {
        self.headless
    }

    /// Whether the model answered at least once.
    pub fn has_spoken(&self) -> bool {
        self.spoken
    }

    /// Whether its last turn is over.
    pub fn is_over(&self) -> bool {
        self.ended.is_some() || matches!(self.turn, TurnState::Over(_) | TurnState::Spoken(_))
    }

    /// Tool calls so far; `None` when the file was joined in its middle.
    pub fn all_calls(&self) -> Option<u32> {
        (!self.counters.partial).then_some(self.counters.calls)
    }

    /// Whether it wrote one of these files.
    pub fn has_written(&self, files: &[FileKey]) -> bool {
        files.iter().any(|file| self.counters.has_written(*file))
    }

    /// Whether it made a commit of which the run has the hash.
    pub fn has_committed(&self, is_of_run: impl Fn(&str) -> bool) -> bool {
        self.counters.commits.iter().any(|hash| is_of_run(hash.text().as_str()))
    }

    fn begin_call(&mut self, start: CallStart, at: Timestamp) {
        self.resume();
        self.counters.count_call(&start);
        self.open.retain(|open| open.start.id != start.id);
        if self.open.len() == MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push(OpenCall { start, since: at });
        self.turn = TurnState::Open(at);
    }

    fn end_call(&mut self, call: CallId, outcome: &CallOutcome, at: Timestamp) {
        self.recover();
        let ended = self.open.iter().position(|open| open.start.id == call).map(|index| self.open.remove(index));
        self.counters.count_outcome(outcome, ended.as_ref().map(|open| &open.start), at);
        self.turn = TurnState::Open(at);
    }

    /// The model thinks, in the turn that is open or in a new one.
    fn go_on(&mut self, at: Timestamp) {
        self.recover();
        self.turn = match self.turn {
            TurnState::Open(since) => TurnState::Open(since),
            TurnState::New | TurnState::Spoken(_) | TurnState::Over(_) => TurnState::Open(at),
        };
    }

    fn begin_background(&mut self, id: CallId) {
        if self.background.len() < MAX_OPEN && !self.background.contains(&id) {
            self.background.push(id);
        }
    }

    /// Work goes on in a session that was over.
    fn resume(&mut self) {
        self.ended = None;
        self.recover();
    }

    /// The model answers again.
    fn recover(&mut self) {
        (self.retry, self.limit, self.asked, self.compacting, self.failure) = (None, None, None, None, None);
    }

    /// A limit and a failure outlast the turn that they end.
    fn end_turn(&mut self, at: Timestamp) {
        (self.retry, self.asked, self.compacting) = (None, None, None);
        self.abort_open();
        self.turn = TurnState::Over(at);
    }

    /// Calls without a result end with the turn they were made in.
    fn abort_open(&mut self) {
        self.open.clear();
    }
}
