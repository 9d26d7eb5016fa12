// The gallery: a filter line, thumbnails newest first, the details of one picture, a bin with undo.
sx.kinds.gallery = (root, props, trigger) => {
  const filters = sx.galleryFilters(() => load(false));
  const total = sx.el("span", {class: "sx-num sx-quiet", id: "gallery-total"});
  const empty = sx.emptyBin(() => { none(); load(false); }, (error) => { total.textContent = error.message; });
  const list = sx.el("div", {class: "sx-thumbs", id: "gallery-list"});
  const more = sx.el("button", {class: "sx-small", type: "button", hidden: true}, "Show more");
  const detail = sx.el("aside", {class: "sx-detail", id: "gallery-detail"});
  root.replaceChildren(sx.el("div", {class: "sx-filters"}, ...filters.nodes, total, empty),
    sx.el("div", {class: "sx-gallery"}, sx.el("div", {}, list, more), detail));

  let items = [], next = null, chosen = null, turn = 0, count = 0, leftOut = 0;
  const load = async (append) => {
    const mine = ++turn, parameters = filters.query();
    if (append && next) parameters.set("after", next);
    try {
      const page = await sx.get(`api/gallery?${parameters}`);
      if (mine !== turn) return;
      items = append ? items.concat(page.items) : page.items;
      ({next, total: count, left_out: leftOut} = page);
      const held = list.contains(document.activeElement);
      if (!append) list.replaceChildren();
      list.append(...page.items.map((picture) => sx.galleryThumb(picture, picture.id === chosen?.id, tap)));
      if (held) list.querySelector(".sx-chosen")?.focus({preventScroll: true});
      more.hidden = !next;
      told();
    } catch (error) { total.textContent = error.message; }
  };
  const told = () => {
    total.textContent = `${count.toLocaleString("en")} picture${count === 1 ? "" : "s"}`
      + (leftOut ? ` · ${leftOut} damaged left out (the command “gallery check” lists them)` : "");
    empty.hidden = !filters.bin() || !count;
    if (!items.length) list.replaceChildren(sx.el("p", {class: "sx-quiet"}, filters.bin() ? "The bin is empty." : "Nothing here yet: pictures appear when you generate or compare, or change the filter."));
  };
  const none = () => { chosen = null; detail.replaceChildren(sx.el("p", {class: "sx-quiet"}, "Choose a picture to see all of its settings.")); };
  const open = (picture) => {
    chosen = picture;
    for (const node of list.children) node.classList?.toggle("sx-chosen", node.dataset.id === picture.id);
    detail.replaceChildren(...sx.pictureDetail(picture, {
      move, send: (action) => trigger("select", {action, id: picture.id}), shown: () => chosen === picture}));
  };
  const go = (picture) => { open(picture); list.children[items.indexOf(picture)].focus(); };
  const tap = (picture) => { open(picture); if (getComputedStyle(detail).order === "-1") detail.scrollIntoView(); };      // above, on a phone

  // A picture goes into the bin, or comes out of it: it leaves the list, and the one after it is chosen, or the one before.
  const move = async (picture, what) => {
    try { await sx.post(`api/${what}`, {ids: [picture.id]}); } catch (error) { total.textContent = error.message; return; }
    const k = items.findIndex((one) => one.id === picture.id);
    if (k >= 0) { items.splice(k, 1); list.children[k].remove(); count--; }
    if (!items.length && next) await load(false);
    const follower = items[Math.min(k, items.length - 1)];
    told();
    if (follower) go(follower); else none();
    if (what === "delete") binned.add(picture);
  };
  const binned = sx.undoBar((pictures) => `${pictures.length} picture${pictures.length === 1 ? "" : "s"} moved to the bin.`, async (pictures) => {
    await sx.post("api/restore", {ids: pictures.map((picture) => picture.id)});
    await load(false);
    const first = items.find((one) => one.id === pictures.at(-1).id);
    if (first) go(first);
  });
  root.append(binned.node);
  none();
  more.onclick = () => load(true);
  new IntersectionObserver((entries) => { if (entries[0].isIntersecting && next) load(true); }, {rootMargin: "400px"}).observe(more);
  list.onkeydown = (event) => {
    const across = Math.max(1, Math.floor(list.clientWidth / 104));
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across}[event.key];
    const index = items.findIndex((p) => chosen && p.id === chosen.id);
    if (event.key === "Delete" && chosen && !chosen.deleted) move(chosen, "delete");
    else if (step && items[index + step]) { event.preventDefault(); go(items[index + step]); }
  };
  // The tab is drawn when it is first seen, and looks again each time it is seen again.
  new IntersectionObserver((entries) => { if (entries[0].isIntersecting) filters.refresh().then(() => load(false)); }, {rootMargin: "1000000px"}).observe(list);
  let opened = null;
  return async (value) => {
    if (!value.open || value.open === opened) return;
    opened = value.open;
    try { open(await sx.get(`api/picture/${opened}`)); } catch (error) { detail.textContent = error.message; }
  };
};

