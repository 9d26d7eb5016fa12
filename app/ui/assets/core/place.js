// The tab in sight is the fragment of the address: #flow opens Flow, a switch is a step of the history, Back and Forward go through
// tabs. A fragment, since other sites may open nothing but the page itself.

export const place = {
  names: /** @type {string[]} */ ([]),                       // of the tabs; the first is open where the address names none
  now: /** @type {string | null} */ (null),
  wanted: /** @type {string | null} */ (null),               // what was asked of Gradio and is not open yet
  open: /** @type {(() => void) | null} */ (null),           // asks Gradio for `wanted`

  named() {
    const name = location.hash.slice(1);
    return place.names.includes(name) ? name : place.names[0];
  },
  /** @param {string} name */
  show(name) {
    if (name === place.now || !place.open || !place.names.length) return;
    place.now = place.wanted = name;
    place.open();
  },
  /** Two things have to be there first, in whichever order: the tabs, and somebody who can open them. @param {() => void} open */
  begin(open) { place.open = open; place.show(place.named()); },
  /** @param {string[]} names */
  first(names) {
    const before = place.now;                                // somebody was quicker
    Object.assign(place, {names, now: names[0]});
    if (before && before !== names[0]) place.went(before); else place.show(place.named());
  },
  /** @param {string} name */
  go(name) {
    if (name !== place.now) history.pushState(null, "", `#${name}`);
    place.show(name);
  },
  /** Gradio says which tab is open; one that is not the wanted one is on its way out. @param {string} name */
  went(name) {
    if (place.wanted && name !== place.wanted) return;
    const before = place.now;
    place.wanted = null;
    place.now = name;
    if (name !== before && place.names.length) history.pushState(null, "", `#${name}`);
  },
  listen() { addEventListener("hashchange", () => place.show(place.named())); },
};
