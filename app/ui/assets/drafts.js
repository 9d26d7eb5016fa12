// What stands in the controls is kept, in this browser tab alone, and comes back when the page is loaded again.
sx.drafts = {
  kept: {},                                                  // id of a control -> its value
  ready: false,                                              // before what was kept is back, nothing may take its place
  ids: [],                                                   // of all such controls, in the order in which Gradio gives their values

  back: null,                                                // kept when controls are as they were

  // What is to be put back, as Gradio hands it to the server; nobody writes into what is about to change. values: of a page that was
  // just loaded.
  read(ids, values) {
    const text = sx.recall("drafts") || "";
    sx.drafts.ids = ids;
    try { sx.drafts.kept = JSON.parse(text || "{}"); } catch { /* not ours */ }
    const differs = (id, k) => id in sx.drafts.kept && JSON.stringify(sx.drafts.kept[id]) !== JSON.stringify(values[k]);
    if (!ids.some(differs)) { sx.drafts.begin(values); return ""; }
    document.getElementById("tabs").inert = true;
    return text;
  },
  begin(values) {
    sx.drafts.ready = true;
    if (!sx.recall("drafts")) sx.drafts.all(values);         // somebody may have written already
    document.getElementById("tabs").inert = false;
    sx.drafts.done();
  },
  // Values have changed: all are read when they have come to rest, by what `gather` asks of Gradio.
  gather() {},
  soon() {
    clearTimeout(sx.drafts.due);
    sx.drafts.due = setTimeout(() => { sx.drafts.due = 0; sx.drafts.gather(); }, 150);
  },
  all(values) { sx.drafts.take(Object.fromEntries(sx.drafts.ids.map((id, k) => [id, values[k]]))); },
  take(values) {
    if (!sx.drafts.ready) return;
    Object.assign(sx.drafts.kept, values);
    sx.remember("drafts", JSON.stringify(sx.drafts.kept));
  },

  // Fields of our own, {name: input or select}, under a key. A select whose choices come later finds its value in dataset.wanted.
  own(key, fields) {
    let kept = {};
    try { kept = JSON.parse(sx.recall(`fields-${key}`) || "{}"); } catch { /* not ours */ }
    const value = (node) => node.type === "checkbox" ? node.checked : node.value;
    const write = () => sx.remember(`fields-${key}`, JSON.stringify(
      Object.fromEntries(Object.entries(fields).map(([name, node]) => [name, value(node)]))));
    for (const [name, node] of Object.entries(fields)) {
      if (name in kept) {
        if (node.type === "checkbox") node.checked = kept[name];
        else { node.value = kept[name]; if (node.value !== kept[name]) node.dataset.wanted = kept[name]; }
      }
      node.addEventListener("input", write);
      node.addEventListener("change", write);
    }
  },
};

sx.drafts.back = new Promise((done) => { sx.drafts.done = done; });

addEventListener("pagehide", () => { if (sx.drafts.due) sx.drafts.gather(); });

// Gradio hears of no change any more once it has noticed that the connection is lost; what is written then is read from the fields.
document.addEventListener("input", ({target}) => {
  if (target.hasAttribute("role")) return;                   // the search within a list of choices
  const id = sx.drafts.ids.find((one) => document.getElementById(one)?.contains(target));
  if (!id) return;
  const number = ["number", "range"].includes(target.type) && (target.value === "" ? null : Number(target.value));
  sx.drafts.take({[id]: target.type === "checkbox" ? target.checked : number === false ? target.value : number});
}, true);
