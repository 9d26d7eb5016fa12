// A bar beneath the head: how the data folder was found, and what may be done about it. Gone when it was read.
sx.kinds.notices = (root) => {
  const read = () => { try { return JSON.parse(localStorage.getItem("sx-read") || "[]"); } catch { return []; } };
  const dismiss = (text) => {
    try { localStorage.setItem("sx-read", JSON.stringify([...read(), text].slice(-50))); } catch { /* private mode */ }
  };
  const act = async (accept) => {
    try { show((await sx.post("api/notices", {accept})).notices); } catch (error) { root.prepend(sx.el("p", {role: "alert"}, error.message)); }
  };
  const button = (text, run) => sx.el("button", {class: "sx-small", type: "button", onclick: run}, text);
  const gone = () => { if (confirm("Mark these pictures as missing? Their settings stay, and a file that comes back is found again.")) act(true); };
  const line = (notice) => {
    const node = sx.el("div", {class: "sx-notice", role: "status"}, sx.el("p", {}, notice.text));
    if (notice.actions.includes("again")) node.append(button("Look again", () => act(false)));
    if (notice.actions.includes("accept")) node.append(button("They are gone", gone));
    if (!notice.actions.length) node.append(button("Dismiss", () => { dismiss(notice.text); node.remove(); }));
    return node;
  };
  const show = (notices) => {
    const known = read();
    root.replaceChildren(...notices.filter((notice) => notice.actions.length || !known.includes(notice.text)).map(line));
  };
  sx.get("api/notices").then((found) => show(found.notices)).catch(() => {});     // the head says that the server is not reachable
};
