// The models page: what is here, the user's own files, downloads and the Hub. All names, cards and sentences are drawn as text.
sx.kinds.models = (root, props, trigger) => {
  const draw = (name) => trigger("select", {action: "draw", name});
  const here = sx.modelsHere({draw, download: (repo, revision) => downloads.start(repo, revision), removed: (repo) => hub.again(repo)});
  const downloads = sx.downloadList({draw, done: (repo, commit) => {
    here.refresh((model) => model.repo === repo && model.commit === commit);
    hub.again(repo);
  }});
  const hub = sx.modelSearch(props, {draw, download: (repo, revision) => downloads.start(repo, revision)});
  root.replaceChildren(sx.el("div", {class: "sx-models"},
    sx.el("div", {}, here.node), sx.el("div", {}, downloads.node, hub.node)));
  // The tab is drawn when it is first seen, and looks again each time it is seen again.
  new IntersectionObserver((entries) => {
    const seen = entries.at(-1).isIntersecting;
    if (seen) here.refresh();
    downloads.watch(seen);
  }).observe(root);
};

sx.amount = {
  bytes(n) {
    const units = ["bytes", "kB", "MB", "GB", "TB"], k = n < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(n) / 3 + 1e-9));
    const value = n / 1000 ** k;
    return `${k && value < 99.95 ? value.toFixed(value < 9.995 && k > 2 ? 2 : 1) : Math.round(value)} ${units[k]}`;
  },
  short(n) {
    const k = n < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(n) / 3 + 1e-9)), value = n / 1000 ** k;
    return `${k && value < 99.95 ? value.toFixed(1) : Math.round(value)}${["", " k", " M", " B"][k]}`;
  },
};

// Parts of rows that open, used for models here and on the Hub.
sx.modelParts = {
  small: (text, run, more = {}) => sx.el("button", {class: more.primary ? "sx-small sx-primary" : "sx-small", type: "button", onclick: run,
                                                    ...more, primary: null}, text),
  accent: (family) => (family ? `--accent: var(--accent-${family})` : null),
  // The quiet line beneath a name: the family with its colour, then what else is to be said.
  line: (family, title, facts) => sx.el("span", {class: "sx-quiet sx-model-line"},
    family ? sx.el("i", {class: "sx-swatch", "aria-hidden": "true"}) : null, [title, ...facts].filter(Boolean).join(" · ")),
  // The title of some rows, and what stands in their columns.
  head: (title, ...columns) => sx.el("div", {class: "sx-model-grid sx-model-head"}, sx.el("h4", {}, title),
    ...columns.map((text) => sx.el("span", {class: "sx-quiet sx-model-number", "aria-hidden": "true"}, text))),
  rows: (nodes) => sx.el("div", {class: "sx-model-rows"}, ...nodes),
  number: (text, label) => sx.el("span", {class: "sx-num sx-model-number"}, sx.el("span", {class: "sx-unseen"}, `${label} `), text),
  facts: (pairs) => sx.el("dl", {class: "sx-facts-table"}, ...pairs.filter(([, value]) => value).flatMap(([name, value]) =>
    [sx.el("dt", {}, name), sx.el("dd", {class: "sx-num"}, ...[value].flat())])),
  // A button that asks once more in its own place; Escape or the second answer keeps what there is.
  asked: (text, label, run) => {
    const {small} = sx.modelParts, place = sx.el("span", {class: "sx-row"});
    const show = (nodes) => { place.replaceChildren(...nodes); nodes[0].focus(); };
    const first = [small(text, () => show(sure))];
    const sure = [small(label, run, {class: "sx-small sx-danger"}), small("Keep it", () => show(first))];
    place.append(...first);
    place.onkeydown = (event) => {
      if (event.key === "Escape" && sure[0].isConnected) { event.stopPropagation(); show(first); }
    };
    return place;
  },
};

