// The 2-D laboratory: choose or draw a density, watch a small model learn it or train it step by step, let particles follow it.
import {el, say} from "../core/dom.js";
import {nfeOf} from "../core/format.js";
import {get, post} from "../core/link.js";
import {turns} from "../core/poll.js";
import {press, select, small, toggle} from "../parts/buttons.js";
import {player} from "../parts/player.js";
import {Plane, SPAN} from "./plane.js";

const DENSITIES = ["moons", "gaussians", "spiral", "drawn"], MOST = 2000, REACH = 1.4;

/** @type {import("../core/mount.js").Kind} */
export function lab(root, {bench}) { new Lab(root, bench).build(); }

/** Loss by part, as it stands in the status line. @param {Object<string, number>} losses */
export const lossWords = (losses) =>
  Object.entries(losses).map(([part, loss]) => ` · ${[part, "loss"].join(" ").trim()} ${loss.toFixed(3)}`).join("");

/** @param {Object<string, any>} figures */
export const figureWords = (figures) => Object.entries(figures).map(([name, value]) =>
  ` · ${name} ${value.toFixed?.(value < 10 && !Number.isInteger(value) ? 2 : 0) ?? value}`).join("");

class Lab {
  /** @param {HTMLElement} root @param {any} bench what the family's laboratory offers */
  constructor(root, bench) {
    this.root = root;
    this.bench = bench;
    this.plane = new Plane();
    this.density = DENSITIES[0];
    this.id = /** @type {string | null} */ (null);           // of the model
    this.data = /** @type {number[]} */ ([]);
    this.found = this.before = /** @type {any} */ (null);    // a run, and the one of another sampler before it
    this.level = /** @type {any} */ (null);                  // its likelihood everywhere
    this.drawn = /** @type {[number, number][]} */ ([]);
    this.drawing = false;
    this.live = true;                                        // the model learns by itself
    this.chosen = /** @type {Object<string, any>} */ ({});   // options of the sampler
    this.learnt = /** @type {Object<string, any>} */ ({});   // and of the next model
    this.turn = turns();
    this.session = turns();
  }

  build() {
    const {bench, plane} = this;
    this.status = el("div", {class: "sx-quiet sx-num sx-lab-status", role: "status"},
      "Choose a density, or draw one with the mouse, and train.");
    this.chips = DENSITIES.map((name) => el("button", {class: "sx-chip", type: "button", "data-density": name,
      onclick: () => { if (name === "drawn") this.begin(); else { this.density = name; this.train(); } }},
        name === "drawn" ? "draw" : name));
    this.trainer = small("Train", () => this.train());
    this.settings = el("div", {class: "sx-row sx-lab-options"});
    this.sampler = select({"aria-label": "Sampler of the laboratory", onchange: () => { this.offer(); this.run(); }},
      bench.samplers.map(({name, title}) => [name, title]));
    this.arrows = toggle(bench.field, bench.about_field, () => this.draw());
    this.contour = toggle("likelihood", bench.no_likelihood || "Lines of equal likelihood of the trained model", () => this.contours());
    this.fan = toggle("one start", "Start all particles at one point: noise spreads them, an ODE draws one line", () => this.run());
    this.contour.input.disabled = Boolean(bench.no_likelihood);
    this.time = el("input", {type: "range", min: 0, max: 1, value: 0, step: 1, disabled: true, "aria-label": "Time of the laboratory",
      oninput: () => { this.player.halt(); this.draw(); }});
    this.player = player(["Play", "Pause"], () => this.rewind(), () => this.tick(), {disabled: true});
    this.now = el("span", {class: "sx-num sx-quiet"}, "");
    const row = (...nodes) => el("div", {class: "sx-row"}, ...nodes);
    this.root.replaceChildren(row(...this.chips, this.trainer), ...this.steppers().map((nodes) => row(...nodes)), plane.canvas,
      row(this.player.button, this.time, this.now), row(this.sampler, this.settings),
      row(this.arrows.node, this.contour.node, bench.starts ? this.fan.node : null), this.status);
    this.arrows.input.checked = true;
    this.offer();
    plane.canvas.onpointerdown = (event) => { this.drawing = true; plane.canvas.setPointerCapture(event.pointerId); this.touch(event); };
    plane.canvas.onpointermove = (event) => this.touch(event);
    plane.canvas.onpointerup = () => { this.drawing = false; };
  }

