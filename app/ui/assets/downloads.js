// Downloads: how far each one is, and what can be done with it. They go on without the page, and are asked for only while one runs
// and the tab is seen. on: {draw(name), done(repo, commit)}.
sx.downloadList = (on) => {
  const {small} = sx.modelParts, {bytes} = sx.amount;
  const ACTIVE = ["waiting", "running", "checking"], PACE = 600;
  const list = sx.el("div", {}), told = sx.el("p", {class: "sx-model-told sx-error", role: "alert"});
  const node = sx.el("section", {"aria-label": "Downloads", id: "models-downloads", hidden: true},
    sx.el("div", {class: "sx-row"}, sx.el("h3", {}, "Downloads")), told, list);
  const rows = new Map(), begun = new Set();                       // id -> {node, draw}; those that this page has seen on their way
  let seen = false, timer = null, turn = 0;

  const steer = async (id, what) => {
    try { await sx.post(`api/models/downloads/${id}/${what}`); told.textContent = ""; } catch (error) { told.textContent = error.message; }
    poll();
  };
  const bar = (label) => sx.el("div", {class: "sx-progress", role: "progressbar", "aria-label": label,
                                       "aria-valuemin": 0, "aria-valuemax": 100}, sx.el("i"));
  const fill = (node, done, size) => {
    const part = size ? 100 * done / size : 0;
    node.firstChild.style.width = `${part}%`;
    node.setAttribute("aria-valuenow", Math.round(part));
  };
  const row = (id, repo) => {
    let name = repo;
    const says = sx.el("span", {class: "sx-num sx-quiet"}), whole = bar(`Download of ${repo}`);
    const trouble = sx.el("p", {class: "sx-model-told sx-error", role: "alert"});
    const button = (text, what) => small(text, () => steer(id, what), {"aria-label": `${text} ${repo}`});
    const pause = button("Pause", "pause"), go = button("Go on", "go_on"), cancel = button("Cancel", "cancel");
    const use = small("Draw with it", () => on.draw(name), {"aria-label": `Draw with ${repo}`});
    const count = sx.el("summary", {class: "sx-num"}), table = sx.el("div", {class: "sx-files"});
    const files = sx.el("details", {}, count, table), lines = new Map();
    const fileLine = (path) => {
      const line = {says: sx.el("span", {class: "sx-num sx-quiet"}), bar: bar(path)};
      table.append(sx.el("div", {class: "sx-file"}, sx.el("span", {}, path), line.says, line.bar));
      lines.set(path, line);
      return line;
    };
    const words = (view) => {
      if (view.status === "done") return `${bytes(view.bytes)}, checked; it is in the list now`;
      if (!view.bytes) return view.status === "running" ? "asking the Hub" : view.status;
      const left = view.seconds_left == null ? "" : `${sx.seconds(view.seconds_left)} left`;
      const now = view.status === "running" ? [view.speed ? `${bytes(view.speed)}/s` : "", left]
        : [view.status === "checking" ? "comparing checksums" : view.status];
      return [`${bytes(view.done)} of ${bytes(view.bytes)}`, ...now].filter(Boolean).join(" · ");
    };
    return {
      node: sx.el("div", {class: "sx-download", "data-id": id},
        sx.el("div", {class: "sx-row"}, sx.el("b", {}, repo), says, sx.el("span", {class: "sx-space"}), pause, go, cancel, use),
        whole, trouble, files),
      draw(view) {
        name = `${view.repo}@${view.commit.slice(0, 8)}`;
        const active = ACTIVE.includes(view.status), done = view.status === "done";
        says.textContent = words(view);
        trouble.textContent = view.error;
        whole.hidden = done;
        fill(whole, view.done, view.bytes);
        pause.hidden = !active;
        go.hidden = active || done;
        cancel.hidden = done;
        use.hidden = !done;
        files.hidden = done || !view.files.length;
        count.textContent = `${view.files.filter((file) => file.done === file.size).length} of ${view.files.length} files`;
        for (const file of view.files) {
          const line = lines.get(file.path) || fileLine(file.path);
          line.says.textContent = file.done === file.size ? bytes(file.size) : `${bytes(file.done)} of ${bytes(file.size)}`;
          fill(line.bar, file.done, file.size);
        }
      },
    };
  };
  const draw = (views) => {
    // What was done or cancelled before this page was there needs no line.
    const shown = views.filter((view) => view.status !== "cancelled" && (view.status !== "done" || begun.has(view.id)));
    for (const view of shown) {
      if (!rows.has(view.id)) rows.set(view.id, {...row(view.id, view.repo), status: ""});
      const one = rows.get(view.id);
      if (view.status !== "done") begun.add(view.id);
      else if (one.status !== "done") on.done(view.repo, view.commit);
      one.status = view.status;
      one.draw(view);
    }
    const wanted = shown.map((view) => rows.get(view.id).node);
    for (const old of [...list.children]) if (!wanted.includes(old)) old.remove();
    wanted.forEach((one, k) => { if (list.children[k] !== one) list.insertBefore(one, list.children[k] || null); });
    node.hidden = !wanted.length && !told.textContent;
  };
  const poll = async () => {
    clearTimeout(timer);
    const mine = ++turn;
    let active = true;
    try {
      const {downloads} = await sx.get("api/models/downloads");
      if (mine !== turn) return;
      draw(downloads);
      active = downloads.some((view) => ACTIVE.includes(view.status));
    } catch (error) { if (mine !== turn) return; }                 // the server may be back in a moment
    if (active && seen && !document.hidden) timer = setTimeout(poll, sx.link.pause(PACE));
  };
  document.addEventListener("visibilitychange", () => { if (seen && !document.hidden) poll(); });
  return {
    node,
    watch(now) { seen = now; if (seen) poll(); },
    async start(repo, revision = "") {
      try {
        begun.add((await sx.post("api/models/download", {repo, revision})).id);
        told.textContent = "";
      } catch (error) { told.textContent = error.message; }
      await poll();
      node.scrollIntoView({block: "nearest"});
    },
  };
};
