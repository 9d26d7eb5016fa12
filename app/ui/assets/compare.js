// The comparison page: follows a grid on the server, says how far it is, and shows its cells, two of them large, and earlier grids.
sx.kinds.compare = (root, props, trigger) => {
  const ZOOMS = [1, 2, 3, 4, 6, 8];
  const small = (text, run, more = {}) => sx.el("button", {class: "sx-small", type: "button", onclick: run, ...more}, text);
  const post = (what, body) => sx.post(`api/grid/${id}/${what}`, body);
  const trouble = sx.el("p", {class: "sx-error sx-first", role: "alert", hidden: true});
  const say = (error) => { trouble.textContent = error.message; trouble.hidden = false; };

  const line = sx.el("div", {class: "sx-status sx-num"});
  const stop = small("Stop now  Esc", () => ending(false), {hidden: true});
  const drain = small("Stop after this cell", () => ending(true), {hidden: true});
  stop.classList.add("sx-stop");
  const resume = small("Resume", () => go(id, false), {hidden: true, title: "Draw the cells that are not done"});
  const retry = small("Retry failed", () => go(id, true), {hidden: true, title: "Draw the failed cells again, and what is not done"});
  const made = sx.el("div", {class: "sx-quiet sx-num"}), terms = sx.el("div", {class: "sx-quiet sx-terms"});
  const bar = sx.el("div", {class: "sx-progress", role: "progressbar", "aria-label": "Cells done", "aria-valuemin": 0}, sx.el("i"));
  const field = (what, label, placeholder) => sx.el("input", {
    class: `sx-edit sx-edit-${what}`, type: "text", maxlength: 500, "aria-label": label, placeholder, title: `${label}; click to change it`,
    onchange: (event) => {
      view[what] = event.target.value.trim();
      post("change", {[what]: view[what]}).then(earlier.refresh, say);
    },
    onkeydown: (event) => { if (event.key === "Enter") event.target.blur(); }});
  const name = field("name", "Name of the grid", "Name"), note = field("note", "Note to the grid", "Add a note");
  const formats = {png: "PNG", csv: "CSV", "csv?excel=true": "for Excel", json: "JSON", html: "HTML page"};
  const links = Object.entries(formats).map(([ending, title]) => sx.el("a", {
    class: "sx-small", download: true, "data-ending": ending}, `Export ${title}`));
  const again = small("Run again and compare", () => runAgain(null), {title: "Draw every cell again and say whether its pixels are equal"});
  const use = small("Use its settings", () => trigger("select", {id}), {title: "Put the settings and axes of this grid into the controls above"});
  const selftest = small("Self-test", () => drawnAgain("Drawing 8 seeds one by one and as one batch …", "selftest", {},
    (found) => ({...found, cells: found.pictures.map((p, i) => ({...p, i})), then: found.now}), (i) => `Picture ${i + 1} alone against in the batch`),
  {title: "Does a picture depend on the batch in which it is drawn? The same seeds one by one and as one batch of 8"});
  const remove = small("Delete", () => post("delete").then(() => removed(view), say), {title: "Move the grid and its pictures to the bin"});
  const verdict = sx.el("div", {class: "sx-undo sx-verdict", hidden: true, role: "status"});

  const layers = sx.el("span", {class: "sx-row sx-layers", role: "group"});
  const zoomSays = sx.el("span", {class: "sx-num"});
  const out = small("−", () => zoomTo(zoom - 1), {"aria-label": "Smaller", title: "Smaller  -"});
  const into = small("+", () => zoomTo(zoom + 1), {"aria-label": "Larger", title: "Larger  +"});
  const toggle = (text, title) => {
    const input = sx.el("input", {type: "checkbox"});
    return {input, node: sx.el("label", {class: "sx-toggle", title}, input, text)};
  };
  const beside = toggle("Snapshot beside", "Beside each picture, what a longer run looked like after as many steps");
  const lensOn = toggle("Magnifier", "Pixels beneath the pointer, 8 times; or hold Alt");

  let id = null, view = null, cells = [], version = -1, let_go = () => {}, told = null;
  let layer = 0, zoom = null, second = null, settings = new Map();
  const grid = sx.gridView({
    open: (i) => openPanel(i),
    second: (i) => { second = i; grid.second(i); openPanel(grid.active()); },
    moved: (i) => moved(i),
  });
  const panel = sx.gridPanel({
    cell: (i) => cells[i] || {i, status: "waiting"}, label: (i) => grid.label(i), again: (i) => runAgain(i), bits: (pair) => bitsOf(pair),
    settings: (i) => {
      const kept = settings;
      if (!kept.has(i)) kept.set(i, sx.get(`api/grid/${id}/cell/${i}`).catch((error) => { kept.delete(i); throw error; }));
      return kept.get(i);
    },
    swap: () => panel.show(...[...panel.pair()].reverse()),
    closed: () => { second = null; grid.second(null); },
  });
  const openPanel = (i) => panel.show(i, second != null && second !== i ? second : grid.neighbour(i));
  const lens = sx.gridLens(grid.node, () => lensOn.input.checked, (i) => grid.label(i),
    (k) => ({label: `selected: ${grid.label(grid.active())}`, image: grid.image(grid.active(), k)}));
  const moved = (i) => { if (panel.open()) openPanel(i); lens.refresh(); };
  const charts = sx.gridChart();
  const earlier = sx.gridList({open: (other) => attach(other), resume: (other) => go(other, false), removed: (item) => removed(item)});

  const about = sx.el("p", {class: "sx-quiet sx-first"},
    "A grid draws the same seeds with every combination of the settings that you let vary, so that you see what each of them does to "
    + "the picture, its time and its distance to where its sampler converges.");
  const work = sx.el("div", {hidden: true},
    sx.el("div", {class: "sx-row sx-grid-head"}, name, note),
    made, sx.el("div", {class: "sx-row"}, line, resume, retry, drain, stop), bar,
    sx.el("div", {class: "sx-row sx-grid-tools"}, layers,
      sx.el("span", {class: "sx-row", role: "group", "aria-label": "Size of the cells"}, out, zoomSays, into),
      beside.node, lensOn.node, sx.el("span", {class: "sx-row sx-grid-files"}, ...links, again, selftest, use, remove)),
    terms, sx.el("div", {class: "sx-grid-body"}, grid.node, panel.node, lens.node), charts.node);
  root.replaceChildren(about, trouble, verdict, work, earlier.node);

  const look = () => ({layer, side: view.size * ZOOMS[zoom], count: view.count, distance: view.distance,
                       beside: beside.input.checked && !beside.input.disabled});
  const arrange = () => {
    if (!view) return;
    grid.set(view, cells, look());
    zoomSays.textContent = `× ${ZOOMS[zoom]}`;
    out.disabled = zoom === 0;
    into.disabled = zoom === ZOOMS.length - 1;
  };
  const zoomTo = (k) => { if (view && ZOOMS[k]) { zoom = k; arrange(); } };
  const layerTo = (k) => {
    if (!view || k < 0 || k >= view.z.labels.length || k === layer) return;
    layer = k;
    second = null;
    grid.second(null);
    drawLayers();
    arrange();
    moved(grid.active());
  };
  const drawLayers = () => {
    const {labels, title} = view.z;
    layers.hidden = labels.length < 2;
    layers.setAttribute("aria-label", `Layer: ${title}`);
    if (labels.length <= 8) {
      const held = [...layers.children].indexOf(document.activeElement);
      const tabs = labels.map((label, k) => small(label, () => layerTo(k), {"aria-pressed": String(k === layer), title: "Keys [ and ]"}));
      layers.replaceChildren(sx.el("span", {class: "sx-quiet"}, title), ...tabs);
      if (held > 0) layers.children[held]?.focus({preventScroll: true});
      return;
    }
    const range = layers.querySelector("input") || sx.el("input", {type: "range", min: 0, oninput: () => layerTo(Number(range.value))});
    range.setAttribute("aria-label", title);
    range.max = labels.length - 1;
    range.value = layer;
    range.setAttribute("aria-valuetext", labels[layer]);
    if (!range.isConnected) layers.replaceChildren(sx.el("span", {class: "sx-quiet"}, title), range, sx.el("b", {}));
    layers.lastChild.textContent = labels[layer];
  };

  const status = () => {
    const running = sx.running(view.status), of = (...which) => cells.filter((cell) => which.includes(cell?.status)).length;
    stop.hidden = drain.hidden = !running;
    resume.hidden = running || !of("waiting", "stopped", "running");
    retry.hidden = running || !of("failed");
    for (const link of links) { link.hidden = running; link.href = `export/${view.id}.${link.dataset.ending}`; }
    again.hidden = selftest.hidden = running || !of("done");
    work.classList.toggle("sx-loading-now", view.status === "loading");
    bar.firstChild.style.width = `${view.total ? 100 * view.done / view.total : 0}%`;
    bar.setAttribute("aria-valuemax", view.total);
    bar.setAttribute("aria-valuenow", view.done);
    const failed = of("failed"), left = running && view.seconds_left != null;
    line.textContent = [`${view.done} of ${view.total} cells`, failed ? `${failed} failed` : "",
      view.calls ? sx.facts.calls(view.calls) : "", view.seconds ? sx.seconds(view.seconds) : "", left ? `${sx.seconds(view.seconds_left)} left` : "",
      running || view.status === "done" ? "" : view.status, view.message, view.error].filter(Boolean).join(" · ");
    line.classList.toggle("sx-error", Boolean(view.error));
    made.textContent = view.made;
    terms.textContent = view.terms;
    for (const [input, text] of [[name, view.name], [note, view.note]]) if (document.activeElement !== input) input.value = text;
  };
  const draw = (next) => {
    const shape = (v) => JSON.stringify([v?.id, v?.x, v?.y, v?.z]), other = shape(view) !== shape(next);
    if (other) {
      const size = ["x", "y", "z"].reduce((product, axis) => product * next[axis].labels.length, 1);
      cells = Array.from({length: size}, (_, i) => ({i, status: "waiting"}));
      settings = new Map();
      if (panel.open()) panel.close();
      layer = view?.id === next.id ? Math.min(layer, next.z.labels.length - 1) : 0;
    }
    if (zoom === null || view?.size !== next.size) zoom = Math.max(0, ZOOMS.findLastIndex((k) => k * next.size <= 96));
    view = next;
    for (const cell of next.cells) {
      const kept = cell.status === "running" && !cell.preview ? cells[cell.i].preview : undefined;
      cells[cell.i] = kept ? {...cell, preview: kept} : cell;
    }
    beside.input.disabled = !cells.some((cell) => cell.snapshot);
    about.hidden = true;
    work.hidden = false;
    if (other) drawLayers();
    const worst = {};
    for (const cell of cells) if (cell.distance) worst[sx.facts.equation(cell)] = Math.max(worst[sx.facts.equation(cell)] || 0, cell.distance);
    for (const [equation, most] of Object.entries(worst)) grid.worst(equation, most);
    arrange();
    const numbers = next.cells.map((cell) => cell.i);
    grid.changed(numbers);
    panel.changed(numbers);
    charts.set(view, cells.filter((cell) => cell.distance != null).length);
    status();
  };

  // Follow the grid until it ends; whoever attaches another one lets go of this one.
  const follow = (gone) => {
    let live = true, lost = false;
    const tick = async () => {
      if (!live) return;
      try {
        const next = await sx.get(`api/grid/${id}?seen=${version}&show=${grid.ranges()}`);
        if (!live) return;
        version = next.version;
        if (lost) { lost = false; trouble.hidden = true; }
        if (next.cells) draw(next);
        else if (view.status !== next.status) { view.status = next.status; status(); }
        if (sx.running(view.status)) setTimeout(tick, 250);
        else earlier.refresh();
      } catch (error) {
        if (!live) return;
        lost = true;
        if (sx.link.final(error)) gone(); else setTimeout(tick, sx.link.pause(250));
        say(error);
      }
    };
    tick();
    return () => { live = false; };
  };
  const attach = (next) => {
    let_go();
    trouble.hidden = true;
    if (next !== id) { view = null; verdict.hidden = true; if (panel.open()) panel.close(); }
    id = next;
    version = -1;
    stop.disabled = drain.disabled = false;
    sx.remember("compare", id);
    earlier.current(id);
    let_go = follow(detach);
  };
  const detach = () => {
    let_go();
    id = view = null;
    sx.remember("compare", null);
    if (panel.open()) panel.close();
    work.hidden = true;
    about.hidden = false;
  };
  const ending = (after) => {
    drain.disabled = true;
    stop.disabled = !after;
    post("stop", {after}).catch(say);
  };
  const go = async (which, failed) => {
    try { await sx.post(`api/grid/${which}/resume`, {retry: failed}); attach(which); } catch (error) { say(error); }
  };
  const removed = (item) => {
    if (item.id === id) detach();
    undo.add(item);
    earlier.refresh();
  };
  const undo = sx.undoBar((items) => items.length > 1 ? `${items.length} grids moved to the bin.` : `“${items[0].name || "The grid"}” moved to the bin.`,
    async (items) => {
      for (const item of items) await sx.post(`api/grid/${item.id}/restore`);
      attach(items.at(-1).id);
      earlier.refresh();
    });
  // Says what is going on, and then the nodes that it came to.
  const tellOf = async (says, work) => {
    const whose = id, close = small("Close", () => { verdict.hidden = true; });
    verdict.hidden = false;
    verdict.replaceChildren(says);
    try {
      const nodes = await work();
      if (whose !== id) return;
      verdict.replaceChildren(...nodes, close);
      verdict.scrollIntoView({block: "nearest"});
    } catch (error) { verdict.replaceChildren(sx.el("span", {class: "sx-error"}, error.message), close); }
  };
  const drawnAgain = async (says, what, body, read, label) => {
    again.disabled = selftest.disabled = true;
    await tellOf(says, async () => [sx.verdictOf(read(await post(what, body)), label)]);
    again.disabled = selftest.disabled = false;
  };
  const runAgain = (i) => drawnAgain(i == null ? "Drawing every cell again …" : `Drawing ${grid.label(i)} again …`, "again", {cell: i},
    (found) => found, grid.label);
  const bitsOf = (pair) => tellOf("Measuring …", () => Promise.all([...new Set(pair)].map(async (i) => {
    try {
      const found = await sx.get(`api/grid/${id}/bits/${i}`);
      return sx.el("div", {class: "sx-num"}, `${grid.label(i)}: ${found.undefined || found.text}`);
    } catch (error) { return sx.el("div", {class: "sx-error"}, error.message); }           // of one cell, not of the other
  })));
  beside.input.onchange = arrange;
  lensOn.input.onchange = () => lens.refresh();

  document.addEventListener("keydown", (event) => {
    if (!view || work.offsetParent === null || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable=true]") || panel.key(event)) return;
    const layerBy = {"[": -1, "]": 1}[event.key], zoomBy = {"-": -1, "+": 1, "=": 1}[event.key];
    if (layerBy || zoomBy) event.preventDefault();
    if (layerBy) layerTo(layer + layerBy);
    if (zoomBy) zoomTo(zoom + zoomBy);
  });
  // Escape belongs to what is open here before it stops a run.
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !root.contains(document.activeElement)) return;
    const editing = [name, note].find((input) => input === document.activeElement);
    if (editing) { editing.value = editing === name ? view.name : view.note; editing.blur(); }
    else if (panel.open()) { panel.close(); root.querySelector(".sx-cell[tabindex='0']")?.focus({preventScroll: true}); }
    else return;
    event.stopPropagation();
  }, true);
  root.append(undo.node);
  document.addEventListener("sx-attach-compare", (event) => attach(event.detail));
  const kept = sx.recall("compare");
  if (kept) attach(kept);
  return (value) => {
    const text = JSON.stringify(value);
    if (value.grid && text !== told) attach(value.grid);
    told = text;
  };
};
