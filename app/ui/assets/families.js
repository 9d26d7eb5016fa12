// The Families tab: a card for each family, all drawn at once; below, the chart and the table of what was measured.
sx.kinds.families = (root, props, trigger) => {
  const line = sx.el("div", {class: "sx-status sx-num sx-quiet"}, "One caption, one seed, every family with its own defaults.");
  const stop = sx.el("button", {class: "sx-stop sx-small", type: "button", disabled: true}, "Stop  Esc");
  const cards = new Map(Object.entries(props.samplers).map(([family, samplers]) => [family, sx.familyCard(family, samplers, trigger)]));
  root.replaceChildren(sx.el("div", {class: "sx-row"}, line, stop), sx.el("div", {class: "sx-cards"}, ...[...cards.values()].map((card) => card.node)));

  let drawings = [], views = new Map(), let_go = [];
  const sum = () => {
    const jobs = drawings.filter((drawing) => drawing.job), all = jobs.map((drawing) => views.get(drawing.family));
    const running = all.filter((view) => !view || sx.running(view.status)).length, done = all.filter((view) => view?.status === "done").length;
    stop.disabled = !running;
    const settings = all.find((view) => view?.settings)?.settings, what = settings ? `“${settings.prompt}” · seed ${settings.seed} · ` : "";
    line.textContent = what + (running ? `${done} of ${jobs.length} drawn`
      : `${done} of ${cards.size} families drew it; click a picture to go on with it in its family's tab.`);
  };
  const attach = (found) => {
    let_go.forEach((let_one_go) => let_one_go());
    drawings = found; views = new Map();
    sx.remember("families", JSON.stringify(found));
    let_go = found.map(({family, job, error}) => {
      const card = cards.get(family);
      if (!card) return () => {};
      if (!job) { card.refuse(error); return () => {}; }
      card.begin();
      return sx.follow(job, (view) => { views.set(family, view); card.draw(view); sum(); }, (gone) => {
        if (!views.has(family)) sx.remember("families", null);
        views.set(family, {status: "gone"}); card.refuse(gone.message); sum();
      }, 200);
    });
    sum();
  };
  stop.onclick = () => {
    stop.disabled = true;
    drawings.filter((drawing) => drawing.job).forEach((drawing) => sx.post(`api/stop/${drawing.job}`).catch(() => { sum(); }));
  };
  let kept = null;
  try { kept = JSON.parse(sx.recall("families")); } catch { /* not ours */ }
  if (Array.isArray(kept)) attach(kept);
  else cards.forEach((card) => card.example());
  return (value) => { if (Array.isArray(value.drawings) && JSON.stringify(value.drawings) !== JSON.stringify(drawings)) attach(value.drawings); };
};

