//! `--stream`: draws the live box in place on a terminal.
//!
//! `layout` makes the lines; this module decides when they are drawn, and restores the terminal at the end. indicatif draws: its one bar
//! has the whole picture as message, so that a frame is one change. Its own rates and times are not used: they were made for bytes and are
//! wrong for stories of many minutes.

mod frame;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle, TermLike};
use jiff::tz::TimeZone;
use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::clock::Timestamp;
use crate::error::Notice;
use crate::hub::Hub;
use crate::model::state::{Headline, State};

use super::layout::{self, Canvas, Connection, Scene};
use super::style::TerminalStyle;
use super::text;

use self::frame::Frame;

/// Ten frames a second at most.
const FRAME: Duration = Duration::from_millis(100);
/// The clock on the screen.
const TICK: Duration = Duration::from_secs(1);
/// Messages above the box at most; all of them are printed at the end.
const MESSAGES_ABOVE: usize = 4;
/// Messages that are kept for the end.
const MESSAGES_KEPT: usize = 200;

/// How the states come here, and what the clock shows where they are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uplink {
    pub connection: Connection,
    /// The other bridge's clock less our own.
    pub clock_offset_ms: i64,
}

impl Uplink {
    /// For states that this process makes.
    pub const LOCAL: Uplink = Uplink { connection: Connection::Local, clock_offset_ms: 0 };
}

/// The box on a terminal. Has the alternate screen while it lives; at its end the last picture is written to the main one, also after a
/// panic.
#[derive(Debug)]
pub struct LiveBox {
    frame: Frame,
    bar: ProgressBar,
    style: TerminalStyle,
    zone: TimeZone,
    url: Option<String>,
    /// The rows of the last frame.
    shown: Vec<String>,
    /// The rows of the box in it.
    picture: Vec<String>,
    /// Columns and rows of the terminal when `shown` was drawn.
    size: (u16, u16),
    /// Whether `picture` is the end of every run in it.
    over: bool,
    /// Shown above the box; the first `printed` stand on the main screen already.
    messages: Vec<String>,
    printed: usize,
    taskbar: Option<Taskbar>,
}

/// The progress that OSC 9;4 reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taskbar {
    Share(u8),
    Failed(u8),
    /// Quiet, or a person is asked for.
    Warning(u8),
    /// A run of unknown length.
    Unknown,
}

impl LiveBox {
    /// On stderr. `messages` stand on the main screen already and are shown above the box.
    pub fn stderr(style: TerminalStyle, zone: TimeZone, url: Option<String>, messages: Vec<String>) -> LiveBox {
        let mut live_box = LiveBox::new(Arc::new(console::Term::stderr()), style, zone, url);
        live_box.printed = messages.len();
        live_box.messages = messages;
        leave_before_panics(live_box.frame.is_entered());
        live_box
    }

    fn new(terminal: Arc<dyn TermLike>, style: TerminalStyle, zone: TimeZone, url: Option<String>) -> LiveBox {
        let frame = Frame::new(terminal);
        let bar = ProgressBar::with_draw_target(None, frame.target());
        bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is a constant"));
        LiveBox {
            size: frame.size(),
            frame,
            bar,
            style,
            zone,
            url,
            shown: Vec::new(),
            picture: Vec::new(),
            over: false,
            messages: Vec::new(),
            printed: 0,
            taskbar: None,
        }
    }

    /// Shows `state` at our time `now`; writes nothing when the picture is the same.
    pub fn draw(&mut self, state: &State, uplink: &Uplink, now: Timestamp) {
        let over = is_over(state);
        if self.over && !over {
            // A new run begins: the end of the old one goes to the main screen.
            self.leave();
        }
        self.over = over;
        self.prepare_picture(state, uplink, now);
        if self.frame.enter() || self.size != self.frame.size() {
            self.size = self.frame.size();
            self.frame.clear();
            self.shown.clear();
        }
        let room = usize::from(self.size.1).saturating_sub(1 + self.picture.len()).min(MESSAGES_ABOVE);
        let above = self.messages.iter().rev().take(room).rev();
        let columns = usize::from(self.size.0);
        let above = above.map(|message| text::truncate(message, columns, self.style.charset).into_owned());
        let rows: Vec<String> = above.map(|text| self.frame.row(&text.into())).chain(self.picture.iter().cloned()).collect();
        if rows != self.shown {
            self.bar.set_message(rows.join("\n"));
            self.shown = rows;
        }
        self.show_taskbar(if uplink.connection.is_live() { Taskbar::of(state) } else { None });
    }

    /// Shows `message` above the box, from the next picture on.
    pub fn note(&mut self, message: &str) {
        self.messages.push(text::clean(message, self.style.charset).into_owned());
        if self.messages.len() > MESSAGES_KEPT {
            self.messages.remove(0);
            self.printed = self.printed.saturating_sub(1);
        }
    }

    /// Leaves the last picture in the scrollback and the terminal as it was.
    pub fn finish(mut self, state: &State, uplink: &Uplink, now: Timestamp) {
        self.over = is_over(state);
        self.prepare_picture(state, uplink, now);
        // `drop` leaves, because that must happen on every way out.
    }

    /// Ctrl-Z: the shell gets its screen and its cursor, and the process stops. The next picture takes the screen again.
    async fn suspend(&mut self) -> io::Result<()> {
        self.leave();
        // Other threads, and this one, may run for a moment after the call.
        let mut continued = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        kill_process(getpid(), Signal::STOP)?;
        continued.recv().await;
        Ok(())
    }

