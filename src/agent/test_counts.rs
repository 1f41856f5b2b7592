//! How many tests passed and failed, from the summary lines of test programs. Only the numbers are kept.

use super::signal::TestCounts;
use crate::model::agent::TestResult;

/// Numbers of a summary, added up over its lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    passed: u32,
    failed: u32,
    lines: u32,
    /// Packages that failed without a number.
    broken: u32,
}

/// The numbers in the output of a test run; `None` when no line of it is a summary.
pub(super) fn test_counts(output: &str) -> Option<TestCounts> {
    let mut sum = Sum::default();
    for line in output.lines() {
        let line = line.trim().trim_matches('=').trim();
        if let Some(counts) = line.strip_prefix("test result:") {
            // libtest
            sum.add(counts);
        } else if line.starts_with("Summary [") || line.starts_with("Tests:") || line.starts_with("Tests  ") {
            // nextest, jest, vitest
            sum.add(line);
        } else if is_pytest(line) || is_rspec(line) {
            sum.add(line);
        } else if line.ends_with(" passing") || line.contains(" passing (") || line.ends_with(" failing") {
            // mocha
            sum.add(line);
        } else if line.starts_with("--- PASS:") {
            sum.passed += 1;
            sum.lines += 1;
        } else if line.starts_with("--- FAIL:") {
            sum.failed += 1;
            sum.lines += 1;
        } else if line.starts_with("FAIL\t") {
            sum.broken += 1;
        } else if line.starts_with("ok  \t") {
            sum.lines += 1;
        }
    }
    (sum.lines > 0 || sum.broken > 0).then(|| TestCounts {
        result: if sum.failed > 0 || sum.broken > 0 { TestResult::Failed } else { TestResult::Passed },
        passed: (sum.passed > 0).then_some(sum.passed),
        failed: (sum.failed > 0 || sum.passed > 0).then_some(sum.failed),
    })
}

fn is_pytest(line: &str) -> bool {
    let has_count = [" passed", " failed", " error"].iter().any(|word| line.contains(word));
    has_count && line.contains(" in ") && line.ends_with(['s', ')']) && line.starts_with(|c: char| c.is_ascii_digit())
}

fn is_rspec(line: &str) -> bool {
    [" example, ", " examples, "].iter().any(|word| line.contains(word)) && line.contains(" failure")
}

impl Sum {
    /// Adds each `N word` of a summary line.
    fn add(&mut self, line: &str) {
        let words: Vec<&str> = line.split(|c: char| c.is_whitespace() || ",;|()[]".contains(c)).filter(|word| !word.is_empty()).collect();
        let (passed, failed) = (self.passed, self.failed);
        let mut examples = None;
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u32>() else { continue };
            match pair[1] {
                "passed" | "passing" => self.passed = self.passed.saturating_add(number),
                "failed" | "failing" | "failures" | "failure" | "error" | "errors" => self.failed = self.failed.saturating_add(number),
                "examples" | "example" => examples = Some(number),
                _ => continue,
            }
            self.lines += 1;
        }
        if let (Some(examples), true) = (examples, self.passed == passed) {
            self.passed = passed.saturating_add(examples.saturating_sub(self.failed - failed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TestResult::{Failed, Passed};

    #[test]
    fn summaries_give_numbers() {
        for (output, expected) in [
            (
                "running 3 tests\ntest result: ok. 3 passed; 0 failed; 0 ignored\ntest result: FAILED. 2 passed; 1 failed; 4 ignored\n",
                Some((Failed, Some(5), Some(1))),
            ),
            ("     Summary [   1.2s] 43 tests run: 41 passed, 2 failed, 1 skipped", Some((Failed, Some(41), Some(2)))),
            ("===== 2 failed, 41 passed, 1 skipped in 3.21s =====", Some((Failed, Some(41), Some(2)))),
            ("12 passed in 0.10s", Some((Passed, Some(12), Some(0)))),
            ("Tests:       1 failed, 9 passed, 10 total\nTime: 2 s", Some((Failed, Some(9), Some(1)))),
            (" Tests  7 passed (7)", Some((Passed, Some(7), Some(0)))),
            ("  5 passing (20ms)\n  1 failing", Some((Failed, Some(5), Some(1)))),
            ("ok  \tshop/pay\t0.2s\nFAIL\tshop/cart\t0.1s", Some((Failed, None, None))),
            ("ok  \tshop/pay\t0.2s", Some((Passed, None, None))),
            ("--- PASS: TestPay (0.00s)\n--- FAIL: TestCart (0.00s)", Some((Failed, Some(1), Some(1)))),
            ("10 examples, 2 failures", Some((Failed, Some(8), Some(2)))),
            ("1 example, 0 failures", Some((Passed, Some(1), Some(0)))),
            ("1 example, 1 failure", Some((Failed, None, Some(1)))),
            ("10 examples, 0 failures", Some((Passed, Some(10), Some(0)))),
            ("3 files passed the review in a sense", None),
            ("nothing of the kind", None),
            ("test result: ok. 99999999999999 passed; 0 failed", Some((Passed, None, None))),
        ] {
            let counts = test_counts(output).map(|counts| (counts.result, counts.passed, counts.failed));
            assert_eq!(counts, expected, "{output}");
        }
    }
}
