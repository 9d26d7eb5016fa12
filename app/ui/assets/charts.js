// A chart of a grid, as app/grids/statistics.py says it: a line for each sampler with its intervals, on log axes. The wheel zooms, a drag moves,
// a double click resets, the legend hides lines. Zoom and hidden lines stay when sx.chart is called again with new numbers.
sx.chart = (node, chart) => { (node.sxChart ||= sx.chartView(node))(chart); };

sx.chartView = (node) => {
  const svg = sx.svg("svg", {role: "group", tabindex: 0, class: "sx-chart-svg"});
  const tip = sx.el("div", {class: "sx-tip", role: "status", hidden: true}), says = sx.el("div", {class: "sx-chart-says"});
  const none = sx.el("p", {class: "sx-quiet"}), plot = sx.el("div", {class: "sx-chart-plot"}, svg, tip);
  const button = (label, title, onclick) => sx.el("button", {class: "sx-small", type: "button", title, onclick}, label);
  const reset = button("Reset zoom", "Show all points", () => look(null));
  const tools = sx.el("div", {class: "sx-row sx-chart-tools"}, sx.el("span", {class: "sx-space"}), reset,
    ...["SVG", "PNG", "CSV"].map((kind) => button(kind, `Save what is seen as ${kind}`, () => sx.saveChart[kind](svg, chart, spots))));
  node.classList.add("sx-chart");
  node.replaceChildren(none, tools, plot, says);

  const left = 68, top = 30, bottom = 340, hidden = new Set(), widths = {};
  const clip = `sx-chart-clip-${sx.chartCount = (sx.chartCount || 0) + 1}`;
  let chart = null, view = null, spots = [], at = null, width = 0, x, y, full, due = 0;
  const right = () => width - 16;
  const later = () => { due ||= requestAnimationFrame(() => { due = 0; draw(); }); };
  const look = (next) => { view = next; later(); };
  const text = (content, attributes) => { const made = sx.svg("text", attributes); made.textContent = content; return made; };
  const value = (v) => chart.quality === "accuracy" ? `${Number((100 * v).toPrecision(3))} %` : `${Number(v.toPrecision(3))}`;
  const shown = () => chart.series.filter((line) => !hidden.has(line.name));
  const limits = () => {
    const lines = shown(), ends = (log, all) => {
      const units = all.map(sx.chartUnit(log)).filter(Number.isFinite), low = Math.min(...units), high = Math.max(...units);
      return !units.length ? [0, 1] : high > low ? [low - 0.05 * (high - low), high + 0.05 * (high - low)] : [low - 0.5, high + 0.5];
    };
    const found = {x: ends(chart.x_log, lines.flatMap((line) => line.xs)),
      y: ends(chart.y_log, lines.flatMap((line) => [...line.ys, ...line.low, ...line.high]).filter((v) => v != null))};
    return chart.quality === "accuracy" ? {x: found.x, y: [Math.max(-0.03, found.y[0]), Math.min(1.03, found.y[1])]} : found;
  };

  const draw = () => {
    if (!chart) return;
    none.hidden = chart.series.length > 0;
    tools.hidden = plot.hidden = !none.hidden;
    says.replaceChildren(...chart.verdict.map((sentence) => sx.el("p", {}, sentence)));
    none.textContent = `No ${chart.quality === "accuracy" ? "picture was checked against its caption" : "distance was measured"} yet.`;
    width = Math.max(320, node.clientWidth || 640);
    full = limits();
    x = sx.chartAxis(view?.x || full.x, chart.x_log, left, right());
    y = sx.chartAxis(view?.y || full.y, chart.y_log, bottom, top);
    reset.disabled = !view;
    const lines = sx.svg("g", {"clip-path": `url(#${clip})`}), focused = document.activeElement?.dataset?.line;
    svg.setAttribute("aria-label", `${chart.y_title} against ${chart.x_title}; arrow keys go from point to point, + and - zoom, 0 resets`);
    svg.replaceChildren(sx.svg("clipPath", {id: clip}, sx.svg("rect", {x: left, y: top, width: right() - left, height: bottom - top})));
    for (const [u, label] of sx.chartTicks(x, 8)) {
      svg.append(sx.svg("line", {x1: x.at(u), x2: x.at(u), y1: top, y2: bottom, class: "sx-axis"}),
        text(label, {x: x.at(u), y: bottom + 18, "text-anchor": "middle"}));
    }
    for (const [u, label] of sx.chartTicks(y, 6, chart.quality === "accuracy")) {
      svg.append(sx.svg("line", {x1: left, x2: right(), y1: y.at(u), y2: y.at(u), class: "sx-axis"}),
        text(label, {x: left - 8, y: y.at(u) + 5, "text-anchor": "end"}));
    }
    svg.append(text(chart.y_title, {x: 4, y: 16}),
      text(chart.x_title, {x: (left + right()) / 2, y: bottom + 38, "text-anchor": "middle"}), lines);
    const path = (points, go, on) => points.map(([px, py], k) => `${k ? go : "M"}${px.toFixed(1)}${k ? on : " "}${py.toFixed(1)}`).join("");
    const steps = path(chart.front.map(([a, b]) => [x.of(a), y.of(b)]), "H", "V");
    if (steps) lines.append(sx.svg("path", {class: "sx-front", d: `${steps}H${right()}`}));
    spots = [];
    shown().forEach((line, i, {length}) => {
      const aside = chart.what === "time" ? 0 : (i - (length - 1) / 2) * Math.min(4, 24 / length);    // whiskers side by side
      const places = line.xs.map((v, k) => [x.of(v) + aside, y.of(line.ys[k])]);
      const own = sx.svg("g", {style: `--accent: ${sx.chartColour(line)}`}, sx.svg("path", {class: "sx-curve", d: path(places, "L", " ")}));
      places.forEach(([cx, cy], k) => {
        if (line.low[k] != null) {
          const [a, b] = [y.of(line.high[k]).toFixed(1), y.of(line.low[k]).toFixed(1)];
          own.append(sx.svg("path", {class: "sx-whisker", d: `M${cx - 4} ${a}h8M${cx} ${a}V${b}M${cx - 4} ${b}h8`}));
        }
        const mark = sx.svg("path", {class: "sx-mark", d: sx.chartMark(line.colour, cx, cy)});
        own.append(mark);
        if (cx >= left && cx <= right() && cy >= top && cy <= bottom) spots.push({line, k, cx, cy, mark});
      });
      lines.append(own);
    });
    const height = legend();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("width", width);
    svg.setAttribute("height", height);
    if (focused) [...svg.querySelectorAll(".sx-legend")].find((entry) => entry.dataset.line === focused)?.focus();
    point(at && spots.find((s) => s.line.name === at.line.name && s.k === at.k));
  };
  const legend = () => {                                               // rows beneath the plot, in the picture that is saved too
    let cx = left, cy = bottom + 66;
    const put = (label, ...drawn) => {
      const words = text(label, {x: 26, y: 5}), entry = sx.svg("g", {}, ...drawn, words);
      svg.append(entry);
      const wide = 46 + ((widths[label] ||= words.getComputedTextLength()) || 7.6 * label.length);
      if (cx > left && cx + wide > right()) { cx = left; cy += 26; }
      entry.setAttribute("transform", `translate(${cx} ${cy})`);
      entry.prepend(sx.svg("rect", {class: "sx-legend-box", x: -4, y: -12, width: wide - 12, height: 24, rx: 6}));
      cx += wide;
      return entry;
    };
    for (const line of chart.series) {
      const entry = put(line.legend, sx.svg("path", {class: "sx-curve", d: "M0 0H20"}),
        sx.svg("path", {class: "sx-mark", d: sx.chartMark(line.colour, 10, 0)}));
      const off = hidden.has(line.name), toggle = () => { if (!hidden.delete(line.name)) hidden.add(line.name); draw(); };
      const set = {class: `sx-legend${off ? " sx-off" : ""}`, style: `--accent: ${sx.chartColour(line)}`, role: "button", tabindex: 0,
        "data-line": line.name, "aria-pressed": !off, "aria-label": `${line.legend}, ${off ? "hidden" : "shown"}`};
      for (const [name, to] of Object.entries(set)) entry.setAttribute(name, to);
      entry.onclick = toggle;
      entry.onkeydown = (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); } };
    }
    if (chart.front.length) put("Pareto front of the means", sx.svg("path", {class: "sx-front", d: "M0 5H8V-5H20"}));
    return cy + 20;
  };

  const point = (spot) => {                                            // its numbers beside it
    at?.mark.classList.remove("sx-at");
    at = spot || null;
    tip.hidden = !at;
    if (!at) return;
    const {line, k} = at, seconds = Number(line.seconds[k].toPrecision(2));
    const of = (count, what) => `${Number(count.toPrecision(4))} ${what}${count === 1 ? "" : "s"}`;
    at.mark.classList.add("sx-at");
    tip.replaceChildren(sx.el("b", {}, line.name),
      sx.el("div", {}, `${value(line.ys[k])}${line.low[k] == null ? "" : ` (95 %: ${value(line.low[k])} to ${value(line.high[k])})`}`),
      sx.el("div", {}, `${of(line.nfe[k], "call")} · ${seconds} s a picture · ${of(line.counts[k], "picture")}`));
    tip.style.left = `${at.cx + 14 + tip.offsetWidth > width ? Math.max(0, at.cx - 14 - tip.offsetWidth) : at.cx + 14}px`;
    tip.style.top = `${Math.min(at.cy + 14, bottom - tip.offsetHeight)}px`;
  };
  const zoom = (factor, u, v) => {
    const [xs, ys] = [view?.x || full.x, view?.y || full.y], size = factor * (xs[1] - xs[0]) / (full.x[1] - full.x[0]);
    if (size >= 1) look(null);
    else if (size > 0.002) look({x: xs.map((end) => u + factor * (end - u)), y: ys.map((end) => v + factor * (end - v))});
  };
  const place = (event) => { const box = svg.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const inside = ([px, py]) => px >= left && px <= right() && py >= top && py <= bottom;
  svg.addEventListener("wheel", (event) => {
    const p = place(event);
    if (!inside(p) || (event.deltaY > 0 && !view)) return;             // all is seen already: the page scrolls
    event.preventDefault();
    zoom(Math.exp(0.002 * event.deltaY * (event.deltaMode ? 30 : 1)), x.back(p[0]), y.back(p[1]));
  }, {passive: false});
  let grip = null;
  svg.onpointerdown = (event) => {
    const p = place(event);
    if (event.button || !inside(p)) return;
    grip = {p, x: [...(view?.x || full.x)], y: [...(view?.y || full.y)], scales: [x, y]};
    svg.setPointerCapture(event.pointerId);
  };
  svg.onpointermove = (event) => {
    const p = place(event);
    if (grip) {
      const [dx, dy] = grip.scales.map((scale, i) => scale.back(grip.p[i]) - scale.back(p[i]));
      const far = Math.hypot(p[0] - grip.p[0], p[1] - grip.p[1]) > 3;
      if (view || far) look({x: grip.x.map((end) => end + dx), y: grip.y.map((end) => end + dy)});
    }
    const far = (s) => Math.hypot(s.cx - p[0], s.cy - p[1]);
    const near = spots.filter((s) => far(s) < 24).sort((a, b) => far(a) - far(b))[0];
    if (near !== at) point(grip ? null : near);
  };
  svg.onpointerup = svg.onpointercancel = () => { grip = null; };
  svg.onpointerleave = () => point(null);
  svg.ondblclick = (event) => { if (inside(place(event))) look(null); };
  svg.onblur = () => point(null);
  svg.onkeydown = (event) => {
    if (event.target !== svg || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key], middle = (axis) => (axis.low + axis.high) / 2;
    if (step && spots.length) point(spots[(spots.indexOf(at) + step + spots.length + (at || step > 0 ? 0 : 1)) % spots.length]);
    else if (["+", "=", "-"].includes(event.key)) zoom(event.key === "-" ? 1.25 : 0.8, middle(x), middle(y));
    else if (event.key === "0") look(null);
    else return;
    event.preventDefault();
  };
  new ResizeObserver(() => { if (node.clientWidth && node.clientWidth !== width) later(); }).observe(node);
  return (next) => {
    if (chart && (next.what !== chart.what || next.quality !== chart.quality)) { view = null; point(null); }
    chart = next;
    draw();
  };
};

