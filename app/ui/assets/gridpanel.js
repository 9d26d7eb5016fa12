// Two cells, large: side by side, blinking, with a divider, or as their difference; their settings below.
// source: {cell(i), label(i), settings(i), again(i), closed(), swap()}.
sx.gridPanel = (source) => {
  const MODES = {side: "Side by side", blink: "Blink", slider: "Slider", difference: "Difference"}, BLINK = 500;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const small = (text, run, more = {}) => sx.el("button", {class: "sx-small", type: "button", onclick: run, ...more}, text);
  const modes = Object.entries(MODES).map(([name, title]) => small(title, () => setMode(name), {"data-mode": name}));
  const factors = [1, 4, 16].map((k) => small(`× ${k}`, () => { gain = k; draw(); },
                                             {"data-gain": k, title: `Shows ${k} times the difference`}));
  const gains = sx.el("span", {class: "sx-row", role: "group", "aria-label": "Factor of the difference"}, ...factors);
  const stage = sx.el("div", {class: "sx-pair-stage"}), numbers = sx.el("div", {class: "sx-num sx-pair-says"});
  const table = sx.el("div", {class: "sx-pair-table"});
  const again = small("Run this cell again and compare", () => source.again(pair[0]));
  const bits = small("Bits per dimension", () => source.bits(pair));
  const node = sx.el("aside", {class: "sx-large", hidden: true, "aria-label": "Two cells compared"},
    sx.el("div", {class: "sx-row"}, sx.el("span", {class: "sx-row", role: "group", "aria-label": "How the two are compared"}, ...modes),
      sx.el("span", {class: "sx-space"}), small("Close", () => close(), {title: "Close  Esc"})),
    gains, stage, numbers, table,
    sx.el("div", {class: "sx-row"}, again, bits, small("Swap", () => source.swap(), {title: "Exchange the two cells"})));

  let pair = [0, 0], boards = [null, null], mode = "side", gain = 4, split = 50;
  let timer = null, second = false, paused = false, turn = 0;

  // The pictures of a cell on one canvas at their own size, or null when it has none.
  const board = async (i) => {
    const images = (await Promise.all(sx.facts.pictures(source.cell(i)).map((url) => new Promise((done) => {
      const image = sx.el("img", {src: url, onload: () => done(image), onerror: () => done(null)});
    })))).filter(Boolean);
    if (!images.length) return null;
    const across = Math.ceil(Math.sqrt(images.length)), width = images[0].naturalWidth, height = images[0].naturalHeight;
    const canvas = sx.el("canvas", {width: across * width, height: Math.ceil(images.length / across) * height});
    images.forEach((image, k) => canvas.getContext("2d").drawImage(image, k % across * width, Math.floor(k / across) * height));
    return canvas;
  };
  // Whole factors for small pictures; large ones shrink to what is there.
  const fit = (canvas, room) => {
    const most = Math.min(room / canvas.width, 480 / canvas.height), scale = most >= 1 ? Math.floor(most) : most;
    canvas.style.width = `${canvas.width * scale}px`;
    canvas.style.height = `${canvas.height * scale}px`;
    return canvas;
  };
  const caption = (k) => {
    const cell = source.cell(pair[k]), facts = [...sx.facts.line(cell), sx.facts.distance(cell, 4)];
    return [sx.el("b", {}, sx.el("span", {class: "sx-letter"}, "AB"[k]), source.label(pair[k])),
            sx.el("span", {class: "sx-num sx-quiet"}, facts.filter(Boolean).join(" · ") || cell.reason || cell.error || cell.status)];
  };
  const panels = (drawn) => [0, 1].map((k) => sx.el("div", {class: "sx-panel"}, ...(drawn
    ? [boards[k] ? fit(boards[k], stage.clientWidth / 2 - 8) : sx.el("div", {class: "sx-blank"})] : []), ...caption(k)));

  const difference = (a, b) => {
    const canvas = sx.el("canvas", {width: a.width, height: a.height}), pen = canvas.getContext("2d");
    const [one, two] = [a, b].map((c) => c.getContext("2d").getImageData(0, 0, c.width, c.height).data);
    const out = pen.createImageData(a.width, a.height);
    let most = 0, sum = 0;
    for (let p = 0; p < one.length; p++) {
      if (p % 4 === 3) { out.data[p] = 255; continue; }
      const apart = Math.abs(one[p] - two[p]);
      most = Math.max(most, apart); sum += apart;
      out.data[p] = apart * gain;
    }
    pen.putImageData(out, 0, 0);
    return {canvas, most, mean: sum / (0.75 * one.length)};
  };
  const divider = (over) => {
    const handle = sx.el("div", {class: "sx-divider", role: "slider", tabindex: "0", "aria-label": "Divider between A and B",
                                 "aria-valuemin": 0, "aria-valuemax": 100});
    const move = (percent) => {
      split = Math.max(0, Math.min(100, percent));
      over.style.setProperty("--split", `${split}%`);
      handle.setAttribute("aria-valuenow", Math.round(split));
    };
    const drag = (event) => { const box = over.getBoundingClientRect(); move(100 * (event.clientX - box.left) / box.width); };
    over.onpointerdown = (event) => {
      event.preventDefault();
      over.setPointerCapture(event.pointerId);
      drag(event);
      handle.focus({preventScroll: true});
    };
    over.onpointermove = (event) => { if (event.buttons) drag(event); };
    handle.onkeydown = (event) => {
      const step = {ArrowLeft: -2, ArrowRight: 2, ArrowDown: -2, ArrowUp: 2, Home: -100, End: 100}[event.key];
      if (step) { event.preventDefault(); move(split + step); }
    };
    move(split);
    return handle;
  };
  // B lies upon A and is seen or not.
  const flip = (to) => {
    second = to;
    stage.firstChild?.classList.toggle("sx-flipped", second);
    const space = calm.matches ? "Space shows the other" : paused ? "paused, Space goes on" : "Space pauses";
    numbers.textContent = `${second ? "B" : "A"} is shown; ${space}`;
  };
  const beat = () => {
    clearInterval(timer);
    if (mode === "blink" && !paused && !node.hidden && boards[0] && boards[1]) timer = setInterval(() => flip(!second), BLINK);
  };
  const draw = () => {
    clearInterval(timer);
    const [a, b] = boards, shared = mode !== "side" && a && b, alike = shared && a.width === b.width && a.height === b.height;
    const held = stage.contains(document.activeElement);
    modes.forEach((button) => button.setAttribute("aria-pressed", button.dataset.mode === mode));
    factors.forEach((button) => button.setAttribute("aria-pressed", Number(button.dataset.gain) === gain));
    gains.hidden = mode !== "difference";
    stage.dataset.mode = mode;
    numbers.textContent = "";
    if (!shared) {
      stage.replaceChildren(...panels(true));
      if (mode !== "side") numbers.textContent = "One of the two cells has no picture.";
      return;
    }
    if (mode === "difference") {
      if (!alike) {
        stage.replaceChildren(...panels(true));
        numbers.textContent = "The pictures differ in size, so there is no difference to draw.";
        return;
      }
      const {canvas, most, mean} = difference(a, b);
      stage.replaceChildren(sx.el("div", {class: "sx-over", role: "img", "aria-label": `Difference of A and B, times ${gain}`},
        fit(canvas, stage.clientWidth)), ...panels(false));
      numbers.textContent = most ? `max ${most} of 255 · mean ${mean.toPrecision(3)} of 255 · shown × ${gain}` : "No pixel differs.";
      return;
    }
    const over = sx.el("div", {class: "sx-over"}, fit(a, stage.clientWidth), fit(b, stage.clientWidth));
    b.style.width = a.style.width; b.style.height = a.style.height;
    stage.replaceChildren(over, ...panels(false));
    if (mode === "blink") { flip(second); beat(); }
    else {
      const handle = divider(over);
      over.append(handle);
      if (held) handle.focus({preventScroll: true});
    }
  };
  const pause = (to) => {
    if (calm.matches) { flip(!second); return; }
    paused = to;
    flip(second);
    beat();
  };
  const setMode = (next) => {
    if (next === "blink" && mode === "blink") { pause(!paused); return; }
    mode = next;
    paused = next === "blink" && calm.matches;
    draw();
  };
  calm.addEventListener("change", () => {
    paused = calm.matches;
    if (mode === "blink" && !node.hidden) draw();
  });

  const settings = async () => {
    const mine = turn;
    try {
      const [a, b] = (await Promise.all(pair.map(source.settings))).map((answer) => answer.facts);
      if (mine !== turn) return;
      const names = [...new Set([...Object.keys(a), ...Object.keys(b)])], differs = (name) => a[name] !== b[name];
      names.sort((one, two) => differs(two) - differs(one));
      const body = names.map((name) => sx.el("tr", differs(name) ? {class: "sx-differs"} : {},
        sx.el("th", {scope: "row"}, differs(name) ? sx.el("span", {title: "differs", "aria-label": "differs"}, "≠ ") : "", name),
        ...[a, b].map((facts) => sx.el("td", {class: "sx-num"}, sx.fact(facts[name] ?? "–")))));
      const head = ["Setting", "A", "B"].map((text) => sx.el("th", {scope: "col"}, text));
      table.replaceChildren(sx.el("table", {}, sx.el("thead", {}, sx.el("tr", {}, ...head)), sx.el("tbody", {}, ...body)));
    } catch (error) { if (mine === turn) table.replaceChildren(sx.el("p", {class: "sx-error"}, error.message)); }
  };
  const load = async (fresh = false) => {
    const mine = ++turn;
    const found = await Promise.all(pair.map(board));
    if (mine !== turn || node.hidden) return;
    boards = found;
    draw();
    if (fresh) node.scrollIntoView({block: "nearest"});                  // on a narrow page it is below the grid
  };
  const close = () => {
    turn++;
    node.hidden = true;
    clearInterval(timer);
    source.closed();
  };
  new ResizeObserver(() => { if (!node.hidden && boards.some(Boolean)) draw(); }).observe(node);

  return {
    node,
    close,
    open: () => !node.hidden,
    pair: () => pair,
    show(a, b) {
      const fresh = node.hidden;
      pair = [a, b];
      node.hidden = false;
      again.disabled = !source.cell(a).images?.length;
      if (fresh) { boards = [null, null]; draw(); }
      load(fresh);
      settings();
    },
    // Some cells changed; those that are shown are drawn again.
    changed(numbers) {
      if (node.hidden || !pair.some((i) => numbers.includes(i))) return;
      again.disabled = !source.cell(pair[0]).images?.length;
      load();
    },
    // Whether the panel used the key.
    key(event) {
      if (node.hidden || mode !== "blink" || event.key !== " " || event.target.closest("button, input, textarea, select, a")) return false;
      event.preventDefault();
      pause(!paused);
      return true;
    },
  };
};
