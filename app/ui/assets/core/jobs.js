// Runs of the program, as the page follows them.
import {remember} from "./kept.js";
import {get} from "./link.js";
import {place} from "./place.js";
import {poll} from "./poll.js";

/** @param {string} status */
export const isRunning = (status) => ["waiting", "loading", "running"].includes(status);

/**
 * Follow a job: calls draw(view) at every change and gone(error) when there is no such job (any more); returns a function that lets go of
 * it. The job itself goes on.
 * @param {string} id
 * @param {(view: any) => void} draw
 * @param {(error: any) => void} gone
 */
export function followJob(id, draw, gone, pause = 90) {
  let version = -1;
  return poll(() => get(`api/job/${id}?seen=${version}`), {gone, draw: (view) => {
    if (view.version !== version) { version = view.version; draw(view); }
    return isRunning(view.status);
  }}, pause);
}

/** How far a job is, 0 to 1. @param {{status: string, total: number, step: number}} view */
export const part = ({status, total, step}) => status === "done" ? 1 : total ? step / total : 0;

/** Show a job in its tab, also if that tab was never opened. @param {{kind: string, family?: string, grid?: string, id?: string}} job */
export function openJob(job) {
  const key = job.kind === "compare" ? "compare" : job.family;
  const id = job.grid || job.id;
  remember(key, id);
  document.dispatchEvent(new CustomEvent(`sx-attach-${key}`, {detail: id}));
  place.go(key);
}