// An axis works in units: decades where it is logarithmic. What has no logarithm stands at the end of the axis.
sx.chartUnit = (log) => (v) => log ? Math.log10(v) : v;
sx.chartAxis = ([low, high], log, from, to) => {
  const at = (u) => Number.isFinite(u) ? from + (u - low) / (high - low) * (to - from) : from, unit = sx.chartUnit(log);
  return {low, high, log, at, of: (v) => at(unit(v)), back: (px) => low + (px - from) / (to - from) * (high - low)};
};
sx.chartTicks = ({low, high, log}, count, percent) => {
  let values = [];
  if (log && high - low > 0.8) {
    const step = Math.ceil((high - low) / count), fine = high - low < 2.6 ? [1, 2, 5] : high - low < 4.5 ? [1, 3] : [1];
    for (let k = Math.floor(low); k <= high; k++) if (k % step === 0) values.push(...fine.map((m) => m * 10 ** k));
  } else {
    const [a, b] = log ? [10 ** low, 10 ** high] : [low, high], power = 10 ** Math.floor(Math.log10((b - a) / count));
    const step = power * [1, 2, 5, 10].find((m) => m * power >= (b - a) / count);
    for (let k = Math.ceil(a / step); k * step <= b; k++) values.push(k * step);
  }
  const label = (v) => percent ? `${Number((100 * v).toPrecision(4))} %` : `${Number(v.toPrecision(4))}`;
  return values.map((v) => [sx.chartUnit(log)(v), label(v)]).filter(([u]) => u >= low && u <= high);
};

