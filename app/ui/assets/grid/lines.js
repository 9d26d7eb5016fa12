// A chart of a grid, as app/grids/statistics.py says it: a line for each sampler with its intervals, on log axes. The wheel zooms, a drag
// moves, a double click resets, the legend hides lines. Zoom and hidden lines stay when new numbers are drawn.
import {el, svgNode} from "../core/dom.js";
import {counted, digits} from "../core/format.js";
import {withModifier} from "../core/keys.js";
import {known} from "../core/mount.js";
import {small} from "../parts/buttons.js";
import {axis, ends, ticks} from "../parts/axis.js";
import {Chart, svgText} from "../parts/chart.js";
import {saveAs} from "../parts/save.js";

const LEFT = 68, TOP = 30, BOTTOM = 340;
const SHAPES = ["m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z", "m-4.5-4.5h9v9h-9z", "m0-6l6 10.5h-12z", "m0-6.5l6.5 6.5l-6.5 6.5l-6.5-6.5z",
  "m0 6l6-10.5h-12z", "m-2-6h4v4h4v4h-4v4h-4v-4h-4v-4h4z"];

// Lines are told apart by colour and by shape; 7 colours and 6 shapes make 42 pairs. A family keeps its own accent.
const colourOf = ({name, colour}) => {
  const family = Object.keys(known.titles).find((key) => known.titles[key] === name);
  return `var(--${family ? `accent-${family}` : `chart-${colour % 7}`})`;
};
const mark = (index, x, y) =>
  svgNode("path", {class: "sx-mark", d: `M${x.toFixed(1)} ${y.toFixed(1)}${SHAPES[index % SHAPES.length]}`});

/**
 * A path through points; `go` and `on` stand before the x and y of all but the first.
 * @param {number[][]} points @param {string} go @param {string} on
 */
export const path = (points, go, on) =>
  points.map(([x, y], k) => `${k ? go : "M"}${x.toFixed(1)}${k ? on : " "}${y.toFixed(1)}`).join("");

/** The ends of both axes with some lines. @param {any} chart @param {any[]} lines */
export function limits(chart, lines) {
  const x = ends(lines.flatMap((line) => line.xs), chart.x_log);
  const y = ends(lines.flatMap((line) => [...line.ys, ...line.low, ...line.high]).filter((v) => v != null), chart.y_log);
  return {x, y: chart.quality === "accuracy" ? [Math.max(-0.03, y[0]), Math.min(1.03, y[1])] : y};
}

export class LineChart {
  constructor() {
    this.chart = new Chart({tabindex: 0, class: "sx-chart-svg"}, {role: "status"});
    const reset = small("Reset zoom", () => this.look(null), {title: "Show all points"});
    this.reset = reset;
    this.none = el("p", {class: "sx-quiet"});
    this.says = el("div", {class: "sx-chart-says"});
    this.tools = el("div", {class: "sx-row sx-chart-tools"}, el("span", {class: "sx-space"}), reset,
      ...Object.keys(saveAs).map((kind) => small(kind, () => saveAs[kind](this.chart.svg, this.told.what, this.rows()),
        {title: `Save what is seen as ${kind}`})));
    this.node = el("div", {class: "sx-chart"}, this.none, this.tools, this.chart.node, this.says);
    this.told = /** @type {any} */ (null);                   // what the server said
    this.view = /** @type {{x: number[], y: number[]} | null} */ (null);     // what is seen of it, in units; null for all
    this.spots = /** @type {any[]} */ ([]);                  // points in sight
    this.at = /** @type {any} */ (null);                     // the one that is pointed at
    this.hidden = /** @type {Set<string>} */ (new Set());    // lines
    this.widths = /** @type {Object<string, number>} */ ({});        // of words in the legend
    this.width = 0;
    this.due = 0;
    this.listen();
    new ResizeObserver(() => { if (this.node.clientWidth && this.node.clientWidth !== this.width) this.later(); }).observe(this.node);
  }

  get right() { return this.width - 16; }
  later() { this.due ||= requestAnimationFrame(() => { this.due = 0; this.draw(); }); }
  /** @param {{x: number[], y: number[]} | null} view */
  look(view) { this.view = view; this.later(); }
  /** @param {number} v */
  value(v) { return this.told.quality === "accuracy" ? `${digits(100 * v, 3)} %` : digits(v, 3); }
  shown() { return this.told.series.filter((line) => !this.hidden.has(line.name)); }

  /** @param {any} next */
  set(next) {
    if (this.told && (next.what !== this.told.what || next.quality !== this.told.quality)) { this.view = null; this.point(null); }
    this.told = next;
    this.draw();
  }

