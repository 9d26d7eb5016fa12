// What was moved to the bin.
import {el} from "../core/dom.js";
import {isWriting} from "../core/keys.js";
import {small} from "./buttons.js";

/**
 * A bar at the foot of the window, wherever the page stands, for a while and until Undo; what follows within that while joins it. Ctrl-Z
 * is Undo too, while the bar is there.
 * @template T
 * @param {(items: T[]) => string} says the sentence
 * @param {(items: T[]) => Promise<void>} back undoes
 */
export function undoBar(says, back) {
  /** @type {T[]} */
  let items = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const text = el("span"), node = el("div", {class: "sx-toast", role: "status", hidden: true});
  const close = () => { items = []; node.hidden = true; clearTimeout(timer); };
  const undo = async () => {
    const these = items;
    close();
    try { await back(these); } catch (error) { items = these; text.textContent = error.message; node.hidden = false; }
  };
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => { if (node.matches(":hover, :focus-within")) wait(); else close(); }, 10_000);
  };
  node.append(text, small("Undo", undo, {title: "Ctrl-Z"}));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
    if (node.hidden || isWriting(event.target) || !node.checkVisibility()) return;
    event.preventDefault();
    undo();
  });
  return {
    node,
    /** @param {T} item */
    add(item) {
      items.push(item);
      text.textContent = says(items);
      node.hidden = false;
      wait();
    },
  };
}
