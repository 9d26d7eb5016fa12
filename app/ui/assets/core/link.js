// The way to the program. All requests of ours take it, so that the page knows at once when nothing answers, and says so until
// something does. Gradio loads the page anew after a loss that it noticed; drafts.js keeps what was typed.
import {remember} from "./kept.js";

/** What the program refused, in its own sentence; status 0 if nothing answered. */
export class LinkError extends Error {
  /** @param {string} sentence @param {number} status */
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

const state = {lost: false, failures: 0, mended: /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined)};

/** What the program answers, as JSON. Throws a LinkError. @param {string} path @param {RequestInit} options @returns {Promise<any>} */
async function ask(path, options) {
  let response;
  try { response = await fetch(path, options); } catch { return missed(); }
  if ([502, 503, 504].includes(response.status)) return missed();      // a proxy answers in the program's place
  state.failures = 0;
  turn(false);
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new LinkError(answer.error || response.statusText, response.status);
  return answer;
}

/** @param {string} path */
export const get = (path) => ask(path, {headers: {Accept: "application/json"}});

/** @param {string} path @param {object} body */
export const post = (path, body = {}) =>
  ask(path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});

function missed() {
  state.failures++;
  turn(true);
  throw new LinkError("No connection to the program.", 0);
}

/** @param {boolean} lost */
function turn(lost) {
  if (lost === state.lost) return;
  state.lost = lost;
  clearTimeout(state.mended);
  if (lost) remember("lost", "yes");
  else state.mended = setTimeout(() => remember("lost", null), 10_000);       // Gradio, if it noticed, has loaded the page by then
  document.dispatchEvent(new CustomEvent("sx-link", {detail: lost}));
}

/** How long to wait before asking again, in ms: as usual, or longer and longer, but never so long that its return goes unnoticed. */
export const patience = (usual) => waiting(usual, state.lost, state.failures);

/**
 * The same by whether the way is lost and how often nothing answered.
 * @param {number} usual
 * @param {boolean} lost
 * @param {number} failures
 */
export const waiting = (usual, lost, failures) => lost ? Math.min(1500, Math.max(usual, 250 * failures)) : usual;

/** Whether the answer is final: the program knows better than to be asked again. @param {any} error */
export const isFinal = (error) => error.status > 0 && error.status !== 429;
