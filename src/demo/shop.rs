//! A run of five stories, in the words of two runners. Times are given by whoever tells it.

/// One story of the plan, and what the agent has to say when it is done.
pub struct ShopStory {
    /// `US-001`
    pub id: &'static str,
    /// What is to be built.
    pub title: &'static str,
    /// What must hold then.
    pub criteria: [&'static str; 3],
    /// What the agent writes that it did.
    pub done: &'static str,
    /// What it writes that it learned: words that look like failures among it.
    pub learned: &'static str,
}

/// The plan of the run.
pub const STORIES: [ShopStory; 5] = [
    ShopStory {
        id: "US-001",
        title: "Show the product list",
        criteria: ["All products are listed with name and price", "Sold out products are greyed out", "A page has 24 of them"],
        done: "List with paging; prices are formatted at the edge",
        learned: "Prices are cents everywhere",
    },
    ShopStory {
        id: "US-002",
        title: "Put a product into the basket",
        criteria: ["The count in the header rises", "Twice the same gives one row", "The basket survives a reload"],
        done: "Basket in a signed cookie",
        learned: "Fixed the error handling gotcha: a failed fetch resolves, look at its status",
    },
    ShopStory {
        id: "US-003",
        title: "Change quantities in the basket",
        criteria: ["Zero removes the row", "The total follows without a reload", "Quantities over the stock are refused"],
        done: "Quantities have their own endpoint",
        learned: "0 tests failed, 212 passed; two tabs may change one row",
    },
    ShopStory {
        id: "US-004",
        title: "Blocked accounts cannot log in",
        criteria: ["The form says that the account is blocked", "No session is made", "An administrator can lift the block"],
        done: "Login looks at the column that was there already",
        learned: "A blocked login must take as long as a wrong password",
    },
    ShopStory {
        id: "US-005",
        title: "Send the order confirmation",
        criteria: ["A mail goes out after payment", "A bounced mail is tried again", "It is in the customer's language"],
        done: "Queued in the transaction that books the payment",
        learned: "The mail service blocks senders without a name",
    },
];

/// The plan, every story open.
pub fn plan(branch: &str) -> String {
    let stories: Vec<String> = STORIES
        .iter()
        .map(|story| {
            let criteria: Vec<String> = story.criteria.iter().map(|text| format!("        \"{text}\"")).collect();
            format!(
                "    {{\n      \"id\": \"{}\",\n      \"title\": \"{}\",\n      \"acceptanceCriteria\": [\n{}\n      ],\n      \"priority\": 1,\n      \"passes\": false\n    }}",
                story.id,
                story.title,
                criteria.join(",\n")
            )
        })
        .collect();
    format!(
        "{{\n  \"project\": \"Corner Shop\",\n  \"branchName\": \"{branch}\",\n  \"description\": \"From the list to the order\",\n  \"userStories\": [\n{}\n  ]\n}}\n",
        stories.join(",\n")
    )
}

/// ralph: what the script writes, by `>` and then `>>`.
pub fn ralph_header(started: &str) -> [String; 3] {
    ["# Ralph Progress Log\n".to_owned(), format!("Started: {started}\n"), "---\n".to_owned()]
}

/// The line that entries go under when the newest comes first.
pub const RALPH_TOP: &str = "---\n";

/// ralph: what the agent adds when a story's checks have passed.
pub fn ralph_entry(story: &ShopStory, time: &str) -> String {
    format!(
        "\n## {time} - {}\n- {}\n- Files changed: app/{}.ts\n- **Learnings for future iterations:**\n  - {}\n---\n",
        story.id,
        story.done,
        story.id.to_lowercase(),
        story.learned
    )
}

/// claude-loop: what the script writes once.
pub fn claude_loop_header(created: &str) -> String {
    format!("# Progress Log: checkout\n# Created: {created}\n\n## Codebase Patterns\n\n---\n\n## Iteration History\n")
}

/// The line that entries go under when the newest comes first.
pub const CLAUDE_LOOP_TOP: &str = "## Iteration History\n";

/// claude-loop: what the agent adds when a story is done.
pub fn claude_loop_entry(story: &ShopStory, time: &str) -> String {
    let ticks: String = (1..).zip(story.criteria).map(|(number, text)| format!("- ✓ AC{number}: {text}\n")).collect();
    format!(
        "\n### Iteration: {time}\n**Story**: {} - {}\n**Status**: Complete\n\n**What was implemented**:\n- {}\n\n**Acceptance criteria** (all met):\n{ticks}\n**Learnings for future iterations**:\n- {}\n\n---\n",
        story.id, story.title, story.done, story.learned
    )
}

/// claude-loop: the record that the script appends when an attempt ends. Times are RFC 3339.
pub fn record(story: &ShopStory, iteration: usize, started: &str, ended: &str) -> String {
    let (id, title) = (story.id, story.title);
    execution_record(id, title, "success", iteration, started, ended)
}

/// claude-loop: the record without a story that the script's exit trap adds.
pub fn empty_record(iteration: usize, started: &str, ended: &str) -> String {
    execution_record("", "", "in_progress", iteration, started, ended)
}

fn execution_record(id: &str, title: &str, status: &str, iteration: usize, started: &str, ended: &str) -> String {
    format!(
        "{{\"story_id\":\"{id}\",\"story_title\":\"{title}\",\"timestamp_start\":\"{started}\",\"timestamp_end\":\"{ended}\",\"duration_ms\":9400,\
         \"status\":\"{status}\",\"exit_code\":0,\"exit_code_meaning\":\"Success\",\"error_type\":\"\",\"error_message\":\"\",\"retry_count\":0,\
         \"fallback_count\":0,\"attempted_actions\":[],\"tools_used\":[\"Claude\"],\"file_types\":[],\"context\":{{\"iteration\":{iteration},\"max_iterations\":15}}}}\n"
    )
}
