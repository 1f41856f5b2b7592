//! The page in a real browser, through WebDriver: checks the visible text.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::bridge_process::{ProjectFolder, SOON, eventually};
use crate::runner::append;
use crate::sse_client::{TestRequest, exchange};
use crate::tools;

/// Chromium without a window, and the driver that it is told through; both gone with the test.
struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
}

impl Browser {
    fn open(project: &ProjectFolder) -> Self {
        let mut command = Command::new("chromedriver");
        // Profiles go into the project's folder, and with it.
        command.arg("--port=0").env("TMPDIR", project.path()).env("HOME", project.path());
        let mut driver = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("chromedriver starts");
        let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
        let port =
            lines.by_ref().find_map(|line| line.ok()?.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok());
        // Kept reading: a full pipe would stall it.
        std::thread::spawn(move || lines.count());
        let mut browser = Browser { driver, address: SocketAddr::from(([127, 0, 0, 1], port.unwrap_or(0))), session: String::new() };
        // The page is ours: the sandbox, which an administrator cannot have, protects nobody.
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"];
        let options = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}});
        let opened = browser.tell("/session", &options);
        browser.session = format!("/session/{}", opened["sessionId"].as_str().expect("it names the session"));
        browser
    }

    #[track_caller]
    fn tell(&self, target: &str, words: &Value) -> Value {
        let body = words.to_string();
        let length = body.len().to_string();
        let headers = [("Content-Type", "application/json"), ("Content-Length", length.as_str())];
        let answer =
            exchange(self.address, &TestRequest { method: "POST", target: &format!("{}{target}", self.session), headers: &headers }, &body);
        let status = answer.status;
        let value = answer.json()["value"].take();
        assert_eq!(status, 200, "{target}: {value}");
        value
    }

    fn goes_to(&self, url: &str) {
        self.tell("/url", &json!({"url": url}));
    }

    /// What a script returns.
    fn says(&self, script: &str) -> String {
        self.tell("/execute/sync", &json!({"script": script, "args": []})).as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn shows(&self, selector: &str, words: &str) -> String {
        eventually(SOON, format!("{selector} shows {words:?}"), || {
            let text = self.says(&format!("return document.querySelector('{selector}')?.innerText ?? ''"));
            text.contains(words).then_some(text)
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            let request = TestRequest { method: "DELETE", target: &self.session, headers: &[] };
            exchange(self.address, &request, "");
        }
        // SIGTERM, so that it takes its browser along; what is gone already is as good.
        let _asked = Command::new("kill").arg(self.driver.id().to_string()).status().is_err();
        let _reaped = self.driver.wait().is_err();
    }
}

#[test]
fn an_event_appears_on_the_page_as_it_happens() {
    if !tools::have("chromedriver") || !tools::have("chromium") {
        return;
    }
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    let bridge = project.start(&["--watch", "progress.txt", "--listen", "127.0.0.1:0"]);
    let url = format!("http://{}/", bridge.address());
    let browser = Browser::open(&project);
    browser.goes_to(&url);
    browser.shows("[role=status]", "live");
    browser.shows("#events", "US-001");
    append(&project.file("progress.txt"), "[US-001] Complete\n[US-002] Starting...\n");
    let list = browser.shows("#events", "US-002");
    // The newest stands first, and text from a log is text.
    assert!(list.find("US-002") < list.find("passed"), "{list}");
    append(&project.file("progress.txt"), "## US-003 - <b>Bold</b>\n**Status**: Complete\n");
    browser.shows("#events", "<b>Bold</b>");
    bridge.signal("TERM");
    browser.shows("[role=status]", "ended");
}
