// What came of drawing cells again: how many of each verdict, which are not bit-exact, and what changed on the machine.
sx.verdictOf = ({cells, then, now}, label) => {
  const of = (which) => cells.filter((cell) => cell.verdict === which).length;
  const counts = ["bit-exact", "within tolerance", "different"].filter(of).map((which) => `${of(which)} ${which}`);
  const others = cells.filter((cell) => cell.verdict !== "bit-exact").slice(0, 20);
  const value = (environment, key) => String(environment?.[key] ?? "–");
  const keys = [...new Set([...Object.keys(then || {}), ...Object.keys(now || {})])].filter((key) => value(then, key) !== value(now, key));
  const changed = keys.map((key) => `${key} ${value(then, key)} → ${value(now, key)}`).join("; ");
  return sx.el("div", {}, sx.el("b", {}, `Drawn again: ${counts.join(", ")}.`),
    ...others.map(({i, verdict, max, mean}) =>
      sx.el("div", {class: "sx-num"}, `${label(i)}: ${verdict}, max ${max} of 255, mean ${mean}`)),
    sx.el("div", {class: "sx-quiet"}, changed ? `Changed since: ${changed}.` : "The device and the versions are the same as then."));
};
