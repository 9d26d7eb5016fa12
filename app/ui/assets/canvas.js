// The canvas of a family's tab: examples at first, live previews while a job runs, then pictures and the scrubber.
sx.kinds.canvas = (root, props, trigger) => {
  const family = props.family;
  const act = (action, id) => trigger("select", {action, id});
  const stage = sx.pictureStage(family, {hover: () => redraw(), act});
  const bar = sx.el("div", {class: "sx-progress"}, sx.el("i"));
  const line = sx.el("div", {class: "sx-status sx-num"}, "");
  const stop = sx.el("button", {class: "sx-stop sx-small", type: "button", disabled: true}, "Stop  Esc");
  const made = sx.el("div", {class: "sx-made sx-quiet sx-num"});
  const record = sx.runRecord((frame, position, onTiles) => {
    shown = frame;
    at = position - 1;
    redraw();
    if (onTiles) stage.previews(frame.x0.map((url, i) => position === view.frames && view.shots[i] ? view.shots[i].url : url));
  });
  root.replaceChildren(stage.node, bar, made, sx.el("div", {class: "sx-row"}, line, stop), record.node);

  let job = null, let_go = () => {}, view = null, shown = null, at = null, fresh = false;
  const redraw = () => {
    if (shown) document.dispatchEvent(new CustomEvent(`sx-frame-${family}`, {detail: {frame: shown, k: stage.chosen(), position: at, job}}));
  };
  const say = (text, bad = false) => { line.textContent = text; line.classList.toggle("sx-error", bad); };
  const preview = () => {
    stage.previews(view.x0);
    if (!view.x0.length) return;
    at = null;
    shown = sx.liveFrame(view);
    redraw();
  };
  const draw = (next) => {
    view = next;
    const running = sx.running(view.status);
    stage.need(view.settings.count);
    if (fresh) { fresh = false; stage.begin(); }
    stop.disabled = !running;
    root.classList.toggle("sx-loading-now", running && view.status !== "running");
    bar.firstChild.style.width = `${view.status === "done" ? 100 : view.total ? 100 * view.step / view.total : 0}%`;
    made.replaceChildren(...sx.madeWith(view, () => act("job", view.id)));
    say(sx.runWords(view).join(" · "), view.status === "failed");
    if (running) { preview(); return; }
    stage.finished(view.shots);                            // a run that failed has those that were saved before
    record.of(view.id, view.frames, view.shots.length > 0);
  };
  stop.onclick = () => {
    stop.disabled = true;
    if (job) sx.post(`api/stop/${job}`).catch((error) => { stop.disabled = !view || !sx.running(view.status); say(error.message, true); });
  };
  const attach = (id) => {
    let_go();
    job = id;
    view = shown = null;
    fresh = true;
    sx.remember(family, id);
    record.none();
    let_go = sx.follow(id, draw, gone);
  };
  // A run that the program does not know (any more): nothing of it may look as if it went on.
  const gone = (error) => {
    if (!view) sx.remember(family, null);                      // else it is said again when the page is loaded again, as it may be now
    job = view = shown = null;
    root.classList.remove("sx-loading-now");
    bar.firstChild.style.width = "0";
    stop.disabled = true;
    record.none();
    made.replaceChildren();
    examples(error.message);
  };
  const examples = async (trouble = "") => {
    say(trouble, Boolean(trouble));
    let found = [];
    try { found = await sx.get(`api/examples/${family}`); } catch { /* the button still works */ }
    if (job) return;
    stage.examples(found);
    if (!trouble) say(found.length ? "Examples drawn by the bundled model; click one to take its settings, or press Generate." : "Press Generate.");
  };

  const last = sx.recall(family);
  if (last) attach(last); else examples();
  document.addEventListener(`sx-attach-${family}`, (event) => attach(event.detail));
  return (value) => { if (value.job && value.job !== job) attach(value.job); };
};

// The latest step of a run that goes on, as a recorded step is told.
sx.liveFrame = ({x_t, x0, t, sigma, step, total, calls}) => ({x_t, x0, step, total, calls, live: true,
  numbers: {"t": t.toFixed(t >= 10 ? 0 : 3), "σ": sigma < 1e4 ? sigma.toPrecision(3) : "∞"}});

// The recorded steps of a run: a row to go through them and to keep them. show(frame, position, onTiles).
sx.runRecord = (show) => {
  const scrub = sx.scrubber((position) => seek(position));
  const keep = sx.el("button", {class: "sx-small", type: "button", disabled: true, title: "Store the recorded steps with the pictures, to play them in the gallery"}, "Keep");
  let id = null, frames = new Map(), turn = 0;
  const seek = async (position, onTiles = true) => {
    const k = position - 1, mine = ++turn;
    try {
      if (!frames.has(k)) frames.set(k, await sx.get(`api/frame/${id}/${k}`));
    } catch (error) { scrub.text.textContent = error.message; return; }
    if (mine !== turn) return;
    show(frames.get(k), position, onTiles);
    scrub.text.textContent = `step ${frames.get(k).step}/${frames.get(k).total}`;
  };
  keep.onclick = async () => {
    keep.disabled = true;
    try { await sx.post(`api/keep/${id}`); keep.textContent = "Kept"; } catch (error) { scrub.text.textContent = error.message; keep.disabled = false; }
  };
  const set = (job, count, pictures) => {
    turn++;
    id = job;
    frames = new Map();
    scrub.set(count);
    scrub.text.textContent = count ? `${count} recorded` : "";
    keep.disabled = !count || !pictures;
    keep.textContent = "Keep";
    if (count) seek(count, false);
  };
  return {node: sx.el("div", {class: "sx-row"}, ...scrub.nodes, keep), of: set, none: () => set(null, 0, false)};
};