  /** Rows for training part by part; none where the bench names no parts. */
  steppers() {
    const {bench} = this, parts = /** @type {string[]} */ (bench.parts);
    if (!parts.length) return [];
    const times = select({"aria-label": "Training steps at a click"}, [1, 10, 100].map((n) => [n, `× ${n}`]));
    const stepper = (text, trained, title) =>
      small(text, () => this.step(trained, Number(times.value)), {title});
    const lessons = bench.learnt.map((option) =>
      this.control(option, this.learnt, () => this.id && (this.live ? this.train() : this.over())));
    const restart = small("Start over", () => this.over(), {title: "A new model that has learnt nothing, to be trained step by step"});
    return [[...lessons, restart],
      [...parts.map((part) => stepper(`${part[0].toUpperCase()}${part.slice(1)} step`, [part], `Train ${part} alone`)),
        stepper("Both", parts, "Train all in turn"), times]];
  }

  /**
   * The control of an option; its value lives in `values`.
   * @param {any} option
   * @param {Object<string, any>} values
   * @param {() => void} change
   */
  control(option, values, change) {
    const start = values[option.name] ??= option.default, settings = {"aria-label": `${option.label} of the laboratory`};
    const set = (value) => { values[option.name] = value; change(); };
    if (option.type === "bool") {
      const {input, node} = toggle(option.label, option.help, () => set(input.checked));
      input.checked = start;
      return node;
    }
    const input = option.choices.length
      ? select({...settings, onchange: () => set(input.value)}, option.choices.map((name) => [name, name]))
      : el("input", {...settings, type: "number", min: option.low, max: option.high, step: option.type === "int" ? 1 : "any",
        onchange: () => { if (input.value === "") input.value = values[option.name]; else set(Number(input.value)); }});
    input.value = start;
    return el("label", {class: "sx-lab-option", title: option.help}, option.label, input);
  }
  offer() {
    const {options} = this.bench.samplers.find((one) => one.name === this.sampler.value);
    this.settings.replaceChildren(...options.map((option) =>
      this.control(option, this.chosen, () => { this.run(); this.contours(); })));
  }

  /** @param {string} name of a property of the style sheets */
  colour(name) { return getComputedStyle(this.root).getPropertyValue(name).trim(); }

  draw() {
    const {plane, found, before} = this, k = Number(this.time.value), quiet = this.colour("--quiet"), arrows = this.arrows.input.checked;
    const colours = {accent: this.colour(`--accent-${this.bench.family}`), text: this.colour("--text")};
    plane.clear();
    const view = found?.views[k];
    if (found && arrows && (view.cells || view.shade))
      plane.paint(view, found.side, colours, !view.cells && found.arrows[0].length > 0);       // a field has no edges; cells and bins do
    plane.dots(this.density === "drawn" ? this.drawn.flat() : this.data, 2, quiet, 0.45);
    if (this.contour.input.checked && this.level) plane.contours(this.level, quiet);
    if (!found) return;
    const frame = found.frames[k], last = found.frames.length - 1, fan = this.fan.input.checked;
    if (before) {                                                          // the run before, from the same starts, as far on its way
      plane.dots(before.frames[Math.round(k * (before.frames.length - 1) / Math.max(1, last))], 3, colours.text, 0.35);
    }
    if (arrows && found.arrows[k].length) plane.arrows(found.grid, found.arrows[k], quiet);
    // more hide the picture
    plane.trajectories(found.frames, Math.min(fan ? 16 : 24, frame.length / 2), k, colours.accent, fan ? 0.5 : 0.35);
    plane.dots(frame, 3, colours.accent, 0.9);
    const t = found.t[k];
    this.now.textContent = {token: `token ${k} of ${last}`, call: k ? "G(z)" : "z / 2"}[/** @type {"token"} */ (this.bench.unit)]
      || `t ${t.toFixed(Math.abs(t) >= 10 ? 0 : 2)}`;
  }
  rewind() {
    if (Number(this.time.value) >= Number(this.time.max)) this.time.value = "0";
    this.draw();
    return Math.max(60, 1500 / this.found.frames.length);
  }
  tick() {
    this.time.value = String(Number(this.time.value) + 1);
    this.draw();
    return Number(this.time.value) < Number(this.time.max);
  }

  /** @param {string} text */
  say(text, bad = false) { say(this.status, text, bad); }
  figures() { return figureWords(this.found?.figures || {}); }
  /** @param {{step: number, total: number, data: number[], losses: Object<string, number>}} state */
  progress(state) {
    this.data = state.data;
    this.say(`${this.live ? "Training: step" : "Step"} ${state.step}${this.live ? ` of ${state.total || "…"}` : ""}`
      + lossWords(state.losses) + this.figures());
  }

