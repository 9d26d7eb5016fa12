// A chart as a file.
import {el, svgNode} from "../core/dom.js";

const KEPT = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family", "text-decoration-line"];
const LEFT = ["style", "class", "tabindex", "role", "data-line", "aria-pressed", "aria-label"];

/** @param {Blob | string} content @param {string} type @param {string} name */
function file(content, type, name) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], {type}));
  el("a", {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** The picture with the colours that it has now, so that it needs no style sheet. @param {SVGSVGElement} svg */
function still(svg) {
  const copy = /** @type {SVGSVGElement} */ (svg.cloneNode(true)), seen = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((part, i) => {
    const style = getComputedStyle(seen[i]);
    for (const name of KEPT) part.setAttribute(name.replace("-line", ""), style.getPropertyValue(name));
    for (const name of LEFT) part.removeAttribute(name);
  });
  copy.prepend(svgNode("rect", {width: "100%", height: "100%", fill: getComputedStyle(svg).getPropertyValue("--surface")}));
  return new XMLSerializer().serializeToString(copy);
}

/** Rows as a table of comma-separated values. @param {Array<Array<string | number>>} rows */
export const csv = (rows) => {
  const quote = (cell) => typeof cell === "number" ? cell : `"${cell.replaceAll('"', '""')}"`;
  return `${rows.map((row) => row.map(quote).join(",")).join("\r\n")}\r\n`;
};

/**
 * Ways to keep a chart: its drawing, a name and the rows of its numbers.
 * @type {Object<string, (svg: SVGSVGElement, name: string, rows: Array<Array<string | number>>) => void>}
 */
export const saveAs = {
  SVG: (svg, name) => file(still(svg), "image/svg+xml", `${name}.svg`),
  async PNG(svg, name) {
    const image = new Image(), canvas = document.createElement("canvas"), [width, height] = [svg.clientWidth, svg.clientHeight];
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(still(svg))}`;
    await image.decode();
    [canvas.width, canvas.height] = [2 * width, 2 * height];
    canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
    canvas.toBlob((blob) => file(blob, "image/png", `${name}.png`));
  },
  CSV: (svg, name, rows) => file(csv(rows), "text/csv", `${name}.csv`),
};
