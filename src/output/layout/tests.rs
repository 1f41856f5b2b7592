use proptest::prelude::*;

use super::*;
use crate::fact::Provenance;
use crate::model::state::{CriterionState, CriterionStatus, CurrentStory, StoryStatus, TaskState, TaskStatus, TerminalLine};
use crate::output::{sample, text};

fn draw(tasks: Vec<TaskState>, canvas: Canvas) -> Vec<String> {
    let scene = Scene { now: sample::NOW, zone: &TimeZone::UTC, url: Some("http://127.0.0.1:7333") };
    lines(&sample::state(tasks), &scene, &canvas)
}

const CANVAS: Canvas = Canvas { columns: 80, rows: 24, charset: Charset::Unicode, color: false };

/// One snapshot: the tasks on each canvas. Blanks at the end of a line are made visible.
fn check(name: &str, tasks: Vec<TaskState>, canvases: impl IntoIterator<Item = Canvas>) {
    let mut text = String::new();
    for canvas in canvases {
        text.push_str(&format!("{} × {}\n", canvas.columns, canvas.rows));
        for line in draw(tasks.clone(), canvas) {
            assert_eq!(text::width(&line), canvas.columns, "{line}");
            let trimmed = line.trim_end();
            text.push_str(trimmed);
            text.push_str(&"·".repeat(line.len() - trimmed.len()));
            text.push('\n');
        }
        text.push('\n');
    }
    insta::assert_snapshot!(name, text);
}

fn widths() -> [Canvas; 3] {
    [80, 60, 40].map(|columns| Canvas { columns, ..CANVAS })
}

#[test]
fn every_status_at_every_width() {
    check("running", vec![sample::running()], widths());
    check("waiting", vec![sample::waiting()], widths());
    check("quiet", vec![sample::quiet()], widths());
    check("failed", vec![sample::failed()], widths());
    check("passed", vec![sample::passed()], widths());
    check("foreign", vec![sample::foreign()], widths());
    let ascii = |canvas| Canvas { charset: Charset::Ascii, ..canvas };
    check("ascii", vec![sample::foreign()], widths().map(ascii));
    check("nothing", vec![], widths());
}

#[test]
fn several_tasks() {
    let named = |name: &str, task: TaskState| TaskState { task_name: name.to_owned(), ..task };
    let tasks = vec![
        named("web", sample::running()),
        named("api", sample::quiet()),
        named("docs", sample::passed()),
        named("infrastructure", sample::failed()),
        named("mobile", sample::waiting()),
    ];
    check("several", tasks.clone(), widths());
    let many: Vec<_> = (0..40).map(|n| named(&format!("task {n}"), tasks[n % tasks.len()].clone())).collect();
    check("many", many, widths());
}

#[test]
fn a_low_window_leaves_out_the_least() {
    let mut task = sample::running();
    task.stories[5].criteria.extend((0..9).map(|n| sample::criterion(&format!("Another thing to do, number {n}"), None)));
    task.stories[5].criteria_count = 14;
    check("low", vec![task], [26, 20, 16, 12, 9, 7, 5, 4, 2, 1].map(|rows| Canvas { rows, ..CANVAS }));
    check("tiny", vec![sample::running()], [29, 12, 3].map(|columns| Canvas { columns, ..CANVAS }));
}

#[test]
fn a_running_story_in_trouble() {
    let mut task = sample::running();
    task.stories[5].attempt_count = 2;
    task.stories[5].last_error = Some(sample::error());
    task.remaining = sample::longer_than_usual();
    task.terminal_line = Some(line("Running cargo test"));
    (task.iteration, task.max_iterations) = (Some(3), Some(50));
    task.story_count = None;
    task.percent = None;
    check("trouble", vec![task], widths());
}

