// The shapes of states: shape first, colour second. Hidden from screen readers: a word always stands beside them.

import { svg } from "./vendor/lit-html/lit-html.js";

const SHAPES = {
  passed: ["ok", svg`<circle cx="8" cy="8" r="7" fill="currentColor"/><path class="cut" d="M4.8 8.3l2.2 2.2 4.2-4.7"/>`],
  running: ["run", svg`<circle cx="8" cy="8" r="6.25"/><path d="M6.6 5.2v5.6L11 8z" fill="currentColor" stroke="none"/>`],
  failed: ["bad", svg`<path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" fill="currentColor" stroke="none"/><path class="cut" d="M5.6 5.6l4.8 4.8m0-4.8l-4.8 4.8"/>`],
  needs: ["warn", svg`<path d="M8 1.2l7.2 13H.8z" fill="currentColor" stroke-width="1"/><path class="cut" d="M8 6v3.6M8 11.8v.2"/>`],
  quiet: ["warn", svg`<circle cx="8" cy="8" r="6.25"/><path d="M6.3 5.7v4.6M9.7 5.7v4.6"/>`],
  ended: ["warn", svg`<circle cx="8" cy="8" r="6.25"/><path d="M5.6 5.6h4.8v4.8H5.6z" fill="currentColor" stroke="none"/>`],
  blocked: ["warn", svg`<circle cx="8" cy="8" r="6.25"/><path d="M3.8 12.2l8.4-8.4"/>`],
  dropped: ["dim", svg`<circle cx="8" cy="8" r="6.25" stroke-width="1.5"/><path d="M5 8h6" stroke-width="1.5"/>`],
  open: ["dim", svg`<circle class="edge" cx="8" cy="8" r="6.25" stroke-width="1.5"/>`],
  waiting: ["dim", svg`<circle class="edge" cx="8" cy="8" r="6.25" stroke-dasharray="2.6 2.3"/>`],
  inferred: ["ok", svg`<circle cx="8" cy="8" r="6.25" stroke-dasharray="2.6 2.3" stroke-width="1.5"/><path d="M4.4 9c1.2-2 2.4-2 3.6-1s2.4 1 3.6-1" stroke-width="1.5"/>`],
  off: ["warn", svg`<circle cx="8" cy="8" r="6.25"/><path d="M3.8 12.2l8.4-8.4"/>`],
  start: ["dim", svg`<path d="M5.5 3.5v9L12 8z"/>`],
  check: ["ok", svg`<path d="M3 8.5l3.2 3.2L13 4.5"/>`],
  flag: ["ok", svg`<path d="M3.5 14.5v-13h9l-2 3.5 2 3.5h-9"/>`],
  find: ["dim", svg`<circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5L14 14"/>`],
  copy: ["", svg`<path d="M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z" stroke-width="1.4"/>`],
};

export function icon(name, tone = SHAPES[name][0]) {
  return svg`<svg class="ic ${tone}" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${SHAPES[name][1]}</svg>`;
}

export const triangle = svg`<svg class="tri" viewBox="0 0 12 12" fill="none" stroke="currentColor" stroke-width="1.6" aria-hidden="true"><path d="M4 2.5L8 6l-4 3.5"/></svg>`;

const PROVENANCE = {
  explicit: svg`<circle cx="6" cy="6" r="4.2" fill="currentColor"/>`,
  derived: svg`<circle cx="6" cy="6" r="4.2"/><path d="M6 1.8a4.2 4.2 0 010 8.4z" fill="currentColor"/>`,
  inferred: svg`<circle cx="6" cy="6" r="4.2" stroke-dasharray="1.8 1.5"/>`,
};

/** How something is known: full, half, dashed. */
export function provenance(name) {
  return svg`<svg class="pv" viewBox="0 0 12 12" fill="none" stroke="currentColor" stroke-width="1.4" aria-hidden="true">${PROVENANCE[name]}</svg>`;
}
