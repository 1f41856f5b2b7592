//! The limit of open files: raises it and says how many connections fit under it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors reserved for watched files, the watcher and the runtime.
const RESERVED: u64 = 128;

/// Raises the soft limit of open files as far as `connections` need it and the hard limit allows it. Returns how many connections
/// fit under it.
pub(super) fn raise_limit(connections: usize) -> usize {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(RESERVED);
    let limit = getrlimit(Resource::Nofile);
    let raised = limit.maximum.map_or(wanted, |hard| wanted.min(hard));
    let current = match limit.current {
        // The system sets no limit.
        None => return connections,
        Some(soft) if raised > soft => {
            let raise = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit });
            if raise.is_ok() { raised } else { soft }
        }
        Some(soft) => soft,
    };
    // Under a very low limit clients get half of it, because a server must serve at least somebody.
    let left = current.saturating_sub(RESERVED).max(current / 2);
    connections.min(usize::try_from(left).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fit_under_the_limit_and_leave_room() {
        let few = raise_limit(10);
        assert_eq!(few, 10);
        let hard = getrlimit(Resource::Nofile).maximum;
        let many = raise_limit(1_000_000_000);
        let soft = getrlimit(Resource::Nofile).current;
        assert!(soft >= hard.map(|hard| hard.min(many as u64)), "raised as far as the hard limit allows");
        assert!(soft.is_none_or(|soft| (many as u64) < soft), "{many} of {soft:?}");
    }
}
