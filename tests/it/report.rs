//! `report` by the real binary: from files and from a bridge, in every form, and its page opened from disk in a real browser.

use std::fs;

use serde_json::{Value, json};

use crate::bridge_process::ProjectFolder;
use crate::page::browser::Browser;
use crate::runner::append;

/// A project whose run failed in its third story, after a retry in the second.
fn failed_run() -> ProjectFolder {
    let project = ProjectFolder::new();
    let story = |id: &str, title: &str, criteria: &[&str]| json!({"id": id, "title": title, "acceptanceCriteria": criteria, "passes": id < "US-003"});
    let plan = json!({"project": "Corner Shop", "branchName": "feature/checkout", "userStories": [
        story("US-001", "Show the list", &["Names and prices", "Pages of 24"]),
        story("US-002", "Fill the basket", &["The count rises", "Twice the same is one row"]),
        story("US-003", "Pay by card", &["A declined card keeps the basket"]),
        story("US-004", "Send the receipt", &[]),
    ]});
    project.write("prd.json", &plan.to_string());
    let event = |minute: u32, kind: &str, data: Value| {
        let line = json!({"type": kind, "timestamp": format!("2026-03-04T09:{minute:02}:00Z"), "data": data});
        append(&project.file("events.jsonl"), &format!("{line}\n"));
    };
    event(0, "story_started", json!({"story_id": "US-001"}));
    event(4, "ac_completed", json!({"story_id": "US-001", "ac_index": 0}));
    event(9, "story_completed", json!({"story_id": "US-001", "status": "passed", "commits": ["a1b2c3d"]}));
    event(9, "story_started", json!({"story_id": "US-002"}));
    event(
        14,
        "error_occurred",
        json!({"story_id": "US-002", "error_type": "timeout", "error_message": "no answer with API_KEY=hunter2hunter2", "exit_code": 124}),
    );
    event(15, "story_completed", json!({"story_id": "US-002", "status": "failed", "reason": "tests red"}));
    event(16, "story_started", json!({"story_id": "US-002"}));
    event(27, "story_completed", json!({"story_id": "US-002", "status": "passed"}));
    event(27, "story_started", json!({"story_id": "US-003"}));
    event(40, "story_completed", json!({"story_id": "US-003", "status": "failed", "reason": "the declined card emptied the basket"}));
    event(41, "task_completed", json!({"status": "failed"}));
    project
}

fn report(project: &ProjectFolder, arguments: &[&str]) -> String {
    let finished = project.run(&[&["report"], arguments].concat()).exits_with(0);
    assert_eq!(finished.stderr, Vec::<String>::new());
    finished.stdout.join("\n")
}

#[test]
fn every_form_is_made_from_the_files_and_masks_secrets() {
    let project = failed_run();
    let forms = [
        ("html", "<title>Corner Shop: failed</title>"),
        ("md", "## Corner Shop: failed"),
        ("json", "\"task_name\":\"Corner Shop\""),
        ("junit", "<testsuite name=\"Corner Shop\" tests=\"4\" failures=\"1\""),
        ("chrome-trace", "\"name\":\"attempt 1 failed\""),
    ];
    for (form, part) in forms {
        let text = report(&project, &["prd.json", "events.jsonl", "--format", form]);
        assert!(text.contains(part), "{form}: {text}");
        assert!(!text.contains("hunter2"), "{form} tells a secret");
        assert!(!text.contains(&project.path().display().to_string()), "{form} names a folder of this machine");
    }
}

