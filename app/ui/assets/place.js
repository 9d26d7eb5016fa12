// The tab in sight is the fragment of the address: #flow opens Flow, a switch is a step of the history, Back and Forward go through
// tabs. A fragment, since other sites may open nothing but the page itself.
sx.place = {
  names: [],                                                 // of the tabs; the first is open where the address names none
  now: null,
  wanted: null,                                              // what was asked of Gradio and is not open yet
  open: null,                                                // asks Gradio for `wanted`

  named() {
    const name = location.hash.slice(1);
    return sx.place.names.includes(name) ? name : sx.place.names[0];
  },
  show(name) {
    if (name === sx.place.now || !sx.place.open || !sx.place.names.length) return;
    sx.place.now = sx.place.wanted = name;
    sx.place.open();
  },
  // Two things have to be there first, in whichever order: the tabs, and somebody who can open them.
  begin(open) { sx.place.open = open; sx.place.show(sx.place.named()); },
  first(names) {
    const before = sx.place.now;                             // somebody was quicker
    Object.assign(sx.place, {names, now: names[0]});
    if (before && before !== names[0]) sx.place.went(before); else sx.place.show(sx.place.named());
  },
  go(name) {
    if (name !== sx.place.now) history.pushState(null, "", `#${name}`);
    sx.place.show(name);
  },

  // Gradio says which tab is open; one that is not the wanted one is on its way out.
  went(name) {
    if (sx.place.wanted && name !== sx.place.wanted) return;
    const before = sx.place.now;
    sx.place.wanted = null;
    sx.place.now = name;
    if (name !== before && sx.place.names.length) history.pushState(null, "", `#${name}`);
  },
};
addEventListener("hashchange", () => sx.place.show(sx.place.named()));
