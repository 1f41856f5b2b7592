//! Debian's real Chromium without a window, told what to do through chromedriver; both end with the test.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::bridge_process::{SOON, eventually};
use crate::sse_client::{TestRequest, exchange};
use crate::tools;

pub struct Browser {
    runtime: Runtime,
    client: Client,
    address: SocketAddr,
    driver: Child,
    _profile: TempDir,
}

/// Everything a person can read: the page's own text and the panel's, which lives in a shadow root.
const READ: &str = "
    const panels = [...document.querySelectorAll('progress-panel')].map((panel) => panel.shadowRoot?.querySelector('article')?.innerText ?? '');
    return [document.body.innerText, ...panels].join('\\n');";

impl Browser {
    /// `None` where there is no Chromium; the test then says that it was not run.
    #[track_caller]
    pub fn open() -> Option<Self> {
        if !tools::have("chromedriver") || !tools::have("chromium") {
            return None;
        }
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("TMPDIR", profile.path()).env("HOME", profile.path()).env("TZ", "UTC");
        let mut driver = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("chromedriver starts");
        let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
        let port = lines
            .by_ref()
            .find_map(|line| line.ok()?.split_once("started successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok());
        // Read on: a full pipe would stall it.
        std::thread::spawn(move || lines.count());
        // The pages are ours: the sandbox, which root cannot have, protects nobody here.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1440,1000",
        ];
        let Value::Object(options) = json!({"goog:chromeOptions": {"args": arguments}}) else { unreachable!("it is an object") };
        let runtime = Runtime::new().expect("a runtime");
        let address = SocketAddr::from(([127, 0, 0, 1], port.expect("chromedriver says its port")));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = runtime.block_on(builder.capabilities(options).connect(&format!("http://{address}"))).expect("a session");
        Some(Browser { runtime, client, address, driver, _profile: profile })
    }

    #[track_caller]
    pub fn go(&self, url: &str) {
        self.runtime.block_on(self.client.goto(url)).expect("the page loads");
    }

    #[track_caller]
    pub fn script(&self, code: &str) -> Value {
        self.runtime.block_on(self.client.execute(code, Vec::new())).unwrap_or_else(|error| panic!("{error} in {code}"))
    }

    /// What a script returns as text.
    #[track_caller]
    pub fn text_of(&self, code: &str) -> String {
        self.script(&format!("return String({code})")).as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn number(&self, code: &str) -> f64 {
        self.script(&format!("return Number({code})")).as_f64().unwrap_or(f64::NAN)
    }

    pub fn text(&self) -> String {
        self.script(READ).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until all of the words can be read.
    #[track_caller]
    pub fn shows(&self, words: &[&str]) -> String {
        let mut last = String::new();
        eventually(2 * SOON, format!("the page shows {words:?}"), || {
            last = self.text();
            words.iter().all(|word| last.contains(word)).then(|| last.clone())
        })
    }

    /// Waits until a JavaScript expression is true.
    #[track_caller]
    pub fn holds(&self, code: &str) {
        eventually(2 * SOON, format!("{code}; the page shows:\n{}", self.text()), || {
            (self.script(&format!("return Boolean({code})")) == Value::Bool(true)).then_some(())
        });
    }

    /// The text of the panel, row by row.
    pub fn panel_rows(&self) -> Vec<String> {
        let text = self.text_of("document.querySelector('progress-panel').shadowRoot.querySelector('article').innerText");
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    #[track_caller]
    pub fn press(&self, keys: &str) {
        for key in keys.chars() {
            let code = format!(
                "(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', {{key: {}, bubbles: true, cancelable: true}})); return 0",
                json!(key.to_string())
            );
            self.script(&code);
        }
    }

    /// Through DevTools, because a window has a least width.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        let body = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics}).to_string();
        let session = self.runtime.block_on(self.client.session_id()).expect("it answers").expect("a session");
        let length = body.len().to_string();
        let headers = [("Content-Type", "application/json"), ("Content-Length", length.as_str())];
        let target = format!("/session/{session}/goog/cdp/execute");
        assert_eq!(exchange(self.address, &TestRequest { method: "POST", target: &target, headers: &headers }, &body).status, 200);
    }

    /// Opens one more tab and looks at it.
    #[track_caller]
    pub fn new_tab(&self, url: &str) {
        self.runtime.block_on(async {
            let tab = self.client.new_window(true).await.expect("another tab");
            self.client.switch_to_window(tab.handle).await.expect("it is there");
            self.client.goto(url).await.expect("the page loads");
        });
    }

    /// Calls `look` in every tab, one after the other.
    #[track_caller]
    pub fn in_every_tab(&self, mut look: impl FnMut(&Self)) -> usize {
        let tabs = self.runtime.block_on(self.client.windows()).expect("its tabs");
        for tab in &tabs {
            self.runtime.block_on(self.client.switch_to_window(tab.clone())).expect("it is there");
            look(self);
        }
        tabs.len()
    }

    /// Closes the tab that was opened first.
    #[track_caller]
    pub fn close_first_tab(&self) {
        self.runtime.block_on(async {
            let tabs = self.client.windows().await.expect("its tabs");
            self.client.switch_to_window(tabs[0].clone()).await.expect("it is there");
            self.client.close_window().await.expect("it closes");
            self.client.switch_to_window(tabs[1].clone()).await.expect("it is there");
        });
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _closed = self.runtime.block_on(self.client.clone().close()).is_ok();
        // SIGTERM, so that it takes its browser along; what has ended already is as good.
        let _asked = Command::new("kill").arg(self.driver.id().to_string()).status().is_err();
        let _reaped = self.driver.wait().is_err();
    }
}
