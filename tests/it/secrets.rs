//! Secrets in watched files: masked on every output and in what is kept, and the ids of events do not change by it.

use std::fs;

use crate::bridge_process::{ProjectFolder, kind};
use crate::sse_client::get;

const TOKEN: &str = "ghp_0123456789abcdefghij0123";

fn project() -> ProjectFolder {
    let project = ProjectFolder::new();
    let story = format!(
        r#"{{"id": "US-1", "title": "Use {TOKEN}", "passes": false, "acceptanceCriteria": ["LOG_LEVEL=debug", "DB_PASSWORD=hunter22 works"]}}"#
    );
    project.write("prd.json", &format!(r#"{{"project": "shop", "userStories": [{story}]}}"#));
    project.write("progress.txt", &format!("[US-1] Starting with API_KEY=abcdefgh...\n[US-1] Error: refused {TOKEN}\nwhat is {TOKEN}\n"));
    project
}

#[track_caller]
fn has_no_secret(what: &str, text: &str) {
    for secret in [TOKEN, "hunter22", "API_KEY=abcdefgh"] {
        assert!(!text.contains(secret), "{what} has {secret}: {text}");
    }
}

#[test]
fn secrets_are_masked_everywhere_and_ids_stay() {
    let project = project();
    let masked = project.run(&["--once", "--json", "--state", ".state"]).exits_with(0);
    let open = project.run(&["--once", "--json", "--no-redact"]).exits_with(0);
    has_no_secret("stdout", &masked.stdout.join("\n"));
    assert!(open.stdout.join("\n").contains(TOKEN));
    assert!(masked.stdout.join("\n").contains("LOG_LEVEL=debug"));
    let ids = |events: Vec<serde_json::Value>| events.iter().map(|event| (kind(event).to_owned(), event["id"].clone())).collect::<Vec<_>>();
    assert_eq!(ids(masked.events()), ids(open.events()));
    has_no_secret("the journal", &fs::read_to_string(project.file(".state/journal")).expect("it is kept"));
    has_no_secret("the summary", &project.run(&["--once"]).exits_with(0).stdout.join("\n"));
    for file in ["prd.json", "progress.txt"] {
        for arguments in [&["check", file][..], &["check", "--json", file]] {
            has_no_secret("check", &project.run(arguments).exits_with(0).stdout.join("\n"));
        }
    }
    let bridge = project.start(&["--listen", "127.0.0.1:0"]);
    let address = bridge.address().parse().expect("an address");
    bridge.says("watching");
    has_no_secret("the state", &get(address, "/api/state").text());
    has_no_secret("stderr", &bridge.stderr());
}

#[test]
fn long_texts_are_cut_where_they_are_shown_and_stay_two_stories() {
    let project = ProjectFolder::new();
    let stories: Vec<String> = ["one", "two"].map(|end| format!(r#"{{"title": "{}{end}", "passes": true}}"#, "x".repeat(600))).into();
    project.write("prd.json", &format!(r#"{{"project": "shop", "userStories": [{}]}}"#, stories.join(",")));
    let ended = project.run(&["--once", "--json", "prd.json"]).exits_with(0);
    let events = ended.events();
    let said = ended.stderr.join("\n");
    assert_eq!(said.matches("longer than what is shown").count(), 1, "{said}");
    let titles: Vec<&str> =
        events.iter().filter(|event| kind(event) == "story_completed").filter_map(|event| event["data"]["title"].as_str()).collect();
    assert_eq!(titles.len(), 2, "{events:?}");
    assert!(titles.iter().all(|title| title.chars().count() == 500 && title.ends_with('…')));
}
