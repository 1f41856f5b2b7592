//! Decides what is sent of one task: each event of the log once, in order, whatever the engine forgets and whichever acknowledgements are
//! lost.
//!
//! The engine's last message of the task says what is delivered, not a journal and not the acknowledgements. Each event is sent on the
//! condition that this last message is the one that was read (compare and append), and only one is on its way at a time. After any error
//! the last message is read back. No clock, no network and no log in here: the owner reports, and does what [`SenderStep::action`] says.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::event::{EventId, Seq};

/// How often a tail that is not in our log is read again before it counts as another log. A second bridge on the same files may be ahead of
/// this one for as long as this one needs to read what was written.
const SUSPECT_CHECKS: u32 = 5;
const SUSPECT_INTERVAL: Duration = Duration::from_secs(1);
/// How often a task that another log is published under is looked at.
const FENCED_INTERVAL: Duration = Duration::from_secs(60);
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(4);

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SenderReport {
    /// The connection stands.
    Up,
    /// The connection is gone.
    Down,
    /// How far the log goes.
    Published {
        /// The newest event of the task in it.
        newest: Seq,
        /// The newest event of any task.
        log_end: Seq,
    },
    /// What [`SenderAction::AskTail`] has brought.
    Tail(Tail),
    /// The engine has this event now, as its message of this number.
    Accepted { event: SentEvent, message: u64 },
    /// The event was refused: the last message is another one.
    Conflict,
    /// No answer, or an error.
    Failed,
    /// The log has no event of this task after the position it was asked for.
    NothingToSend,
    /// The log has evicted events up to this one.
    Evicted(Seq),
}

/// The last message of the task in the engine, with its positions in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// `None`: the engine has no message of the task.
    pub message: Option<TailMessage>,
    /// The position before the first event that is younger than what the engine keeps.
    pub before_fresh: Seq,
    /// The position before the first event of the present run.
    pub before_run: Seq,
    /// Whether the log holds the event that [`Sender::suspect`] names.
    pub knows_suspect: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailMessage {
    pub id: EventId,
    /// Its number in the stream.
    pub number: u64,
    /// Where the log holds the event.
    pub position: Option<Seq>,
    /// Whether this process sent it.
    pub is_own: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentEvent {
    pub id: EventId,
    pub seq: Seq,
}

/// What to do now. The report about it comes before any other [`SenderReport::Tail`] or [`SenderReport::Accepted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderAction {
    /// Read the last message of the task.
    AskTail,
    /// The same, after this time; [`Sender::retry`] if nothing else was reported meanwhile.
    AskTailLater(Duration),
    /// Send the first event of the task after the position, on the condition that the last message is the one of this number; 0: that
    /// there is none.
    Send { after: Seq, expected: u64 },
    /// Nothing, until something is reported.
    Wait,
}