// Lines are told apart by colour and by shape; 7 colours and 6 shapes make 42 pairs. A family keeps its own accent.
sx.chartColour = ({name, colour}) => {
  const family = Object.keys(sx.titles || {}).find((key) => sx.titles[key] === name);
  return `var(--${family ? `accent-${family}` : `chart-${colour % 7}`})`;
};
sx.chartShapes = ["m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z", "m-4.5-4.5h9v9h-9z", "m0-6l6 10.5h-12z", "m0-6.5l6.5 6.5l-6.5 6.5l-6.5-6.5z",
  "m0 6l6-10.5h-12z", "m-2-6h4v4h4v4h-4v4h-4v-4h-4v-4h4z"];
sx.chartMark = (index, x, y) => `M${x.toFixed(1)} ${y.toFixed(1)}${sx.chartShapes[index % sx.chartShapes.length]}`;

sx.saveChart = {
  file(content, type, name) {
    const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], {type}));
    sx.el("a", {href: url, download: name}).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  },
  // The picture with the colours that it has now, so that it needs no style sheet.
  still(svg) {
    const copy = svg.cloneNode(true), seen = svg.querySelectorAll("*");
    const kept = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family", "text-decoration-line"];
    copy.querySelectorAll("*").forEach((part, i) => {
      const style = getComputedStyle(seen[i]);
      for (const name of kept) part.setAttribute(name.replace("-line", ""), style.getPropertyValue(name));
      for (const name of ["style", "class", "tabindex", "role", "data-line", "aria-pressed", "aria-label"]) part.removeAttribute(name);
    });
    copy.prepend(sx.svg("rect", {width: "100%", height: "100%", fill: getComputedStyle(svg).getPropertyValue("--surface")}));
    return new XMLSerializer().serializeToString(copy);
  },
  SVG: (svg, chart) => sx.saveChart.file(sx.saveChart.still(svg), "image/svg+xml", `${chart.what}.svg`),
  async PNG(svg, chart) {
    const image = new Image(), canvas = document.createElement("canvas"), [width, height] = [svg.clientWidth, svg.clientHeight];
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(sx.saveChart.still(svg))}`;
    await image.decode();
    [canvas.width, canvas.height] = [2 * width, 2 * height];
    canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
    canvas.toBlob((blob) => sx.saveChart.file(blob, "image/png", `${chart.what}.png`));
  },
  CSV(svg, chart, spots) {
    const columns = ({nfe, seconds, ys, low, high, counts}) => [nfe, seconds, ys, low, high, counts];
    const rows = spots.map(({line, k}) => [line.name, ...columns(line).map((own) => own[k] ?? "")]);
    const quote = (cell) => typeof cell === "number" ? cell : `"${cell.replaceAll('"', '""')}"`;
    const head = ["line", "calls a picture", "seconds a picture", chart.y_title, "95 % from", "95 % to", "pictures"];
    sx.saveChart.file([head, ...rows].map((row) => row.map(quote).join(",")).join("\r\n") + "\r\n", "text/csv", `${chart.what}.csv`);
  },
};
