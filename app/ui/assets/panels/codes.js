// A picture as codes: the map, what the model thought of each code, the codebook to choose others from, and the picture that results.
import {el, say} from "../core/dom.js";
import {dotted} from "../core/format.js";
import {recall} from "../core/kept.js";
import {get, post} from "../core/link.js";
import {turns} from "../core/poll.js";
import {select, small} from "../parts/buttons.js";

/** @typedef {import("../core/records").CodeView} CodeView */
/** @typedef {import("../core/records").Codebook} Codebook */

/** @type {import("../core/mount.js").Kind} */
export function codes(root, props, trigger) {
  const panel = new Codes(root, props, (mask) => trigger("select", {mask}));
  return (value) => {
    if (value.error) say(panel.hint, value.error, true);
    else if (value.view) panel.given(value.view);
  };
}

/** Which of the squares stay, as hexadecimal digits of four each. @param {Set<number>} stays @param {number} count of squares */
export const maskOf = (stays, count) => Array.from({length: count / 4}, (_, d) =>
  [0, 1, 2, 3].reduce((value, bit) => 2 * value + Number(stays.has(4 * d + bit)), 0).toString(16)).join("");

class Codes {
  /** @param {HTMLElement} root @param {any} props @param {(mask: string) => void} rest draws what does not stay */
  constructor(root, props, rest) {
    this.props = props;
    this.family = props.family;
    this.parts(rest);
    root.replaceChildren(this.hint, el("div", {class: "sx-code-pair"}, this.map, el("div", {}, this.image, this.other)), this.facts,
      this.words, this.likely, this.tools, this.book);
    /** @type {CodeView | null} */
    this.view = null;
    /** @type {number[][]} */
    this.codes = [];
    /** @type {[number, number] | null} */
    this.chosen = null;
    /** @type {Codebook | null} */
    this.codebook = null;
    this.bookOf = this.of = null;                            // the model of the codebook, and the picture that is shown
    /** @type {[string, number] | null} */
    this.wanted = null;
    this.turn = turns();
    // Painting says which codes of one's own picture stay while the model draws the others.
    this.painting = false;
    this.brush = /** @type {boolean | null} */ (null);
    this.stays = /** @type {Set<number>} */ (new Set());
    this.listen(root);
  }

  /** @param {(mask: string) => void} rest */
  parts(rest) {
    const picture = (alt) => el("img", {class: "sx-code-picture", alt, hidden: true});
    this.hint = el("p", {class: "sx-quiet"}, this.props.hint);
    this.map = el("div", {class: "sx-codemap", role: "grid", "aria-label": "Map of codes"});
    this.image = picture("the codes, decoded");
    this.other = picture("the picture before");
    this.facts = el("div", {class: "sx-num sx-quiet sx-code-facts", role: "status"});
    this.words = el("div", {class: "sx-words",
      title: "How much the model looked at each word when it drew this code: mean of all layers and heads"});
    this.likely = el("div", {class: "sx-row sx-likely"});
    this.book = el("div", {class: "sx-book"});
    this.reset = small("Undo changes", () => this.undo(), {hidden: true});
    this.shade = select({"aria-label": "What the map shows", onchange: () => this.paint()},
      [["colour", "a colour for each code"], ["p", "probability of each draw"]]);
    this.painter = small("Paint what stays", () => this.setPainting(!this.painting),
      {hidden: true, "aria-pressed": "false", title: "Click or drag over the map"});
    this.rest = small("Draw the rest", () => rest(maskOf(this.stays, 64)), {hidden: true});
    this.tools = el("div", {class: "sx-row", hidden: true}, this.shade, this.painter, this.rest, this.reset);
  }

