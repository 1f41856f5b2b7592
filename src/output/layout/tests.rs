use proptest::prelude::*;

use super::*;
use crate::fact::Provenance;
use crate::model::agent::AgentPhase;
use crate::model::state::{CriterionState, CriterionStatus, CurrentStory, StoryStatus, TaskState, TaskStatus, TerminalLine};
use crate::output::{sample, text};
use crate::text::CleanText;

const URL: &str = "http://127.0.0.1:7333";

fn draw_state(state: &State, connection: &Connection, canvas: Canvas) -> Vec<String> {
    let scene = Scene { now: state.server_time, zone: &TimeZone::UTC, url: Some(URL), connection };
    lines(state, &scene, &canvas).iter().map(PictureLine::text).collect()
}

fn draw(tasks: Vec<TaskState>, canvas: Canvas) -> Vec<String> {
    draw_state(&sample::state(tasks), &Connection::Local, canvas)
}

const CANVAS: Canvas = Canvas { columns: 80, rows: 24, charset: Charset::Unicode, color: false };

/// One snapshot: the state on each canvas. Blanks at the end of a line are made visible.
fn check_state(name: &str, state: &State, connection: &Connection, canvases: impl IntoIterator<Item = Canvas>) {
    let mut text = String::new();
    for canvas in canvases {
        text.push_str(&format!("{} × {}\n", canvas.columns, canvas.rows));
        for line in draw_state(state, connection, canvas) {
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

fn check(name: &str, tasks: Vec<TaskState>, canvases: impl IntoIterator<Item = Canvas>) {
    check_state(name, &sample::state(tasks), &Connection::Local, canvases);
}

fn widths() -> [Canvas; 4] {
    [120, 80, 60, 40].map(|columns| Canvas { columns, ..CANVAS })
}

/// A sample that every screen is made from.
fn fixture(name: &str) -> State {
    let path = format!("{}/fixtures/state/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_status_at_every_width() {
    for name in [
        "waiting",
        "planned",
        "running",
        "quiet",
        "needs_you",
        "ended",
        "failed",
        "passed",
        "reopened",
        "blocked",
        "no_plan",
        "two_tasks",
        "agents",
    ] {
        check_state(name, &fixture(name), &Connection::Local, widths());
    }
    check("nothing", vec![], widths());
}

#[test]
fn a_session_that_ended_is_not_counted_among_the_others() {
    let mut state = fixture("agents");
    let agents = &mut state.tasks[0].agents;
    agents[0].tests = None;
    agents.truncate(2);
    let row = |state: &State| draw_state(state, &Connection::Local, CANVAS).into_iter().find(|line| line.contains("Agent: ")).unwrap();
    state.tasks[0].agents[1].phase = AgentPhase::Thinking;
    assert!(row(&state).contains("+1 more"), "{}", row(&state));
    state.tasks[0].agents[1].phase = AgentPhase::Ended;
    assert!(!row(&state).contains("more"), "{}", row(&state));
}

#[test]
fn foreign_text_and_other_signs() {
    check("foreign", vec![sample::foreign()], widths());
    check("foreign-ascii", vec![sample::foreign()], widths().map(|canvas| Canvas { charset: Charset::Ascii, ..canvas }));
    check("foreign-emoji", vec![sample::foreign()], widths().map(|canvas| Canvas { charset: Charset::Emoji, ..canvas }));
    check_state(
        "running-ascii",
        &fixture("running"),
        &Connection::Local,
        widths().map(|canvas| Canvas { charset: Charset::Ascii, ..canvas }),
    );
}

/// The sketch that the box was asked for with, from its data. Each of its rows begins a row of the box; what the box knows besides stands
/// at the right end. Its bar counted nine cells for five of eight; ours counts seven.
#[test]
fn the_first_sketch_row_by_row() {
    let sketch = "\
╔══════════════════════════════════════════════════════════════╗
║ Task: User Authentication
║ Progress: [███████░░░░░] 5/8 stories
╠══════════════════════════════════════════════════════════════╣
║
║ Current Story: US-003 - Implement login endpoint
║ Time: 2m 34s elapsed | ~3m remaining
║
║ Acceptance Criteria:
║   ✅ Create POST /api/auth/login endpoint
║   ✅ Validate email format
║   ✅ Hash password with bcrypt
║   ⏳ Generate JWT token
║   ○ Return user profile with token
║
╚══════════════════════════════════════════════════════════════╝";
    let mut task = sample::running();
    task.started_at = Some(sample::ago(154));
    task.remaining = sample::range(120, 180, 300, 5);
    (task.last_activity_at, task.last_activity_path) = (None, None);
    let story = &mut task.stories[5];
    (story.story_id, story.started_at) = (Some("US-003".into()), None);
    story.criteria.iter_mut().for_each(|criterion| criterion.duration_ms = None);
    let canvas = Canvas { columns: 64, charset: Charset::Emoji, ..CANVAS };
    let scene = Scene { now: sample::NOW, zone: &TimeZone::UTC, url: None, connection: &Connection::Local };
    let drawn: Vec<String> = lines(&sample::state(vec![task]), &scene, &canvas).iter().map(PictureLine::text).collect();
    assert_eq!(drawn.len(), sketch.lines().count(), "{}", drawn.join("\n"));
    // The bar of the box is as long as there is room for.
    let without_bar = |row: &str| match (row.find('['), row.find(']')) {
        (Some(from), Some(to)) => format!("{}{}", &row[..=from], &row[to..]),
        _ => row.to_owned(),
    };
    for (row, expected) in drawn.iter().zip(sketch.lines()) {
        assert!(without_bar(row).starts_with(&without_bar(expected)), "{row} is not {expected}");
        assert_eq!(text::width(row), 64, "{row}");
    }
    insta::assert_snapshot!("first-sketch", drawn.join("\n"));
}

#[test]
fn several_tasks() {
    let named = |name: &str, task: TaskState| TaskState { task_name: name.into(), ..task };
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
fn the_first_task_needs_somebody_most() {
    let mut state = fixture("two_tasks");
    let needing = fixture("needs_you").tasks.remove(0);
    state.tasks.push(TaskState { task_name: "needing".into(), ..needing });
    state.tasks.push(TaskState { task_name: "resting".into(), listed: false, ..sample::quiet() });
    let order: Vec<&str> = tasks::ordered(&state.tasks).iter().map(|task| task.task_name.as_str()).collect();
    assert_eq!(order[0], "needing");
    assert!(!order.contains(&"resting"), "{order:?}");
}

#[test]
fn another_bridge() {
    let state = sample::state(vec![sample::running()]);
    let cut_off = Connection::CutOff {
        as_of: sample::ago(48),
        attempt: 4,
        retry_at: crate::clock::Timestamp(sample::NOW.0 + 7_200),
        reason: "connection refused".to_owned(),
    };
    check_state("cut-off", &state, &cut_off, widths());
    check_state("cut-off-passed", &sample::state(vec![sample::passed()]), &cut_off, [CANVAS]);
    check_state("polling", &state, &Connection::Polling, [CANVAS]);
    let connecting = Connection::Connecting { reason: "connection refused; trying again".to_owned() };
    check_state("connecting", &sample::state(vec![]), &connecting, [CANVAS]);
}

#[test]
fn a_low_window_leaves_out_the_least() {
    let mut task = sample::running();
    task.stories[5].criteria.extend((0..9).map(|n| sample::criterion(&format!("Another thing to do, number {n}"), None)));
    (task.stories[5].criteria_count, task.stories[5].percent) = (14, Some(21));
    check("low", vec![task.clone()], [26, 20, 16, 12, 9, 7, 5, 4, 2, 1].map(|rows| Canvas { rows, ..CANVAS }));
    check("low-wide", vec![task], [30, 18, 12, 8].map(|rows| Canvas { rows, columns: 120, ..CANVAS }));
    check_state("low-passed", &fixture("passed"), &Connection::Local, [24, 16, 10].map(|rows| Canvas { rows, ..CANVAS }));
    check("tiny", vec![sample::running()], [29, 12, 3].map(|columns| Canvas { columns, ..CANVAS }));
}

#[test]
fn a_running_story_in_trouble() {
    let mut task = sample::running();
    task.stories[5].attempt_count = 2;
    task.stories[5].last_error = Some(Box::new(sample::error()));
    task.stories[5].criteria[0].provenance = Some(Provenance::Inferred);
    task.remaining = sample::longer_than_usual();
    task.terminal_line = Some(TerminalLine { text: "Running cargo test".into(), at: sample::ago(9), path: "run.log".into() });
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
fn segments_stand_at_their_columns() {
    for line in lines(
        &sample::state(vec![sample::foreign()]),
        &Scene { now: sample::NOW, zone: &TimeZone::UTC, url: None, connection: &Connection::Local },
        &Canvas { columns: 120, ..CANVAS },
    ) {
        let mut column = 0;
        for segment in &line.segments {
            assert_eq!(segment.column, column, "{line:?}");
            column += text::width(&segment.text);
        }
        assert_eq!(column, 120, "{line:?}");
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
            status, task_name: name.into(), terminal_line: activity.map(|text| TerminalLine { text: text.into(), at: sample::NOW, path: "run.log".into() }), stories_passed: passed, story_count: count, stories_failed: failed,
            current_story: story.map_or(CurrentStory::None, |index| CurrentStory::Known { index, provenance: Provenance::Explicit }),
            started_at: started.map(|at| crate::clock::Timestamp(at / 2)), last_activity_at: active.map(|at| crate::clock::Timestamp(at / 2)), ..base
        };
        let story = &mut task.stories[5];
        (story.title, story.story_id, story.status) = (Some((&title).into()), id.map(CleanText::from), StoryStatus::InProgress);
        story.criteria = criteria.into_iter()
            .map(|(text, done, duration_ms)| CriterionState {
                text: text.into(),
                status: if done { CriterionStatus::Done } else { CriterionStatus::Open },
                provenance: done.then_some(Provenance::Inferred),
                duration_ms,
            })
            .collect();
        if let Some(error) = &mut task.last_error {
            error.error_message = title.into();
        }
        task
    }
}

proptest! {
    #![proptest_config(crate::property::config(256))]
    #[test]
    fn any_state_fits_any_canvas(
        tasks in proptest::collection::vec(any_task(), 0..5),
        columns in 0..=160_usize,
        rows in 0..40_usize,
        charset in prop_oneof![Just(Charset::Unicode), Just(Charset::Emoji), Just(Charset::Ascii)],
    ) {
        let picture = draw(tasks, Canvas { columns, rows, charset, color: false });
        prop_assert!(picture.len() <= rows.saturating_sub(1));
        for line in &picture {
            prop_assert_eq!(text::width(line), columns, "{:?}", line);
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
            prop_assert!(charset != Charset::Ascii || line.is_ascii(), "{:?}", line);
        }
    }
}
