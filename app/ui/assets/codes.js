// A picture as codes: the map, what the model thought of each code, the codebook to choose others from, and the picture that results.
sx.kinds.codes = (root, props, trigger) => {
  const family = props.family;
  const hint = sx.el("p", {class: "sx-quiet"}, props.hint);
  const say = (text, bad = false) => { hint.textContent = text; hint.classList.toggle("sx-error", bad); };
  const map = sx.el("div", {class: "sx-codemap", role: "grid", "aria-label": "Map of codes"});
  const image = sx.el("img", {class: "sx-code-picture", alt: "the codes, decoded", hidden: true});
  const other = sx.el("img", {class: "sx-code-picture", alt: "the picture before", hidden: true});
  const facts = sx.el("div", {class: "sx-num sx-quiet sx-code-facts", role: "status"});
  const words = sx.el("div", {class: "sx-words", title: "How much the model looked at each word when it drew this code: mean of all layers and heads"});
  const likely = sx.el("div", {class: "sx-row sx-likely"});
  const book = sx.el("div", {class: "sx-book"});
  const reset = sx.el("button", {class: "sx-small", type: "button", hidden: true, onclick: () => { codes = begin.map((row) => [...row]); paint(); decode(); }}, "Undo changes");
  const shade = sx.el("select", {"aria-label": "What the map shows", onchange: () => paint()},
    sx.el("option", {value: "colour"}, "a colour for each code"), sx.el("option", {value: "p"}, "probability of each draw"));
  // Painting says which codes of one's own picture stay while the model draws the others.
  let painting = false, brush = null, stays = new Set();
  const painter = sx.el("button", {class: "sx-small", type: "button", hidden: true, "aria-pressed": "false", title: "Click or drag over the map",
    onclick: () => { painting = !painting; stays = new Set(); painter.setAttribute("aria-pressed", painting); paint(); }}, "Paint what stays");
  const rest = sx.el("button", {class: "sx-small", type: "button", hidden: true, onclick: () => trigger("select", {mask: mask()})}, "Draw the rest");
  const mask = () => Array.from({length: 16}, (_, d) => [0, 1, 2, 3].reduce((v, b) => 2 * v + stays.has(4 * d + b), 0).toString(16)).join("");
  const touch = (k) => { if (brush) stays.add(k); else stays.delete(k); paint(); };
  addEventListener("pointerup", () => { brush = null; });
  const tools = sx.el("div", {class: "sx-row", hidden: true}, shade, painter, rest, reset);
  root.replaceChildren(hint, sx.el("div", {class: "sx-code-pair"}, map, sx.el("div", {}, image, other)), facts, words, likely, tools, book);

  let view = null, codes = null, begin = null, chosen = null, codebook = null, bookOf = null, of = null, wanted = null, turn = 0;
  const side = () => codes.length, at = () => chosen[0] * side() + chosen[1];
  const tile = (k, more = {}) => sx.el("button", {type: "button", class: "sx-code-tile", "data-code": k,
    title: `code ${k}: ${(100 * codebook.usage[k]).toFixed(2)} % of the places in test pictures`, onclick: () => put(k), ...more},
    sx.el("img", {src: codebook.tiles[k], alt: `code ${k}`}));
  const paint = () => {
    const p = view.thought && shade.value === "p" ? view.thought.p : null;
    map.style.setProperty("--side", side());
    map.replaceChildren(...codes.flatMap((row, r) => row.map((code, c) => sx.el("button", {type: "button", role: "gridcell",
      class: ["sx-code", chosen && !painting && chosen[0] === r && chosen[1] === c && "sx-chosen", code !== begin[r][c] && "sx-changed",
        painting && !stays.has(r * side() + c) && "sx-leaves"].filter(Boolean).join(" "),
      onpointerdown: (event) => { if (!painting) return; event.preventDefault(); brush = !stays.has(r * side() + c); touch(r * side() + c); },
      onpointerenter: () => { if (painting && brush !== null) touch(r * side() + c); },
      "aria-label": `row ${r + 1}, column ${c + 1}: code ${code}`,
      style: `background:${p ? `color-mix(in srgb, var(--accent-${family}) ${Math.round(100 * p[r * side() + c])}%, var(--sunken))` : codebook.colours[code]}`,
      onclick: () => { if (!painting) { chosen = [r, c]; paint(); } }}))));
    reset.hidden = JSON.stringify(codes) === JSON.stringify(begin);
    tools.hidden = false;
    shade.hidden = !view.thought;
    painter.hidden = !props.paint || !view.picture;
    rest.hidden = painter.hidden || !painting || !stays.size || stays.size === side() ** 2;
    words.replaceChildren(); likely.replaceChildren();
    if (painting) { facts.textContent = `${stays.size} of ${side() ** 2} codes stay; the model draws the others in raster order.`; return; }
    if (!chosen) { facts.textContent = "Click a square of the map to choose another code for it."; return; }
    const [r, c] = chosen, code = codes[r][c], thought = view.thought;
    const changed = code !== begin[r][c];
    facts.textContent = [`row ${r + 1}, column ${c + 1}: code ${code}`, changed ? `was ${begin[r][c]}` : "",
      thought && !changed ? `p ${thought.p[at()].toFixed(3)}` : ""].filter(Boolean).join(" · ");
    if (thought) {
      const looks = thought.attention[at()], most = Math.max(...looks, 1e-6);
      words.replaceChildren(...thought.words.map((word, k) => sx.el("span", {title: looks[k].toFixed(3),
        style: `background:color-mix(in srgb, var(--accent-${family}) ${Math.round(70 * looks[k] / most)}%, transparent)`}, word.replace(/^##/, "·"))));
      likely.replaceChildren(sx.el("span", {class: "sx-quiet"}, "likeliest"), ...thought.top[at()].map((k, i) =>
        sx.el("span", {class: "sx-likely-one"}, tile(k), sx.el("span", {class: "sx-num"}, thought.top_p[at()][i].toFixed(2)))));
    }
  };
  const put = (k) => {
    if (!chosen) { facts.textContent = "Choose a square of the map first."; return; }
    codes[chosen[0]][chosen[1]] = k;
    paint();
    decode();
  };
  const decode = async () => {
    const mine = ++turn;
    try {
      const {url} = await sx.post(`api/codes/${family}/decode`, {model: view.model, codes});
      if (mine === turn) image.src = url;
    } catch (error) { say(error.message, true); }
  };
  const show = async (next) => {
    if (bookOf !== next.model) {
      say("Reading the codebook…");
      try {
        codebook = await sx.post(`api/codes/${family}/book`, {model: next.model});
        bookOf = next.model;
      } catch (error) { say(error.message, true); return; }
    }
    view = next; begin = view.codes; codes = begin.map((row) => [...row]); chosen = null; painting = false; stays = new Set();
    painter.setAttribute("aria-pressed", "false");
    image.src = view.decoded; image.hidden = false;
    other.hidden = false; other.src = view.picture || view.decoded;
    other.title = view.picture ? "The picture, as the model sees it" : "The picture before any change";
    image.title = "What the decoder makes of the codes";
    const used = new Set(codes.flat()).size;
    say([view.psnr == null ? "Codes of the generated picture" : `Reconstruction: ${view.psnr.toFixed(1)} dB`, `${used} different codes`].join(" · "));
    const order = codebook.usage.map((u, k) => [u, k]).sort((a, b) => b[0] - a[0]).map(([, k]) => k);
    const dead = codebook.usage.filter((u) => u === 0).length;
    book.replaceChildren(sx.el("p", {class: "sx-quiet"}, `The codebook, the most used first; ${dead ? `${dead} of ${order.length} occur in no test picture` : "all are used"}. Click one to put it into the chosen square.`),
      sx.el("div", {class: "sx-book-grid"}, ...order.map((k) => tile(k))));
    paint();
  };
  const load = async (job, k) => {
    if (!view) say("Reading the codes…");
    of = `${job} ${k}`;
    try {
      const found = await sx.get(`api/codes/${job}/${k}`);
      if (of === `${job} ${k}`) await show(found);
    } catch (error) { if (!view) say(error.message); }
  };
  document.addEventListener(`sx-frame-${family}`, (event) => {
    const {frame, k, job} = event.detail;
    if (frame.live || !job) return;
    wanted = [job, k];
    if (root.offsetParent) look();
  });
  // Nothing is asked of the server before somebody looks at the panel.
  const look = () => { if (wanted && of !== wanted.join(" ")) load(...wanted); };
  const last = sx.recall(family);
  if (last) wanted = [last, 0];
  new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) look(); }).observe(root);
  return (value) => {
    if (value.error) say(value.error, true);
    else if (value.view) { of = wanted && wanted.join(" "); show(value.view); }
  };
};