/// What people should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderTrouble {
    /// Another log is published under this name.
    AnotherLog,
    /// At most so many events are lost: they left the log before they could be sent.
    Lost(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderStep {
    pub action: SenderAction,
    pub trouble: Option<SenderTrouble>,
}

/// The sender of one task.
#[derive(Debug)]
pub struct Sender {
    phase: SenderPhase,
    /// The newest event of the task in the log.
    newest: Seq,
    /// The newest event of any task in the log.
    log_end: Seq,
    /// Everything of the task up to here is in the engine, or lost.
    delivered: Seq,
    /// The last message as it was read or acknowledged; `None` before the first.
    last: Option<LastMessage>,
    failures: u32,
    lost: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LastMessage {
    event: SentEvent,
    number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SenderPhase {
    Offline,
    /// The tail is being read, or will be after a delay.
    Asking,
    /// `expected` is the number of the last message.
    Idle {
        expected: u64,
    },
    Sending {
        expected: u64,
    },
    /// The tail is not in our log: that of a bridge that is ahead of us, or of another log.
    Suspecting {
        id: EventId,
        checks: u32,
    },
    Fenced {
        id: EventId,
    },
}

impl Sender {
    pub fn new() -> Self {
        Sender { phase: SenderPhase::Offline, newest: Seq(0), log_end: Seq(0), delivered: Seq(0), last: None, failures: 0, lost: 0 }
    }

    /// The event that is asked about in [`Tail::knows_suspect`].
    pub fn suspect(&self) -> Option<EventId> {
        match self.phase {
            SenderPhase::Suspecting { id, .. } | SenderPhase::Fenced { id } => Some(id),
            SenderPhase::Offline | SenderPhase::Asking | SenderPhase::Idle { .. } | SenderPhase::Sending { .. } => None,
        }
    }

    /// At most so many events of the task are missing in the engine for ever.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether the engine has every event of the task that the log has, as far as known.
    pub fn is_drained(&self) -> bool {
        match self.phase {
            SenderPhase::Idle { .. } => self.newest <= self.delivered,
            SenderPhase::Fenced { .. } => true,
            SenderPhase::Offline | SenderPhase::Asking | SenderPhase::Sending { .. } | SenderPhase::Suspecting { .. } => false,
        }
    }

    /// The delay of [`SenderAction::AskTailLater`] is over.
    pub fn retry(&self) -> SenderAction {
        match self.phase {
            SenderPhase::Asking | SenderPhase::Suspecting { .. } | SenderPhase::Fenced { .. } => SenderAction::AskTail,
            SenderPhase::Offline | SenderPhase::Idle { .. } | SenderPhase::Sending { .. } => SenderAction::Wait,
        }
    }

    pub fn handle(&mut self, report: SenderReport) -> SenderStep {
        let mut trouble = None;
        let action = match report {
            SenderReport::Up => self.ask(),
            SenderReport::Down => {
                self.phase = SenderPhase::Offline;
                SenderAction::Wait
            }
            SenderReport::Published { newest, log_end } => {
                self.newest = self.newest.max(newest);
                self.log_end = self.log_end.max(log_end);
                match self.phase {
                    SenderPhase::Idle { expected } => self.go_on_after(self.delivered, expected),
                    SenderPhase::Offline
                    | SenderPhase::Asking
                    | SenderPhase::Sending { .. }
                    | SenderPhase::Suspecting { .. }
                    | SenderPhase::Fenced { .. } => SenderAction::Wait,
                }
            }
            SenderReport::Tail(tail) => {
                let was_fenced = matches!(self.phase, SenderPhase::Fenced { .. });
                let action = self.tail(tail);
                if !was_fenced && matches!(self.phase, SenderPhase::Fenced { .. }) {
                    trouble = Some(SenderTrouble::AnotherLog);
                }
                action
            }
            SenderReport::Accepted { event, message } => self.accepted(event, message),
            SenderReport::Conflict => self.ask(),
            SenderReport::Failed => self.failed(),
            SenderReport::NothingToSend => self.nothing_to_send(),
            SenderReport::Evicted(to) => {
                let (action, lost) = self.evicted(to);
                trouble = (lost > 0).then_some(SenderTrouble::Lost(lost));
                action
            }
        };
        SenderStep { action, trouble }
    }

    fn ask(&mut self) -> SenderAction {
        match self.phase {
            // What is suspected stays so until the tail has been read.
            SenderPhase::Suspecting { .. } | SenderPhase::Fenced { .. } => {}
            SenderPhase::Offline | SenderPhase::Asking | SenderPhase::Idle { .. } | SenderPhase::Sending { .. } => {
                self.phase = SenderPhase::Asking;
            }
        }
        SenderAction::AskTail
    }

    fn failed(&mut self) -> SenderAction {
        if self.phase == SenderPhase::Offline {
            return SenderAction::Wait;
        }
        let delay = FIRST_RETRY.saturating_mul(1 << self.failures.min(8)).min(LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        self.ask();
        SenderAction::AskTailLater(delay)
    }

    fn tail(&mut self, tail: Tail) -> SenderAction {
        if self.phase == SenderPhase::Offline {
            return SenderAction::Wait;
        }
        self.failures = 0;
        let Some(message) = tail.message else {
            // Nothing was ever sent, or the stream was made anew.
            self.last = None;
            return self.go_on_after(tail.before_fresh, 0);
        };
        let remembered = self.last.filter(|last| last.event.id == message.id).map(|last| last.event.seq);
        if let Some(position) = message.position.or(remembered) {
            self.last = Some(LastMessage { event: SentEvent { id: message.id, seq: position }, number: message.number });
            return self.go_on_after(position, message.number);
        }
        if message.is_own {
            // Older than the whole log: the engine was set back.
            return self.go_on_after(Seq(0), message.number);
        }
        if self.last.is_some_and(|last| message.number < last.number) {
            // The engine was set back to a time before this process, so nobody has overtaken us.
            return self.go_on_after(tail.before_run, message.number);
        }
        self.suspect_tail(message, &tail)
    }

    /// A message that is not in the log: of an earlier run, of a bridge on the same files that is ahead of us, or of another log.
    fn suspect_tail(&mut self, message: TailMessage, tail: &Tail) -> SenderAction {
        let again = SenderPhase::Suspecting { id: message.id, checks: 0 };
        self.phase = match self.phase {
            // The bridge ahead of us reads the same files: it is waited for as long as it goes on.
            SenderPhase::Suspecting { .. } | SenderPhase::Fenced { .. } if tail.knows_suspect => again,
            SenderPhase::Suspecting { id, checks } if checks + 1 < SUSPECT_CHECKS => SenderPhase::Suspecting { id, checks: checks + 1 },
            // Nothing of ours has been there since this process began: the message is of an earlier run.
            SenderPhase::Suspecting { .. } if self.last.is_none() => return self.go_on_after(tail.before_run, message.number),
            SenderPhase::Suspecting { id, .. } | SenderPhase::Fenced { id } => SenderPhase::Fenced { id },
            SenderPhase::Offline | SenderPhase::Asking | SenderPhase::Idle { .. } | SenderPhase::Sending { .. } => again,
        };
        SenderAction::AskTailLater(if matches!(self.phase, SenderPhase::Fenced { .. }) { FENCED_INTERVAL } else { SUSPECT_INTERVAL })
    }

    fn go_on_after(&mut self, position: Seq, expected: u64) -> SenderAction {
        // Where nothing of the task is left to send, what other tasks add to the log is none of its losses.
        self.delivered = if self.newest <= position { position.max(self.log_end) } else { position };
        self.phase = SenderPhase::Idle { expected };
        self.send_next()
    }

    fn send_next(&mut self) -> SenderAction {
        match self.phase {
            SenderPhase::Idle { expected } if self.newest > self.delivered => {
                self.phase = SenderPhase::Sending { expected };
                SenderAction::Send { after: self.delivered, expected }
            }
            SenderPhase::Idle { .. }
            | SenderPhase::Offline
            | SenderPhase::Asking
            | SenderPhase::Sending { .. }
            | SenderPhase::Suspecting { .. }
            | SenderPhase::Fenced { .. } => SenderAction::Wait,
        }
    }

    fn accepted(&mut self, event: SentEvent, number: u64) -> SenderAction {
        self.last = Some(LastMessage { event, number });
        self.failures = 0;
        match self.phase {
            SenderPhase::Sending { .. } => self.go_on_after(event.seq, number),
            SenderPhase::Offline
            | SenderPhase::Asking
            | SenderPhase::Idle { .. }
            | SenderPhase::Suspecting { .. }
            | SenderPhase::Fenced { .. } => SenderAction::Wait,
        }
    }

    fn nothing_to_send(&mut self) -> SenderAction {
        if let SenderPhase::Sending { expected } = self.phase {
            self.delivered = self.newest;
            self.phase = SenderPhase::Idle { expected };
        }
        SenderAction::Wait
    }

    fn evicted(&mut self, to: Seq) -> (SenderAction, u64) {
        let SenderPhase::Sending { expected } = self.phase else { return (SenderAction::Wait, 0) };
        let lost = to.0.saturating_sub(self.delivered.0);
        self.lost = self.lost.saturating_add(lost);
        (self.go_on_after(self.delivered.max(to), expected), lost)
    }
}
