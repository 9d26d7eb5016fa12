// The table of cells: labels stay in sight, only what is visible is in the page, arrow keys go from cell to cell.
import {el} from "../core/dom.js";
import {withModifier} from "../core/keys.js";
import {GridCell} from "./cell.js";
import {cellSize, inRange} from "./facts.js";

/** @typedef {import("./facts.js").Cell} Cell */
/** @typedef {{name: string, title: string, labels: string[]}} GridAxis */
/** @typedef {{id: string, x: GridAxis, y: GridAxis, z: GridAxis}} GridState */
/** @typedef {{layer: number, side: number, count: number, distance: boolean, beside: boolean}} Look */

const MARGIN = 96, PAD = 16;

/** What a change of asks for other cells. @param {GridState | null} v @param {Look} l */
const shapeOf = (v, l) => v && JSON.stringify([v.id, v.x, v.y, v.z, l.layer, l.count, l.distance, l.beside]);

export class GridView {
  /** @param {{open: (i: number) => void, second: (i: number) => void, moved: (i: number) => void}} on */
  constructor(on) {
    this.on = on;
    this.head = el("div", {class: "sx-head", role: "row", "aria-rowindex": 1});
    this.grid = el("div", {class: "sx-grid", id: "grid", role: "grid", "aria-label": "Cells of the grid"}, this.head);
    this.node = el("div", {class: "sx-scroll sx-cells"}, this.grid);
    this.ruler = document.createElement("canvas").getContext("2d");
    this.view = /** @type {GridState | null} */ (null);
    this.cells = /** @type {Cell[]} */ ([]);
    this.look = /** @type {Look} */ ({});
    this.size = /** @type {ReturnType<typeof cellSize>} */ ({});
    this.labels = {width: 0, height: 0};
    this.active = {row: 0, column: 0};
    this.other = /** @type {number | null} */ (null);        // the cell that is compared with the active one
    // What is in the page, by number.
    this.rows = /** @type {Map<number, HTMLElement>} */ (new Map());
    this.columns = /** @type {Map<number, HTMLElement>} */ (new Map());
    this.shown = /** @type {Map<number, GridCell>} */ (new Map());
    this.timer = /** @type {ReturnType<typeof setTimeout> | null} */ (null);
    this.listen();
  }

  get width() { return this.view.x.labels.length; }
  get height() { return this.view.y.labels.length; }
  /** Whether there is something to arrange, and a place for it. */
  get idle() { return !this.view || !this.node.clientWidth; }
  /** @param {number} row @param {number} column */
  index(row, column) { return ((this.look.layer || 0) * this.height + row) * this.width + column; }
  /** @param {number} i */
  place(i) { return {row: Math.floor(i / this.width) % this.height, column: i % this.width}; }
  /** The number of the selected cell. */
  chosen() { return this.index(this.active.row, this.active.column); }
  /** @param {number} i */
  label(i) {
    const {row, column} = this.place(i), {x, y, z} = this.view, layer = Math.floor(i / (this.width * this.height));
    const varied = /** @type {Array<[GridAxis, number]>} */ ([[z, layer], [y, row], [x, column]]).filter(([axis]) => axis.name);
    return varied.map(([axis, k]) => axis.labels[k]).join(" · ") || "the only cell";
  }

  measure() {
    const {x, y} = this.view, {grid, look} = this;
    this.ruler.font = `700 14px ${getComputedStyle(grid).fontFamily}`;
    const longest = (texts) => Math.max(0, ...texts.map((text) => this.ruler.measureText(text).width));
    const size = this.size = cellSize(look);
    const most = Math.min(200, Math.max(96, this.node.clientWidth * 0.2));
    const names = longest([...y.labels, y.name && `${y.title} ↓`, x.name && `${x.title} →`].filter(Boolean));
    const lines = Math.min(3, Math.ceil(longest(x.labels) / (size.width - PAD)));
    const labels = this.labels = {width: names ? Math.min(most, names + PAD + 8) : 8,
      height: Math.max(y.name && x.name ? 2 : 0, lines) * 20 + (lines || y.name ? 12 : 4)};
    for (const [name, value] of Object.entries({"--cell-width": size.width, "--cell-height": size.height, "--label-width": labels.width,
      "--label-height": labels.height, "--side": look.side, "--block": size.block, "--pictures": size.pictures})) {
      grid.style.setProperty(name, `${value}px`);
    }
    grid.style.setProperty("--across", String(size.across));
    grid.style.width = `${labels.width + this.width * size.width}px`;
    grid.style.height = `${labels.height + this.height * size.height}px`;
  }