// How far a run is, or what it took, in words.
sx.runWords = (view) => {
  const parts = [], pace = view.ms_per_call ? `${view.ms_per_call.toFixed(1)} ms/call` : "";
  if (sx.running(view.status)) {
    parts.push(view.status === "running" ? `step ${view.step}/${view.total || "…"}` : view.note || view.status);
    if (view.calls) parts.push(`${view.calls} call${view.calls === 1 ? "" : "s"}`);
    parts.push(pace, view.seconds_left == null ? "" : `${sx.seconds(view.seconds_left)} left`);
    return parts.filter(Boolean);
  }
  if (view.status === "done") {
    const made = view.title.split(" · ").slice(-2).join(" · ");
    parts.push(made, made.endsWith(" call") ? "" : `${view.calls} calls`, sx.seconds(view.seconds), pace);
  }
  return [...parts, view.error, view.note].filter(Boolean);
};

// What the pictures in sight were made with, so that they never seem to be of what stands in the controls now.
sx.madeWith = ({settings}, use) => {
  const guidance = settings.guidance_scale == null || settings.guidance_scale === 1 ? "" : `guidance ${settings.guidance_scale}`;
  const facts = [settings.model, guidance, `seed ${settings.seed}`].filter(Boolean).join(" · ");
  return [sx.el("span", {title: settings.prompt}, settings.prompt ? `“${settings.prompt}”` : "no prompt"), sx.el("span", {}, facts),
    sx.el("button", {class: "sx-link", type: "button", title: "Put the settings of these pictures into the controls", onclick: use}, "Use these settings")];
};

// A stage that shows pictures as large as fits, or examples. on: {hover(), act(action, id)}.
sx.pictureStage = (family, on) => {
  const node = sx.el("div", {class: "sx-stage"});
  let tiles = [], chosen = 0, size = 32;                               // of a picture, known when the first one is there
  const arrange = () => {
    const [k, columns] = sx.factor(tiles.length, size, node.clientWidth || 640, node.clientHeight || 520);
    node.style.setProperty("--columns", columns);
    node.style.setProperty("--side", `${k * size}px`);
  };
  const tile = (index) => {
    const image = sx.el("img", {alt: `picture ${index + 1}`, draggable: "false",
      onload: () => { if (index === 0 && image.naturalWidth !== size) { size = image.naturalWidth; arrange(); } }});
    const tools = sx.el("div", {class: "sx-tools"}), says = sx.el("figcaption", {class: "sx-says sx-num"});
    return {node: sx.el("figure", {class: "sx-tile", onmouseenter: () => { chosen = index; on.hover(); }}, image, says, tools), image, tools, says};
  };
  const small = (text, run, title = "") => sx.el("button", {class: "sx-small", type: "button", title, onclick: run}, text);
  const copy = (settings) => (event) => {
    navigator.clipboard?.writeText(JSON.stringify(settings, null, 1));
    event.target.textContent = "Copied";
    setTimeout(() => { event.target.textContent = "Copy settings"; }, 1200);
  };
  const tools = (shot) => [
    sx.el("a", {class: "sx-small", href: shot.url, download: `${family}-${shot.seed}.png`, title: "Save as a file"}, "Save"),
    small("Copy settings", copy(shot.settings), "Copy all settings as JSON"),
    small("Compare", () => on.act("compare", shot.id)), small("Gallery", () => on.act("gallery", shot.id))];
  new ResizeObserver(() => { if (tiles.length) arrange(); }).observe(node);
  return {
    node,
    chosen: () => chosen,
    need(count) {
      if (tiles.length === count) return;
      tiles = Array.from({length: count}, (_, k) => tile(k));
      chosen = 0;
      arrange();
      node.replaceChildren(...tiles.map((t) => t.node));
      node.classList.remove("sx-examples");
    },
    // What is there is of the run before: it fades until the new one has something to show, and goes if that never has.
    begin() {
      node.classList.add("sx-stale");
      for (const {tools, says} of tiles) { tools.replaceChildren(); says.textContent = ""; }
    },
    previews(urls) {
      if (urls.length) node.classList.remove("sx-stale");
      urls.forEach((url, k) => { tiles[k].image.src = url; });
    },
    finished(shots) {
      const stale = node.classList.contains("sx-stale");
      node.classList.remove("sx-stale");
      tiles.forEach(({image, tools: place, says}, k) => {
        if (!shots[k]) { if (stale) image.removeAttribute("src"); return; }
        image.src = shots[k].url;
        place.replaceChildren(...tools(shots[k]));
        says.textContent = shots[k].note || "";
      });
    },
    examples(found) {
      tiles = [];
      node.classList.add("sx-examples");
      node.style.setProperty("--side", "160px");
      node.replaceChildren(...found.map((p) => sx.el("button", {
        class: "sx-example", type: "button", title: "Take these settings", onclick: () => on.act("example", p.id)},
        sx.el("img", {src: p.url, alt: ""}), sx.el("span", {}, p.prompt),
        sx.el("span", {class: "sx-quiet sx-num"}, `${p.sampler} · ${p.amount} · seed ${p.seed}`))));
    },
  };
};
