//! The panel in pages of other origins, and the user's own drawing of it.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Shop;
use super::browser::Browser;
use super::site::Site;
use crate::bridge_process::{ProjectFolder, SOON, eventually};

/// The example's page, with the bridge's real address in it.
fn dashboard(address: &str) -> String {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/dashboard/index.html")).expect("the example is there");
    assert_eq!(page.matches("http://127.0.0.1:7333").count(), 2, "two lines are all it takes");
    page.replace("http://127.0.0.1:7333", &format!("http://{address}"))
}

#[test]
fn two_lines_put_the_panel_into_a_page_that_is_allowed() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    shop.starts(0, "US-001");
    let bridge = shop.bridge(&["--allow-origin", "http://127.0.0.1:1"]);
    let stranger = Site::new(dashboard(&bridge.address()));
    browser.go(&stranger.origin());
    browser.shows(&["Last week", "No live progress here"]);
    browser.holds("!customElements.get('progress-panel')");

    let bridge = shop.bridge(&["--allow-origin", &stranger.origin()]);
    let allowed = dashboard(&bridge.address());
    browser.script(&format!("document.open(); document.write({}); document.close(); return 0", json!(allowed)));
    browser.shows(&["Last week", "Corner Shop", "Running", "live", "0 of 2 criteria done"]);
    shop.ticks(60, "US-001", 0);
    browser.shows(&["1 of 2 criteria done"]);
}

#[test]
fn the_panel_asks_for_the_token_and_takes_it_as_a_property() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    shop.starts(0, "US-001");
    let site = Site::new(String::from("<!DOCTYPE html><title>Mine</title><p>Mine</p>"));
    shop.project.write("token", "s3cret-of-the-shop");
    let bridge = shop.bridge(&["--allow-origin", &site.origin(), "--token-file", "token"]);
    browser.go(&site.origin());
    browser.script(&format!(
        "const panel = document.createElement('progress-panel'); panel.setAttribute('src', 'http://{0}'); document.body.append(panel);
         const script = document.createElement('script'); script.type = 'module'; script.src = 'http://{0}/panel.js'; document.body.append(script); return 0",
        bridge.address()
    ));
    browser.shows(&["The bridge asks for its token", "needs the token"]);
    browser.script("document.querySelector('progress-panel').token = 'wrong'; return 0");
    browser.shows(&["The bridge asks for its token"]);
    browser.script("document.querySelector('progress-panel').token = 's3cret-of-the-shop'; return 0");
    let text = browser.shows(&["Corner Shop", "live"]);
    assert!(!text.contains("s3cret"), "{text}");
    browser.holds("!document.documentElement.outerHTML.includes('s3cret') && !location.href.includes('s3cret')");
}

#[test]
fn the_page_takes_a_token_that_is_pasted() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    shop.project.write("token", "s3cret-of-the-shop");
    let bridge = shop.bridge(&["--token-file", "token"]);
    browser.go(&super::url(&bridge));
    browser.shows(&["This bridge asks for its token"]);
    let paste = |token: &str| {
        browser.script(&format!(
            "document.querySelector('#token').value = {}; document.querySelector('form').requestSubmit(); return 0",
            json!(token)
        ))
    };
    paste("wrong");
    browser.shows(&["That was not the right one"]);
    paste("s3cret-of-the-shop");
    browser.shows(&["live", "Corner Shop"]);
    browser.holds("!location.href.includes('s3cret')");
    // A reload keeps it, another tab does not know it.
    browser.go(&super::url(&bridge));
    browser.shows(&["live", "Corner Shop"]);
    browser.new_tab(&super::url(&bridge));
    browser.shows(&["This bridge asks for its token"]);
}

#[test]
fn a_printed_link_is_good_once() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    let bridge = shop.bridge(&["--require-token"]);
    let printed = bridge.says("#code=");
    let link = printed.split_whitespace().find(|word| word.contains("#code=")).expect("a link").to_owned();
    browser.go(&link);
    browser.shows(&["live", "Corner Shop"]);
    browser.holds("!location.href.includes('code') && !document.cookie");
    // Somebody who finds it later, in another tab.
    browser.new_tab(&link);
    let text = browser.shows(&["This bridge asks for its token", "The link did not work"]);
    assert!(!text.contains("Corner Shop"), "{text}");
}

/// The user's own drawing of the panel, from its data: title, story, bar with percent, three marks, elapsed and remaining.
#[test]
fn the_mock_up_row_by_row() {
    let Some(browser) = Browser::open() else { return };
    let project = ProjectFolder::new();
    let criteria = ["Create POST endpoint", "Validate email", "Hash password", "Generate JWT", "Return profile"];
    let stories = json!([
        {"id": "US-001", "title": "Register", "acceptanceCriteria": ["A form"], "passes": false},
        {"id": "US-003", "title": "Implement login endpoint", "acceptanceCriteria": criteria, "passes": false},
    ]);
    project.write("prd.json", &json!({"project": "Live Progress", "userStories": stories}).to_string());
    let start = Timestamp::now() - SignedDuration::from_secs(121 + 154);
    let event = |second: i64, kind: &str, data: serde_json::Value| {
        let time = (start + SignedDuration::from_secs(second)).to_string();
        format!("{}\n", json!({"type": kind, "timestamp": time, "data": data}))
    };
    let mut log = event(0, "story_started", json!({"story_id": "US-001"}))
        + &event(120, "story_completed", json!({"story_id": "US-001", "status": "passed", "duration_ms": 120_000}));
    log += &event(121, "story_started", json!({"story_id": "US-003"}));
    for index in 0..3 {
        log += &event(130 + 10 * index, "ac_completed", json!({"story_id": "US-003", "ac_index": index, "duration_ms": 10_000}));
    }
    project.write("events.jsonl", &log);
    let bridge = project.start(&["--watch", "prd.json", "--watch", "events.jsonl", "--listen", "127.0.0.1:0"]);
    browser.go(&super::url(&bridge));
    browser.shows(&["3 of 5 criteria done"]);
    // Alone, as on anybody's page.
    browser.script("document.querySelector('progress-panel').removeAttribute('untitled'); return 0");
    eventually(SOON, "the panel has its title", || browser.panel_rows().first().is_some_and(|row| row == "Live Progress").then_some(()));
    let rows: Vec<String> = browser.panel_rows().into_iter().map(|row| steady(&row)).collect();
    insta::assert_snapshot!("mock_up", rows.join("\n"));
    let marks = browser.text_of(
        "[...document.querySelector('progress-panel').shadowRoot.querySelectorAll('.ac li')].map((row) => row.className).join(' ')",
    );
    assert_eq!(marks, "done done done open open");
}

/// Rows without what the clock changes: durations lose their digits.
fn steady(row: &str) -> String {
    let is_duration = |word: &str| word.starts_with(|letter: char| letter.is_ascii_digit()) && word.ends_with(['h', 'm', 's']);
    let words = row.split(' ').map(|word| {
        if is_duration(word.trim_start_matches(['~', '–'])) {
            word.replace(|letter: char| letter.is_ascii_digit(), "0")
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
