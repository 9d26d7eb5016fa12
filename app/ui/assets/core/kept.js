// What this browser tab keeps while it is open, and what the browser keeps; neither where it is private.

/** Keep a text, or nothing, for this tab. @param {string} key @param {string | null} value */
export function remember(key, value) {
  try { value ? sessionStorage.setItem(`sx-${key}`, value) : sessionStorage.removeItem(`sx-${key}`); } catch { /* private mode */ }
}

/** What this tab keeps. @param {string} key */
export function recall(key) {
  try { return sessionStorage.getItem(`sx-${key}`); } catch { return null; }
}

/** What this tab keeps, as JSON. @param {string} key @param {any} otherwise where there is none that can be read */
export function recalled(key, otherwise) {
  try { return JSON.parse(recall(key)) ?? otherwise; } catch { return otherwise; }
}

/** Keep a text in the browser. @param {string} key @param {string} value */
export function rememberAlways(key, value) {
  try { localStorage.setItem(`sx-${key}`, value); } catch { /* private mode */ }
}

/** What the browser keeps. @param {string} key */
export function recallAlways(key) {
  try { return localStorage.getItem(`sx-${key}`); } catch { return null; }
}