  /** First and last row and column that are in sight, with a margin. @param {number} margin */
  inSight(margin) {
    const {scrollTop, clientHeight, scrollLeft, clientWidth} = this.node, {labels, size} = this;
    return [inRange(scrollTop, clientHeight - labels.height, size.height, this.height, margin),
      inRange(scrollLeft, clientWidth - labels.width, size.width, this.width, margin)];
  }

  /** @param {number} i */
  paint(i) {
    const cell = this.shown.get(i);
    cell.paint(this.cells[i] || {i, status: "waiting"}, {...this.look, label: (k) => this.label(k)});
    this.mark(i, cell.node);
  }
  /** @param {number} i @param {HTMLElement} node */
  mark(i, node) {
    const chosen = i === this.chosen();
    node.tabIndex = chosen ? 0 : -1;
    node.setAttribute("aria-selected", String(chosen));
    node.classList.toggle("sx-second", i === this.other);
  }
  /** @param {number} row */
  addRow(row) {
    const text = this.view.y.labels[row];
    const node = el("div", {class: "sx-gridrow", role: "row", "aria-rowindex": row + 2, style: `--row: ${row}`},
      el("div", {class: "sx-rowlabel", role: "rowheader", "aria-colindex": 1, title: text}, el("span", {}, text)));
    this.rows.set(row, node);
    this.grid.append(node);
  }
  /** @param {number} column */
  addColumn(column) {
    const text = this.view.x.labels[column];
    const node = el("div", {class: "sx-column", role: "columnheader", "aria-colindex": column + 2,
      title: text, style: `--column: ${column}`},
    el("span", {}, text));
    this.columns.set(column, node);
    this.head.append(node);
  }
  /** @param {number} i */
  addCell(i) {
    const {row, column} = this.place(i), cell = new GridCell();
    cell.node.style.setProperty("--column", String(column));
    cell.node.dataset.i = String(i);
    cell.node.setAttribute("aria-colindex", String(column + 2));
    this.shown.set(i, cell);
    this.paint(i);
    this.rows.get(row).append(cell.node);
  }

