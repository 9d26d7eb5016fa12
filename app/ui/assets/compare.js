// The compare grid: labels stay in sight, cells fill as they finish, a click opens a cell beside its neighbour.
sx.kinds.compare = (root) => {
  const bar = sx.el("div", {class: "sx-progress"}, sx.el("i"));
  const line = sx.el("div", {class: "sx-status sx-num"}, "The grid appears here: one row per sampler, one column per number of steps, the same seeds everywhere.");
  const stop = sx.el("button", {class: "sx-stop sx-small", type: "button", disabled: true}, "Stop  Esc");
  const png = sx.el("a", {class: "sx-small", hidden: true, download: true}, "Export PNG");
  const csv = sx.el("a", {class: "sx-small", hidden: true, download: true}, "Export CSV");
  const grid = sx.el("div", {class: "sx-grid", id: "grid"});
  const large = sx.el("div", {class: "sx-large", hidden: true, tabindex: "-1"});
  root.replaceChildren(sx.el("div", {class: "sx-row"}, line, png, csv, stop), bar, sx.el("div", {class: "sx-scroll"}, grid), large);

  let job = null, let_go = () => {}, view = null, nodes = new Map(), seen = new Map(), worst = 0;
  const build = () => {
    nodes = new Map(); seen = new Map(); worst = 0;
    large.hidden = true;
    grid.style.setProperty("--columns", view.columns.length);
    grid.replaceChildren(sx.el("div", {class: "sx-corner"}), ...view.columns.map((c) => sx.el("div", {class: "sx-column"}, c)));
    view.rows.forEach((label, r) => {
      grid.append(sx.el("div", {class: "sx-rowlabel"}, label));
      view.columns.forEach((_, c) => {
        const node = sx.el("button", {class: "sx-cell", type: "button", onclick: () => enlarge(r, c)});
        nodes.set(`${r},${c}`, node);
        grid.append(node);
      });
    });
  };
  const at = (r, c) => view.cells.find((cell) => cell.row === r && cell.column === c);
  const pictures = (cell) => cell.shots.length ? cell.shots.map((s) => s.url) : cell.preview;
  const facts = (cell) => cell.nfe == null ? cell.status : `${cell.nfe} call${cell.nfe === 1 ? "" : "s"} · ${sx.seconds(cell.seconds)}`;
  const paint = (cell) => {
    const node = nodes.get(`${cell.row},${cell.column}`);
    node.className = `sx-cell sx-${cell.status}`;
    const urls = pictures(cell), count = view.settings.count;
    const images = Array.from({length: count}, (_, k) => urls[k] ? sx.el("img", {src: urls[k], alt: `seed ${view.settings.seed + k}`})
                                                                  : sx.el("span", {class: "sx-blank"}));
    node.replaceChildren(sx.el("span", {class: "sx-images"}, ...images), sx.el("span", {class: "sx-num sx-facts"}, facts(cell)),
      sx.el("span", {class: "sx-distance", title: "Root mean square distance to a converged run of the same seed, 0 to 1"},
        sx.el("i", {style: `width:${cell.distance == null || !worst ? 0 : 100 * cell.distance / worst}%`}),
        sx.el("b", {class: "sx-num"}, cell.distance == null ? "" : cell.distance.toFixed(3))),
      ...(cell.same_as ? [sx.el("span", {class: "sx-warn"}, `same pixels as ${cell.same_as}`)] : []),
      ...(cell.note ? [sx.el("span", {class: "sx-warn"}, cell.note)] : []),
      ...(cell.error ? [sx.el("span", {class: "sx-error"}, cell.error)] : []));
  };
  const enlarge = (r, c) => {
    const neighbour = c + 1 < view.columns.length ? [r, c + 1] : c > 0 ? [r, c - 1] : r + 1 < view.rows.length ? [r + 1, c] : [Math.max(0, r - 1), c];
    const panel = ([row, column]) => {
      const cell = at(row, column);
      return sx.el("div", {class: "sx-panel"}, sx.el("b", {}, `${view.rows[row]} · ${view.columns[column]}`),
        sx.el("div", {class: "sx-images"}, ...pictures(cell).map((url) => sx.el("img", {src: url, alt: ""}))),
        sx.el("span", {class: "sx-num"}, `${facts(cell)}${cell.distance == null ? "" : ` · distance ${cell.distance.toFixed(4)}`}`));
    };
    large.replaceChildren(panel([r, c]), panel(neighbour), sx.el("button", {class: "sx-small", type: "button", onclick: () => { large.hidden = true; }}, "Close"));
    large.hidden = false;
    large.scrollIntoView({block: "nearest"});
    large.onkeydown = (event) => {
      const move = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
      if (event.key === "Escape") large.hidden = true;
      else if (move && nodes.has(`${r + move[0]},${c + move[1]}`)) { event.preventDefault(); enlarge(r + move[0], c + move[1]); }
    };
    large.focus({preventScroll: true});
  };
  const draw = (next) => {
    const fresh = view === null || next.id !== view.id;
    view = next;
    if (fresh) build();
    const far = Math.max(0, ...view.cells.map((cell) => cell.distance || 0));
    const rescale = far !== worst;
    worst = far;
    for (const cell of view.cells) {
      const state = JSON.stringify([cell.status, cell.nfe, cell.distance, cell.same_as, cell.error, cell.shots.length, cell.preview[0]]);
      const key = `${cell.row},${cell.column}`;
      if (rescale || seen.get(key) !== state) { seen.set(key, state); paint(cell); }
    }
    const running = sx.running(view.status);
    stop.disabled = !running;
    bar.firstChild.style.width = `${view.total ? 100 * view.step / view.total : 0}%`;
    const total = view.cells.reduce((sum, cell) => sum + (cell.seconds || 0), 0);
    line.textContent = [view.status === "loading" ? view.note : `${view.step}/${view.cells.length} cells`, `${view.calls} calls`,
      running ? sx.seconds(view.seconds_left) && `${sx.seconds(view.seconds_left)} left` : `${sx.seconds(view.seconds)} in all, ${sx.seconds(total)} in cells`,
      view.error, running ? "" : view.note].filter(Boolean).join(" · ");
    line.classList.toggle("sx-error", view.status === "failed");
    for (const [link, ending] of [[png, "png"], [csv, "csv"]]) {
      link.hidden = running || !view.grid_id;
      if (view.grid_id) link.href = `/export/${view.grid_id}.${ending}`;
    }
  };
  const attach = (id, gone) => {
    let_go();
    job = id; view = null;
    sx.remember("compare", id);
    let_go = sx.follow(id, draw, gone, 250);
  };
  stop.onclick = () => { if (job) { stop.disabled = true; sx.post(`/api/stop/${job}`); } };
  const kept = sx.recall("compare");
  if (kept) attach(kept, () => { job = null; sx.remember("compare", null); });
  document.addEventListener(`sx-attach-compare`, (event) => attach(event.detail));
  return (value) => { if (value.job && value.job !== job) attach(value.job); };
};
