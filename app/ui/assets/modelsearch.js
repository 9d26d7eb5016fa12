// The Hub: search, and a close look at one repository before anything of it is downloaded. Nothing is asked before a person asks.
// on: {draw(name), download(repo, revision)}.
sx.modelSearch = (props, on) => {
  const {accent, line, head, rows, number} = sx.modelParts, {bytes, short} = sx.amount;
  const field = (label, node, more = "") => sx.el("label", {class: `sx-field ${more}`}, sx.el("span", {}, label), node);
  const select = (id, choices) => sx.el("select", {id}, ...choices.map(([value, title]) => sx.el("option", {value}, title)));
  const text = sx.el("input", {type: "search", id: "models-text", placeholder: "words of the name, or owner/name", spellcheck: "false",
                               autocomplete: "off", title: "With owner/name@revision: a branch, a tag, a commit, or refs/pr/1"});
  const family = select("models-family", [["", "all"], ...Object.entries(props.families)]);
  const licence = select("models-licence", [["", "any"], ...props.licences.map((name) => [name, name])]);
  const most = select("models-most", [["0", "any"], ...["1", "5", "15", "40"].map((size) => [size, `≤ ${size} GB`])]);
  most.title = "Of all files and their history, as the Hub counts it; look at a model to see how much of that would be downloaded";
  const least = (id) => select(id, [["0", "any"], ...[10, 100, 1000, 10_000].map((count) => [count, `≥ ${short(count)}`])]);
  const likes = least("models-least-likes"), downloads = least("models-least-downloads");
  const sort = select("models-sort", props.sorts.map((name) => [name, name]));
  const told = sx.el("p", {class: "sx-model-told", role: "status"}), list = sx.el("div", {id: "models-found"});
  const known = sx.el("details", {open: true}, sx.el("summary", {}, "Kinds that can be loaded, each with a well-known example"));
  const node = sx.el("section", {"aria-label": "Models of the Hub", id: "models-hub"},
    sx.el("div", {class: "sx-row"}, sx.el("h3", {}, "From the Hub")),
    sx.el("form", {onsubmit: (event) => { event.preventDefault(); search(); }},
      sx.el("div", {class: "sx-model-form"}, field("Search", text, "sx-grow"),
        sx.el("button", {class: "sx-small", type: "submit", id: "models-search"}, "Search")),
      sx.el("div", {class: "sx-model-form"}, field("Family", family), field("Licence", licence), field("Size", most), field("Likes", likes),
        field("Downloads", downloads), field("Sort by", sort))),
    told, list, known);

  sx.drafts.own("models-search", {text, family, licence, most, likes, downloads, sort});

  let opened = null, turn = 0, searched = false;
  const shut = () => {
    if (!opened) return;
    opened.button.setAttribute("aria-expanded", "false");
    opened.panel.remove();
    opened = null;
  };
  // A row that opens; columns: what stands at its right.
  const row = (found, facts, columns) => {
    const item = sx.el("div", {class: "sx-model", "data-name": found.id, style: accent(found.family)});
    const button = sx.el("button", {class: "sx-model-open", type: "button", "aria-expanded": "false", onclick: () => {
      const again = opened?.button === button;
      shut();
      if (again) return;
      button.setAttribute("aria-expanded", "true");
      opened = {button, found, panel: sx.modelLook(found.id, found.revision || "", on)};
      item.append(opened.panel);
    }}, sx.el("b", {}, found.title || found.id), line(found.family, props.families[found.family], facts));
    item.append(sx.el("div", {class: "sx-model-grid"}, button, ...columns));
    return item;
  };
  const result = (found) => row(found,
    [found.kind || "open it to see whether it loads", found.licence, found.gated ? "gated" : "", found.here ? "here" : ""],
    [number(short(found.downloads), "Downloads"), number(short(found.likes), "Likes"),
      number(found.storage ? bytes(found.storage) : "", "Size")]);
  // The repository that was written in full, if one was.
  const exact = () => {
    const match = /([\w.-]+\/[\w.-]+?)(?:@([\w./-]+))?\/*$/.exec(text.value.trim().replace(/\/(tree|blob)\/.*/, ""));
    return match && {id: match[1], revision: match[2] || "", title: match[0]};
  };
  const search = async () => {
    const mine = ++turn, named = exact();
    searched = true;
    shut();
    const alone = named ? [row(named, ["look at exactly this repository"], [])] : [];
    list.replaceChildren(...alone.map((one) => rows([one])));
    told.classList.remove("sx-error");
    told.textContent = "Asking the Hub …";
    const query = new URLSearchParams({text: named?.id ?? text.value, family: family.value, licence: licence.value,
      most_gb: most.value, likes: likes.value, downloads: downloads.value, sort: sort.value});
    try {
      const {found} = await sx.get(`api/models/search?${query}`);
      if (mine !== turn) return;
      told.textContent = found.length || named ? "" : "The Hub names no model like that; try fewer words or other filters.";
      known.open = !found.length;
      const others = named && !named.revision ? found.filter((model) => model.id !== named.id) : found;
      if (others.length) list.replaceChildren(head("Found", "downloads", "likes", "size"), rows([...alone, ...others.map(result)]));
    } catch (error) {
      if (mine !== turn) return;
      told.textContent = error.message;
      told.classList.add("sx-error");
    }
  };
  for (const one of [family, licence, most, likes, downloads, sort]) one.onchange = () => { if (searched) search(); };
  known.append(rows(props.kinds.map(({title, family, example}) => row({id: example, family, title}, [example], []))));
  return {
    node,
    // What is shown of a repository has changed, since it is here now.
    again(repo) {
      if (opened?.found.id !== repo) return;
      const panel = sx.modelLook(repo, opened.found.revision || "", on);
      opened.panel.replaceWith(panel);
      opened.panel = panel;
    },
  };
};

