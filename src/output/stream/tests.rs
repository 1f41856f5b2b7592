use std::sync::Mutex;

use indicatif::InMemoryTerm;

use super::*;
use crate::hub::HubSettings;
use crate::model::state::TaskState;
use crate::output::sample;
use crate::output::style::OutputMode;
use crate::output::text::Charset;

const STYLE: TerminalStyle = TerminalStyle { mode: OutputMode::Box, charset: Charset::Unicode, color: true, taskbar: true };

/// A terminal in memory whose window can change, and that remembers what it was sent.
#[derive(Debug)]
struct Window {
    terminal: InMemoryTerm,
    size: Mutex<(u16, u16)>,
    sent: Mutex<Vec<String>>,
}

impl Window {
    fn new(columns: u16, rows: u16) -> Arc<Window> {
        Arc::new(Window { terminal: InMemoryTerm::new(rows, columns), size: Mutex::new((columns, rows)), sent: Mutex::default() })
    }

    fn writes(&self) -> usize {
        self.sent.lock().unwrap().len()
    }

    fn text(&self) -> String {
        self.sent.lock().unwrap().concat()
    }
}

impl TermLike for Window {
    fn width(&self) -> u16 {
        self.size.lock().unwrap().0
    }

    fn height(&self) -> u16 {
        self.size.lock().unwrap().1
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.sent.lock().unwrap().push(text.to_owned());
        self.terminal.write_str(text)
    }

    fn flush(&self) -> io::Result<()> {
        self.terminal.flush()
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        unreachable!("everything is sent as text")
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        unreachable!("everything is sent as text")
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        unreachable!("everything is sent as text")
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        unreachable!("everything is sent as text")
    }

    fn write_line(&self, _: &str) -> io::Result<()> {
        unreachable!("everything is sent as text")
    }

    fn clear_line(&self) -> io::Result<()> {
        unreachable!("everything is sent as text")
    }
}

fn screen(window: &Arc<Window>) -> LiveBox {
    LiveBox::new(Arc::clone(window) as Arc<dyn TermLike>, STYLE, TimeZone::UTC, Some("http://127.0.0.1:7333".to_owned()))
}

fn picture(task: TaskState, now: Timestamp, columns: usize, rows: usize) -> String {
    let canvas = Canvas { columns, rows, charset: Charset::Unicode, color: false };
    let scene = Scene { now, zone: &TimeZone::UTC, url: Some("http://127.0.0.1:7333"), connection: &Connection::Local };
    layout::lines(&sample::state(vec![task]), &scene, &canvas).iter().map(layout::PictureLine::text).collect::<Vec<_>>().join("\n")
}

fn draw(screen: &mut LiveBox, task: TaskState, now: Timestamp) {
    screen.draw(&sample::state(vec![task]), &Uplink::LOCAL, now);
}

#[test]
fn redraws_over_itself_in_one_write_a_frame() {
    let window = Window::new(80, 24);
    window.terminal.write_str("$ progress-bridge --stream\r\n").unwrap();
    let mut screen = screen(&window);
    for seconds in 0..50 {
        let before = window.writes();
        let now = Timestamp(sample::NOW.0 + seconds * 1000);
        draw(&mut screen, sample::running(), now);
        assert_eq!(window.terminal.contents(), picture(sample::running(), now, 80, 24));
        // The first frame also takes the screen, clears it and tells the task bar.
        assert_eq!(window.writes() - before, if seconds == 0 { 4 } else { 1 });
    }
}

#[test]
fn the_same_picture_is_not_written_again() {
    let window = Window::new(80, 24);
    let mut screen = screen(&window);
    draw(&mut screen, sample::running(), sample::NOW);
    let before = window.writes();
    draw(&mut screen, sample::running(), sample::NOW);
    assert_eq!(window.writes(), before);
}

