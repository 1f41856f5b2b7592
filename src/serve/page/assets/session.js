// The token: in memory and, for a reload, in sessionStorage of this tab. Never in a URL, a cookie or a request line.

const KEY = "progress-bridge token";

export function storedToken() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function keepToken(token) {
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage may be forbidden: then a reload asks again.
  }
}

/** The one-time code of a printed link, taken out of the address bar and the history at once. */
export function takeCode() {
  const given = new URLSearchParams(location.hash.slice(1)).get("code");
  if (given) history.replaceState(null, "", location.pathname + location.search);
  return given;
}

/** The code for the token; throws what the bridge says. */
export async function login(base, code) {
  const response = await fetch(new URL("api/login", base), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code }),
    cache: "no-store",
    credentials: "omit",
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok || !answer.token) throw new Error(answer.error?.message ?? `the answer is ${response.status}`);
  return answer.token;
}
