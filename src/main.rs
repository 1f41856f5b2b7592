//! The program: its allocator; all else is in `program`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// A thread of its own gives back what stays unused for ten seconds.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    progress_bridge::program::run()
}
