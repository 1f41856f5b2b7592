//! Browser notifications: asked for by a button, and only of what happens after it.

use super::Shop;
use super::browser::Browser;

/// A browser without a window shows no notifications: what would be shown is kept where the test can read it.
const STAND_IN: &str = "
    window.shown = [];
    window.Notification = class {
        static permission = 'default';
        static async requestPermission() { return (this.permission = 'granted'); }
        constructor(title, options) { window.shown.push(`${title} / ${options.body.trim()}`); }
    };
    return 0;";

#[test]
fn a_reader_who_asks_for_it_is_told_of_the_end_once_and_nobody_else_is() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    let _bridge = shop.open_in(&browser);
    shop.starts(0, "US-001");
    browser.shows(&["live", "Running", "Notify me"]);
    browser.script(STAND_IN);
    let pressed = |is: &str| browser.holds(&format!("document.querySelector('[aria-label=\"Notify me\"]').ariaPressed === '{is}'"));
    pressed("false");
    browser.script("document.querySelector('[aria-label=\"Notify me\"]').click(); return 0");
    pressed("true");
    for id in ["US-001", "US-002", "US-003"] {
        shop.ends(60, id, "passed");
    }
    shop.finishes();
    browser.shows(&["3 of 3 stories passed"]);
    browser.holds("window.shown.length === 1");
    assert_eq!(browser.text_of("window.shown[0]"), "Corner Shop: Passed / 3 of 3 stories passed");
    browser.script("document.querySelector('[aria-label=\"Notify me\"]').click(); return 0");
    pressed("false");
}
