// What plays: a button that starts and halts a beat, and a slider over recorded steps.
import {el} from "../core/dom.js";
import {small} from "./buttons.js";

/**
 * A button that plays and pauses.
 * @param {[string, string]} words while it stands and while it plays
 * @param {() => number} begin makes ready to play; returns the ms between two beats
 * @param {() => boolean} beat whether there is more to come
 * @param {Object<string, any>} more attributes of the button
 */
export function player([stands, plays], begin, beat, more = {}) {
  let timer = 0;
  const button = small(stands, () => { if (timer) halt(); else start(); }, more);
  const halt = () => { clearInterval(timer); timer = 0; button.textContent = stands; };
  const start = () => {
    halt();
    const pause = begin();
    button.textContent = plays;
    timer = window.setInterval(() => { if (!beat()) halt(); }, pause);
  };
  return {button, start, halt};
}

/**
 * A slider over recorded steps with a play button.
 * @param {(position: number) => any} onseek is told 1 .. count
 */
export function scrubber(onseek, label = "Recorded step") {
  const range = el("input", {type: "range", min: 1, max: 1, value: 1, disabled: true, "aria-label": label});
  const text = el("span", {class: "sx-num sx-scrub-text"}, "");
  let position = 1;
  const seek = (to) => { range.value = String(to); return onseek(to); };
  const {button, halt} = player(["▶ Play", "❚❚ Pause"], () => {
    const count = Number(range.max);
    position = Number(range.value) >= count ? 0 : Number(range.value);
    return Math.max(60, Math.min(300, 4000 / count));                    // about four seconds in all
  }, () => { seek(++position); return position < Number(range.max); },
  {class: "sx-small sx-play", disabled: true, title: "Play the process from noise to picture"});
  range.oninput = () => { halt(); onseek(Number(range.value)); };
  return {
    nodes: [button, range, text],
    text,
    seek,
    /** There are `count` steps now, and the last one is shown; with fewer than two there is nothing to scrub. @param {number} count */
    set(count) {
      halt();
      range.max = String(Math.max(1, count)); range.value = range.max;
      range.disabled = button.disabled = count < 2;
    },
  };
}
