// Two cells, large: side by side, blinking, with a divider, or as their difference; their settings below.
import {el} from "../core/dom.js";
import {dotted} from "../core/format.js";
import {turns} from "../core/poll.js";
import {press, small} from "../parts/buttons.js";
import {fact} from "../parts/words.js";
import {distanceOf, lineOf, picturesOf} from "./facts.js";
import {board, difference, fit} from "./pixels.js";

/**
 * @typedef {object} Source
 * @property {(i: number) => import("./facts.js").Cell} cell
 * @property {(i: number) => string} label
 * @property {(i: number) => Promise<{facts: Object<string, string>}>} settings
 * @property {(i: number) => void} again
 * @property {(pair: number[]) => void} bits
 * @property {() => void} closed
 */

const MODES = {side: "Side by side", blink: "Blink", slider: "Slider", difference: "Difference"}, BLINK = 500;

export class GridPanel {
  /** @param {Source} source */
  constructor(source) {
    this.source = source;
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.pair = [0, 0];
    this.boards = /** @type {Array<HTMLCanvasElement | null>} */ ([null, null]);
    this.mode = "side";
    this.gain = 4;
    this.split = 50;
    this.second = this.paused = false;                       // whether B is seen, and nothing blinks
    this.timer = 0;
    this.turn = turns();
    this.modes = Object.entries(MODES).map(([name, title]) => small(title, () => this.setMode(name), {"data-mode": name}));
    this.factors = [1, 4, 16].map((k) => small(`× ${k}`, () => { this.gain = k; this.draw(); },
      {"data-gain": k, title: `Shows ${k} times the difference`}));
    const group = (label, buttons) =>
      el("span", {class: "sx-row", role: "group", "aria-label": label}, ...buttons);
    this.gains = group("Factor of the difference", this.factors);
    this.stage = el("div", {class: "sx-pair-stage"});
    this.numbers = el("div", {class: "sx-num sx-pair-says"});
    this.table = el("div", {class: "sx-pair-table"});
    this.again = small("Run this cell again and compare", () => source.again(this.pair[0]));
    this.node = el("aside", {class: "sx-large", hidden: true, "aria-label": "Two cells compared"},
      el("div", {class: "sx-row"}, group("How the two are compared", this.modes),
        el("span", {class: "sx-space"}), small("Close", () => this.close(), {title: "Close  Esc"})),
      this.gains, this.stage, this.numbers, this.table,
      el("div", {class: "sx-row"}, this.again, small("Bits per dimension", () => source.bits(this.pair)),
        small("Swap", () => this.show(this.pair[1], this.pair[0]), {title: "Exchange the two cells"})));
    this.calm.addEventListener("change", () => {
      this.paused = this.calm.matches;
      if (this.mode === "blink" && this.open) this.draw();
    });
    new ResizeObserver(() => { if (this.open && this.boards.some(Boolean)) this.draw(); }).observe(this.node);
  }

  get open() { return !this.node.hidden; }

  /** @param {0 | 1} k */
  caption(k) {
    const i = this.pair[k], cell = this.source.cell(i);
    return [el("b", {}, el("span", {class: "sx-letter"}, "AB"[k]), this.source.label(i)),
      el("span", {class: "sx-num sx-quiet"}, dotted([...lineOf(cell), distanceOf(cell, 4)]) || cell.reason || cell.error || cell.status)];
  }
  /** Both captions, with the pictures above them or without. @param {boolean} drawn */
  panels(drawn) {
    const picture = (board) => board ? fit(board, this.stage.clientWidth / 2 - 8) : el("div", {class: "sx-blank"});
    return /** @type {const} */ ([0, 1]).map((k) => el("div", {class: "sx-panel"},
      ...(drawn ? [picture(this.boards[k])] : []), ...this.caption(k)));
  }

