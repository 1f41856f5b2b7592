//! What some tests need beside the compiler. `tests/run` installs it and says at the end what could not be run.

use std::io::Write;

/// Whether the tool is there. Without it the test says that it was not run, and where everything must run it fails.
#[track_caller]
pub fn have(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()) {
        return true;
    }
    let message = format!("NOT RUN: {} needs {tool}", std::thread::current().name().unwrap_or("a test"));
    assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "{message}");
    // Past the test harness, which swallows what a passing test prints.
    let _nobody_reads = writeln!(std::io::stderr(), "{message}").is_err();
    false
}
