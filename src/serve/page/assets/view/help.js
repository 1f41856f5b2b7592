// Keyboard: what each key does, and doing it.

import { html, render } from "../vendor/lit-html/lit-html.js";

const KEYS = [["/", "Search events"], ["j", "Next story"], ["k", "Story before"], ["Enter", "Open or close the story"], ["e", "Next error"], ["?", "This help"]];
const SHORT = [[["/"], "search"], [["j", "k"], "stories"], [["e"], "errors"], [["?"], "help"]];

export const help = {
  foot: html`<div class="foot">${SHORT.map(([keys, word]) => html`<span class="hint">${keys.map((key) => html`<kbd>${key}</kbd>`)}${word}</span>`)}
    <nav aria-label="The bridge's own data"><a href="api/state">state</a><a href="api/events">events</a><a href="metrics">metrics</a><a href="version">version</a></nav></div>`,

  open(dialog) {
    render(html`<h2 id="h-he">Keyboard</h2><dl>${KEYS.map(([key, words]) => html`<dt><kbd>${key}</kbd></dt><dd>${words}</dd>`)}</dl><form method="dialog"><button class="btn">Close</button></form>`, dialog);
    dialog.showModal();
  },
};

/** Rows that can be seen: folded groups themselves, and the stories of those that are not. */
function rows() {
  return [...document.querySelectorAll(".grow:not([open]) > summary, .srow > summary")].filter((row) => row.checkVisibility?.() ?? row.offsetParent);
}

function go(element) {
  element?.focus();
  element?.scrollIntoView({ block: "nearest" });
}

export function keys(app) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog[open]")) {
      if (event.key === "Escape" && event.target.id === "search") app.log.search("", false);
      return;
    }
    const here = () => rows().indexOf(document.activeElement);
    const act = {
      "/": () => document.getElementById("search")?.focus(),
      j: () => go(rows()[here() + 1] ?? rows()[0]),
      k: () => go(rows()[here() - 1] ?? rows().at(-1)),
      e: () => {
        const errors = [...document.querySelectorAll(".alert .btn, .srow.failed > summary, .srow.blocked > summary")].filter((each) => !each.closest(".alert") || each.matches(":first-child"));
        go(errors[(errors.indexOf(document.activeElement) + 1) % errors.length]);
      },
      "?": () => app.help(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
