// Earlier grids: search, thumbnails, how far each one came; opened by a click.
import {keepFields} from "../core/drafts.js";
import {el} from "../core/dom.js";
import {dotted, manyOf} from "../core/format.js";
import {isRunning} from "../core/jobs.js";
import {get, post} from "../core/link.js";
import {atRest, turns} from "../core/poll.js";
import {small} from "../parts/buttons.js";
import {when} from "../parts/words.js";

/** @typedef {{id: string, name: string, note: string, status: string, size: string, done: number, total: number, failed: number,
 *   created: string, thumbs: string[]}} Earlier */

/** @param {{open: (id: string) => void, resume: (id: string) => any, removed: (grid: Earlier) => void}} on */
export function gridList(on) {
  const search = el("input", {type: "search", placeholder: "words of the name or note", "aria-label": "Search the earlier grids"});
  const bin = el("input", {type: "checkbox"});
  const count = el("span", {class: "sx-num sx-quiet", role: "status"});
  const list = el("div", {class: "sx-earlier-list"});
  const more = small("Show more", () => load(true), {hidden: true});
  const node = el("details", {class: "sx-earlier"}, el("summary", {}, "Earlier grids"),
    el("div", {class: "sx-row"}, search, el("label", {class: "sx-toggle"}, bin, "Bin"), count), list, more);
  keepFields("grids", {search, bin});
  let next = /** @type {string | null} */ (null), current = /** @type {string | null} */ (null);
  const turn = turns();

  const act = async (work) => {
    try { await work(); } catch (error) { count.textContent = error.message; return; }
    load(false);
  };
  const item = (grid) => {
    const name = grid.name || "Grid without a name", unfinished = !isRunning(grid.status) && grid.done + grid.failed < grid.total;
    const button = (text, work) => small(text, () => act(work), {"aria-label": `${text} ${name}`});
    const remove = async () => { await post(`api/grid/${grid.id}/delete`); on.removed(grid); };
    const open = el("button", {class: "sx-earlier-open", type: "button", disabled: bin.checked, onclick: () => on.open(grid.id)},
      ...summary(grid, name));
    return el("div", {class: "sx-earlier-item", "data-id": grid.id, "aria-current": grid.id === current ? "true" : null}, open,
      ...(bin.checked ? [button("Restore", () => post(`api/grid/${grid.id}/restore`))]
        : [unfinished ? button("Resume", () => on.resume(grid.id)) : "", button("Delete", remove)]));
  };
  const load = async (append) => {
    if (!node.open) return;
    const latest = turn(), query = new URLSearchParams({text: search.value, bin: String(bin.checked), after: append && next ? next : ""});
    try {
      const page = await get(`api/grids?${query}`);
      if (!latest()) return;
      next = page.next;
      more.hidden = !next;
      count.textContent = manyOf(page.total, "grid") + (page.left_out ? ` · ${page.left_out} damaged left out` : "");
      if (!append) list.replaceChildren();
      list.append(...page.items.map(item));
    } catch (error) { if (latest()) count.textContent = error.message; }
  };
  node.ontoggle = () => load(false);
  search.oninput = atRest(() => load(false));
  bin.onchange = () => load(false);
  return {
    node,
    refresh: () => load(false),
    /** @param {string} id */
    current(id) {
      current = id;
      for (const one of /** @type {Iterable<HTMLElement>} */ (list.children)) {
        if (one.dataset.id === id) one.setAttribute("aria-current", "true"); else one.removeAttribute("aria-current");
      }
    },
  };
}

/** What a row says of a grid. @param {Earlier} grid @param {string} name */
function summary(grid, name) {
  const state = dotted([grid.size, `${grid.done} of ${grid.total} cells`, grid.failed ? `${grid.failed} failed` : "",
    grid.status === "done" ? "" : grid.status]);
  return [
    el("span", {class: "sx-earlier-thumbs"},
      ...grid.thumbs.slice(0, 6).map((id) => el("img", {src: `image/${id}.png`, alt: "", loading: "lazy"}))),
    el("span", {class: "sx-earlier-text"}, el("b", {}, name), el("span", {class: "sx-quiet sx-num"}, `${state} · `, when(grid.created)),
      grid.note ? el("span", {class: "sx-quiet"}, grid.note) : null)];
}
