// The 2-D laboratory: choose or draw a density, watch a small model learn it or train it step by step, let particles follow it.
sx.kinds.lab = (root, {bench}) => {
  const SIDE = 336, SPAN = 1.5, family = bench.family;
  const canvas = sx.el("canvas", {width: 2 * SIDE, height: 2 * SIDE, class: "sx-plane", role: "img", "aria-label": "Points of the plane"});
  const ink = canvas.getContext("2d"), shades = document.createElement("canvas");
  ink.scale(2, 2);
  const pixel = (v) => (v / SPAN + 1) / 2 * SIDE, place = (p) => [pixel(p[0]), SIDE - pixel(p[1])];
  const status = sx.el("div", {class: "sx-quiet sx-num sx-lab-status", role: "status"}, "Choose a density, or draw one with the mouse, and train.");
  const chips = ["moons", "gaussians", "spiral", "drawn"].map((name) => sx.el("button", {class: "sx-chip", type: "button", "data-density": name,
    onclick: () => { density = name; if (name !== "drawn") train(); else begin(); }}, name === "drawn" ? "draw" : name));
  const toggle = (label, title, change) => {
    const box = sx.el("input", {type: "checkbox", onchange: change});
    return [box, sx.el("label", {title, class: "sx-toggle"}, box, label)];
  };
  const control = (option, values, change) => {                          // of an option; its value lives in `values`
    const start = values[option.name] ??= option.default, settings = {"aria-label": `${option.label} of the laboratory`};
    const set = (value) => { values[option.name] = value; change(); };
    if (option.type === "bool") {
      const [box, label] = toggle(option.label, option.help, () => set(box.checked));
      box.checked = start;
      return label;
    }
    const input = option.choices.length
      ? sx.el("select", {...settings, onchange: () => set(input.value)}, ...option.choices.map((name) => sx.el("option", {value: name}, name)))
      : sx.el("input", {...settings, type: "number", min: option.low, max: option.high, step: option.type === "int" ? 1 : "any",
                        onchange: () => { if (input.value === "") input.value = values[option.name]; else set(Number(input.value)); }});
    input.value = start;
    return sx.el("label", {class: "sx-lab-option", title: option.help}, option.label, input);
  };
  const chosen = {}, learnt = {};                                        // options of the sampler and of the next model
  const settings = sx.el("div", {class: "sx-row sx-lab-options"});
  const offer = () => settings.replaceChildren(...bench.samplers.find((s) => s.name === sampler.value).options
    .map((option) => control(option, chosen, () => { run(); contours(); })));
  const sampler = sx.el("select", {"aria-label": "Sampler of the laboratory", onchange: () => { offer(); run(); }},
    ...bench.samplers.map(({title, name}) => sx.el("option", {value: name}, title)));
  const trainer = sx.el("button", {class: "sx-small", type: "button", onclick: () => train()}, "Train");
  const times = sx.el("select", {"aria-label": "Training steps at a click"}, ...[1, 10, 100].map((n) => sx.el("option", {value: n}, `× ${n}`)));
  const steppers = bench.parts.length ? [...bench.parts.map((part) => [`${part[0].toUpperCase()}${part.slice(1)} step`, [part], `Train ${part} alone`]),
    ["Both", bench.parts, "Train all in turn"]].map(([text, parts, title]) =>
      sx.el("button", {class: "sx-small", type: "button", title, onclick: () => step(parts)}, text)) : [];
  const [arrows, arrowsLabel] = toggle(bench.field, bench.about_field, () => draw());
  const [contour, contourLabel] = toggle("likelihood", bench.no_likelihood || "Lines of equal likelihood of the trained model", () => contours());
  const [fan, fanLabel] = toggle("one start", "Start all particles at one point: noise spreads them, an ODE draws one line", () => run());
  contour.disabled = Boolean(bench.no_likelihood);
  const play = sx.el("button", {class: "sx-small", type: "button", disabled: true, onclick: () => playing ? halt() : start()}, "Play");
  const time = sx.el("input", {type: "range", min: 0, max: 1, value: 0, step: 1, disabled: true, "aria-label": "Time of the laboratory",
                               oninput: () => { halt(); draw(); }});
  const now = sx.el("span", {class: "sx-num sx-quiet"}, "");
  const restart = sx.el("button", {class: "sx-small", type: "button", title: "A new model that has learnt nothing, to be trained step by step",
                                   onclick: () => over()}, "Start over");
  const lessons = bench.learnt.map((option) => control(option, learnt, () => id && (live ? train() : over())));
  const rows = [[...chips, trainer], ...steppers.length ? [[...lessons, restart], [...steppers, times]] : []];
  root.replaceChildren(...rows.map((row) => sx.el("div", {class: "sx-row"}, ...row)), canvas,
    sx.el("div", {class: "sx-row"}, play, time, now), sx.el("div", {class: "sx-row"}, sampler, settings),
    sx.el("div", {class: "sx-row"}, arrowsLabel, contourLabel, bench.starts ? fanLabel : null), status);
  arrows.checked = true;
  offer();

  let density = "moons", id = null, data = [], found = null, before = null, level = null, drawn = [], playing = 0, drawing = false;
  let turn = 0, session = 0, live = true, colours = {};
  const say = (text, bad = false) => { status.textContent = text; status.classList.toggle("sx-error", bad); };
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const dots = (flat, size, style, alpha) => {                           // many at one place make one larger dot
    const many = new Map();
    for (let i = 0; i < flat.length; i += 2) { const at = `${flat[i]},${flat[i + 1]}`; many.set(at, (many.get(at) || 0) + 1); }
    ink.fillStyle = style; ink.globalAlpha = alpha;
    for (const [at, count] of many) {
      const [x, y] = place(at.split(",").map(Number)), side = Math.min(16, size * Math.sqrt(count));
      if (count === 1) { ink.fillRect(x - side / 2, y - side / 2, side, side); continue; }
      ink.beginPath(); ink.arc(x, y, side / 2, 0, 6.3); ink.fill();
    }
    ink.globalAlpha = 1;
  };
  const paint = (view) => {                                              // what the network says of every place
    const n = found.side, of = view.cells && view.cells.length / (n * n), pen = shades.getContext("2d");
    shades.width = shades.height = n;
    for (let i = 0; i < n * n; i++) {
      if (view.cells) {
        const codes = view.cells.slice(of * i, of * (i + 1));
        pen.globalAlpha = 0.45;
        pen.fillStyle = `hsl(${codes[0] * 222.5 % 360} 55% ${35 + codes[of - 1] * 61.8 % 40}%)`;
      } else {
        pen.globalAlpha = 0.7 * Math.abs(view.shade[i]);
        pen.fillStyle = view.shade[i] > 0 ? colours.accent : colours.text;
      }
      pen.fillRect(i % n, n - 1 - Math.floor(i / n), 1, 1);
    }
    ink.imageSmoothingEnabled = !view.cells && found.arrows[0].length > 0;          // a field has no edges; cells and bins do
    ink.drawImage(shades, 0, 0, SIDE, SIDE);
    ink.strokeStyle = colours.text; ink.lineWidth = 1;
    ink.beginPath();
    for (let i = 0; i < (view.places || []).length; i += 2) {
      const [x, y] = place(view.places.slice(i, i + 2));
      ink.moveTo(x + 4, y); ink.arc(x, y, 4, 0, 6.3);
    }
    ink.stroke();
  };
  const segments = () => {                                              // marching squares over the likelihood
    const n = level.side, at = (r, c) => level.log_p[r * n + c], best = Math.max(...level.log_p);
    ink.strokeStyle = colour("--quiet"); ink.lineWidth = 0.7;
    for (const cut of [1, 2, 4, 7]) {
      const v = best - cut;
      ink.globalAlpha = 1 - cut / 10;
      ink.beginPath();
      for (let r = 0; r + 1 < n; r++) for (let c = 0; c + 1 < n; c++) {
        const corner = [[r, c], [r, c + 1], [r + 1, c + 1], [r + 1, c]], cross = [];
        corner.forEach(([a, b], k) => {
          const [e, f] = corner[(k + 1) % 4], p = at(a, b) - v, q = at(e, f) - v;
          if (p > 0 !== q > 0) { const s = p / (p - q); cross.push([b + s * (f - b), a + s * (e - a)]); }
        });
        for (let k = 0; k + 1 < cross.length; k += 2) {
          const [p, q] = [cross[k], cross[k + 1]].map(([x, y]) => [x / (n - 1) * SIDE, SIDE - y / (n - 1) * SIDE]);
          ink.moveTo(...p); ink.lineTo(...q);
        }
      }
      ink.stroke();
    }
    ink.globalAlpha = 1;
  };
  const draw = () => {
    ink.clearRect(0, 0, SIDE, SIDE);
    colours = {accent: colour(`--accent-${family}`), text: colour("--text")};
    const k = Number(time.value);
    if (found && arrows.checked && (found.views[k].cells || found.views[k].shade)) paint(found.views[k]);
    dots(density === "drawn" ? drawn.flat() : data, 2, colour("--quiet"), 0.45);
    if (contour.checked && level) segments();
    if (!found) return;
    const frame = found.frames[k];
    if (before) {                                                          // the run before, from the same starts, as far on its way
      const other = before.frames[Math.round(k * (before.frames.length - 1) / Math.max(1, found.frames.length - 1))];
      dots(other, 3, colours.text, 0.35);
    }
    if (arrows.checked && found.arrows[k].length) {
      const field = found.arrows[k], longest = Math.max(1e-9, ...field.map((v, i) => i % 2 ? 0 : Math.hypot(v, field[i + 1])));
      ink.strokeStyle = colour("--quiet"); ink.lineWidth = 1; ink.globalAlpha = 0.8;
      ink.beginPath();
      for (let i = 0; i < field.length; i += 2) {
        const [x, y] = place([found.grid[i], found.grid[i + 1]]), s = 20 / longest;
        ink.moveTo(x, y); ink.lineTo(x + s * field[i], y - s * field[i + 1]);
        ink.moveTo(x + 1.5, y); ink.arc(x, y, 1.2, 0, 6.3);
      }
      ink.stroke(); ink.globalAlpha = 1;
    }
    const shown = fan.checked ? 16 : 24;                               // more lines hide the picture
    ink.strokeStyle = colours.accent; ink.lineWidth = 0.8; ink.globalAlpha = fan.checked ? 0.5 : 0.35;
    ink.beginPath();
    for (let p = 0; p < Math.min(shown, frame.length / 2); p++) for (let i = 0; i <= k; i++) {
      const [x, y] = place([found.frames[i][2 * p], found.frames[i][2 * p + 1]]);
      if (i) ink.lineTo(x, y); else ink.moveTo(x, y);
    }
    ink.stroke(); ink.globalAlpha = 1;
    dots(frame, 3, colours.accent, 0.9);
    const t = found.t[k], last = found.frames.length - 1;
    now.textContent = {token: `token ${k} of ${last}`, call: k ? "G(z)" : "z / 2"}[bench.unit] || `t ${t.toFixed(Math.abs(t) >= 10 ? 0 : 2)}`;
  };
  const halt = () => { clearInterval(playing); playing = 0; play.textContent = "Play"; };
  const start = () => {
    halt();
    if (Number(time.value) >= Number(time.max)) time.value = 0;
    play.textContent = "Pause";
    draw();
    playing = setInterval(() => {
      time.value = Number(time.value) + 1;
      draw();
      if (Number(time.value) >= Number(time.max)) halt();
    }, Math.max(60, 1500 / found.frames.length));
  };
  const figures = () => Object.entries(found?.figures || {}).map(([name, value]) => ` · ${name} ${value.toFixed?.(value < 10 && !Number.isInteger(value) ? 2 : 0) ?? value}`).join("");
  const progress = (state) => {
    data = state.data;
    const losses = Object.entries(state.losses).map(([part, loss]) => ` · ${[part, "loss"].join(" ").trim()} ${loss.toFixed(3)}`).join("");
    say(`${live ? "Training: step" : "Step"} ${state.step}${live ? ` of ${state.total || "…"}` : ""}${losses}${figures()}`);
  };
  const run = async (quiet = false) => {
    if (!id) return;
    const mine = ++turn, begun = performance.now();
    try {
      const answer = await sx.post(`api/lab/${id}/run`, {sampler: sampler.value, options: chosen, count: fan.checked ? 60 : 400, seed: 0, fan: fan.checked});
      if (mine !== turn) return;
      const name = sampler.selectedOptions[0].text;
      before = found && found.name !== name && found.fan === fan.checked ? found : null;
      found = {...answer, name, fan: fan.checked};
      time.max = found.frames.length - 1; time.disabled = play.disabled = false;
      if (!quiet) {
        const calls = `${found.calls} ${found.calls === 1 ? "call" : "calls"}`;
        say(`${name} · ${calls} · ${(performance.now() - begun).toFixed(0)} ms${before ? ` · dark: ${before.name}` : ""}${figures()}`);
        time.value = 0; start();
      } else { time.value = time.max; draw(); }
    } catch (error) { say(error.message, true); }
  };
  const contours = async () => {
    level = null;
    if (!contour.checked || !id) { draw(); return; }
    try { level = await sx.post(`api/lab/${id}/contours`, {options: chosen}); }
    catch (error) { contour.checked = false; say(error.message, true); }
    draw();
  };
  const fresh = async (trains) => {                                      // a new model; returns its id unless another is wanted by now
    const mine = ++session;
    halt();
    live = trains; found = before = level = id = null; time.disabled = play.disabled = true; time.value = 0; now.textContent = "";
    chips.forEach((chip) => chip.setAttribute("aria-pressed", chip.dataset.density === density));
    const made = (await sx.post(`api/lab/${family}`, {density, points: density === "drawn" ? drawn : null, options: learnt, live})).id;
    if (mine === session) id = made;
    return mine === session && made;
  };
  const train = async () => {
    trainer.disabled = true;
    try {
      const mine = await fresh(true), going = () => mine && mine === id && live;
      while (going()) {
        const state = await sx.get(`api/lab/${mine}`);
        if (!going()) break;
        if (state.error) throw new Error(state.error);
        progress(state);
        if (state.done) { await run(); await contours(); break; }
        if (state.step > 20) await run(true); else draw();
        await new Promise((resume) => setTimeout(resume, 300));
      }
    } catch (error) { say(error.message, true); }
    finally { trainer.disabled = false; }
  };
  const over = async () => {
    try {
      const mine = await fresh(false);
      if (mine) { progress(await sx.get(`api/lab/${mine}`)); await run(true); }
    } catch (error) { say(error.message, true); }
  };
  const step = async (parts) => {
    halt();
    try {
      if (!id) await fresh(false);
      live = false;
      if (!id) return;
      const state = await sx.post(`api/lab/${id}/step`, {parts, count: Number(times.value)});
      if (state.error) throw new Error(state.error);
      await run(true);
      progress(state);
    } catch (error) { say(error.message, true); }
  };
  const begin = () => {
    density = "drawn"; drawn = []; found = null; id = null;
    chips.forEach((chip) => chip.setAttribute("aria-pressed", chip.dataset.density === density));
    say("Hold the mouse button down and draw in the square, then press Train.");
    draw();
  };
  const touch = (event) => {
    if (!drawing || density !== "drawn" || drawn.length >= 2000) return;
    const box = canvas.getBoundingClientRect();
    drawn.push([((event.clientX - box.left) / box.width * 2 - 1) * SPAN, (1 - (event.clientY - box.top) / box.height * 2) * SPAN]
      .map((v) => Math.max(-1.4, Math.min(1.4, v))));
    draw();
  };
  canvas.onpointerdown = (event) => { drawing = true; canvas.setPointerCapture(event.pointerId); touch(event); };
  canvas.onpointermove = touch;
  canvas.onpointerup = () => { drawing = false; };
};
