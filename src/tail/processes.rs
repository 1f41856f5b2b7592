//! The processes of runners: which of those that a file names are alive, and which have ended since.
//!
//! Says something only of a process that it has found alive: whatever else a number stands for is nobody's end. Linux only, by
//! `/proc`; elsewhere no process is ever found.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

use crate::clock::{ClockReading, Timestamp};
use crate::engine::NamedProcess;
use crate::line::SourceId;
use crate::plan::run_status::RunnerProcess;
use crate::text::CleanText;

/// Two small reads a process: often enough that an end is known long before the 10 s that the state promises.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// A runner writes its number after it has started. One that started later than that has got a number that was used before; the
/// tolerance (milliseconds) is for clocks that were set meanwhile.
const START_TOLERANCE: i64 = 60_000;

/// The processes that are watched, by the file that names them.
#[derive(Debug, Default)]
pub(super) struct ProcessWatch {
    watched: HashMap<SourceId, WatchedProcess>,
    next_check: Duration,
}

#[derive(Debug)]
struct WatchedProcess {
    process: RunnerProcess,
    /// When it started, in ticks since the machine did: with its number it names one process. `None` once it has ended, or if it is
    /// not the runner's.
    started: Option<u64>,
}

impl ProcessWatch {
    /// When the next check is due.
    pub(super) fn next_check(&self) -> Duration {
        self.next_check
    }

    /// Looks at new processes, and at the others when that is due. Returns the files whose process has ended.
    pub(super) fn check(&mut self, named: Vec<NamedProcess>, now: ClockReading) -> Vec<SourceId> {
        let is_due = now.elapsed >= self.next_check;
        if is_due {
            self.next_check = now.elapsed + CHECK_INTERVAL;
        }
        let mut ended = Vec::new();
        for NamedProcess { source, process, written } in named {
            match self.watched.get_mut(&source).filter(|watched| watched.process == process) {
                None => {
                    let started = runner_start(&process, written, now.wall);
                    self.watched.insert(source, WatchedProcess { process, started });
                }
                Some(watched) if is_due && watched.started.is_some() && start_of(process.pid) != watched.started => {
                    watched.started = None;
                    ended.push(source);
                }
                Some(_) => {}
            }
        }
        ended
    }
}

/// When the process started, if it is alive and can have written the file.
fn runner_start(process: &RunnerProcess, written: Option<Timestamp>, now: Timestamp) -> Option<u64> {
    let is_here = |host: &CleanText| fs::read_to_string("/proc/sys/kernel/hostname").is_ok_and(|own| *host == *own.trim());
    if process.host.as_ref().is_some_and(|host| !is_here(host)) {
        return None;
    }
    let started = start_of(process.pid)?;
    let uptime: f64 = fs::read_to_string("/proc/uptime").ok()?.split(' ').next()?.parse().ok()?;
    let age_ms = (uptime - started as f64 / clock_ticks_per_second() as f64) * 1000.0;
    let started_at = now.0.saturating_sub(age_ms as i64);
    written.is_none_or(|written| started_at <= written.0.saturating_add(START_TOLERANCE)).then_some(started)
}

/// When a process that is alive started, in ticks since the machine did. One that is dead and not yet buried counts as ended.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, parentheses too.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let is_dead = matches!(fields.next()?, "Z" | "X");
    // The 22nd field of all; the state is the third.
    fields.nth(18)?.parse().ok().filter(|_| !is_dead)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").spawn().expect("there is a sleep")
    }

    fn named(pid: u32, written: Option<Timestamp>, host: Option<&str>) -> Vec<NamedProcess> {
        vec![NamedProcess { source: SourceId(0), process: RunnerProcess { pid, host: host.map(CleanText::from) }, written }]
    }

    fn at(secs: u64) -> ClockReading {
        ClockReading { elapsed: Duration::from_secs(secs), wall: Timestamp::now() }
    }

    #[test]
    fn the_end_of_a_process_that_was_found_alive_is_noticed_once() {
        let mut child = sleeper();
        let mut watch = ProcessWatch::default();
        let named = named(child.id(), Some(Timestamp::now()), None);
        assert!(watch.check(named.clone(), at(0)).is_empty());
        assert!(watch.check(named.clone(), at(5)).is_empty());
        child.kill().expect("it is ours");
        child.wait().expect("it was killed");
        assert!(watch.check(named.clone(), at(6)).is_empty(), "not due yet");
        assert_eq!(watch.check(named.clone(), at(10)), [SourceId(0)]);
        assert!(watch.check(named, at(20)).is_empty(), "once");
    }

    #[test]
    fn a_process_that_was_never_found_alive_ends_nothing() {
        let mut dead = sleeper();
        dead.kill().expect("it is ours");
        dead.wait().expect("it was killed");
        let mut other = sleeper();
        let long_ago = Some(Timestamp(Timestamp::now().0 - 3_600_000));
        // Dead before the first look; started after the file was written; of another machine.
        let cases = [(dead.id(), None, None), (other.id(), long_ago, None), (other.id(), None, Some("a machine of nobody"))];
        let mut watches = cases.map(|(pid, written, host)| {
            let mut watch = ProcessWatch::default();
            assert!(watch.check(named(pid, written, host), at(0)).is_empty());
            watch
        });
        other.kill().expect("it is ours");
        other.wait().expect("it was killed");
        for (watch, (pid, written, host)) in watches.iter_mut().zip(cases) {
            assert!(watch.check(named(pid, written, host), at(60)).is_empty(), "{pid} {written:?} {host:?}");
        }
    }
}
