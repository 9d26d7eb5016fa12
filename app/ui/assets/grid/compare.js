// The comparison page: follows a grid on the server, says how far it is, and shows its cells, two of them large, and earlier grids.
import {el, fill, progress} from "../core/dom.js";
import {dotted, nfeOf, seconds} from "../core/format.js";
import {isRunning} from "../core/jobs.js";
import {recall, remember} from "../core/kept.js";
import {isWriting, withModifier} from "../core/keys.js";
import {get, post} from "../core/link.js";
import {poll} from "../core/poll.js";
import {small, toggle} from "../parts/buttons.js";
import {undoBar} from "../parts/undo.js";
import {gridChart} from "./chart.js";
import {merged, worstOf} from "./facts.js";
import {layerChoice} from "./layers.js";
import {gridLens} from "./lens.js";
import {gridList} from "./list.js";
import {GridPanel} from "./panel.js";
import {verdictOf, verdictPlace} from "./verdict.js";
import {GridView} from "./view.js";

/** @typedef {import("./list.js").Earlier} Earlier */

const ZOOMS = [1, 2, 3, 4, 6, 8];
const FORMATS = {png: "PNG", csv: "CSV", "csv?excel=true": "for Excel", json: "JSON", html: "HTML page"};
const ABOUT = "A grid draws the same seeds with every combination of the settings that you let vary, so that you see what each of them "
  + "does to the picture, its time and its distance to the reference solution, where its sampler converges.";

/** What a change of asks for other cells. @param {any} v */
const shapeOf = (v) => JSON.stringify([v?.id, v?.x, v?.y, v?.z]);

/** @type {import("../core/mount.js").Kind} */
export function compare(root, props, trigger) {
  const page = new Compare(root, trigger);
  let told = "";
  return (value) => {
    const text = JSON.stringify(value);
    if (value.grid && text !== told) page.attach(value.grid);
    told = text;
  };
}

class Compare {
  /** @param {HTMLElement} root @param {(event: string, data?: object) => void} trigger */
  constructor(root, trigger) {
    this.root = root;
    this.trigger = trigger;
    this.id = /** @type {string | null} */ (null);
    this.view = /** @type {any} */ (null);                   // what the server said of the grid last
    this.cells = /** @type {import("./facts.js").Cell[]} */ ([]);
    this.version = -1;
    this.layer = 0;
    this.zoom = /** @type {number | null} */ (null);
    this.second = /** @type {number | null} */ (null);
    this.settings = new Map();                               // of a cell, as they were asked for
    this.letGo = () => {};
    this.parts();
    this.tools();
    this.build();
    this.listen();
    const kept = recall("compare");
    if (kept) this.attach(kept);
  }

  /** What shows the grid. */
  parts() {
    this.grid = new GridView({
      open: (i) => this.openPanel(i),
      second: (i) => { this.second = i; this.grid.second(i); this.openPanel(this.grid.chosen()); },
      moved: (i) => { if (this.panel.open) this.openPanel(i); this.lens.refresh(); },
    });
    this.panel = new GridPanel({
      cell: (i) => this.cells[i] || {i, status: "waiting"}, label: (i) => this.grid.label(i), again: (i) => this.runAgain(i),
      bits: (pair) => this.bitsOf(pair), settings: (i) => this.settingsOf(i),
      closed: () => { this.second = null; this.grid.second(null); },
    });
    this.lensOn = toggle("Magnifier", "Pixels beneath the pointer, 8 times; or hold Alt", () => this.lens.refresh());
    this.lens = gridLens(this.grid.node, () => this.lensOn.input.checked, (i) => this.grid.label(i),
      (k) => ({label: `selected: ${this.grid.label(this.grid.chosen())}`, image: this.grid.image(this.grid.chosen(), k)}));
    this.charts = gridChart();
    this.earlier = gridList({open: (id) => this.attach(id), resume: (id) => this.go(id, false), removed: (item) => this.removed(item)});
    const removed = (items) => items.length > 1 ? `${items.length} grids` : `“${items[0].name || "The grid"}”`;
    this.undo = undoBar((items) => `${removed(items)} moved to the bin.`, (items) => this.back(items));
    this.layers = layerChoice((k) => this.layerTo(k));
    this.verdict = verdictPlace();
  }

