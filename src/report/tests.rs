//! Every form on one run with a failure and a retry, and on one whose texts would like to be more than text.

use serde_json::Value;

use super::*;
use crate::clock::Timestamp;
use crate::event::{
    AcCompleted, EndStatus, ErrorOccurred, EventData, EventId, EventSource, Seq, StoryCompleted, StoryStarted, TaskStarted, TimestampSource,
};
use crate::fact::{CountedKind, ErrorKind, Provenance};
use crate::model::state::{AttemptResult, AttemptState, ErrorState, StoryState, StoryStatus, TaskState, TaskStatus};
use crate::output::sample;
use crate::text::CleanText;

const START: i64 = 1_769_260_000_000;

fn minute(minute: i64) -> Timestamp {
    Timestamp(START + minute * 60_000)
}

fn attempt(n: u32, from: i64, to: i64, result: AttemptResult, reason: Option<&str>) -> AttemptState {
    AttemptState {
        n,
        started_at: Some(minute(from)),
        ended_at: Some(minute(to)),
        result,
        reason: reason.map(CleanText::from),
        path: Some("progress.txt".into()),
        line: Some(u32::try_from(to).unwrap_or(1)),
        precision: None,
        provenance: Provenance::Explicit,
    }
}

fn error(message: &str) -> ErrorState {
    ErrorState { error_message: message.into(), story_id: Some("US-002".into()), at: minute(20), ..sample::error() }
}

/// Three stories: passed, failed and then passed, failed.
fn failed_run(title: &str, message: &str) -> ReportData {
    let mut stories = vec![
        sample::story("US-001", "Show the list", StoryStatus::Passed, 10),
        sample::story("US-002", title, StoryStatus::Passed, 15),
        sample::story("US-003", "Pay by card", StoryStatus::Failed, 5),
        sample::story("US-004", "Send the receipt", StoryStatus::Open, 0),
    ];
    stories[0].attempts = vec![attempt(1, 0, 10, AttemptResult::Passed, None)];
    stories[1].attempts =
        vec![attempt(1, 10, 20, AttemptResult::Failed, Some("tests red")), attempt(2, 22, 27, AttemptResult::Passed, None)];
    stories[1].attempt_count = 2;
    stories[1].last_error = Some(Box::new(error(message)));
    stories[1].criteria = vec![sample::criterion("The count rises", Some(1000)), sample::criterion("Twice the same is one row", Some(0))];
    (stories[1].criteria_count, stories[1].criteria_done) = (2, 2);
    stories[2].attempts = vec![attempt(1, 25, 30, AttemptResult::Failed, Some("declined cards are not kept"))];
    stories[2].status_reason = Some("declined cards are not kept".into());
    stories[2].criteria = vec![sample::criterion("A declined card keeps the basket", None)];
    stories[2].criteria_count = 1;
    let task = TaskState {
        task_id: "shop".into(),
        task_name: "Corner Shop".into(),
        run: "feature/checkout".into(),
        status: TaskStatus::Failed,
        end_reason: Some("progress.txt:30 says that the run failed".into()),
        started_at: Some(minute(0)),
        finished_at: Some(minute(30)),
        story_count: Some(4),
        stories_passed: 2,
        stories_failed: 1,
        percent: Some(50),
        errors: 1,
        retries: 1,
        last_error: Some(error(message)),
        current_story: crate::model::state::CurrentStory::None,
        stories,
        ..sample::failed()
    };
    let mut state = sample::state(vec![task]);
    state.server_time = minute(40);
    ReportData { state, events: events(title, message), is_complete: true, observed_times: false, zone: TimeZone::UTC }
}

fn events(title: &str, message: &str) -> Vec<Event> {
    let started =
        |id: &str, attempt| EventData::StoryStarted(StoryStarted { story_id: Some(id.into()), attempt, ..StoryStarted::default() });
    let ended = |id: &str, status, attempt| {
        let reason = (status == EndStatus::Failed).then(|| "tests red".into());
        EventData::StoryCompleted(StoryCompleted { reason, ..sample::story_ended(id, status, attempt) })
    };
    let data = [
        (0, EventData::TaskStarted(TaskStarted { task_id: "shop".into(), task_name: "Corner Shop".into(), ..TaskStarted::default() })),
        (0, started("US-001", 1)),
        (10, ended("US-001", EndStatus::Passed, 1)),
        (
            10,
            EventData::StoryStarted(StoryStarted {
                story_id: Some("US-002".into()),
                title: Some(title.into()),
                attempt: 1,
                ..StoryStarted::default()
            }),
        ),
        (15, EventData::AcCompleted(AcCompleted { story_id: Some("US-002".into()), ac_index: 0, ..AcCompleted::default() })),
        (
            20,
            EventData::ErrorOccurred(ErrorOccurred {
                story_id: Some("US-002".into()),
                error_type: ErrorKind::Timeout,
                error_message: message.into(),
                retryable: None,
                exit_code: None,
            }),
        ),
        (20, ended("US-002", EndStatus::Failed, 1)),
        (22, started("US-002", 2)),
        (27, ended("US-002", EndStatus::Passed, 2)),
        (25, started("US-003", 1)),
        (30, ended("US-003", EndStatus::Failed, 1)),
    ];
    let event = |(index, (at, data)): (u32, (i64, EventData))| Event {
        id: EventId::new("shop", "feature/checkout", CountedKind::StoryStarted, "", index),
        seq: Seq(u64::from(index) + 1),
        timestamp: minute(at),
        timestamp_source: TimestampSource::Record,
        timestamp_precision: None,
        late: false,
        origin: None,
        task_id: "shop".into(),
        run: "feature/checkout".into(),
        provenance: Provenance::Explicit,
        source: EventSource { path: "progress.txt".into(), line: Some(index + 1), text: Some(message.into()) },
        data,
    };
    (0..).zip(data).map(event).collect()
}

