//! How many connections the system lets us have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept free for everything else: watched files, the watcher, the runtime.
const RESERVED: u64 = 128;

/// Raises the process's soft limit of open files as far as `connections` need it and the administrator allows it; returns how many
/// connections fit under it.
pub(super) fn room_for(connections: usize) -> usize {
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(RESERVED);
    let limit = getrlimit(Resource::Nofile);
    let raised = limit.maximum.map_or(wanted, |hard| wanted.min(hard));
    let current = match limit.current {
        // No limit at all.
        None => return connections,
        Some(soft) if raised > soft => {
            let raise = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit });
            if raise.is_ok() { raised } else { soft }
        }
        Some(soft) => soft,
    };
    // Under a very low limit half of it is for clients: one that can serve nobody at all is no server.
    let left = current.saturating_sub(RESERVED).max(current / 2);
    connections.min(usize::try_from(left).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fit_under_the_limit_and_leave_room() {
        let few = room_for(10);
        assert_eq!(few, 10);
        let hard = getrlimit(Resource::Nofile).maximum;
        let many = room_for(1_000_000_000);
        let soft = getrlimit(Resource::Nofile).current;
        assert!(soft >= hard.map(|hard| hard.min(many as u64)), "raised as far as it goes");
        assert!(soft.is_none_or(|soft| (many as u64) < soft), "{many} of {soft:?}");
    }
}
