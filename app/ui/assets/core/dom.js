// Nodes of the page. User text enters it through textContent alone.

/** @typedef {Node | string | number | null | undefined} Child */

/**
 * A node with attributes, handlers (names that begin with "on") and children. An attribute that is true is there without a value; false,
 * null and undefined are left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Object<string, any>} attributes
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  for (const child of children) if (child != null) node.append(child instanceof Node ? child : String(child));
  return node;
}

/**
 * A node of a drawing, with attributes and children.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Object<string, any>} attributes
 * @param {...(Node | string)} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svgNode(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/**
 * Put a sentence into a node; `bad` where it says what went wrong.
 * @param {HTMLElement} node
 * @param {string} sentence
 */
export function say(node, sentence, bad = false) {
  node.textContent = sentence;
  node.classList.toggle("sx-error", bad);
}

/** How far something is, as a bar. @param {HTMLElement} bar made by `progress` @param {number} share 0 to 1 */
export function fill(bar, share) {
  /** @type {HTMLElement} */ (bar.firstChild).style.width = `${100 * share}%`;
}

/** A bar that `fill` fills. @param {Object<string, any>} attributes */
export const progress = (attributes = {}) => el("div", {class: "sx-progress", ...attributes}, el("i"));

/**
 * Names and what stands beside them.
 * @param {Array<[string, Child | Child[]]>} pairs
 * @param {string} list class of the list
 * @param {string} value class of a value
 */
export const pairList = (pairs, list, value = "") => el("dl", {class: list}, ...pairs.flatMap(([name, told]) =>
  [el("dt", {}, name), el("dd", {class: value || null}, ...[told].flat())]));
