// Earlier grids: search, thumbnails, how far each one came; opened by a click. on: {open(id), resume(id), removed(item)}.
sx.gridList = (on) => {
  const search = sx.el("input", {type: "search", placeholder: "words of the name or note", "aria-label": "Search the earlier grids"});
  const bin = sx.el("input", {type: "checkbox"});
  const count = sx.el("span", {class: "sx-num sx-quiet", role: "status"});
  const list = sx.el("div", {class: "sx-earlier-list"});
  const more = sx.el("button", {class: "sx-small", type: "button", hidden: true, onclick: () => load(true)}, "Show more");
  const node = sx.el("details", {class: "sx-earlier"}, sx.el("summary", {}, "Earlier grids"),
    sx.el("div", {class: "sx-row"}, search, sx.el("label", {class: "sx-toggle"}, bin, "Bin"), count), list, more);
  sx.drafts.own("grids", {search, bin});
  let next = null, turn = 0, typing = null, current = null;

  const act = async (work) => {
    try { await work(); } catch (error) { count.textContent = error.message; return; }
    load(false);
  };
  const button = (text, run, name) =>
    sx.el("button", {class: "sx-small", type: "button", onclick: run, "aria-label": `${text} ${name}`}, text);
  const item = (grid) => {
    const name = grid.name || "Grid without a name", running = sx.running(grid.status);
    const state = [grid.size, `${grid.done} of ${grid.total} cells`, grid.failed ? `${grid.failed} failed` : "",
      grid.status === "done" ? "" : grid.status];
    const thumbs = sx.el("span", {class: "sx-earlier-thumbs"},
      ...grid.thumbs.slice(0, 6).map((id) => sx.el("img", {src: `image/${id}.png`, alt: "", loading: "lazy"})));
    const text = sx.el("span", {class: "sx-earlier-text"}, sx.el("b", {}, name),
      sx.el("span", {class: "sx-quiet sx-num"}, `${state.filter(Boolean).join(" · ")} · `, sx.when(grid.created)),
      grid.note ? sx.el("span", {class: "sx-quiet"}, grid.note) : null);
    const open = sx.el("button", {class: "sx-earlier-open", type: "button", disabled: bin.checked,
                                  onclick: () => on.open(grid.id)}, thumbs, text);
    const restore = () => sx.post(`api/grid/${grid.id}/restore`);
    const remove = async () => { await sx.post(`api/grid/${grid.id}/delete`); on.removed(grid); };
    const unfinished = !running && grid.done + grid.failed < grid.total;
    return sx.el("div", {class: "sx-earlier-item", "data-id": grid.id, "aria-current": grid.id === current ? "true" : null}, open,
      ...(bin.checked ? [button("Restore", () => act(restore), name)]
        : [unfinished ? button("Resume", () => act(() => on.resume(grid.id)), name) : "", button("Delete", () => act(remove), name)]));
  };
  const load = async (append) => {
    if (!node.open) return;
    const mine = ++turn, query = new URLSearchParams({text: search.value, bin: bin.checked, after: append && next ? next : ""});
    try {
      const page = await sx.get(`api/grids?${query}`);
      if (mine !== turn) return;
      next = page.next;
      more.hidden = !next;
      count.textContent = `${page.total.toLocaleString("en")} grid${page.total === 1 ? "" : "s"}`
        + (page.left_out ? ` · ${page.left_out} damaged left out` : "");
      if (!append) list.replaceChildren();
      list.append(...page.items.map(item));
    } catch (error) { if (mine === turn) count.textContent = error.message; }
  };
  node.ontoggle = () => load(false);
  search.oninput = () => { clearTimeout(typing); typing = setTimeout(() => load(false), 200); };
  bin.onchange = () => load(false);
  return {
    node,
    refresh: () => load(false),
    current(id) {
      current = id;
      for (const one of list.children) {
        if (one.dataset.id === id) one.setAttribute("aria-current", "true"); else one.removeAttribute("aria-current");
      }
    },
  };
};
