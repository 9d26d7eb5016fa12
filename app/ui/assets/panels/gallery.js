// The gallery: a filter line, thumbnails newest first, the details of one picture, a bin with undo.
import {keepFields} from "../core/drafts.js";
import {el} from "../core/dom.js";
import {manyOf} from "../core/format.js";
import {get, post} from "../core/link.js";
import {atRest, turns} from "../core/poll.js";
import {field, offer, small} from "../parts/buttons.js";
import {undoBar} from "../parts/undo.js";
import {pictureDetail} from "./picture.js";

/** @typedef {import("../core/records").Picture} Picture */

/** @type {import("../core/mount.js").Kind} */
export function gallery(root, props, trigger) {
  const shown = new Gallery(trigger);
  root.replaceChildren(el("div", {class: "sx-filters"}, ...shown.filters.nodes, shown.total, shown.empty),
    el("div", {class: "sx-gallery"}, el("div", {}, shown.list, shown.more), shown.detail), shown.binned.node);
  let opened = /** @type {string | null} */ (null);
  return async (value) => {
    if (!value.open || value.open === opened) return;
    opened = value.open;
    try { shown.open(await get(`api/picture/${opened}`)); } catch (error) { shown.detail.textContent = error.message; }
  };
}

class Gallery {
  /** @param {(event: string, data?: object) => void} trigger */
  constructor(trigger) {
    this.trigger = trigger;
    this.items = /** @type {Picture[]} */ ([]);
    this.next = /** @type {string | null} */ (null);         // where the list goes on
    this.chosen = /** @type {Picture | null} */ (null);
    this.count = this.leftOut = 0;
    this.turn = turns();
    this.filters = galleryFilters(() => this.load(false));
    this.total = el("span", {class: "sx-num sx-quiet", id: "gallery-total"});
    this.empty = small("Empty the bin", () => this.emptyBin(), {id: "gallery-empty", hidden: true});
    this.list = el("div", {class: "sx-thumbs", id: "gallery-list", onkeydown: (event) => this.key(event)});
    this.more = small("Show more", () => this.load(true), {hidden: true});
    this.detail = el("aside", {class: "sx-detail", id: "gallery-detail"});
    this.binned = undoBar((pictures) => `${manyOf(pictures.length, "picture")} moved to the bin.`, (pictures) => this.back(pictures));
    this.none();
    new IntersectionObserver((entries) => { if (entries[0].isIntersecting && this.next) this.load(true); },
      {rootMargin: "400px"}).observe(this.more);
    // The tab is drawn when it is first seen, and looks again each time it is seen again.
    new IntersectionObserver((entries) => { if (entries[0].isIntersecting) this.filters.refresh().then(() => this.load(false)); },
      {rootMargin: "1000000px"}).observe(this.list);
  }

  /** @param {boolean} append whether what follows is wanted */
  async load(append) {
    const latest = this.turn(), parameters = this.filters.query();
    if (append && this.next) parameters.set("after", this.next);
    try {
      const page = await get(`api/gallery?${parameters}`);
      if (!latest()) return;
      this.items = append ? this.items.concat(page.items) : page.items;
      Object.assign(this, {next: page.next, count: page.total, leftOut: page.left_out});
      const held = this.list.contains(document.activeElement);
      if (!append) this.list.replaceChildren();
      this.list.append(...page.items.map((picture) =>
        thumb(picture, picture.id === this.chosen?.id, () => this.tap(picture))));
      if (held) /** @type {HTMLElement | null} */ (this.list.querySelector(".sx-chosen"))?.focus({preventScroll: true});
      this.more.hidden = !this.next;
      this.told();
    } catch (error) { this.total.textContent = error.message; }
  }
  told() {
    this.total.textContent = manyOf(this.count, "picture")
      + (this.leftOut ? ` · ${this.leftOut} damaged left out (the command “gallery check” lists them)` : "");
    this.empty.hidden = !this.filters.bin() || !this.count;
    if (!this.items.length) this.list.replaceChildren(el("p", {class: "sx-quiet"}, this.filters.bin() ? "The bin is empty."
      : "Nothing here yet: pictures appear when you generate or compare, or change the filter."));
  }

