// What is said of a run, and its recorded steps.
import {el} from "../core/dom.js";
import {dotted, nfeOf, seconds} from "../core/format.js";
import {isRunning} from "../core/jobs.js";
import {get, post} from "../core/link.js";
import {turns} from "../core/poll.js";
import {small} from "../parts/buttons.js";
import {scrubber} from "../parts/player.js";

/** @typedef {import("../core/records").JobView} JobView */

/**
 * The recorded steps of a run: a row to go through them and to keep them.
 * @param {(frame: any, position: number, onTiles: boolean) => void} show
 */
export function runRecord(show) {
  const scrub = scrubber((position) => seek(position));
  const keep = small("Keep", () => store(),
    {disabled: true, title: "Store the recorded steps with the pictures, to play them in the gallery"});
  let id = /** @type {string | null} */ (null), frames = new Map();
  const turn = turns();
  const seek = async (position, onTiles = true) => {
    const k = position - 1, latest = turn();
    try {
      if (!frames.has(k)) frames.set(k, await get(`api/frame/${id}/${k}`));
    } catch (error) { scrub.text.textContent = error.message; return; }
    if (!latest()) return;
    show(frames.get(k), position, onTiles);
    scrub.text.textContent = `step ${frames.get(k).step}/${frames.get(k).total}`;
  };
  const store = async () => {
    keep.disabled = true;
    try {
      await post(`api/keep/${id}`);
      keep.textContent = "Kept";
    } catch (error) {
      scrub.text.textContent = error.message;
      keep.disabled = false;
    }
  };
  const set = (job, count, pictures) => {
    turn();
    id = job;
    frames = new Map();
    scrub.set(count);
    scrub.text.textContent = count ? `${count} recorded` : "";
    keep.disabled = !count || !pictures;
    keep.textContent = "Keep";
    if (count) seek(count, false);
  };
  return {node: el("div", {class: "sx-row"}, ...scrub.nodes, keep), of: set, none: () => set(null, 0, false)};
}

/** How far a run is, or what it took, in words. @param {JobView} view */
export function runWords(view) {
  const parts = [], pace = view.ms_per_call ? `${view.ms_per_call.toFixed(1)} ms/call` : "";
  if (isRunning(view.status)) {
    parts.push(view.status === "running" ? `step ${view.step}/${view.total || "…"}` : view.note || view.status);
    if (view.calls) parts.push(nfeOf(view.calls));
    parts.push(pace, view.seconds_left == null ? "" : `${seconds(view.seconds_left)} left`);
    return parts.filter(Boolean);
  }
  if (view.status === "done") {
    const made = view.title.split(" · ").slice(-2).join(" · ");
    parts.push(made, made.endsWith(" call") ? "" : nfeOf(view.calls), seconds(view.seconds), pace);
  }
  return [...parts, view.error, view.note].filter(Boolean);
}

/**
 * What the pictures in sight were made with, so that they never seem to be of what stands in the controls now.
 * @param {JobView} view @param {() => void} use
 */
export function madeWith({settings}, use) {
  const guidance = settings.guidance_scale == null || settings.guidance_scale === 1 ? "" : `guidance ${settings.guidance_scale}`;
  return [el("span", {title: settings.prompt}, settings.prompt ? `“${settings.prompt}”` : "no prompt"),
    el("span", {}, dotted([settings.model, guidance, `seed ${settings.seed}`])),
    small("Use these settings", use, {class: "sx-link", title: "Put the settings of these pictures into the controls"})];
}
