//! What must hold in every state: nothing shifts, one polite voice, the keyboard, deep links, narrow screens.

use super::browser::Browser;
use super::{Shop, url};

#[test]
fn nothing_shifts_while_events_arrive() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    shop.starts(0, "US-001");
    let _bridge = shop.open_in(&browser);
    browser.shows(&["live", "0 of 2 criteria done"]);
    browser.script(
        "window.shifts = []; new PerformanceObserver((list) => shifts.push(...list.getEntries().map((entry) => entry.value))).observe({type: 'layout-shift', buffered: true}); return 0",
    );
    shop.ticks(60, "US-001", 0);
    browser.shows(&["1 of 2 criteria done"]);
    shop.ticks(90, "US-001", 1);
    browser.shows(&["2 of 2 criteria done"]);
    shop.ends(100, "US-001", "passed");
    shop.starts(110, "US-002");
    browser.shows(&["1 of 3 stories passed", "0 of 2 criteria done", "Fill the basket"]);
    // What is left are right-aligned numbers that grow by a digit.
    let shifted = browser.number("window.shifts.reduce((sum, value) => sum + value, 0)");
    assert!(shifted < 0.005, "{}", browser.text_of("window.shifts"));
    // One voice, and it is polite.
    browser.holds(
        "document.querySelectorAll('[aria-live]').length === 1 && document.querySelector('[aria-live=polite]').textContent.length > 0",
    );
}

#[test]
fn keys_and_addresses_lead_to_stories_and_events() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    shop.starts(0, "US-001");
    shop.ends(10, "US-001", "failed");
    shop.starts(20, "US-002");
    let bridge = shop.open_in(&browser);
    browser.shows(&["live", "US-003"]);
    let focus = "(document.activeElement.dataset.story ?? document.activeElement.id)";
    browser.press("jj");
    browser.holds(&format!("{focus} === 'US-002'"));
    browser.press("k");
    browser.holds(&format!("{focus} === 'US-001'"));
    browser.press("e");
    browser.holds("document.activeElement.textContent.includes('Copy error')");
    browser.press("/");
    browser.holds(&format!("{focus} === 'search'"));
    browser.script("document.activeElement.blur(); return 0");
    browser.press("?");
    browser.holds("document.querySelector('dialog').open");
    browser.shows(&["Next story", "Search events"]);
    // A link that somebody sent opens the story it names.
    browser.go("about:blank");
    browser.go(&format!("{}#story=US-003", url(&bridge)));
    browser.shows(&["Criteria 0 of 1", "A declined card keeps the basket"]);
    browser.holds(&format!("{focus} === 'US-003'"));
}

#[test]
fn narrow_and_wide_screens_never_scroll_sideways() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    shop.starts(0, "US-001");
    shop.ends(400, "US-001", "failed");
    shop.starts(2000, "US-001");
    let _bridge = shop.open_in(&browser);
    browser.shows(&["live", "US-003"]);
    for width in [320, 360, 620, 768, 1180, 1440, 1800, 2560] {
        browser.resize(width, 900);
        browser.holds(&format!("innerWidth === {width} && document.documentElement.scrollWidth <= {width}"));
    }
}