  draw() {
    if (!this.told) return;
    const {told, chart, node, none} = this;
    none.hidden = told.series.length > 0;
    this.tools.hidden = chart.node.hidden = !none.hidden;
    this.says.replaceChildren(...told.verdict.map((sentence) => el("p", {}, sentence)));
    none.textContent = `No ${told.quality === "accuracy" ? "picture was checked against its caption" : "distance was measured"} yet.`;
    this.width = Math.max(320, node.clientWidth || 640);
    this.full = limits(told, this.shown());
    this.x = axis(this.view?.x || this.full.x, told.x_log, LEFT, this.right);
    this.y = axis(this.view?.y || this.full.y, told.y_log, BOTTOM, TOP);
    this.reset.disabled = !this.view;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.line;
    chart.svg.setAttribute("aria-label",
      `${told.y_title} against ${told.x_title}; arrow keys go from point to point, + and - zoom, 0 resets`);
    const lines = chart.frame({left: LEFT, right: this.right, top: TOP, bottom: BOTTOM}, this.x, ticks(this.x, 8),
      this.y, ticks(this.y, 6, told.quality === "accuracy"), 8);
    chart.svg.append(svgText(told.y_title, {x: 4, y: 16}),
      svgText(told.x_title, {x: (LEFT + this.right) / 2, y: BOTTOM + 38, "text-anchor": "middle"}), lines);
    const steps = path(told.front.map(([a, b]) => [this.x.of(a), this.y.of(b)]), "H", "V");
    if (steps) lines.append(svgNode("path", {class: "sx-front", d: `${steps}H${this.right}`}));
    this.spots = [];
    const shown = this.shown();
    shown.forEach((line, i) => {
      const aside = told.what === "time" ? 0 : (i - (shown.length - 1) / 2) * Math.min(4, 24 / shown.length);      // whiskers side by side
      lines.append(this.line(line, aside));
    });
    chart.resize(this.width, this.legend());
    if (focused) this.entries().find((entry) => entry.dataset.line === focused)?.focus();
    this.point(this.at && this.spots.find((spot) => spot.line.name === this.at.line.name && spot.k === this.at.k));
  }
  entries() { return /** @type {SVGGElement[]} */ ([...this.chart.svg.querySelectorAll(".sx-legend")]); }

  /** One line with its whiskers and marks. @param {any} line @param {number} aside pixels */
  line(line, aside) {
    const places = line.xs.map((v, k) => [this.x.of(v) + aside, this.y.of(line.ys[k])]);
    const own = svgNode("g", {style: `--accent: ${colourOf(line)}`}, svgNode("path", {class: "sx-curve", d: path(places, "L", " ")}));
    places.forEach(([cx, cy], k) => {
      if (line.low[k] != null) {
        const [a, b] = [this.y.of(line.high[k]).toFixed(1), this.y.of(line.low[k]).toFixed(1)];
        own.append(svgNode("path", {class: "sx-whisker", d: `M${cx - 4} ${a}h8M${cx} ${a}V${b}M${cx - 4} ${b}h8`}));
      }
      const node = mark(line.colour, cx, cy);
      own.append(node);
      if (this.inside([cx, cy])) this.spots.push({line, k, cx, cy, mark: node});
    });
    return own;
  }