  /** Let particles follow the model. @param {boolean} quiet while it learns: only the end is shown */
  async run(quiet = false) {
    if (!this.id) return;
    const latest = this.turn(), begun = performance.now(), fan = this.fan.input.checked;
    try {
      const answer = await post(`api/lab/${this.id}/run`,
        {sampler: this.sampler.value, options: this.chosen, count: fan ? 60 : 400, seed: 0, fan});
      if (latest()) this.ran(answer, quiet, performance.now() - begun);
    } catch (error) { this.say(error.message, true); }
  }
  /** @param {any} answer @param {boolean} quiet @param {number} took ms */
  ran(answer, quiet, took) {
    const name = this.sampler.selectedOptions[0].text, fan = this.fan.input.checked;
    this.before = this.found && this.found.name !== name && this.found.fan === fan ? this.found : null;
    this.found = {...answer, name, fan};
    this.time.max = String(answer.frames.length - 1);
    this.time.disabled = this.player.button.disabled = false;
    if (quiet) { this.time.value = this.time.max; this.draw(); return; }
    const dark = this.before ? ` · dark: ${this.before.name}` : "";
    this.say(`${name} · ${nfeOf(answer.calls)} · ${took.toFixed(0)} ms${dark}${this.figures()}`);
    this.time.value = "0";
    this.player.start();
  }
  async contours() {
    this.level = null;
    if (!this.contour.input.checked || !this.id) { this.draw(); return; }
    try { this.level = await post(`api/lab/${this.id}/contours`, {options: this.chosen}); } catch (error) {
      this.contour.input.checked = false;
      this.say(error.message, true);
    }
    this.draw();
  }

  pressed() { press(this.chips, (chip) => chip.dataset.density === this.density); }
  /** A new model; its id, or false where another is wanted by now. @param {boolean} live */
  async fresh(live) {
    const latest = this.session();
    this.player.halt();
    this.live = live;
    this.found = this.before = this.level = this.id = null;
    this.time.disabled = this.player.button.disabled = true;
    this.time.value = "0";
    this.now.textContent = "";
    this.pressed();
    const points = this.density === "drawn" ? this.drawn : null;
    const made = (await post(`api/lab/${this.bench.family}`, {density: this.density, points, options: this.learnt, live})).id;
    if (latest()) this.id = made;
    return latest() && made;
  }
  async train() {
    this.trainer.disabled = true;
    try {
      const mine = await this.fresh(true), going = () => mine && mine === this.id && this.live;
      while (going()) {
        const state = await get(`api/lab/${mine}`);
        if (!going()) break;
        if (state.error) throw new Error(state.error);
        this.progress(state);
        if (state.done) { await this.run(); await this.contours(); break; }
        if (state.step > 20) await this.run(true); else this.draw();
        await new Promise((resume) => setTimeout(resume, 300));
      }
    } catch (error) { this.say(error.message, true); }
    finally { this.trainer.disabled = false; }
  }
  async over() {
    try {
      const mine = await this.fresh(false);
      if (mine) { this.progress(await get(`api/lab/${mine}`)); await this.run(true); }
    } catch (error) { this.say(error.message, true); }
  }
  /** @param {string[]} parts @param {number} count */
  async step(parts, count) {
    this.player.halt();
    try {
      if (!this.id) await this.fresh(false);
      this.live = false;
      if (!this.id) return;
      const state = await post(`api/lab/${this.id}/step`, {parts, count});
      if (state.error) throw new Error(state.error);
      await this.run(true);
      this.progress(state);
    } catch (error) { this.say(error.message, true); }
  }

  begin() {
    this.density = "drawn";
    this.drawn = [];
    this.found = this.id = null;
    this.pressed();
    this.say("Hold the mouse button down and draw in the square, then press Train.");
    this.draw();
  }
  /** @param {PointerEvent} event */
  touch(event) {
    if (!this.drawing || this.density !== "drawn" || this.drawn.length >= MOST) return;
    const box = this.plane.canvas.getBoundingClientRect(), within = (v) => Math.max(-REACH, Math.min(REACH, v));
    this.drawn.push([within(((event.clientX - box.left) / box.width * 2 - 1) * SPAN),
      within((1 - (event.clientY - box.top) / box.height * 2) * SPAN)]);
    this.draw();
  }
}
