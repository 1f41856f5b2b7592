//! One run of claude-loop as its five files tell it, in whatever order they arrive.

use super::*;

const NAMES: [&str; 5] = ["progress.txt", "prd.json", "execution_log.jsonl", "error.log", "-"];
const RULE: &str = "================================================================================";

/// What each file is given in a step of the run, in the order of [`NAMES`]. A plan is written whole.
type RunStep = [String; 5];

fn flags(first: bool, second: bool) -> String {
    serde_json::json!({"project": "bakery", "branchName": "feature/bakery", "userStories": [
        {"id": "US-001", "title": "Knead the dough", "acceptanceCriteria": ["It is smooth", "It rises"], "passes": first},
        {"id": "US-002", "title": "Heat the oven", "acceptanceCriteria": ["It is hot"], "passes": second},
    ]})
    .to_string()
}

fn record(id: &str, title: &str, partial: &str) -> String {
    format!(
        r#"{{"story_id":"{id}","story_title":"{title}","timestamp_start":"2026-02-02T02:40:00Z","timestamp_end":"2026-02-02T02:40:09Z","duration_ms":9000,{partial}}}"#
    ) + "\n"
}

fn drawing(story: &str, rows: &str) -> String {
    format!("╔═══╗\n║ Current Story: {story}\n║ Time: 2s elapsed\n║ Currently: Running\n║ Acceptance Criteria:\n{rows}╚═══╝\n")
}