// Everything that can be said of a repository before it is downloaded.
sx.modelLook = (repo, revision, on) => {
  const {small, facts} = sx.modelParts, {bytes, short} = sx.amount;
  const panel = sx.el("div", {class: "sx-model-more sx-model-look"}, sx.el("p", {class: "sx-model-told", role: "status"}, "Asking the Hub …"));
  const page = (address) => (/^https?:\/\//.test(address)
    ? sx.el("a", {href: address, target: "_blank", rel: "noopener noreferrer"}, "The model on the Hub") : null);
  const needed = (found) => {
    const needs = `${found.parameters ? "" : "at most "}${bytes(found.needs)} for the weights`;     // which may be kept in half precision
    return found.fits ? `${needs}; ${bytes(found.memory)} may be used, ${bytes(found.free)} are free now`
      : sx.el("span", {class: "sx-error"}, `${needs}; only ${bytes(found.memory)} may be used on this device`);
  };
  const space = (found) => {
    const size = `${found.listing.length} of ${found.files} files, ${bytes(found.bytes)}; ${bytes(found.disk)} are free on the disk`;
    return found.disk > found.bytes ? size : sx.el("span", {class: "sx-error"}, size);
  };
  const loading = (found) => [["Download", space(found)], ["Memory", needed(found)],
    ["Weights", found.parameters ? `${short(found.parameters)} parameters, ${found.dtype}` : "in a precision that only the files tell"]];
  const draw = (found) => {
    const loads = !found.problem;             // else the sentence says what to do, also where access has to be asked for
    const verdict = !loads ? found.problem : found.fits ? `It will load as ${found.kind} and appear in the ${found.family_title} tab.`
      : `It is of a kind that can be loaded, ${found.kind}, but its weights need more memory than this device has for them.`;
    const name = `${found.id}@${found.commit.slice(0, 8)}`;
    const action = found.here
      ? small("Draw with it", () => on.draw(name), {primary: true, "aria-label": `Draw with ${found.id}`})
      : found.conversion ? small(`Look at ${found.conversion}`, () => look(found.conversion), {primary: true})
        : small(loads ? `Download ${bytes(found.bytes)}` : "Download", () => on.download(found.id, revision), {
          primary: loads && found.fits, disabled: !loads});
    panel.replaceChildren(
      sx.el("p", {class: loads ? "sx-model-verdict" : "sx-model-verdict sx-error"}, verdict),
      sx.el("div", {class: "sx-row"}, action, found.here ? sx.el("span", {class: "sx-quiet"}, "It is on this machine.") : null,
        sx.el("span", {class: "sx-space"}), page(found.url)),
      facts([...loads ? loading(found) : [["Files", `${found.files}, ${bytes(found.whole)}`]], ["Licence", found.licence || "none stated"],
        ["Access", found.gated ? `gated${loads ? "; your account has accepted its conditions" : ""}` : ""], ["Updated", found.updated],
        ["Liked", `${short(found.likes)} times; ${short(found.downloads)} downloads in the last month`], ["Commit", found.commit]]));
    if (loads) panel.append(sx.el("details", {}, sx.el("summary", {}, "Files that would be downloaded"),
      sx.el("div", {class: "sx-files"}, ...found.listing.map((file) => sx.el("div", {class: "sx-file"},
        sx.el("span", {}, file.path), sx.el("span", {class: "sx-num sx-quiet"}, bytes(file.size)))))));
    if (found.card) panel.append(sx.el("div", {class: "sx-model-card", tabindex: "0", role: "region",
                                               "aria-label": "First lines of its card"}, found.card));
  };
  const look = (at) => {
    revision = at;
    sx.get(`api/models/look?${new URLSearchParams({repo, revision})}`).then(draw, (error) => {
      panel.replaceChildren(sx.el("p", {class: "sx-model-told sx-error", role: "alert"}, error.message));
    });
  };
  look(revision);
  return panel;
};
