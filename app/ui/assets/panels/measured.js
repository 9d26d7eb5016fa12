// The chart and the table of what was measured of all families.
import {el} from "../core/dom.js";
import {get} from "../core/link.js";
import {known} from "../core/mount.js";
import {PointChart} from "./points.js";

const BEST = {class: "sx-best", title: "The best of this column: its 95 % interval lies apart from those of all others"};
const NOTHING = "Nothing has been measured yet. The command “evaluate --table” measures all families, and goes on where it was stopped.";
const accent = (family) => `--accent: var(--accent-${family})`;

/** @type {import("../core/mount.js").Kind} */
export function measured(root) {
  const chart = new PointChart(), words = el("ul", {class: "sx-sayings"}), note = el("p", {class: "sx-quiet"});
  const scroll = el("div", {class: "sx-table-scroll", tabindex: "0", role: "region", "aria-label": "Table of all families"});
  const whole = el("div", {hidden: true}, el("div", {class: "sx-measured"}, chart.node, words), scroll);
  root.replaceChildren(el("h3", {}, "Measured side by side"), note, whole);
  const draw = (table) => {
    note.textContent = table ? table.note.replaceAll("`", "") : NOTHING;
    whole.hidden = !table;
    if (!table) return;
    words.replaceChildren(...table.words.map((saying) =>
      el("li", {style: accent(saying.family)}, el("i", {class: "sx-swatch"}), el("b", {}, known.titles[saying.family]),
        ` ${saying.text}`)));
    scroll.replaceChildren(tableOf(table));
    chart.set(table.points);
  };
  new IntersectionObserver(async (entries) => {
    if (!entries[0].isIntersecting) return;
    try { draw(await get("api/families")); } catch (error) { note.textContent = error.message; }
  }, {rootMargin: "5000px"}).observe(note);                              // when the tab is shown, wherever the page stands
}

/** @param {{columns: any[], rows: any[]}} table */
function tableOf({columns, rows}) {
  const attributes = (cell) => cell.best ? BEST : cell.text === "not defined" ? {class: "sx-quiet"} : {};
  const row = (line) => el("tr", {style: accent(line.family)},
    el("th", {scope: "row"}, el("i", {class: "sx-swatch"}), line.title), ...(line.problem
      ? [el("td", {colspan: columns.length + 1, class: "sx-left sx-quiet"}, line.problem)]
      : [el("td", {class: "sx-left"}, line.how), ...line.cells.map((cell) => el("td", attributes(cell), cell.text))]));
  const head = [["family", {}], ["sampler", {class: "sx-left"}], ...columns.map((column) => [column.title, {title: column.help}])];
  return el("table", {class: "sx-table sx-num"},
    el("thead", {}, el("tr", {}, ...head.map(([title, more]) => el("th", {scope: "col", ...more}, title)))),
    el("tbody", {}, ...rows.map(row)));
}
