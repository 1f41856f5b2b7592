//! The link to the bridge: cut, refused, held back, shared by many tabs.

use std::time::Duration;

use super::between::{Between, Mood};
use super::browser::Browser;
use super::{Shop, url};
use crate::bridge_process::eventually;
use crate::sse_client::get;

#[test]
fn it_says_that_it_is_not_live_and_comes_back() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    shop.starts(0, "US-001");
    let bridge = shop.bridge(&[]);
    let between = Between::new(&bridge.address());
    browser.go(&between.url());
    browser.shows(&["live", "Running", "US-001"]);
    drop(bridge);
    let lost = browser.shows(&["The bridge does not answer", "reconnecting", "What you see is as of", "Elapsed, frozen", "Show the list"]);
    assert!(!lost.contains("\nlive"), "{lost}");
    browser.holds("document.title.startsWith('(not live)')");
    between.is(Mood::BadGateway);
    browser.shows(&["the answer is 502"]);
    // It was started anew meanwhile, and something has happened.
    shop.ticks(60, "US-001", 0);
    let bridge = shop.bridge(&[]);
    between.leads_to(&bridge.address());
    between.is(Mood::Passes);
    let text = browser.shows(&["live", "1 of 2 criteria done"]);
    assert!(!text.contains("does not answer"), "{text}");
    shop.ticks(90, "US-001", 1);
    browser.shows(&["2 of 2 criteria done"]);
    // The log knows what it has: nothing is shown twice.
    browser.holds("document.querySelectorAll('.ev').length === 4");
}

#[test]
fn it_polls_where_streams_do_not_get_through_and_says_so() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    shop.starts(0, "US-001");
    let bridge = shop.bridge(&[]);
    for (mood, index) in [(Mood::BlocksStreams, 0), (Mood::HoldsStreams, 1)] {
        let between = Between::new(&bridge.address());
        between.is(mood);
        browser.go(&between.url());
        browser.shows(&["polling every 5 s", "Running", &format!("{index} of 2 criteria done")]);
        shop.ticks(60 + index, "US-001", index);
        browser.shows(&["polling every 5 s", &format!("{} of 2 criteria done", index + 1)]);
        browser.holds(&format!("document.querySelectorAll('.ev').length === {}", 3 + index));
    }
}

#[test]
fn twenty_tabs_share_one_reader_and_outlive_it() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    shop.starts(0, "US-001");
    let bridge = shop.open_in(&browser);
    for _ in 1..20 {
        browser.new_tab(&url(&bridge));
    }
    let tabs = browser.in_every_tab(|tab| drop(tab.shows(&["live", "0 of 2 criteria done"])));
    assert_eq!(tabs, 20);
    assert_eq!(readers(&bridge.address()), 2, "one of the state and one of the log");
    shop.ticks(60, "US-001", 0);
    browser.in_every_tab(|tab| drop(tab.shows(&["live", "1 of 2 criteria done"])));
    // The first tab is the one that holds the streams.
    browser.close_first_tab();
    shop.ticks(120, "US-001", 1);
    browser.in_every_tab(|tab| drop(tab.shows(&["live", "2 of 2 criteria done"])));
    let open = eventually(Duration::from_secs(10), "another tab reads", || {
        let open = readers(&bridge.address());
        (open == 2).then_some(open)
    });
    assert_eq!(open, 2);
}

/// Without Web Locks the tabs take turns by messages: who comes while somebody leads, however far from its next beat, does not lead.
#[test]
fn a_tab_that_comes_later_asks_who_leads() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    let _bridge = shop.open_in(&browser);
    browser.script(
        "Object.defineProperty(navigator, 'locks', {value: undefined});
        window.leaders = [];
        window.beats = 0;
        import('./lead.js').then(({ elect }) => {
            const name = 'tabs of the test';
            const join = (index) => elect(name, new BroadcastChannel(name), {
                lead: () => window.leaders.push(index),
                follow: () => window.leaders.push(-index),
            });
            // A beat is the moment that is farthest from the next one.
            let joined = 0;
            const ear = new BroadcastChannel(name);
            ear.onmessage = ({ data }) => {
                if (data.type !== 'beat') return;
                window.beats += 1;
                if (joined < 3) join(2 + joined++);
            };
            join(1);
        });
        return 0",
    );
    // A beat a second: those who came later have been patient for longer than they are when nobody answers.
    browser.holds("window.beats >= 7");
    assert_eq!(browser.text_of("window.leaders"), "1");
}

/// Two tasks may have a story of the same name.
#[test]
fn a_story_that_is_not_to_be_had_is_that_of_its_task() {
    let Some(browser) = Browser::open() else { return };
    let shop = Shop::new();
    let _bridge = shop.open_in(&browser);
    browser.script(
        "import('./wholes.js').then(({ Wholes }) => {
            const story = { story_id: 'US-001', title: 'Show the list', criteria_count: 2 };
            const wholes = new Wholes({ bridge: { base: location.href, token: '' } }, () => {
                window.troubles = ['nowhere', 'elsewhere'].map((task) => wholes.trouble({ task_id: task }, story) ?? 'none').join(' / ');
            });
            wholes.of({ task_id: 'nowhere' }, story, true);
        });
        return 0",
    );
    browser.holds("window.troubles");
    let troubles = browser.text_of("window.troubles");
    assert!(troubles.starts_with("not to be had") && troubles.ends_with("/ none"), "{troubles}");
}

/// Streams that are open now, by the bridge's own count.
fn readers(address: &str) -> u32 {
    let metrics = get(address.parse().expect("an address"), "/metrics").text();
    metrics
        .lines()
        .filter(|line| line.starts_with("progress_bridge_streams{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u32>().ok())
        .sum()
}