#[test]
fn a_file_is_replaced_whole_and_its_name_chooses_the_form() {
    let project = failed_run();
    project.write("report.md", "old");
    assert_eq!(report(&project, &["prd.json", "events.jsonl", "-o", "report.md"]), "");
    let text = fs::read_to_string(project.file("report.md")).expect("it was written");
    assert!(text.starts_with("## Corner Shop: failed\n"), "{text}");
    let names: Vec<String> = fs::read_dir(project.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(!names.iter().any(|name| name.ends_with(".new")), "{names:?}");
    let refused = project.run(&["report", "-o", "missing/report.html"]).exits_with(74);
    assert!(refused.complaint().contains("missing/report.html"));
    project.run(&["report", "--format", "pdf"]).exits_with(2);
    project.run(&["report", "--task", "other"]).exits_with(3);
}

/// The run of a bridge that watches it is the run of its files.
#[test]
fn a_bridge_is_asked_for_its_state_and_its_log() {
    let project = failed_run();
    let bridge = project.start(&["--watch", "prd.json", "--watch", "events.jsonl", "--listen", "127.0.0.1:0", "--no-redact"]);
    let url = format!("http://{}", bridge.address());
    bridge.says("watching");
    let parsed = |text: String| serde_json::from_str::<Value>(&text).expect("it is JSON");
    let (there, here) = (
        parsed(report(&project, &[&url, "--format", "json"])),
        parsed(report(&project, &["prd.json", "events.jsonl", "--format", "json"])),
    );
    assert_eq!(there["events"], here["events"]);
    let stories = |report: &Value| report["state"]["tasks"][0]["stories"].clone();
    assert_eq!(stories(&there), stories(&here));
    assert!(!there.to_string().contains("hunter2"), "what the bridge does not mask the report does");
    project.run(&["report", "http://127.0.0.1:1"]).exits_with(4);
}

#[test]
fn a_page_opens_from_disk_and_steps_through_the_run() {
    let Some(browser) = Browser::open() else { return };
    let project = failed_run();
    report(&project, &["prd.json", "events.jsonl", "-o", "report.html"]);
    assert!(fs::metadata(project.file("report.html")).expect("it was written").len() < 500_000);
    browser.go(&format!("file://{}", project.file("report.html").display()));
    let text = browser.shows(&[
        "Corner Shop",
        "2 of 4",
        "US-003 Pay by card failed",
        "the declined card emptied the basket",
        "events.jsonl:10",
        "Replay",
    ]);
    assert!(text.contains("the run as the files have it"), "{text}");
    // It asks nobody for anything.
    assert_eq!(browser.number("performance.getEntriesByType('resource').length"), 0.0);
    let status = "[...document.querySelectorAll('.srow')].map((row) => row.className.split(' ').at(-1)).join(' ')";
    assert_eq!(browser.text_of(status), "passed passed failed open");
    let go = |step: u32| {
        browser.script(&format!("const range = document.getElementById('scrub'); range.value = {step}; range.dispatchEvent(new Event('input', {{bubbles: true}})); return 0"));
    };
    go(0);
    browser.shows(&["before the first event", "Planned, not started"]);
    assert_eq!(browser.text_of(status), "open open open open");
    for (words, expected) in [
        ("Run started", "open open open open"),
        ("Started", "in_progress open open open"),
        ("Names and prices", "in_progress open open open"),
        ("Passed", "passed open open open"),
        ("Started", "passed in_progress open open"),
        ("no answer with", "passed in_progress open open"),
        ("tests red", "passed failed open open"),
        ("attempt 2", "passed in_progress open open"),
    ] {
        browser.script("document.querySelector('[aria-label=\"Step on\"]').click(); return 0");
        browser.holds(&format!("document.getElementById('moment').textContent.includes({})", json!(words)));
        assert_eq!(browser.text_of(status), expected, "{words}");
    }
    browser.script("document.querySelector('[aria-label=\"Last step\"]').click(); return 0");
    browser.shows(&["the run as the files have it"]);
    assert_eq!(browser.text_of(status), "passed passed failed open");
}

/// What would like to be markup is text, and the page's policy lets nothing else run.
#[test]
fn hostile_titles_stay_text_on_the_page() {
    let Some(browser) = Browser::open() else { return };
    let project = ProjectFolder::new();
    let title = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";
    project.write("prd.json", &json!({"project": title, "userStories": [{"id": "US-1", "title": title, "passes": false}]}).to_string());
    append(&project.file("events.jsonl"), &format!("{}\n", json!({"type": "error_occurred", "story_id": "US-1", "error_message": title})));
    report(&project, &["prd.json", "events.jsonl", "-o", "report.html"]);
    browser.go(&format!("file://{}", project.file("report.html").display()));
    browser.shows(&["onerror="]);
    assert_eq!(browser.number("document.querySelectorAll('main img').length"), 0.0);
    assert!(browser.text_of("document.title").contains("<script>"), "the title is what the plan says");
    let blocked = browser.script("const element = document.createElement('script'); element.textContent = 'window.ran = 1'; document.body.append(element); return window.ran ?? 0");
    assert_eq!(blocked, json!(0));
}