#[test]
fn colour_changes_no_text() {
    for task in [sample::running(), sample::failed(), sample::foreign()] {
        let plain = draw(vec![task.clone()], CANVAS);
        let color = draw(vec![task], Canvas { color: true, ..CANVAS });
        assert!(color.concat().contains("\u{1b}["));
        let stripped: Vec<_> = color.iter().map(|line| console::strip_ansi_codes(line).into_owned()).collect();
        // What a log smuggled in looks like a colour only to a reader that ignores the missing escape character.
        assert_eq!(stripped, plain);
    }
}

#[test]
fn a_bar_is_full_only_at_the_end() {
    let glyphs = Glyphs::of(Charset::Ascii);
    let cases = [(0, 0, "[----]"), (0, 8, "[----]"), (999, 1000, "[###-]"), (8, 8, "[####]"), (9, 8, "[####]")];
    for (done, all, expected) in cases {
        assert_eq!(glyphs.bar(done, all, 4), expected);
    }
}

fn line(text: &str) -> TerminalLine {
    TerminalLine { text: text.to_owned(), at: sample::NOW, path: "run.log".to_owned() }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,90}",
        any::<String>(),
        "[\u{1f468}\u{200d}\u{1f469}\u{1f3fb}\u{fe0f}\u{1f1ef}\u{1f1f5}\u{301}a가ᄀ日\u{202e}\u{1b}\u{200b} \t\n]{0,60}",
    ]
}

prop_compose! {
    fn any_task()(
        base in prop_oneof![Just(sample::running()), Just(sample::waiting()), Just(sample::quiet()), Just(sample::failed()), Just(sample::passed())],
        status in prop_oneof![Just(TaskStatus::Waiting), Just(TaskStatus::Planned), Just(TaskStatus::Running), Just(TaskStatus::Ended), Just(TaskStatus::Passed), Just(TaskStatus::Failed)],
        (name, title, id, activity) in (any_text(), any_text(), proptest::option::of(any_text()), proptest::option::of(any_text())),
        criteria in proptest::collection::vec((any_text(), any::<bool>(), proptest::option::of(any::<u64>())), 0..30),
        (passed, count, failed) in (any::<u32>(), proptest::option::of(any::<u32>()), any::<u32>()),
        story in proptest::option::of(0..12_usize),
        (started, active) in (proptest::option::of(any::<i64>()), proptest::option::of(any::<i64>())),
    ) -> TaskState {
        let mut task = TaskState {
            status, task_name: name, terminal_line: activity.as_deref().map(line), stories_passed: passed, story_count: count, stories_failed: failed,
            current_story: story.map_or(CurrentStory::None, |index| CurrentStory::Known { index, provenance: Provenance::Explicit }),
            started_at: started.map(|at| crate::clock::Timestamp(at / 2)), last_activity_at: active.map(|at| crate::clock::Timestamp(at / 2)), ..base
        };
        let story = &mut task.stories[5];
        (story.title, story.story_id, story.status) = (Some(title.clone()), id, StoryStatus::InProgress);
        story.criteria = criteria.into_iter()
            .map(|(text, done, duration_ms)| CriterionState {
                text,
                status: if done { CriterionStatus::Done } else { CriterionStatus::Open },
                provenance: done.then_some(Provenance::Inferred),
                duration_ms,
            })
            .collect();
        if let Some(error) = &mut task.last_error {
            error.error_message = title;
        }
        task
    }
}

proptest! {
    #[test]
    fn any_state_fits_any_canvas(
        tasks in proptest::collection::vec(any_task(), 0..5),
        columns in 0..140_usize,
        rows in 0..40_usize,
        ascii in any::<bool>(),
    ) {
        let charset = if ascii { Charset::Ascii } else { Charset::Unicode };
        let picture = draw(tasks, Canvas { columns, rows, charset, color: false });
        prop_assert!(picture.len() <= rows.saturating_sub(1));
        for line in &picture {
            prop_assert_eq!(text::width(line), columns, "{:?}", line);
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
            prop_assert!(!ascii || line.is_ascii(), "{:?}", line);
        }
    }
}
