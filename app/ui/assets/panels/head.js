// The head of the page: name, live chips, the queue's drawer, theme, help.
import {drafts} from "../core/drafts.js";
import {el} from "../core/dom.js";
import {seconds} from "../core/format.js";
import {isRunning, openJob} from "../core/jobs.js";
import {recallAlways, rememberAlways} from "../core/kept.js";
import {get, patience, post} from "../core/link.js";
import {known} from "../core/mount.js";
import {place} from "../core/place.js";
import {small} from "../parts/buttons.js";
import {linkBar} from "./linkbar.js";

const HELP = [
  "Write what to draw, choose a sampler and a number of steps, and press Generate. Ctrl-Enter generates or compares, Esc stops.",
  "Compare draws a grid of samplers by step counts with the same seeds and measures NFE (the number of function evaluations: "
  + "how often the network runs for a picture), seconds and the distance to the reference solution, where each sampler converges. "
  + "Everything is kept in the Gallery with all of its settings. Models lists what is here, searches the Hub, and adds files of "
  + "your own; they then appear in the tab of their family."];

/** @type {import("../core/mount.js").Kind} */
export function head(root, props, trigger) {
  Object.assign(known, {titles: props.titles, inside: props.inside});
  const pill = (text, more) => el("button", {class: "sx-pill", type: "button", ...more}, text);
  const device = el("span", {class: "sx-pill", title: "Device of the networks and memory of the program"}, "…");
  const queue = pill("idle", {"aria-expanded": "false", id: "queue-chip", onclick: () => show("queue")});
  const themes = pill("◐", {"aria-label": "Light or dark", title: "Light or dark", onclick: otherTheme});
  const help = pill("?", {"aria-label": "Help", title: "Help", onclick: () => show("help")});
  const drawer = el("div", {class: "sx-drawer", hidden: true});
  const bar = linkBar(props.program);
  root.replaceChildren(bar.node, el("div", {class: "sx-bar"},
    el("h1", {}, "Sextant"), el("span", {class: "sx-sub"}, "generative image models, measured side by side"),
    el("span", {class: "sx-space"}), device, queue, themes, help), drawer);

  /** @type {string | null} */
  let open = null;
  const show = (what) => {
    open = open === what ? null : what;
    drawer.hidden = open === null;
    queue.setAttribute("aria-expanded", String(open === "queue"));
    if (open === "help") drawer.replaceChildren(...HELP.map((text) => el("p", {}, text)));
    else if (open === "queue") ask();
  };
  const ask = async () => {
    try {
      const chips = await get("api/chips");
      device.textContent = `${chips.device} · ${chips.memory}`;
      queue.textContent = chips.running || chips.waiting
        ? `${chips.running} running${chips.waiting ? ` · ${chips.waiting} waiting` : ""} ▾` : "idle ▾";
      if (open === "queue") drawer.replaceChildren(...(chips.jobs.length ? chips.jobs.map((job) => line(job, trigger))
        : [el("p", {}, "Nothing has run since the program started.")]));
      bar.heard(chips.program);
    } catch { device.textContent = queue.textContent = "–"; }
  };
  const watch = async () => { await ask(); setTimeout(watch, patience(1500)); };
  keptTheme();
  watch();
  place.begin(() => trigger("input"));
  drafts.gather = () => trigger("apply");
}

function keptTheme() {
  const kept = recallAlways("theme");
  if (kept) document.body.classList.toggle("dark", kept === "dark");
}

function otherTheme() { rememberAlways("theme", document.body.classList.toggle("dark") ? "dark" : "light"); }

/** A job in the queue's drawer. @param {any} job @param {(event: string, data?: object) => void} trigger */
function line(job, trigger) {
  const show = () => {
    openJob(job);
    // A run of another page: its settings come with its pictures.
    if (job.kind === "generate") trigger("select", {action: "job", id: job.id});
  };
  return el("div", {class: "sx-job"},
    el("span", {class: `sx-dot sx-${job.status}`}), el("span", {class: "sx-job-title"}, job.title),
    el("span", {class: "sx-num"}, job.total ? `${job.step}/${job.total}` : ""),
    el("span", {}, job.status), el("span", {class: "sx-num"}, seconds(job.seconds)), small("Open", show),
    isRunning(job.status) ? small("Stop", () => post(`api/stop/${job.id}`).catch(() => {})) : null);
}