  /** Rows beneath the plot, in the picture that is saved too; returns the height of all. */
  legend() {
    let cx = LEFT, cy = BOTTOM + 66;
    const put = (label, ...drawn) => {
      const words = svgText(label, {x: 26, y: 5}), entry = svgNode("g", {}, ...drawn, words);
      this.chart.svg.append(entry);
      const wide = 46 + ((this.widths[label] ||= words.getComputedTextLength()) || 7.6 * label.length);
      if (cx > LEFT && cx + wide > this.right) { cx = LEFT; cy += 26; }
      entry.setAttribute("transform", `translate(${cx} ${cy})`);
      entry.prepend(svgNode("rect", {class: "sx-legend-box", x: -4, y: -12, width: wide - 12, height: 24, rx: 6}));
      cx += wide;
      return entry;
    };
    for (const line of this.told.series) {
      const entry = put(line.legend, svgNode("path", {class: "sx-curve", d: "M0 0H20"}), mark(line.colour, 10, 0));
      const off = this.hidden.has(line.name);
      const toggle = () => { if (!this.hidden.delete(line.name)) this.hidden.add(line.name); this.draw(); };
      const set = {class: `sx-legend${off ? " sx-off" : ""}`, style: `--accent: ${colourOf(line)}`, role: "button", tabindex: 0,
        "data-line": line.name, "aria-pressed": !off, "aria-label": `${line.legend}, ${off ? "hidden" : "shown"}`};
      for (const [name, to] of Object.entries(set)) entry.setAttribute(name, String(to));
      entry.onclick = toggle;
      entry.onkeydown = (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); } };
    }
    if (this.told.front.length) put("Pareto front of the means", svgNode("path", {class: "sx-front", d: "M0 5H8V-5H20"}));
    return cy + 20;
  }

  /** Say the numbers of a point beside it. @param {any} spot */
  point(spot) {
    this.at?.mark.classList.remove("sx-at");
    this.at = spot || null;
    if (!spot) { this.chart.quiet(); return; }
    const {line, k, cx, cy} = spot, of = (count, what) => counted(count, what, digits(count, 4));
    spot.mark.classList.add("sx-at");
    const interval = line.low[k] == null ? "" : ` (95 %: ${this.value(line.low[k])} to ${this.value(line.high[k])})`;
    this.chart.tell((wide, high) => [cx + 14 + wide > this.width ? Math.max(0, cx - 14 - wide) : cx + 14, Math.min(cy + 14, BOTTOM - high)],
      line.name, `${this.value(line.ys[k])}${interval}`,
      `${digits(line.nfe[k], 4)} NFE · ${digits(line.seconds[k], 2)} s a picture · ${of(line.counts[k], "picture")}`);
  }

  rows() {
    const columns = ({nfe, seconds, ys, low, high, counts}) => [nfe, seconds, ys, low, high, counts];
    return [["line", "NFE", "seconds a picture", this.told.y_title, "95 % from", "95 % to", "pictures"],
      ...this.spots.map(({line, k}) => [line.name, ...columns(line).map((own) => own[k] ?? "")])];
  }

  /** @param {number} factor @param {number} u @param {number} v the units that stay where they are */
  zoom(factor, u, v) {
    const {x, y} = this.view || this.full, size = factor * (x[1] - x[0]) / (this.full.x[1] - this.full.x[0]);
    if (size >= 1) this.look(null);
    else if (size > 0.002) this.look({x: x.map((end) => u + factor * (end - u)), y: y.map((end) => v + factor * (end - v))});
  }
  /** @param {number[]} p */
  inside([x, y]) { return x >= LEFT && x <= this.right && y >= TOP && y <= BOTTOM; }

  listen() {
    const {svg} = this.chart;
    const place = (event) => { const box = svg.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    svg.addEventListener("wheel", (event) => {
      const p = place(event);
      if (!this.inside(p) || (event.deltaY > 0 && !this.view)) return;             // all is seen already: the page scrolls
      event.preventDefault();
      this.zoom(Math.exp(0.002 * event.deltaY * (event.deltaMode ? 30 : 1)), this.x.back(p[0]), this.y.back(p[1]));
    }, {passive: false});
    let grip = /** @type {any} */ (null);
    svg.onpointerdown = (event) => {
      const p = place(event), {x, y} = this.view || this.full || {x: [], y: []};
      if (event.button || !this.inside(p)) return;
      grip = {p, x: [...x], y: [...y], scales: [this.x, this.y]};
      svg.setPointerCapture(event.pointerId);
    };
    svg.onpointermove = (event) => {
      const p = place(event), far = (spot) => Math.hypot(spot.cx - p[0], spot.cy - p[1]);
      if (grip && (this.view || Math.hypot(p[0] - grip.p[0], p[1] - grip.p[1]) > 3)) {
        const [dx, dy] = grip.scales.map((scale, i) => scale.back(grip.p[i]) - scale.back(p[i]));
        this.look({x: grip.x.map((end) => end + dx), y: grip.y.map((end) => end + dy)});
      }
      const near = this.spots.filter((spot) => far(spot) < 24).sort((a, b) => far(a) - far(b))[0];
      if (near !== this.at) this.point(grip ? null : near);
    };
    svg.onpointerup = svg.onpointercancel = () => { grip = null; };
    svg.onpointerleave = () => this.point(null);
    svg.ondblclick = (event) => { if (this.inside(place(event))) this.look(null); };
    svg.onblur = () => this.point(null);
    svg.onkeydown = (event) => this.key(event);
  }
  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.target !== this.chart.svg || withModifier(event)) return;
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key], {spots, at, x, y} = this;
    if (step && spots.length) this.point(spots[(spots.indexOf(at) + step + spots.length + (at || step > 0 ? 0 : 1)) % spots.length]);
    else if (["+", "=", "-"].includes(event.key)) this.zoom(event.key === "-" ? 1.25 : 0.8, (x.low + x.high) / 2, (y.low + y.high) / 2);
    else if (event.key === "0") this.look(null);
    else return;
    event.preventDefault();
  }
}
