// A generator's seeds: the film from one to another, and a table of layouts by styles.
sx.kinds.seeds = (root) => {
  root.replaceChildren(sx.el("p", {class: "sx-quiet"},
    "Walk: pictures along the arc from the tab's seed to the second seed (under More), one call each. Mix: rows have the layout of one seed, columns the style of another."));
  let playing = 0;
  const film = ({pictures, captions}) => {
    clearInterval(playing);
    const image = sx.el("img", {class: "sx-film", alt: "picture on the way"}), note = sx.el("p", {class: "sx-quiet sx-num"});
    const scrub = sx.el("input", {type: "range", min: 0, max: pictures.length - 1, value: 0, "aria-label": "Place between the seeds",
      oninput: () => { halt(); at(Number(scrub.value)); }});
    const at = (k) => { scrub.value = k; image.src = pictures[k]; note.textContent = `${k} of ${pictures.length - 1} · ${captions[k]}`; };
    const halt = () => { clearInterval(playing); playing = 0; play.textContent = "Play"; };
    const start = () => {
      let k = Number(scrub.value) >= pictures.length - 1 ? 0 : Number(scrub.value), step = 1;
      play.textContent = "Pause";
      playing = setInterval(() => {
        at(k);
        if (k + step >= pictures.length || k + step < 0) { if (step < 0) { halt(); return; } step = -1; }   // there and back
        k += step;
      }, 70);
    };
    const play = sx.el("button", {class: "sx-small sx-play", type: "button", onclick: () => playing ? halt() : start()}, "Play");
    const strip = sx.el("div", {class: "sx-strip"}, ...pictures.filter((_, k) => k % 4 === 0).map((url, k) =>
      sx.el("img", {src: url, alt: `${4 * k} of ${pictures.length - 1}`})));
    root.replaceChildren(image, sx.el("div", {class: "sx-row"}, play, scrub), note, strip);
    at(0);
    start();
  };
  const table = ({pictures, captions}) => {
    clearInterval(playing);
    const side = Math.sqrt(pictures.length);
    root.replaceChildren(sx.el("div", {class: "sx-mixture", style: `--columns:${side}`},
      ...pictures.map((url, k) => sx.el("img", {src: url, title: captions[k], alt: `layout ${Math.floor(k / side) + 1}, style ${k % side + 1}`}))),
      sx.el("p", {class: "sx-quiet"}, "Down: layouts of the seed and those after it. Across: styles of the second seed and those after it."));
  };
  return (value) => {
    if (value.error) root.replaceChildren(sx.el("p", {class: "sx-error", role: "alert"}, value.error));
    else if (value.walk) film(value.walk);
    else if (value.mixture) table(value.mixture);
  };
};
