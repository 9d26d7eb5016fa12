// What stands in the controls is kept, in this browser tab alone, and comes back when the page is loaded again.
import {recall, recalled, remember} from "./kept.js";

/** @type {() => void} */
let done;
/** @type {ReturnType<typeof setTimeout> | 0} */
let due = 0;
let ready = false;                                           // before what was kept is back, nothing may take its place
/** @type {string[]} of all such controls, in the order in which Gradio gives their values */
let order = [];
/** @type {Object<string, any>} id of a control -> its value */
let kept = {};

export const drafts = {
  /** Kept when controls are as they were. @type {Promise<void>} */
  back: new Promise((resolve) => { done = resolve; }),

  /**
   * What is to be put back, as Gradio hands it to the server; nobody writes into what is about to change.
   * @param {Object<string, any>} begun the values of a page that was just loaded, by the ids of their controls
   */
  read(begun) {
    order = Object.keys(begun);
    kept = recalled("drafts", {});
    if (!order.some((id) => id in kept && JSON.stringify(kept[id]) !== JSON.stringify(begun[id]))) {
      drafts.begin(Object.values(begun));
      return "";
    }
    document.getElementById("tabs").inert = true;
    return recall("drafts");
  },
  /** @param {any[]} values */
  begin(values) {
    ready = true;
    if (!recall("drafts")) drafts.all(values);               // somebody may have written already
    document.getElementById("tabs").inert = false;
    done();
  },
  /** Asks Gradio for all values, which come to `all`; whoever can sets it. */
  gather() {},
  /** Values have changed: all are read when they have come to rest. */
  soon() {
    if (!ready) return;
    clearTimeout(due || undefined);
    due = setTimeout(() => { due = 0; drafts.gather(); }, 150);
  },
  /** @param {any[]} values */
  all(values) { take(Object.fromEntries(order.map((id, k) => [id, values[k]]))); },

  listen() {
    addEventListener("pagehide", () => { if (due) drafts.gather(); });
    // Values change where somebody is at work in their fields, or when Gradio is answered, which it also is when the page has just come.
    let touched = false;
    for (const work of ["input", "change", "click", "keyup"]) {
      document.addEventListener(work, (event) => { touched = true; if (owner(event.target)) drafts.soon(); }, true);
    }
    new PerformanceObserver((list) => {
      if (touched && list.getEntries().some((entry) => entry.name.includes("gradio_api/"))) drafts.soon();
    }).observe({type: "resource"});
    // Gradio hears of no change any more once it has noticed that the connection is lost; what is written then is read from the fields.
    document.addEventListener("input", (event) => {
      const target = /** @type {any} */ (event.target);
      if (target.hasAttribute("role")) return;               // the search within a list of choices
      const id = owner(target);
      if (id) take({[id]: written(target)});
    }, true);
  },
};

/** The id of the control that a node is in. @param {any} node */
const owner = (node) => order.find((id) => document.getElementById(id)?.contains(node));

/** What stands in a field, as Gradio has it. @param {any} field */
function written(field) {
  if (field.type === "checkbox") return field.checked;
  if (!["number", "range"].includes(field.type)) return field.value;
  return field.value === "" ? null : Number(field.value);
}

/** @param {Object<string, any>} values */
function take(values) {
  if (!ready) return;
  Object.assign(kept, values);
  remember("drafts", JSON.stringify(kept));
}

/**
 * Keep fields of our own under a key. A select whose choices come later finds its value in dataset.wanted.
 * @param {string} key
 * @param {Object<string, HTMLInputElement | HTMLSelectElement>} fields
 */
export function keepFields(key, fields) {
  const before = recalled(`fields-${key}`, {});
  const value = (node) => node.type === "checkbox" ? node.checked : node.value;
  const write = () => remember(`fields-${key}`, JSON.stringify(
    Object.fromEntries(Object.entries(fields).map(([name, node]) => [name, value(node)]))));
  for (const [name, node] of Object.entries(fields)) {
    if (name in before) {
      if (node instanceof HTMLInputElement && node.type === "checkbox") node.checked = before[name];
      else { node.value = before[name]; if (node.value !== before[name]) node.dataset.wanted = before[name]; }
    }
    node.addEventListener("input", write);
    node.addEventListener("change", write);
  }
}