const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)> | `a` [b](javascript:c) @everyone ]]> \" ' & -->";

#[test]
fn markdown_fits_a_pull_request() {
    let text = render(ReportFormat::Markdown, &failed_run("Fill the basket", "no answer in 30 s"));
    assert!(text.lines().count() <= 40, "{text}");
    insta::assert_snapshot!("markdown", text);
}

#[test]
fn a_story_is_a_test_case() {
    insta::assert_snapshot!("junit", render(ReportFormat::Junit, &failed_run("Fill the basket", "no answer in 30 s")));
}

/// A runner that gave up has failed, whatever its stories are.
#[test]
fn a_run_that_failed_without_a_failed_story_is_a_failed_test_case() {
    let mut data = failed_run("Fill the basket", "no answer in 30 s");
    for story in data.state.tasks[0].stories.iter_mut().filter(|story| story.status == StoryStatus::Failed) {
        story.status = StoryStatus::Open;
    }
    let junit = render(ReportFormat::Junit, &data);
    assert!(junit.contains("<testsuites name=\"progress-bridge\" tests=\"5\" failures=\"1\""), "{junit}");
    assert!(junit.contains("<testcase name=\"the run\" classname=\"Corner Shop\""), "{junit}");
    assert!(junit.contains("<failure message=\"progress.txt:30 says that the run failed\""), "{junit}");
}

/// Of one track, any two slices lie apart or one within the other.
#[test]
fn slices_of_a_track_nest() {
    let text = render(ReportFormat::ChromeTrace, &failed_run("Fill the basket", "no answer in 30 s"));
    let trace: Value = serde_json::from_str(&text).expect("it is JSON");
    let slices: Vec<(&Value, i64, i64)> = trace["traceEvents"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|event| event["ph"] == "X")
        .map(|event| (&event["tid"], event["ts"].as_i64().expect("a time"), event["dur"].as_i64().expect("a duration")))
        .map(|(track, at, duration)| (track, at, at + duration))
        .collect();
    // The run, three stories, four attempts.
    assert_eq!(slices.len(), 8, "{text}");
    for (index, (track, from, to)) in slices.iter().enumerate() {
        for (other_track, other_from, other_to) in &slices[index + 1..] {
            let apart = to <= other_from || other_to <= from;
            let nested = (from <= other_from && other_to <= to) || (other_from <= from && to <= other_to);
            assert!(track != other_track || apart || nested, "{text}");
        }
    }
    // US-003 began while US-002 went on: it has a track of its own.
    assert_eq!(slices.iter().map(|(track, _, _)| track.as_i64()).max(), Some(Some(2)));
}

#[test]
fn json_has_the_state_and_the_events() {
    let json: Value = serde_json::from_str(&render(ReportFormat::Json, &failed_run("a", "b"))).expect("it is JSON");
    assert_eq!(json["state"]["tasks"][0]["task_name"], "Corner Shop");
    assert_eq!(json["events"].as_array().map(Vec::len), Some(11));
    assert_eq!(json["complete"], true);
}

#[test]
fn text_of_a_log_is_no_markup_of_any_form() {
    let data = failed_run(HOSTILE, HOSTILE);
    let html = render(ReportFormat::Html, &data);
    assert_eq!(html.matches("<script").count(), 2 + html.matches("`<script type").count(), "one for the data, one for the page");
    assert!(!html.contains("<img"), "it became an element");
    let embedded = html.split_once("id=\"data\">").and_then(|(_, data)| data.split_once("</script>")).expect("the data").0;
    let json: Value = serde_json::from_str(embedded).expect("it is still JSON");
    assert_eq!(json["tasks"][0]["beginning"]["stories"][1]["title"], HOSTILE);
    let markdown = render(ReportFormat::Markdown, &data);
    let is_table = |line: &&str| line.starts_with('|');
    for line in markdown.lines().filter(is_table) {
        assert_eq!(line.replace("\\|", "").matches('|').count(), 6, "a cell of its own: {line}");
    }
    assert!(
        !markdown.contains("<img") && !markdown.contains("<script") && !markdown.contains("@everyone") && !markdown.contains("](java"),
        "{markdown}"
    );
    let junit = render(ReportFormat::Junit, &data);
    assert!(!junit.contains("<img") && !junit.contains("<script") && !junit.contains("]]>"), "{junit}");
}

