//! Each item of the testing plan, on `docs/testing.md`, names tests that exist.

use crate::security::require_tests_of_claims;

#[test]
fn every_item_of_the_testing_plan_names_its_tests() {
    require_tests_of_claims("docs/testing.md", 15);
}