    fn prepare_picture(&mut self, state: &State, uplink: &Uplink, now: Timestamp) {
        let (columns, rows) = self.frame.size();
        let canvas = Canvas { columns: columns.into(), rows: rows.into(), charset: self.style.charset, color: self.style.color };
        let scene = Scene {
            now: Timestamp(now.0.saturating_add(uplink.clock_offset_ms)),
            zone: &self.zone,
            url: self.url.as_deref(),
            connection: &uplink.connection,
        };
        self.picture = layout::lines(state, &scene, &canvas).iter().map(|line| self.frame.row(line)).collect();
    }

    /// To the main screen: the messages that it has not yet, and the picture.
    fn leave(&mut self) {
        let messages = self.messages[self.printed..].iter().map(|message| message.to_owned());
        self.frame.leave(&messages.chain(self.picture.drain(..)).collect::<Vec<_>>());
        self.printed = self.messages.len();
        self.shown.clear();
    }

    fn show_taskbar(&mut self, wanted: Option<Taskbar>) {
        if self.style.taskbar && wanted != self.taskbar {
            self.frame.send(&Taskbar::escape(wanted));
            self.taskbar = wanted;
        }
    }
}

impl Drop for LiveBox {
    fn drop(&mut self) {
        self.show_taskbar(None);
        self.leave();
        // A bar that is dropped unfinished draws once more.
        self.bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
}

/// A panic of any thread says so on the main screen: on the alternate one its message would be gone.
fn leave_before_panics(entered: Arc<AtomicBool>) {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if entered.swap(false, Ordering::AcqRel) {
            // An error means that the terminal is gone.
            let _gone = io::stderr().write_all(frame::LEAVE.as_bytes()).is_err();
        }
        report(panic);
    }));
}

impl Taskbar {
    fn of(state: &State) -> Option<Taskbar> {
        let mut share: Option<(u64, u64)> = None;
        let mut worst = None;
        for task in &state.tasks {
            let (passed, all) = share.unwrap_or_default();
            share = task.story_count.map(|count| (passed + u64::from(task.stories_passed), all + u64::from(count))).or(share);
            worst = worst.max(match task.headline() {
                Headline::Waiting | Headline::Planned | Headline::Passed => None,
                Headline::Running => Some(0),
                Headline::Quiet | Headline::NeedsYou => Some(1),
                Headline::Failed | Headline::Ended => Some(2),
            });
        }
        let percent = share.and_then(|(passed, all)| (passed.min(all) * 100).checked_div(all)).map(|percent| percent as u8);
        match (worst?, percent) {
            (2, percent) => Some(Taskbar::Failed(percent.unwrap_or(100))),
            (1, percent) => Some(Taskbar::Warning(percent.unwrap_or(0))),
            (_, Some(percent)) => Some(Taskbar::Share(percent)),
            (_, None) => Some(Taskbar::Unknown),
        }
    }

    fn escape(taskbar: Option<Taskbar>) -> String {
        let (state, percent) = match taskbar {
            None => (0, 0),
            Some(Taskbar::Share(percent)) => (1, percent),
            Some(Taskbar::Failed(percent)) => (2, percent),
            Some(Taskbar::Unknown) => (3, 0),
            Some(Taskbar::Warning(percent)) => (4, percent),
        };
        format!("\u{1b}]9;4;{state};{percent}\u{1b}\\")
    }
}

/// Draws until the hub closes: every newer snapshot, the clock once a second, and at once when the window changes its size or `uplink`
/// its state. Notices go above the box. The last snapshot stays on the screen.
pub async fn run(mut screen: LiveBox, hub: &Hub, mut uplink: watch::Receiver<Uplink>) -> io::Result<()> {
    let _states = hub.read_states();
    let mut shown = hub.snapshot();
    let mut noted = None;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut resized = signal(SignalKind::window_change())?;
    let mut suspended = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    loop {
        note_new(&mut screen, &shown.state.notices, &mut noted);
        // Before the first state there is nothing to show, but that another bridge is awaited.
        let is_drawn = shown.version > 0 || uplink.borrow().connection != Connection::Local;
        if is_drawn {
            screen.draw(&shown.state, &uplink.borrow_and_update().clone(), Timestamp::now());
        }
        let free = Instant::now() + FRAME;
        let mut newer = std::pin::pin!(hub.snapshot_after(shown.version));
        let newer = loop {
            tokio::select! {
                newer = &mut newer => break newer,
                _ = tick.tick(), if is_drawn => {}
                _ = resized.recv(), if is_drawn => {}
                Ok(()) = uplink.changed() => {}
                _ = suspended.recv() => screen.suspend().await?,
            }
            screen.draw(&shown.state, &uplink.borrow_and_update().clone(), Timestamp::now());
        };
        let Some(newer) = newer else { break };
        shown = newer;
        // Whatever comes meanwhile is in the next snapshot.
        tokio::time::sleep_until(free).await;
    }
    note_new(&mut screen, &shown.state.notices, &mut noted);
    if shown.version > 0 {
        screen.finish(&shown.state, &uplink.borrow(), Timestamp::now());
    }
    Ok(())
}

/// Puts the notices after the last one noted above the box.
fn note_new(screen: &mut LiveBox, notices: &[Notice], noted: &mut Option<Notice>) {
    let known = noted.as_ref().and_then(|last| notices.iter().rposition(|notice| notice == last)).map_or(0, |index| index + 1);
    for notice in &notices[known..] {
        let path = notice.path.as_deref().map(|path| format!("{path}: ")).unwrap_or_default();
        screen.note(&format!("{path}{}", notice.message));
    }
    *noted = notices.last().cloned();
}

/// Whether nothing more is expected of any task.
fn is_over(state: &State) -> bool {
    !state.tasks.is_empty() && state.tasks.iter().all(|task| task.status.is_over())
}

#[cfg(test)]
mod tests;
