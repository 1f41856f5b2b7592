//! The card of the sources, and what the head of the page calls the run.

use jiff::{SignedDuration, Timestamp};

use super::browser::Browser;
use super::{Shop, url};
use crate::bridge_process::{BridgeProcess, ProjectFolder};

/// The left and right edges of a card.
const EDGES: &str =
    "((card) => { const box = document.querySelector(card).getBoundingClientRect(); return [box.left, box.right].map(Math.round).join() })";

#[test]
fn sources_take_the_width_of_the_stories_where_no_burn_up_stands_beside_them() {
    let Some(browser) = Browser::open() else { return };
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    let _bridge = open(&browser, &project, "progress.txt");
    browser.shows(&["live", "US-001", "Sources"]);
    for width in [1440, 1800] {
        browser.resize(width, 900);
        browser.holds(&format!(
            "innerWidth === {width} && !document.querySelector('.card.bu') && {EDGES}('.card.so') === {EDGES}('.card.st')"
        ));
    }
    let with_plan = Shop::new();
    with_plan.starts(0, "US-001");
    with_plan.ends(10, "US-001", "passed");
    with_plan.starts(20, "US-002");
    let _bridge = with_plan.open_in(&browser);
    browser.shows(&["live", "US-002", "Sources"]);
    browser.resize(1440, 900);
    browser.holds(
        "document.querySelector('.card.bu').getBoundingClientRect().right <= document.querySelector('.card.so').getBoundingClientRect().left",
    );
}

#[test]
fn a_run_without_a_plan_that_began_a_year_ago_has_a_name_and_legible_times() {
    let Some(browser) = Browser::open() else { return };
    let project = ProjectFolder::new();
    let began = Timestamp::now() - SignedDuration::from_hours(24 * 400);
    let day = began.to_string()[..10].to_owned();
    project.write("progress.txt", &format!("# Corner Shop\n\n## {day} - US-001\n- Shows the list\n---\n"));
    let _bridge = open(&browser, &project, "progress.txt");
    browser.shows(&["live", "US-001", "Burn-up"]);
    // It is named after its log's first heading, without the signs of a heading.
    let head = "document.querySelector('.runhead').textContent";
    browser.holds(&format!("{head}.includes('{day} - US-001') && !{head}.includes('#')"));
    browser.holds(
        "(([...boxes]) => boxes.length > 2 && boxes.every((box, at) => at === 0 || boxes[at - 1].right < box.left))\
         ([...document.querySelectorAll('#burn text[text-anchor=middle]')].map((text) => text.getBoundingClientRect()))",
    );
}

#[test]
fn only_a_notice_that_asks_for_something_has_the_sign_of_a_warning() {
    let Some(browser) = Browser::open() else { return };
    let project = ProjectFolder::new();
    project.write("progress.txt", "## 2026-02-03 - US-001\n- Shows the list\n---\n");
    let _bridge = open(&browser, &project, ".");
    browser.shows(&["live", "US-001"]);
    project.write("prd.json", "{\"userStories\": [");
    let warns = |text: &str, class: &str| {
        format!(
            "[...document.querySelectorAll('.notice')].some((notice) => notice.textContent.includes('{text}') && notice.querySelector('svg{class}'))"
        )
    };
    browser.holds(&warns("prd.json", ".warn"));
    project.write("agent.log", "[US-002] Starting...\n");
    browser.holds(&warns("agent.log", ":not(.warn)"));
}

/// A bridge without a plan, and its page in the browser.
fn open(browser: &Browser, project: &ProjectFolder, watched: &str) -> BridgeProcess {
    let bridge = project.start(&["--watch", watched, "--listen", "127.0.0.1:0"]);
    browser.go(&url(&bridge));
    bridge
}
