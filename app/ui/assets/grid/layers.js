// The layers of a grid: a button for each, or a slider where there are many.
import {el} from "../core/dom.js";
import {small} from "../parts/buttons.js";

/** @param {(k: number) => void} choose */
export function layerChoice(choose) {
  const node = el("span", {class: "sx-row sx-layers", role: "group"}), word = (text) => el("span", {class: "sx-quiet"}, text);
  const buttons = (labels, title, layer) => {
    const held = [...node.children].indexOf(document.activeElement);
    node.replaceChildren(word(title), ...labels.map((label, k) =>
      small(label, () => choose(k), {"aria-pressed": String(k === layer), title: "Keys [ and ]"})));
    if (held > 0) /** @type {HTMLElement | undefined} */ (node.children[held])?.focus({preventScroll: true});
  };
  const slider = (labels, title, layer) => {
    const range = node.querySelector("input") || el("input", {type: "range", min: 0, oninput: () => choose(Number(range.value))});
    range.setAttribute("aria-label", title);
    range.max = String(labels.length - 1);
    range.value = String(layer);
    range.setAttribute("aria-valuetext", labels[layer]);
    if (!range.isConnected) node.replaceChildren(word(title), range, el("b"));
    node.lastChild.textContent = labels[layer];
  };
  return {
    node,
    /** @param {import("./view.js").GridAxis} axis @param {number} layer */
    draw({labels, title}, layer) {
      node.hidden = labels.length < 2;
      node.setAttribute("aria-label", `Layer: ${title}`);
      (labels.length <= 8 ? buttons : slider)(labels, title, layer);
    },
  };
}
