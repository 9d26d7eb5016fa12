// What is on this machine, by where it came from.
import {keepFields} from "../core/drafts.js";
import {el, say} from "../core/dom.js";
import {bytes, counted, short} from "../core/format.js";
import {get, post} from "../core/link.js";
import {turns} from "../core/poll.js";
import {field, offer, primary, small} from "../parts/buttons.js";
import {accent, asked, columnNumber, modelFacts, modelRows, quietLine, rowsHead, toldPlace} from "./parts.js";

/**
 * A model as the list has it.
 * @typedef {{name: string, family: string, family_title: string, source: string, kind: string, size: number, licence: string,
 *   commit: string, repo: string, path: string, parameters: number, bytes: number, resident: number,
 *   problem: string | null, lora: boolean}} Model
 */
/**
 * What is said of a model: text, whether it is bad, where a newer commit is.
 * @typedef {[string, boolean?, ({revision: string} | null)?]} Told
 */

const SOURCES = {bundled: "Shipped with Sextant", run: "Your runs", hub: "From the Hub", local: "Your files"};

/** The name changes with a second commit. @param {Model} model */
const keyOf = (model) => model.commit ? `${model.repo}@${model.commit}` : model.name;

// What is asked of the server, and what is then said.
/** @type {Object<string, (model: Model) => Promise<Told>>} */
const asks = {
  async unload({name}) { return [`Taken out of memory; ${bytes((await post("api/models/unload", {name})).bytes)} are free again.`]; },
  async verify({name}) {
    await post("api/models/verify", {name});
    return ["Headers and checksums are as they should be."];
  },
  async newer({name}) {
    const {commit, revision} = await get(`api/models/newer?${new URLSearchParams({name})}`);
    return commit ? [`The Hub has a newer commit, ${commit.slice(0, 8)}.`, false, {revision}] : ["This is the latest commit."];
  },
};

export class Here {
  /** @param {{draw: (name: string) => void, download: (repo: string, revision: string) => void, removed: (repo: string) => void}} on */
  constructor(on) {
    this.on = on;
    this.models = /** @type {Model[]} */ ([]);
    this.drawn = "";
    this.turn = turns();
    this.open = /** @type {Set<string>} */ (new Set());      // keys
    this.says = /** @type {Map<string, Told>} */ (new Map());
    this.sum = el("span", {class: "sx-num sx-quiet"});
    this.told = toldPlace();
    this.added = toldPlace();
    this.list = el("div", {});
    const text = {spellcheck: "false", autocomplete: "off", placeholder: "/path/to/a/folder or /path/to/model.safetensors"};
    this.path = el("input", {type: "text", id: "models-path", ...text});
    this.base = el("select", {id: "models-base", onchange: () => this.scaled()});
    this.scale = el("input", {type: "number", id: "models-scale", value: "1", step: "0.05", min: "-4", max: "4"});
    this.baseField = field("It is", this.base);
    this.scaleField = field("Scale", this.scale);
    this.scaleField.hidden = true;
    this.node = el("section", {"aria-label": "Models on this machine", id: "models-here"},
      el("div", {class: "sx-row"}, el("h3", {}, "On this machine"), this.sum), this.told, this.list,
      el("h4", {}, "Add your own"),
      el("form", {class: "sx-model-form", onsubmit: (event) => { event.preventDefault(); this.add(); }},
        field("A folder with a model, or one .safetensors file, on this machine", this.path, "sx-grow"), this.baseField, this.scaleField,
        el("button", {class: "sx-small", type: "submit", id: "models-add"}, "Add")),
      el("p", {class: "sx-quiet sx-model-note"},
        "It stays where it is. Only safetensors are read, and no code that comes with a model is run."), this.added);
    keepFields("models", {path: this.path, base: this.base, scale: this.scale});
  }

  scaled() { this.scaleField.hidden = !this.base.value; }
  /** @param {Model} model @param {...any} told */
  tell(model, ...told) {
    this.says.set(keyOf(model), /** @type {Told} */ (told));
    this.open.add(keyOf(model));
    this.redraw();
  }
  /** @param {Model} model @param {string} doing @param {(model: Model) => Promise<Told>} work */
  async act(model, doing, work) {
    this.tell(model, doing);
    try { this.tell(model, ...await work(model)); } catch (error) { this.tell(model, error.message, true); }
    this.refresh();
  }
  /** @param {Model} model */
  async remove(model) {
    this.tell(model, "Removing …");
    try {
      const freed = (await post("api/models/remove", {name: model.name})).bytes;
      this.says.delete(keyOf(model));
      this.open.delete(keyOf(model));
      say(this.told, model.source === "hub" ? `${model.name} was removed; ${bytes(freed)} are free again.`
        : `${model.name} is no longer listed; its files are where they were.`);
      this.on.removed(model.repo);
      await this.refresh();
      /** @type {HTMLElement | null} */ (this.node.querySelector(".sx-model-open"))?.focus();
    } catch (error) { this.tell(model, error.message, true); }
  }
  async add() {
    say(this.added, "Looking at it …");
    const {path, base, scale} = this;
    try {
      const {name} = await post("api/models/add",
        {path: path.value, base: base.value, scale: scale.value === "" ? "" : Number(scale.value)});
      path.value = "";
      say(this.added, `${name} is here now, among your files.`);
      this.refresh((model) => model.name === name);
    } catch (error) { say(this.added, error.message, true); }
  }

