// Look inside: x_t, the estimate of the picture and the network's field at the step under the scrubber; the numbers of that
// step in the letters of its formula; the way of a few pixels through all steps.
sx.kinds.process = (root, props) => {
  const empty = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
  const picture = (label, title) => {
    const image = sx.el("img", {alt: label, class: "sx-inside-image", src: empty});
    return [image, sx.el("figure", {title}, sx.el("figcaption", {}, label), image)];
  };
  const {state, field, estimate, tangent, ways: drawsWays} = sx.inside[props.family];
  const [x_t, left] = picture(state, "The state at this step, scaled to be seen");
  const [x0, right] = picture(estimate, "The network's estimate of the finished picture");
  const [size, third] = picture(field, "How large the network's answer is at each pixel; white is the largest");
  const numbers = sx.el("dl", {class: "sx-numbers sx-num"});
  const formula = sx.el("div", {class: "sx-step-formula", title: "The formula of this step with its numbers"});
  const hint = sx.el("p", {class: "sx-quiet"}, "State, estimate and the network's answer appear here while a run goes on, and under the scrubber afterwards.");
  const plot = sx.svg("svg", {viewBox: "0 0 300 110", class: "sx-plot", role: "img", "aria-label": "Way of a few pixels through the steps"});
  // Noise that fans out from one start shows when a pixel of all pictures is drawn instead of the pixels of one.
  const which = sx.el("select", {"aria-label": "What the lines are", onchange: () => latest && draw(...latest)},
    sx.el("option", {value: "pixels"}, "Way of 13 pixels, from noise to picture"), sx.el("option", {value: "pictures"}, "Way of one pixel in all pictures"));
  const ways = sx.el("figure", {class: "sx-ways", hidden: true}, sx.el("figcaption", {}, which), plot);
  root.replaceChildren(sx.el("div", {class: "sx-three"}, left, right, third), hint, formula, numbers, ways);
  const glyphs = {"\\bar\\alpha": "ᾱ", "\\alpha": "α", "\\sigma": "σ", "\\beta": "β", "\\theta": "θ", "\\lambda": "λ", "\\tau": "τ", "\\|": "‖"};
  const plain = (name) => {
    let text = name.replace(/\\sqrt\{(.*)\}$/, "√($1)");
    for (const [tex, glyph] of Object.entries(glyphs)) text = text.replaceAll(tex, glyph);
    return text.replaceAll("_θ", "θ").replace("^2", "²").replaceAll("_t", "ₜ").replaceAll("_i", "ᵢ").replaceAll("_s", "ₛ").replaceAll("_", "");
  };
  let paths = null, of = null, latest = null;
  const MIDDLE = 6;
  const draw = (index, step) => {
    latest = [index, step];
    const chosen = (all) => which.value === "pictures" ? all.map((picture) => picture[MIDDLE]) : all[index];
    const lines = drawsWays && paths && paths.values.length ? chosen(paths.values) : null;
    ways.hidden = !lines || lines[0].length < 2;
    if (ways.hidden) return;
    const slopes = tangent && paths.slopes.length ? chosen(paths.slopes) : null;
    const reach = 2.5 * (paths.t[Math.min(step + 1, paths.t.length - 1)] - paths.t[Math.min(step, paths.t.length - 2)]);
    const n = lines[0].length, top = Math.max(1.5, ...lines.flat().map(Math.abs));
    const x = (k) => 4 + 292 * k / (n - 1), y = (v) => 55 - 50 * v / top;
    plot.replaceChildren(sx.svg("line", {x1: 4, x2: 296, y1: 55, y2: 55, class: "sx-axis"}),
      ...lines.map((line) => sx.svg("polyline", {points: line.map((v, k) => `${x(k).toFixed(1)},${y(v).toFixed(1)}`).join(" "), class: "sx-way"})),
      ...(slopes || []).map((s, i) => sx.svg("line", {x1: x(step), y1: y(lines[i][step]), x2: x(step + 2.5), y2: y(lines[i][step] + reach * s[step]), class: "sx-arrow"})),
      sx.svg("line", {x1: x(step), x2: x(step), y1: 2, y2: 108, class: "sx-cursor"}));
  };
  // Our own MathML, with a place [k] for the step's k-th number; only the text of those places is changed.
  const fill = (template, own) => {
    const values = Object.values(own);
    formula.innerHTML = template || "";
    for (const node of formula.querySelectorAll("mtext")) {
      const place = /^\[(\d+)\]$/.exec(node.textContent);
      if (place) { node.textContent = values[Number(place[1])].replace(/^-/, "−"); node.classList.add("sx-value"); }
    }
    const math = formula.querySelector("math");
    if (math && formula.scrollWidth > formula.clientWidth) {            // a long one is set smaller, the rest is scrolled
      math.style.fontSize = `${Math.max(12, Math.floor(16 * formula.clientWidth / formula.scrollWidth))}px`;
    }
  };
  document.addEventListener(`sx-frame-${props.channel || props.family}`, async (event) => {
    const {frame, k, position, job} = event.detail, index = Math.min(k, frame.x0.length - 1);
    hint.hidden = true;
    x_t.src = frame.x_t[index];
    x0.src = frame.x0[index];
    third.hidden = !frame.field || !frame.field.length;
    size.src = third.hidden ? empty : frame.field[index];
    const own = Array.isArray(frame.numbers) ? frame.numbers[index] : frame.numbers;
    const rows = [["picture", `${index + 1} of ${frame.x0.length}`], ["step", `${frame.step} of ${frame.total}`],
                  ["calls", String(frame.calls)], ...Object.entries(own).map(([name, value]) => [plain(name), value])];
    numbers.replaceChildren(...rows.flatMap(([name, value]) => [sx.el("dt", {}, name), sx.el("dd", {}, value)]));
    fill(frame.formula, own);
    if (position == null) { ways.hidden = true; return; }
    if (of !== job) {
      of = job; paths = null;
      try { paths = await sx.get(`api/ways/${job}`); } catch { return; }
    }
    draw(index, position);
  });
};
