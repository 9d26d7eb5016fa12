// A bar above everything else while nothing answers, and a word of it afterwards.
import {el} from "../core/dom.js";
import {recall, remember} from "../core/kept.js";
import {small} from "../parts/buttons.js";

/** @param {string} program who served the page */
export function linkBar(program) {
  const node = el("div", {class: "sx-linkbar", role: "status", hidden: true});
  const show = (...parts) => { node.replaceChildren(...parts); node.hidden = false; };
  const close = small("Close", () => { node.hidden = true; });
  document.addEventListener("sx-link", (event) => {
    const lost = /** @type {CustomEvent<boolean>} */ (event).detail;
    node.classList.toggle("sx-linkbar-lost", lost);
    if (lost) show("No connection to the program; trying again … What you type stays.");
    else node.hidden = true;
  });
  const lost = recall("lost"), again = recall("again") === program;
  remember("lost", null);
  if (again) remember("again", null);
  if (again) show("The program was started again, so the page was loaded anew. What you had typed is here.", close);
  else if (lost) show("The connection was lost, so the page was loaded anew. What you had typed is here; press again what you pressed "
    + "meanwhile.", close);

  let typed = 0;
  document.addEventListener("keydown", () => { typed = Date.now(); }, true);
  const heard = (now) => {
    if (now === program || recall("again") === now) return;
    if (Date.now() - typed < 1000) { setTimeout(() => heard(now), 500); return; }
    remember("again", now);
    location.reload();
  };
  return {
    node,
    /** Another program answers: its page is wanted, as soon as nobody is in the middle of a word. */
    heard,
  };
}
