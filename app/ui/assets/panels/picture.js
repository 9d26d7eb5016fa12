// Everything that is known of a picture of the gallery, and what can be done with it.
import {el, pairList} from "../core/dom.js";
import {openJob} from "../core/jobs.js";
import {get, post} from "../core/link.js";
import {turns} from "../core/poll.js";
import {verdictOf} from "../grid/verdict.js";
import {primary, small} from "../parts/buttons.js";
import {scrubber} from "../parts/player.js";
import {fact} from "../parts/words.js";
import {process} from "./process.js";

/** @typedef {import("../core/records").Picture} Picture */

/**
 * @param {Picture} picture
 * @param {{move: (picture: Picture, what: string) => void, send: (action: string) => void, shown: () => boolean}} on
 *   shown: whether it still is
 */
export function pictureDetail(picture, on) {
  const facts = pairList(Object.entries(picture.facts).map(([name, value]) => [name, fact(value)]), "sx-facts-table", "sx-num");
  const verdict = el("p", {class: "sx-num", role: "status"});
  const again = async () => {
    verdict.textContent = "Drawing it again …";
    try {
      const {verdict: found, max, mean, then, now} = await post(`api/again/${picture.id}`);
      verdict.replaceChildren(verdictOf({cells: [{i: 0, verdict: found, max, mean}], then, now}, () => "This picture"));
    } catch (error) { verdict.textContent = error.message; }
  };
  get(`api/picture/${picture.id}`).then((now) => {
    if (!on.shown()) return;
    if (now.process) facts.before(keptProcess(now));
    if (now.grid) facts.before(small("Open its grid", () => openJob({kind: "compare", grid: now.grid})));
  }).catch(() => {});
  return [
    el("img", {src: picture.url, alt: picture.prompt, class: "sx-detail-image"}),
    el("div", {class: "sx-row"},
      primary("Send to tab", () => on.send("send")),
      small("Compare", () => on.send("compare")),
      el("a", {class: "sx-small", href: picture.url, download: `${picture.family}-${picture.seed}.png`}, "Save"),
      small("Run again and compare", again),
      picture.deleted ? small("Restore", () => on.move(picture, "restore")) : small("Delete", () => on.move(picture, "delete"))),
    verdict, facts];
}

/** The process that was kept with a picture, as its tab showed it. @param {Picture} picture */
function keptProcess(picture) {
  const inside = el("div", {class: "sx-root sx-process-root"}), channel = `gallery-${picture.id}`;
  process(inside, {family: picture.family, channel}, () => {});
  const turn = turns();
  const scrub = scrubber(async (position) => {
    const latest = turn();
    try {
      const frame = await get(`api/frame/${picture.id}/${position - 1}`);
      if (!latest()) return;
      scrub.text.textContent = `step ${frame.step}/${frame.total}`;
      document.dispatchEvent(new CustomEvent(`sx-frame-${channel}`, {detail: {frame, k: 0, position: position - 1, job: picture.id}}));
    } catch (error) { scrub.text.textContent = error.message; }
  }, "Step of the kept process");
  get(`api/trajectories/${picture.id}`).then(({t}) => { scrub.set(t.length); scrub.seek(t.length); })
    .catch((error) => { scrub.text.textContent = error.message; });
  return el("div", {class: "sx-kept"}, el("h4", {}, "Process"), el("div", {class: "sx-row"}, ...scrub.nodes), inside);
}
