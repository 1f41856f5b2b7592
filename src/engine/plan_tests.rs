//! Histories of plans: stories that leave and come back, share a name, or have none; and what a start finds waiting.

use super::tests::{P, PLAN, Scenario, cat, h, plan, s};
use super::*;
use crate::discover::Shape;
use crate::file_change::RereadReason;
use crate::line::TaskId;
use crate::model::agent::AgentLevel;

fn untitled(stories: &[(&str, &str, bool)]) -> String {
    let story = |(id, title, passes): &(&str, &str, bool)| {
        let mut story = serde_json::json!({"title": title, "passes": passes});
        if !id.is_empty() {
            story["id"] = (*id).into();
        }
        story
    };
    serde_json::json!({"branchName": "b", "userStories": stories.iter().map(story).collect::<Vec<_>>()}).to_string()
}

fn history(versions: &[String]) -> Vec<String> {
    let mut scenario = Scenario::new([None, None, Some(&versions[0])]);
    scenario.emitted();
    for version in &versions[1..] {
        scenario.save(PLAN, version, RereadReason::Replaced).wait(1.0);
    }
    scenario.emitted()
}

#[test]
fn a_story_that_leaves_the_plan_and_comes_back_has_not_passed_twice() {
    let all = plan("b", &[("US-1", true), ("US-2", false), ("US-3", false)]);
    let some = plan("b", &[("US-2", false), ("US-3", false)]);
    assert_eq!(history(&[all.clone(), some, all]), [""; 0]);
}

#[test]
fn stories_that_share_an_id_or_a_title_pass_one_by_one() {
    for [id, expected, then] in [["US-1", "US-1", "US-1"], ["", "Same", "Same"]] {
        let version = |first, second| untitled(&[(id, "Same", first), (id, "Same", second), ("X", "Other", false)]);
        let emitted = history(&[version(false, false), version(false, true), version(true, true)]);
        let attempt = |name: &str| [format!("start {name} (b)"), format!("passed {name} (b)")];
        assert_eq!(emitted, [attempt(expected), attempt(then)].concat(), "{id:?}");
    }
}

#[test]
fn a_version_that_was_overwritten_before_it_was_believed_never_counts() {
    let before = plan("b", &[("US-1", true), ("US-2", false)]);
    let reset = plan("b", &[("US-1", false), ("US-2", false)]);
    let mut scenario = Scenario::new([None, None, Some(&before)]);
    scenario.emitted();
    scenario
        .save(PLAN, &reset, RereadReason::Rewritten)
        .save(PLAN, "{}", RereadReason::Rewritten)
        .wait(4.0)
        .save(PLAN, &before, RereadReason::Rewritten)
        .wait(4.0);
    assert_eq!(scenario.emitted(), [""; 0]);
}

#[test]
fn a_task_with_two_plans_goes_by_the_first() {
    let sources = ["prd.json", "feature_list.json"].iter().enumerate().map(|(at, name)| Source {
        id: SourceId(at as u32),
        task: TaskId(0),
        key: crate::discover::SourceKey::new(name.as_ref(), None),
        path: (*name).into(),
        shared_path: None,
        display_path: (*name).into(),
        shape: Shape::Document,
        named: true,
        machine_name: false,
        confinement: crate::discover::Confinement::Anywhere,
    });
    let tasks = vec![FoundTask {
        id: TaskId(0),
        name: "shop".into(),
        title: "shop".into(),
        folder: "shop".into(),
        part: None,
        is_tentative: false,
    }];
    let mut engine = Engine::new(EngineSettings {
        agents: AgentLevel::Off,
        tasks,
        sources: sources.collect(),
        zone: TimeZone::UTC,
        rules: Rules::default(),
        emit_history: true,
        reads_once: false,
        source_text: true,
        redact: true,
        infer: false,
    });
    let at = ClockReading { elapsed: Duration::from_secs(1), wall: Timestamp(1_770_000_000_000) };
    let mut outputs = Vec::new();
    for (source, text) in
        [(1, plan("two", &[("F-1", true)])), (0, plan("one", &[("US-1", true), ("US-2", false)])), (1, plan("three", &[]))]
    {
        engine.feed(Input::Document { source: SourceId(source), at, text });
        if source == 0 {
            outputs.push(engine.tick(at));
            engine.feed(Input::InitialScanDone);
        }
    }
    let later = ClockReading { elapsed: Duration::from_secs(9), ..at };
    outputs.push(engine.tick(later));
    let events = outputs.iter().flat_map(|output| &output.events);
    let emitted: Vec<_> = events.map(|event| (event.data.type_name(), &*event.source.path, &*event.run)).collect();
    assert_eq!(emitted, ["task_started", "story_started", "story_completed"].map(|name| (name, "prd.json", "one")));
    let task = &engine.state(later).tasks[0];
    assert_eq!((task.story_count, task.percent), (Some(2), Some(50)));
    assert_eq!(outputs.iter().map(|output| output.notices.len()).sum::<usize>(), 1, "the other is mentioned once");
}

