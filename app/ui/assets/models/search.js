// The Hub: search, and a close look at one repository before anything of it is downloaded. Nothing is asked before a person asks.
import {keepFields} from "../core/drafts.js";
import {el, say} from "../core/dom.js";
import {bytes, short} from "../core/format.js";
import {get} from "../core/link.js";
import {turns} from "../core/poll.js";
import {field, select} from "../parts/buttons.js";
import {repositoryInfo} from "./info.js";
import {accent, columnNumber, modelRows, quietLine, rowsHead, toldPlace} from "./parts.js";

/** @typedef {import("./info.js").OnModel} OnModel */
/** @typedef {{id: string, title?: string, family?: string, revision?: string}} Repository */

/**
 * The repository that was written in full, if one was.
 * @param {string} text
 * @returns {Required<Pick<Repository, "id" | "revision" | "title">> | null}
 */
export function repositoryIn(text) {
  const match = /([\w.-]+\/[\w.-]+?)(?:@([\w./-]+))?\/*$/.exec(text.trim().replace(/\/(tree|blob)\/.*/, ""));
  return match && {id: match[1], revision: match[2] || "", title: match[0]};
}

export class HubSearch {
  /** @param {any} props @param {OnModel} on */
  constructor(props, on) {
    this.props = props;
    this.on = on;
    this.opened = /** @type {{button: HTMLElement, found: Repository, panel: HTMLElement} | null} */ (null);
    this.turn = turns();
    this.searched = false;
    this.fields = this.controls();
    const {text, family, licence, most, likes, downloads, sort} = this.fields;
    keepFields("models-search", this.fields);
    for (const one of [family, licence, most, likes, downloads, sort]) one.onchange = () => { if (this.searched) this.search(); };
    this.told = toldPlace();
    this.list = el("div", {id: "models-found"});
    this.known = el("details", {open: true}, el("summary", {}, "Kinds that can be loaded, each with a well-known example"),
      modelRows(props.kinds.map(({title, family, example}) =>
        this.row({id: example, family, title}, [example], []))));
    this.node = el("section", {"aria-label": "Models of the Hub", id: "models-hub"},
      el("div", {class: "sx-row"}, el("h3", {}, "From the Hub")),
      el("form", {onsubmit: (event) => { event.preventDefault(); this.search(); }},
        el("div", {class: "sx-model-form"}, field("Search", text, "sx-grow"),
          el("button", {class: "sx-small", type: "submit", id: "models-search"}, "Search")),
        el("div", {class: "sx-model-form"}, field("Family", family), field("Licence", licence), field("Size", most), field("Likes", likes),
          field("Downloads", downloads), field("Sort by", sort))),
      this.told, this.list, this.known);
  }

  controls() {
    const {families, licences, sorts} = this.props;
    const list = (id, choices) => select({id}, choices);
    const least = (id) => list(id, [["0", "any"], ...[10, 100, 1000, 10_000].map((count) => [count, `≥ ${short(count)}`])]);
    const itself = (name) => [name, name];
    const text = el("input", {type: "search", id: "models-text", placeholder: "words of the name, or owner/name", spellcheck: "false",
      autocomplete: "off", title: "With owner/name@revision: a branch, a tag, a commit, or refs/pr/1"});
    const most = list("models-most", [["0", "any"], ...["1", "5", "15", "40"].map((size) => [size, `≤ ${size} GB`])]);
    most.title = "Of all files and their history, as the Hub counts it; look at a model to see how much of that would be downloaded";
    return {text, family: list("models-family", [["", "all"], ...Object.entries(families)]),
      licence: list("models-licence", [["", "any"], ...licences.map(itself)]), most,
      likes: least("models-least-likes"), downloads: least("models-least-downloads"), sort: list("models-sort", sorts.map(itself))};
  }

  shut() {
    if (!this.opened) return;
    this.opened.button.setAttribute("aria-expanded", "false");
    this.opened.panel.remove();
    this.opened = null;
  }
  /** A row that opens. @param {Repository} found @param {string[]} facts @param {Node[]} columns what stands at its right */
  row(found, facts, columns) {
    const item = el("div", {class: "sx-model", "data-name": found.id, style: accent(found.family)});
    const flip = () => {
      const again = this.opened?.button === button;
      this.shut();
      if (again) return;
      button.setAttribute("aria-expanded", "true");
      this.opened = {button, found, panel: repositoryInfo(found.id, found.revision || "", this.on)};
      item.append(this.opened.panel);
    };
    const button = el("button", {class: "sx-model-open", type: "button", "aria-expanded": "false", onclick: flip},
      el("b", {}, found.title || found.id), quietLine(found.family, this.props.families[found.family], facts));
    item.append(el("div", {class: "sx-model-grid"}, button, ...columns));
    return item;
  }
  /** @param {any} found what the Hub says of a repository */
  result(found) {
    return this.row(found,
      [found.kind || "open it to see whether it loads", found.licence, found.gated ? "gated" : "", found.here ? "here" : ""],
      [columnNumber(short(found.downloads), "Downloads"), columnNumber(short(found.likes), "Likes"),
        columnNumber(found.storage ? bytes(found.storage) : "", "Size")]);
  }
  async search() {
    const latest = this.turn(), {text, family, licence, most, likes, downloads, sort} = this.fields, named = repositoryIn(text.value);
    this.searched = true;
    this.shut();
    const alone = named ? [this.row(named, ["look at exactly this repository"], [])] : [];
    this.list.replaceChildren(...alone.map((one) => modelRows([one])));
    say(this.told, "Asking the Hub …");
    const query = new URLSearchParams({text: named?.id ?? text.value, family: family.value, licence: licence.value,
      most_gb: most.value, likes: likes.value, downloads: downloads.value, sort: sort.value});
    try {
      const {found} = await get(`api/models/search?${query}`);
      if (!latest()) return;
      this.told.textContent = found.length || named ? "" : "The Hub names no model like that; try fewer words or other filters.";
      this.known.open = !found.length;
      const others = named && !named.revision ? found.filter((model) => model.id !== named.id) : found;
      if (!others.length) return;
      const rows = others.map((model) => this.result(model));
      this.list.replaceChildren(rowsHead("Found", "downloads", "likes", "size"), modelRows([...alone, ...rows]));
    } catch (error) { if (latest()) say(this.told, error.message, true); }
  }
  /** What is shown of a repository has changed, since it is here now. @param {string} repo */
  again(repo) {
    if (this.opened?.found.id !== repo) return;
    const panel = repositoryInfo(repo, this.opened.found.revision || "", this.on);
    this.opened.panel.replaceWith(panel);
    this.opened.panel = panel;
  }
}
