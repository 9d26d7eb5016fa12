// A stage that shows pictures as large as fits, or examples.
import {el} from "../core/dom.js";
import {fitting} from "../core/format.js";
import {small} from "../parts/buttons.js";

/** @typedef {import("../core/records").GeneratedImage} GeneratedImage */

/** @param {any} settings */
const copy = (settings) => (event) => {
  navigator.clipboard?.writeText(JSON.stringify(settings, null, 1));
  event.target.textContent = "Copied";
  setTimeout(() => { event.target.textContent = "Copy settings"; }, 1200);
};

/**
 * What can be done with a finished picture.
 * @param {string} family @param {GeneratedImage} shot @param {(action: string, id: string) => void} act
 */
const shotTools = (family, shot, act) => [
  el("a", {class: "sx-small", href: shot.url, download: `${family}-${shot.seed}.png`, title: "Save as a file"}, "Save"),
  small("Copy settings", copy(shot.settings), {title: "Copy all settings as JSON"}),
  small("Compare", () => act("compare", shot.id)), small("Gallery", () => act("gallery", shot.id))];

/** @param {any} picture @param {(action: string, id: string) => void} act */
const example = (picture, act) => el("button",
  {class: "sx-example", type: "button", title: "Take these settings", onclick: () => act("example", picture.id)},
  el("img", {src: picture.url, alt: ""}), el("span", {}, picture.prompt),
  el("span", {class: "sx-quiet sx-num"}, `${picture.sampler} · ${picture.amount} · seed ${picture.seed}`));

/**
 * @param {string} family
 * @param {{hover: () => void, act: (action: string, id: string) => void}} on
 */
export function pictureStage(family, on) {
  const node = el("div", {class: "sx-stage"});
  /** @type {ReturnType<typeof tile>[]} */
  let tiles = [];
  let chosen = 0, size = 32;                               // of a picture, known when the first one is there
  const arrange = () => {
    const [k, columns] = fitting(tiles.length, size, node.clientWidth || 640, node.clientHeight || 520);
    node.style.setProperty("--columns", String(columns));
    node.style.setProperty("--side", `${k * size}px`);
  };
  const tile = (index) => {
    const image = el("img", {alt: `picture ${index + 1}`, draggable: "false",
      onload: () => { if (index === 0 && image.naturalWidth !== size) { size = image.naturalWidth; arrange(); } }});
    const tools = el("div", {class: "sx-tools"}), says = el("figcaption", {class: "sx-says sx-num"});
    const hover = () => { chosen = index; on.hover(); };
    return {node: el("figure", {class: "sx-tile", onmouseenter: hover}, image, says, tools), image, tools, says};
  };
  new ResizeObserver(() => { if (tiles.length) arrange(); }).observe(node);
  return {
    node,
    chosen: () => chosen,
    /** @param {number} count */
    need(count) {
      if (tiles.length === count) return;
      tiles = Array.from({length: count}, (_, k) => tile(k));
      chosen = 0;
      arrange();
      node.replaceChildren(...tiles.map((one) => one.node));
      node.classList.remove("sx-examples");
    },
    /** What is there is of the run before: it fades until the new one has something to show, and goes if that never has. */
    begin() {
      node.classList.add("sx-stale");
      for (const {tools, says} of tiles) { tools.replaceChildren(); says.textContent = ""; }
    },
    /** @param {readonly string[]} urls */
    previews(urls) {
      if (urls.length) node.classList.remove("sx-stale");
      urls.forEach((url, k) => { tiles[k].image.src = url; });
    },
    /** @param {readonly GeneratedImage[]} shots */
    finished(shots) {
      const stale = node.classList.contains("sx-stale");
      node.classList.remove("sx-stale");
      tiles.forEach(({image, tools, says}, k) => {
        if (!shots[k]) { if (stale) image.removeAttribute("src"); return; }
        image.src = shots[k].url;
        tools.replaceChildren(...shotTools(family, shots[k], on.act));
        says.textContent = shots[k].note || "";
      });
    },
    /** @param {any[]} found */
    examples(found) {
      tiles = [];
      node.classList.add("sx-examples");
      node.style.setProperty("--side", "160px");
      node.replaceChildren(...found.map((picture) => example(picture, on.act)));
    },
  };
}
