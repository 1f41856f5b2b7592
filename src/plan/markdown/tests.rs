//! Documents of every family, as their authors write them.

use crate::plan::{Notation, parse};

fn check(text: &str, expected: &[&str]) {
    let mut shown = crate::plan::tests::show(Notation::Markdown, text);
    shown[0] = shown[0].split(" | ").next().unwrap_or_default().to_owned();
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn spec_kit() {
    check(
        "# Tasks: Shop\n\n## Format: `[ID] [P?] Text`\n\n- **[P]**: side by side\n\n## Phase 1: Setup (Shared)\n\n**Purpose**: a start\n\n- [X] T001 Create it\n- [X] T002 [P] Add the linter in\n  `tools/lint.toml`\n\n**Checkpoint**: ready\n\n## Phase 2: User Story 1 - Basket (Priority: P1)\n\n- [ ] T003 [P] [US1] Write the test\n- [ ] **T004** [US1] Write it\n\n## Summary\n\n- [ ] Phase 2 Complete\n",
        &[
            "Shop",
            "[x] T001 Create it <Phase 1: Setup (Shared)>",
            "[x] T002 Add the linter in tools/lint.toml <Phase 1: Setup (Shared)>",
            "[ ] T003 Write the test <Phase 2: User Story 1 - Basket (Priority: P1)>",
            "[ ] T004 Write it <Phase 2: User Story 1 - Basket (Priority: P1)>",
        ],
    );
}

#[test]
fn kiro() {
    check(
        "# Implementation Plan: Shop\n\n- [x] 1. Basket\n  - [x] 1.1 Write it\n    - keeps the order\n    - _Requirements: 1.1_\n  - [ ]* 1.2 Property tests\n- [-] 2. Payment\n  - [ ] 2.1 Take money\n- [ ]* 3. Docs\n- [~] Receipt\n",
        &["Shop", "[x] 1 Basket 1/2", "[~] 2 Payment 0/1", "[d] 3 Docs", "[~] - Receipt"],
    );
}

#[test]
fn open_spec() {
    check(
        "## 1. Basket\n\n- [x] 1.1 Write it\n- [x] 1.2 Test it\n  - [x] 1.2.1 once\n  - [ ] 1.2.2 twice\n- [x] by hand\n\n## 2. Payment\n\n- [ ] 2.1 Take money\n",
        &[
            "-",
            "[x] 1.1 Write it <1. Basket>",
            "[x] 1.2 Test it 1/2 <1. Basket>",
            "[x] - by hand <1. Basket>",
            "[ ] 2.1 Take money <2. Payment>",
        ],
    );
}

#[test]
fn sisyphus() {
    check(
        "# Build the shop\n\n## Work Objectives\n\n### Definition of Done\n- [ ] it runs\n\n## TODOs\n\n### Wave 1\n\n- [x] 1. Basket\n\n  **What to do**:\n  - write it\n\n  **Acceptance**:\n  - [ ] keeps things\n\n- [ ] 2. Payment\n\n## Final Verification Wave\n\n- [ ] F1. **Plan check** — `oracle`\n\n## Success Criteria\n\n### Final Checklist\n- [ ] all there\n",
        &["Build the shop", "[x] 1 Basket 0/1 <Wave 1>", "[ ] 2 Payment <Wave 1>", "[ ] F1 Plan check — oracle <Final Verification Wave>"],
    );
}

#[test]
fn conductor() {
    check(
        "# Implementation Plan - Shop\n\n## Phase 1: Basket [checkpoint: 1a2b3c4]\n\n- [x] Task: Write it 9f8e7d6\n    - [x] first\n    - [x] second\n- [~] Task: Conductor - User Manual Verification 'Phase 1' (Protocol in workflow.md)\n\n## Phase 2: Payment\n- [ ] Task: Take money\n",
        &[
            "Shop",
            "[x] - Write it 2/2 #9f8e7d6 <Phase 1: Basket>",
            "[~] - Conductor - User Manual Verification 'Phase 1' (Protocol in workflow.md) <Phase 1: Basket>",
            "[ ] - Take money <Phase 2: Payment>",
        ],
    );
}

#[test]
fn planning_with_files() {
    let text = "# Task Plan: Shop\n\n## Goal\nA shop.\n\n## Current Phase\nPhase 2\n\n## Phases\n\n### Phase 1: Basket\n- [x] Write it\n- [x] Test it\n- **Status:** complete\n\n### Phase 2: Payment\n- [x] Choose a bank\n- [ ] Take money\n- **Status:** in_progress\n\n### Phase 3: Receipt\n- [ ] Send it\n- **Status:** pending\n\n## Errors Encountered\n| Error | Attempt | Resolution |\n|---|---|---|\n| Bank says no | 1 | again |\n| None | | |\n";
    check(text, &["Shop", "[x] Phase 1 Basket 2/2 <Phases>", "[~] Phase 2 Payment 1/2 <Phases>", "[ ] Phase 3 Receipt 0/1 <Phases>"]);
    assert_eq!(parse(Notation::Markdown, text).expect("a plan").errors, ["Bank says no"]);
    check(
        "# Plan\n\n- [in_progress] Pay\n- [pending] Send\n- [complete] Keep\n1. [x] One\n",
        &["-", "[~] - Pay", "[ ] - Send", "[x] - Keep", "[x] - One"],
    );
}

#[test]
fn fix_plans() {
    check(
        "# Ralph Fix Plan\n\n## High Priority\n- [x] Basket (Loop 1 — 3 tests)\n  - a detail\n- [x] Payment\n\n## Optional\n- [ ] Write about it\n\n## Completed\n- [x] Set up\n\n## Notes\n- [ ] no work\n",
        &[
            "-",
            "[x] - Basket (Loop 1 — 3 tests) <High Priority>",
            "[x] - Payment <High Priority>",
            "[d] - Write about it <Optional>",
            "[x] - Set up <Completed>",
        ],
    );
    check(
        "# IMPLEMENTATION_PLAN\n\n## Now\n\n- [ ] TASK-A-10-B: Camera\n  - PRD: A-10\n\n## Done\n\n1) [x] TASK-A-01-A: Start\n   - PRD: A-01\n2) [x] TASK-A-01-B: Window\n",
        &["-", "[ ] TASK-A-10-B Camera <Now>", "[x] TASK-A-01-A Start <Done>", "[x] TASK-A-01-B Window <Done>"],
    );
}

#[test]
fn roadmaps() {
    check(
        "# Roadmap: Shop\n\n## Phases\n\n- [x] **Phase 1: Basket** - kept\n- [ ] **Phase 2: Payment** - taken\n\n### Phase 1: Basket\n\nPlans:\n- [x] 01-01-PLAN.md — write it\n- [x] 01-02: test it\n\n### Phase 2: Payment\n\nPlans:\n- [ ] 02-01-PLAN.md — take money\n",
        &["Shop", "[x] 01-01 write it <Phase 1: Basket>", "[x] 01-02 test it <Phase 1: Basket>", "[ ] 02-01 take money <Phase 2: Payment>"],
    );
    check(
        "# M001: Shop\n\n## Slices\n\n- [x] **S01: Basket** `risk:high` `depends:[]`\n  > after this: things are kept\n- [ ] **S02: Payment** `risk:low` `depends:[S01]`\n",
        &["M001: Shop", "[x] S01 Basket <Slices>", "[ ] S02 Payment <Slices>"],
    );
}

#[test]
fn headings_with_boxes() {
    check(
        "# Implementation Plan: Shop\n\n## Phase 1: Basket\n\n### [x] US-523: Make a basket\n**Why**: people carry\n\n#### Tasks\n- [x] write it\n- [x] draw it\n\n### [ ] US-524: Take money\n\n#### Tasks\n- [x] choose a bank\n- [ ] sign\n",
        &["Shop", "[x] US-523 Make a basket 2/2 <Phase 1: Basket>", "[ ] US-524 Take money 1/2 <Phase 1: Basket>"],
    );
    check(
        "# Shop Plan\n\n### Task 1: Basket\n\n- [x] **Step 1: test**\n- [x] **Step 2: code**\n\n### Task 2: Payment\n\n- [-] **Step 1: test**\n- [ ] **Step 2: code**\n",
        &["Shop Plan", "[x] 1 Basket 2/2", "[~] 2 Payment 0/2"],
    );
}

#[test]
fn rows_without_a_dash() {
    check(
        "# Plan for the shop\n\n[x] 1.0 - Basket\n    [x] 1.1 - Write it\n[ ] 2.0 - Payment\n",
        &["the shop", "[x] 1.0 Basket", "[x] 1.1 Write it", "[ ] 2.0 Payment"],
    );
}

#[test]
fn prose_is_no_plan() {
    for text in ["", "# Readme\n\nText.\n\n- a list\n- of things\n", "```\n- [ ] code\n```\n", "# Prompt\n\n1. Read the plan\n2. Work\n"] {
        check(text, &["NotAPlan"]);
    }
}

/// A document may have as many headings as lines, and finding a group among them costs what there are.
#[test]
fn a_heading_without_stories_is_no_group() {
    let prose: String = (0..3_000).map(|n| format!("## Chapter {n}\n\nwords\n\n")).collect();
    for work in ["## Basket\n\n- [x] T001 Make it\n- [ ] T002 Draw it\n", "## Basket\n\n### [x] US-1: Make it\n\n### [ ] US-2: Draw it\n"] {
        let plan = parse(Notation::Markdown, &format!("# Shop\n\n{prose}{work}\n{prose}")).expect("it is one");
        let groups: Vec<&str> = plan.groups.iter().map(|group| &*group.name).collect();
        assert_eq!((groups, plan.stories.len()), (vec!["Basket"], 2), "{work}");
    }
}
