//! One of the `--max-clients` permits: held by a stream until it ends, and by a poll while it waits.

use tokio::sync::OwnedSemaphorePermit;

use super::ServerContext;
use super::metrics::{Counters, Gauge, GaugeGuard};

/// The client that holds it counts as open in a gauge.
pub(super) struct ClientPermit {
    _permit: OwnedSemaphorePermit,
    _gauge: GaugeGuard,
}

impl ClientPermit {
    /// `None` when there are as many clients as may be.
    pub(super) fn try_acquire(server: &ServerContext, gauge: fn(&Counters) -> &Gauge) -> Option<ClientPermit> {
        let Ok(permit) = server.client_permits.clone().try_acquire_owned() else {
            server.counters.count_busy();
            return None;
        };
        Some(ClientPermit { _permit: permit, _gauge: GaugeGuard::new(&server.counters, gauge) })
    }
}
