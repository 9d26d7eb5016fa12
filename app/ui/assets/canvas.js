// The canvas of a family's tab: examples at first, live previews while a job runs, then pictures and the scrubber.
sx.kinds.canvas = (root, props, trigger) => {
  const family = props.family;
  const stage = sx.el("div", {class: "sx-stage"});
  const bar = sx.el("div", {class: "sx-progress"}, sx.el("i"));
  const line = sx.el("div", {class: "sx-status sx-num"}, "");
  const stop = sx.el("button", {class: "sx-stop sx-small", type: "button", disabled: true}, "Stop  Esc");
  const scrub = sx.scrubber((position) => seek(position));
  const keep = sx.el("button", {class: "sx-small", type: "button", disabled: true, title: "Store the recorded steps with the pictures, to play them in the gallery"}, "Keep");
  root.replaceChildren(stage, bar, sx.el("div", {class: "sx-row"}, line, stop),
    sx.el("div", {class: "sx-row"}, ...scrub.nodes, keep));

  let job = null, let_go = () => {}, view = null, tiles = [], frames = new Map(), asked = 0;
  const tell = (frame, k) => document.dispatchEvent(new CustomEvent(`sx-frame-${family}`, {detail: {frame, k, position: at, job}}));

  let size = 32;                                                       // of a picture, known when the first one is there
  const arrange = (count, side = size) => {
    const [k, columns] = sx.factor(count, side, stage.clientWidth || 640, stage.clientHeight || 520);
    stage.style.setProperty("--columns", columns);
    stage.style.setProperty("--side", `${k * side}px`);
  };
  const tile = (index) => {
    const image = sx.el("img", {alt: `picture ${index + 1}`, draggable: "false",
      onload: () => { if (index === 0 && image.naturalWidth !== size) { size = image.naturalWidth; arrange(tiles.length); } }});
    const tools = sx.el("div", {class: "sx-tools"}), says = sx.el("figcaption", {class: "sx-says sx-num"});
    return {node: sx.el("figure", {class: "sx-tile", onmouseenter: () => { chosen = index; redraw(); }}, image, says, tools), image, tools, says};
  };
  let chosen = 0, shown = null, at = null;
  const redraw = () => { if (shown) tell(shown, chosen); };
  const need = (count) => {
    if (tiles.length === count) return;
    tiles = Array.from({length: count}, (_, k) => tile(k));
    chosen = 0;
    arrange(count);
    stage.replaceChildren(...tiles.map((t) => t.node));
    stage.classList.remove("sx-examples");
  };
  const tools = (shot) => [
    sx.el("a", {class: "sx-small", href: shot.url, download: `${family}-${shot.seed}.png`, title: "Save as a file"}, "Save"),
    sx.el("button", {class: "sx-small", type: "button", title: "Copy all settings as JSON", onclick: (event) => {
      navigator.clipboard?.writeText(JSON.stringify(shot.settings, null, 1));
      event.target.textContent = "Copied";
      setTimeout(() => { event.target.textContent = "Copy settings"; }, 1200);
    }}, "Copy settings"),
    sx.el("button", {class: "sx-small", type: "button", onclick: () => trigger("select", {action: "compare", id: shot.id})}, "Compare"),
    sx.el("button", {class: "sx-small", type: "button", onclick: () => trigger("select", {action: "gallery", id: shot.id})}, "Gallery"),
  ];

  const draw = (next) => {
    view = next;
    const running = sx.running(view.status);
    need(view.settings.count);
    stop.disabled = !running;
    root.classList.toggle("sx-loading-now", running && view.status !== "running");
    bar.firstChild.style.width = `${view.status === "done" ? 100 : view.total ? 100 * view.step / view.total : 0}%`;
    const parts = [];
    if (running) {
      parts.push(view.status === "running" ? `step ${view.step}/${view.total || "…"}` : view.note || view.status);
      if (view.calls) parts.push(`${view.calls} call${view.calls === 1 ? "" : "s"}`);
      if (view.ms_per_call) parts.push(`${view.ms_per_call.toFixed(1)} ms/call`);
      if (view.seconds_left != null) parts.push(`${sx.seconds(view.seconds_left)} left`);
      view.x0.forEach((url, k) => { tiles[k].image.src = url; });
      if (view.x0.length) {
        at = null;
        shown = {x_t: view.x_t, x0: view.x0, numbers: {"t": view.t.toFixed(view.t >= 10 ? 0 : 3), "σ": view.sigma < 1e4 ? view.sigma.toPrecision(3) : "∞"}, live: true,
                 step: view.step, total: view.total, calls: view.calls};
        redraw();
      }
    } else {
      if (view.status === "done") {
        const made = view.title.split(" · ").slice(-2).join(" · ");
        parts.push(made, ...(made.endsWith(" call") ? [] : [`${view.calls} calls`]), sx.seconds(view.seconds));
        if (view.ms_per_call) parts.push(`${view.ms_per_call.toFixed(1)} ms/call`);
      }
      view.shots.forEach((shot, k) => {                    // a run that failed has those that were saved before
        tiles[k].image.src = shot.url;
        tiles[k].tools.replaceChildren(...tools(shot));
        tiles[k].says.textContent = shot.note || "";
      });
      if (view.error) parts.push(view.error);
      if (view.note) parts.push(view.note);
      frames = new Map();
      scrub.set(view.frames);
      scrub.text.textContent = view.frames ? `${view.frames} recorded` : "";
      keep.disabled = !view.frames || !view.shots.length;
      keep.textContent = "Keep";
      if (view.frames) seek(view.frames, false);
    }
    line.textContent = parts.join(" · ");
    line.classList.toggle("sx-error", view.status === "failed");
  };

  const seek = async (position, onTiles = true) => {
    const k = position - 1, id = job, turn = ++asked;
    try {
      if (!frames.has(k)) frames.set(k, await sx.get(`api/frame/${id}/${k}`));
    } catch (error) { scrub.text.textContent = error.message; return; }
    if (turn !== asked || id !== job) return;
    shown = frames.get(k);
    at = k;
    redraw();
    if (onTiles) {
      const end = position === view.frames;
      tiles.forEach((t, i) => { t.image.src = end && view.shots[i] ? view.shots[i].url : shown.x0[i]; });
    }
    scrub.text.textContent = `step ${shown.step}/${shown.total}`;
  };
  keep.onclick = async () => {
    keep.disabled = true;
    try { await sx.post(`api/keep/${job}`); keep.textContent = "Kept"; } catch (error) { scrub.text.textContent = error.message; }
  };
  stop.onclick = () => { if (job) { stop.disabled = true; sx.post(`api/stop/${job}`); } };

  const attach = (id, gone) => {
    let_go();
    job = id;
    sx.remember(family, id);
    scrub.set(0);
    scrub.text.textContent = "";
    keep.disabled = true;
    let_go = sx.follow(id, draw, gone);
  };

  const examples = async () => {
    let found = [];
    try { found = await sx.get(`api/examples/${family}`); } catch { /* the button still works */ }
    if (job) return;
    stage.classList.add("sx-examples");
    line.textContent = found.length ? "Examples drawn by the bundled model; click one to take its settings, or press Generate."
                                    : "Press Generate.";
    stage.style.setProperty("--side", "160px");
    stage.replaceChildren(...found.map((p) => sx.el("button", {
      class: "sx-example", type: "button", title: "Take these settings", onclick: () => trigger("select", {action: "example", id: p.id})},
      sx.el("img", {src: p.url, alt: ""}), sx.el("span", {}, p.prompt),
      sx.el("span", {class: "sx-quiet sx-num"}, `${p.sampler} · ${p.amount} · seed ${p.seed}`))));
  };

  const kept = sx.recall(family);
  if (kept) attach(kept, () => { job = null; sx.remember(family, null); examples(); });
  else examples();
  new ResizeObserver(() => { if (tiles.length) arrange(tiles.length); }).observe(stage);
  document.addEventListener(`sx-attach-${family}`, (event) => attach(event.detail));
  return (value) => { if (value.job && value.job !== job) attach(value.job); };
};