#[test]
fn a_replay_leads_through_the_run_to_what_the_state_shows() {
    let data = failed_run("Fill the basket", "no answer in 30 s");
    let task = &data.state.tasks[0];
    let replay = replay::replay(task, &data.events, 1, false);
    let statuses = |value: &Value| -> Vec<String> {
        value["stories"].as_array().expect("stories").iter().map(|story| story["status"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(statuses(&replay.beginning), ["open"; 4]);
    assert_eq!(replay.beginning["stories_passed"], 0);
    let mut shown = replay.beginning.clone();
    let mut course = Vec::new();
    for step in &replay.steps {
        patch::apply(&mut shown, &step.patch);
        course.push(format!("{} {}", statuses(&shown).join(" "), shown["stories_passed"]));
    }
    assert_eq!(shown, replay::to_value(task));
    insta::assert_snapshot!("replay", course.join("\n"));
}

#[test]
fn a_page_of_a_long_run_stays_small_and_names_its_omissions() {
    let mut data = failed_run("Fill the basket", "no answer in 30 s");
    let template = data.state.tasks[0].stories[1].clone();
    let more = (0..300).map(|n| StoryState {
        story_id: Some(format!("L-{n:03}").into()),
        title: Some("A story of many words ".repeat(4).into()),
        ..template.clone()
    });
    data.state.tasks[0].stories.extend(more);
    let round = data.events.clone();
    for _ in 0..40 {
        data.events.extend(round.iter().cloned());
    }
    let html = render(ReportFormat::Html, &data);
    assert!(html.len() < 500_000, "{} bytes", html.len());
    assert!(html.len() > 200_000, "more was left out than needed: {} bytes", html.len());
    assert!(html.contains("To keep this file small: the replay takes"), "{}", &html[html.find("class=\"made\"").unwrap_or(0)..][..400]);
}

#[test]
fn a_page_of_nothing_is_a_page() {
    let data =
        ReportData { state: sample::state(Vec::new()), events: Vec::new(), is_complete: true, observed_times: false, zone: TimeZone::UTC };
    for (name, format) in ReportFormat::ALL {
        assert!(!render(format, &data).is_empty(), "{name}");
    }
}

#[test]
fn the_form_follows_the_name_of_the_file() {
    for (name, format) in [
        ("a.html", ReportFormat::Html),
        ("a.md", ReportFormat::Markdown),
        ("a.json", ReportFormat::Json),
        ("junit.xml", ReportFormat::Junit),
        ("report", ReportFormat::Html),
    ] {
        assert_eq!(ReportFormat::of_file(Path::new(name)), format, "{name}");
    }
}

/// Every module that is imported is part of the script, before those that import it.
#[test]
fn the_script_has_every_module_before_its_use() {
    let script = html::script();
    for (at, _) in script.match_indices("= modules[\"") {
        let name = script[at + 11..].split('"').next().unwrap_or_default();
        let defined = script.find(&format!("\nmodules[\"{name}\"] = ")).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(defined < at, "{name} comes too late");
    }
    for (at, _) in script.match_indices("const { ") {
        let Some((names, module)) = script[at + 8..].split_once(" } = modules[\"").filter(|(names, _)| !names.contains(';')) else {
            continue;
        };
        let module = module.split('"').next().unwrap_or_default();
        let body = script.split_once(&format!("\nmodules[\"{module}\"] = ")).expect("it is there").1;
        let exports = body.split("\n})();").next().and_then(|body| body.rsplit_once("return {")).expect("a list of exports").1;
        for name in names.split(',').filter_map(|name| name.trim().split(':').next()).filter(|name| !name.is_empty()) {
            let is_exported = exports.split([',', ' ', '}', ':']).any(|export| export == name);
            assert!(is_exported, "{module} exports no {name}");
        }
    }
    assert!(!script.contains("\nimport ") && !script.contains("\nexport "), "an import is left");
}

#[test]
fn joined_steps_lead_to_the_same_end() {
    let data = failed_run("Fill the basket", "no answer in 30 s");
    let mut replay = replay::replay(&data.state.tasks[0], &data.events, 1, false);
    let before = replay.steps.len();
    replay.join_pairs();
    assert_eq!(replay.steps.len(), before.div_ceil(2) + usize::from(before.is_multiple_of(2)));
    let mut shown = replay.beginning.clone();
    replay.steps.iter().for_each(|step| patch::apply(&mut shown, &step.patch));
    assert_eq!(shown, replay::to_value(&data.state.tasks[0]));
}
