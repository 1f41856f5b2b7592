// Where the token goes in when there is none, or a wrong one.

import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { icon } from "../icons.js";

export function login(app, trouble, tried) {
  return html`<section class="card login" aria-labelledby="h-lo"><header>${icon("waiting")}<h1 id="h-lo">This bridge asks for its token</h1></header>
    <form @submit=${app.login}>
      <p>Open the link that it printed when it started, or paste the token.</p>
      ${trouble || tried ? html`<p class="bad" role="alert">${trouble || "That was not the right one."}</p>` : nothing}
      <label for="token">Token</label>
      <div class="field"><input id="token" name="token" type="password" autocomplete="off" spellcheck="false" required><button class="btn" type="submit">Show the run</button></div>
      <p class="dim">It stays in this tab and is never put into an address.</p>
    </form></section>`;
}