// What is on this machine, by where it came from. on: {draw(name), download(repo, revision), removed(repo)}.
sx.modelsHere = (on) => {
  const {small, accent, line, head, rows, number, facts, asked} = sx.modelParts, {bytes, short} = sx.amount;
  const SOURCES = {bundled: "Shipped with Sextant", run: "Your runs", hub: "From the Hub", local: "Your files"};
  const sum = sx.el("span", {class: "sx-num sx-quiet"}), told = sx.el("p", {class: "sx-model-told", role: "status"});
  const list = sx.el("div", {});
  const path = sx.el("input", {type: "text", id: "models-path", spellcheck: "false", autocomplete: "off",
                               placeholder: "/path/to/a/folder or /path/to/model.safetensors"});
  const base = sx.el("select", {id: "models-base", onchange: () => { scale.parentNode.hidden = !base.value; }});
  const scale = sx.el("input", {type: "number", id: "models-scale", value: "1", step: "0.05", min: "-4", max: "4"});
  const added = sx.el("p", {class: "sx-model-told", role: "status"});
  const node = sx.el("section", {"aria-label": "Models on this machine", id: "models-here"},
    sx.el("div", {class: "sx-row"}, sx.el("h3", {}, "On this machine"), sum), told, list,
    sx.el("h4", {}, "Add your own"),
    sx.el("form", {class: "sx-model-form", onsubmit: (event) => { event.preventDefault(); add(); }},
      sx.el("label", {class: "sx-field sx-grow"},
        sx.el("span", {}, "A folder with a model, or one .safetensors file, on this machine"), path),
      sx.el("label", {class: "sx-field"}, sx.el("span", {}, "It is"), base),
      sx.el("label", {class: "sx-field", hidden: ""}, sx.el("span", {}, "Scale"), scale),
      sx.el("button", {class: "sx-small", type: "submit", id: "models-add"}, "Add")),
    sx.el("p", {class: "sx-quiet sx-model-note"},
      "It stays where it is. Only safetensors are read, and no code that comes with a model is run."), added);

  sx.drafts.own("models", {path, base, scale});

  let models = [], drawn = "", turn = 0;
  const open = new Set(), says = new Map();                        // keys; key -> {text, bad, newer}
  const key = (model) => (model.commit ? `${model.repo}@${model.commit}` : model.name);      // the name changes with a second commit
  const say = (model, text, bad = false, newer = null) => { says.set(key(model), {text, bad, newer}); open.add(key(model)); redraw(); };
  const tell = (place, text, bad = false) => { place.textContent = text; place.classList.toggle("sx-error", bad); };
  const act = async (model, doing, work) => {
    say(model, doing);
    try { say(model, ...await work()); } catch (error) { say(model, error.message, true); }
    refresh();
  };
  // What is asked of the server, and what is then said: text, whether it is bad, where a newer commit is.
  const unload = async ({name}) => [`Taken out of memory; ${bytes((await sx.post("api/models/unload", {name})).bytes)} are free again.`];
  const verify = async ({name}) => {
    await sx.post("api/models/verify", {name});
    return ["Headers and checksums are as they should be."];
  };
  const newer = async (model) => {
    const {commit, revision} = await sx.get(`api/models/newer?${new URLSearchParams({name: model.name})}`);
    return commit ? [`The Hub has a newer commit, ${commit.slice(0, 8)}.`, false, {revision}] : ["This is the latest commit."];
  };
  const remove = async (model) => {
    say(model, "Removing …");
    try {
      const freed = (await sx.post("api/models/remove", {name: model.name})).bytes;
      says.delete(key(model));
      open.delete(key(model));
      tell(told, model.source === "hub" ? `${model.name} was removed; ${bytes(freed)} are free again.`
        : `${model.name} is no longer listed; its files are where they were.`);
      on.removed(model.repo);
      await refresh();
      node.querySelector(".sx-model-open")?.focus();
    } catch (error) { say(model, error.message, true); }
  };
  const add = async () => {
    tell(added, "Looking at it …");
    try {
      const {name} = await sx.post("api/models/add", {path: path.value, base: base.value, scale: scale.value === "" ? "" : Number(scale.value)});
      path.value = "";
      tell(added, `${name} is here now, among your files.`);
      refresh((model) => model.name === name);
    } catch (error) { tell(added, error.message, true); }
  };

  const more = (model) => {
    const said = says.get(key(model)), hub = model.source === "hub";
    const button = (text, doing, work, title) =>
      small(text, () => act(model, doing, () => work(model)), {"data-key": `${text} ${model.name}`, title});
    return sx.el("div", {class: "sx-model-more"},
      facts([["Kind", model.kind], ["Pictures", model.size ? `${model.size} × ${model.size}` : ""], ["Licence", model.licence],
        ["Commit", model.commit], ["Path", model.path]]),
      sx.el("div", {class: "sx-row"},
        model.resident ? button("Unload", "Unloading …", unload, "Take it out of memory") : null,
        button("Check", "Reading all of it and comparing checksums …", verify, "Look at headers and checksums again"),
        hub ? button("Look for an update", "Asking the Hub …", newer, "Whether the Hub has a newer commit") : null,
        hub ? asked("Remove", `Remove it and free ${bytes(model.bytes)}`, () => remove(model)) : null,
        model.source === "local" ? asked("Remove", "Remove it from the list; the files stay", () => remove(model)) : null),
      sx.el("p", {class: said?.bad ? "sx-model-told sx-error" : "sx-model-told", role: "status"}, said?.text || "",
        said?.newer ? small("Download it", () => on.download(model.repo, said.newer.revision), {primary: true}) : null));
  };
  const row = (model) => {
    const shown = open.has(key(model));
    const flip = () => { shown ? open.delete(key(model)) : open.add(key(model)); redraw(); };
    const facts = [model.kind, model.size ? `${model.size} × ${model.size}` : "", model.licence];
    const text = sx.el("button", {class: "sx-model-open", type: "button", onclick: flip,
                                  "aria-expanded": String(shown), "data-key": `open ${model.name}`}, sx.el("b", {}, model.name),
      model.problem ? sx.el("span", {class: "sx-error sx-model-problem"}, model.problem) : line(model.family, model.family_title, facts));
    return sx.el("div", {class: "sx-model", "data-name": model.name, style: accent(model.family)},
      sx.el("div", {class: "sx-model-grid"}, text, number(model.parameters ? short(model.parameters) : "", "Parameters"),
        number(model.bytes ? bytes(model.bytes) : "", "On disk"), number(model.resident ? bytes(model.resident) : "–", "In memory"),
        small("Draw with it", () => on.draw(model.name), {"aria-label": `Draw with ${model.name}`, "data-key": `draw ${model.name}`,
                                                          disabled: Boolean(model.problem), title: `In the ${model.family_title} tab`})),
      shown ? more(model) : null);
  };
  const redraw = () => {
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const groups = Object.entries(SOURCES).map(([source, title]) => [title, models.filter((model) => model.source === source)]);
    list.replaceChildren(...groups.filter(([, found]) => found.length).map(([title, found], k) =>
      sx.el("div", {role: "group", "aria-label": title},
        head(title, ...k ? [] : ["parameters", "on disk", "in memory"]), rows(found.map(row)))));
    if (focused) [...list.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused)?.focus({preventScroll: true});
    const chosen = base.dataset.wanted || base.value, takers = models.filter((model) => model.lora && !model.problem);
    base.replaceChildren(new Option("a model", ""), ...takers.map((model) => new Option(`a LoRA for ${model.name}`, model.name)));
    base.value = takers.some((model) => model.name === chosen) ? chosen : "";
    delete base.dataset.wanted;
    base.parentNode.hidden = !takers.length;
    scale.parentNode.hidden = !base.value;
    const disk = models.reduce((total, model) => total + model.bytes, 0), resident = models.filter((model) => model.resident);
    const held = resident.reduce((total, model) => total + model.resident, 0);
    sum.textContent = `${models.length} model${models.length === 1 ? "" : "s"} · ${bytes(disk)} on disk`
      + (resident.length ? ` · ${resident.length} in memory, ${bytes(held)}` : "");
  };
  // fresh: whether a model has just come, which is then shown open.
  const refresh = async (fresh = null) => {
    const mine = ++turn;
    try {
      const found = await sx.get("api/models");
      if (mine !== turn) return;
      if (!fresh && JSON.stringify(found.models) === drawn) return;
      models = found.models;
      drawn = JSON.stringify(models);
      const come = fresh && models.find(fresh);
      if (come) { open.add(key(come)); says.delete(key(come)); }
      redraw();
      if (come) [...list.querySelectorAll(".sx-model")].find((one) => one.dataset.name === come.name).scrollIntoView({block: "nearest"});
    } catch (error) { if (mine === turn) tell(told, error.message, true); }
  };
  return {node, refresh};
};
