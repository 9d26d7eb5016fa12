// The Families tab: a card for each family, all drawn at once.
import {el, fill, progress, say} from "../core/dom.js";
import {fitting, nfeOf, seconds} from "../core/format.js";
import {followJob, isRunning, part} from "../core/jobs.js";
import {recalled, remember} from "../core/kept.js";
import {get, post} from "../core/link.js";
import {known} from "../core/mount.js";
import {small} from "../parts/buttons.js";

/** @typedef {{family: string, job?: string, error?: string}} Drawing */

/** @type {import("../core/mount.js").Kind} */
export function families(root, props, trigger) {
  const line = el("div", {class: "sx-status sx-num sx-quiet"}, "One caption, one seed, every family with its own defaults.");
  const stop = small("Stop  Esc", () => halt(), {class: "sx-stop sx-small", disabled: true});
  const cards = new Map(Object.entries(props.samplers).map(([family, samplers]) => [family, new Card(family, samplers, trigger)]));
  root.replaceChildren(el("div", {class: "sx-row"}, line, stop),
    el("div", {class: "sx-cards"}, ...[...cards.values()].map((card) => card.node)));

  let drawings = /** @type {Drawing[]} */ ([]), views = new Map(), letGo = /** @type {Array<() => void>} */ ([]);
  const sum = () => {
    const jobs = drawings.filter((drawing) => drawing.job), all = jobs.map((drawing) => views.get(drawing.family));
    const running = all.filter((view) => !view || isRunning(view.status)).length;
    const done = all.filter((view) => view?.status === "done").length;
    stop.disabled = !running;
    const settings = all.find((view) => view?.settings)?.settings, what = settings ? `“${settings.prompt}” · seed ${settings.seed} · ` : "";
    line.textContent = what + (running ? `${done} of ${jobs.length} drawn`
      : `${done} of ${cards.size} families drew it; click a picture to go on with it in its family's tab.`);
  };
  const follow = ({family, job, error}) => {
    const card = cards.get(family);
    if (!card) return () => {};
    if (!job) { card.refuse(error); return () => {}; }
    card.begin();
    return followJob(job, (view) => { views.set(family, view); card.draw(view); sum(); }, (gone) => {
      if (!views.has(family)) remember("families", null);
      views.set(family, {status: "gone"});
      card.refuse(gone.message);
      sum();
    }, 200);
  };
  const attach = (found) => {
    letGo.forEach((one) => one());
    drawings = found;
    views = new Map();
    remember("families", JSON.stringify(found));
    letGo = found.map(follow);
    sum();
  };
  const halt = () => {
    stop.disabled = true;
    drawings.filter((drawing) => drawing.job).forEach((drawing) => post(`api/stop/${drawing.job}`).catch(() => { sum(); }));
  };
  const kept = recalled("families", null);
  if (Array.isArray(kept)) attach(kept);
  else cards.forEach((card) => card.example());
  return (value) => {
    if (Array.isArray(value.drawings) && JSON.stringify(value.drawings) !== JSON.stringify(drawings)) attach(value.drawings);
  };
}

/** What a family makes of the caption. */
class Card {
  /**
   * @param {string} family
   * @param {Object<string, string>} samplers their titles
   * @param {(event: string, data?: object) => void} trigger
   */
  constructor(family, samplers, trigger) {
    this.family = family;
    this.title = known.titles[family];
    this.samplers = samplers;
    this.send = (id) => trigger("select", {action: "send", id});
    this.how = el("span", {class: "sx-quiet sx-card-how"});
    this.stage = el("div", {class: "sx-card-stage"});
    this.bar = progress();
    this.facts = el("div", {class: "sx-num"});
    this.note = el("p", {class: "sx-card-note"});
    this.button = small(`Send to the ${this.title} tab`, () => this.send(this.first), {disabled: true});
    this.first = "";
    this.node = el("section", {class: "sx-card", "data-family": family, style: `--accent: var(--accent-${family})`,
      "aria-label": this.title},
    el("h3", {}, this.title), this.how, this.stage, this.bar, this.facts, this.note, this.button);
  }

  reset() {
    this.how.textContent = this.facts.textContent = "";
    fill(this.bar, 0);
    this.node.classList.remove("sx-loading-now");
    this.button.disabled = true;
    say(this.note, "");
  }
  begin() { this.reset(); this.show([], 1); this.facts.textContent = "waiting"; }
  /** @param {string} sentence */
  refuse(sentence) { this.reset(); this.stage.replaceChildren(); say(this.note, sentence, true); }
  async example() {
    try {
      const [picture] = await get(`api/examples/${this.family}`);
      if (this.stage.childElementCount || this.note.textContent) return;
      if (picture) this.show([picture.url], 1);
      say(this.note, picture ? `Example: ${picture.prompt}` : "Press Draw all.");
    } catch { /* the button still works */ }
  }

  /** @param {readonly string[]} urls @param {number} count @param {readonly import("../core/records").GeneratedImage[]} shots */
  show(urls, count, shots = []) {
    const [k, columns] = fitting(count, 32, this.stage.clientWidth || 192, 192, 4);
    this.stage.style.setProperty("--columns", String(columns));
    this.stage.style.setProperty("--side", `${32 * k}px`);
    this.stage.replaceChildren(...Array.from({length: count}, (_, i) => {
      const image = urls[i] ? el("img", {src: urls[i], alt: `${this.title}, picture ${i + 1}`}) : el("span");
      return shots[i] ? el("button", {class: "sx-card-picture", type: "button", title: `Go on with this picture in the ${this.title} tab`,
        onclick: () => this.send(shots[i].id)}, image) : el("div", {class: "sx-card-picture"}, image);
    }));
  }
  /** @param {import("../core/records").JobView} view */
  draw(view) {
    const done = view.status === "done", {shots, settings} = view;
    this.how.textContent = `${this.samplers[settings.sampler]} · ${view.title.split(" · ").at(-1)}`;
    this.node.classList.toggle("sx-loading-now", view.status === "loading");
    fill(this.bar, part(view));
    this.show(done ? shots.map((shot) => shot.url) : view.x0, settings.count, shots);
    this.facts.textContent = done ? `${nfeOf(view.calls)} · ${seconds(shots[0].seconds)} a picture`
      : view.status === "running" ? `${view.step} of ${view.total || "…"} · ${nfeOf(view.calls)}` : view.status;
    say(this.note, view.error || view.note, Boolean(view.error));
    this.button.disabled = !shots.length;
    this.first = shots[0]?.id;
    if (!isRunning(view.status) && !done && !shots.length) this.stage.replaceChildren();
  }
}
