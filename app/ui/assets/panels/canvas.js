// The canvas of a family's tab: examples at first, live previews while a job runs, then pictures and the scrubber.
import {el, fill, progress, say} from "../core/dom.js";
import {followJob, isRunning, part} from "../core/jobs.js";
import {recall, remember} from "../core/kept.js";
import {get, post} from "../core/link.js";
import {small} from "../parts/buttons.js";
import {madeWith, runRecord, runWords} from "./run.js";
import {pictureStage} from "./stage.js";

const EXAMPLES = "Examples drawn by the bundled model; click one to take its settings, or press Generate.";

/** @type {import("../core/mount.js").Kind} */
export function canvas(root, props, trigger) {
  const family = props.family;
  let model = props.model;                                // whose data set the examples are of
  const act = (action, id) => trigger("select", {action, id});
  const stage = pictureStage(family, {hover: () => redraw(), act});
  const bar = progress(), line = el("div", {class: "sx-status sx-num"}, ""), made = el("div", {class: "sx-made sx-quiet sx-num"});
  const stop = small("Stop  Esc", () => halt(), {class: "sx-stop sx-small", disabled: true});
  const record = runRecord((frame, position, onTiles) => {
    show(frame, position - 1);
    if (onTiles) stage.previews(frame.x0.map((url, i) => position === view.frames && view.shots[i] ? view.shots[i].url : url));
  });
  root.replaceChildren(stage.node, bar, made, el("div", {class: "sx-row"}, line, stop), record.node);

  let job = null, letGo = () => {}, shown = null, at = null, fresh = false;
  let view = /** @type {import("../core/records").JobView | null} */ (null);
  const redraw = () => {
    if (shown) tell(`sx-frame-${family}`, {frame: shown, k: stage.chosen(), position: at, job});
  };
  const show = (frame, position) => { shown = frame; at = position; redraw(); };
  const draw = (next) => {
    view = next;
    const running = isRunning(view.status);
    stage.need(view.settings.count);
    if (fresh) { fresh = false; stage.begin(); }
    stop.disabled = !running;
    root.classList.toggle("sx-loading-now", running && view.status !== "running");
    fill(bar, part(view));
    made.replaceChildren(...madeWith(view, () => act("job", view.id)));
    say(line, runWords(view).join(" · "), view.status === "failed");
    if (running) { goesOn(stage, view, show); return; }
    stage.finished(view.shots);                            // a run that failed has those that were saved before
    record.of(view.id, view.frames, view.shots.length > 0);
  };
  const halt = () => {
    stop.disabled = true;
    if (job) post(`api/stop/${job}`).catch((error) => {
      stop.disabled = !view || !isRunning(view.status);
      say(line, error.message, true);
    });
  };
  const attach = (id) => {
    letGo();
    job = id;
    view = shown = null;
    fresh = true;
    remember(family, id);
    record.none();
    letGo = followJob(id, draw, gone);
  };
  // A run that the program does not know (any more): nothing of it may look as if it went on.
  const gone = (error) => {
    if (!view) remember(family, null);                     // else it is said again when the page is loaded again, as it may be now
    job = view = shown = null;
    root.classList.remove("sx-loading-now");
    fill(bar, 0);
    stop.disabled = true;
    record.none();
    made.replaceChildren();
    examples(error.message);
  };
  const examples = async (trouble = "") => {
    say(line, trouble, Boolean(trouble));
    const found = await examplesOf(family, model);
    if (job) return;
    stage.examples(found);
    if (!trouble) say(line, found.length ? EXAMPLES : "Press Generate.");
  };

  const last = recall(family);
  if (last) attach(last); else examples();
  document.addEventListener(`sx-attach-${family}`, (event) => attach(/** @type {CustomEvent<string>} */ (event).detail));
  return (value) => {
    if (value.job && value.job !== job) attach(value.job);
    if (value.model === undefined || value.model === model) return;
    model = value.model;
    if (!job) examples();
  };
}

const goesOn = (stage, view, show) => {
  stage.previews(view.x0);
  if (view.x0.length) show(liveFrame(view), null);
};

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, {detail}));

/** The examples of a model's data set; none while they cannot be had, for the button works all the same. */
const examplesOf = (family, model) => get(`api/examples/${family}?model=${encodeURIComponent(model)}`).catch(() => []);

/** The latest step of a run that goes on, as a recorded step is told. @param {import("../core/records").JobView} view */
export const liveFrame = ({x_t, x0, t, sigma, step, total, calls}) => ({x_t, x0, step, total, calls, live: true,
  numbers: {"t": t.toFixed(t >= 10 ? 0 : 3), "σ": sigma < 1e4 ? sigma.toPrecision(3) : "∞"}});
