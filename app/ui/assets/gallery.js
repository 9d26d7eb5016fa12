// The gallery: a filter line, thumbnails newest first, the details of one picture, a bin with undo.
sx.kinds.gallery = (root, props, trigger) => {
  const field = (label, node) => sx.el("label", {class: "sx-field"}, sx.el("span", {}, label), node);
  const family = sx.el("select", {id: "gallery-family"}), sampler = sx.el("select", {id: "gallery-sampler"});
  const low = sx.el("input", {type: "number", min: 1, placeholder: "any", "aria-label": "Steps from", id: "gallery-steps-min"});
  const high = sx.el("input", {type: "number", min: 1, placeholder: "any", "aria-label": "Steps to", id: "gallery-steps-max"});
  const text = sx.el("input", {type: "search", placeholder: "words of the prompt", id: "gallery-text"});
  const bin = sx.el("input", {type: "checkbox", id: "gallery-bin"});
  const total = sx.el("span", {class: "sx-num sx-quiet", id: "gallery-total"});
  const empty = sx.el("button", {class: "sx-small", type: "button", id: "gallery-empty", hidden: true}, "Empty the bin");
  const undo = sx.el("div", {class: "sx-undo", hidden: true, role: "status"});
  const list = sx.el("div", {class: "sx-thumbs", id: "gallery-list"});
  const more = sx.el("button", {class: "sx-small", type: "button", hidden: true}, "Show more");
  const detail = sx.el("aside", {class: "sx-detail", id: "gallery-detail"}, sx.el("p", {class: "sx-quiet"}, "Choose a picture to see all of its settings."));
  root.replaceChildren(
    sx.el("div", {class: "sx-filters"}, field("Family", family), field("Sampler", sampler), field("Steps from", low), field("to", high),
      field("Prompt", text), sx.el("label", {class: "sx-field sx-check"}, bin, sx.el("span", {}, "Bin")), total, empty),
    undo, sx.el("div", {class: "sx-gallery"}, sx.el("div", {}, list, more), detail));

  let items = [], next = null, chosen = null, turn = 0;
  const query = () => new URLSearchParams({family: family.value, sampler: sampler.value, text: text.value, bin: bin.checked,
    ...(low.value ? {steps_min: low.value} : {}), ...(high.value ? {steps_max: high.value} : {})});
  const load = async (append) => {
    const mine = ++turn, parameters = query();
    if (append && next) parameters.set("after", next);
    try {
      const page = await sx.get(`api/gallery?${parameters}`);
      if (mine !== turn) return;
      items = append ? items.concat(page.items) : page.items;
      next = page.next;
      total.textContent = `${page.total.toLocaleString("en")} picture${page.total === 1 ? "" : "s"}`
        + (page.left_out ? ` · ${page.left_out} damaged left out (launch.py gallery check lists them)` : "");
      empty.hidden = !bin.checked || !page.total;
      if (!append) list.replaceChildren();
      list.append(...page.items.map(thumb));
      more.hidden = !next;
      if (!items.length) list.append(sx.el("p", {class: "sx-quiet"}, bin.checked ? "The bin is empty." : "Nothing here yet: pictures appear when you generate or compare, or change the filter."));
    } catch (error) { total.textContent = error.message; }
  };
  const thumb = (picture) => sx.el("button", {
    class: "sx-thumb", type: "button", "data-id": picture.id, title: `${picture.prompt} · ${picture.sampler} · ${picture.amount}`,
    style: `--accent: var(--accent-${picture.family})`, onclick: () => open(picture)},
    picture.missing ? sx.el("span", {}, "file missing") : sx.el("img", {src: picture.url, loading: "lazy", alt: picture.prompt}));
  const open = (picture) => {
    chosen = picture;
    for (const node of list.children) node.classList?.toggle("sx-chosen", node.dataset.id === picture.id);
    const rows = Object.entries(picture.facts).flatMap(([name, value]) => [sx.el("dt", {}, name), sx.el("dd", {class: "sx-num"}, value)]);
    const facts = sx.el("dl", {class: "sx-facts-table"}, ...rows);
    const act = (label, run, primary) => sx.el("button", {class: primary ? "sx-small sx-primary" : "sx-small", type: "button", onclick: run}, label);
    const verdict = sx.el("p", {class: "sx-num", role: "status"});
    const again = async () => {
      verdict.textContent = "Drawing it again …";
      try {
        const {verdict: found, max, mean, then, now} = await sx.post(`api/again/${picture.id}`);
        verdict.replaceChildren(sx.verdictOf({cells: [{i: 0, verdict: found, max, mean}], then, now}, () => "This picture"));
      } catch (error) { verdict.textContent = error.message; }
    };
    detail.replaceChildren(
      sx.el("img", {src: picture.url, alt: picture.prompt, class: "sx-detail-image"}),
      sx.el("div", {class: "sx-row"},
        act("Send to tab", () => trigger("select", {action: "send", id: picture.id}), true),
        act("Compare", () => trigger("select", {action: "compare", id: picture.id})),
        sx.el("a", {class: "sx-small", href: picture.url, download: `${picture.family}-${picture.seed}.png`}, "Save"),
        act("Run again and compare", again),
        picture.deleted ? act("Restore", () => move([picture.id], "restore")) : act("Delete", () => move([picture.id], "delete"))),
      verdict, facts);
    sx.get(`api/picture/${picture.id}`).then((now) => { 
      if (chosen !== picture) return;
      if (now.process) facts.before(process(now));
      if (now.grid) facts.before(act("Open its grid", () => sx.open({kind: "compare", grid: now.grid})));
    }).catch(() => {});
  };
  // The process that was kept with a picture, as its tab showed it.
  const process = (picture) => {
    const inside = sx.el("div", {class: "sx-root sx-process-root"});
    const panel = sx.el("div", {class: "sx-kept"}, sx.el("h4", {}, "Process"));
    sx.kinds.process(inside, {family: picture.family, channel: `gallery-${picture.id}`});
    let turn = 0;
    const scrub = sx.scrubber(async (position) => {
      const mine = ++turn;
      try {
        const frame = await sx.get(`api/frame/${picture.id}/${position - 1}`);
        if (mine !== turn) return;
        scrub.text.textContent = `step ${frame.step}/${frame.total}`;
        document.dispatchEvent(new CustomEvent(`sx-frame-gallery-${picture.id}`, {detail: {frame, k: 0, position: position - 1, job: picture.id}}));
      } catch (error) { scrub.text.textContent = error.message; }
    }, "Step of the kept process");
    panel.append(sx.el("div", {class: "sx-row"}, ...scrub.nodes), inside);
    sx.get(`api/ways/${picture.id}`).then((ways) => { scrub.set(ways.t.length); scrub.seek(ways.t.length); })
      .catch((error) => { scrub.text.textContent = error.message; });
    return panel;
  };
  let timer = null;
  const move = async (ids, what) => {
    try { await sx.post(`api/${what}`, {ids}); } catch (error) { total.textContent = error.message; return; }
    detail.replaceChildren();
    await load(false);
    if (what === "restore") { undo.hidden = true; return; }
    undo.replaceChildren(`${ids.length} picture moved to the bin. `, sx.el("button", {class: "sx-small", type: "button", onclick: () => move(ids, "restore")}, "Undo"));
    undo.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(() => { undo.hidden = true; }, 10000);
  };
  empty.onclick = async () => {
    if (!confirm("Remove everything in the bin for good?")) return;
    try { await sx.post("api/empty-bin"); } catch (error) { total.textContent = error.message; return; }
    detail.replaceChildren();
    load(false);
  };
  const fill = (select, values) => {
    const kept = select.dataset.wanted || select.value;
    select.replaceChildren(sx.el("option", {value: ""}, "all"), ...values.map((value) => sx.el("option", {value}, value)));
    select.value = values.includes(kept) ? kept : "";
    delete select.dataset.wanted;
  };
  const refresh = async () => {
    try {
      const facets = await sx.get("api/facets");
      fill(family, facets.families); fill(sampler, facets.samplers);
    } catch { /* the list below says what is wrong */ }
    await load(false);
  };
  let typing = null;
  sx.drafts.own("gallery", {family, sampler, low, high, text, bin});
  for (const node of [family, sampler, bin]) node.onchange = () => load(false);
  for (const node of [low, high, text]) node.oninput = () => { clearTimeout(typing); typing = setTimeout(() => load(false), 200); };
  more.onclick = () => load(true);
  new IntersectionObserver((entries) => { if (entries[0].isIntersecting && next) load(true); }, {rootMargin: "400px"}).observe(more);
  list.onkeydown = (event) => {
    const across = Math.max(1, Math.floor(list.clientWidth / 104));
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across}[event.key];
    const index = items.findIndex((p) => chosen && p.id === chosen.id);
    if (event.key === "Delete" && chosen) move([chosen.id], "delete");
    else if (step && items[index + step]) { event.preventDefault(); open(items[index + step]); list.children[index + step].focus(); }
  };
  // The tab is drawn when it is first seen, and looks again each time it is seen again.
  new IntersectionObserver((entries) => { if (entries[0].isIntersecting) refresh(); }).observe(list);
  let opened = null;
  return async (value) => {
    if (value.open && value.open !== opened) {
      opened = value.open;
      try { open(await sx.get(`api/picture/${value.open}`)); } catch (error) { detail.textContent = error.message; }
    }
  };
};
