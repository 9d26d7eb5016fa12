// The charts of a grid beneath it: asked for when they are open, and again when more cells are done.
sx.gridChart = () => {
  const kinds = {error: "Error by calls", accuracy: "Accuracy by calls", time: "Quality by seconds"};
  const small = (text, run) => sx.el("button", {class: "sx-small", type: "button", onclick: run}, text);
  const plot = sx.el("div"), says = sx.el("p", {class: "sx-quiet", role: "status"}), far = sx.el("p", {class: "sx-num sx-quiet"});
  const choices = Object.entries(kinds).map(([kind, text]) => {
    const button = small(text, () => { what = kind; draw(); });
    button.dataset.kind = kind;
    return button;
  });
  const node = sx.el("details", {class: "sx-grid-chart", ontoggle: () => draw()}, sx.el("summary", {}, "Charts"),
    sx.el("div", {class: "sx-row"}, ...choices, small("Fréchet distance", () => distance())), plot, says, far);
  let id = null, what = "error", done = -1, distances = 0, drawn = "", asked = 0, chosen = false;

  const draw = async () => {
    for (const button of choices) button.setAttribute("aria-pressed", String(button.dataset.kind === what));
    const state = `${id} ${what} ${done}`;
    if (!node.open || !id || state === drawn) return;
    drawn = state;
    const mine = ++asked;
    try {
      const chart = await sx.get(`api/grid/${id}/chart?what=${what}`);
      if (mine !== asked) return;
      if (!chosen && what === "error" && !chart.series.length) { chosen = true; what = "accuracy"; draw(); return; }
      const some = chart.series.length > 0;
      plot.hidden = !some;
      if (some) sx.chart(plot, chart);
      says.textContent = some ? chart.note : "Nothing of this was measured: distances need a sampler that converges, accuracy a caption that the judge can read.";
    } catch (error) { says.textContent = error.message; }
  };
  const distance = async () => {
    far.textContent = "Measuring…";
    try {
      const rows = await sx.get(`api/grid/${id}/frechet`);
      far.textContent = rows.map((r) => `${r.series}, ${r.nfe} calls: kernel distance ${r.value.toFixed(3)} (95 % ${r.low.toFixed(3)} to ${r.high.toFixed(3)}, 0 for perfect pictures), Fréchet ${r.frechet.toFixed(0)} (perfect pictures ${r.floor.toFixed(0)}), ${r.count} pictures`).join(" · ");
    } catch (error) { far.textContent = error.message; }
  };
  return {
    node,
    set(view, measured) {
      if (view.id !== id) { chosen = false; what = "error"; far.textContent = ""; }
      const more = measured !== distances && !sx.running(view.status);
      distances = measured;
      const wait = sx.running(view.status) && view.done - done < Math.max(1, view.total / 10) && view.id === id;
      id = view.id;
      if (more) drawn = "";
      if (!wait) { done = view.done; draw(); }
    },
  };
};
