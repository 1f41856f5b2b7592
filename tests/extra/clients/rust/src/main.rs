//! The crate `reqwest-eventsource`, as its users run it: extra-client URL. Says what it sees as JSON lines.

use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use reqwest_eventsource::{Event, EventSource};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).expect("extra-client URL");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut last = String::new();
    loop {
        let mut request = client.get(&url);
        if !last.is_empty() {
            request = request.header("Last-Event-ID", &last);
        }
        let mut source = EventSource::new(request).expect("a GET can be cloned");
        while let Some(event) = source.next().await {
            match event {
                Ok(Event::Open) => say(json!({"k": "open"})),
                Ok(Event::Message(message)) => {
                    last.clone_from(&message.id);
                    say(json!({"k": "event", "type": message.event, "id": message.id, "data": message.data}));
                }
                Err(trouble) => say(json!({"k": "error", "why": trouble.to_string()})),
            }
        }
        // It gives up on a status other than 200; a user who does not begins again.
        say(json!({"k": "dead"}));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn say(mut line: Value) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    line["at"] = json!(now.as_millis());
    println!("{line}");
}
