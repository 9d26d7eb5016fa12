// What all charts have: a drawing with axes, and the numbers of a point beside it.
import {el, svgNode} from "../core/dom.js";

/** @typedef {{left: number, right: number, top: number, bottom: number}} Area */

/** A text of a drawing. @param {string} content @param {Object<string, any>} attributes */
export function svgText(content, attributes) {
  const node = svgNode("text", attributes);
  node.textContent = content;
  return node;
}

let charts = 0;

export class Chart {
  /** @param {Object<string, any>} attributes of the drawing @param {Object<string, any>} said of what stands beside a point */
  constructor(attributes, said = {}) {
    this.clip = `sx-chart-clip-${++charts}`;
    this.svg = svgNode("svg", {role: "group", ...attributes});
    this.tip = el("div", {class: "sx-tip", hidden: true, ...said});
    this.node = el("div", {class: "sx-chart-plot"}, this.svg, this.tip);
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    for (const [name, value] of Object.entries({viewBox: `0 0 ${width} ${height}`, width, height}))
      this.svg.setAttribute(name, String(value));
  }

  /**
   * Begin anew with the axes; returns a group for what is within them.
   * @param {Area} area
   * @param {import("./axis.js").Axis} x
   * @param {import("./axis.js").Ticks} along
   * @param {import("./axis.js").Axis} y
   * @param {import("./axis.js").Ticks} up
   * @param {number} gap between the axis and its labels
   */
  frame({left, right, top, bottom}, x, along, y, up, gap) {
    const grid = (ends) => svgNode("line", {...ends, class: "sx-axis"});
    this.svg.replaceChildren(
      svgNode("clipPath", {id: this.clip}, svgNode("rect", {x: left, y: top, width: right - left, height: bottom - top})),
      ...along.flatMap(([u, label]) => [grid({x1: x.at(u), x2: x.at(u), y1: top, y2: bottom}),
        svgText(label, {x: x.at(u), y: bottom + 18, "text-anchor": "middle"})]),
      ...up.flatMap(([u, label]) => [grid({x1: left, x2: right, y1: y.at(u), y2: y.at(u)}),
        svgText(label, {x: left - gap, y: y.at(u) + 5, "text-anchor": "end"})]));
    return svgNode("g", {"clip-path": `url(#${this.clip})`});
  }

  /**
   * Say something beside a point.
   * @param {(width: number, height: number) => [number, number]} at where, by its size
   * @param {string} title
   * @param {...string} lines
   */
  tell(at, title, ...lines) {
    this.tip.replaceChildren(el("b", {}, title), ...lines.map((line) => el("div", {}, line)));
    this.tip.hidden = false;
    const [x, y] = at(this.tip.offsetWidth, this.tip.offsetHeight);
    this.tip.style.left = `${x}px`;
    this.tip.style.top = `${y}px`;
  }
  quiet() { this.tip.hidden = true; }
}
