// Downloads: how far each one is, and what can be done with it. They go on without the page, and are asked for only while one runs
// and the tab is seen.
import {el, fill, progress} from "../core/dom.js";
import {bytes, dotted, seconds} from "../core/format.js";
import {get, patience, post} from "../core/link.js";
import {turns} from "../core/poll.js";
import {small} from "../parts/buttons.js";
import {toldPlace} from "./parts.js";

/**
 * @typedef {{id: string, repo: string, commit: string, status: string, error: string, done: number, bytes: number, speed: number,
 *   seconds_left: number | null, files: Array<{path: string, done: number, size: number}>}} Download
 */

const ACTIVE = ["waiting", "running", "checking"], PACE = 600;

/** How far a download is, in words. @param {Download} view */
export function downloadWords(view) {
  if (view.status === "done") return `${bytes(view.bytes)}, checked; it is in the list now`;
  if (!view.bytes) return view.status === "running" ? "asking the Hub" : view.status;
  const left = view.seconds_left == null ? "" : `${seconds(view.seconds_left)} left`;
  const now = view.status === "running" ? [view.speed ? `${bytes(view.speed)}/s` : "", left]
    : [view.status === "checking" ? "comparing checksums" : view.status];
  return dotted([`${bytes(view.done)} of ${bytes(view.bytes)}`, ...now]);
}

const barOf = (label) => progress({role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100});
const fillBar = (bar, done, size) => {
  fill(bar, size ? done / size : 0);
  bar.setAttribute("aria-valuenow", String(Math.round(size ? 100 * done / size : 0)));
};

class Row {
  /** @param {string} id @param {string} repo @param {(id: string, what: string) => void} steer @param {(name: string) => void} use */
  constructor(id, repo, steer, use) {
    this.name = repo;
    this.status = "";
    const button = (text, what) => small(text, () => steer(id, what), {"aria-label": `${text} ${repo}`});
    this.pause = button("Pause", "pause");
    this.go = button("Go on", "go_on");
    this.cancel = button("Cancel", "cancel");
    this.use = small("Draw with it", () => use(this.name), {"aria-label": `Draw with ${repo}`});
    this.says = el("span", {class: "sx-num sx-quiet"});
    this.whole = barOf(`Download of ${repo}`);
    this.trouble = toldPlace("alert");
    this.count = el("summary", {class: "sx-num"});
    this.table = el("div", {class: "sx-files"});
    this.files = el("details", {}, this.count, this.table);
    this.lines = /** @type {Map<string, {says: HTMLElement, bar: HTMLElement}>} */ (new Map());
    this.node = el("div", {class: "sx-download", "data-id": id},
      el("div", {class: "sx-row"}, el("b", {}, repo), this.says, el("span", {class: "sx-space"}),
        this.pause, this.go, this.cancel, this.use),
      this.whole, this.trouble, this.files);
  }
  /** @param {string} path */
  line(path) {
    const line = {says: el("span", {class: "sx-num sx-quiet"}), bar: barOf(path)};
    this.table.append(el("div", {class: "sx-file"}, el("span", {}, path), line.says, line.bar));
    this.lines.set(path, line);
    return line;
  }
  /** @param {Download} view */
  draw(view) {
    this.name = `${view.repo}@${view.commit.slice(0, 8)}`;
    this.status = view.status;
    const active = ACTIVE.includes(view.status), done = view.status === "done";
    this.says.textContent = downloadWords(view);
    this.trouble.textContent = view.error;
    this.whole.hidden = done;
    fillBar(this.whole, view.done, view.bytes);
    this.pause.hidden = !active;
    this.go.hidden = active || done;
    this.cancel.hidden = done;
    this.use.hidden = !done;
    this.files.hidden = done || !view.files.length;
    this.count.textContent = `${view.files.filter((file) => file.done === file.size).length} of ${view.files.length} files`;
    for (const file of view.files) {
      const line = this.lines.get(file.path) || this.line(file.path);
      line.says.textContent = file.done === file.size ? bytes(file.size) : `${bytes(file.done)} of ${bytes(file.size)}`;
      fillBar(line.bar, file.done, file.size);
    }
  }
}

export class Downloads {
  /** @param {{draw: (name: string) => void, done: (repo: string, commit: string) => void}} on */
  constructor(on) {
    this.on = on;
    this.list = el("div", {});
    this.told = toldPlace("alert");
    this.node = el("section", {"aria-label": "Downloads", id: "models-downloads", hidden: true},
      el("div", {class: "sx-row"}, el("h3", {}, "Downloads")), this.told, this.list);
    this.rows = /** @type {Map<string, Row>} */ (new Map());
    this.begun = /** @type {Set<string>} */ (new Set());     // ids of those that this page has seen on their way
    this.seen = false;
    this.timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
    this.turn = turns();
    document.addEventListener("visibilitychange", () => { if (this.seen && !document.hidden) this.poll(); });
  }

  /** @param {string} id @param {string} what */
  async steer(id, what) {
    try {
      await post(`api/models/downloads/${id}/${what}`);
      this.told.textContent = "";
    } catch (error) { this.told.textContent = error.message; }
    this.poll();
  }
  /** @param {Download[]} views */
  draw(views) {
    const {rows, begun, list} = this;
    // What was done or cancelled before this page was there needs no line.
    const shown = views.filter((view) => view.status !== "cancelled" && (view.status !== "done" || begun.has(view.id)));
    for (const view of shown) {
      if (!rows.has(view.id)) rows.set(view.id, new Row(view.id, view.repo, (id, what) => this.steer(id, what), this.on.draw));
      const one = rows.get(view.id);
      if (view.status !== "done") begun.add(view.id);
      else if (one.status !== "done") this.on.done(view.repo, view.commit);
      one.draw(view);
    }
    const wanted = shown.map((view) => rows.get(view.id).node);
    for (const old of [...list.children]) if (!wanted.includes(/** @type {HTMLDivElement} */ (old))) old.remove();
    wanted.forEach((one, k) => { if (list.children[k] !== one) list.insertBefore(one, list.children[k] || null); });
    this.node.hidden = !wanted.length && !this.told.textContent;
  }
  async poll() {
    clearTimeout(this.timer);
    const latest = this.turn();
    let active = true;
    try {
      const {downloads} = await get("api/models/downloads");
      if (!latest()) return;
      this.draw(downloads);
      active = downloads.some((view) => ACTIVE.includes(view.status));
    } catch { if (!latest()) return; }                               // the server may be back in a moment
    if (active && this.seen && !document.hidden) this.timer = setTimeout(() => this.poll(), patience(PACE));
  }
  /** @param {boolean} now */
  watch(now) { this.seen = now; if (now) this.poll(); }
  /** @param {string} repo */
  async start(repo, revision = "") {
    try {
      this.begun.add((await post("api/models/download", {repo, revision})).id);
      this.told.textContent = "";
    } catch (error) { this.told.textContent = error.message; }
    await this.poll();
    this.node.scrollIntoView({block: "nearest"});
  }
}
