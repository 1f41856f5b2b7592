//! The page and the panel in a real browser, by what people read and by roles.

mod between;
pub mod browser;
mod embed;
mod files;
mod layout;
mod link;
mod load;
mod notify;
mod run;
mod site;
mod sources;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::browser::Browser;
use crate::bridge_process::{BridgeProcess, ProjectFolder};
use crate::runner::append;
use crate::sse_client::get;

/// A project with a plan of three stories, and the bridge on it.
struct Shop {
    project: ProjectFolder,
    start: Timestamp,
}

impl Shop {
    fn new() -> Self {
        let shop = Shop { project: ProjectFolder::new(), start: Timestamp::now() - SignedDuration::from_mins(50) };
        let story =
            |id: &str, title: &str, criteria: &[&str]| json!({"id": id, "title": title, "acceptanceCriteria": criteria, "passes": false});
        let plan = json!({"project": "Corner Shop", "branchName": "feature/checkout", "userStories": [
            story("US-001", "Show the list", &["Names and prices", "Pages of 24"]),
            story("US-002", "Fill the basket", &["The count rises", "Twice the same is one row"]),
            story("US-003", "Pay by card", &["A declined card keeps the basket"]),
        ]});
        shop.project.write("prd.json", &plan.to_string());
        shop
    }

    fn bridge(&self, more: &[&str]) -> BridgeProcess {
        let mut arguments = vec!["--watch", "prd.json", "--watch", "events.jsonl", "--listen", "127.0.0.1:0"];
        arguments.extend(more);
        self.project.start(&arguments)
    }

    /// The bridge, and its page in the browser.
    fn open_in(&self, browser: &Browser) -> BridgeProcess {
        let bridge = self.bridge(&[]);
        browser.go(&url(&bridge));
        bridge
    }

    /// What a runner writes down, as one event; `seconds` after its start, which is less than an hour ago.
    fn writes(&self, seconds: u32, kind: &str, data: &Value) {
        let time = self.start + SignedDuration::from_secs(seconds.into());
        append(&self.project.file("events.jsonl"), &format!("{}\n", json!({"type": kind, "timestamp": time.to_string(), "data": data})));
    }

    fn starts(&self, seconds: u32, id: &str) {
        self.writes(seconds, "story_started", &json!({"story_id": id}));
    }

    fn ticks(&self, seconds: u32, id: &str, index: u32) {
        self.writes(seconds, "ac_completed", &json!({"story_id": id, "ac_index": index}));
    }

    fn ends(&self, seconds: u32, id: &str, status: &str) {
        self.writes(seconds, "story_completed", &json!({"story_id": id, "status": status}));
    }

    fn finishes(&self) {
        let plan = std::fs::read_to_string(self.project.file("prd.json")).expect("it was written");
        self.project.write("prd.json", &plan.replace("\"passes\":false", "\"passes\":true"));
    }
}

fn url(bridge: &BridgeProcess) -> String {
    format!("http://{}/", bridge.address())
}

fn state(bridge: &BridgeProcess) -> Value {
    get(bridge.address().parse().expect("an address"), "/api/state").json()
}