  /** What is done with it. */
  tools() {
    this.stop = small("Stop now  Esc", () => this.ending(false), {hidden: true, class: "sx-small sx-stop"});
    this.drain = small("Stop after this cell", () => this.ending(true), {hidden: true});
    this.resume = small("Resume", () => this.go(this.id, false), {hidden: true, title: "Draw the cells that are not done"});
    this.retry = small("Retry failed", () => this.go(this.id, true),
      {hidden: true, title: "Draw the failed cells again, and what is not done"});
    this.name = this.edit("name", "Name of the grid", "Name");
    this.note = this.edit("note", "Note to the grid", "Add a note");
    this.links = Object.entries(FORMATS).map(([ending, title]) =>
      el("a", {class: "sx-small", download: true, "data-ending": ending}, `Export ${title}`));
    this.again = small("Run again and compare", () => this.runAgain(null),
      {title: "Draw every cell again and say whether its pixels are equal"});
    this.selftest = small("Self-test", () => this.test(),
      {title: "Does a picture depend on the batch in which it is drawn? The same seeds one by one and as one batch of 8"});
    this.use = small("Use its settings", () => this.trigger("select", {id: this.id}),
      {title: "Put the settings and axes of this grid into the controls above"});
    this.remove = small("Delete", () => this.send("delete").then(() => this.removed(this.view), (error) => this.say(error)),
      {title: "Move the grid and its pictures to the bin"});
    this.out = small("−", () => this.zoomTo(this.zoom - 1), {"aria-label": "Smaller", title: "Smaller  -"});
    this.into = small("+", () => this.zoomTo(this.zoom + 1), {"aria-label": "Larger", title: "Larger  +"});
    this.beside = toggle("Snapshot beside", "Beside each picture, what a longer run looked like after as many steps", () => this.arrange());
  }
  /**
   * A text of the grid that can be changed where it stands.
   * @param {"name" | "note"} what
   * @param {string} label
   * @param {string} placeholder
   */
  edit(what, label, placeholder) {
    const input = el("input", {class: `sx-edit sx-edit-${what}`, type: "text", maxlength: 500, "aria-label": label, placeholder,
      title: `${label}; click to change it`,
      onchange: () => {
        this.view[what] = input.value.trim();
        this.send("change", {[what]: this.view[what]}).then(this.earlier.refresh, (error) => this.say(error));
      },
      onkeydown: (event) => { if (event.key === "Enter") input.blur(); }});
    return input;
  }

  build() {
    this.trouble = el("p", {class: "sx-error sx-first", role: "alert", hidden: true});
    this.line = el("div", {class: "sx-status sx-num"});
    this.made = el("div", {class: "sx-quiet sx-num"});
    this.terms = el("div", {class: "sx-quiet sx-terms"});
    this.bar = progress({role: "progressbar", "aria-label": "Cells done", "aria-valuemin": 0});
    this.zoomSays = el("span", {class: "sx-num"});
    this.about = el("p", {class: "sx-quiet sx-first"}, ABOUT);
    const {grid, panel, lens} = this;
    this.work = el("div", {hidden: true},
      el("div", {class: "sx-row sx-grid-head"}, this.name, this.note),
      this.made, el("div", {class: "sx-row"}, this.line, this.resume, this.retry, this.drain, this.stop), this.bar,
      el("div", {class: "sx-row sx-grid-tools"}, this.layers.node,
        el("span", {class: "sx-row", role: "group", "aria-label": "Size of the cells"}, this.out, this.zoomSays, this.into),
        this.beside.node, this.lensOn.node,
        el("span", {class: "sx-row sx-grid-files"}, ...this.links, this.again, this.selftest, this.use, this.remove)),
      this.terms, el("div", {class: "sx-grid-body"}, grid.node, panel.node, lens.node), this.charts.node);
    this.root.replaceChildren(this.about, this.trouble, this.verdict.node, this.work, this.earlier.node, this.undo.node);
  }

