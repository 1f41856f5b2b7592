//! Facts → state and events: the only place that knows what "story completed" means.

pub mod state;
