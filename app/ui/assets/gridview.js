// The table of cells: labels stay in sight, only what is visible is in the page, arrow keys go from cell to cell.
// on: {open(i), second(i), moved(i)}.
sx.gridView = (on) => {
  const head = sx.el("div", {class: "sx-head", role: "row", "aria-rowindex": 1});
  const grid = sx.el("div", {class: "sx-grid", id: "grid", role: "grid", "aria-label": "Cells of the grid"}, head);
  const scroll = sx.el("div", {class: "sx-scroll sx-cells"}, grid);
  const ruler = document.createElement("canvas").getContext("2d");
  const MARGIN = 96, PAD = 16;
  let view = null, cells = [], layer = 0, look = {}, size = {}, labels = {width: 0, height: 0};
  let active = {row: 0, column: 0}, second = null;
  let rows = new Map(), columns = new Map(), shown = new Map(), turn = 0, timer = null;

  const width = () => view.x.labels.length, height = () => view.y.labels.length;
  const index = (row, column) => (layer * height() + row) * width() + column;
  const place = (i) => ({row: Math.floor(i / width()) % height(), column: i % width()});
  const label = (i) => {
    const {row, column} = place(i), z = Math.floor(i / (width() * height()));
    const varied = [[view.z, z], [view.y, row], [view.x, column]].filter(([axis]) => axis.name);
    return varied.map(([axis, k]) => axis.labels[k]).join(" · ") || "the only cell";
  };

  const measure = () => {
    ruler.font = `700 14px ${getComputedStyle(grid).fontFamily}`;
    const longest = (texts) => Math.max(0, ...texts.map((text) => ruler.measureText(text).width));
    size = sx.cellSize(look);
    const most = Math.min(200, Math.max(96, scroll.clientWidth * 0.2));
    const names = longest([...view.y.labels, view.y.name && `${view.y.title} ↓`, view.x.name && `${view.x.title} →`].filter(Boolean));
    const lines = Math.min(3, Math.ceil(longest(view.x.labels) / (size.width - PAD)));
    labels = {width: names ? Math.min(most, names + PAD + 8) : 8,
              height: Math.max(view.y.name && view.x.name ? 2 : 0, lines) * 20 + (lines || view.y.name ? 12 : 4)};
    for (const [name, value] of Object.entries({"--cell-width": size.width, "--cell-height": size.height, "--label-width": labels.width,
      "--label-height": labels.height, "--side": look.side, "--block": size.block, "--pictures": size.pictures}))
      grid.style.setProperty(name, `${value}px`);
    grid.style.setProperty("--across", size.across);
    grid.style.width = `${labels.width + width() * size.width}px`;
    grid.style.height = `${labels.height + height() * size.height}px`;
  };

  // First and last index that is in sight, with a margin.
  const range = (from, extent, each, count, margin) => [Math.max(0, Math.floor((from - margin) / each)),
                                                        Math.min(count - 1, Math.floor((from + extent + margin) / each))];
  const inSight = (margin) => [range(scroll.scrollTop, scroll.clientHeight - labels.height, size.height, height(), margin),
                               range(scroll.scrollLeft, scroll.clientWidth - labels.width, size.width, width(), margin)];

  const paint = (i) => {
    const cell = shown.get(i);
    cell.paint(cells[i] || {i, status: "waiting"}, {...look, label});
    mark(i, cell.node);
  };
  const mark = (i, node) => {
    const chosen = i === index(active.row, active.column);
    node.tabIndex = chosen ? 0 : -1;
    node.setAttribute("aria-selected", chosen);
    node.classList.toggle("sx-second", i === second);
  };
  const addRow = (row) => {
    const text = view.y.labels[row];
    const node = sx.el("div", {class: "sx-gridrow", role: "row", "aria-rowindex": row + 2, style: `--row: ${row}`},
      sx.el("div", {class: "sx-rowlabel", role: "rowheader", "aria-colindex": 1, title: text}, sx.el("span", {}, text)));
    rows.set(row, node);
    grid.append(node);
  };
  const addColumn = (column) => {
    const node = sx.el("div", {class: "sx-column", role: "columnheader", "aria-colindex": column + 2, title: view.x.labels[column],
      style: `--column: ${column}`}, sx.el("span", {}, view.x.labels[column]));
    columns.set(column, node);
    head.append(node);
  };
  const addCell = (i) => {
    const {row, column} = place(i), cell = sx.gridCell();
    cell.node.style.setProperty("--column", column);
    cell.node.dataset.i = i;
    cell.node.setAttribute("aria-colindex", column + 2);
    shown.set(i, cell);
    paint(i);
    rows.get(row).append(cell.node);
  };
  const drop = (kept, wanted) => {
    for (const [key, entry] of kept) if (!wanted(key)) { (entry.node || entry).remove(); kept.delete(key); }
  };

  // Brings the page in line with what is in sight; the selected cell always stays, since it may have the focus.
  const refresh = (margin = MARGIN) => {
    if (!view || !scroll.clientWidth) return;
    const [[top, bottom], [left, right]] = inSight(margin), chosen = index(active.row, active.column);
    const wanted = new Set([chosen]);
    for (let row = top; row <= bottom; row++) for (let column = left; column <= right; column++) wanted.add(index(row, column));
    drop(shown, (i) => wanted.has(i));
    drop(rows, (row) => row === active.row || (row >= top && row <= bottom));
    drop(columns, (column) => column >= left && column <= right);
    for (let column = left; column <= right; column++) if (!columns.has(column)) addColumn(column);
    for (const i of wanted) {
      if (!rows.has(place(i).row)) addRow(place(i).row);
      if (!shown.has(i)) addCell(i);
    }
  };
  // At once what is in sight, so that the answer is quick; the margin a moment later.
  const settle = () => {
    refresh(0);
    clearTimeout(timer);
    timer = setTimeout(() => { timer = null; refresh(); }, 60);
  };
  // Other sizes, the same cells: what was in the corner stays there.
  const resize = () => {
    if (!view || !scroll.clientWidth) return;
    const before = size, {scrollLeft, scrollTop} = scroll;
    measure();
    scroll.scrollTo(scrollLeft * size.width / before.width, scrollTop * size.height / before.height);
    settle();
  };
  const rebuild = () => {
    if (!view || !scroll.clientWidth) return;
    const focused = grid.contains(document.activeElement);
    for (const kept of [shown, rows, columns]) drop(kept, () => false);
    measure();
    const axis = (name, mark) => sx.el("span", {}, view[name].name ? `${view[name].title} ${mark}` : "");
    head.replaceChildren(sx.el("div", {class: "sx-corner", role: "columnheader", "aria-colindex": 1}, axis("x", "→"), axis("y", "↓")));
    grid.setAttribute("aria-rowcount", height() + 1);
    grid.setAttribute("aria-colcount", width() + 1);
    settle();
    if (focused) shown.get(index(active.row, active.column)).node.focus({preventScroll: true});
  };

  const select = (row, column, focus = true) => {
    const before = shown.get(index(active.row, active.column));
    active = {row, column};
    const x = column * size.width, y = row * size.height;
    const wide = scroll.clientWidth - labels.width, high = scroll.clientHeight - labels.height;
    scroll.scrollLeft = Math.min(x, Math.max(scroll.scrollLeft, x + size.width - wide));
    scroll.scrollTop = Math.min(y, Math.max(scroll.scrollTop, y + size.height - high));
    if (before) mark(Number(before.node.dataset.i), before.node);
    refresh();
    const now = shown.get(index(row, column));
    mark(index(row, column), now.node);
    if (focus) now.node.focus({preventScroll: true});
    on.moved(index(row, column));
  };
  const keys = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const {row, column} = active, page = Math.max(1, Math.floor((scroll.clientHeight - labels.height) / size.height));
    const to = {ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1], ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
                Home: [row, 0], End: [row, width() - 1], PageUp: [row - page, column], PageDown: [row + page, column]}[event.key];
    if (to) {
      event.preventDefault();
      select(Math.min(height() - 1, Math.max(0, to[0])), Math.min(width() - 1, Math.max(0, to[1])));
    } else if (event.key === "Enter") { event.preventDefault(); on.open(index(row, column)); }
  };
  grid.addEventListener("keydown", keys);
  grid.addEventListener("click", (event) => {
    const node = event.target.closest(".sx-cell");
    if (!node) return;
    const i = Number(node.dataset.i), {row, column} = place(i);
    if (event.shiftKey) { on.second(i); return; }
    select(row, column);
    on.open(i);
  });
  grid.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); });       // no text selection
  scroll.addEventListener("scroll", () => {
    cancelAnimationFrame(turn);
    turn = requestAnimationFrame(() => refresh(timer ? 0 : MARGIN));
  }, {passive: true});
  new ResizeObserver(() => { if (head.firstChild) resize(); else rebuild(); }).observe(scroll);

  return {
    node: scroll,
    label,
    // A grid, perhaps another one; `all` are its cells by number.
    set(next, all, nextLook) {
      const shape = (v, l) => v && JSON.stringify([v.id, v.x, v.y, v.z, l.layer, l.count, l.distance, l.beside]);
      const other = view?.id !== next.id, fresh = shape(view, look) !== shape(next, nextLook), sized = look.side !== nextLook.side;
      view = next; cells = all; look = nextLook;
      if (other) { active = {row: 0, column: 0}; second = null; scroll.scrollTo(0, 0); }
      active = {row: Math.min(active.row, height() - 1), column: Math.min(active.column, width() - 1)};
      layer = look.layer;
      if (fresh) rebuild(); else if (sized) resize();
    },
    changed(numbers) { for (const i of numbers) if (shown.has(i)) paint(i); },
    worst(equation, value) { grid.style.setProperty(`--worst-${equation}`, value); },      // bars of other equations are not compared
    active: () => index(active.row, active.column),
    image: (i, k) => shown.get(i)?.node.querySelectorAll(".sx-half:first-child img")[k],
    second(i) {
      const before = second;
      second = i;
      for (const k of [before, i]) if (shown.has(k)) mark(k, shown.get(k).node);
    },
    // The cell to compare with: the right neighbour, or the left one, or one above or below.
    neighbour(i) {
      const {row, column} = place(i);
      return column + 1 < width() ? i + 1 : column > 0 ? i - 1 : row + 1 < height() ? i + width() : row > 0 ? i - width() : i;
    },
    // "0-5,30-35": the numbers of the cells in sight.
    ranges() {
      if (!view || !scroll.clientWidth) return "";
      const [[top, bottom], [left, right]] = inSight(0);
      return Array.from({length: bottom - top + 1}, (_, k) => `${index(top + k, left)}-${index(top + k, right)}`).join(",");
    },
  };
};
