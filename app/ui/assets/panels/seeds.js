// A generator's seeds: the latent interpolation from one to another as a film, and style mixing as a table.
import {el} from "../core/dom.js";
import {player} from "../parts/player.js";

const HINT = "Latent interpolation: pictures along the arc from the tab's seed to the second seed (under More), one call each. "
  + "Style mixing: rows have the layout of one seed, columns the style of another.";

/** @typedef {import("../core/records").Film} Film */

/** @type {import("../core/mount.js").Kind} */
export function seeds(root) {
  root.replaceChildren(el("p", {class: "sx-quiet"}, HINT));
  let halt = () => {};
  return (value) => {
    if (value.error || value.interpolation || value.mixing) halt();
    if (value.error) root.replaceChildren(el("p", {class: "sx-error", role: "alert"}, value.error));
    else if (value.interpolation) halt = film(root, value.interpolation);
    else if (value.mixing) root.replaceChildren(...table(value.mixing));
  };
}

/** Play a film there and back; returns what halts it. @param {HTMLElement} root @param {Film} film */
function film(root, {pictures, captions}) {
  const last = pictures.length - 1;
  const image = el("img", {class: "sx-film", alt: "picture on the way"}), note = el("p", {class: "sx-quiet sx-num"});
  const scrub = el("input", {type: "range", min: 0, max: last, value: 0, "aria-label": "Place between the seeds",
    oninput: () => { halt(); at(Number(scrub.value)); }});
  const at = (k) => {
    scrub.value = String(k);
    image.src = pictures[k];
    note.textContent = `${k} of ${last} · ${captions[k]}`;
  };
  let k = 0, step = 1;
  const {button, start, halt} = player(["Play", "Pause"], () => {
    k = Number(scrub.value) >= last ? 0 : Number(scrub.value);
    step = 1;
    return 70;
  }, () => {
    at(k);
    if (k + step > last || k + step < 0) {
      if (step < 0) return false;
      step = -1;
    }
    k += step;
    return true;
  }, {class: "sx-small sx-play"});
  const strip = el("div", {class: "sx-strip"}, ...pictures.filter((_, k) => k % 4 === 0).map((url, k) =>
    el("img", {src: url, alt: `${4 * k} of ${last}`})));
  root.replaceChildren(image, el("div", {class: "sx-row"}, button, scrub), note, strip);
  at(0);
  start();
  return halt;
}

/** @param {Film} film pictures of a square table, row by row */
function table({pictures, captions}) {
  const side = Math.sqrt(pictures.length);
  return [
    el("div", {class: "sx-mixing", style: `--columns:${side}`}, ...pictures.map((url, k) =>
      el("img", {src: url, title: captions[k], alt: `layout ${Math.floor(k / side) + 1}, style ${k % side + 1}`}))),
    el("p", {class: "sx-quiet"}, "Down: layouts of the seed and those after it. Across: styles of the second seed and those after it.")];
}
