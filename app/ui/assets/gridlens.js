// A loupe of 8 for the pixels beneath the pointer and, beside it, the same place in the selected cell.
// Shown while Alt is held, or always when `on()` says so. `other(k)` is {label, image} of the selected cell's picture k.
sx.gridLens = (area, on, label, other) => {
  const ZOOM = 8, ACROSS = 17;
  const face = () => {
    const canvas = sx.el("canvas", {width: ACROSS * ZOOM, height: ACROSS * ZOOM}), says = sx.el("figcaption");
    return {node: sx.el("figure", {}, canvas, says), canvas, says};
  };
  const here = face(), there = face();
  const node = sx.el("div", {class: "sx-lens", hidden: true, "aria-hidden": "true"}, here.node, there.node);
  let last = null;

  const draw = (one, image, x, y, text) => {
    const pen = one.canvas.getContext("2d"), half = (ACROSS - 1) / 2;
    pen.imageSmoothingEnabled = false;
    pen.clearRect(0, 0, one.canvas.width, one.canvas.height);
    pen.drawImage(image, x - half, y - half, ACROSS, ACROSS, 0, 0, one.canvas.width, one.canvas.height);
    pen.strokeStyle = "#fff"; pen.strokeRect(half * ZOOM - .5, half * ZOOM - .5, ZOOM + 1, ZOOM + 1);
    pen.strokeStyle = "#000"; pen.strokeRect(half * ZOOM - 1.5, half * ZOOM - 1.5, ZOOM + 3, ZOOM + 3);
    one.says.textContent = text;
  };
  const show = (alt) => {
    const image = last && document.elementFromPoint(last.x, last.y)?.closest?.(".sx-cell img");
    node.hidden = !(alt || on()) || !image || !image.naturalWidth || !area.contains(image);
    if (node.hidden) return;
    const box = image.getBoundingClientRect(), cell = image.closest(".sx-cell"), i = Number(cell.dataset.i), k = Number(image.dataset.k);
    const snapshot = image.closest(".sx-half").previousElementSibling !== null;
    const side = image.naturalWidth, down = image.naturalHeight / side;                // a snapshot's pictures are stacked
    const x = Math.floor((last.x - box.left) / box.width * side), y = Math.floor((last.y - box.top) / box.height * side);
    draw(here, image, x, y + (down > 1 ? k * side : 0), `${snapshot ? "snapshot of " : ""}${label(i)}  (${x}, ${y})`);
    const chosen = other(k);
    there.node.hidden = !chosen.image?.naturalWidth || chosen.image === image;
    const scale = chosen.image?.naturalWidth / side;
    if (!there.node.hidden) draw(there, chosen.image, Math.floor(x * scale), Math.floor(y * scale), chosen.label);
    const wide = node.offsetWidth, high = node.offsetHeight;
    node.style.left = `${Math.max(4, last.x + 24 + wide > innerWidth ? last.x - wide - 16 : last.x + 24)}px`;
    node.style.top = `${Math.max(4, Math.min(last.y + 24, innerHeight - high - 4))}px`;
  };
  area.addEventListener("pointermove", (event) => { last = {x: event.clientX, y: event.clientY}; show(event.altKey); });
  area.addEventListener("pointerleave", () => { last = null; show(false); });
  area.addEventListener("scroll", () => show(false));
  for (const kind of ["keydown", "keyup"]) document.addEventListener(kind, (event) => {
    if (event.key !== "Alt" || !last) return;
    event.preventDefault();                                                            // or the browser's menu opens
    show(kind === "keydown");
  });
  return {node, refresh: () => show(false)};
};
