//! The limit of open files, divided once between clients and watched files, so that neither can take what the other needs.

use std::fs::File;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::Error;

/// Descriptors for everything else: standard streams, the runtime, the listener, the watcher, the store. Under a very low limit half of it.
const RESERVED: u64 = 64;

/// Connections besides the streams: pollers, pages, health checks, clients that are told to come back later.
const SPARE_CONNECTIONS: u64 = 256;

/// Watched files for which the soft limit is raised, if the hard limit allows it.
const WANTED_FILES: u64 = 16_384;

/// How many descriptors each part may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DescriptorBudget {
    /// Streams at one time: what was asked for, or what fits.
    pub(super) clients: usize,
    /// Connections at one time, those of the streams among them.
    pub(super) connections: usize,
    /// Watched files that are held open at one time.
    pub(super) files: usize,
}

/// What the runtime, a listener, the signals and the files being read take. The watcher does without where there are no more.
const LEAST: usize = 10;

/// Checks that the program can work at all.
///
/// # Errors
///
/// So few files can be opened that it could not.
pub fn require_descriptors() -> Result<(), Error> {
    raise_limit(0);
    let opened: std::io::Result<Vec<File>> = (0..LEAST).map(|_| File::open("/dev/null")).collect();
    opened.map(drop).map_err(|cause| Error::Io {
        what: format!("cannot open {LEAST} files at a time"),
        path: None,
        cause,
        hint: "raise the limit of open files (ulimit -n)",
    })
}

/// Raises the soft limit as far as needed and allowed, and divides it. Without a server `max_clients` is 0.
pub(super) fn divide_limit(max_clients: usize) -> DescriptorBudget {
    divide(raise_limit(max_clients), max_clients)
}

/// The limit afterwards; `None` without one.
fn raise_limit(max_clients: usize) -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let soft = limit.current?;
    let wanted = RESERVED + WANTED_FILES + wanted_connections(max_clients);
    let raised = limit.maximum.map_or(wanted, |hard| wanted.min(hard));
    let is_raised = raised > soft && setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok();
    Some(if is_raised { raised } else { soft })
}

fn divide(limit: Option<u64>, max_clients: usize) -> DescriptorBudget {
    let limit = limit.unwrap_or(u64::MAX);
    let free = limit - RESERVED.min(limit / 2);
    // Files and connections get half each where both are short.
    let wanted = wanted_connections(max_clients);
    let connections = wanted.min(free / 2);
    // A quarter stays for those who want no stream.
    let clients = (max_clients as u64).min(connections - connections.div_ceil(4).min(SPARE_CONNECTIONS));
    let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
    DescriptorBudget { clients: count(clients), connections: count(connections), files: count(free - connections) }
}

fn wanted_connections(max_clients: usize) -> u64 {
    match max_clients {
        0 => 0,
        clients => (clients as u64).saturating_add(SPARE_CONNECTIONS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(limit: u64, max_clients: usize, expected: (usize, usize, usize)) {
        let DescriptorBudget { clients, connections, files } = divide(Some(limit), max_clients);
        assert_eq!((clients, connections, files), expected, "{max_clients} clients under a limit of {limit}");
        assert!(connections + files <= limit as usize - (limit as usize / 2).min(64));
    }

    #[test]
    fn clients_and_files_never_take_each_others_descriptors() {
        check(1_000_000, 1_024, (1_024, 1_280, 998_656));
        check(20_000, 10_000, (9_712, 9_968, 9_968));
        check(4_096, 1_024, (1_024, 1_280, 2_752));
        check(1_024, 1_024, (360, 480, 480));
        check(1_024, 100, (100, 356, 604));
        check(64, 1_024, (12, 16, 16));
        check(16, 1_024, (3, 4, 4));
        check(1_024, 0, (0, 0, 960));
        assert_eq!(divide(None, 5).clients, 5);
    }

    #[test]
    fn the_soft_limit_rises_with_the_clients() {
        let limit = raise_limit(10);
        assert_eq!(limit, getrlimit(Resource::Nofile).current);
        assert!(divide(limit, 10).clients == 10, "{limit:?}");
    }
}