// What a family makes of the caption.
sx.familyCard = (family, samplers, trigger) => {
  const how = sx.el("span", {class: "sx-quiet sx-card-how"}), stage = sx.el("div", {class: "sx-card-stage"});
  const bar = sx.el("div", {class: "sx-progress"}, sx.el("i")), facts = sx.el("div", {class: "sx-num"}), note = sx.el("p", {class: "sx-card-note"});
  const send = sx.el("button", {class: "sx-small", type: "button", disabled: true}, `Send to the ${sx.titles[family]} tab`);
  const node = sx.el("section", {class: "sx-card", "data-family": family, style: `--accent: var(--accent-${family})`, "aria-label": sx.titles[family]},
    sx.el("h3", {}, sx.titles[family]), how, stage, bar, facts, note, send);
  const say = (text, bad = false) => { note.textContent = text; note.classList.toggle("sx-error", bad); };
  const show = (urls, count, shots = []) => {
    const [k, columns] = sx.factor(count, 32, stage.clientWidth || 192, 192, 4);
    stage.style.setProperty("--columns", columns);
    stage.style.setProperty("--side", `${32 * k}px`);
    stage.replaceChildren(...Array.from({length: count}, (_, i) => {
      const image = urls[i] ? sx.el("img", {src: urls[i], alt: `${sx.titles[family]}, picture ${i + 1}`}) : sx.el("span");
      return shots[i] ? sx.el("button", {class: "sx-card-picture", type: "button", title: `Go on with this picture in the ${sx.titles[family]} tab`,
        onclick: () => trigger("select", {action: "send", id: shots[i].id})}, image) : sx.el("div", {class: "sx-card-picture"}, image);
    }));
  };
  const reset = () => {
    how.textContent = facts.textContent = "";
    bar.firstChild.style.width = "0";
    node.classList.remove("sx-loading-now");
    send.disabled = true;
    say("");
  };
  return {
    node,
    begin() { reset(); show([], 1); facts.textContent = "waiting"; },
    refuse(sentence) { reset(); stage.replaceChildren(); say(sentence, true); },
    async example() {
      try {
        const [picture] = await sx.get(`api/examples/${family}`);
        if (stage.childElementCount || note.textContent) return;
        if (picture) show([picture.url], 1);
        say(picture ? `Example: ${picture.prompt}` : "Press Draw all.");
      } catch { /* the button still works */ }
    },
    draw(view) {
      const running = sx.running(view.status), done = view.status === "done";
      how.textContent = `${samplers[view.settings.sampler]} · ${view.title.split(" · ").at(-1)}`;
      node.classList.toggle("sx-loading-now", view.status === "loading");
      bar.firstChild.style.width = `${done ? 100 : view.total ? 100 * view.step / view.total : 0}%`;
      show(done ? view.shots.map((shot) => shot.url) : view.x0, view.settings.count, view.shots);
      facts.textContent = done ? `${view.calls} call${view.calls === 1 ? "" : "s"} · ${sx.seconds(view.shots[0].seconds)} a picture`
        : view.status === "running" ? `${view.step} of ${view.total || "…"} · ${view.calls} calls` : view.status;
      say(view.error || view.note, Boolean(view.error));
      send.disabled = !view.shots.length;
      send.onclick = () => trigger("select", {action: "send", id: view.shots[0].id});
      if (!running && !done && !view.shots.length) stage.replaceChildren();
    },
  };
};

sx.kinds.measured = (root) => {
  const chart = sx.el("div", {class: "sx-chart"}), words = sx.el("ul", {class: "sx-sayings"}), note = sx.el("p", {class: "sx-quiet"});
  const scroll = sx.el("div", {class: "sx-table-scroll", tabindex: "0", role: "region", "aria-label": "Table of all families"});
  const whole = sx.el("div", {hidden: true}, sx.el("div", {class: "sx-measured"}, chart, words), scroll);
  root.replaceChildren(sx.el("h3", {}, "Measured side by side"), note, whole);
  let table = null;
  const accent = (family) => `--accent: var(--accent-${family})`;
  const row = (line) => sx.el("tr", {style: accent(line.family)},
    sx.el("th", {scope: "row"}, sx.el("i", {class: "sx-swatch"}), line.title), ...(line.problem
      ? [sx.el("td", {colspan: table.columns.length + 1, class: "sx-left sx-quiet"}, line.problem)]
      : [sx.el("td", {class: "sx-left"}, line.how), ...line.cells.map((cell) =>
          sx.el("td", cell.best ? {class: "sx-best", title: "The best of this column: its 95 % interval lies apart from those of all others"} : cell.text === "not defined" ? {class: "sx-quiet"} : {}, cell.text))]));
  const draw = () => {
    note.textContent = table ? table.note.replaceAll("`", "")
      : "Nothing has been measured yet. The command “evaluate --table” measures all families, and goes on where it was stopped.";
    whole.hidden = !table;
    if (!table) return;
    words.replaceChildren(...table.words.map((saying) => sx.el("li", {style: accent(saying.family)},
      sx.el("i", {class: "sx-swatch"}), sx.el("b", {}, sx.titles[saying.family]), ` ${saying.text}`)));
    scroll.replaceChildren(sx.el("table", {class: "sx-table sx-num"},
      sx.el("thead", {}, sx.el("tr", {}, sx.el("th", {scope: "col"}, "family"), sx.el("th", {scope: "col", class: "sx-left"}, "sampler"),
        ...table.columns.map((column) => sx.el("th", {scope: "col", title: column.help}, column.title)))),
      sx.el("tbody", {}, ...table.rows.map(row))));
    sx.plotFamilies(chart, table.points);
  };
  new IntersectionObserver(async (entries) => {
    if (!entries[0].isIntersecting) return;
    try { table = await sx.get("api/families"); draw(); } catch (error) { note.textContent = error.message; }
  }, {rootMargin: "5000px"}).observe(note);                              // when the tab is shown, wherever the page stands
  let width = 0;
  new ResizeObserver(() => { if (table && chart.clientWidth !== width) { width = chart.clientWidth; sx.plotFamilies(chart, table.points); } }).observe(chart);
};