  /** What an open row shows. @param {Model} model */
  more(model) {
    const [text, bad, newer] = this.says.get(keyOf(model)) || [""], hub = model.source === "hub";
    const button = (label, doing, what, title) =>
      small(label, () => this.act(model, doing, asks[what]), {"data-key": `${label} ${model.name}`, title});
    return el("div", {class: "sx-model-more"},
      modelFacts([["Kind", model.kind], ["Pictures", model.size ? `${model.size} × ${model.size}` : ""], ["Licence", model.licence],
        ["Commit", model.commit], ["Path", model.path]]),
      el("div", {class: "sx-row"},
        model.resident ? button("Unload", "Unloading …", "unload", "Take it out of memory") : null,
        button("Check", "Reading all of it and comparing checksums …", "verify", "Look at headers and checksums again"),
        hub ? button("Look for an update", "Asking the Hub …", "newer", "Whether the Hub has a newer commit") : null,
        hub ? asked("Remove", `Remove it and free ${bytes(model.bytes)}`, () => this.remove(model)) : null,
        model.source === "local" ? asked("Remove", "Remove it from the list; the files stay", () => this.remove(model)) : null),
      el("p", {class: bad ? "sx-model-told sx-error" : "sx-model-told", role: "status"}, text,
        newer ? primary("Download it", () => this.on.download(model.repo, newer.revision)) : null));
  }
  /** @param {Model} model */
  row(model) {
    const key = keyOf(model), shown = this.open.has(key);
    const flip = () => { if (shown) this.open.delete(key); else this.open.add(key); this.redraw(); };
    const facts = [model.kind, model.size ? `${model.size} × ${model.size}` : "", model.licence];
    const text = el("button", {class: "sx-model-open", type: "button", onclick: flip,
      "aria-expanded": String(shown), "data-key": `open ${model.name}`},
    el("b", {}, model.name),
      model.problem ? el("span", {class: "sx-error sx-model-problem"}, model.problem) : quietLine(model.family, model.family_title, facts));
    return el("div", {class: "sx-model", "data-name": model.name, style: accent(model.family)},
      el("div", {class: "sx-model-grid"}, text, columnNumber(model.parameters ? short(model.parameters) : "", "Parameters"),
        columnNumber(model.bytes ? bytes(model.bytes) : "", "On disk"),
        columnNumber(model.resident ? bytes(model.resident) : "–", "In memory"),
        small("Draw with it", () => this.on.draw(model.name), {"aria-label": `Draw with ${model.name}`, "data-key": `draw ${model.name}`,
          disabled: Boolean(model.problem), title: `In the ${model.family_title} tab`})),
      shown ? this.more(model) : null);
  }
  redraw() {
    const {list, models} = this, at = /** @type {HTMLElement | null} */ (document.activeElement);
    const focused = list.contains(at) ? at.dataset.key : null;
    const groups = Object.entries(SOURCES).map(([source, title]) => ({title, found: models.filter((model) => model.source === source)}));
    list.replaceChildren(...groups.filter(({found}) => found.length).map(({title, found}, k) =>
      el("div", {role: "group", "aria-label": title},
        rowsHead(title, ...k ? [] : ["parameters", "on disk", "in memory"]), modelRows(found.map((model) => this.row(model))))));
    if (focused) {
      const same = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[data-key]")]).find((one) => one.dataset.key === focused);
      same?.focus({preventScroll: true});
    }
    const takers = models.filter((model) => model.lora && !model.problem);
    offer(this.base, [["", "a model"], ...takers.map(({name}) => /** @type {[string, string]} */ ([name, `a LoRA for ${name}`]))]);
    this.baseField.hidden = !takers.length;
    this.scaled();
    const disk = models.reduce((total, model) => total + model.bytes, 0), resident = models.filter((model) => model.resident);
    const held = resident.reduce((total, model) => total + model.resident, 0);
    this.sum.textContent = `${counted(models.length, "model")} · ${bytes(disk)} on disk`
      + (resident.length ? ` · ${resident.length} in memory, ${bytes(held)}` : "");
  }
  /** @param {((model: Model) => boolean) | null} fresh which model has just come; it is shown open */
  async refresh(fresh = null) {
    const latest = this.turn();
    try {
      const found = await get("api/models");
      if (!latest()) return;
      if (!fresh && JSON.stringify(found.models) === this.drawn) return;
      this.models = found.models;
      this.drawn = JSON.stringify(found.models);
      const come = fresh && this.models.find(fresh);
      if (come) { this.open.add(keyOf(come)); this.says.delete(keyOf(come)); }
      this.redraw();
      if (come) {
        const rows = /** @type {HTMLElement[]} */ ([...this.list.querySelectorAll(".sx-model")]);
        rows.find((one) => one.dataset.name === come.name).scrollIntoView({block: "nearest"});
      }
    } catch (error) { if (latest()) say(this.told, error.message, true); }
  }
}
