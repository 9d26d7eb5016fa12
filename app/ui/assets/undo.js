// What was moved to the bin, at the foot of the window wherever the page stands, for a while and until Undo; what follows within that
// while joins it. says(items): the sentence; back(items): undoes. Ctrl-Z is Undo too, while the bar is there.
sx.undoBar = (says, back) => {
  let items = [], timer = null;
  const text = sx.el("span"), node = sx.el("div", {class: "sx-toast", role: "status", hidden: true});
  const close = () => { items = []; node.hidden = true; clearTimeout(timer); };
  const undo = async () => {
    const these = items;
    close();
    try { await back(these); } catch (error) { items = these; text.textContent = error.message; node.hidden = false; }
  };
  node.append(text, sx.el("button", {class: "sx-small", type: "button", title: "Ctrl-Z", onclick: undo}, "Undo"));
  const wait = () => { clearTimeout(timer); timer = setTimeout(() => { if (node.matches(":hover, :focus-within")) wait(); else close(); }, 10_000); };
  document.addEventListener("keydown", (event) => {
    const writing = event.target.closest?.("input:not([type=checkbox]), textarea, [contenteditable=true]");
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || node.hidden || writing || !node.checkVisibility()) return;
    event.preventDefault();
    undo();
  });
  return {
    node,
    add(item) {
      items.push(item);
      text.textContent = says(items);
      node.hidden = false;
      wait();
    },
  };
};
