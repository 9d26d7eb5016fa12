// Buttons, switches and fields.
import {el} from "../core/dom.js";

/**
 * A small button.
 * @param {string} text
 * @param {((event: any) => void) | null} run
 * @param {Object<string, any>} more attributes
 */
export const small = (text, run, more = {}) => el("button", {class: "sx-small", type: "button", onclick: run || (() => {}), ...more}, text);

/** The same for what one most likely wants. @param {string} text @param {(event: any) => void} run @param {Object<string, any>} more */
export const primary = (text, run, more = {}) => small(text, run, {class: "sx-small sx-primary", ...more});

/**
 * A box to tick with its words.
 * @param {string} text
 * @param {string | null} title
 * @param {(() => void) | null} change
 */
export function toggle(text, title = null, change = null) {
  const input = el("input", {type: "checkbox"});
  if (change) input.addEventListener("change", change);
  return {input, node: el("label", {class: "sx-toggle", title}, input, text)};
}

/** A field beneath its label. @param {string} label @param {HTMLElement} node @param {string} more classes */
export const field = (label, node, more = "") => el("label", {class: `sx-field ${more}`.trim()}, el("span", {}, label), node);

/**
 * A list to choose from.
 * @param {Object<string, any>} attributes
 * @param {Array<[string | number, string | number]>} choices value and words
 */
export const select = (attributes, choices) => el("select", attributes, ...choices.map(([value, text]) => el("option", {value}, text)));

/**
 * Fill a list whose choices came later; what was chosen or kept stays, if it is there.
 * @param {HTMLSelectElement} list
 * @param {Array<[string, string]>} choices
 */
export function offer(list, choices) {
  const kept = list.dataset.wanted || list.value;
  list.replaceChildren(...choices.map(([value, text]) => el("option", {value}, text)));
  list.value = choices.some(([value]) => value === kept) ? kept : "";
  delete list.dataset.wanted;
}

/** Say which of some buttons is pressed. @param {HTMLElement[]} buttons @param {(button: HTMLElement) => boolean} pressed */
export function press(buttons, pressed) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(pressed(button)));
}