#[test]
fn a_lower_picture_leaves_nothing_behind() {
    let window = Window::new(80, 24);
    let mut screen = screen(&window);
    for task in [sample::running(), sample::failed(), sample::foreign(), sample::waiting(), sample::quiet()] {
        screen.over = false;
        draw(&mut screen, task.clone(), sample::NOW);
        // The terminal in memory takes every character of an emoji for itself, as some real ones do: the border stands all the same.
        let drawn = window.terminal.contents();
        assert_eq!(drawn.lines().count(), picture(task, sample::NOW, 80, 24).lines().count());
        assert!(drawn.lines().all(|line| line.ends_with(['║', '╗', '╣', '╝'])), "{drawn}");
        screen.over = false;
    }
}

#[test]
fn what_others_write_goes_with_the_next_frame() {
    let window = Window::new(80, 20);
    let mut screen = screen(&window);
    for seconds in 0..5 {
        let now = Timestamp(sample::NOW.0 + seconds * 1000);
        draw(&mut screen, sample::running(), now);
        assert_eq!(window.terminal.contents(), picture(sample::running(), now, 80, 20));
        window.terminal.write_str("^Csome key\r\n").unwrap();
    }
}

#[test]
fn another_window_size_is_drawn_anew() {
    let window = Window::new(80, 24);
    let mut screen = screen(&window);
    draw(&mut screen, sample::running(), sample::NOW);
    *window.size.lock().unwrap() = (60, 24);
    // The terminal in memory keeps its 80 columns: what stood there has gone all the same.
    draw(&mut screen, sample::running(), sample::NOW);
    assert_eq!(window.terminal.contents(), picture(sample::running(), sample::NOW, 60, 24));
}

#[test]
fn the_terminal_is_given_back() {
    let window = Window::new(80, 24);
    window.terminal.write_str("$ progress-bridge --stream\r\n").unwrap();
    let mut screen = screen(&window);
    draw(&mut screen, sample::running(), sample::NOW);
    assert!(window.text().contains("\u{1b}]9;4;1;62\u{1b}\\"));
    screen.finish(&sample::state(vec![sample::passed()]), &Uplink::LOCAL, sample::NOW);
    window.terminal.write_str("$").unwrap();
    let expected = format!("$ progress-bridge --stream\n{}\n$", picture(sample::passed(), sample::NOW, 80, 24));
    assert_eq!(window.terminal.contents(), expected);
    let sent = window.text();
    for (on, off) in [("\u{1b}[?1049h", "\u{1b}[?1049l"), ("\u{1b}[?25l", "\u{1b}[?25h"), ("\u{1b}[?7l", "\u{1b}[?7h")] {
        assert_eq!(sent.matches(on).count(), sent.matches(off).count(), "{on:?}");
        assert!(sent.rfind(on) < sent.rfind(off), "{on:?}");
    }
    assert!(sent.contains("\u{1b}]9;4;0;0\u{1b}\\"));
}

#[test]
fn a_panic_gives_the_screen_back() {
    let window = Window::new(80, 24);
    let mut screen = screen(&window);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        draw(&mut screen, sample::running(), sample::NOW);
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(panicked.is_err());
    assert!(window.text().rfind("\u{1b}[?1049l\u{1b}[?25h") > window.text().rfind("\u{1b}[?1049h"));
}

/// A panic of another thread leaves the alternate screen for its message.
#[test]
fn the_next_picture_takes_the_screen_again() {
    let window = Window::new(80, 24);
    let mut screen = screen(&window);
    draw(&mut screen, sample::running(), sample::NOW);
    screen.frame.is_entered().store(false, Ordering::Release);
    window.terminal.write_str("\u{1b}[?1049la thread panicked\r\n").unwrap();
    draw(&mut screen, sample::running(), sample::NOW);
    assert_eq!(window.terminal.contents(), picture(sample::running(), sample::NOW, 80, 24));
    drop(screen);
    assert_eq!(window.terminal.contents(), format!("a thread panicked\n{}", picture(sample::running(), sample::NOW, 80, 24)));
}