  listen() {
    document.addEventListener("keydown", (event) => {
      if (!this.view || this.work.offsetParent === null || withModifier(event)) return;
      if (isWriting(event.target, ", select") || this.panel.key(event)) return;
      const layerBy = {"[": -1, "]": 1}[event.key], zoomBy = {"-": -1, "+": 1, "=": 1}[event.key];
      if (layerBy || zoomBy) event.preventDefault();
      if (layerBy) this.layerTo(this.layer + layerBy);
      if (zoomBy) this.zoomTo(this.zoom + zoomBy);
    });
    // Escape belongs to what is open here before it stops a run.
    window.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.root.contains(document.activeElement) && this.escape()) event.stopPropagation();
    }, true);
    document.addEventListener("sx-attach-compare", (event) => this.attach(/** @type {CustomEvent<string>} */ (event).detail));
  }
  /** Leave what is open; whether something was. */
  escape() {
    const editing = /** @type {const} */ (["name", "note"]).find((what) => this[what] === document.activeElement);
    if (editing) {
      this[editing].value = this.view[editing];
      this[editing].blur();
      return true;
    }
    if (!this.panel.open) return false;
    this.panel.close();
    /** @type {HTMLElement | null} */ (this.root.querySelector(".sx-cell[tabindex='0']"))?.focus({preventScroll: true});
    return true;
  }

  /** @param {Error} error */
  say(error) { this.trouble.textContent = error.message; this.trouble.hidden = false; }
  /** @param {string} what @param {object} body */
  send(what, body = {}) { return post(`api/grid/${this.id}/${what}`, body); }
  /** @param {number} i */
  openPanel(i) { this.panel.show(i, this.second != null && this.second !== i ? this.second : this.grid.neighbour(i)); }
  /** @param {number} i */
  settingsOf(i) {
    const kept = this.settings;
    if (!kept.has(i)) kept.set(i, get(`api/grid/${this.id}/cell/${i}`).catch((error) => { kept.delete(i); throw error; }));
    return kept.get(i);
  }

  arrange() {
    if (!this.view) return;
    const {size, count, distance} = this.view, {input} = this.beside;
    this.grid.set(this.view, this.cells,
      {layer: this.layer, side: size * ZOOMS[this.zoom], count, distance, beside: input.checked && !input.disabled});
    this.zoomSays.textContent = `× ${ZOOMS[this.zoom]}`;
    this.out.disabled = this.zoom === 0;
    this.into.disabled = this.zoom === ZOOMS.length - 1;
  }
  /** @param {number} k */
  zoomTo(k) { if (this.view && ZOOMS[k]) { this.zoom = k; this.arrange(); } }
  /** @param {number} k */
  layerTo(k) {
    if (!this.view || k < 0 || k >= this.view.z.labels.length || k === this.layer) return;
    this.layer = k;
    this.second = null;
    this.grid.second(null);
    this.layers.draw(this.view.z, k);
    this.arrange();
    if (this.panel.open) this.openPanel(this.grid.chosen());
    this.lens.refresh();
  }

  status() {
    const {view, cells} = this, running = isRunning(view.status);
    const of = (...which) => cells.filter((cell) => which.includes(cell?.status)).length, failed = of("failed");
    this.stop.hidden = this.drain.hidden = !running;
    this.resume.hidden = running || !of("waiting", "stopped", "running");
    this.retry.hidden = running || !failed;
    for (const link of this.links) { link.hidden = running; link.href = `export/${view.id}.${link.dataset.ending}`; }
    this.again.hidden = this.selftest.hidden = running || !of("done");
    this.work.classList.toggle("sx-loading-now", view.status === "loading");
    fill(this.bar, view.total ? view.done / view.total : 0);
    this.bar.setAttribute("aria-valuemax", view.total);
    this.bar.setAttribute("aria-valuenow", view.done);
    this.line.textContent = dotted([`${view.done} of ${view.total} cells`, failed ? `${failed} failed` : "",
      view.calls ? nfeOf(view.calls) : "", view.seconds ? seconds(view.seconds) : "",
      running && view.seconds_left != null ? `${seconds(view.seconds_left)} left` : "",
      running || view.status === "done" ? "" : view.status, view.message, view.error]);
    this.line.classList.toggle("sx-error", Boolean(view.error));
    this.made.textContent = view.made;
    this.terms.textContent = view.terms;
    for (const what of /** @type {const} */ (["name", "note"])) if (document.activeElement !== this[what]) this[what].value = view[what];
  }
  /** @param {any} next what the server says of the grid: all of it but those cells that are as they were */
  draw(next) {
    const other = shapeOf(this.view) !== shapeOf(next);
    if (other) this.begin(next);
    if (this.zoom === null || this.view?.size !== next.size) this.zoom = Math.max(0, ZOOMS.findLastIndex((k) => k * next.size <= 96));
    this.view = next;
    for (const cell of next.cells) this.cells[cell.i] = merged(this.cells[cell.i], cell);
    this.beside.input.disabled = !this.cells.some((cell) => cell.snapshot);
    this.about.hidden = true;
    this.work.hidden = false;
    if (other) this.layers.draw(next.z, this.layer);
    for (const [equation, most] of Object.entries(worstOf(this.cells))) this.grid.worst(equation, most);
    this.arrange();
    const numbers = next.cells.map((cell) => cell.i);
    this.grid.changed(numbers);
    this.panel.changed(numbers);
    this.charts.set(next, this.cells.filter((cell) => cell.distance != null).length);
    this.status();
  }
  /** Another grid, or one with other axes. @param {any} next */
  begin(next) {
    const size = ["x", "y", "z"].reduce((product, axis) => product * next[axis].labels.length, 1);
    this.cells = Array.from({length: size}, (_, i) => ({i, status: "waiting"}));
    this.settings = new Map();
    if (this.panel.open) this.panel.close();
    this.layer = this.view?.id === next.id ? Math.min(this.layer, next.z.labels.length - 1) : 0;
  }

  /** Follow the grid until it ends; whoever attaches another one lets go of this one. */
  follow() {
    let lost = false;
    return poll(() => get(`api/grid/${this.id}?seen=${this.version}&show=${this.grid.ranges()}`), {
      draw: (next) => {
        this.version = next.version;
        if (lost) { lost = false; this.trouble.hidden = true; }
        if (next.cells) this.draw(next);
        else if (this.view.status !== next.status) { this.view.status = next.status; this.status(); }
        if (isRunning(this.view.status)) return true;
        this.earlier.refresh();
        return false;
      },
      lost: (error) => { lost = true; this.say(error); },
      gone: (error) => { this.detach(); this.say(error); },
    }, 250);
  }
  /** @param {string} next */
  attach(next) {
    this.letGo();
    this.trouble.hidden = true;
    if (next !== this.id) { this.view = null; this.verdict.hide(); if (this.panel.open) this.panel.close(); }
    this.id = next;
    this.version = -1;
    this.stop.disabled = this.drain.disabled = false;
    remember("compare", next);
    this.earlier.current(next);
    this.letGo = this.follow();
  }
  detach() {
    this.letGo();
    this.id = this.view = null;
    remember("compare", null);
    if (this.panel.open) this.panel.close();
    this.work.hidden = true;
    this.about.hidden = false;
  }
  /** @param {boolean} after this cell */
  ending(after) {
    this.drain.disabled = true;
    this.stop.disabled = !after;
    this.send("stop", {after}).catch((error) => this.say(error));
  }
  /** @param {string} which @param {boolean} retry */
  async go(which, retry) {
    try { await post(`api/grid/${which}/resume`, {retry}); this.attach(which); } catch (error) { this.say(error); }
  }
  /** @param {Earlier} item */
  removed(item) {
    if (item.id === this.id) this.detach();
    this.undo.add(item);
    this.earlier.refresh();
  }
  /** @param {Earlier[]} items */
  async back(items) {
    for (const item of items) await post(`api/grid/${item.id}/restore`);
    this.attach(items.at(-1).id);
    this.earlier.refresh();
  }

  /** @param {string} says @param {() => Promise<Node[]>} work */
  tellOf(says, work) {
    const whose = this.id;
    return this.verdict.tell(says, work, () => whose === this.id);
  }
  /** @param {string} says @param {() => Promise<import("./verdict.js").Again>} ask @param {(i: number) => string} label */
  async drawnAgain(says, ask, label) {
    this.again.disabled = this.selftest.disabled = true;
    await this.tellOf(says, async () => [verdictOf(await ask(), label)]);
    this.again.disabled = this.selftest.disabled = false;
  }
  /** @param {number | null} i a cell, or all */
  runAgain(i) {
    const label = (k) => this.grid.label(k);
    return this.drawnAgain(i == null ? "Drawing every cell again …" : `Drawing ${label(i)} again …`,
      () => this.send("again", {cell: i}), label);
  }
  test() {
    return this.drawnAgain("Drawing 8 seeds one by one and as one batch …", async () => {
      const found = await this.send("selftest");
      return {...found, cells: found.pictures.map((p, i) => ({...p, i})), then: found.now};
    }, (i) => `Picture ${i + 1} alone against in the batch`);
  }
  /** @param {number[]} pair */
  bitsOf(pair) {
    return this.tellOf("Measuring …", () => Promise.all([...new Set(pair)].map(async (i) => {
      try {
        const found = await get(`api/grid/${this.id}/bits/${i}`);
        return el("div", {class: "sx-num"}, `${this.grid.label(i)}: ${found.undefined || found.text}`);
      } catch (error) { return el("div", {class: "sx-error"}, error.message); }           // of one cell, not of the other
    })));
  }
}
