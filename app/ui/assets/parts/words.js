// Small kinds: a sentence, texts to choose from, tooltips; and moments.
import {el, say} from "../core/dom.js";
import {momentIn} from "../core/format.js";

/** A moment as it is called where the reader is; UTC on pointing. @param {string} iso ISO 8601 in UTC */
export function when(iso) {
  const moment = new Date(iso);
  if (isNaN(moment.getTime())) return iso;
  const utc = moment.toISOString().slice(0, 19).replace("T", " ");
  return el("time", {datetime: moment.toISOString(), title: `${utc} UTC`},
    moment.toLocaleString([], {dateStyle: "medium", timeStyle: "medium"}));
}

/** A value among facts; a moment in UTC becomes one of here. @param {string} value */
export function fact(value) {
  const iso = momentIn(value);
  return iso ? when(iso) : value;
}

/** @type {import("../core/mount.js").Kind} */
export function sentence(root) {
  root.setAttribute("role", "status");
  root.setAttribute("aria-live", "polite");
  return (value) => say(root, value.error || value.note || "", Boolean(value.error));
}

/** @type {import("../core/mount.js").Kind} */
export function chips(root, props, trigger) {
  const chip = (label, text, title) =>
    el("button", {class: "sx-chip", type: "button", title, onclick: () => trigger("select", {text})}, label);
  return (texts) => {
    if (Array.isArray(texts)) root.replaceChildren(chip("⟳ surprise me", "", null), ...texts.map((text) => chip(text, text, text)));
  };
}

/** What each control does, as its tooltip: element id -> one line. @type {import("../core/mount.js").Kind} */
export function tips() {
  return (told) => {
    const put = () => { for (const [id, text] of Object.entries(told)) document.getElementById(id)?.setAttribute("title", text); };
    put();
    setTimeout(put, 1000);                                                  // controls that are drawn a moment later
  };
}