#[test]
fn a_plan_of_ten_thousand_stories_is_taken() {
    let version = |passed: usize| {
        let names: Vec<String> = (0..10_000).map(|n| format!("US-{n}")).collect();
        plan("b", &names.iter().enumerate().map(|(n, id)| (id.as_str(), n < passed)).collect::<Vec<_>>())
    };
    let (before, after) = (version(9_998), version(9_999));
    assert_eq!(history(&[before, after]), ["start US-9998 (b)", "passed US-9998 (b)"]);
}

#[test]
fn a_criterion_with_a_monstrous_number_costs_nothing() {
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1)])), None, None]);
    scenario.emitted();
    for index in [0u32, 199, 200, 9_999, 4_000_000_000] {
        scenario.append(P, &format!("{{\"type\": \"ac_completed\", \"story_id\": \"US-1\", \"ac_index\": {index}}}\n"));
    }
    assert_eq!(scenario.wait(1.0).emitted(), ["criterion US-1 0 (Started: a)", "criterion US-1 199 (Started: a)"]);
    assert_eq!(scenario.criteria(), 200);
}

#[test]
fn ticks_survive_a_save_of_the_plan() {
    let version = |passes| {
        let story = serde_json::json!({"id": "US-1", "title": "T", "acceptanceCriteria": ["Tests pass", "Tests pass"], "passes": false});
        serde_json::json!({"branchName": "b", "userStories": [story, {"id": "US-2", "passes": passes}]}).to_string()
    };
    let ticks = [1, 9].map(|story| format!("{{\"type\": \"ac_completed\", \"story_id\": \"US-{story}\", \"ac_index\": 0}}\n"));
    let mut scenario = Scenario::new([Some(&cat(&[h("a"), s(1)])), None, Some(&version(false))]);
    scenario.append(P, &ticks.concat()).wait(1.0).save(PLAN, &version(true), RereadReason::Replaced).wait(1.0);
    assert_eq!(
        scenario.ticked(),
        [("US-1".to_owned(), 1), ("US-9".to_owned(), 1)],
        "one of two that read the same, and one outside the plan"
    );
}

#[test]
fn from_the_end_an_entry_that_was_there_is_not_emitted_later() {
    let entry = "## 2026-01-24 10:00 - US-001\n- Added the login\n- Files changed: a.rs\n";
    let mut scenario = Scenario::with([Some(&format!("# Ralph Progress Log\nStarted: a\n---\n\n{entry}")), None, None], false);
    scenario.wait(4.0);
    assert_eq!(scenario.emitted(), [""; 0]);
}

#[test]
fn redraws_of_one_line_in_several_polls_state_it_once() {
    let mut scenario = Scenario::new([Some(&h("a")), None, None]);
    scenario.redraw("[US-1] Starting...").redraw("[US-1] Starting...").redraw("[US-1] Starting...");
    assert_eq!(scenario.emitted(), ["start US-1 (Started: a)"]);
}