// Accuracy against seconds a picture, a point for each family and sampler; the chosen point shows its sampler's curve over all budgets.
sx.plotFamilies = (chart, points) => {
  chart.hidden = !points.length;
  if (!points.length) return;
  const W = Math.max(320, chart.clientWidth || 640), H = 380, left = 52, right = W - 16, top = 12, bottom = H - 44;
  const log = Math.log10, every = points.flatMap((p) => [p.seconds, ...p.curve.map(([s]) => s)]);
  const [low, high] = [log(Math.min(...every)) - 0.12, log(Math.max(...every)) + 0.12];
  const floor = Math.min(90, Math.max(0, Math.floor(10 * Math.min(...points.map((p) => p.accuracy)) - 0.3) * 10));
  const x = (s) => left + (log(s) - low) / (high - low) * (right - left), y = (a) => bottom - (100 * a - floor) / (102 - floor) * (bottom - top);
  const text = (content, attributes) => { const node = sx.svg("text", attributes); node.textContent = content; return node; };
  const svg = sx.svg("svg", {viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: "group", "aria-label": "Caption accuracy against seconds a picture; arrow keys go from point to point"},
    sx.svg("clipPath", {id: "sx-chart-clip"}, sx.svg("rect", {x: left, y: top, width: right - left, height: bottom - top})));
  const fine = high - low < 2.2 ? [1, 2, 5] : [1];
  for (let k = Math.floor(low); k <= high; k++) for (const m of fine) {
    const s = m * 10 ** k;
    if (log(s) < low || log(s) > high) continue;
    svg.append(sx.svg("line", {x1: x(s), x2: x(s), y1: top, y2: bottom, class: "sx-axis"}), text(`${Number(s.toPrecision(1))} s`, {x: x(s), y: bottom + 18, "text-anchor": "middle"}));
  }
  for (let a = floor; a <= 100; a += floor < 60 ? 20 : 10) {
    svg.append(sx.svg("line", {x1: left, x2: right, y1: y(a / 100), y2: y(a / 100), class: "sx-axis"}), text(`${a} %`, {x: left - 6, y: y(a / 100) + 5, "text-anchor": "end"}));
  }
  svg.append(text("seconds a picture, faster to the left", {x: (left + right) / 2, y: H - 6, "text-anchor": "middle"}));
  const curve = sx.svg("polyline", {class: "sx-curve", "clip-path": "url(#sx-chart-clip)"}), tip = sx.el("div", {class: "sx-tip", hidden: true});
  svg.append(curve);
  const ordered = [...points].sort((a, b) => a.main - b.main || b.seconds - a.seconds), walk = [...points].sort((a, b) => a.seconds - b.seconds);
  const nodes = new Map();
  const choose = (p) => {
    curve.setAttribute("points", p.curve.map(([s, a]) => `${x(s).toFixed(1)},${y(a).toFixed(1)}`).join(" "));
    curve.style.setProperty("--accent", `var(--accent-${p.family})`);
    tip.replaceChildren(sx.el("b", {}, `${p.title} · ${p.sampler}`),
      sx.el("div", {}, `${(100 * p.accuracy).toFixed(1)} % of ${p.count} ${p.by_label ? "labels" : "captions"}`),
      sx.el("div", {}, `${p.nfe} call${p.nfe === 1 ? "" : "s"} · ${Number(p.seconds.toPrecision(2))} s a picture`));
    tip.hidden = false;
    tip.style.left = `${Math.min(x(p.seconds) + 12, W - tip.offsetWidth - 4)}px`;
    tip.style.top = `${Math.min(y(p.accuracy) + 12, H - tip.offsetHeight - 4)}px`;
  };
  const leave = () => { tip.hidden = true; curve.setAttribute("points", ""); };
  for (const p of ordered) {
    const node = sx.svg("circle", {cx: x(p.seconds), cy: y(p.accuracy), r: p.main ? 8 : 5, class: p.main ? "sx-point sx-main" : "sx-point",
      style: `--accent: var(--accent-${p.family})`, tabindex: p === walk[0] ? 0 : -1, role: "img",
      "aria-label": `${p.title}, ${p.sampler}: ${(100 * p.accuracy).toFixed(1)} %, ${Number(p.seconds.toPrecision(2))} seconds a picture`});
    node.onmouseenter = node.onfocus = () => choose(p);
    node.onmouseleave = node.onblur = leave;
    node.onkeydown = (event) => {
      const step = {ArrowLeft: -1, ArrowRight: 1}[event.key], next = step && walk[walk.indexOf(p) + step];
      if (!next) return;
      event.preventDefault();
      node.setAttribute("tabindex", -1);
      nodes.get(next).setAttribute("tabindex", 0);
      nodes.get(next).focus();
    };
    nodes.set(p, node);
    svg.append(node);
  }
  // A label goes where no other label and no large point is: right, left, above or beneath its point.
  const main = points.filter((p) => p.main), taken = main.map((p) => [x(p.seconds) - 8, y(p.accuracy) - 8, x(p.seconds) + 8, y(p.accuracy) + 8]);
  for (const p of main) {
    const label = text(p.by_label ? `${p.title}, by label` : p.title, {class: "sx-point-label"});
    svg.append(label);
    const width = 7.6 * label.textContent.length, cx = x(p.seconds), cy = y(p.accuracy);
    const boxes = [[cx + 12, cy - 8], [cx - 12 - width, cy - 8], [cx - width / 2, cy - 28], [cx - width / 2, cy + 11], [cx + 12, cy + 11], [cx - 12 - width, cy + 11],
      [cx + 12, cy - 28], [cx - 12 - width, cy - 28], [cx - width / 2, cy + 30], [cx - width / 2, cy + 48]].map(([a, b]) => [a, b, a + width, b + 17]);
    const inside = (b) => b[0] > left && b[2] < right && b[1] > 0 && b[3] < bottom;
    const free = (b) => inside(b) && taken.every((t) => b[2] < t[0] || b[0] > t[2] || b[3] < t[1] || b[1] > t[3]);
    const box = boxes.find(free) || boxes.find(inside) || boxes[0];
    taken.push(box);
    label.setAttribute("x", box[0]);
    label.setAttribute("y", box[1] + 13);
  }
  chart.replaceChildren(sx.el("div", {class: "sx-quiet"}, "Captions whose picture is right"), sx.el("div", {class: "sx-chart-plot"}, svg, tip),
    sx.el("div", {class: "sx-quiet"}, main.length === points.length ? "Each family with its defaults." : "Large: a family's default. Small: its other samplers, each at the cheapest budget within 2 points of its most accurate one, as measured; point at one to see all its budgets."));
};
