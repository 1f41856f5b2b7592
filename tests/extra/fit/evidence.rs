//! The Rust half of the fit: reads a list of logs and prints their evidence or their readings as JSON lines. Called by `fit.py`.
//!
//!     evidence names
//!     evidence rows  LIST [WEIGHTS]      LIST: a line a log, its path, a tab, the path of its plan or nothing
//!     evidence origin LIST WEIGHTS
//!     evidence read  LIST WEIGHTS
//!     evidence explain LOG WEIGHTS LINE [PLAN]

#![expect(clippy::print_stdout, reason = "it prints its result")]

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use progress_bridge::fit::{self, FitLog};

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut out = BufWriter::new(io::stdout().lock());
    match words[..] {
        ["names"] => writeln!(out, "{}", serde_json::to_string(&fit::names())?)?,
        ["rows", list] => {
            for log in logs(list)? {
                writeln!(out, "{}", serde_json::to_string(&fit::rows(&log, None))?)?;
            }
        }
        ["rows", list, weights] => {
            let weights = fs::read_to_string(weights)?;
            for log in logs(list)? {
                writeln!(out, "{}", serde_json::to_string(&fit::rows(&log, Some(&weights)))?)?;
            }
        }
        ["origin", list, weights] => {
            let weights = fs::read_to_string(weights)?;
            for log in logs(list)? {
                writeln!(out, "{}", fit::origin(&log, &weights))?;
            }
        }
        ["read", list, weights] => {
            fit::set_weights(&fs::read_to_string(weights)?);
            for log in logs(list)? {
                writeln!(out, "{}", fit::read(&log))?;
            }
        }
        ["explain", log, weights, line] => explain(log, weights, line, None)?,
        ["explain", log, weights, line, plan] => explain(log, weights, line, Some(plan))?,
        // `cargo test --benches` asks whether it starts.
        _ => {}
    }
    out.flush()
}

fn explain(log: &str, weights: &str, line: &str, plan: Option<&str>) -> io::Result<()> {
    let log = open(log, plan.unwrap_or_default())?;
    println!("{}", fit::explain(&log, &fs::read_to_string(weights)?, line.parse().unwrap_or(1)));
    Ok(())
}

fn logs(list: &str) -> io::Result<Vec<FitLog>> {
    fs::read_to_string(list)?.lines().map(|line| line.split_once('\t').unwrap_or((line, ""))).map(|(log, plan)| open(log, plan)).collect()
}

fn open(log: &str, plan: &str) -> io::Result<FitLog> {
    let name = Path::new(log).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let plan = if plan.is_empty() { None } else { fs::read_to_string(plan).ok() };
    Ok(FitLog::new(&name, &fs::read(log)?, plan.as_deref()))
}