fn run() -> [RunStep; 6] {
    let none = String::new;
    let entry =
        |id: &str, partial: &str| format!("### Iteration: 2026-02-02 02:40\n**Story**: {id}\n**Status**: Complete\n{partial}\n---\n");
    [
        [
            "# Progress Log: bakery\n# Created: 2026-02-02T02:39:00Z\n\n## Iteration History\n\n".to_owned(),
            flags(false, false),
            none(),
            none(),
            "   CLAUDE-LOOP - Autonomous Feature Builder\n[INFO] Project: bakery\n[INFO] Stories: 2 incomplete out of 2 total\n".to_owned(),
        ],
        [
            none(),
            flags(false, false),
            none(),
            none(),
            "[ITERATION 1/9] Stories remaining: 2\n[ITERATION 1/9] Working on: US-001 - Knead the dough\n[EXEC-LOG] Started: US-001 - Knead the dough\n"
                .to_owned()
                + &drawing("US-001", "║   ○ It is smooth\n║   ○ It rises\n"),
        ],
        [
            entry("US-001 - Knead the dough", "- ✓ AC1: It is smooth\n- ✓ AC2: It rises\n"),
            flags(true, false),
            record("US-001", "Knead the dough", r#""status":"success","exit_code":0,"context":{"commits":["a1b2c3d"]}"#),
            none(),
            "[SUCCESS] Story US-001 completed\n".to_owned()
                + &drawing("US-001", "║   ✅ It is smooth\n║   ✅ It rises\n")
                + "[EXEC-LOG] Completed: US-001 (9000ms)\n[EXEC-LOG] Failed:  - :  (exit 0: Success)\n",
        ],
        [
            none(),
            flags(true, false),
            record(
                "US-002",
                "Heat the oven",
                r#""status":"failure","exit_code":124,"error_type":"timeout","error_message":"It stays cold","retryable":true"#,
            ),
            format!(
                "\n{RULE}\nTimestamp: 2026-02-02T02:41:00Z\nStory ID:  US-002\nExit Code: 124 (Command timed out)\nError Type: timeout\n\
                 Error Message:\nIt stays cold\n\n--- STDERR ---\n\n{RULE}\n"
            ),
            "[ITERATION 2/9] Stories remaining: 1\n[ITERATION 2/9] Working on: US-002 - Heat the oven\n[EXEC-LOG] Started: US-002 - Heat the oven\n\
             [ERROR] Claude Code failed\n[EXEC-LOG] Failed: US-002 - timeout: It stays cold (exit 124: Command timed out)\n"
                .to_owned(),
        ],
        [
            none(),
            flags(true, false),
            none(),
            none(),
            "[ITERATION 3/9] Stories remaining: 1\n[ITERATION 3/9] Working on: US-002 - Heat the oven\n[EXEC-LOG] Started: US-002 - Heat the oven\n"
                .to_owned()
                + &drawing("US-002", "║   ✅ It is hot\n"),
        ],
        [
            entry("US-002 - Heat the oven", "- ✓ AC1: It is hot\nAll 2 user stories complete\n"),
            flags(true, true),
            record("US-002", "Heat the oven", r#""status":"success","exit_code":0"#),
            none(),
            "[EXEC-LOG] Completed: US-002 (9000ms)\n[SUCCESS] All stories complete!\n[SUCCESS] Feature implementation complete!\n".to_owned(),
        ],
    ]
}

const EVENTS: [&str; 12] = [
    "begin",
    "criterion US-001 0",
    "criterion US-001 1",
    "criterion US-002 0",
    "end",
    "error US-002",
    "failed US-002 attempt 1",
    "passed US-001 attempt 1",
    "passed US-002 attempt 2",
    "start US-001",
    "start US-002",
    "start US-002",
];

/// The events without their order, which is that of arrival; the starts of a story are told apart by their attempts.
fn stated(scenario: &mut Scenario) -> Vec<String> {
    let events = std::mem::take(&mut scenario.events);
    let mut stated: Vec<String> = events
        .iter()
        .map(|event| {
            let what = brief(event);
            let what = what.split(" (").next().unwrap_or_default().to_owned();
            match &event.data {
                EventData::StoryCompleted(done) => format!("{what} attempt {}", done.attempt),
                _ => what,
            }
        })
        .collect();
    stated.sort();
    stated
}

/// What the state shows of the run, however it came about.
fn shown(scenario: &Scenario) -> String {
    let state = scenario.engine.state(scenario.moment());
    let task = &state.tasks[0];
    let stories = task.stories.iter().map(|story| {
        let (id, error) = (story.story_id.as_deref().unwrap_or_default(), story.last_error.as_ref());
        let error = error.map(|error| format!("{:?} {}", error.error_type, error.error_message)).unwrap_or_default();
        format!(
            "{id} {:?} {}x {:?} {:?} {}/{} {error}",
            story.status, story.attempt_count, story.duration_ms, story.commits, story.criteria_done, story.criteria_count
        )
    });
    let last = task.last_error.as_ref().map(|error| format!("{:?} {}", error.error_type, error.error_message));
    format!("{} {:?} {:?}/{:?} {last:?}\n", task.task_name, task.status, task.iteration, task.max_iterations)
        + &stories.collect::<Vec<_>>().join("\n")
}

const SHOWN: &str = "bakery Passed Some(3)/Some(9) Some(\"Timeout It stays cold\")
US-001 Passed 1x Some(9000) [\"a1b2c3d\"] 2/2 
US-002 Passed 2x Some(9000) [] 1/1 Timeout It stays cold";

/// All orders of five.
fn orders() -> Vec<[usize; 5]> {
    let mut orders = Vec::new();
    for number in 0..120 {
        let (mut left, mut partial) = (vec![0, 1, 2, 3, 4], number);
        let order = [5, 4, 3, 2, 1].map(|choices| {
            let choice = partial % choices;
            partial /= choices;
            left.remove(choice)
        });
        orders.push(order);
    }
    orders
}

#[test]
fn whoever_speaks_first_in_each_step_the_events_are_the_same() {
    let steps = run();
    for order in orders() {
        let mut scenario = Scenario::of(&NAMES, &[None; 5], true);
        for step in &steps {
            for file in order {
                match NAMES[file] {
                    "prd.json" => scenario.save(file, &step[file], RereadReason::Replaced),
                    _ => scenario.append(file, &step[file]),
                };
                scenario.wait(0.4);
            }
        }
        scenario.wait(4.0);
        assert_eq!(stated(&mut scenario), EVENTS, "{order:?}");
        assert_eq!(shown(&scenario), SHOWN, "{order:?}");
    }
}

#[test]
fn found_at_the_start_they_give_the_same_events_in_whatever_order_they_are_named() {
    let steps = run();
    let mut first: Option<Vec<_>> = None;
    for order in orders() {
        let names = order.map(|file| NAMES[file]);
        let contents = order.map(|file| match NAMES[file] {
            "prd.json" => steps[5][file].clone(),
            _ => steps.iter().map(|step| step[file].as_str()).collect::<String>(),
        });
        let mut scenario = Scenario::of(&names, &contents.each_ref().map(|content| Some(content.as_str())), true);
        let mut ids: Vec<_> = scenario.events.iter().map(|event| event.id.0).collect();
        ids.sort_unstable();
        assert_eq!(*first.get_or_insert(ids.clone()), ids, "{order:?}");
        assert_eq!(stated(&mut scenario), EVENTS, "{order:?}");
        assert_eq!(shown(&scenario), SHOWN, "{order:?}");
    }
}