  draw() {
    clearInterval(this.timer);
    const [a, b] = this.boards, {stage, numbers, mode} = this;
    press(this.modes, (button) => button.dataset.mode === mode);
    press(this.factors, (button) => Number(button.dataset.gain) === this.gain);
    this.gains.hidden = mode !== "difference";
    numbers.textContent = "";
    const held = stage.contains(document.activeElement);
    stage.dataset.mode = mode;
    if (mode === "side" || !a || !b) {
      stage.replaceChildren(...this.panels(true));
      if (mode !== "side") numbers.textContent = "One of the two cells has no picture.";
    } else if (mode === "difference") this.differ(a, b);
    else this.lay(a, b, held);
  }
  /** @param {HTMLCanvasElement} a @param {HTMLCanvasElement} b */
  differ(a, b) {
    if (a.width !== b.width || a.height !== b.height) {
      this.stage.replaceChildren(...this.panels(true));
      this.numbers.textContent = "The pictures differ in size, so there is no difference to draw.";
      return;
    }
    const {canvas, most, mean} = difference(a, b, this.gain);
    this.stage.replaceChildren(el("div", {class: "sx-over", role: "img", "aria-label": `Difference of A and B, times ${this.gain}`},
      fit(canvas, this.stage.clientWidth)), ...this.panels(false));
    this.numbers.textContent = most ? `max ${most} of 255 · mean ${mean.toPrecision(3)} of 255 · shown × ${this.gain}`
      : "No pixel differs.";
  }
  /** B upon A. @param {HTMLCanvasElement} a @param {HTMLCanvasElement} b @param {boolean} held whether the divider had the focus */
  lay(a, b, held) {
    const over = el("div", {class: "sx-over"}, fit(a, this.stage.clientWidth), fit(b, this.stage.clientWidth));
    Object.assign(b.style, {width: a.style.width, height: a.style.height});
    this.stage.replaceChildren(over, ...this.panels(false));
    if (this.mode === "blink") { this.flip(this.second); this.beat(); return; }
    const handle = this.divider(over);
    over.append(handle);
    if (held) handle.focus({preventScroll: true});
  }
  /** @param {HTMLElement} over */
  divider(over) {
    const handle = el("div", {class: "sx-divider", role: "slider", tabindex: "0", "aria-label": "Divider between A and B",
      "aria-valuemin": 0, "aria-valuemax": 100});
    const move = (percent) => {
      this.split = Math.max(0, Math.min(100, percent));
      over.style.setProperty("--split", `${this.split}%`);
      handle.setAttribute("aria-valuenow", String(Math.round(this.split)));
    };
    const drag = (event) => { const box = over.getBoundingClientRect(); move(100 * (event.clientX - box.left) / box.width); };
    over.onpointerdown = (event) => {
      event.preventDefault();
      over.setPointerCapture(event.pointerId);
      drag(event);
      handle.focus({preventScroll: true});
    };
    over.onpointermove = (event) => { if (event.buttons) drag(event); };
    handle.onkeydown = (event) => {
      const step = {ArrowLeft: -2, ArrowRight: 2, ArrowDown: -2, ArrowUp: 2, Home: -100, End: 100}[event.key];
      if (step) { event.preventDefault(); move(this.split + step); }
    };
    move(this.split);
    return handle;
  }

  /** B lies upon A and is seen or not. @param {boolean} to */
  flip(to) {
    this.second = to;
    this.stage.firstElementChild?.classList.toggle("sx-flipped", to);
    const space = this.calm.matches ? "Space shows the other" : this.paused ? "paused, Space goes on" : "Space pauses";
    this.numbers.textContent = `${to ? "B" : "A"} is shown; ${space}`;
  }
  beat() {
    clearInterval(this.timer);
    if (this.mode === "blink" && !this.paused && this.open && this.boards.every(Boolean)) {
      this.timer = window.setInterval(() => this.flip(!this.second), BLINK);
    }
  }
  pause() {
    if (this.calm.matches) { this.flip(!this.second); return; }
    this.paused = !this.paused;
    this.flip(this.second);
    this.beat();
  }
  /** @param {string} mode */
  setMode(mode) {
    if (mode === "blink" && this.mode === "blink") { this.pause(); return; }
    this.mode = mode;
    this.paused = mode === "blink" && this.calm.matches;
    this.draw();
  }

  /** What the two were made with; what differs stands first. @param {() => boolean} latest */
  async settings(latest) {
    try {
      const [a, b] = (await Promise.all(this.pair.map(this.source.settings))).map((answer) => answer.facts);
      if (latest()) this.table.replaceChildren(settingsTable(a, b));
    } catch (error) { if (latest()) this.table.replaceChildren(el("p", {class: "sx-error"}, error.message)); }
  }
  /** @param {() => boolean} latest */
  async load(latest, fresh = false) {
    const found = await Promise.all(this.pair.map((i) => board(picturesOf(this.source.cell(i)))));
    if (!latest() || !this.open) return;
    this.boards = found;
    this.draw();
    if (fresh) this.node.scrollIntoView({block: "nearest"});                  // on a narrow page it is below the grid
  }
  close() {
    this.turn();
    this.node.hidden = true;
    clearInterval(this.timer);
    this.source.closed();
  }
  drawable() { this.again.disabled = !this.source.cell(this.pair[0]).images?.length; }
  /** @param {number} a @param {number} b */
  show(a, b) {
    const fresh = !this.open;
    this.pair = [a, b];
    this.node.hidden = false;
    this.drawable();
    if (fresh) { this.boards = [null, null]; this.draw(); }
    const latest = this.turn();
    this.load(latest, fresh);
    this.settings(latest);
  }
  /** Some cells changed; those that are shown are drawn again. @param {number[]} numbers */
  changed(numbers) {
    if (!this.open || !this.pair.some((i) => numbers.includes(i))) return;
    this.drawable();
    this.load(this.turn());
  }
  /** Whether the panel used the key. @param {KeyboardEvent} event */
  key(event) {
    const elsewhere = /** @type {Element} */ (event.target).closest("button, input, textarea, select, a");
    if (!this.open || this.mode !== "blink" || event.key !== " " || elsewhere) return false;
    event.preventDefault();
    this.pause();
    return true;
  }
}

/** @param {Object<string, string>} a @param {Object<string, string>} b */
function settingsTable(a, b) {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])], differs = (name) => a[name] !== b[name];
  names.sort((one, two) => Number(differs(two)) - Number(differs(one)));
  const body = names.map((name) => el("tr", differs(name) ? {class: "sx-differs"} : {},
    el("th", {scope: "row"}, differs(name) ? el("span", {title: "differs", "aria-label": "differs"}, "≠ ") : "", name),
    ...[a, b].map((facts) => el("td", {class: "sx-num"}, fact(facts[name] ?? "–")))));
  const head = ["Setting", "A", "B"].map((text) => el("th", {scope: "col"}, text));
  return el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...body));
}
