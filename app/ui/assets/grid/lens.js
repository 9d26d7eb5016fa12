// A loupe of 8 for the pixels beneath the pointer and, beside it, the same place in the selected cell.
import {el} from "../core/dom.js";

const ZOOM = 8, ACROSS = 17;

/**
 * Shown while Alt is held, or always when `on()` says so.
 * @param {HTMLElement} area
 * @param {() => boolean} on
 * @param {(i: number) => string} label of a cell
 * @param {(k: number) => {label: string, image: HTMLImageElement | undefined}} other the selected cell's picture k
 */
export function gridLens(area, on, label, other) {
  const face = () => {
    const canvas = el("canvas", {width: ACROSS * ZOOM, height: ACROSS * ZOOM}), says = el("figcaption");
    return {node: el("figure", {}, canvas, says), canvas, says};
  };
  const here = face(), there = face();
  const node = el("div", {class: "sx-lens", hidden: true, "aria-hidden": "true"}, here.node, there.node);
  let last = null, held = false;                                                       // the pointer, and whether Alt is down

  const draw = (one, image, x, y, text) => {
    const pen = one.canvas.getContext("2d"), half = (ACROSS - 1) / 2;
    pen.imageSmoothingEnabled = false;
    pen.clearRect(0, 0, one.canvas.width, one.canvas.height);
    pen.drawImage(image, x - half, y - half, ACROSS, ACROSS, 0, 0, one.canvas.width, one.canvas.height);
    pen.strokeStyle = "#fff"; pen.strokeRect(half * ZOOM - .5, half * ZOOM - .5, ZOOM + 1, ZOOM + 1);
    pen.strokeStyle = "#000"; pen.strokeRect(half * ZOOM - 1.5, half * ZOOM - 1.5, ZOOM + 3, ZOOM + 3);
    one.says.textContent = text;
  };
  const show = () => {
    const image = /** @type {HTMLImageElement | null} */ (last && document.elementFromPoint(last.x, last.y)?.closest?.(".sx-cell img"));
    node.hidden = !(held || on()) || !image || !image.naturalWidth || !area.contains(image);
    if (node.hidden) return;
    const box = image.getBoundingClientRect(), k = Number(image.dataset.k);
    const i = Number(/** @type {HTMLElement} */ (image.closest(".sx-cell")).dataset.i);
    const snapshot = image.closest(".sx-half").previousElementSibling !== null;
    const high = image.naturalHeight / (snapshot ? image.parentElement.childElementCount : 1);            // its pictures are stacked
    const fit = Math.min(box.width / image.naturalWidth, box.height / high);           // one that is not square leaves margins
    const x = Math.floor((last.x - box.left - (box.width - fit * image.naturalWidth) / 2) / fit);
    const y = Math.floor((last.y - box.top - (box.height - fit * high) / 2) / fit);
    const along = (x + .5) / image.naturalWidth, down = (y + .5) / high;
    draw(here, image, x, y + (snapshot ? k * high : 0), `${snapshot ? "snapshot of " : ""}${label(i)}  (${x}, ${y})`);
    const chosen = other(k);
    there.node.hidden = !chosen.image?.naturalWidth || chosen.image === image;
    if (!there.node.hidden) {
      const {naturalWidth, naturalHeight} = chosen.image;
      draw(there, chosen.image, Math.floor(along * naturalWidth), Math.floor(down * naturalHeight), chosen.label);
    }
    const wide = node.offsetWidth, tall = node.offsetHeight;
    node.style.left = `${Math.max(4, last.x + 24 + wide > innerWidth ? last.x - wide - 16 : last.x + 24)}px`;
    node.style.top = `${Math.max(4, Math.min(last.y + 24, innerHeight - tall - 4))}px`;
  };
  area.addEventListener("pointermove", (event) => { last = {x: event.clientX, y: event.clientY}; held = event.altKey; show(); });
  area.addEventListener("pointerleave", () => { last = null; held = false; show(); });
  area.addEventListener("scroll", show);
  area.addEventListener("load", show, true);                                           // another picture beneath a pointer that rests
  for (const kind of /** @type {const} */ (["keydown", "keyup"])) document.addEventListener(kind, (event) => {
    if (event.key !== "Alt" || !last) return;
    event.preventDefault();                                                            // or the browser's menu opens
    held = kind === "keydown";
    show();
  });
  return {node, refresh: show};
}