#[test]
fn a_new_run_leaves_the_old_summary_on_the_main_screen() {
    let window = Window::new(80, 60);
    let mut screen = screen(&window);
    draw(&mut screen, sample::passed(), sample::NOW);
    draw(&mut screen, sample::running(), sample::NOW);
    assert_eq!(window.terminal.contents(), picture(sample::running(), sample::NOW, 80, 60));
    drop(screen);
    let expected = [sample::passed(), sample::running()].map(|task| picture(task, sample::NOW, 80, 60)).join("\n");
    assert_eq!(window.terminal.contents(), expected);
}

#[test]
fn a_message_stands_above_the_box_and_is_printed_at_the_end() {
    let window = Window::new(80, 24);
    let mut screen = screen(&window);
    screen.messages.push("page: http://127.0.0.1:7333/#code=abc".to_owned());
    screen.printed = 1;
    draw(&mut screen, sample::running(), sample::NOW);
    screen.note("progress.txt: was there,\u{1b}[2J is gone");
    draw(&mut screen, sample::running(), sample::NOW);
    let picture = picture(sample::running(), sample::NOW, 80, 24);
    let above = "page: http://127.0.0.1:7333/#code=abc\nprogress.txt: was there,[2J is gone";
    assert_eq!(window.terminal.contents(), format!("{above}\n{picture}"));
    drop(screen);
    // The first one has been on the main screen before the box.
    assert_eq!(window.terminal.contents(), format!("progress.txt: was there,[2J is gone\n{picture}"));
}

#[test]
fn messages_take_no_row_from_the_box() {
    let picture = picture(sample::running(), sample::NOW, 80, 24);
    let rows = picture.lines().count() as u16;
    for free in 0..=6 {
        let window = Window::new(80, 24);
        *window.size.lock().unwrap() = (80, rows + 1 + free);
        let mut screen = screen(&window);
        (0..9).for_each(|n| screen.note(&format!("message {n}")));
        draw(&mut screen, sample::running(), sample::NOW);
        let contents = window.terminal.contents();
        assert_eq!(contents.lines().count(), usize::from(rows + free.min(4)));
        assert!(contents.ends_with(&picture), "{contents}");
    }
}

#[test]
fn elapsed_time_is_by_the_clock_of_the_other_bridge() {
    let window = Window::new(80, 24);
    let mut screen = screen(&window);
    let behind = Uplink { connection: Connection::Streaming, clock_offset_ms: -3_600_000 };
    screen.draw(&sample::state(vec![sample::running()]), &behind, Timestamp(sample::NOW.0 + 3_600_000));
    assert_eq!(window.terminal.contents(), picture(sample::running(), sample::NOW, 80, 24));
}

#[test]
fn runs_until_the_source_ends() {
    let window = Window::new(80, 24);
    let hub = Hub::new(HubSettings::default());
    hub.set_state(sample::state(vec![sample::running()]));
    let ending = async {
        hub.set_state(sample::state(vec![sample::passed()]));
        hub.close();
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let uplink = watch::Sender::new(Uplink::LOCAL).subscribe();
    let (drawn, ()) = runtime.block_on(async { tokio::join!(run(screen(&window), &hub, uplink), ending) });
    drawn.unwrap();
    assert!(window.terminal.contents().contains("✓ PASSED"));
    assert!(!window.terminal.contents().contains("RUNNING"));
}

#[test]
fn the_taskbar_sums_up() {
    let cases = [
        (vec![], None),
        (vec![sample::waiting()], None),
        (vec![sample::passed()], None),
        (vec![sample::running()], Some(Taskbar::Share(62))),
        (vec![sample::running(), sample::passed()], Some(Taskbar::Share(81))),
        (vec![sample::running(), sample::quiet()], Some(Taskbar::Warning(62))),
        (vec![sample::running(), sample::failed()], Some(Taskbar::Failed(62))),
        (vec![TaskState { story_count: None, ..sample::running() }], Some(Taskbar::Unknown)),
    ];
    for (tasks, expected) in cases {
        assert_eq!(Taskbar::of(&sample::state(tasks)), expected);
    }
}
