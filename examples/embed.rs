//! A bridge inside another tokio program: it watches a folder, and the program does something of its own with each event.
//!
//!     cargo run --example embed -- ~/projects/shop           # Ctrl-C ends it
//!
//! Here no server runs and nothing is drawn; `Config` has both.

#![expect(clippy::print_stdout, reason = "what it does with the events is to print them")]

use std::error::Error;
use std::path::PathBuf;

use progress_bridge::app::{Bridge, ExitReason};
use progress_bridge::config::Config;
use progress_bridge::event::EventData;
use progress_bridge::hub::{Batch, StartPosition, Subscription};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let paths = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let bridge = Bridge::start(Config::watching(paths)).await?;
    let events = tokio::spawn(print_ends(bridge.subscribe(StartPosition::Oldest)));
    bridge
        .until(async || {
            // Whatever ends your program ends the bridge: a signal, a channel, a token.
            let _no_handler = tokio::signal::ctrl_c().await.is_err();
            ExitReason::Interrupted
        })
        .await?;
    // The end of the bridge is the end of its events.
    Ok(events.await?)
}

async fn print_ends(mut events: Subscription) {
    while let Some(batch) = events.next().await {
        match batch {
            Batch::Events(batch) => {
                for published in batch {
                    if let EventData::StoryCompleted(story) = &published.event.data {
                        println!("{:?} ended: {:?}", story.story_id, story.status);
                    }
                }
            }
            // More than 10,000 events behind.
            Batch::Gap { reason, .. } => println!("some events were missed: {reason:?}"),
        }
    }
}
