// The 2-D laboratory: choose or draw a density, watch a small model learn it, let particles follow its field.
sx.kinds.lab = (root, props) => {
  const SIDE = 336, SPAN = 1.5, family = props.family;
  const canvas = sx.el("canvas", {width: 2 * SIDE, height: 2 * SIDE, class: "sx-plane", role: "img", "aria-label": "Points of the plane"});
  const ink = canvas.getContext("2d");
  ink.scale(2, 2);
  const pixel = (v) => (v / SPAN + 1) / 2 * SIDE, place = (p) => [pixel(p[0]), SIDE - pixel(p[1])];
  const status = sx.el("div", {class: "sx-quiet sx-num sx-lab-status", role: "status"}, "Choose a density, or draw one with the mouse, and train.");
  const chips = ["moons", "gaussians", "spiral", "drawn"].map((name) => sx.el("button", {class: "sx-chip", type: "button", "data-density": name,
    onclick: () => { density = name; if (name !== "drawn") train(); else begin(); }}, name === "drawn" ? "draw" : name));
  const sampler = sx.el("select", {"aria-label": "Sampler of the laboratory", onchange: () => run()},
    ...props.samplers.map(([title, name]) => sx.el("option", {value: name}, title)));
  const steps = sx.el("input", {type: "number", min: 1, max: 300, value: 30, "aria-label": "Steps of the laboratory", onchange: () => run()});
  const choice = props.choice && sx.el("select", {"aria-label": `${props.choice[1]} of the laboratory`, onchange: () => { run(); contours(); }},
    ...props.choice[2].map((name) => sx.el("option", {value: name}, name)));
  const trainer = sx.el("button", {class: "sx-small", type: "button", onclick: () => train()}, "Train");
  const toggle = (label, title, change) => {
    const box = sx.el("input", {type: "checkbox", onchange: change});
    return [box, sx.el("label", {title, class: "sx-toggle"}, box, label)];
  };
  const [arrows, arrowsLabel] = toggle("field", "Arrows of the network's field at this time", () => draw());
  const [contour, contourLabel] = toggle("likelihood", "Lines of equal likelihood of the trained model", () => contours());
  const [fan, fanLabel] = toggle("one start", "Start all particles at one point: noise spreads them, an ODE draws one line", () => run());
  const play = sx.el("button", {class: "sx-small", type: "button", disabled: true, onclick: () => playing ? halt() : start()}, "Play");
  const time = sx.el("input", {type: "range", min: 0, max: 1, value: 0, step: 1, disabled: true, "aria-label": "Time of the laboratory",
                               oninput: () => { halt(); draw(); }});
  const now = sx.el("span", {class: "sx-num sx-quiet"}, "");
  root.replaceChildren(sx.el("div", {class: "sx-row"}, ...chips, trainer), canvas,
    sx.el("div", {class: "sx-row"}, play, time, now), sx.el("div", {class: "sx-row"}, sampler, steps, choice),
    sx.el("div", {class: "sx-row"}, arrowsLabel, contourLabel, fanLabel), status);
  arrows.checked = true;

  let density = "moons", id = null, data = [], found = null, before = null, level = null, drawn = [], playing = 0, drawing = false, turn = 0;
  const say = (text, bad = false) => { status.textContent = text; status.classList.toggle("sx-error", bad); };
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const dots = (flat, size, style, alpha) => {
    ink.fillStyle = style; ink.globalAlpha = alpha;
    for (let i = 0; i < flat.length; i += 2) {
      const [x, y] = place([flat[i], flat[i + 1]]);
      ink.fillRect(x - size / 2, y - size / 2, size, size);
    }
    ink.globalAlpha = 1;
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
    dots(density === "drawn" ? drawn.flat() : data, 2, colour("--quiet"), 0.45);
    if (contour.checked && level) segments();
    if (!found) return;
    const k = Number(time.value), frame = found.frames[k];
    if (before) {                                                          // the run before, from the same starts, as far on its way
      const other = before.frames[Math.round(k * (before.frames.length - 1) / Math.max(1, found.frames.length - 1))];
      dots(other, 3, colour("--text"), 0.35);
    }
    if (arrows.checked) {
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
    ink.strokeStyle = colour(`--accent-${family}`); ink.lineWidth = 0.8; ink.globalAlpha = fan.checked ? 0.5 : 0.35;
    ink.beginPath();
    for (let p = 0; p < Math.min(shown, frame.length / 2); p++) for (let i = 0; i <= k; i++) {
      const [x, y] = place([found.frames[i][2 * p], found.frames[i][2 * p + 1]]);
      if (i) ink.lineTo(x, y); else ink.moveTo(x, y);
    }
    ink.stroke(); ink.globalAlpha = 1;
    dots(frame, 3, colour(`--accent-${family}`), 0.9);
    now.textContent = `t ${Math.abs(found.t[k]) >= 10 ? found.t[k].toFixed(0) : found.t[k].toFixed(2)}`;
  };
  const halt = () => { clearInterval(playing); playing = 0; play.textContent = "Play"; };
  const start = () => {
    halt();
    if (Number(time.value) >= Number(time.max)) time.value = 0;
    play.textContent = "Pause";
    playing = setInterval(() => {
      time.value = Number(time.value) + 1;
      draw();
      if (Number(time.value) >= Number(time.max)) halt();
    }, 60);
  };
  const run = async (quiet = false) => {
    if (!id) return;
    const mine = ++turn, begun = performance.now();
    try {
      const options = {steps: Number(steps.value), ...(choice ? {[props.choice[0]]: choice.value} : {})};
      const answer = await sx.post(`/api/lab/${id}/run`, {sampler: sampler.value, options, count: fan.checked ? 60 : 400, seed: 0, fan: fan.checked});
      if (mine !== turn) return;
      const name = sampler.selectedOptions[0].text;
      before = found && found.name !== name && found.fan === fan.checked ? found : null;
      found = {...answer, name, fan: fan.checked};
      time.max = found.frames.length - 1; time.disabled = play.disabled = false;
      if (!quiet) {
        say(`${name} · ${found.calls} calls · ${(performance.now() - begun).toFixed(0)} ms${before ? ` · dark: ${before.name}` : ""}`);
        time.value = 0; start();
      } else { time.value = time.max; draw(); }
    } catch (error) { say(error.message, true); }
  };
  const contours = async () => {
    level = null;
    if (!contour.checked || !id) { draw(); return; }
    try { level = await sx.post(`/api/lab/${id}/contours`, {options: choice ? {[props.choice[0]]: choice.value} : {}}); }
    catch (error) { contour.checked = false; say(error.message, true); }
    draw();
  };
  const train = async () => {
    halt();
    found = before = level = null; time.disabled = play.disabled = true;
    chips.forEach((chip) => chip.setAttribute("aria-pressed", chip.dataset.density === density));
    trainer.disabled = true;
    try {
      const mine = id = (await sx.post(`/api/lab/${family}`, {density, points: density === "drawn" ? drawn : null})).id;
      for (;;) {
        const state = await sx.get(`/api/lab/${mine}`);
        if (mine !== id) return;
        if (state.error) throw new Error(state.error);
        data = state.data;
        say(`Training: step ${state.step} of ${state.total || "…"}${state.loss == null ? "" : ` · loss ${state.loss.toFixed(3)}`}`);
        if (state.done) break;
        if (state.step > 20) await run(true); else draw();
        await new Promise((resume) => setTimeout(resume, 300));
      }
      await run();
      await contours();
    } catch (error) { say(error.message, true); }
    finally { trainer.disabled = false; }
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
