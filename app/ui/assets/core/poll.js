// Asking again and again.
import {isFinal, patience} from "./link.js";

/**
 * Ask until told that it is enough. Returns a function that lets go; what is followed goes on without.
 * @template T
 * @param {() => Promise<T>} ask
 * @param {object} on
 * @param {(answer: T) => boolean} on.draw whether to ask again
 * @param {(error: any) => void} on.gone there is no such thing (any more)
 * @param {(error: any) => void} [on.lost] nothing answered; it is asked again
 * @param {number} pause ms between two questions
 */
export function poll(ask, {draw, gone, lost = () => {}}, pause) {
  let live = true;
  const tick = async () => {
    if (!live) return;
    let answer;
    try { answer = await ask(); } catch (error) {
      if (!live) return;
      if (isFinal(error)) { gone(error); return; }
      lost(error);
      setTimeout(tick, patience(pause));
      return;
    }
    if (live && draw(answer)) setTimeout(tick, pause);
  };
  tick();
  return () => { live = false; };
}

/**
 * A function that runs `work` once calls of it have come to rest.
 * @param {() => void} work
 * @param {number} rest ms
 */
export function atRest(work, rest = 200) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  return () => { clearTimeout(timer); timer = setTimeout(work, rest); };
}

/** Tells answers apart: turn() begins, and what it returns says whether no other has begun since. */
export function turns() {
  let latest = 0;
  return () => { const mine = ++latest; return () => mine === latest; };
}