  none() {
    this.chosen = null;
    this.detail.replaceChildren(el("p", {class: "sx-quiet"}, "Choose a picture to see all of its settings."));
  }
  /** @param {Picture} picture */
  open(picture) {
    this.chosen = picture;
    for (const node of /** @type {Iterable<HTMLElement>} */ (this.list.children)) {
      node.classList.toggle("sx-chosen", node.dataset.id === picture.id);
    }
    this.detail.replaceChildren(...pictureDetail(picture, {move: (one, what) => this.move(one, what),
      send: (action) => this.trigger("select", {action, id: picture.id}), shown: () => this.chosen === picture}));
  }
  /** @param {Picture} picture */
  go(picture) {
    this.open(picture);
    /** @type {HTMLElement} */ (this.list.children[this.items.indexOf(picture)]).focus();
  }
  /** @param {Picture} picture */
  tap(picture) {
    this.open(picture);
    if (getComputedStyle(this.detail).order === "-1") this.detail.scrollIntoView();      // above, on a phone
  }

  /**
   * A picture goes into the bin, or comes out of it: it leaves the list, and the one after it is chosen, or the one before.
   * @param {Picture} picture
   * @param {string} what
   */
  async move(picture, what) {
    try { await post(`api/${what}`, {ids: [picture.id]}); } catch (error) { this.total.textContent = error.message; return; }
    const k = this.items.findIndex((one) => one.id === picture.id);
    if (k >= 0) { this.items.splice(k, 1); this.list.children[k].remove(); this.count--; }
    if (!this.items.length && this.next) await this.load(false);
    const follower = this.items[Math.min(k, this.items.length - 1)];
    this.told();
    if (follower) this.go(follower); else this.none();
    if (what === "delete") this.binned.add(picture);
  }
  /** @param {Picture[]} pictures */
  async back(pictures) {
    await post("api/restore", {ids: pictures.map((picture) => picture.id)});
    await this.load(false);
    const first = this.items.find((one) => one.id === pictures.at(-1).id);
    if (first) this.go(first);
  }
  async emptyBin() {
    if (!confirm("Remove everything in the bin for good?")) return;
    try { await post("api/empty-bin"); this.none(); this.load(false); } catch (error) { this.total.textContent = error.message; }
  }
  /** @param {KeyboardEvent} event */
  key(event) {
    const across = Math.max(1, Math.floor(this.list.clientWidth / 104)), {chosen, items} = this;
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across}[event.key];
    const next = step && items[items.findIndex((one) => chosen && one.id === chosen.id) + step];
    if (event.key === "Delete" && chosen && !chosen.deleted) this.move(chosen, "delete");
    else if (next) { event.preventDefault(); this.go(next); }
  }
}

/** @param {Picture} picture @param {boolean} chosen @param {() => void} tap */
const thumb = (picture, chosen, tap) => el("button", {
  class: chosen ? "sx-thumb sx-chosen" : "sx-thumb", type: "button", "data-id": picture.id, onclick: tap,
  title: `${picture.prompt} · ${picture.sampler} · ${picture.amount}`, style: `--accent: var(--accent-${picture.family})`},
picture.missing ? el("span", {}, "file missing") : el("img", {src: picture.url, loading: "lazy", alt: picture.prompt}));

/** What is shown of the gallery. @param {() => void} changed */
function galleryFilters(changed) {
  const number = (label, id) =>
    el("input", {type: "number", min: 1, placeholder: "any", "aria-label": label, id});
  const family = el("select", {id: "gallery-family"}), sampler = el("select", {id: "gallery-sampler"});
  const low = number("Steps from", "gallery-steps-min"), high = number("Steps to", "gallery-steps-max");
  const text = el("input", {type: "search", placeholder: "words of the prompt", id: "gallery-text"});
  const bin = el("input", {type: "checkbox", id: "gallery-bin"});
  keepFields("gallery", {family, sampler, low, high, text, bin});
  for (const node of [family, sampler, bin]) node.onchange = changed;
  for (const node of [low, high, text]) node.oninput = atRest(changed);
  const all = (values) => /** @type {Array<[string, string]>} */ ([["", "all"], ...values.map((value) => [value, value])]);
  return {
    nodes: [field("Family", family), field("Sampler", sampler), field("Steps from", low), field("to", high), field("Prompt", text),
      el("label", {class: "sx-field sx-check"}, bin, el("span", {}, "Bin"))],
    bin: () => bin.checked,
    query: () => new URLSearchParams({family: family.value, sampler: sampler.value, text: text.value, bin: String(bin.checked),
      ...(low.value ? {steps_min: low.value} : {}), ...(high.value ? {steps_max: high.value} : {})}),
    async refresh() {
      try {
        const facets = await get("api/facets");
        offer(family, all(facets.families));
        offer(sampler, all(facets.samplers));
      } catch { /* the list says what is wrong */ }
    },
  };
}
