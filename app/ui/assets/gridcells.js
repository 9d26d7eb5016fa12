// One cell of a grid: its pictures, a line of facts, the distance as a bar, and what is to be known of it.
sx.facts = {
  calls: (n) => `${n.toLocaleString("en")} call${n === 1 ? "" : "s"}`,
  bytes: (n) => n < 1e9 ? `${Math.round(n / 1e6)} MB` : `${(n / 1e9).toFixed(1)} GB`,
  percent: (share) => Math.round(100 * share),
  accuracy: (a) => `${Math.round(a.share * a.count)} of ${a.count} (${sx.facts.percent(a.low)}–${sx.facts.percent(a.high)} %)`,

  // The most important first, since a narrow cell shows only what fits.
  line: (cell) => cell.nfe == null ? [] : [sx.facts.calls(cell.nfe), ...(cell.seconds == null ? [] : [sx.seconds(cell.seconds)]),
    ...(cell.ms_per_call == null ? [] : [`${cell.ms_per_call.toFixed(1)} ms/call`])],

  // Everything that was measured, as [name, value].
  all: (cell) => [
    ["Status", cell.status], ["Calls", cell.nfe?.toLocaleString("en")], ["Time", cell.seconds == null ? null : sx.seconds(cell.seconds)],
    ["Per call", cell.ms_per_call == null ? null : `${cell.ms_per_call.toFixed(1)} ms`],
    ["Memory held by the program, at most", cell.peak_bytes == null ? null : sx.facts.bytes(cell.peak_bytes)],
    ["Distance", cell.distance == null ? null : `${cell.distance.toFixed(4)} to the ${cell.distance_to}`], ["SSIM", cell.ssim?.toFixed(3)],
    ["Caption right", cell.accuracy ? sx.facts.accuracy(cell.accuracy) : null],
    ["Same pixels as", cell.same_as], ["Note", cell.note], ["Reason", cell.reason], ["Error", cell.error],
  ].filter(([, value]) => value != null && value !== ""),

  equation: (cell) => cell.distance_to?.split(" ")[0],                 // whose solution a cell's distance is to
  distance: (cell, digits) => cell.distance == null ? "" : `distance ${cell.distance.toFixed(digits)} to the ${sx.facts.equation(cell)}`,
  flags: (cell) => [cell.same_as && `same pixels as ${cell.same_as}`, cell.note].filter(Boolean),
  pictures: (cell) => cell.images?.length ? cell.images.map((id) => `image/${id}.png`) : cell.preview || [],
};

// How large the parts of every cell are, in pixels: look = {side, count, distance, beside}.
sx.cellSize = ({side, count, distance, beside}) => {
  const across = Math.ceil(Math.sqrt(count)), down = Math.ceil(count / across), gap = 2;
  const block = across * side + (across - 1) * gap, least = beside ? 100 : side < 64 ? 80 : 120;
  const width = beside ? 2 * Math.max(block, least) + 8 : Math.max(block, least);
  const pictures = down * side + (down - 1) * gap;
  return {across, block: Math.max(block, beside ? least : 0), pictures, width: width + 14,
          height: pictures + 14 + (beside ? 40 : 0) + 22 + (distance ? 20 : 0) + 20};
};

// Picture k of several that are stacked in one tall image shows through object-position.
sx.stacked = (k, count) => count > 1 ? `object-fit: cover; object-position: 0 ${100 * k / (count - 1)}%` : "";

sx.gridCell = () => {
  const run = sx.el("span", {class: "sx-images"}), beside = sx.el("span", {class: "sx-images"});
  const runSays = sx.el("span", {class: "sx-num sx-beside-says"}), besideSays = sx.el("span", {class: "sx-num sx-beside-says"});
  const half = [sx.el("span", {class: "sx-half"}, run, runSays), sx.el("span", {class: "sx-half"}, beside, besideSays)];
  const says = sx.el("span", {class: "sx-cell-says"}), facts = sx.el("span", {class: "sx-num sx-facts"});
  const bar = sx.el("i"), number = sx.el("b", {class: "sx-num"});
  const distance = sx.el("span", {class: "sx-distance"}, bar, number), flags = sx.el("span", {class: "sx-warn sx-flags"});
  const node = sx.el("div", {role: "gridcell", tabindex: "-1"}, sx.el("span", {class: "sx-halves"}, ...half), says, facts, distance, flags);

  // Images stay in place, so that the old picture is seen until the new one is there.
  const show = (holder, count, url, style) => {
    for (let k = 0; k < count; k++) {
      const source = url(k), old = holder.children[k];
      if (old && (source ? old.tagName === "IMG" : old.tagName === "SPAN")) {
        if (source && old.getAttribute("src") !== source) old.src = source;
        continue;
      }
      const fresh = source ? sx.el("img", {src: source, alt: "", draggable: "false", style: style(k), "data-k": k,
        onerror: () => fresh.replaceWith(sx.el("span", {class: "sx-blank", title: "The file of this picture is missing."}))})
        : sx.el("span", {class: "sx-blank"});
      if (old) old.replaceWith(fresh); else holder.append(fresh);
    }
    while (holder.childElementCount > count) holder.lastChild.remove();
  };

  const paint = (cell, look) => {
    const urls = sx.facts.pictures(cell), flagged = sx.facts.flags(cell), parts = sx.facts.line(cell);
    const sentence = cell.error || cell.reason || "", alone = Boolean(sentence) && !urls.length;
    node.className = `sx-cell sx-${cell.status}${alone ? " sx-alone" : ""}`;
    const label = look.label(cell.i);
    node.title = [label, ...sx.facts.all(cell).map(([name, value]) => `${name}: ${value}`),
      ...(cell.snapshot ? [`Snapshot: step ${cell.snapshot.step} of ${cell.snapshot.of}`] : [])].join("\n");
    node.setAttribute("aria-label", [label, cell.status, ...parts, sx.facts.distance(cell, 3),
      ...flagged, sentence].filter(Boolean).join(", "));
    show(run, alone ? 0 : look.count, (k) => urls[k], () => "");
    const shot = look.beside && cell.snapshot;
    half[1].hidden = !shot;
    show(beside, shot ? look.count : 0, () => cell.snapshot.url, (k) => sx.stacked(k, look.count));
    runSays.textContent = shot ? "its own run" : "";
    besideSays.replaceChildren(...(shot ? [`step ${shot.step} of ${shot.of}`,
      ...(shot.distance == null ? [] : [sx.el("br"), `distance ${shot.distance.toFixed(3)}`])] : []));
    says.textContent = alone ? sentence : "";
    facts.replaceChildren(...(parts.length ? parts.map((part, k) => sx.el("span", {}, k ? `· ${part}` : part))
      : cell.status === "empty" ? [] : [sx.el("span", {}, cell.status)]));
    distance.hidden = !look.distance || cell.distance == null;
    if (cell.distance != null) {
      bar.style.setProperty("--distance", cell.distance);
      bar.style.setProperty("--worst", `var(--worst-${sx.facts.equation(cell)}, 1)`);
      number.textContent = `${cell.distance.toFixed(3)} ${sx.facts.equation(cell)}`;
    }
    flags.textContent = alone ? "" : [cell.error, ...flagged].filter(Boolean).join(" · ");
    flags.classList.toggle("sx-error", Boolean(cell.error));
  };
  return {node, paint};
};
