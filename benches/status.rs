//! How long `progress-bridge status` takes in an ordinary folder: a plan of 20 stories, a progress log and an execution log.
//!
//!     cargo bench --bench status
//!
//! The time of the processor says what it costs, the time of the wall what a prompt waits for; on a busy machine only the first means
//! anything. Linux only: the times come from `/proc`.

#![expect(clippy::print_stdout, reason = "it prints its result")]

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: u32 = 51;

fn main() -> io::Result<()> {
    // `cargo test --benches` asks whether it starts, not how fast it is.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    write_project(folder.path())?;
    let mut walls = Vec::new();
    let before = children_time()?;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_progress-bridge"));
        let status = command.arg("status").current_dir(folder.path()).stdout(Stdio::null()).status()?;
        walls.push(start.elapsed());
        // A run that is quiet: the files are old by the time of their records.
        assert!(matches!(status.code(), Some(10 | 11)), "{status}");
    }
    let used = (children_time()? - before) / ROUNDS;
    walls.sort();
    let [fastest, median, slow] = [0, walls.len() / 2, walls.len() * 9 / 10].map(|at| walls[at]);
    println!("status: processor {used:.1?} a call; wall {fastest:.1?} at best, {median:.1?} median, {slow:.1?} at the 90th percentile");
    println!("load {}", fs::read_to_string("/proc/loadavg")?.trim());
    Ok(())
}

fn write_project(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join(".git"))?;
    fs::create_dir(folder.join(".claude-loop"))?;
    let stories: Vec<serde_json::Value> = (1..=20)
        .map(|n| {
            serde_json::json!({"id": format!("US-{n:03}"), "title": format!("Story number {n}"), "passes": n <= 12,
                "acceptanceCriteria": ["It works", "It is tested", "It is written down"]})
        })
        .collect();
    let plan = serde_json::json!({"project": "Shop", "branchName": "feature/shop", "userStories": stories});
    fs::write(folder.join("prd.json"), plan.to_string())?;
    let (mut log, mut records) = ("# Progress Log\nStarted: 2026-11-28 06:00:00\n\n".to_owned(), String::new());
    for n in 1..=12 {
        let at = n * 4;
        let entry = "- Implemented it\n- Files changed: src/a.rs, src/b.rs\n- **Learnings:**\n  - the build is slow\n---\n\n";
        // Writing to a string cannot fail.
        let _ = write!(log, "## 2026-11-28 06:{at:02} - US-{n:03}: Story number {n}\n{entry}");
        let _ = writeln!(
            records,
            r#"{{"story_id":"US-{n:03}","timestamp_start":"2026-11-28T06:{:02}:00Z","timestamp_end":"2026-11-28T06:{at:02}:00Z","status":"complete"}}"#,
            at - 3
        );
    }
    fs::write(folder.join("progress.txt"), log)?;
    fs::write(folder.join(".claude-loop/execution_log.jsonl"), records)
}

/// Time of the processor that ended children have taken.
fn children_time() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or(io::ErrorKind::InvalidData)?;
    // The 16th and 17th field of all; the first here is the third.
    let ticks: u64 = fields.split(' ').skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
}
