//! How properties are tried: with how many cases, and where the seeds of failures are kept.

use proptest::test_runner::{Config, FileFailurePersistence};

/// A property that is tried with so many cases. A seed that failed once is tried first, ever after: commit its file.
pub(crate) fn config(cases: u32) -> Config {
    let seeds = FileFailurePersistence::SourceParallel("tests/regressions");
    Config { failure_persistence: Some(Box::new(seeds)), ..Config::with_cases(cases) }
}
