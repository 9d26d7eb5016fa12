// The head of the page: name, live chips, the queue's drawer, theme, help.
sx.kinds.head = (root, props, trigger) => {
  sx.titles = props.titles;
  sx.inside = props.inside;
  const device = sx.el("span", {class: "sx-pill", title: "Device of the networks and memory of the program"}, "…");
  const queue = sx.el("button", {class: "sx-pill", type: "button", "aria-expanded": "false", id: "queue-chip"}, "idle");
  const themes = sx.el("button", {class: "sx-pill", type: "button", "aria-label": "Light or dark", title: "Light or dark"}, "◐");
  const help = sx.el("button", {class: "sx-pill", type: "button", "aria-label": "Help", title: "Help"}, "?");
  const drawer = sx.el("div", {class: "sx-drawer", hidden: true});
  const link = sx.linkBar(props.program);
  root.replaceChildren(link.node, sx.el("div", {class: "sx-bar"},
    sx.el("h1", {}, "Sextant"), sx.el("span", {class: "sx-sub"}, "generative image models, measured side by side"),
    sx.el("span", {class: "sx-space"}), device, queue, themes, help), drawer);

  let open = null;
  const show = (what) => {
    open = open === what ? null : what;
    drawer.hidden = open === null;
    queue.setAttribute("aria-expanded", String(open === "queue"));
    if (open === "help") drawer.replaceChildren(
      sx.el("p", {}, "Write what to draw, choose a sampler and a number of steps, and press Generate. Ctrl-Enter generates or compares, Esc stops."),
      sx.el("p", {}, "Compare draws a grid of samplers by step counts with the same seeds and measures calls, seconds and the distance to where each sampler converges. Everything is kept in the Gallery with all of its settings. Models lists what is here, searches the Hub, and adds files of your own; they then appear in the tab of their family."));
    else if (open === "queue") poll();
  };
  queue.onclick = () => show("queue");
  help.onclick = () => show("help");
  themes.onclick = () => {
    const dark = document.body.classList.toggle("dark");
    try { localStorage.setItem("sx-theme", dark ? "dark" : "light"); } catch { /* private mode */ }
  };
  try {
    const kept = localStorage.getItem("sx-theme");
    if (kept) document.body.classList.toggle("dark", kept === "dark");
  } catch { /* private mode */ }

  // A run of another page: its settings come with its pictures.
  const show_job = (job) => {
    sx.open(job);
    if (job.kind === "generate") trigger("select", {action: "job", id: job.id});
  };
  const line = (job) => sx.el("div", {class: "sx-job"},
    sx.el("span", {class: `sx-dot sx-${job.status}`}), sx.el("span", {class: "sx-job-title"}, job.title),
    sx.el("span", {class: "sx-num"}, job.total ? `${job.step}/${job.total}` : ""),
    sx.el("span", {}, job.status), sx.el("span", {class: "sx-num"}, sx.seconds(job.seconds)),
    sx.el("button", {class: "sx-small", type: "button", onclick: () => show_job(job)}, "Open"),
    sx.running(job.status)
      ? sx.el("button", {class: "sx-small", type: "button", onclick: () => sx.post(`api/stop/${job.id}`).catch(() => {})}, "Stop") : null);
  const poll = async () => {
    try {
      const chips = await sx.get("api/chips");
      device.textContent = `${chips.device} · ${chips.memory}`;
      queue.textContent = chips.running || chips.waiting
        ? `${chips.running} running${chips.waiting ? ` · ${chips.waiting} waiting` : ""} ▾` : "idle ▾";
      if (open === "queue") drawer.replaceChildren(...(chips.jobs.length ? chips.jobs.map(line)
        : [sx.el("p", {}, "Nothing has run since the program started.")]));
      link.heard(chips.program);
    } catch { device.textContent = queue.textContent = "–"; }
  };
  const watch = async () => { await poll(); setTimeout(watch, sx.link.pause(1500)); };
  watch();
  sx.place.begin(() => trigger("input"));
  sx.drafts.gather = () => trigger("apply");
};