  /** @param {HTMLElement} root */
  listen(root) {
    addEventListener("pointerup", () => { this.brush = null; });
    document.addEventListener(`sx-frame-${this.family}`, (event) => {
      const {frame, k, job} = /** @type {CustomEvent<any>} */ (event).detail;
      if (frame.live || !job) return;
      this.wanted = [job, k];
      if (root.offsetParent) this.look();
    });
    const last = recall(this.family);
    if (last) this.wanted = [last, 0];
    new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) this.look(); }).observe(root);
  }

  get side() { return this.codes.length; }

  /** @param {boolean} painting */
  setPainting(painting) {
    this.painting = painting;
    this.stays = new Set();
    this.painter.setAttribute("aria-pressed", String(painting));
    this.paint();
  }
  /** @param {number} k */
  touch(k) {
    if (this.brush) this.stays.add(k); else this.stays.delete(k);
    this.paint();
  }

  paint() {
    this.map.style.setProperty("--side", String(this.side));
    this.map.replaceChildren(...this.codes.flatMap((row, r) => row.map((code, c) => this.square(r, c, code))));
    this.reset.hidden = JSON.stringify(this.codes) === JSON.stringify(this.view.codes);
    this.tools.hidden = false;
    this.shade.hidden = !this.view.thought;
    this.painter.hidden = !this.props.paint || !this.view.picture;
    this.rest.hidden = this.painter.hidden || !this.painting || !this.stays.size || this.stays.size === this.side ** 2;
    this.words.replaceChildren();
    this.likely.replaceChildren();
    if (this.painting) this.facts.textContent =
      `${this.stays.size} of ${this.side ** 2} codes stay; the model draws the others in raster order.`;
    else if (this.chosen) this.tell(...this.chosen);
    else this.facts.textContent = "Click a square of the map to choose another code for it.";
  }
  /** @param {number} r @param {number} c @param {number} code */
  square(r, c, code) {
    const k = r * this.side + c, p = this.view.thought && this.shade.value === "p" ? this.view.thought.p : null;
    const here = this.chosen && !this.painting && this.chosen[0] === r && this.chosen[1] === c;
    const background = p ? `color-mix(in srgb, var(--accent-${this.family}) ${Math.round(100 * p[k])}%, var(--sunken))`
      : this.codebook.colours[code];
    return el("button", {type: "button", role: "gridcell",
      class: ["sx-code", here && "sx-chosen", code !== this.view.codes[r][c] && "sx-changed",
        this.painting && !this.stays.has(k) && "sx-leaves"].filter(Boolean).join(" "),
      onpointerdown: (event) => {
        if (!this.painting) return;
        event.preventDefault();
        this.brush = !this.stays.has(k);
        this.touch(k);
      },
      onpointerenter: () => { if (this.painting && this.brush !== null) this.touch(k); },
      onclick: () => { if (!this.painting) { this.chosen = [r, c]; this.paint(); } },
      "aria-label": `row ${r + 1}, column ${c + 1}: code ${code}`, style: `background:${background}`});
  }
  /** What is known of the code in a square. @param {number} r @param {number} c */
  tell(r, c) {
    const code = this.codes[r][c], before = this.view.codes[r][c], {thought} = this.view, at = r * this.side + c;
    this.facts.textContent = dotted([`row ${r + 1}, column ${c + 1}: code ${code}`, code !== before ? `was ${before}` : "",
      thought && code === before ? `p ${thought.p[at].toFixed(3)}` : ""]);
    if (!thought) return;
    const looks = thought.attention[at], most = Math.max(...looks, 1e-6);
    this.words.replaceChildren(...thought.words.map((word, k) => el("span", {title: looks[k].toFixed(3),
      style: `background:color-mix(in srgb, var(--accent-${this.family}) ${Math.round(70 * looks[k] / most)}%, transparent)`},
    word.replace(/^##/, "·"))));
    this.likely.replaceChildren(el("span", {class: "sx-quiet"}, "likeliest"), ...thought.top[at].map((k, i) =>
      el("span", {class: "sx-likely-one"}, this.tile(k), el("span", {class: "sx-num"}, thought.top_p[at][i].toFixed(2)))));
  }
  /** @param {number} k */
  tile(k) {
    return el("button", {type: "button", class: "sx-code-tile", "data-code": k, onclick: () => this.put(k),
      title: `code ${k}: ${(100 * this.codebook.usage[k]).toFixed(2)} % of the places in test pictures`},
    el("img", {src: this.codebook.tiles[k], alt: `code ${k}`}));
  }
  /** @param {number} k */
  put(k) {
    if (!this.chosen) { this.facts.textContent = "Choose a square of the map first."; return; }
    this.codes[this.chosen[0]][this.chosen[1]] = k;
    this.paint();
    this.decode();
  }
  undo() {
    this.codes = this.view.codes.map((row) => [...row]);
    this.paint();
    this.decode();
  }
  async decode() {
    const latest = this.turn();
    try {
      const {url} = await post(`api/codes/${this.family}/decode`, {model: this.view.model, codes: this.codes});
      if (latest()) this.image.src = url;
    } catch (error) { say(this.hint, error.message, true); }
  }

  /** @param {CodeView} view */
  async show(view) {
    if (this.bookOf !== view.model) {
      say(this.hint, "Reading the codebook…");
      try {
        this.codebook = await post(`api/codes/${this.family}/book`, {model: view.model});
        this.bookOf = view.model;
      } catch (error) { say(this.hint, error.message, true); return; }
    }
    this.view = view;
    this.codes = view.codes.map((row) => [...row]);
    this.chosen = null;
    Object.assign(this.image, {src: view.decoded, hidden: false, title: "What the decoder makes of the codes"});
    Object.assign(this.other, {src: view.picture || view.decoded, hidden: false,
      title: view.picture ? "The picture, as the model sees it" : "The picture before any change"});
    say(this.hint, dotted([view.psnr == null ? "Codes of the generated picture" : `Reconstruction: ${view.psnr.toFixed(1)} dB`,
      `${new Set(view.codes.flat()).size} different codes`]));
    const order = this.codebook.usage.map((usage, k) => ({usage, k})).sort((a, b) => b.usage - a.usage).map(({k}) => k);
    const dead = this.codebook.usage.filter((usage) => usage === 0).length;
    const all = dead ? `${dead} of ${order.length} occur in no test picture` : "all are used";
    this.book.replaceChildren(
      el("p", {class: "sx-quiet"}, `The codebook, the most used first; ${all}. Click one to put it into the chosen square.`),
      el("div", {class: "sx-book-grid"}, ...order.map((k) => this.tile(k))));
    this.setPainting(false);
  }
  /** Codes that were asked for by the panel's own buttons. @param {CodeView} view */
  given(view) {
    this.of = this.wanted && this.wanted.join(" ");
    this.show(view);
  }
  /** Nothing is asked of the server before somebody looks at the panel. */
  async look() {
    const of = this.wanted?.join(" ");
    if (!of || this.of === of) return;
    if (!this.view) say(this.hint, "Reading the codes…");
    this.of = of;
    try {
      const found = await get(`api/codes/${this.wanted.join("/")}`);
      if (this.of === of) await this.show(found);
    } catch (error) { if (!this.view) say(this.hint, error.message); }
  }
}
