// One cell of a grid: its pictures, a line of facts, the distance as a bar, and what is to be known of it.
import {el} from "../core/dom.js";
import {distanceOf, equationOf, factsOf, flagsOf, lineOf, picturesOf, stacked} from "./facts.js";

/** @typedef {import("./facts.js").Cell} Cell */

/**
 * Put pictures into a place. They stay, so that the old one is seen until the new one is there.
 * @param {HTMLElement} holder @param {number} count @param {(k: number) => string | undefined} url @param {(k: number) => string} style
 */
function show(holder, count, url, style) {
  for (let k = 0; k < count; k++) {
    const source = url(k), old = holder.children[k];
    if (old && (source ? old.tagName === "IMG" : old.tagName === "SPAN")) {
      if (source && old.getAttribute("src") !== source) /** @type {HTMLImageElement} */ (old).src = source;
      continue;
    }
    const fresh = source ? el("img", {src: source, alt: "", draggable: "false", style: style(k), "data-k": k,
      onerror: () => fresh.replaceWith(el("span", {class: "sx-blank", title: "The file of this picture is missing."}))})
      : el("span", {class: "sx-blank"});
    if (old) old.replaceWith(fresh); else holder.append(fresh);
  }
  while (holder.childElementCount > count) holder.lastChild.remove();
}

export class GridCell {
  constructor() {
    const span = (name) => el("span", {class: name});
    this.run = span("sx-images");
    this.beside = span("sx-images");
    this.runSays = span("sx-num sx-beside-says");
    this.besideSays = span("sx-num sx-beside-says");
    this.other = el("span", {class: "sx-half"}, this.beside, this.besideSays);
    this.says = span("sx-cell-says");
    this.facts = span("sx-num sx-facts");
    this.bar = el("i");
    this.number = el("b", {class: "sx-num"});
    this.distance = el("span", {class: "sx-distance"}, this.bar, this.number);
    this.flags = span("sx-warn sx-flags");
    this.node = el("div", {role: "gridcell", tabindex: "-1"},
      el("span", {class: "sx-halves"}, el("span", {class: "sx-half"}, this.run, this.runSays), this.other),
      this.says, this.facts, this.distance, this.flags);
  }

  /** @param {Cell} cell @param {{count: number, beside: boolean, distance: boolean, label: (i: number) => string}} look */
  paint(cell, look) {
    const urls = picturesOf(cell), flagged = flagsOf(cell), parts = lineOf(cell), label = look.label(cell.i);
    const sentence = cell.error || cell.reason || "", alone = Boolean(sentence) && !urls.length;
    this.node.className = `sx-cell sx-${cell.status}${alone ? " sx-alone" : ""}`;
    this.node.title = [label, ...factsOf(cell).map(([name, value]) => `${name}: ${value}`),
      ...(cell.snapshot ? [`Snapshot: step ${cell.snapshot.step} of ${cell.snapshot.of}`] : [])].join("\n");
    this.node.setAttribute("aria-label",
      [label, cell.status, ...parts, distanceOf(cell, 3), ...flagged, sentence].filter(Boolean).join(", "));
    show(this.run, alone ? 0 : look.count, (k) => urls[k], () => "");
    this.snapshot(look.beside ? cell.snapshot : undefined, look.count);
    this.says.textContent = alone ? sentence : "";
    this.facts.replaceChildren(...(parts.length ? parts.map((part, k) => el("span", {}, k ? `· ${part}` : part))
      : cell.status === "empty" ? [] : [el("span", {}, cell.status)]));
    this.distance.hidden = !look.distance || cell.distance == null;
    if (cell.distance != null) {
      this.bar.style.setProperty("--distance", String(cell.distance));
      this.bar.style.setProperty("--worst", `var(--worst-${equationOf(cell)}, 1)`);
      this.number.textContent = `${cell.distance.toFixed(3)} ${equationOf(cell)}`;
    }
    this.flags.textContent = alone ? "" : [cell.error, ...flagged].filter(Boolean).join(" · ");
    this.flags.classList.toggle("sx-error", Boolean(cell.error));
  }
  /** What a longer run looked like after as many steps, beside the pictures. @param {Cell["snapshot"]} shot @param {number} count */
  snapshot(shot, count) {
    this.other.hidden = !shot;
    show(this.beside, shot ? count : 0, () => shot.url, (k) => stacked(k, count));
    this.runSays.textContent = shot ? "its own run" : "";
    this.besideSays.replaceChildren(...(shot ? [`step ${shot.step} of ${shot.of}`,
      ...(shot.distance == null ? [] : [el("br"), `distance ${shot.distance.toFixed(3)}`])] : []));
  }
}
