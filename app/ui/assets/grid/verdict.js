// What came of drawing cells again: how many of each verdict, which are not bit-exact, and what changed on the machine.
import {el} from "../core/dom.js";
import {small} from "../parts/buttons.js";

/**
 * @typedef {{i: number, verdict: string, max: number, mean: number}} Verdict
 * @typedef {{cells: Verdict[], then?: Object<string, any>, now?: Object<string, any>}} Again
 */

/** What is another now than then, "name before → after". @param {Object<string, any>} then @param {Object<string, any>} now */
export function changes(then = {}, now = {}) {
  const value = (environment, key) => String(environment[key] ?? "–");
  return [...new Set([...Object.keys(then), ...Object.keys(now)])].filter((key) => value(then, key) !== value(now, key))
    .map((key) => `${key} ${value(then, key)} → ${value(now, key)}`);
}

/** @param {Again} again @param {(i: number) => string} label of a cell */
export function verdictOf({cells, then, now}, label) {
  const of = (which) => cells.filter((cell) => cell.verdict === which).length;
  const counts = ["bit-exact", "within tolerance", "different"].filter(of).map((which) => `${of(which)} ${which}`);
  const others = cells.filter((cell) => cell.verdict !== "bit-exact").slice(0, 20), changed = changes(then ?? {}, now ?? {});
  return el("div", {}, el("b", {}, `Drawn again: ${counts.join(", ")}.`),
    ...others.map(({i, verdict, max, mean}) =>
      el("div", {class: "sx-num"}, `${label(i)}: ${verdict}, max ${max} of 255, mean ${mean}`)),
    el("div", {class: "sx-quiet"}, changed.length ? `Changed since: ${changed.join("; ")}.`
      : "The device and the versions are the same as then."));
}

/** A place that says what is going on, and then what it came to. */
export function verdictPlace() {
  const node = el("div", {class: "sx-undo sx-verdict", hidden: true, role: "status"});
  const close = small("Close", () => { node.hidden = true; });
  return {
    node,
    hide() { node.hidden = true; },
    /** @param {string} says @param {() => Promise<Node[]>} work @param {() => boolean} wanted whether it still is when the work is done */
    async tell(says, work, wanted) {
      node.hidden = false;
      node.replaceChildren(says);
      try {
        const nodes = await work();
        if (!wanted()) return;
        node.replaceChildren(...nodes, close);
        node.scrollIntoView({block: "nearest"});
      } catch (error) { node.replaceChildren(el("span", {class: "sx-error"}, error.message), close); }
    },
  };
}
