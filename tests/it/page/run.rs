//! A run seen from before its start to after its end, and by somebody who comes later.

use super::browser::Browser;
use super::{Shop, state, url};

#[test]
fn a_page_opened_before_the_run_follows_it_to_its_end() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    let bridge = shop.open_in(&browser);
    browser.shows(&["live", "Corner Shop", "Planned, not started", "0 of 3 stories passed", "First up:"]);

    shop.starts(0, "US-001");
    browser.shows(&["Running", "1 under way, 2 to go", "Show the list", "0 of 2 criteria done"]);
    shop.ticks(60, "US-001", 0);
    let text = browser.shows(&["1 of 2 criteria done", "50 %"]);
    let text = text.replace('\n', " ");
    assert!(text.contains("Names and prices (done)") && text.contains("Pages of 24 (open)"), "words stand for the marks: {text}");
    shop.ticks(120, "US-001", 1);
    shop.ends(180, "US-001", "passed");
    shop.starts(200, "US-002");
    shop.ends(400, "US-002", "failed");
    shop.starts(420, "US-002");
    browser.shows(&["1 of 3 stories passed", "attempt 2"]);

    // What is drawn is what the state says.
    let seen = &state(&bridge)["tasks"][0];
    assert_eq!((seen["percent"].as_u64(), seen["stories_passed"].as_u64()), (Some(33), Some(1)));
    browser.holds("document.title.startsWith('33% US-002') && document.title.endsWith('Corner Shop')");
    browser.holds("document.querySelector('link[rel=icon]').href.includes('0.33')");
    let run = "document.querySelector('progress-panel').shadowRoot.querySelector('progress[aria-label=\"Run: 1 of 3 stories passed\"]')";
    browser.holds(&format!("{run}.value === 1 && {run}.max === 3"));
    let lane = |id: &str| {
        format!("[...document.querySelectorAll('[data-story={id}] .lane rect')].map((rect) => rect.getAttribute('class')).join(' ')")
    };
    browser.holds(&format!("{} === 'seg-p'", lane("US-001")));
    browser.holds(&format!("{} === 'seg-f seg-r'", lane("US-002")));
    browser.holds(&format!("{} === ''", lane("US-003")));
    // The axis is one for all: the first story's 180 s against the failed attempt's 200 s.
    let width = |class: &str| browser.number(&format!("parseFloat(document.querySelector('.lane .{class}').getAttribute('width'))"));
    assert!((width("seg-p") / width("seg-f") - 180.0 / 200.0).abs() < 0.01, "{} {}", width("seg-p"), width("seg-f"));
    let points = seen["history"].as_array().expect("its history").len();
    browser.holds(&format!(
        "document.querySelector('#burn svg').getAttribute('aria-label').startsWith('Burn-up: 1 of 3 stories passed') && {points} > 0"
    ));

    shop.ends(600, "US-002", "passed");
    shop.starts(620, "US-003");
    shop.ends(700, "US-003", "passed");
    shop.finishes();
    let after = browser.shows(&["Passed", "3 of 3 stories passed", "100", "Longest", "Run passed"]);
    assert!(!after.contains("Remaining"), "{after}");
    browser.holds("document.title === '100% · Corner Shop'");

    // Somebody who comes later sees the same.
    let rows = browser.panel_rows();
    browser.new_tab(&url(&bridge));
    browser.shows(&["Passed", "3 of 3 stories passed", "Run passed"]);
    assert_eq!(browser.panel_rows(), rows);
}

#[test]
fn a_failure_stands_first_with_its_line() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    shop.starts(0, "US-001");
    shop.writes(
        60,
        "error_occurred",
        &serde_json::json!({"story_id": "US-001", "error_type": "timeout", "error_message": "no answer for 30 s", "retryable": true}),
    );
    shop.ends(61, "US-001", "failed");
    let _bridge = shop.open_in(&browser);
    let text = browser.shows(&["US-001 Show the list failed", "timeout: no answer for 30 s", "retryable", "events.jsonl:2", "Show in log"]);
    let place = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words} in {text}"));
    assert!(place("US-001 Show the list failed") < place("Stories"), "{text}");
    browser.holds("document.querySelectorAll('[role=alert]').length === 1");
    // The story opens to its evidence, and the log shows only what belongs to it.
    browser.script("[...document.querySelectorAll('.alert button')].at(-1).click(); document.querySelector('[data-story=US-001]').click()");
    browser.shows(&["Attempt 1", "Criteria 0 of 2", "explicit"]);
    browser.holds("document.querySelector('#search').value === 'US-001' && document.querySelectorAll('.ev').length === 3");
    browser.holds("location.hash.includes('story=US-001')");
}
