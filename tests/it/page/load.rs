//! Hostile text, many stories, many events.

use serde_json::json;

use super::browser::Browser;
use super::{state, url};
use crate::bridge_process::{ProjectFolder, SOON, eventually};

const EVIL: &str = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">";

#[test]
fn text_from_logs_stays_text_and_inside_its_card() {
    let Some(browser) = Browser::open() else { return };
    let project = ProjectFolder::new();
    let wide = "漢".repeat(480);
    let story =
        |id: &str, title: &str| json!({"id": id, "title": title, "acceptanceCriteria": [EVIL, &wide], "passes": false, "phase": wide});
    project.write(
        "prd.json",
        &json!({"project": EVIL, "branchName": wide, "userStories": [story("US-001", EVIL), story("US-002", &wide)]}).to_string(),
    );
    let events = [
        json!({"type": "story_started", "data": {"story_id": "US-001"}}),
        json!({"type": "error_occurred", "data": {"story_id": "US-001", "error_message": format!("{EVIL}\u{202e}{wide}")}}),
        json!({"type": "story_completed", "data": {"story_id": "US-001", "status": "failed", "commits": [EVIL]}}),
    ];
    project.write("events.jsonl", &events.map(|event| format!("{event}\n")).concat());
    let bridge = project.start(&["--watch", "prd.json", "--watch", "events.jsonl", "--listen", "127.0.0.1:0"]);
    browser.go(&url(&bridge));
    for width in [1440, 768, 360] {
        browser.resize(width, 1000);
        let text = browser.shows(&["<script>document.title", "US-002"]);
        assert!(!text.contains('\u{202e}'), "controls that turn text around are not passed on");
        browser.holds("document.documentElement.scrollWidth <= innerWidth && !document.title.startsWith('taken')");
        // Ours is the only script and there are no pictures.
        browser.holds("document.querySelectorAll('script').length === 1 && document.querySelectorAll('img').length === 0");
        browser.holds("document.querySelector('progress-panel').shadowRoot.querySelectorAll('script, img').length === 0");
    }
}

#[test]
fn five_hundred_stories_and_ten_thousand_events_are_no_burden() {
    let Some(browser) = Browser::open() else { return };
    let project = ProjectFolder::new();
    let id = |number: u32| format!("US-{number:03}");
    let stories: Vec<_> = (1..=500)
        .map(|number| json!({"id": id(number), "title": format!("Story {number}"), "acceptanceCriteria": ["one", "two"], "passes": false}))
        .collect();
    project.write("prd.json", &json!({"project": "Many", "userStories": stories}).to_string());
    let mut log = String::new();
    let mut second = 0;
    let mut write = |kind: &str, data: serde_json::Value| {
        second += 3;
        let time = format!("2026-03-20T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
        log.push_str(&format!("{}\n", json!({"type": kind, "timestamp": time, "data": data})));
    };
    for number in 1..=499 {
        for _attempt in 0..10 {
            write("story_started", json!({"story_id": id(number)}));
            write("story_completed", json!({"story_id": id(number), "status": "failed", "reason": "tests"}));
        }
    }
    write("story_started", json!({"story_id": "US-500"}));
    project.write("events.jsonl", &log);
    let bridge = project.start(&["--watch", "prd.json", "--watch", "events.jsonl", "--listen", "127.0.0.1:0", "--max-rate", "0"]);
    eventually(6 * SOON, "the bridge has read everything", || (state(&bridge)["seq"].as_u64() >= Some(9_981)).then_some(()));
    browser.go(&url(&bridge));
    browser.shows(&["live", "Many", "Story 500"]);
    browser.holds("document.querySelector('#event-count').textContent.startsWith('998')");
    // Only what is in sight is there.
    browser.holds("document.querySelectorAll('.ev').length < 60");
    browser.script("const log = document.querySelector('.vp'); log.scrollTop = log.scrollHeight; return 0");
    browser.holds("[...document.querySelectorAll('.ev .tx')].at(-1).textContent.includes('Run started')");
    browser.script("const field = document.querySelector('#search'); field.value = 'us-123'; field.dispatchEvent(new Event('input', {bubbles: true})); return 0");
    browser.holds("document.querySelector('#event-count').textContent.startsWith('20 of ')");
    // A snapshot is drawn within a frame or a few; the figures are for the reader of the output.
    browser.script("performance.clearMeasures('drawn'); return 0");
    browser.holds("performance.getEntriesByName('drawn').length >= 5");
    let draws = browser.text_of("performance.getEntriesByName('drawn').map((draw) => draw.duration.toFixed(1)).join(' ')");
    println_measured(&draws);
    let longest = draws.split(' ').filter_map(|draw| draw.parse::<f64>().ok()).fold(0.0, f64::max);
    assert!(longest < 250.0, "milliseconds to draw: {draws}");
}

#[expect(clippy::print_stdout, reason = "a figure for whoever runs it with --nocapture")]
fn println_measured(draws: &str) {
    println!("milliseconds to draw 500 stories and 10,000 events: {draws}");
}
