// Small pieces that the page and the panel share.

import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { Directive, directive, PartType } from "./vendor/lit-html/directive.js";
import { criteriaShare } from "./words.js";

/** Custom properties of an element, set through the CSSOM: the content policy forbids `style` attributes. */
class Vars extends Directive {
  constructor(part) {
    super(part);
    if (part.type !== PartType.ELEMENT) throw new Error("vars() belongs into a tag");
  }

  render() {}

  update(part, [vars]) {
    this.known ??= {};
    for (const [name, value] of Object.entries(vars)) {
      if (this.known[name] !== value) part.element.style.setProperty(name, value);
    }
    this.known = vars;
  }
}

export const vars = directive(Vars);

/** For screen readers only. */
export const sr = (text) => html`<span class="sr">${text}</span>`;

/** Values stay whole numbers; up to 40 of them are drawn as cells. `part` is the share of the one under way, drawn lighter and never counted. */
export function bar(label, value, max, part = 0, failed = 0) {
  const whole = max || 1;
  return html`<progress part="bar" aria-label=${label} .value=${Math.min(value, whole)} max=${whole}
    ${vars({ "--n": max > 40 ? 1 : whole, "--f": failed && (value + failed) / whole, "--c": (value + failed + part) / whole })}></progress>`;
}

/** The run's bar of a task that has a plan. */
export function runBar(task) {
  const { story_count: count, stories_passed: passed, stories_failed: failed } = task;
  if (count == null) return nothing;
  return bar(`Run: ${passed} of ${count} stories passed`, passed, count, criteriaShare(task), failed);
}

/** Copies without a secure context, too. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}
