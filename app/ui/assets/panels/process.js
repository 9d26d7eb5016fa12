// Look inside: x_t, the estimate of the picture and the network's field at the step under the scrubber; the numbers of that
// step in the letters of its formula; the way of a few pixels through all steps.
import {el, svgNode} from "../core/dom.js";
import {get} from "../core/link.js";
import {known} from "../core/mount.js";
import {select} from "../parts/buttons.js";

const EMPTY = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
const MIDDLE = 6;                                            // of the pixels whose trajectories are kept
const GLYPHS = {"\\bar\\alpha": "ᾱ", "\\alpha": "α", "\\sigma": "σ", "\\beta": "β", "\\theta": "θ", "\\lambda": "λ",
  "\\tau": "τ", "\\|": "‖"};

/** A symbol of a formula without TeX. @param {string} name */
export function plain(name) {
  let text = name.replace(/\\sqrt\{(.*)\}$/, "√($1)");
  for (const [tex, glyph] of Object.entries(GLYPHS)) text = text.replaceAll(tex, glyph);
  return text.replaceAll("_θ", "θ").replace("^2", "²").replaceAll("_t", "ₜ").replaceAll("_i", "ᵢ")
    .replaceAll("_s", "ₛ").replaceAll("_", "");
}

/** @type {import("../core/mount.js").Kind} */
export function process(root, props) {
  const picture = (label, title) => {
    const image = el("img", {alt: label, class: "sx-inside-image", src: EMPTY});
    return {image, node: el("figure", {title}, el("figcaption", {}, label), image)};
  };
  const {state, field, estimate, tangent, trajectories: draws} = known.inside[props.family];
  const x_t = picture(state, "The state at this step, scaled to be seen");
  const x0 = picture(estimate, "The network's estimate of the finished picture");
  const size = picture(field, "How large the network's answer is at each pixel; white is the largest");
  const numbers = el("dl", {class: "sx-numbers sx-num"});
  const formula = el("div", {class: "sx-step-formula", title: "The formula of this step with its numbers"});
  const hint = el("p", {class: "sx-quiet"},
    "State, estimate and the network's answer appear here while a run goes on, and under the scrubber afterwards.");
  const plot = trajectoryPlot(tangent);
  root.replaceChildren(el("div", {class: "sx-three"}, x_t.node, x0.node, size.node), hint, formula, numbers, plot.node);

  let paths = /** @type {import("../core/records").Trajectories | null} */ (null), of = null;
  document.addEventListener(`sx-frame-${props.channel || props.family}`, async (event) => {
    const {frame, k, position, job} = /** @type {CustomEvent<any>} */ (event).detail, index = Math.min(k, frame.x0.length - 1);
    hint.hidden = true;
    x_t.image.src = frame.x_t[index];
    x0.image.src = frame.x0[index];
    size.node.hidden = !frame.field || !frame.field.length;
    size.image.src = size.node.hidden ? EMPTY : frame.field[index];
    const own = Array.isArray(frame.numbers) ? frame.numbers[index] : frame.numbers;
    const rows = [["picture", `${index + 1} of ${frame.x0.length}`], ["step", `${frame.step} of ${frame.total}`],
      ["NFE", String(frame.calls)], ...Object.entries(own).map(([name, value]) => [plain(name), value])];
    numbers.replaceChildren(...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    write(formula, frame.formula, Object.values(own));
    if (position == null) { plot.node.hidden = true; return; }
    if (of !== job) {
      of = job; paths = null;
      try { paths = await get(`api/trajectories/${job}`); } catch { return; }
    }
    plot.draw(draws ? paths : null, index, position);
  });
}

/**
 * A step's formula, our own MathML, with a place [k] for the step's k-th number; only the text of those places is changed.
 * @param {HTMLElement} node @param {string} template @param {string[]} values
 */
function write(node, template, values) {
  node.innerHTML = template || "";
  for (const one of node.querySelectorAll("mtext")) {
    const spot = /^\[(\d+)\]$/.exec(one.textContent);
    if (spot) { one.textContent = values[Number(spot[1])].replace(/^-/, "−"); one.classList.add("sx-value"); }
  }
  const math = node.querySelector("math");
  if (math && node.scrollWidth > node.clientWidth) {                    // a long one is set smaller, the rest is scrolled
    math.style.fontSize = `${Math.max(12, Math.floor(16 * node.clientWidth / node.scrollWidth))}px`;
  }
}

/** The trajectories of a few pixels through the steps. @param {boolean} tangent whether the network's field is their direction */
function trajectoryPlot(tangent) {
  const svg = svgNode("svg", {viewBox: "0 0 300 110", class: "sx-plot", role: "img",
    "aria-label": "Trajectories of a few pixels through the steps"});
  // Noise that fans out from one start shows when a pixel of all pictures is drawn instead of the pixels of one.
  const which = select({"aria-label": "What the lines are", onchange: () => latest && draw(...latest)},
    [["pixels", "Trajectories of 13 pixels, from noise to picture"], ["pictures", "Trajectory of one pixel in all pictures"]]);
  const node = el("figure", {class: "sx-trajectories", hidden: true}, el("figcaption", {}, which), svg);
  /** @type {[import("../core/records").Trajectories | null, number, number] | null} */
  let latest = null;
  const draw = (paths, index, step) => {
    latest = [paths, index, step];
    const chosen = (all) => which.value === "pictures" ? all.map((one) => one[MIDDLE]) : all[index];
    const lines = paths && paths.values.length ? chosen(paths.values) : null;
    node.hidden = !lines || lines[0].length < 2;
    if (node.hidden) return;
    const slopes = tangent && paths.slopes.length ? chosen(paths.slopes) : [], {t} = paths;
    const reach = 2.5 * (t[Math.min(step + 1, t.length - 1)] - t[Math.min(step, t.length - 2)]);
    const n = lines[0].length, top = Math.max(1.5, ...lines.flat().map(Math.abs));
    const x = (k) => 4 + 292 * k / (n - 1), y = (v) => 55 - 50 * v / top;
    const along = (way) => way.map((v, k) => `${x(k).toFixed(1)},${y(v).toFixed(1)}`).join(" ");
    svg.replaceChildren(svgNode("line", {x1: 4, x2: 296, y1: 55, y2: 55, class: "sx-axis"}),
      ...lines.map((way) => svgNode("polyline", {points: along(way), class: "sx-way"})),
      ...slopes.map((slope, i) => svgNode("line", {class: "sx-arrow", x1: x(step), y1: y(lines[i][step]), x2: x(step + 2.5),
        y2: y(lines[i][step] + reach * slope[step])})),
      svgNode("line", {x1: x(step), x2: x(step), y1: 2, y2: 108, class: "sx-cursor"}));
  };
  return {node, draw};
}