sx.galleryThumb = (picture, chosen, tap) => sx.el("button", {
  class: chosen ? "sx-thumb sx-chosen" : "sx-thumb", type: "button", "data-id": picture.id, onclick: () => tap(picture),
  title: `${picture.prompt} · ${picture.sampler} · ${picture.amount}`, style: `--accent: var(--accent-${picture.family})`},
picture.missing ? sx.el("span", {}, "file missing") : sx.el("img", {src: picture.url, loading: "lazy", alt: picture.prompt}));

sx.emptyBin = (done, failed) => sx.el("button", {class: "sx-small", type: "button", id: "gallery-empty", hidden: true, onclick: async () => {
  if (!confirm("Remove everything in the bin for good?")) return;
  try { await sx.post("api/empty-bin"); done(); } catch (error) { failed(error); }
}}, "Empty the bin");

// What is shown of the gallery; changed() is called when that is another.
sx.galleryFilters = (changed) => {
  const field = (label, node) => sx.el("label", {class: "sx-field"}, sx.el("span", {}, label), node);
  const family = sx.el("select", {id: "gallery-family"}), sampler = sx.el("select", {id: "gallery-sampler"});
  const low = sx.el("input", {type: "number", min: 1, placeholder: "any", "aria-label": "Steps from", id: "gallery-steps-min"});
  const high = sx.el("input", {type: "number", min: 1, placeholder: "any", "aria-label": "Steps to", id: "gallery-steps-max"});
  const text = sx.el("input", {type: "search", placeholder: "words of the prompt", id: "gallery-text"});
  const bin = sx.el("input", {type: "checkbox", id: "gallery-bin"});
  sx.drafts.own("gallery", {family, sampler, low, high, text, bin});
  let typing = null;
  for (const node of [family, sampler, bin]) node.onchange = changed;
  for (const node of [low, high, text]) node.oninput = () => { clearTimeout(typing); typing = setTimeout(changed, 200); };
  const fill = (select, values) => {
    const kept = select.dataset.wanted || select.value;
    select.replaceChildren(sx.el("option", {value: ""}, "all"), ...values.map((value) => sx.el("option", {value}, value)));
    select.value = values.includes(kept) ? kept : "";
    delete select.dataset.wanted;
  };
  return {
    nodes: [field("Family", family), field("Sampler", sampler), field("Steps from", low), field("to", high), field("Prompt", text),
      sx.el("label", {class: "sx-field sx-check"}, bin, sx.el("span", {}, "Bin"))],
    bin: () => bin.checked,
    query: () => new URLSearchParams({family: family.value, sampler: sampler.value, text: text.value, bin: bin.checked,
      ...(low.value ? {steps_min: low.value} : {}), ...(high.value ? {steps_max: high.value} : {})}),
    async refresh() {
      try {
        const facets = await sx.get("api/facets");
        fill(family, facets.families); fill(sampler, facets.samplers);
      } catch { /* the list says what is wrong */ }
    },
  };
};

// Everything that is known of a picture, and what can be done with it. on: {move(picture, what), send(action), shown(): whether it still is}.
sx.pictureDetail = (picture, on) => {
  const rows = Object.entries(picture.facts).flatMap(([name, value]) => [sx.el("dt", {}, name), sx.el("dd", {class: "sx-num"}, sx.fact(value))]);
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
  sx.get(`api/picture/${picture.id}`).then((now) => {
    if (!on.shown()) return;
    if (now.process) facts.before(sx.keptProcess(now));
    if (now.grid) facts.before(act("Open its grid", () => sx.open({kind: "compare", grid: now.grid})));
  }).catch(() => {});
  return [
    sx.el("img", {src: picture.url, alt: picture.prompt, class: "sx-detail-image"}),
    sx.el("div", {class: "sx-row"},
      act("Send to tab", () => on.send("send"), true),
      act("Compare", () => on.send("compare")),
      sx.el("a", {class: "sx-small", href: picture.url, download: `${picture.family}-${picture.seed}.png`}, "Save"),
      act("Run again and compare", again),
      picture.deleted ? act("Restore", () => on.move(picture, "restore")) : act("Delete", () => on.move(picture, "delete"))),
    verdict, facts];
};

// The process that was kept with a picture, as its tab showed it.
sx.keptProcess = (picture) => {
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