  /** Brings the page in line with what is in sight; the selected cell always stays, since it may have the focus. */
  refresh(margin = MARGIN) {
    if (this.idle) return;
    const [[top, bottom], [left, right]] = this.inSight(margin), chosen = this.chosen(), {row: activeRow} = this.active;
    const wanted = new Set([chosen]);
    for (let row = top; row <= bottom; row++) for (let column = left; column <= right; column++) wanted.add(this.index(row, column));
    drop(this.shown, (i) => wanted.has(i));
    drop(this.rows, (row) => row === activeRow || (row >= top && row <= bottom));
    drop(this.columns, (column) => column >= left && column <= right);
    for (let column = left; column <= right; column++) if (!this.columns.has(column)) this.addColumn(column);
    for (const i of wanted) {
      if (!this.rows.has(this.place(i).row)) this.addRow(this.place(i).row);
      if (!this.shown.has(i)) this.addCell(i);
    }
  }
  /** At once what is in sight, so that the answer is quick; the margin a moment later. */
  settle() {
    this.refresh(0);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.timer = null; this.refresh(); }, 60);
  }
  /** Other sizes, the same cells: what was in the corner stays there. */
  resize() {
    if (this.idle) return;
    const before = this.size, {scrollLeft, scrollTop} = this.node;
    this.measure();
    this.node.scrollTo(scrollLeft * this.size.width / before.width, scrollTop * this.size.height / before.height);
    this.settle();
  }
  rebuild() {
    if (this.idle) return;
    const focused = this.grid.contains(document.activeElement), {x, y} = this.view;
    for (const kept of [this.shown, this.rows, this.columns]) drop(kept, () => false);
    this.measure();
    const axis = ({name, title}, mark) => el("span", {}, name ? `${title} ${mark}` : "");
    this.head.replaceChildren(el("div", {class: "sx-corner", role: "columnheader", "aria-colindex": 1}, axis(x, "→"), axis(y, "↓")));
    this.grid.setAttribute("aria-rowcount", String(this.height + 1));
    this.grid.setAttribute("aria-colcount", String(this.width + 1));
    this.settle();
    if (focused) this.shown.get(this.chosen()).node.focus({preventScroll: true});
  }

  /** @param {number} row @param {number} column */
  select(row, column) {
    const before = this.shown.get(this.chosen()), {node, labels, size} = this;
    this.active = {row, column};
    const x = column * size.width, y = row * size.height, wide = node.clientWidth - labels.width, high = node.clientHeight - labels.height;
    node.scrollLeft = Math.min(x, Math.max(node.scrollLeft, x + size.width - wide));
    node.scrollTop = Math.min(y, Math.max(node.scrollTop, y + size.height - high));
    if (before) this.mark(Number(before.node.dataset.i), before.node);
    this.refresh();
    const now = this.shown.get(this.chosen());
    this.mark(this.chosen(), now.node);
    now.node.focus({preventScroll: true});
    this.on.moved(this.chosen());
  }
  /** @param {KeyboardEvent} event */
  key(event) {
    if (withModifier(event)) return;
    const {row, column} = this.active, last = this.width - 1;
    const page = Math.max(1, Math.floor((this.node.clientHeight - this.labels.height) / this.size.height));
    const to = {ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
      Home: [row, 0], End: [row, last], PageUp: [row - page, column], PageDown: [row + page, column]}[event.key];
    if (!to && event.key !== "Enter") return;
    event.preventDefault();
    if (to) this.select(Math.min(this.height - 1, Math.max(0, to[0])), Math.min(last, Math.max(0, to[1])));
    else this.on.open(this.chosen());
  }
  listen() {
    const {grid, node} = this;
    grid.addEventListener("keydown", (event) => this.key(event));
    grid.addEventListener("click", (event) => {
      const cell = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest(".sx-cell"));
      if (!cell) return;
      const i = Number(cell.dataset.i), {row, column} = this.place(i);
      if (event.shiftKey) { this.on.second(i); return; }
      this.select(row, column);
      this.on.open(i);
    });
    grid.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); });       // no text selection
    let turn = 0;
    node.addEventListener("scroll", () => {
      cancelAnimationFrame(turn);
      turn = requestAnimationFrame(() => this.refresh(this.timer ? 0 : MARGIN));
    }, {passive: true});
    new ResizeObserver(() => { if (this.head.firstChild) this.resize(); else this.rebuild(); }).observe(node);
  }

  /** A grid, perhaps another one. @param {GridState} next @param {Cell[]} all its cells by number @param {Look} look */
  set(next, all, look) {
    const other = this.view?.id !== next.id, sized = this.look.side !== look.side;
    const fresh = shapeOf(this.view, this.look) !== shapeOf(next, look);
    Object.assign(this, {view: next, cells: all, look});
    if (other) { this.active = {row: 0, column: 0}; this.other = null; this.node.scrollTo(0, 0); }
    this.active = {row: Math.min(this.active.row, this.height - 1), column: Math.min(this.active.column, this.width - 1)};
    if (fresh) this.rebuild(); else if (sized) this.resize();
  }
  /** @param {number[]} numbers */
  changed(numbers) { for (const i of numbers) if (this.shown.has(i)) this.paint(i); }
  /** Bars of other equations are not compared. @param {string} equation @param {number} value */
  worst(equation, value) { this.grid.style.setProperty(`--worst-${equation}`, String(value)); }
  /** @param {number} i @param {number} k @returns {HTMLImageElement | undefined} */
  image(i, k) { return /** @type {any} */ (this.shown.get(i)?.node.querySelectorAll(".sx-half:first-child img")[k]); }
  /** @param {number | null} i */
  second(i) {
    const before = this.other;
    this.other = i;
    for (const k of [before, i]) if (this.shown.has(k)) this.mark(k, this.shown.get(k).node);
  }
  /** The cell to compare with: the right neighbour, or the left one, or one above or below. @param {number} i */
  neighbour(i) {
    const {row, column} = this.place(i);
    return column + 1 < this.width ? i + 1 : column > 0 ? i - 1 : row + 1 < this.height ? i + this.width : row > 0 ? i - this.width : i;
  }
  /** "0-5,30-35": the numbers of the cells in sight. */
  ranges() {
    if (this.idle) return "";
    const [[top, bottom], [left, right]] = this.inSight(0);
    return Array.from({length: bottom - top + 1}, (_, k) => `${this.index(top + k, left)}-${this.index(top + k, right)}`).join(",");
  }
}

/** Take out of the page, and forget, what is not wanted there. @param {Map<number, any>} kept @param {(key: number) => boolean} wanted */
function drop(kept, wanted) {
  for (const [key, entry] of kept) if (!wanted(key)) { (entry.node || entry).remove(); kept.delete(key); }
}
