//! `--stream`: draws the live box in place on a terminal.
//!
//! `layout` makes the lines; this module decides when they are drawn, and restores the terminal at the end. indicatif moves the cursor
//! and keeps the picture within the height of the screen. Its one bar has the whole picture as message, so that a frame is one change.
//! Its own rates and times are not used: they were made for bytes and are wrong for stories of many minutes.

mod frame;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle, TermLike};
use jiff::tz::TimeZone;
use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior};

use crate::clock::Timestamp;
use crate::error::Notice;
use crate::hub::Hub;
use crate::model::state::{Headline, State};

use super::layout::{self, Canvas, Scene};
use super::style::TerminalStyle;

use self::frame::Frame;

/// Ten frames a second at most.
const FRAME: Duration = Duration::from_millis(100);
/// The clock on the screen.
const TICK: Duration = Duration::from_secs(1);

/// The box on a terminal. Hides the cursor while it lives and gives it back when it goes, on a panic too.
#[derive(Debug)]
pub struct LiveBox {
    frame: Frame,
    bar: ProgressBar,
    style: TerminalStyle,
    zone: TimeZone,
    url: Option<String>,
    shown: Vec<String>,
    /// Columns and rows of the terminal when `shown` was drawn.
    size: (u16, u16),
    /// Whether `shown` is the end of every run in it.
    over: bool,
    taskbar: Option<Taskbar>,
}

/// The progress that OSC 9;4 reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taskbar {
    Share(u8),
    Failed(u8),
    Quiet(u8),
    /// A run of unknown length.
    Unknown,
}

impl LiveBox {
    /// On stderr.
    pub fn stderr(style: TerminalStyle, zone: TimeZone, url: Option<String>) -> LiveBox {
        LiveBox::new(Arc::new(console::Term::stderr()), style, zone, url)
    }

    fn new(terminal: Arc<dyn TermLike>, style: TerminalStyle, zone: TimeZone, url: Option<String>) -> LiveBox {
        let size = (terminal.width(), terminal.height());
        let frame = Frame::new(terminal);
        let bar = ProgressBar::with_draw_target(None, frame.target());
        bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is a constant"));
        frame.hide_cursor();
        LiveBox { frame, bar, style, zone, url, shown: Vec::new(), size, over: false, taskbar: None }
    }

    /// Shows `state` as of `now`; writes nothing when the picture is the same.
    pub fn draw(&mut self, state: &State, now: Timestamp) {
        let size = self.frame.size();
        let over = is_over(state);
        if self.over && !over {
            // A new run begins: the summary of the old one stays above.
            self.leave();
        } else if size != self.size {
            self.frame.erase(&self.shown);
            self.restart();
        }
        (self.size, self.over) = (size, over);
        let canvas = Canvas { columns: size.0.into(), rows: size.1.into(), charset: self.style.charset, color: self.style.color };
        let lines = layout::lines(state, &Scene { now, zone: &self.zone, url: self.url.as_deref() }, &canvas);
        if lines != self.shown {
            self.shown = lines;
            self.repaint();
        }
        self.show_taskbar(Taskbar::of(state));
    }

    /// Puts `line` above the box; for notices, which would tear it if they were just written to stderr.
    pub fn note(&mut self, line: &str) {
        let line = super::text::clean(line, self.style.charset);
        self.frame.erase(&self.shown);
        self.frame.print(&line);
        self.restart();
        self.repaint();
    }

    /// The last picture, which stays in the scrollback; then the terminal is as it was.
    pub fn finish(mut self, state: &State, now: Timestamp) {
        self.draw(state, now);
        self.repaint();
        // `drop` restores the terminal, because that must happen on every way out.
    }

    /// Ctrl-Z: the shell gets its cursor, the process stops, and the next picture begins below whatever was typed meanwhile.
    fn suspend(&mut self) -> io::Result<()> {
        self.repaint();
        self.leave();
        self.frame.show_cursor();
        kill_process(getpid(), Signal::STOP)?;
        self.frame.hide_cursor();
        Ok(())
    }

    /// Also mends what others wrote into the picture, such as the echo of a key.
    fn repaint(&self) {
        self.bar.set_message(self.frame.message(&self.shown));
    }

    /// Lets go of what is drawn: the next picture begins below it.
    fn leave(&mut self) {
        if !self.shown.is_empty() {
            self.frame.new_line();
            self.shown.clear();
        }
        self.restart();
    }

    /// indicatif forgets how many lines it has drawn.
    fn restart(&mut self) {
        self.bar.set_draw_target(self.frame.target());
        self.frame.forget();
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
        if !self.shown.is_empty() {
            self.frame.new_line();
        }
        self.frame.show_cursor();
        // A bar that is dropped unfinished draws once more, which would put the picture there twice.
        self.bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
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
            (1, percent) => Some(Taskbar::Quiet(percent.unwrap_or(0))),
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
            Some(Taskbar::Quiet(percent)) => (4, percent),
        };
        format!("\u{1b}]9;4;{state};{percent}\u{1b}\\")
    }
}

/// Draws until the hub closes: every newer snapshot, the clock once a second, and at once when the window changes its size. Notices go above
/// the box. The last snapshot stays on the screen.
pub async fn run(mut screen: LiveBox, hub: &Hub) -> io::Result<()> {
    let Some(mut shown) = hub.snapshot_after(0).await else { return Ok(()) };
    let mut noted = None;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut resized = signal(SignalKind::window_change())?;
    let mut suspended = signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?;
    loop {
        note_new(&mut screen, &shown.state.notices, &mut noted);
        screen.draw(&shown.state, Timestamp::now());
        let free = Instant::now() + FRAME;
        let mut newer = std::pin::pin!(hub.snapshot_after(shown.version));
        let news = loop {
            tokio::select! {
                news = &mut newer => break news,
                _ = tick.tick() => screen.draw(&shown.state, Timestamp::now()),
                _ = resized.recv() => screen.draw(&shown.state, Timestamp::now()),
                _ = suspended.recv() => {
                    screen.suspend()?;
                    screen.draw(&shown.state, Timestamp::now());
                }
            }
        };
        let Some(news) = news else { break };
        shown = news;
        // Whatever comes meanwhile is in the next snapshot.
        tokio::time::sleep_until(free).await;
    }
    screen.finish(&shown.state, Timestamp::now());
    Ok(())
}

/// Puts the notices after the last one noted above the box.
fn note_new(screen: &mut LiveBox, notices: &[Notice], noted: &mut Option<Notice>) {
    let known = noted.as_ref().and_then(|last| notices.iter().rposition(|notice| notice == last)).map_or(0, |place| place + 1);
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
