// Shared by all drawn components. User text enters the page through textContent alone.
window.sx = {
  kinds: {},

  // Gradio calls this when a component loads; its own template stays empty and ours is kept beside it.
  mount(kind, element, props, trigger, watch) {
    const root = sx.el("div", {class: `sx-root sx-${kind}-root`});
    const update = sx.kinds[kind](root, props, trigger) || (() => {});
    const draw = () => {
      if (root.parentElement !== element) element.appendChild(root);
      let value = {};
      try { value = JSON.parse(props.value || "{}"); } catch { /* not ours yet */ }
      update(value);
    };
    watch("value", draw);
    draw();
  },

  el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child != null));
    return node;
  },

  svg(tag, attributes = {}, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  },

  get: (path) => sx.link.ask(path, {headers: {Accept: "application/json"}}),
  post: (path, body = {}) => sx.link.ask(path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)}),

  seconds(s) {
    if (s == null) return "";
    return s < 1 ? `${s.toFixed(2)} s` : s < 100 ? `${s.toFixed(1)} s` : `${Math.round(s / 60)} min`;
  },

  // A moment, ISO 8601 in UTC, as it is called where the reader is; UTC on pointing.
  when(iso) {
    const moment = new Date(iso);
    if (isNaN(moment)) return iso;
    const utc = moment.toISOString().slice(0, 19).replace("T", " ");
    return sx.el("time", {datetime: moment.toISOString(), title: `${utc} UTC`},
      moment.toLocaleString([], {dateStyle: "medium", timeStyle: "medium"}));
  },
  // A value among facts; a moment in UTC becomes one of here.
  fact(value) {
    const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(value);
    return parts ? sx.when(`${parts[1]}T${parts[2]}Z`) : value;
  },

  comma: (1.5).toLocaleString().includes(","),               // whether decimals are written with one where the person is

  running: (status) => ["waiting", "loading", "running"].includes(status),

  // Follow a job: calls draw(view) at every change and gone(error) when there is no such job (any more); returns a function that
  // lets go of it. The job itself goes on.
  follow(id, draw, gone, pause = 90) {
    let version = -1, live = true;
    const tick = async () => {
      if (!live) return;
      let view;
      try { view = await sx.get(`api/job/${id}?seen=${version}`); } catch (error) {
        if (live && sx.link.final(error)) gone(error);
        else setTimeout(tick, sx.link.pause(pause));
        return;
      }
      if (!live) return;
      if (view.version !== version) { version = view.version; draw(view); }
      if (sx.running(view.status)) setTimeout(tick, pause);
    };
    tick();
    return () => { live = false; };
  },

  remember(key, value) {
    try { value ? sessionStorage.setItem(`sx-${key}`, value) : sessionStorage.removeItem(`sx-${key}`); } catch { /* private mode */ }
  },
  recall(key) {
    try { return sessionStorage.getItem(`sx-${key}`); } catch { return null; }
  },

  // The largest whole factor at which `count` pictures of side `side` fit; at least 1.
  factor(count, side, width, height, gap = 8) {
    let best = [1, 1];
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns);
      const k = Math.floor(Math.min((width - gap * (columns - 1)) / columns, (height - gap * (rows - 1)) / rows) / side);
      if (k > best[0]) best = [k, columns];
    }
    return best[0] === 1 && best[1] === 1 && count > 1 ? [1, Math.max(1, Math.floor(width / (side + gap)))] : best;
  },
};

sx.kinds.sentence = (root) => {
  root.setAttribute("role", "status");
  root.setAttribute("aria-live", "polite");
  return (value) => {
    root.textContent = value.error || value.note || "";
    root.classList.toggle("sx-error", Boolean(value.error));
  };
};

sx.kinds.chips = (root, props, trigger) => (texts) => {
  if (!Array.isArray(texts)) return;
  root.replaceChildren(
    sx.el("button", {class: "sx-chip", type: "button", onclick: () => trigger("select", {text: ""})}, "⟳ surprise me"),
    ...texts.map((text) => sx.el("button", {class: "sx-chip", type: "button", title: text,
                                            onclick: () => trigger("select", {text})}, text)));
};

// What each control does, as its tooltip: element id -> one line.
sx.kinds.tips = () => (tips) => {
  const place = () => { for (const [id, text] of Object.entries(tips)) document.getElementById(id)?.setAttribute("title", text); };
  place();
  setTimeout(place, 1000);                                                  // controls that are drawn a moment later
};

// Show a job in its tab, also if that tab was never opened.
sx.open = (job) => {
  const key = job.kind === "compare" ? "compare" : job.family;
  const id = job.grid || job.id;
  sx.remember(key, id);
  document.dispatchEvent(new CustomEvent(`sx-attach-${key}`, {detail: id}));
  sx.place.go(key);
};

// A slider's number that is left empty is again what it was: Gradio would take its least value, which nobody wrote.
document.addEventListener("focus", ({target}) => { if (target.type === "number") target.dataset.before = target.value; }, true);
document.addEventListener("blur", ({target}) => {
  if (target.type !== "number" || target.value !== "" || target.closest(".sx-root")) return;       // our own may be empty
  if (!target.closest(".block")?.querySelector("input[type=range]")) return;
  target.value = target.dataset.before;
  target.dispatchEvent(new Event("input", {bubbles: true}));
}, true);

document.addEventListener("keydown", (event) => {
  const shown = (selector) => [...document.querySelectorAll(selector)].find((node) => node.offsetParent !== null);
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const button = shown("button.sx-generate") || shown(".sx-generate button");
    if (button) {
      event.preventDefault();
      if (document.activeElement) document.activeElement.blur();          // so that a number being typed counts
      setTimeout(() => button.click(), 60);
    }
  } else if (event.key === "Escape") {
    const stop = shown("button.sx-stop:not([disabled])");
    if (stop) stop.click();
  }
}, true);
