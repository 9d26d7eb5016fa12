// The charts of a grid beneath it: asked for when they are open, and again when more cells are done.
import {el} from "../core/dom.js";
import {isRunning} from "../core/jobs.js";
import {get} from "../core/link.js";
import {turns} from "../core/poll.js";
import {press, small} from "../parts/buttons.js";
import {LineChart} from "./lines.js";

const KINDS = {error: "Error by NFE", accuracy: "Accuracy by NFE", time: "Quality by seconds"};
const NOTHING = "Nothing of this was measured: distances need a sampler with a reference solution, accuracy a caption the judge can read.";

/** The distance of a line's pictures to perfect ones, in words. @param {any} r */
const frechetWords = (r) => `${r.series}, ${r.nfe} NFE: kernel distance ${r.value.toFixed(3)} (95 % ${r.low.toFixed(3)} to `
  + `${r.high.toFixed(3)}, 0 for perfect pictures), Fréchet ${r.frechet.toFixed(0)} (perfect pictures ${r.floor.toFixed(0)}), `
  + `${r.count} pictures`;

export function gridChart() {
  const chart = new LineChart(), says = el("p", {class: "sx-quiet", role: "status"}), far = el("p", {class: "sx-num sx-quiet"});
  const choices = Object.entries(KINDS).map(([kind, text]) => small(text, () => { what = kind; draw(); }, {"data-kind": kind}));
  const node = el("details", {class: "sx-grid-chart", ontoggle: () => draw()}, el("summary", {}, "Charts"),
    el("div", {class: "sx-row"}, ...choices, small("Fréchet distance", () => distance())), chart.node, says, far);
  chart.node.hidden = true;
  let id = /** @type {string | null} */ (null), what = "error", done = -1, distances = 0, drawn = "", chosen = false;
  const turn = turns();

  const draw = async () => {
    press(choices, (button) => button.dataset.kind === what);
    const state = `${id} ${what} ${done}`;
    if (!node.open || !id || state === drawn) return;
    drawn = state;
    const latest = turn();
    try {
      const told = await get(`api/grid/${id}/chart?what=${what}`);
      if (!latest()) return;
      if (!chosen && what === "error" && !told.series.length) { chosen = true; what = "accuracy"; draw(); return; }
      const some = told.series.length > 0;
      chart.node.hidden = !some;
      if (some) chart.set(told);
      says.textContent = some ? told.note : NOTHING;
    } catch (error) { says.textContent = error.message; }
  };
  const distance = async () => {
    far.textContent = "Measuring…";
    try {
      far.textContent = (await get(`api/grid/${id}/frechet`)).map(frechetWords).join(" · ");
    } catch (error) { far.textContent = error.message; }
  };
  return {
    node,
    /** @param {any} view @param {number} measured cells with a distance */
    set(view, measured) {
      const running = isRunning(view.status);
      if (view.id !== id) { chosen = false; what = "error"; far.textContent = ""; }
      const more = measured !== distances && !running;
      distances = measured;
      const wait = running && view.done - done < Math.max(1, view.total / 10) && view.id === id;
      id = view.id;
      if (more) drawn = "";
      if (!wait) { done = view.done; draw(); }
    },
  };
}
