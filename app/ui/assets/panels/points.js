// Accuracy against seconds a picture, a point for each family and sampler; the chosen point shows its sampler's curve over all budgets.
import {el, svgNode} from "../core/dom.js";
import {digits, nfeOf} from "../core/format.js";
import {axis, decades, labelBox, ticksAt} from "../parts/axis.js";
import {Chart, svgText} from "../parts/chart.js";

const HEIGHT = 380;
const MANY = "Large: a family's default. Small: its other samplers, each at the cheapest budget within 2 points of its most accurate "
  + "one, as measured; point at one to see all its budgets.";

/**
 * A point of the table of families.
 * @typedef {{family: string, title: string, sampler: string, main: boolean, by_label: boolean, seconds: number, accuracy: number,
 *   nfe: number, count: number, curve: Array<[number, number]>}} Point
 */

/** The least accuracy that is shown, in percent. @param {Point[]} points */
export const floorOf = (points) => Math.min(90, Math.max(0, Math.floor(10 * Math.min(...points.map((p) => p.accuracy)) - 0.3) * 10));

export class PointChart {
  constructor() {
    this.chart = new Chart({"aria-label": "Caption accuracy against seconds a picture; arrow keys go from point to point"});
    this.curve = svgNode("polyline", {class: "sx-curve"});
    this.note = el("div", {class: "sx-quiet"});
    this.node = el("div", {class: "sx-chart"}, el("div", {class: "sx-quiet"}, "Captions whose picture is right"),
      this.chart.node, this.note);
    this.points = /** @type {Point[]} */ ([]);
    this.width = 0;
    new ResizeObserver(() => { if (this.points.length && this.node.clientWidth !== this.width) this.draw(); }).observe(this.node);
  }

  /** @param {Point[]} points */
  set(points) {
    this.points = points;
    this.node.hidden = !points.length;
    if (!points.length) return;
    this.note.textContent = points.every((p) => p.main) ? "Each family with its defaults." : MANY;
    this.draw();
  }

  draw() {
    this.width = this.node.clientWidth;
    const wide = Math.max(320, this.width || 640), area = {left: 52, right: wide - 16, top: 12, bottom: HEIGHT - 44};
    const every = this.points.flatMap((p) => [p.seconds, ...p.curve.map(([s]) => s)]), floor = floorOf(this.points);
    const x = axis([Math.log10(Math.min(...every)) - 0.12, Math.log10(Math.max(...every)) + 0.12], true, area.left, area.right);
    const y = axis([floor / 100, 1.02], false, area.bottom, area.top);
    const along = ticksAt(x, decades(x, x.high - x.low < 2.2 ? [1, 2, 5] : [1]), (s) => `${digits(s, 1)} s`);
    const apart = floor < 60 ? 20 : 10;
    const shares = Array.from({length: Math.floor((100 - floor) / apart) + 1}, (_, k) => (floor + k * apart) / 100);
    const within = this.chart.frame(area, x, along, y, ticksAt(y, shares, (share) => `${Math.round(100 * share)} %`), 6);
    within.append(this.curve);
    this.chart.resize(wide, HEIGHT);
    this.chart.svg.append(svgText("seconds a picture, faster to the left", {x: (area.left + area.right) / 2, y: HEIGHT - 6,
      "text-anchor": "middle"}), within);
    this.places = {wide, x, y};
    this.leave();
    this.marks();
    this.labels(area);
  }

  /** @param {Point} p @returns {[number, number]} */
  at(p) { return [this.places.x.of(p.seconds), this.places.y.of(p.accuracy)]; }

  marks() {
    const ordered = [...this.points].sort((a, b) => Number(a.main) - Number(b.main) || b.seconds - a.seconds);
    const walk = [...this.points].sort((a, b) => a.seconds - b.seconds), nodes = /** @type {Map<Point, SVGCircleElement>} */ (new Map());
    for (const p of ordered) {
      const [cx, cy] = this.at(p);
      const node = svgNode("circle", {cx, cy, r: p.main ? 8 : 5, class: p.main ? "sx-point sx-main" : "sx-point",
        style: `--accent: var(--accent-${p.family})`, tabindex: p === walk[0] ? 0 : -1, role: "img",
        "aria-label": `${p.title}, ${p.sampler}: ${(100 * p.accuracy).toFixed(1)} %, ${digits(p.seconds, 2)} seconds a picture`});
      node.onmouseenter = node.onfocus = () => this.choose(p);
      node.onmouseleave = node.onblur = () => this.leave();
      node.onkeydown = (event) => {
        const step = {ArrowLeft: -1, ArrowRight: 1}[event.key], next = step && walk[walk.indexOf(p) + step];
        if (!next) return;
        event.preventDefault();
        node.setAttribute("tabindex", "-1");
        nodes.get(next).setAttribute("tabindex", "0");
        nodes.get(next).focus();
      };
      nodes.set(p, node);
      this.chart.svg.append(node);
    }
  }
  /** @param {{left: number, right: number, bottom: number}} area */
  labels(area) {
    const main = this.points.filter((p) => p.main);
    const taken = main.map((p) => { const [x, y] = this.at(p); return [x - 8, y - 8, x + 8, y + 8]; });
    for (const p of main) {
      const words = p.by_label ? `${p.title}, by label` : p.title, box = labelBox(this.at(p), 7.6 * words.length, area, taken);
      taken.push(box);
      this.chart.svg.append(svgText(words, {class: "sx-point-label", x: box[0], y: box[1] + 13}));
    }
  }

  /** @param {Point} p */
  choose(p) {
    const {wide, x, y} = this.places, [cx, cy] = this.at(p);
    this.curve.setAttribute("points", p.curve.map(([s, a]) => `${x.of(s).toFixed(1)},${y.of(a).toFixed(1)}`).join(" "));
    this.curve.style.setProperty("--accent", `var(--accent-${p.family})`);
    this.chart.tell((width, height) => [Math.min(cx + 12, wide - width - 4), Math.min(cy + 12, HEIGHT - height - 4)],
      `${p.title} · ${p.sampler}`,
      `${(100 * p.accuracy).toFixed(1)} % of ${p.count} ${p.by_label ? "labels" : "captions"}`,
      `${nfeOf(p.nfe)} · ${digits(p.seconds, 2)} s a picture`);
  }
  leave() {
    this.chart.quiet();
    this.curve.setAttribute("points", "");
  }
}
