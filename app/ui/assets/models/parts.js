// Parts of rows that open, used for models here and on the Hub.
import {el, pairList} from "../core/dom.js";
import {dotted} from "../core/format.js";
import {small} from "../parts/buttons.js";

/** @param {string | null} family */
export const accent = (family) => family ? `--accent: var(--accent-${family})` : null;

/**
 * The quiet line beneath a name: the family with its colour, then what else is to be said.
 * @param {string} family
 * @param {string} title
 * @param {string[]} facts
 */
export const quietLine = (family, title, facts) => el("span", {class: "sx-quiet sx-model-line"},
  family ? el("i", {class: "sx-swatch", "aria-hidden": "true"}) : null, dotted([title, ...facts]));

/** The title of some rows, and what stands in their columns. @param {string} title @param {...string} columns */
export const rowsHead = (title, ...columns) => el("div", {class: "sx-model-grid sx-model-head"}, el("h4", {}, title),
  ...columns.map((text) => el("span", {class: "sx-quiet sx-model-number", "aria-hidden": "true"}, text)));

/** @param {Node[]} nodes */
export const modelRows = (nodes) => el("div", {class: "sx-model-rows"}, ...nodes);

/** A number in its column, with what it is for those who hear it. @param {string} text @param {string} label */
export const columnNumber = (text, label) =>
  el("span", {class: "sx-num sx-model-number"}, el("span", {class: "sx-unseen"}, `${label} `), text);

/** What is known, as far as it is. @param {Array<[string, any]>} pairs */
export const modelFacts = (pairs) => pairList(pairs.filter(([, value]) => value), "sx-facts-table", "sx-num");

/** A place for a sentence. @param {string} role */
export const toldPlace = (role = "status") => el("p", {class: role === "alert" ? "sx-model-told sx-error" : "sx-model-told", role});

/**
 * A button that asks once more in its own place; Escape or the second answer keeps what there is.
 * @param {string} text @param {string} label of the button that does it @param {() => void} run
 */
export function asked(text, label, run) {
  const node = el("span", {class: "sx-row"});
  const show = (nodes) => { node.replaceChildren(...nodes); nodes[0].focus(); };
  const first = [small(text, () => show(sure))];
  const sure = [small(label, run, {class: "sx-small sx-danger"}), small("Keep it", () => show(first))];
  node.append(...first);
  node.onkeydown = (event) => {
    if (event.key === "Escape" && sure[0].isConnected) { event.stopPropagation(); show(first); }
  };
  return node;
}
